--- What a bundle would do and what gas it needs, found out by the simulator contract.
-- @module rise.devnet.simulation

local contracts = require "rise.contracts"
local core = require "rise.core"
local errors = require "rise.errors"
local intent = require "rise.intent"
local rpc_error = require "rise.devnet.rpc_error"

local simulation = {}

-- The simulator's search grows by this many ten-thousandths each time.
local INCREMENT = 1000
-- On top of what the search finds. Its P-256 check fails (the signature is junk), which costs something else than one
-- that succeeds; a WebAuthn check fails long before it costs what a real one does.
local SIGNATURE_GAS = { p256 = 10000, webauthnp256 = 60000, secp256k1 = 10000 }

--- Added to the gas of every bundle, and of every transaction, as the capabilities say.
simulation.INTENT_BUFFER = 50000
simulation.TRANSACTION_BUFFER = 50000
-- A payment costs one more call of the account, two storage writes and the counters of the key.
local PAYMENT_GAS = 120000

local PASSED = contracts.selector(contracts.errors.SimulationPassed)

local junk_signer

-- A signature of the right form that is not valid. One by the account's own key must be recoverable, or the account
-- reverts and another key seems to have signed.
local function junk_signature(key)
  junk_signer = junk_signer or assert(core.key_generate("secp256k1"))
  local recoverable = core.hex(junk_signer:sign(core.sha256("rise devnet simulation")))
  if not key then return recoverable end
  local inner = key.type == "secp256k1" and recoverable or "0x" .. string.rep("11", 64)
  return intent.wrap_signature(inner, key.hash, key.prehash)
end

-- The simulation's error as the relay's. A target that reverts without data is reported as the account would.
local function failed(err)
  if errors.is(err) and err.code == "reverted" and err.data == "0x" then
    return rpc_error.revert(contracts.selector(contracts.errors.CallError))
  end
  return rpc_error.from(err)
end

--- A pre-call's signature for a simulation, which takes any.
function simulation.pre_call_signature()
  return junk_signature()
end

--- The gas an Intent needs in all steps that its signature covers.
-- @param view a @{rise.devnet.View}
-- @tparam table options `addresses`, `fields` (of the Intent), `key` (`type`, `hash`, `prehash`; nil: the account's
-- own), `overrides` (state), `pays` (whether a fee will be paid)
-- @treturn[1] u256 combined gas
-- @treturn[2] nil
-- @treturn[2] table code 3 for a revert
function simulation.combined_gas(view, options)
  local fields = setmetatable({ signature = junk_signature(options.key) }, { __index = options.fields })
  local encoded, err = intent.encode(fields)
  if not encoded then return nil, err end
  local found
  found, err = view:read(options.addresses.simulator, contracts.simulator.simulateCombinedGas, {
    options.addresses.orchestrator, 0, 0, INCREMENT, encoded,
  }, { overrides = options.overrides })
  if not found then return failed(err) end
  local gas = core.u256(found.combinedGas) + simulation.INTENT_BUFFER
  if options.key then gas = gas + SIGNATURE_GAS[options.key.type] end
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
  local fields = setmetatable({ signature = junk_signature(options.key) }, { __index = options.fields })
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

--- The gas limit of the transaction: what the orchestrator insists on having left, and what the transaction itself
-- costs.
-- @param combined u256
-- @tparam string calldata 0x text
-- @tparam boolean authorizes whether it delegates the account first
-- @treturn u256
function simulation.transaction_gas(combined, calldata, authorizes)
  local inner = (combined + 110000 + simulation.TRANSACTION_BUFFER):mul(64):div(63)
  local bytes = #calldata / 2 - 1
  local gas = inner + 21000 + 16 * bytes
  -- EIP-7623: a transaction that is mostly data pays a floor instead.
  local floor = core.u256(21000 + 40 * bytes)
  if authorizes then
    gas = gas + 25000
    floor = floor + 25000
  end
  return gas < floor and floor or gas
end

return simulation
