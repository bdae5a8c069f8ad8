--- ABI values on a command line: read from words, shown as text and JSON.
-- @module rise.cli.values

local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"

local values = {}

--- The decimals of each unit's name.
values.UNITS = { wei = 0, kwei = 3, mwei = 6, gwei = 9, ether = 18, eth = 18 }

--- A decimal number of 10^-decimals units. Digits that it has no place for are refused, not rounded away.
-- @treturn[1] u256
-- @treturn[1] boolean whether it is below zero
-- @treturn[2] nil
-- @treturn[2] table invalid_value, overflow
function values.units(text, decimals)
  local fraction = text:match "%.(%d*)"
  if fraction and #fraction:gsub("0+$", "") > decimals then
    return errors.fail("invalid_value", errors.printable(text, 200) .. " has more than " .. decimals .. " decimals")
  end
  return core.units_parse(text, decimals)
end

-- JSON with its numbers as text: none loses a digit on its way.
local function numbers_as_text(text)
  local parts, at = {}, 1
  while at <= #text do
    local quote = text:find('"', at, true)
    local plain = text:sub(at, (quote or #text + 1) - 1)
    parts[#parts + 1] = plain:gsub("%-?%d[%w.+-]*", '"%0"')
    if not quote then break end
    local finish = quote + 1
    while finish <= #text and text:sub(finish, finish) ~= '"' do
      finish = finish + (text:sub(finish, finish) == "\\" and 2 or 1)
    end
    parts[#parts + 1] = text:sub(quote, finish)
    at = finish + 1
  end
  return table.concat(parts)
end

local function is_composite(input)
  return input.type:find "%]$" ~= nil or input.components ~= nil
end

-- Amounts with a unit wherever a number is wanted.
local function with_units(value, input)
  local element = input.type:match "^(.*)%[%d*%]$"
  if type(value) == "table" and (element or input.components) then
    local converted = {}
    for name, inner in pairs(value) do
      local kind = element and { type = element, components = input.components }
      if not kind then
        kind = input.components[name]
        for _, component in ipairs(input.components) do
          if component.name == name then kind = component end
        end
      end
      converted[name] = kind and with_units(inner, kind) or inner
    end
    return converted
  end
  -- `5ether` as the digits of its wei; anything else as it is, for the codec to judge.
  local amount = type(value) == "string" and value:find "%a$" and input.type:find "^u?int" and values.amount(value)
  return amount and tostring(amount) or value
end

local BOOLEANS = { ["true"] = true, ["false"] = false }

--- An amount as people write it: `1.5ether`, `30gwei`, `1000` (wei).
-- @treturn[1] u256 in wei
-- @treturn[2] nil
-- @treturn[2] table invalid_value, overflow
function values.amount(text)
  local number, unit = text:match "^([%d.]+)%s*(%a*)$"
  local decimals = unit == "" and 0 or unit and values.UNITS[unit:lower()]
  if not decimals then
    return errors.fail("invalid_value", errors.printable(text, 100) .. " is no amount like 1.5ether")
  end
  local parsed, err = values.units(number, decimals)
  if not parsed then return nil, err end
  return parsed
end

--- Arguments out of words: arrays and tuples as JSON, booleans as true and false, amounts with a unit where one is
-- written.
-- @tparam table words
-- @tparam table inputs of the ABI item
-- @treturn[1] table values in order
-- @treturn[2] nil
-- @treturn[2] table usage, invalid_value
function values.read(words, inputs)
  if #words ~= #inputs then
    return errors.fail("usage", string.format("%d argument%s expected, %d given", #inputs, #inputs == 1 and "" or "s",
      #words))
  end
  local list = {}
  for i, input in ipairs(inputs) do
    local value = words[i]
    local name = input.name ~= "" and input.name or "argument " .. i
    if is_composite(input) then
      local decoded, err = json.decode(numbers_as_text(value))
      if type(decoded) ~= "table" then
        return errors.fail("invalid_value", string.format("%s: %s wants JSON%s: %s", name, input.type,
          err and " (" .. err.message .. ")" or "", errors.printable(value, 200)))
      end
      value = decoded
    elseif input.type == "bool" then
      if BOOLEANS[value] == nil then
        return errors.fail("invalid_value", name .. ": true or false expected: " .. errors.printable(value, 200))
      end
      value = BOOLEANS[value]
    end
    list[i] = with_units(value, input)
  end
  return list
end

--- Decoded values as JSON has them: numbers as decimal text, tuples as objects where every member has a name.
function values.plain(list, inputs)
  local shown = json.array {}
  for i, input in ipairs(inputs) do shown[i] = values.plain_one(list[i], input) end
  return shown
end

function values.plain_one(value, input)
  local element = input.type:match "^(.*)%[%d*%]$"
  if element then
    local shown = json.array {}
    for i = 1, #value do shown[i] = values.plain_one(value[i], { type = element, components = input.components }) end
    return shown
  elseif input.components then
    local named = #input.components > 0
    for _, component in ipairs(input.components) do named = named and component.name ~= "" end
    if not named then return values.plain(value, input.components) end
    local shown = json.object {}
    for i, component in ipairs(input.components) do shown[component.name] = values.plain_one(value[i], component) end
    return shown
  elseif input.type:find "^u?int" then
    return type(value) == "number" and string.format("%.0f", value) or tostring(value)
  end
  return value
end

--- A value of `plain` as text for people.
function values.text(value)
  if type(value) == "table" then return json.encode(value) end
  return errors.printable(value, 65536)
end

return values
