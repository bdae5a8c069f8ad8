--- What a bundle costs, and in which tokens it can be paid.
--
-- RISE is described as gasless, so by default nothing is charged. With `native` the account (or a fee payer) pays the
-- gas at the node's price, in ETH or in STK at a fixed rate.
-- @classmod rise.devnet.Fees

local contracts = require "rise.contracts"
local core = require "rise.core"
local rpc_error = require "rise.devnet.rpc_error"

local Fees = {}
Fees.__index = Fees

local ONE = core.u256("1000000000000000000")
local STK_RATE = core.u256("1000000000000000") -- wei for one STK

--- @tparam table options `mode` ("none" or "native"), `stk` (its address)
-- @treturn Fees
function Fees.new(options)
  local native = { uid = "ether", address = contracts.NATIVE, symbol = "ETH", name = "Ether", decimals = 18,
    rate = ONE, native = true }
  local stk = { uid = "stk", address = options.stk, symbol = "STK", name = "Simple Token", decimals = 18,
    rate = STK_RATE }
  return setmetatable({
    charges = options.mode == "native", tokens = { native, stk },
    by_address = { [native.address] = native, [stk.address] = stk },
  }, Fees)
end

--- A fee token by its address; the native one for nil.
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] table
function Fees:token(address)
  local token = self.by_address[address or contracts.NATIVE]
  if not token then return rpc_error.refuse("fee token not supported: %s", address) end
  return token
end

--- Expects what @{Fees:estimate} reads.
function Fees:expect(view) -- luacheck: no self
  view:expect_value("eth_gasPrice")
  view:expect_value("eth_maxPriorityFeePerGas")
end

--- The node's price of gas: a ceiling and a tip, in wei.
-- @treturn[1] table `maxFeePerGas`, `maxPriorityFeePerGas` (u256)
-- @treturn[2] nil
-- @treturn[2] table
function Fees:estimate(view)
  local price, err = view:value("eth_gasPrice")
  if price == nil then return nil, err end
  local tip
  tip, err = view:value("eth_maxPriorityFeePerGas")
  if tip == nil then return nil, err end
  return { maxFeePerGas = assert(core.u256(price)), maxPriorityFeePerGas = assert(core.u256(tip)) }
end

--- The fee for an amount of gas, in base units of a token.
-- @treturn u256
function Fees:amount(token, gas, estimate)
  if not self.charges then return core.u256(0) end
  return (gas * estimate.maxFeePerGas):mul(ONE):div(token.rate)
end

--- What an address has of a token.
-- @treturn[1] u256
-- @treturn[2] nil
-- @treturn[2] table
function Fees.balance(view, token, address)
  if token == contracts.NATIVE then return view.chain:get_balance(address) end
  local found, err = view:read(token, contracts.erc20.balanceOf, { address })
  if not found then return nil, err end
  return core.u256(found[1])
end

return Fees
