--- Argument checks: a mistake of the caller raises, and the message blames the caller's line.
--
-- `level` counts as `error` does, seen from the function that calls the check: 1 blames that function, 2 (the
-- default) its caller.
-- @module rise.check

local core = require "rise.core"

local check = {}

local function blame(level, format, ...)
  error(string.format(format, ...), (level or 2) + 2)
end

-- What was given, for a message. Longer text is not repeated: it could be a private key.
local function show(value)
  if type(value) ~= "string" then return type(value) end
  if #value > 42 then return string.format("text of %d characters", #value) end
  return string.format("%q", value)
end

local function matches(value, wanted)
  for name in wanted:gmatch("[%w_.]+") do
    if name == "any" or type(value) == name then return true end
    if name == "u256" and core.is_u256(value) then return true end
    if name == "callable" and type(value) == "function" then return true end
  end
  return false
end

--- A value of one of the types named in `wanted` ("string", "string|number", "u256", "any").
-- @return the value
function check.type(value, wanted, field, level)
  if not matches(value, wanted) then
    blame(level, "%s: %s expected, got %s", field, wanted:gsub("|", " or "), show(value))
  end
  return value
end

--- An options table: unknown names and wrong types are mistakes.
-- @tparam table|nil options
-- @tparam table known name -> types as for @{check.type}; a trailing "!" makes it required
-- @tparam string what the function, for the message
-- @treturn table options, an empty table for nil
function check.options(options, known, what, level)
  if options == nil then options = {} end
  if type(options) ~= "table" then blame(level, "%s: a table of options expected, got %s", what, show(options)) end
  for name, value in pairs(options) do
    local wanted = known[name]
    if not wanted then
      local names = {}
      for key in pairs(known) do names[#names + 1] = key end
      table.sort(names)
      blame(level, "%s: unknown option %s (known: %s)", what, show(name), table.concat(names, ", "))
    end
    if not matches(value, wanted) then
      blame(level, "%s: option %s must be %s, got %s", what, name, wanted:gsub("!", ""):gsub("|", " or "), show(value))
    end
  end
  for name, wanted in pairs(known) do
    if wanted:sub(-1) == "!" and options[name] == nil then blame(level, "%s: option %s is required", what, name) end
  end
  return options
end

--- An address as `0x` text, lower or upper case or with a right checksum.
-- @treturn string lower-case 0x text
function check.address(value, field, level)
  if type(value) ~= "string" then blame(level, "%s: an address expected, got %s", field, show(value)) end
  local bytes, err = core.address(value)
  if not bytes then blame(level, "%s: %s is not an address: %s", field, show(value), err.message) end
  return core.hex(bytes)
end

--- `0x` text of `length` bytes (any length when nil).
-- @treturn string lower-case 0x text
function check.hex(value, field, length, level)
  local bytes = type(value) == "string" and core.unhex(value)
  if not bytes then blame(level, "%s: 0x text expected, got %s", field, show(value)) end
  if length and #bytes ~= length then blame(level, "%s: %d bytes expected, got %d", field, length, #bytes) end
  return core.hex(bytes)
end

--- An amount: a u256, a non-negative integer below 2^53, or text in base 10 or 0x hex.
-- @return a rise.u256
function check.amount(value, field, level)
  if core.is_u256(value) then return value end
  if type(value) == "number" and value >= 0 and value % 1 == 0 and value < 9007199254740992 then
    return core.u256(value)
  end
  local number, err = nil, nil
  if type(value) == "string" then number, err = core.u256(value) end
  if not number then
    blame(level, "%s: an amount expected (u256, integer or text), got %s%s", field, show(value),
      err and ": " .. err.message or "")
  end
  return number
end

return check
