-- Known answers from spec/vectors, and Project Wycheproof's where they are installed.
local cjson = require "cjson"

local vectors = {}

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return cjson.decode(text)
end

function vectors.load(name)
  return assert(read("spec/vectors/" .. name .. ".json"), "no vectors named " .. name)
end

-- Wycheproof's file of this name, or nil where it is not at hand: it is not part of this repository.
function vectors.wycheproof(name)
  local given = os.getenv("RISE_WYCHEPROOF")
  return read((given or "../shared/vectors/wycheproof") .. "/" .. name .. ".json")
end

vectors.NO_WYCHEPROOF = "Wycheproof vectors not found: set RISE_WYCHEPROOF to the folder that holds them"

return vectors
