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

-- The Intent with a signature that takes the place of the real one; encoded once for all that look at it.
local function encoded_with_junk(options)
  local fields = options.fields
  if options.encoded then return options.encoded end
  fields.signature = shared.junk_signature(options.key)
  local bytes = assert(contracts.params.intent:encode { fields })
  fields.signature = "0x"
  options.encoded = core.hex(bytes)
  return options.encoded
end

--- How long the calldata of the transaction is, before it is signed.
-- @tparam table options as for @{simulation.combined_gas}
-- @treturn number bytes
function simulation.calldata_bytes(options)
  local signature = #shared.junk_signature(options.key) / 2 - 1
  return 4 + 64 + #encoded_with_junk(options) / 2 - 1 - math.ceil(signature / 32) * 32
end

--- Expects what @{simulation.combined_gas} reads.
function simulation.expect(view, options)
  view:expect_call(shared.combined_call({ simulator = options.addresses.simulator,
    orchestrator = options.addresses.orchestrator, overrides = options.overrides }, encoded_with_junk(options)))
end

--- The gas an Intent needs in all steps that its signature covers.
-- @param view a @{rise.devnet.View}
-- @tparam table options `addresses`, `fields` (all, of an Intent that is not signed yet), `key` (`type`, `hash`,
-- `prehash`; nil: the account's own), `overrides` (state), `pays` (whether a fee will be paid)
-- @treturn[1] u256 combined gas
-- @treturn[2] nil
-- @treturn[2] table code 3 for a revert
function simulation.combined_gas(view, options)
  local target = { simulator = options.addresses.simulator, orchestrator = options.addresses.orchestrator,
    key = options.key, overrides = options.overrides }
  local result, gas, err
  result, err = view:call(shared.combined_call(target, encoded_with_junk(options)))
  if result then gas, err = shared.combined_answer(target, result) end
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

--- The gas limit of the transaction. See @{rise.simulation.gas_of_bytes}.
simulation.transaction_gas = shared.gas_of_bytes

return simulation
