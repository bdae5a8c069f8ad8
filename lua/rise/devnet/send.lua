--- wallet_sendPreparedCalls: a signed bundle goes into the queue, a signed pre-call into the store.
-- @module rise.devnet.send

local PreCalls = require "rise.devnet.pre_calls"
local Quotes = require "rise.devnet.quotes"
local View = require "rise.devnet.view"
local contracts = require "rise.contracts"
local core = require "rise.core"
local intent = require "rise.intent"
local keys = require "rise.devnet.keys"
local rpc_error = require "rise.devnet.rpc_error"
local shape = require "rise.devnet.shape"

local send = {}

local CONTEXT = shape.object {
  quote = shape.optional(Quotes.shape),
  preCall = shape.optional(shape.object {
    eoa = shape.address, executionData = shape.bytes, nonce = shape.u256, signature = shape.optional(shape.bytes),
    chainId = shape.optional(shape.quantity),
  }),
}

local function context_of(value, path)
  if Quotes.is_issued(value) then return { quote = value } end
  return CONTEXT(value, path)
end

local PARAMETERS = shape.parameters(shape.object {
  context = context_of,
  key = shape.nullable(keys.signer),
  signature = shape.bytes,
  capabilities = shape.nullable(shape.object { feeSignature = shape.nullable(shape.bytes) }),
})

-- A pre-call has no bundle, and so no id of its own.
local NO_ID = "0x" .. string.rep("0", 64)

-- The signature as the contracts want it. The wallet's own SDK wraps those of pre-calls itself, which is told by the
-- key's hash standing in its place; wrapping again would be wrong for secp256k1 keys.
local function wrapped(signature, key)
  if not key then
    if #signature ~= 2 + 2 * 65 then return rpc_error.refuse("intent creation requires a signing key.") end
    return signature
  end
  local _, hash = intent.unwrap_signature(signature)
  if hash == key.hash then return signature end
  return intent.wrap_signature(signature, key.hash, key.prehash)
end

-- Judges what a passkey signed, with a reason for the log, where the account would only say that it is wrong.
local function check_passkey(relay, key, digest, signature)
  if not key or key.type ~= "webauthnp256" then return true end
  local bytes = core.unhex(digest)
  local inner, _, prehash = intent.unwrap_signature(signature)
  if prehash then bytes = core.sha256(bytes) end
  local ok, err = core.webauthn_verify(core.unhex(key.publicKey), bytes, core.unhex(inner))
  if not ok then relay.log("a signature for " .. digest .. " will not do: " .. err.message) end
  return ok
end

-- ---- a bundle --------------------------------------------------------------------------------------------------

-- Puts the signatures in.
local function sign(request, fields)
  if fields.payer ~= contracts.NATIVE then
    fields.paymentSignature = request.capabilities and request.capabilities.feeSignature
    if not fields.paymentSignature then
      return rpc_error.refuse("fee signature is required when a payer is specified")
    end
  end
  local err
  fields.signature, err = wrapped(request.signature, request.key)
  if not fields.signature then return nil, err end
  return true
end

local function send_quote(relay, request, hold)
  local quote, hash = relay.quotes:check(request.context.quote, core.now())
  if not quote then return nil, hash end
  local given = request.context.quote.quotes
  if given and #given > 1 then return rpc_error.refuse("invalid number of intents") end
  local fields = quote.intent
  local job = { id = hash, account = fields.eoa, nonce = fields.nonce, intent = fields, gas = quote.txGas,
    hold = hold }
  local signed, complaint = sign(request, fields)
  local view, err = View.new(relay.node, function(view)
    relay.accounts:expect(view, fields.eoa)
    if signed then relay.bundles:expect(view, job) end
  end)
  if not view then return nil, err end
  local account
  account, err = relay.accounts:find(view, fields.eoa)
  if not account then return nil, err end
  local ok
  ok, err = account:check_authorization(view)
  if not ok then return nil, err end
  if not signed then return nil, complaint end
  check_passkey(relay, request.key, assert(intent.digest(fields, relay.domain)), fields.signature)
  job.view, job.found = view, account
  relay.bundles:add(job)
  return { id = hash }
end

-- ---- a pre-call ------------------------------------------------------------------------------------------------

local function check_signature(relay, view, account, call, key)
  if key then
    local known, err = account:key(view, key.hash)
    if known == nil then return nil, err end
    if not known then return rpc_error.refuse("key hash %s is unknown", key.hash) end
    if known.role ~= "admin" then return rpc_error.refuse("should only have admin authorization keys") end
  end
  local digest, err = intent.signed_call_digest(call, relay.domain)
  if not digest then return rpc_error.params(err.message) end
  if not check_passkey(relay, key, digest, call.signature) then return rpc_error.refuse("invalid signature") end
  local valid
  valid, err = account:validates(view, digest, call.signature)
  if valid == nil then return nil, err end
  if not valid then return rpc_error.refuse("invalid signature") end
  return true
end

-- A stored revocation of a key that has not landed undoes its grants right here, and there is nothing left to do on
-- the chain.
local function settle_revocation(relay, view, account, operations, hash)
  local revokes = false
  for _, operation in ipairs(operations) do revokes = revokes or operation.name == "revoke" end
  if not revokes then return true end
  local key, err = account:key(view, hash)
  if key == nil then return nil, err end
  if not key and not PreCalls.surviving_key(operations, hash) then
    relay.pre_calls:drop_key(account.address, hash)
  end
  return true
end

local function send_pre_call(relay, request)
  local given = request.context.preCall
  if given.eoa == contracts.NATIVE then return rpc_error.refuse("intent creation requires a sender.") end
  if given.chainId and given.chainId ~= relay.chain_id then
    return rpc_error.trouble("unsupported chain %d", given.chainId)
  end
  local calls, err = intent.decode_calls(given.executionData)
  if not calls then return rpc_error.params(err.message .. " at params[0].context.preCall.executionData") end
  local operations, hash = PreCalls.check(calls, given.eoa, relay.addresses.account_implementation)
  if not operations then return nil, hash end
  local view
  view, err = View.new(relay.node)
  if not view then return nil, err end
  local account
  account, err = relay.accounts:find(view, given.eoa)
  if not account then
    if relay.accounts.is_unknown(err) then
      return rpc_error.refuse("Account with address %s does not exist in storage.", given.eoa)
    end
    return nil, err
  end
  local call = { eoa = given.eoa, executionData = given.executionData, nonce = given.nonce }
  call.signature, err = wrapped(request.signature, request.key)
  if not call.signature then return nil, err end
  local ok
  ok, err = check_signature(relay, view, account, call, request.key)
  if not ok then return nil, err end
  ok, err = relay.pre_calls:add(account.address, { nonce = call.nonce, signed_call = call, hash = hash })
  if not ok then return nil, err end
  ok, err = settle_revocation(relay, view, account, operations, hash)
  if not ok then return nil, err end
  return { id = NO_ID }
end

--- wallet_sendPreparedCalls
function send.calls(relay, params, options)
  local values, complaint = PARAMETERS(params)
  if not values then return rpc_error.params(complaint) end
  local request = values[1]
  local context = request.context
  if context.quote and not context.preCall then return send_quote(relay, request, options.hold) end
  if context.preCall and not context.quote then return send_pre_call(relay, request) end
  return rpc_error.params("expected exactly one of `quote` and `preCall` at params[0].context")
end

--- What becomes of stored pre-calls when a bundle has landed that revokes keys: a grant that was still waiting must
-- not bring a revoked key back.
function send.forget_revoked(relay, job)
  local calls = intent.decode_calls(job.intent.executionData)
  for _, operation in ipairs((PreCalls.operations(calls or {}, job.account))) do
    if operation.name == "revoke" then relay.pre_calls:drop_key(job.account, operation.hash) end
  end
end

return send
