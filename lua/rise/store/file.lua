--- A store in one plain file, written anew and synced with every change. For one process at a time.
-- @module rise.store.file

local Memory = require "rise.store.memory"
local check = require "rise.check"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"

local File = setmetatable({}, { __index = Memory })
File.__index = File
File.__name = "rise.store"

local KEPT = 100 -- finished bundles: each change writes them all

local function sorted_lanes(lanes)
  local list = json.array {}
  for _, of_account in pairs(lanes) do
    for _, lane in pairs(of_account) do
      list[#list + 1] = { chain_id = lane.chain_id, account = lane.account, sequence = lane.sequence,
        number = lane.number }
    end
  end
  table.sort(list, function(a, b) return a.sequence < b.sequence end)
  return list
end

function File:save()
  local content = { format = 1, sessions = json.array(self:list()), bundles = json.array(self:bundles()),
    lanes = sorted_lanes(self.lanes) }
  local ok, err = core.write_file(self.path, json.encode(content) .. "\n")
  if not ok then return errors.fail("store", "the session store cannot be written: " .. err.message) end
  return true
end

local function read(path)
  local file, reason, number = io.open(path, "rb")
  if not file then
    if number == 2 then return { sessions = {} } end -- ENOENT: the first record makes the file
    return errors.fail("store", "the session store cannot be opened: " .. tostring(reason))
  end
  local text = file:read("*a")
  file:close()
  local content = text and json.decode(text)
  if type(content) ~= "table" or type(content.sessions) ~= "table" then
    return errors.fail("store", "the session store " .. path .. " is damaged: it is not what rise writes")
  end
  if content.format ~= 1 then
    return errors.fail("store", "the session store " .. path .. " has format " .. tostring(content.format)
      .. "; this version reads format 1")
  end
  for name, member in pairs { sessions = "id", bundles = "nonce", lanes = "sequence" } do
    for i, record in ipairs(type(content[name]) == "table" and content[name] or {}) do
      if type(record) ~= "table" or type(record[member]) ~= "string" then
        return errors.fail("store", string.format("the session store %s is damaged: %s[%d] has no %s", path, name, i,
          member))
      end
    end
  end
  return content
end

--- Opens or makes a store in a file.
-- @tparam table options `path`; `keys`: "none" (default) or "plaintext"
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] table store
function File.open(options)
  check.options(options, { path = "string!", keys = "string" }, "store.file", 3)
  local folder = options.path:match("^(.+)/[^/]+$")
  if folder then
    local ok, err = core.make_dir(folder)
    if not ok then return errors.fail("store", "the session store cannot be opened: " .. err.message) end
  end
  local content, err = read(options.path)
  if not content then return nil, err end
  local self = setmetatable(Memory.new(KEPT), File)
  self.path, self.plaintext_keys = options.path, options.keys == "plaintext"
  self:restore(content)
  return self
end

return File
