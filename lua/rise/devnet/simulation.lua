--- What a bundle would do and what gas it needs, found out by the simulator contract.
-- @module rise.devnet.simulation

local contracts = require "rise.contracts"
local core = require "rise.core"
local errors = require "rise.errors"
local intent = require "rise.intent"
local rpc_error = require "rise.devnet.rpc_error"
local shared = require "rise.simulation"

local simulation = {}

--- Added to the gas of every bundle, and of every transaction, as the capabilities say.
simulation.INTENT_BUFFER = shared.INTENT_BUFFER
simulation.TRANSACTION_BUFFER = shared.TRANSACTION_BUFFER

-- A payment costs one more call of the account, two storage writes and the counters of the key.
local PAYMENT_GAS = 120000

local PASSED = contracts.selector(contracts.errors.SimulationPassed)

-- The simulation's error as the relay's. A target that reverts without data is reported as the account would.
local function failed(err)
  if errors.is(err) and err.code == "reverted" and err.data == "0x" then
    return rpc_error.revert(contracts.selector(contracts.errors.CallError))
  end
  return rpc_error.from(err)
end

--- A pre-call's signature for a simulation, which takes any.
function simulation.pre_call_signature()
  return shared.junk_signature()
end

--- The gas an Intent needs in all steps that its signature covers.
-- @param view a @{rise.devnet.View}
-- @tparam table options `addresses`, `fields` (of the Intent), `key` (`type`, `hash`, `prehash`; nil: the account's
-- own), `overrides` (state), `pays` (whether a fee will be paid)
-- @treturn[1] u256 combined gas
-- @treturn[2] nil
-- @treturn[2] table code 3 for a revert
function simulation.combined_gas(view, options)
  local gas, err = shared.combined_gas(function(call) return view:call(call) end, {
    simulator = options.addresses.simulator, orchestrator = options.addresses.orchestrator, fields = options.fields,
    key = options.key, overrides = options.overrides,
  })
  if not gas then return failed(err) end
  if options.pays then gas = gas + PAYMENT_GAS end
  return gas
end

-- A sender this rich does not exist: the contracts take it for a simulation and do not ask for a fee payer's
-- signature, which comes with the bundle only.
local RICH_SENDER = "0x" .. string.rep("51", 20)

local function with_rich_sender(overrides)
  local extended = { [RICH_SENDER] = { balance = core.u256(1):shl(192) } }
  for address, override in pairs(overrides or {}) do extended[address] = override end
  return extended
end

--- Runs a finished Intent, payment included, with any signature.
-- @param view a @{rise.devnet.View}
-- @tparam table options as for @{simulation.combined_gas}
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table code 3 for a revert
function simulation.run(view, options)
  local fields = setmetatable({ signature = shared.junk_signature(options.key) }, { __index = options.fields })
  local encoded, err = intent.encode(fields)
  if not encoded then return nil, err end
  local result
  result, err = view:call { from = RICH_SENDER, to = options.addresses.orchestrator,
    overrides = with_rich_sender(options.overrides),
    data = assert(contracts.encode_call(contracts.orchestrator.simulateExecute, { false, 0, encoded })) }
  if result then return rpc_error.trouble("the intent could not be simulated") end
  if err.code == "reverted" and err.data:sub(1, 10) == PASSED then return true end
  return failed(err)
end

--- The gas limit of the transaction. See @{rise.simulation.transaction_gas}.
simulation.transaction_gas = shared.transaction_gas

return simulation
