--- What gas a bundle needs, found out by the simulator contract. For whoever builds Intents: direct mode, and the
-- devnet's relay.
-- @module rise.simulation

local contracts = require "rise.contracts"
local core = require "rise.core"
local errors = require "rise.errors"
local intent = require "rise.intent"

local simulation = {}

-- The simulator's search grows by this many ten-thousandths each time.
local INCREMENT = 1000
-- On top of what the search finds. Its P-256 check fails (the signature is junk), which costs something else than one
-- that succeeds; a WebAuthn check fails long before it costs what a real one does.
local SIGNATURE_GAS = { p256 = 10000, webauthnp256 = 60000, secp256k1 = 10000 }

--- Added to the gas of every bundle, and of every transaction.
simulation.INTENT_BUFFER = 50000
simulation.TRANSACTION_BUFFER = 50000

local junk

--- A signature of the right form that is not valid. One by the account's own key must be recoverable, or the account
-- reverts and another key seems to have signed.
-- @tparam ?table key `type`, `hash`, `prehash`; nil: the account's own
-- @treturn string 0x text
function simulation.junk_signature(key)
  junk = junk or core.hex(assert(core.key_generate("secp256k1")):sign(core.sha256("rise simulation")))
  if not key then return junk end
  local inner = key.type == "secp256k1" and junk or "0x" .. string.rep("11", 64)
  return intent.wrap_signature(inner, key.hash, key.prehash)
end

--- The call that finds out the gas of an Intent.
-- @tparam table options as for @{simulation.combined_gas}
-- @tparam string encoded the Intent, encoded, with a junk signature
-- @treturn table `{ to, data, overrides }`
function simulation.combined_call(options, encoded)
  return { to = options.simulator, overrides = options.overrides,
    data = assert(contracts.encode_call(contracts.simulator.simulateCombinedGas,
      { options.orchestrator, 0, 0, INCREMENT, encoded })) }
end

--- What its answer says.
-- @tparam table options as for @{simulation.combined_gas}
-- @tparam string result
-- @treturn[1] u256 combined gas
-- @treturn[2] nil
-- @treturn[2] table node
function simulation.combined_answer(options, result)
  local found = contracts.decode_outputs(contracts.simulator.simulateCombinedGas, result)
  if not found then return errors.fail("node", "the simulator at " .. options.simulator .. " gave no answer") end
  local gas = core.u256(found.combinedGas) + simulation.INTENT_BUFFER
  if options.key then gas = gas + SIGNATURE_GAS[options.key.type] end
  return gas
end

--- The gas an Intent needs in all steps that its signature covers, a payment excepted.
-- @tparam function call runs `{ to, data, overrides }` on the chain and gives 0x text, or `nil, err` with `reverted`
-- and the revert bytes in `err.data`
-- @tparam table options `simulator` and `orchestrator` (addresses), `fields` (of the Intent), `key` as for
-- @{simulation.junk_signature}, `overrides` (state)
-- @treturn[1] u256 combined gas
-- @treturn[2] nil
-- @treturn[2] table what `call` said; invalid_value, node
function simulation.combined_gas(call, options)
  local fields = setmetatable({ signature = simulation.junk_signature(options.key) }, { __index = options.fields })
  local encoded, err = intent.encode(fields)
  if not encoded then return nil, err end
  local result
  result, err = call(simulation.combined_call(options, encoded))
  if not result then return nil, err end
  return simulation.combined_answer(options, result)
end

--- The gas limit of the transaction: what the orchestrator insists on having left, and what the transaction itself
-- costs.
-- @param combined u256
-- @tparam string calldata 0x text
-- @tparam boolean authorizes whether it delegates the account first
-- @treturn u256
function simulation.transaction_gas(combined, calldata, authorizes)
  return simulation.gas_of_bytes(combined, #calldata / 2 - 1, authorizes)
end

--- The same when only the length of the calldata is known.
-- @treturn u256
function simulation.gas_of_bytes(combined, bytes, authorizes)
  local inner = (combined + 110000 + simulation.TRANSACTION_BUFFER):mul(64):div(63)
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
