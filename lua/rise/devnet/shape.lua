--- What parameters must look like: small readers that are put together into a method's shape.
--
-- A reader takes a value of @{rise.devnet.wire} and the path to it, and gives what the relay works with or `nil` and
-- a complaint in the words of the upstream deserialiser ("missing field `meta`"). Unknown members are ignored, as
-- upstream does; arrays and objects are never mixed up.
-- @module rise.devnet.shape

local contracts = require "rise.contracts"
local core = require "rise.core"
local json = require "rise.json"
local wire = require "rise.devnet.wire"

local shape = {}

local function name_of(value)
  if value == json.null then return "null" end
  if wire.is_array(value) then return "a sequence" end
  if wire.is_object(value) then return "a map" end
  if wire.is_odd(value) then return "floating point `" .. tostring(value):sub(1, 40) .. "`" end
  if type(value) == "string" then
    return string.format("string %q", #value > 60 and value:sub(1, 57) .. "..." or value)
  end
  if type(value) == "number" or core.is_u256(value) then return "integer `" .. tostring(value) .. "`" end
  return type(value) .. " `" .. tostring(value) .. "`"
end

local function wrong(value, expected, path)
  return nil, string.format("invalid type: %s, expected %s at %s", name_of(value), expected, path)
end

local MAX_SAFE = 9007199254740991

local function number_of(value, path, expected)
  local number
  if type(value) == "number" or core.is_u256(value) then
    number = core.u256(value)
  elseif type(value) == "string" and (value:find("^0x%x+$") or value:find("^%d+$")) then
    number = core.u256(value)
  end
  if not number then return wrong(value, expected, path) end
  return number
end

--- A 256-bit amount: an integer, `0x` hex or decimal text. Gives a u256.
function shape.u256(value, path)
  return number_of(value, path, "a 256-bit number")
end

--- A chain id, gas or the like: the same notations, at most 64 bits upstream and 2^53 here. Gives a Lua number.
function shape.quantity(value, path)
  local number, complaint = number_of(value, path, "a quantity")
  if not number then return nil, complaint end
  if number:cmp(MAX_SAFE) > 0 then return wrong(value, "a 64-bit quantity", path) end
  return number:number()
end

--- A key's expiry: unix seconds in 40 bits.
function shape.expiry(value, path)
  local number, complaint = number_of(value, path, "unix seconds")
  if not number then return nil, complaint end
  if number:cmp(1099511627775) > 0 then
    return nil, string.format("invalid value: %s does not fit 40 bits, expected unix seconds (not milliseconds) at %s",
      tostring(number), path)
  end
  return number:number()
end

--- A JSON integer and nothing else.
function shape.integer(value, path)
  if type(value) ~= "number" then return wrong(value, "an integer", path) end
  return value
end

function shape.boolean(value, path)
  if type(value) ~= "boolean" then return wrong(value, "a boolean", path) end
  return value
end

function shape.text(value, path)
  if type(value) ~= "string" then return wrong(value, "a string", path) end
  return value
end

--- An address in any case; its checksum is not looked at, as upstream. Gives lower-case text.
function shape.address(value, path)
  if type(value) ~= "string" or #value ~= 42 or not value:find("^0[xX]%x+$") then
    return wrong(value, "an address of 20 bytes", path)
  end
  return value:lower()
end

--- `0x` text of whole bytes. Gives lower-case text.
function shape.bytes(value, path)
  if type(value) ~= "string" or not value:find("^0[xX]%x*$") or #value % 2 ~= 0 then
    return wrong(value, "0x text of whole bytes", path)
  end
  return value:lower()
end

--- The same of a given length.
function shape.bytes_of(size)
  return function(value, path)
    local bytes, complaint = shape.bytes(value, path)
    if not bytes then return nil, complaint end
    if #bytes ~= 2 + 2 * size then
      return nil, string.format("invalid length: %d bytes, expected %d at %s", #bytes / 2 - 1, size, path)
    end
    return bytes
  end
end

shape.word = shape.bytes_of(32)

--- A function selector: four bytes, or the signature they come from.
function shape.selector(value, path)
  if type(value) ~= "string" then return wrong(value, "a selector or function signature", path) end
  if value:find("^0[xX]") then return shape.bytes_of(4)(value, path) end
  local item = core.abi(value:find("^function ") and value or "function " .. value)
  if not item or item:kind() ~= "function" then return wrong(value, "a selector or function signature", path) end
  return contracts.selector(item)
end

--- One of some words; a table maps them, a list keeps them.
function shape.one_of(words)
  local known = {}
  for name, word in pairs(words) do
    if type(name) == "number" then known[word] = word else known[name] = word end
  end
  return function(value, path)
    local word = type(value) == "string" and known[value]
    if word then return word end
    local names = {}
    for name in pairs(known) do names[#names + 1] = "`" .. name .. "`" end
    table.sort(names)
    if type(value) ~= "string" then return wrong(value, "one of " .. table.concat(names, ", "), path) end
    return nil, string.format("unknown variant `%s`, expected one of %s at %s", value:sub(1, 60),
      table.concat(names, ", "), path)
  end
end

--- An array of the same.
function shape.list(reader)
  return function(value, path)
    if not wire.is_array(value) then return wrong(value, "a sequence", path) end
    local list = json.array {}
    for i = 1, #value do
      local item, complaint = reader(value[i], path .. "[" .. i - 1 .. "]")
      if complaint then return nil, complaint end
      list[i] = item
    end
    return list
  end
end

--- An object whose member names are read by one reader and values by another.
function shape.map(name_reader, reader)
  return function(value, path)
    if not wire.is_object(value) then return wrong(value, "a map", path) end
    local map = {}
    for name, member in pairs(value) do
      local key, complaint = name_reader(name, path)
      if complaint then return nil, complaint end
      map[key], complaint = reader(member, path .. "." .. name)
      if complaint then return nil, complaint end
    end
    return map
  end
end

-- Readers that accept what is not there are tables; the others are functions.

--- A member that may be absent; null is refused.
function shape.optional(reader)
  return { reader = reader }
end

--- A member that may be absent or null.
function shape.nullable(reader)
  return { reader = reader, null = true }
end

--- An object with these members. Members are read in sorted order, so that the complaint is always the same.
function shape.object(members)
  local names = {}
  for name in pairs(members) do names[#names + 1] = name end
  table.sort(names)
  return function(value, path)
    if not wire.is_object(value) then return wrong(value, "a map", path) end
    local result = {}
    for _, name in ipairs(names) do
      local reader, member = members[name], value[name]
      local lenient = type(reader) == "table"
      if member == nil and not lenient then
        return nil, string.format("missing field `%s` at %s", name, path)
      end
      if member ~= nil and not (lenient and reader.null and member == json.null) then
        local complaint
        result[name], complaint = (lenient and reader.reader or reader)(member, path .. "." .. name)
        if complaint then return nil, complaint end
      end
    end
    return result
  end
end

--- An object of one of several kinds, told apart by a member.
function shape.tagged(tag, kinds)
  local names = {}
  for name in pairs(kinds) do names[#names + 1] = name end
  local read_tag = shape.one_of(names)
  return function(value, path)
    if not wire.is_object(value) then return wrong(value, "a map", path) end
    if value[tag] == nil then return nil, string.format("missing field `%s` at %s", tag, path) end
    local kind, complaint = read_tag(value[tag], path .. "." .. tag)
    if not kind then return nil, complaint end
    local result
    result, complaint = kinds[kind](value, path)
    if complaint then return nil, complaint end
    result[tag] = kind
    return result
  end
end

--- The parameters of a method: an array with these many, read one by one. A missing optional one gives nil.
-- @return a function `(params) -> values | nil, complaint`, where values is an array with `n`
function shape.parameters(...)
  local readers = { n = select("#", ...), ... }
  return function(params)
    local values = { n = readers.n }
    for i = 1, readers.n do
      local reader, value = readers[i], params[i]
      local lenient = type(reader) == "table"
      if value == nil and not lenient then
        return nil, string.format("invalid length %d, expected %d parameters", #params, readers.n)
      end
      if value ~= nil and not (lenient and reader.null and value == json.null) then
        local complaint
        values[i], complaint = (lenient and reader.reader or reader)(value, "params[" .. i - 1 .. "]")
        if complaint then return nil, complaint end
      end
    end
    return values
  end
end

return shape
