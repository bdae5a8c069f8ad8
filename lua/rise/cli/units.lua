--- `rise units AMOUNT`: the same amount in other units.
-- @module rise.cli.units

local core = require "rise.core"
local errors = require "rise.errors"
local values = require "rise.cli.values"

local units = {
  name = "units",
  summary = "Convert an amount between units.",
  examples = {
    "rise units 1.5ether             # 1500000000000000000",
    "rise units 1500000000 --to gwei # 1.5",
    "rise units 2.5 --from 6         # 2500000: a token with 6 decimals",
  },
  output = { { "amount", "string", "in the unit asked for" }, { "wei", "string", "in the smallest unit" } },
}


-- The decimals of a unit's name, or of a number.
local function decimals_of(text)
  local known = values.UNITS[text:lower()]
  if known then return known end
  local number = text:find "^%d+$" and tonumber(text)
  if number and number <= 77 then return number end
  return nil, text .. " is no unit: wei, kwei, mwei, gwei, ether, or decimals from 0 to 77"
end

function units.add_to_parser(command)
  command:argument("amount", "A number, with its unit or without: 1.5ether, 30gwei, 1000.")
  command:option("--from", "The amount's unit, or its decimals.", "wei"):convert(decimals_of)
  command:option("--to", "The unit to show it in, or its decimals.", "wei"):convert(decimals_of)
end

function units.run(args, console)
  local number, unit = args.amount:match "^([%-%d.]+)%s*(%a*)$"
  if not number then return errors.fail("invalid_value", "amount " .. args.amount .. " is no number") end
  local from = args.from
  if unit ~= "" then
    from = values.UNITS[unit:lower()]
    if not from then return errors.fail("invalid_value", "amount " .. args.amount .. " has an unknown unit") end
  end
  local amount, negative = values.units(number, from)
  if not amount then return errors.within(negative, "amount " .. args.amount) end
  return console:result({ amount = core.units_format(amount, args.to, negative),
    wei = (negative and "-" or "") .. tostring(amount) },
    function(result) console:print(result.amount) end)
end

return units
