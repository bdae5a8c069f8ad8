--- Answers spoiled on purpose. Chance comes in as numbers in [0, 1), so that the same numbers spoil the same way.
-- @module rise.devnet.spoil

local core = require "rise.core"

local spoil = {}

-- ---- values in a JSON text -------------------------------------------------------------------------------------

local function string_end(text, at)
  while true do
    at = text:find('["\\]', at + 1)
    if text:sub(at, at) == '"' then return at end
    at = at + 1
  end
end

-- The path of a value: "context.quote.quotes[1].intent".
local function path_of(stack)
  local path = ""
  for _, level in ipairs(stack) do
    if level.index then
      path = path .. "[" .. level.index .. "]"
    else
      path = path .. (path == "" and "" or ".") .. level.name
    end
  end
  return path
end

-- Every string, number, boolean and null between two places of a JSON text that is known to be good.
local function leaves(text, at, last)
  local found, stack = {}, {}
  local function leaf(to)
    local name
    for i = #stack, 1, -1 do name = name or stack[i].name end
    found[#found + 1] = { from = at, to = to, name = name, path = path_of(stack) }
    return to
  end
  while at <= last do
    local character, top = text:sub(at, at), stack[#stack]
    if character == "{" then
      stack[#stack + 1] = { name = "", wants_name = true }
    elseif character == "[" then
      stack[#stack + 1] = { index = 1 }
    elseif character == "}" or character == "]" then
      stack[#stack] = nil
    elseif character == "," and top.index then
      top.index = top.index + 1
    elseif character == "," then
      top.wants_name = true
    elseif character == ":" then
      top.wants_name = false
    elseif character == '"' and top and top.wants_name then
      local to = string_end(text, at)
      top.name = text:sub(at + 1, to - 1)
      at = to
    elseif character == '"' then
      at = leaf(string_end(text, at))
    elseif not character:find("%s") then
      at = leaf(select(2, text:find("^[%w.+-]+", at)))
    end
    at = at + 1
  end
  return found
end

-- ---- one value -------------------------------------------------------------------------------------------------

-- The digit or letter at a place with its lowest bit turned; hex stays hex.
local function turned(text, at)
  local byte = text:byte(at)
  local other = byte % 2 == 0 and byte + 1 or byte - 1
  if byte == 0x61 or byte == 0x41 then other = byte + 1 end -- a, A: the one below is no digit
  if byte == 0x66 or byte == 0x46 then other = byte - 1 end -- f, F: the one above is none
  return text:sub(1, at - 1) .. string.char(other) .. text:sub(at + 1)
end

local OTHERS = { ["true"] = "false", ["false"] = "true", null = '"0x1"', ['""'] = '"x"', ['"0x"'] = '"0x01"' }

-- Another value of the same kind.
local function changed(value, pick)
  if OTHERS[value] then return OTHERS[value] end
  local first = value:find('^"0x%x+"$') and 4 or 1
  local places = {}
  for at in value:sub(first):gmatch("()%w") do
    local place = at + first - 1
    if value:sub(place - 1, place - 1) ~= "\\" then places[#places + 1] = place end
  end
  if first == 1 and value:sub(1, 1) ~= '"' then return turned(value, places[#places]) end
  if #places == 0 or value:find("\\u", 1, true) then return '"x' .. value:sub(2) end
  return turned(value, places[math.floor(pick * #places) + 1])
end

--- Changes one value in the result of a response.
-- @tparam string text of the response
-- @tparam ?string member the first value of this name (in an array: of the array's name) instead of any
-- @tparam number which picks the value when there is no name
-- @tparam number where picks the digit
-- @treturn[1] string the text, otherwise the same to the byte
-- @treturn[1] string what was done: path, old and new value
-- @treturn[2] nil when there is no result, or no such value in it
function spoil.tamper(text, member, which, where)
  local first, last = core.json_span(text, "result")
  if not first then return nil end
  local found = {}
  for _, leaf in ipairs(leaves(text, first, last)) do
    if not member or leaf.name == member then found[#found + 1] = leaf end
  end
  local leaf = found[member and 1 or math.floor(which * #found) + 1]
  if not leaf then return nil end
  local old = text:sub(leaf.from, leaf.to)
  local new = changed(old, where)
  return text:sub(1, leaf.from - 1) .. new .. text:sub(leaf.to + 1),
    string.format("%s: %.80s -> %.80s", leaf.path, old, new)
end

local STATUSES = { 100, 200, 201, 300, 400, 500 }

--- Puts another status into the response of wallet_getCallsStatus.
-- @tparam string text
-- @tparam ?number status the one to put; nil picks one that is not the right one
-- @tparam number which picks
-- @treturn[1] string text
-- @treturn[1] string what was done
-- @treturn[2] nil when there is no status in it
function spoil.status(text, status, which)
  local first, last = core.json_span(text, "result", "status")
  if not first then return nil end
  local right = tonumber(text:sub(first, last))
  local others = {}
  for _, other in ipairs(STATUSES) do
    if other ~= right then others[#others + 1] = other end
  end
  status = status or others[math.floor(which * #others) + 1]
  return text:sub(1, first - 1) .. status .. text:sub(last + 1),
    string.format("%s -> %d", text:sub(first, last), status)
end

-- ---- the whole text --------------------------------------------------------------------------------------------

--- Cuts a text off somewhere, at least a byte.
function spoil.truncate(text, where)
  return text:sub(1, math.floor(where * #text))
end

--- Bytes that are nothing at all.
-- @tparam string seed bytes
-- @tparam number size picks how many: up to a KiB, at least 32
function spoil.garbage(seed, size)
  local parts, bytes = {}, seed
  for i = 1, 32 do
    bytes = core.keccak256(bytes)
    parts[i] = bytes
  end
  return table.concat(parts):sub(1, 32 + math.floor(size * 992))
end

return spoil
