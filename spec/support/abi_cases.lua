-- What the specs of ABI and EIP-712 share: the vectors, and JSON values beside values of rise.
local cjson = require "cjson"

local cases = {}

function cases.load(name)
  local file = assert(io.open("spec/vectors/" .. name .. ".json", "rb"))
  local text = file:read("*a")
  file:close()
  return cjson.decode(text)
end

-- A JSON ABI parameter as human-readable text. `names` false leaves the names out.
function cases.text(parameter, names)
  local text = parameter.type
  if parameter.components then
    text = cases.list(parameter.components, names) .. text:match("^tuple(.*)$")
  end
  if parameter.indexed then text = text .. " indexed" end
  if names ~= false and parameter.name and parameter.name ~= "" then text = text .. " " .. parameter.name end
  return text
end

function cases.list(parameters, names)
  local parts = {}
  for i, parameter in ipairs(parameters) do parts[i] = cases.text(parameter, names) end
  return "(" .. table.concat(parts, ", ") .. ")"
end

-- A JSON ABI parameter as item:inputs() shows it.
function cases.shown(parameter, event)
  local text = cases.text(parameter, false):gsub(" indexed$", ""):gsub(", ", ",")
  local shown = { name = parameter.name or "", type = text }
  if event then shown.indexed = parameter.indexed or false end
  if parameter.components then shown.components = cases.shown_list(parameter.components) end
  return shown
end

function cases.shown_list(parameters, event)
  local list = {}
  for i, parameter in ipairs(parameters) do list[i] = cases.shown(parameter, event) end
  return list
end

-- A value as the vectors write it, numbers as decimal text: from JSON or from rise. `input` is of item:inputs().
function cases.plain(value, input)
  local element = input.type:match("^(.*)%[%d*%]$")
  local list = {}
  if element then
    for i = 1, #value do list[i] = cases.plain(value[i], { type = element, components = input.components }) end
    return list
  elseif input.components then
    return cases.plain_list(value, input.components)
  elseif not input.type:find("^u?int") then
    return value
  elseif type(value) == "number" then
    return string.format("%.0f", value)
  end
  return tostring(value)
end

function cases.plain_list(values, inputs)
  local list = {}
  for i, input in ipairs(inputs) do list[i] = cases.plain(values[i], input) end
  return list
end

-- The same values with names instead of positions, where every component has a name.
function cases.named(value, input)
  local element = input.type:match("^(.*)%[%d*%]$")
  if element then
    local list = {}
    for i = 1, #value do list[i] = cases.named(value[i], { type = element, components = input.components }) end
    return list
  elseif input.components then
    return cases.named_list(value, input.components)
  end
  return value
end

function cases.named_list(values, inputs)
  local map = {}
  for i, input in ipairs(inputs) do
    if input.name == "" then return values end
    map[input.name] = cases.named(values[i], input)
  end
  return map
end

return cases
