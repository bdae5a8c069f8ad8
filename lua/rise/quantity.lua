--- Quantities of JSON-RPC: `0x` hex without leading zeros on the way out, leniently read on the way in.
-- @module rise.quantity

local core = require "rise.core"
local errors = require "rise.errors"

local quantity = {}

local MAX_SAFE = 9007199254740991

--- Minimal `0x` hex of a non-negative integer, u256 or numeric text.
function quantity.encode(value)
  local number = core.u256(value)
  if not number then error("quantity.encode: not a number: " .. tostring(value), 2) end
  return number:hex()
end

--- A u256 out of a JSON value: a non-negative integer number, `0x` hex or decimal text.
-- @treturn[1] u256
-- @treturn[2] nil
-- @treturn[2] table invalid_value
function quantity.decode(value)
  if type(value) == "string" then return core.u256(value) end
  if type(value) == "number" and value >= 0 and value % 1 == 0 and value <= MAX_SAFE then return core.u256(value) end
  return errors.fail("invalid_value", "not a quantity: " .. tostring(value))
end

--- The same as a Lua number, refused above 2^53.
function quantity.number(value)
  local number, err = quantity.decode(value)
  if not number then return nil, err end
  if number:cmp(MAX_SAFE) > 0 then return errors.fail("overflow", tostring(number) .. " is too large here") end
  return number:number()
end

return quantity
