--- Making accounts: an EOA that delegates to the account contract and installs its keys. Signed here, kept here, and
-- taken to the chain by the account's first bundle.
-- @module rise.devnet.upgrade

local PreCalls = require "rise.devnet.pre_calls"
local View = require "rise.devnet.view"
local contracts = require "rise.contracts"
local core = require "rise.core"
local intent = require "rise.intent"
local json = require "rise.json"
local keys = require "rise.devnet.keys"
local rpc_error = require "rise.devnet.rpc_error"
local shape = require "rise.devnet.shape"
local simulation = require "rise.devnet.simulation"
local typed_data = require "rise.devnet.typed_data"

local upgrade = {}

local PREPARE = shape.parameters(shape.object {
  address = shape.address,
  chainId = shape.nullable(shape.quantity),
  delegation = shape.address,
  capabilities = shape.object { authorizeKeys = shape.list(keys.entry) },
})

local UPGRADE = shape.parameters(shape.object {
  context = shape.object {
    address = shape.address,
    chainId = shape.nullable(shape.quantity),
    authorization = shape.object { chainId = shape.quantity, address = shape.address, nonce = shape.quantity },
    preCall = shape.object {
      eoa = shape.address, executionData = shape.bytes, nonce = shape.u256, signature = shape.optional(shape.bytes),
    },
  },
  signatures = shape.object { auth = shape.bytes_of(65), exec = shape.bytes_of(65) },
})

local AUTHORIZATION = shape.parameters(shape.object { address = shape.address })

-- A random sequence that is valid on every chain: an account is one on all of them.
local function multichain_nonce()
  local prefix = core.u256(contracts.MULTICHAIN_PREFIX):shl(176)
  return intent.nonce(prefix + core.u256_from_bytes(assert(core.random(22))))
end

-- Runs an empty bundle that carries the pre-call: it must not revert.
local function rehearse(relay, view, call)
  local account = relay.accounts:unknown(call.eoa)
  local signed = { eoa = call.eoa, executionData = call.executionData, nonce = call.nonce,
    signature = simulation.pre_call_signature() }
  return simulation.combined_gas(view, { addresses = relay.addresses, overrides = account.overrides,
    fields = assert(intent.new { eoa = call.eoa, nonce = multichain_nonce(),
      encodedPreCalls = { assert(intent.encode_signed_call(signed)) } }) })
end

--- wallet_prepareUpgradeAccount
function upgrade.prepare(relay, params)
  local values, complaint = PREPARE(params)
  if not values then return rpc_error.params(complaint) end
  local request = values[1]
  local chain_id = request.chainId or relay.chain_id
  if chain_id ~= relay.chain_id then return rpc_error.trouble("unsupported chain %d", chain_id) end
  if request.delegation ~= relay.addresses.account_proxy then
    return rpc_error.refuse("invalid delegation proxy %s", request.delegation)
  end
  local calls, err = keys.authorize_calls(request.capabilities.authorizeKeys)
  if not calls then return nil, err end
  local view
  view, err = View.new(relay.node)
  if not view then return nil, err end
  local nonce
  nonce, err = view.chain:get_nonce(request.address, "pending")
  if not nonce then return nil, err end
  local call = { eoa = request.address, executionData = assert(intent.encode_calls(calls)),
    nonce = multichain_nonce(), signature = "0x" }
  local ok
  ok, err = rehearse(relay, view, call)
  if not ok then return nil, err end
  local auth = core.authorization_digest(0, core.unhex(relay.addresses.account_proxy), nonce)
  return {
    chainId = core.u256(chain_id),
    context = {
      address = request.address, chainId = core.u256(chain_id), preCall = call,
      authorization = { chainId = core.u256(0), address = relay.addresses.account_proxy, nonce = core.u256(nonce) },
    },
    digests = { auth = core.hex(auth), exec = assert(intent.signed_call_digest(call, relay.domain)) },
    typedData = typed_data.signed_call(call, relay.domain),
    capabilities = { authorizeKeys = keys.entries_json(request.capabilities.authorizeKeys) },
  }
end

-- The signer of a digest and the signature with v as the contracts want it; v may come as 0 or 1.
local function recover(digest, signature)
  local bytes = core.unhex(signature)
  local v = bytes:byte(65)
  if v < 27 then bytes = bytes:sub(1, 64) .. string.char(v + 27) end
  local address = core.secp256k1_recover(core.unhex(digest), bytes)
  return address and core.hex(address) or contracts.NATIVE, bytes
end

local function check_authorization(relay, view, request)
  local context = request.context
  local given = context.authorization
  if given.chainId ~= 0 then return rpc_error.refuse("the auth item is not chain agnostic") end
  if given.address ~= relay.addresses.account_proxy then
    return rpc_error.refuse("invalid authorization item, expected %s, got %s", relay.addresses.account_proxy,
      given.address)
  end
  local digest = core.hex(core.authorization_digest(0, core.unhex(given.address), given.nonce))
  local signer, signature = recover(digest, request.signatures.auth)
  if signer ~= context.address then
    return rpc_error.refuse("invalid auth item, expected %s, got %s", context.address, signer)
  end
  local nonce, err = view.chain:get_nonce(context.address, "pending")
  if not nonce then return nil, err end
  if nonce ~= given.nonce then
    return rpc_error.refuse("invalid auth item nonce, expected %d, got %d", nonce, given.nonce)
  end
  return {
    address = given.address, nonce = nonce, y_parity = signature:byte(65) - 27,
    r = core.u256_from_bytes(signature:sub(1, 32)), s = core.u256_from_bytes(signature:sub(33, 64)),
  }
end

local function check_pre_call(relay, view, request)
  local given, address = request.context.preCall, request.context.address
  local calls, err = intent.decode_calls(given.executionData)
  if not calls then return rpc_error.params(err.message .. " at params[0].context.preCall.executionData") end
  local _, pure = PreCalls.operations(calls, address)
  if not pure then return rpc_error.refuse("the precall can only contain account management calls.") end
  local call = { eoa = given.eoa, executionData = given.executionData, nonce = given.nonce }
  local signer, signature = recover(assert(intent.signed_call_digest(call, relay.domain)), request.signatures.exec)
  if signer ~= address or given.eoa ~= address then
    return rpc_error.refuse("invalid precall recovered address, expected %s, got %s", address, signer)
  end
  local ok
  ok, err = rehearse(relay, view, call)
  if not ok then return nil, err end
  call.signature = core.hex(signature)
  return call
end

--- wallet_upgradeAccount
function upgrade.store(relay, params)
  local values, complaint = UPGRADE(params)
  if not values then return rpc_error.params(complaint) end
  local request = values[1]
  local view, err = View.new(relay.node)
  if not view then return nil, err end
  local authorization, pre_call
  authorization, err = check_authorization(relay, view, request)
  if not authorization then return nil, err end
  pre_call, err = check_pre_call(relay, view, request)
  if not pre_call then return nil, err end
  local ok
  ok, err = relay.accounts:store(request.context.address, { authorization = authorization, pre_call = pre_call })
  if not ok then return nil, err end
  return json.null
end

--- wallet_getAuthorization: what anybody needs to put a stored account on the chain.
function upgrade.authorization(relay, params)
  local values, complaint = AUTHORIZATION(params)
  if not values then return rpc_error.params(complaint) end
  local account = relay.accounts:stored_account(values[1].address)
  if not account then
    return rpc_error.refuse("Account with address %s does not exist in storage.", values[1].address)
  end
  return {
    authorization = account:authorization(), to = relay.addresses.orchestrator,
    data = account:execute_pre_calls { account.upgrade.pre_call },
  }
end

return upgrade
