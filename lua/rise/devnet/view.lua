--- The chain as it stands while one request is served: calls that leave no trace.
--
-- anvil runs an `eth_call` in the time of the latest block, which may be long past when nothing happened lately; the
-- bundle will run in the time of the next block. Key expiry and spending windows depend on it, so every call here is
-- made at the state of the latest block and in the time of the next.
-- @classmod rise.devnet.View

local contracts = require "rise.contracts"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"
local quantity = require "rise.quantity"

local View = {}
View.__index = View

-- Half the block: as much as the largest bundle may use, with room for the search around it.
local CALL_GAS = core.u256(150000000):hex()

--- Looks at the clock of the chain.
-- @param chain a @{rise.Chain}
-- @treturn[1] View with `time` in unix seconds
-- @treturn[2] nil
-- @treturn[2] table
function View.new(chain)
  local block, err = chain:block("pending")
  if not block then return nil, err or errors.new("node", "the node has no pending block") end
  local time
  time, err = quantity.number(block.timestamp)
  if not time then return nil, err end
  return setmetatable({ chain = chain, time = time }, View)
end

--- Runs a call.
-- @tparam table call `to`, `data`, and optionally `from`, `gas` (u256), `authorizationList`, `overrides` (state)
-- @treturn[1] string 0x text
-- @treturn[2] nil
-- @treturn[2] table `reverted` with the revert bytes in `err.data`; node, network …
function View:call(call)
  local result, err = self.chain:request("eth_call", {
    { to = call.to, data = call.data, from = call.from, gas = call.gas or CALL_GAS,
      authorizationList = call.authorizationList },
    "latest", json.object(call.overrides), { time = core.u256(self.time) },
  })
  if result ~= nil then return result end
  if err.code == "rpc" and type(err.data) == "string" and err.data:find("^0x%x*$") then
    return errors.fail("reverted", "eth_call: " .. err.rpc_message, { data = err.data })
  end
  return nil, err
end

--- Runs calls one upon the other and gives what the last one returned.
-- @tparam table calls each `to`, `data`
-- @tparam[opt] table overrides state
-- @treturn[1] string 0x text
-- @treturn[2] nil
-- @treturn[2] table `reverted` with the data of the first that reverted, and `call`, its number
function View:sequence(calls, overrides)
  local list = json.array {}
  for i, call in ipairs(calls) do list[i] = { to = call.to, data = call.data } end
  local blocks, err = self.chain:request("eth_simulateV1", { {
    blockStateCalls = { { calls = list, stateOverrides = json.object(overrides),
      blockOverrides = { time = core.u256(self.time) } } },
  }, "latest" })
  if blocks == nil then return nil, err end
  local results = json.get(blocks, 1, "calls")
  if type(results) ~= "table" or #results ~= #calls then
    return errors.fail("node", "eth_simulateV1: the node's answer has no result for each call")
  end
  for i, result in ipairs(results) do
    if result.status ~= "0x1" then
      return errors.fail("reverted", "call " .. i .. " reverted", { data = result.returnData or "0x", call = i })
    end
  end
  return results[#results].returnData
end

--- Runs a function of a contract and decodes what it returned.
-- @tparam string to
-- @param item a compiled function
-- @tparam[opt] table values its arguments
-- @tparam[opt] table options `overrides`; `before`: calls to be run first
-- @treturn[1] table the values, by position and name
-- @treturn[2] nil
-- @treturn[2] table
function View:read(to, item, values, options)
  local call = { to = to, data = assert(contracts.encode_call(item, values)) }
  local before = options and options.before
  local result, err
  if before and before[1] then
    local calls = {}
    for i, first in ipairs(before) do calls[i] = first end
    calls[#calls + 1] = call
    result, err = self:sequence(calls, options.overrides)
  else
    call.overrides = options and options.overrides
    result, err = self:call(call)
  end
  if not result then return nil, err end
  local decoded
  decoded, err = contracts.decode_outputs(item, result)
  if not decoded then return errors.fail("node", item:signature() .. " at " .. to .. ": " .. err.message) end
  return decoded
end

return View
