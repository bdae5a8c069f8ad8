--- wallet_prepareCalls: a bundle (or a pre-call) as it could be signed, simulated and priced.
-- @module rise.devnet.prepare

local Fees = require "rise.devnet.fees"
local PreCalls = require "rise.devnet.pre_calls"
local View = require "rise.devnet.view"
local contracts = require "rise.contracts"
local core = require "rise.core"
local intent = require "rise.intent"
local json = require "rise.json"
local keys = require "rise.devnet.keys"
local permissions = require "rise.permissions"
local rpc_error = require "rise.devnet.rpc_error"
local shape = require "rise.devnet.shape"
local simulation = require "rise.devnet.simulation"
local typed_data = require "rise.devnet.typed_data"

local prepare = {}

local CALL = shape.object { to = shape.address, value = shape.u256, data = shape.bytes }
local SIGNED_CALL = shape.object {
  eoa = shape.address, executionData = shape.bytes, nonce = shape.u256, signature = shape.bytes,
}
local OVERRIDE = shape.object {
  balance = shape.optional(shape.u256), nonce = shape.optional(shape.u256), code = shape.optional(shape.bytes),
  state = shape.optional(shape.map(shape.word, shape.word)),
  stateDiff = shape.optional(shape.map(shape.word, shape.word)),
}

local PARAMETERS = shape.parameters(shape.object {
  calls = shape.list(CALL),
  chainId = shape.quantity,
  from = shape.nullable(shape.address),
  key = shape.nullable(keys.signer),
  capabilities = shape.object {
    meta = shape.object {
      feeToken = shape.nullable(shape.address), feePayer = shape.nullable(shape.address),
      nonce = shape.nullable(shape.u256),
    },
    authorizeKeys = shape.optional(shape.list(keys.entry)),
    revokeKeys = shape.optional(shape.list(shape.object { hash = shape.word })),
    preCalls = shape.optional(shape.list(SIGNED_CALL)),
    preCall = shape.optional(shape.boolean),
    requiredFunds = shape.optional(shape.list(shape.object { address = shape.address, value = shape.u256 })),
  },
  stateOverrides = shape.optional(shape.map(shape.address, OVERRIDE)),
})

-- ---- what is to be executed ------------------------------------------------------------------------------------

-- Keys are authorized first, then come the caller's calls, then revocations.
local function all_calls(request)
  local calls, err = keys.authorize_calls(request.capabilities.authorizeKeys or {})
  if not calls then return nil, err end
  for _, call in ipairs(request.calls) do calls[#calls + 1] = call end
  for _, entry in ipairs(request.capabilities.revokeKeys or {}) do
    for _, call in ipairs(permissions.revoke_calls(entry.hash)) do calls[#calls + 1] = call end
  end
  return calls
end

local function random_nonce()
  while true do
    local bytes = assert(core.random(24))
    if bytes:sub(1, 2) ~= "\193\208" then return intent.nonce(core.u256_from_bytes(bytes)) end -- not 0xc1d0
  end
end

-- Given, else behind inline pre-calls of sequence 0, else random before the account is on the chain, else the chain's
-- next of sequence 0.
local function nonce_of(view, account, request)
  local capabilities = request.capabilities
  if capabilities.meta.nonce then return capabilities.meta.nonce end
  local highest
  for _, call in ipairs(capabilities.preCalls or {}) do
    if call.nonce:shr(64):is_zero() and (not highest or call.nonce > highest) then highest = call.nonce end
  end
  if highest then return highest + 1 end
  if not account.delegated then return random_nonce() end
  return account:next_nonce(view, core.u256(0))
end

-- The pre-calls that go in front: the account's own upgrade, those of the request, those stored for the signing key.
local function pre_calls_of(relay, view, account, request)
  local list = {}
  for _, call in ipairs(account.pre_calls) do list[#list + 1] = call end
  for _, call in ipairs(request.capabilities.preCalls or {}) do list[#list + 1] = call end
  if request.key then
    local stored, err = relay.pre_calls:for_key(view, account, request.key.hash)
    if not stored then return nil, err end
    for _, entry in ipairs(stored) do list[#list + 1] = entry.signed_call end
  end
  return list
end

-- Whether the signing key is on the account, or will be when the pre-calls in front have run. An expired key is not:
-- simulations do not look at expiry.
local function check_key(view, account, key, pre_calls)
  if not key then return true end
  local operations = {}
  for _, call in ipairs(pre_calls) do
    local calls = intent.decode_calls(call.executionData)
    if not calls then return rpc_error.params("invalid value: executionData holds no calls at preCalls") end
    for _, operation in ipairs((PreCalls.operations(calls, account.address))) do
      operations[#operations + 1] = operation
    end
  end
  local coming = PreCalls.surviving_key(operations, key.hash)
  if coming and (coming.expiry == 0 or coming.expiry >= view.time) then return true end
  local present, err = account:key(view, key.hash)
  if present == nil then return nil, err end
  if not present then return rpc_error.refuse("key hash %s is unknown", key.hash) end
  return true
end

local function encode_pre_calls(pre_calls)
  local list = json.array {}
  for i, call in ipairs(pre_calls) do
    local encoded, err = intent.encode_signed_call(call)
    if not encoded then return nil, err end
    list[i] = encoded
  end
  return list
end

local function merge_overrides(first, second)
  if not first or not second then return first or second end
  local merged = {}
  for _, overrides in ipairs { first, second } do
    for address, override in pairs(overrides) do
      merged[address] = merged[address] or {}
      for name, value in pairs(override) do merged[address][name] = value end
    end
  end
  return merged
end

-- ---- funds -----------------------------------------------------------------------------------------------------

local function check_required_funds(view, account, request)
  for _, asset in ipairs(request.capabilities.requiredFunds or {}) do
    local balance, err = Fees.balance(view, asset.address, account.address)
    if not balance then return nil, err end
    if balance < asset.value then
      return rpc_error.refuse("multichain functionality is disabled: interop service not configured")
    end
  end
  return true
end

local function native_value(calls, account)
  local sum = core.u256(0)
  for _, call in ipairs(calls) do
    if call.to ~= contracts.SELF and call.to ~= account then
      local value = core.u256(call.value)
      if core.u256("0x" .. string.rep("ff", 32)) - sum < value then return nil end
      sum = sum + value
    end
  end
  return sum
end

-- What the bundle needs of gas, and what native currency the account lacks for its calls. A lack is no error here: it
-- is reported in the quote, which then cannot be sent.
local function measure(view, simulated, calls)
  local gas, err = simulation.combined_gas(view, simulated)
  if gas or err.code ~= 3 then return gas, err end
  local account = simulated.fields.eoa
  local required = native_value(calls, account)
  if not required then return nil, err end
  local balance, balance_err = view.chain:get_balance(account)
  if not balance then return nil, balance_err end
  if balance >= required then return nil, err end
  local rich = { [account] = { balance = required } }
  local lenient = setmetatable({ overrides = merge_overrides(simulated.overrides, rich) }, { __index = simulated })
  gas = simulation.combined_gas(view, lenient)
  if not gas then return nil, err end
  return gas, nil, { {
    address = json.null, required = required, deficit = required - balance, name = "Ether", symbol = "ETH",
    decimals = 18,
  } }
end

local function zero_or(amount, taken)
  if amount < taken then return core.u256(0) end
  return amount - taken
end

-- How much of the fee token the payer lacks.
local function fee_deficit(view, fields, fee, calls)
  if fee:is_zero() then return core.u256(0) end
  local sponsored = fields.payer ~= contracts.NATIVE
  local payer = sponsored and fields.payer or fields.eoa
  local balance, err = Fees.balance(view, fields.paymentToken, payer)
  if not balance then return nil, err end
  if sponsored then
    if balance < fee then
      return rpc_error.refuse("fee payer %s has insufficient balance to sponsor this transaction", payer)
    end
    return core.u256(0)
  end
  if fields.paymentToken == contracts.NATIVE then
    balance = zero_or(balance, native_value(calls, fields.eoa) or balance)
  end
  return zero_or(fee, balance)
end

-- ---- a bundle --------------------------------------------------------------------------------------------------

-- A key that is revoked before it ever landed is not on the chain, where its revocation fails. The wallet's SDK takes
-- that failure for success and sends nothing, so this is the only moment to forget the grant; without it the
-- "revoked" key could still act. Only a request in the name of someone who may revoke does it.
local function forget_revoked(relay, view, account, request, err)
  local revoked = request.capabilities.revokeKeys
  if not revoked or err.code ~= 3 or err.data ~= contracts.selector(contracts.errors.KeyDoesNotExist) then return end
  if request.key then
    local signer = account:key(view, request.key.hash)
    if not signer or signer.role ~= "admin" then return end
  end
  for _, entry in ipairs(revoked) do
    if account:key(view, entry.hash) == false then relay.pre_calls:drop_key(account.address, entry.hash) end
  end
end

local function find_account(relay, view, request)
  local account, err = relay.accounts:find(view, request.from)
  if account then return account end
  -- Nobody's account may be prepared for, as if its EOA were to sign; sending is refused.
  if relay.accounts.is_unknown(err) and not request.key then return relay.accounts:unknown(request.from) end
  return nil, err
end

local function payer_of(request)
  local payer = request.capabilities.meta.feePayer
  return payer ~= request.from and payer or nil
end

-- The Intent before its gas and its fee are known.
local function fields_of(relay, request, calls, pre_calls, nonce, token)
  local encoded, err = encode_pre_calls(pre_calls)
  if not encoded then return nil, err end
  local fields
  fields, err = intent.new {
    eoa = request.from, calls = calls, nonce = nonce, payer = payer_of(request), paymentToken = token.address,
    encodedPreCalls = encoded, paymentRecipient = relay.fee_recipient,
    supportedAccountImplementation = relay.addresses.account_implementation,
  }
  if not fields then return nil, err end
  fields.encodedPreCalls = encoded
  fields.encodedFundTransfers = json.array {}
  return fields
end

local function simulation_of(relay, account, request, fields)
  return { addresses = relay.addresses, fields = fields, key = request.key, pays = relay.fees.charges,
    overrides = merge_overrides(account and account.overrides, request.stateOverrides) }
end

-- What would be simulated for an account that is on the chain and has nothing stored here, if the request says all
-- that there is to it. Nil otherwise, and where something is wrong, which is found again and told in its turn.
local function foresee(relay, request)
  local capabilities = request.capabilities
  local nonce = capabilities.meta.nonce
  if not request.from or not nonce or capabilities.preCall or relay.pre_calls:has(request.from) then return nil end
  local token, calls = relay.fees:token(capabilities.meta.feeToken), all_calls(request)
  if not token or not calls then return nil end
  local fields = fields_of(relay, request, calls, capabilities.preCalls or {}, nonce, token)
  return fields and { calls = calls, simulated = simulation_of(relay, nil, request, fields) } or nil
end

local function draft(relay, view, account, request, token)
  local foreseen = request.foreseen
  local calls, err = foreseen and foreseen.calls
  if not calls then calls, err = all_calls(request) end
  if not calls then return nil, err end
  local pre_calls
  pre_calls, err = pre_calls_of(relay, view, account, request)
  if not pre_calls then return nil, err end
  local known
  known, err = check_key(view, account, request.key, pre_calls)
  if not known then return nil, err end
  local payer = payer_of(request)
  if payer then
    local sponsor
    sponsor, err = relay.accounts:find(view, payer)
    if not sponsor then return nil, err end
  end
  if foreseen and account.delegated and #pre_calls == #(request.capabilities.preCalls or {}) then
    return foreseen.simulated, foreseen.calls
  end
  local nonce, fields
  nonce, err = nonce_of(view, account, request)
  if not nonce then return nil, err end
  fields, err = fields_of(relay, request, calls, pre_calls, nonce, token)
  if not fields then return nil, err end
  return simulation_of(relay, account, request, fields), calls
end

local function quote_of(relay, view, account, request)
  local token, err = relay.fees:token(request.capabilities.meta.feeToken)
  if not token then return nil, err end
  local ok
  ok, err = check_required_funds(view, account, request)
  if not ok then return nil, err end
  local simulated, calls = draft(relay, view, account, request, token)
  if not simulated then return nil, calls end
  local fields = simulated.fields
  local estimate
  estimate, err = relay.fees:estimate(view)
  if not estimate then return nil, err end
  local gas, lacking
  gas, err, lacking = measure(view, simulated, calls)
  if not gas then
    forget_revoked(relay, view, account, request, err)
    return nil, err
  end
  local bytes = simulation.calldata_bytes(simulated)
  fields.combinedGas = gas
  local transaction_gas = simulation.transaction_gas(gas, bytes, not account.delegated)
  local fee = relay.fees:amount(token, transaction_gas, estimate)
  fields.paymentMaxAmount, fields.paymentAmount = fee, fee
  local deficit
  deficit, err = fee_deficit(view, fields, fee, calls)
  if not deficit then return nil, err end
  if not fee:is_zero() and deficit:is_zero() and not lacking then
    ok, err = simulation.run(view, simulated)
    if not ok then return nil, err end
  end

  local delegate
  if account.upgrade then delegate = relay.addresses.account_proxy
  elseif not account.delegated then delegate = contracts.NATIVE end
  return {
    chainId = relay.chain_id, intent = fields, extraPayment = core.u256(0), ethPrice = token.rate,
    paymentTokenDecimals = token.decimals, txGas = transaction_gas, nativeFeeEstimate = estimate,
    authorizationAddress = delegate, orchestrator = relay.addresses.orchestrator, feeTokenDeficit = deficit,
    assetDeficits = lacking and json.array(lacking) or nil,
  }, calls
end

-- A secp256k1 key whose address is itself an account is asked through ERC-1271, and signs for that account.
local function digest_for_key(relay, view, key, digest)
  if not key or key.type ~= "secp256k1" then return digest end
  local address = "0x" .. key.publicKey:sub(-40)
  local code, err = view:code(address)
  if not code then return nil, err end
  if not contracts.delegation_of(code) then return digest end
  local found
  found, err = view:read(relay.addresses.orchestrator, contracts.orchestrator.accountImplementationOf, { address })
  if not found then return nil, err end
  if found[1] == contracts.NATIVE then return digest end
  return intent.erc1271_digest(address, digest)
end

-- Members of the answer that a bundle and a pre-call share.
local function finish(relay, request, response)
  local capabilities = request.capabilities
  local shown = response.capabilities
  shown.authorizeKeys = keys.entries_json(capabilities.authorizeKeys or {})
  shown.revokeKeys = json.array {}
  for i, entry in ipairs(capabilities.revokeKeys or {}) do shown.revokeKeys[i] = { hash = entry.hash } end
  response.key = request.key and keys.signer_json(request.key) or json.null
  response.signature = relay.quotes:sign_response(response)
  return response
end

local function prepare_bundle(relay, view, request)
  if not request.from then return rpc_error.refuse("intent creation requires a sender.") end
  local account, err = find_account(relay, view, request)
  if not account then return nil, err end
  local quote, calls = quote_of(relay, view, account, request)
  if not quote then return nil, calls end
  local plain = assert(intent.digest(quote.intent, relay.domain))
  local digest
  digest, err = digest_for_key(relay, view, request.key, plain)
  if not digest then return nil, err end
  local free = { currency = "USD", value = "0" } -- a devnet's currency has no price
  return finish(relay, request, {
    context = relay.quotes:sign(quote, core.now()),
    digest = digest,
    typedData = typed_data.intent(quote.intent, relay.domain, calls),
    capabilities = {
      feeTotals = { ["0x0"] = free, [core.u256(relay.chain_id):hex()] = free },
      feePayerDigest = quote.intent.payer ~= contracts.NATIVE and plain or nil,
    },
  })
end

-- ---- a pre-call ------------------------------------------------------------------------------------------------

-- Runs what is stored for the key and the new pre-call behind it, so that a grant the account would refuse is refused
-- now, and not when its key first acts.
local function rehearse(relay, view, account, hash, call)
  local list = {}
  for _, first in ipairs(account.pre_calls) do list[#list + 1] = first end
  if hash then
    local stored, err = relay.pre_calls:for_key(view, account, hash)
    if not stored then return nil, err end
    for _, entry in ipairs(stored) do list[#list + 1] = entry.signed_call end
  end
  list[#list + 1] = call
  local encoded = assert(encode_pre_calls(list))
  return simulation.combined_gas(view, { addresses = relay.addresses, overrides = account.overrides,
    fields = assert(intent.new { eoa = account.address, nonce = random_nonce(), encodedPreCalls = encoded }) })
end

local function pre_call_nonce(relay, view, account, request, hash)
  if request.capabilities.meta.nonce then return request.capabilities.meta.nonce end
  if not account then return core.u256(0) end
  if not hash then return random_nonce() end
  return relay.pre_calls:nonce_for(view, account, hash)
end

local function prepare_pre_call(relay, view, request)
  local account, err
  if request.from then
    account, err = relay.accounts:find(view, request.from)
    if not account then return nil, err end
  end
  local calls
  calls, err = all_calls(request)
  if not calls then return nil, err end
  local eoa = request.from or contracts.NATIVE
  local operations, hash = PreCalls.check(calls, eoa, relay.addresses.account_implementation)
  if not operations then return nil, hash end
  local nonce
  nonce, err = pre_call_nonce(relay, view, account, request, hash)
  if not nonce then return nil, err end
  local call = { eoa = eoa, executionData = assert(intent.encode_calls(calls)), nonce = nonce,
    signature = simulation.pre_call_signature() }
  if account then
    local ok
    ok, err = rehearse(relay, view, account, hash, call)
    if not ok then return nil, err end
  end
  call.signature = "0x"
  local digest = assert(intent.signed_call_digest(call, relay.domain))
  digest, err = digest_for_key(relay, view, request.key, digest)
  if not digest then return nil, err end
  return finish(relay, request, {
    context = { preCall = { eoa = call.eoa, executionData = call.executionData, nonce = call.nonce, signature = "0x",
      chainId = core.u256(relay.chain_id) } },
    digest = digest,
    typedData = typed_data.signed_call(call, relay.domain),
    capabilities = {},
  })
end

-- What serving a request will read, as far as that is clear from the start.
local function expect(relay, view, request)
  local account, capabilities = request.from, request.capabilities
  if not account then return end
  relay.accounts:expect(view, account)
  if request.key then view:expect_read(account, contracts.account.getKeys) end
  if capabilities.preCall then return end
  relay.fees:expect(view)
  if request.foreseen then simulation.expect(view, request.foreseen.simulated) end
  if not capabilities.meta.nonce then
    view:expect_read(account, contracts.account.getNonce, { core.u256(0) })
  end
end

--- wallet_prepareCalls
function prepare.calls(relay, params)
  local values, complaint = PARAMETERS(params)
  if not values then return rpc_error.params(complaint) end
  local request = values[1]
  if request.chainId ~= relay.chain_id then return rpc_error.trouble("unsupported chain %d", request.chainId) end
  request.foreseen = foresee(relay, request)
  local view, err = View.new(relay.node, function(view) expect(relay, view, request) end)
  if not view then return nil, err end
  if request.capabilities.preCall then return prepare_pre_call(relay, view, request) end
  return prepare_bundle(relay, view, request)
end

return prepare
