--- JSON as the relay needs it.
--
-- Decoding is lua-cjson's. Encoding is ours because lua-cjson 2.1.0 writes an empty array as `{}` and escapes `/`,
-- and the relay refuses either. Members are written in sorted order.
-- @module rise.json

local cjson = require "cjson"
local core = require "rise.core"
local errors = require "rise.errors"

local decoder = cjson.new()
decoder.decode_invalid_numbers(false)
decoder.decode_max_depth(64)

local json = {}

--- What `null` decodes to.
json.null = cjson.null

local ARRAY, OBJECT, RAW = {}, {}, {}

--- Marks a table as an array, which matters when it is empty.
function json.array(t)
  return setmetatable(t or {}, ARRAY)
end

--- Marks a table as an object, whatever its keys.
function json.object(t)
  return setmetatable(t or {}, OBJECT)
end

--- A JSON text to be pasted as it is.
function json.raw(text)
  return setmetatable({ text = text }, RAW)
end

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape(character)
  return ESCAPES[character] or string.format("\\u%04x", character:byte())
end

local function quote(text)
  return '"' .. text:gsub('[%c"\\\127]', escape) .. '"'
end

local function number(value)
  if value ~= value or value == math.huge or value == -math.huge then
    error("json.encode: not a number JSON can hold", 0)
  end
  if value % 1 == 0 and value > -9007199254740992 and value < 9007199254740992 then
    return string.format("%.0f", value)
  end
  return string.format("%.17g", value)
end

local encode_value

local function encode_array(value, out, depth)
  out[#out + 1] = "["
  for i = 1, #value do
    if i > 1 then out[#out + 1] = "," end
    encode_value(value[i], out, depth)
  end
  out[#out + 1] = "]"
end

local function encode_object(value, out, depth)
  local names = {}
  for name in pairs(value) do
    if type(name) ~= "string" then error("json.encode: a member name must be text, got " .. type(name), 0) end
    names[#names + 1] = name
  end
  table.sort(names)
  out[#out + 1] = "{"
  for i, name in ipairs(names) do
    out[#out + 1] = (i > 1 and "," or "") .. quote(name) .. ":"
    encode_value(value[name], out, depth)
  end
  out[#out + 1] = "}"
end

function encode_value(value, out, depth)
  local kind = type(value)
  if kind == "string" then
    out[#out + 1] = quote(value)
  elseif kind == "number" then
    out[#out + 1] = number(value)
  elseif kind == "boolean" then
    out[#out + 1] = tostring(value)
  elseif value == nil or value == json.null then
    out[#out + 1] = "null"
  elseif kind == "table" then
    if depth > 64 then error("json.encode: nested deeper than 64", 0) end
    local mark = getmetatable(value)
    if mark == RAW then
      out[#out + 1] = value.text
    elseif mark == ARRAY or (mark ~= OBJECT and value[1] ~= nil) then
      encode_array(value, out, depth + 1)
    else
      encode_object(value, out, depth + 1)
    end
  elseif core.is_u256(value) then
    out[#out + 1] = '"' .. value:hex() .. '"'
  else
    error("json.encode: a " .. kind .. " has no JSON form", 0)
  end
end

--- A value as JSON text. Tables with an element 1 are arrays, others objects, unless marked; a u256 is written as
-- minimal 0x hex. A value without JSON form raises.
function json.encode(value)
  local out = {}
  encode_value(value, out, 1)
  return table.concat(out)
end

--- The value of a JSON text.
-- @treturn[1] any with @{json.null} for null
-- @treturn[2] nil
-- @treturn[2] table invalid_data
function json.decode(text)
  local ok, value = pcall(decoder.decode, text)
  if ok then return value end
  return errors.fail("invalid_data", "not JSON: " .. tostring(value):gsub("^.-: ", ""))
end

-- Where the string whose opening quote stands at `at` has its closing one.
local function string_end(text, at)
  while true do
    at = text:find('"', at + 1, true)
    local before = at - 1
    while text:byte(before) == 92 do before = before - 1 end -- an even run of backslashes escapes only itself
    if (at - before) % 2 == 1 then return at end
  end
end

local function names_in_text(text)
  local count, at = 0, text:find('"', 1, true)
  while at do
    at = string_end(text, at) + 1
    if text:find("^[ \t\r\n]*:", at) then count = count + 1 end
    at = text:find('"', at, true)
  end
  return count
end

local function names_in_value(value)
  local count = 0
  for name, member in pairs(value) do
    if type(name) == "string" then count = count + 1 end
    if type(member) == "table" then count = count + names_in_value(member) end
  end
  return count
end

--- Whether a text names a member of some object twice. Decoding keeps the last of them, others the first: what was
-- looked at here may not be what is read elsewhere.
-- @tparam string text JSON
-- @tparam table value what @{json.decode} made of it
-- @treturn boolean
function json.repeats(text, value)
  return names_in_text(text) ~= names_in_value(value)
end

--- The value along a path of member names; nil where anything is missing or null.
function json.get(value, ...)
  for i = 1, select("#", ...) do
    if type(value) ~= "table" then return nil end
    value = value[(select(i, ...))]
  end
  if value == json.null then return nil end
  return value
end

return json
