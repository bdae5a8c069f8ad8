--- Reading JSON as strictly as the relay's own parser does.
--
-- lua-cjson cannot tell `[]` from `{}`, `5` from `5.0`, or the integers above 2^53 apart, and a client that mixes
-- these up works against nobody but us. So requests are read here: arrays and objects are marked (the marks are those
-- of @{rise.json}, so a value read can be written again), an integer beyond 2^53 becomes a u256, and any other number
-- a @{wire.is_odd} value. Depth and the number of values are bounded.
-- @module rise.devnet.wire

local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"

local wire = {}

local MAX_DEPTH = 64
local MAX_VALUES = 500000

local ARRAY = getmetatable(json.array {})
local OBJECT = getmetatable(json.object {})
local ODD = { __tostring = function(odd) return odd.literal end }

--- Whether a value read was a JSON array.
function wire.is_array(value)
  return type(value) == "table" and getmetatable(value) == ARRAY
end

--- Whether a value read was a JSON object.
function wire.is_object(value)
  return type(value) == "table" and getmetatable(value) == OBJECT
end

--- Whether a value read was a number but no integer as JSON writes them: `1.0`, `1e9`, or beyond 2^256.
function wire.is_odd(value)
  return type(value) == "table" and getmetatable(value) == ODD
end

-- Errors travel as Lua errors inside this file and never leave it.
local function stop(position, what)
  error({ position = position, what = what }, 0)
end

local function utf8(code)
  if code < 0x80 then return string.char(code) end
  local tail = string.char(0x80 + code % 0x40)
  code = (code - code % 0x40) / 0x40
  if code < 0x20 then return string.char(0xc0 + code) .. tail end
  tail = string.char(0x80 + code % 0x40) .. tail
  code = (code - code % 0x40) / 0x40
  if code < 0x10 then return string.char(0xe0 + code) .. tail end
  tail = string.char(0x80 + code % 0x40) .. tail
  return string.char(0xf0 + (code - code % 0x40) / 0x40) .. tail
end

local SIMPLE = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local function hex4(text, at)
  local digits = text:match("^%x%x%x%x", at)
  return digits and tonumber(digits, 16) or stop(at, "an escape of four hex digits expected")
end

-- The escape whose backslash stands at `at`: its text and the position behind it.
local function escape(text, at)
  local letter = text:sub(at + 1, at + 1)
  if letter ~= "u" then return SIMPLE[letter] or stop(at, "an unknown escape"), at + 2 end
  local code = hex4(text, at + 2)
  at = at + 6
  if code >= 0xd800 and code < 0xdc00 and text:sub(at, at + 1) == "\\u" then
    local low = hex4(text, at + 2)
    if low < 0xdc00 or low > 0xdfff then stop(at, "half of a surrogate pair") end
    return utf8(0x10000 + (code - 0xd800) * 0x400 + low - 0xdc00), at + 6
  end
  if code >= 0xd800 and code < 0xe000 then stop(at, "half of a surrogate pair") end
  return utf8(code), at
end

-- The string whose opening quote stands at `at`.
local function read_string(text, at)
  local from = at + 1
  local last = text:find('["\\%c]', from)
  if last and text:byte(last) == 34 then return text:sub(from, last - 1), last + 1 end
  local parts = {}
  while true do
    last = text:find('["\\%c]', from) or stop(at, "a string without end")
    parts[#parts + 1] = text:sub(from, last - 1)
    local byte = text:byte(last)
    if byte == 34 then return table.concat(parts), last + 1 end
    if byte == 127 then
      parts[#parts + 1], from = "\127", last + 1
    elseif byte == 92 then
      parts[#parts + 1], from = escape(text, last)
    else
      stop(last, "a control character in a string")
    end
  end
end

local function read_number(text, at)
  local plain, behind = text:match("^([1-9]%d*)()[,%]}]", at)
  if plain and #plain <= 15 then return tonumber(plain), behind end
  local literal = text:match("^-?%d+%.?%d*[eE]?[+-]?%d*", at) or stop(at, "a value expected")
  local after = at + #literal
  if literal:find("^-?0%d") or literal:find("[%.eE+-]$") then stop(at, "not a number") end
  if not literal:find("^%d+$") then
    if literal == "-0" or literal:find("^-?%d+%.?%d*$") or literal:find("^-?%d+%.?%d*[eE][+-]?%d+$") then
      return setmetatable({ literal = literal }, ODD), after
    end
    stop(at, "not a number")
  end
  if #literal <= 15 then return tonumber(literal), after end
  return core.u256(literal) or setmetatable({ literal = literal }, ODD), after
end

local WORDS = { -- by their first letter
  [116] = { text = "true", value = true }, [102] = { text = "false", value = false },
  [110] = { text = "null", value = json.null },
}

local BLANK = { [32] = true, [9] = true, [13] = true, [10] = true }

local function skip(text, at)
  return text:find("[^ \t\r\n]", at) or #text + 1
end

local read_value

local function read_array(state, at, depth)
  local text, list, count = state.text, {}, 0
  at = skip(text, at + 1)
  if text:byte(at) == 93 then return json.array(list), at + 1 end
  while true do
    count = count + 1
    list[count], at = read_value(state, at, depth)
    local byte = text:byte(at)
    if byte ~= 44 and byte ~= 93 then
      at = skip(text, at)
      byte = text:byte(at)
    end
    if byte == 93 then return json.array(list), at + 1 end
    if byte ~= 44 then stop(at, "',' or ']' expected") end
    at = at + 1
  end
end

-- A member's name and where its value begins.
local function read_name(text, at)
  local name, after = text:match('^"([^"\\%c]*)":()', at)
  if name then return name, after end
  at = skip(text, at)
  if text:byte(at) ~= 34 then stop(at, "a member's name expected") end
  name, at = read_string(text, at)
  at = skip(text, at)
  if text:byte(at) ~= 58 then stop(at, "':' expected") end
  return name, at + 1
end

local function read_object(state, at, depth)
  local text, members = state.text, {}
  at = skip(text, at + 1)
  if text:byte(at) == 125 then return json.object(members), at + 1 end
  while true do
    local name
    name, at = read_name(text, at)
    members[name], at = read_value(state, at, depth)
    local byte = text:byte(at)
    if byte ~= 44 and byte ~= 125 then
      at = skip(text, at)
      byte = text:byte(at)
    end
    if byte == 125 then return json.object(members), at + 1 end
    if byte ~= 44 then stop(at, "',' or '}' expected") end
    at = at + 1
  end
end

function read_value(state, at, depth)
  local text = state.text
  state.count = state.count + 1
  if state.count > MAX_VALUES then stop(at, "more than " .. MAX_VALUES .. " values") end
  if depth > MAX_DEPTH then stop(at, "nested deeper than " .. MAX_DEPTH) end
  local byte = text:byte(at)
  if BLANK[byte] then
    at = skip(text, at)
    byte = text:byte(at)
  end
  if at == state.known_first then return state.known, state.known_last + 1 end
  if byte == 34 then return read_string(text, at) end
  if byte == 123 then return read_object(state, at, depth + 1) end
  if byte == 91 then return read_array(state, at, depth + 1) end
  local word = WORDS[byte]
  if word and text:sub(at, at + #word.text - 1) == word.text then return word.value, at + #word.text end
  return read_number(text, at)
end

local function read_text(text, first, last, known)
  local value, at = read_value({ text = text, count = 0, known_first = first, known_last = last, known = known }, 1, 0)
  at = skip(text, at)
  if at <= #text then stop(at, "something behind the value") end
  return value
end

--- The value of a JSON text. If a part of it is known, which must be the whole of an object, that is not read again:
-- where a value begins at `first`, it is `known` and ends at `last`.
-- @tparam string text
-- @tparam[opt] number first
-- @tparam[opt] number last
-- @param[opt] known
-- @treturn[1] any
-- @treturn[2] nil
-- @treturn[2] table invalid_data, saying where reading stopped
function wire.read(text, first, last, known)
  local ok, value = pcall(read_text, text, first, last, known)
  if ok then return value end
  if type(value) ~= "table" then error(value, 0) end
  return errors.fail("invalid_data", string.format("not JSON: %s at byte %d", value.what, value.position))
end

return wire
