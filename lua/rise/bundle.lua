--- One bundle's way through the relay: prepare, verify, sign, write down, send, wait.
--
-- Sessions and administrators go the same way; only the key and what is expected differ. Nothing is signed that
-- was not rebuilt and compared first, the relay's context goes back byte for byte, and nothing leaves this machine
-- before the journal of the wallet's store has it.
-- @module rise.bundle

local core = require "rise.core"
local errors = require "rise.errors"
local intent = require "rise.intent"
local json = require "rise.json"
local landing = require "rise.landing"
local quantity = require "rise.quantity"
local revert = require "rise.revert"

local bundle = {}

local ATTEMPTS = 3 -- fresh quotes for one action

--- A random sequence key of 192 bits whose bundles get in nobody's way; never one of the multichain ones.
-- @treturn string 0x text of 24 bytes
function bundle.random_sequence()
  while true do
    local bytes = assert(core.random(24))
    if bytes:sub(1, 2) ~= "\193\208" then return core.hex(bytes) end -- not 0xc1d0
  end
end

-- The key as the relay wants to hear of it; nil when the account's own EOA signs.
local function key_of(key, account)
  if key:type() == "secp256k1" and core.hex(key:address()) == account then return nil end
  return { type = key:type(), publicKey = core.hex(key:public()), prehash = false }
end

-- Calls as JSON, every member present.
local function calls_json(calls)
  local list = json.array {}
  for i, call in ipairs(calls) do
    list[i] = { to = call.to, value = quantity.encode(call.value or 0), data = call.data or "0x" }
  end
  return list
end

-- A revert that the simulation found, said with what is known here.
local function explained(wallet, action, err)
  if err.code ~= "reverted" or not err.data then return nil, err end
  local said = revert.to_error(err.data, {
    account = action.account, calls = action.calls, grant = action.grant, now = wallet:now(),
    items = wallet.abi_items, tokens = wallet.tokens, granted = action.granted,
  })
  said.rpc_code, said.rpc_message, said.data = err.rpc_code, err.rpc_message, err.data
  return nil, said
end

--- Prepares a bundle and checks that it is what was asked for.
-- @param wallet a @{rise.Wallet}
-- @tparam table action `account`, `key` (who signs), `calls`; optionally `authorize` (relay keys to install),
-- `admin_calls` and `revoke_calls` (the calls those come to), `revoke` (key hashes), `nonce`, `fee_token`, `max_fee`,
-- `pre_call_allowed`, `grant`, `refusal` (a function that gives an error once the key is gone, else nil)
-- @treturn[1] table id, digest, nonce, context_text, ttl, key, fee, fee_token
-- @treturn[2] nil
-- @treturn[2] table relay_tampered, insufficient_funds, fee_too_high, or what the relay's simulation said
function bundle.prepare(wallet, action)
  local refusal = action.refusal and action.refusal()
  if refusal then return nil, refusal end
  local key = key_of(action.key, action.account)
  local revoke_keys = json.array {}
  for i, hash in ipairs(action.revoke or {}) do revoke_keys[i] = { hash = hash } end
  local nonce = action.nonce or intent.nonce(bundle.random_sequence(), 0)
  local prepared, err = wallet.relay:prepare_calls({
    calls = calls_json(action.calls),
    chainId = wallet.chain_id,
    from = action.account,
    key = key,
    capabilities = {
      meta = json.object { nonce = quantity.encode(nonce), feeToken = action.fee_token },
      authorizeKeys = json.array(action.authorize),
      revokeKeys = revoke_keys,
    },
  }, { timeout = wallet.timeout })
  if not prepared then return explained(wallet, action, err) end

  local expected_calls = {}
  for _, list in ipairs { action.admin_calls or {}, action.calls, action.revoke_calls or {} } do
    for _, call in ipairs(list) do expected_calls[#expected_calls + 1] = call end
  end
  local digest
  digest, err = intent.verify(prepared, {
    account = action.account,
    chain_id = wallet.chain_id,
    orchestrator = wallet.orchestrator,
    version = wallet.version,
    calls = expected_calls,
    nonce = nonce,
    fee_token = action.fee_token,
    max_fee = action.max_fee,
    pre_call_allowed = action.pre_call_allowed,
    now = wallet:now(),
  })
  if not digest then return nil, err end
  local quote = prepared.context.quote
  if type(quote.hash) ~= "string" or not quote.hash:find("^0x%x+$") or #quote.hash ~= 66 then
    return errors.fail("relay", "wallet_prepareCalls: the quote has no 32-byte hash")
  end
  local fields = quote.quotes[1].intent
  return {
    id = quote.hash:lower(),
    digest = digest,
    nonce = nonce,
    context_text = prepared.context_text,
    ttl = type(quote.ttl) == "number" and quote.ttl or nil,
    key = key,
    fee = quantity.decode(fields.paymentMaxAmount),
    fee_token = fields.paymentToken,
    fee_signature = json.get(prepared, "capabilities", "feeSignature"),
    account = action.account,
    created = wallet:now(),
  }
end

--- Signs a prepared bundle.
-- @treturn string 0x text
function bundle.sign(prepared, key)
  return core.hex(key:sign(core.unhex(prepared.digest)))
end

-- Whether the failure leaves open that the relay has the request.
local function maybe_arrived(err)
  if err.sent == false then return false end
  return err.code == "network" or err.code == "timeout" or err.code == "canceled"
    or (err.code == "relay" and err.rpc_code == nil)
end

-- Nobody knows yet whether the relay has the bundle.
local function unclear(prepared, code, message)
  return errors.fail(code, message, { id = prepared.id, nonce = prepared.nonce, unclear = true })
end

--- Sends a signed bundle, once: when the answer is lost the relay is asked for the bundle by its id, and the same
-- payload goes again only if the relay has never heard of it and the quote still lives.
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table quote_expired (certainly not accepted), pending (not known), or what the relay answered. With
-- `err.unclear` the bundle may land all the same
function bundle.send(wallet, prepared, signature)
  local params = {
    context_text = prepared.context_text,
    signature = signature,
    key = prepared.key,
    capabilities = prepared.fee_signature and { feeSignature = prepared.fee_signature } or nil,
  }
  local failure
  local doubtful = false -- whether a request of ours may still be on its way
  for attempt = 1, ATTEMPTS do
    local result, err = wallet.relay:send_prepared_calls(params, { timeout = wallet.timeout })
    if result then
      if type(result.id) ~= "string" or result.id:lower() ~= prepared.id then
        return unclear(prepared, "relay", "wallet_sendPreparedCalls: the relay named another bundle")
      end
      return true
    end
    failure = err
    if err.sent ~= false then
      if not maybe_arrived(err) then return nil, err end
      doubtful = true
      if err.code == "canceled" then return unclear(prepared, "canceled", "canceled while a bundle was being sent") end
      local status, status_err = wallet.relay:get_calls_status(prepared.id, { timeout = wallet.timeout })
      if status then return true end
      if status_err.code ~= "unknown_bundle" then
        return unclear(prepared, "pending", "the answer to sending bundle " .. prepared.id
          .. " was lost and the relay does not answer: " .. err.message)
      end
    end
    if prepared.ttl and wallet:now() >= prepared.ttl then
      return errors.fail("quote_expired", "the bundle could not be sent while its quote lived: " .. err.message)
    end
    if attempt < ATTEMPTS then
      local slept, slept_err = wallet.loop:sleep(0.1 * attempt)
      if not slept then
        slept_err.unclear = doubtful or nil
        return nil, slept_err
      end
    end
  end
  if doubtful then
    return unclear(prepared, "pending", "bundle " .. prepared.id .. " could not be sent for sure: " .. failure.message)
  end
  return nil, failure
end

local function receipt_of(wallet, prepared, status)
  local first = json.get(status, "receipts", 1)
  if type(first) ~= "table" then first = {} end
  local hash = json.get(first, "transactionHash")
  if type(hash) ~= "string" then hash = nil end
  local logs = json.get(first, "logs")
  return {
    id = prepared.id,
    status = status.status,
    nonce = prepared.nonce,
    transaction_hash = hash,
    explorer_url = hash and wallet:explorer_url(hash),
    block_number = quantity.number(json.get(first, "blockNumber")),
    gas_used = quantity.number(json.get(first, "gasUsed")),
    fee = prepared.fee,
    fee_token = prepared.fee_token,
    logs = type(logs) == "table" and logs or {},
  }
end

-- Where the relay's word is not enough, the chain's: a bundle that reached the relay twice is reported as failed though
-- it landed. False when the chain has nothing to add.
local function second_opinion(wallet, prepared, receipt)
  if not wallet.chain then return false end
  local landed, err = landing.status(wallet, prepared)
  if landed ~= nil then return landed end
  if err.code == "unknown_bundle" then return false end -- its nonce is used up by something else
  return errors.fail("pending", string.format("the relay reports bundle %s with status %s, and the chain cannot be "
    .. "asked: %s", prepared.id, receipt.status, err.message), { id = prepared.id, nonce = prepared.nonce })
end

--- What a final status means: the receipt, or the error with the receipt's figures. An error is final when it has a
-- `state`: that of the journal.
-- @param wallet
-- @tparam table prepared at least `id`, `account`, `nonce`
-- @tparam table status as the relay gives it
-- @tparam[opt] boolean from_chain whether the status is the chain's own word (@{rise.landing.status})
-- @treturn[1] table receipt
-- @treturn[2] nil
-- @treturn[2] table
function bundle.outcome(wallet, prepared, status, from_chain)
  local receipt = receipt_of(wallet, prepared, status)
  local executed = intent.find_executed(receipt.logs, wallet.orchestrator, prepared.account, prepared.nonce)
  local succeeded = executed and executed.err == "0x00000000"
  local fields = { id = receipt.id, nonce = receipt.nonce, status = receipt.status,
    transaction_hash = receipt.transaction_hash, explorer_url = receipt.explorer_url,
    incremented = executed and executed.incremented or false }
  if executed and not succeeded then
    local err = revert.to_error(executed.err, {
      account = prepared.account, grant = prepared.grant, calls = prepared.calls, now = wallet:now(),
      items = wallet.abi_items, tokens = wallet.tokens, granted = true,
    })
    for name, value in pairs(fields) do err[name] = value end
    err.state = "reverted"
    return nil, err
  end
  if succeeded and receipt.status < 300 then return receipt end
  if not from_chain then
    local landed, err = second_opinion(wallet, prepared, receipt)
    if landed == nil then return nil, err end
    if landed then return bundle.outcome(wallet, prepared, landed, true) end
  end
  if receipt.status < 300 then
    return errors.fail("relay", "the relay reports bundle " .. prepared.id
      .. " as done, but no IntentExecuted event carries its account and nonce", fields)
  end
  if receipt.status < 400 then
    fields.state = "failed"
    return errors.fail("failed", "bundle " .. prepared.id .. " failed before it reached the chain (status "
      .. receipt.status .. ")", fields)
  end
  fields.state = "reverted"
  return errors.fail("reverted", "bundle " .. prepared.id .. " reverted on chain (status " .. receipt.status .. ")",
    fields)
end

--- Polls until a bundle is final.
-- @tparam table prepared at least `id`, `account`, `nonce`
-- @tparam[opt=90] number timeout seconds
-- @treturn[1] table receipt
-- @treturn[2] nil
-- @treturn[2] table reverted and its kin, failed (never mined), pending (deadline passed: it may still land)
function bundle.wait(wallet, prepared, timeout)
  local started = wallet.loop:now()
  local deadline = started + (timeout or 90)
  local pause = 0.02
  local last
  while true do
    local slept, err = wallet.loop:sleep(pause)
    if not slept then return nil, err end
    local status
    status, err = wallet.relay:get_calls_status(prepared.id, { timeout = wallet.timeout })
    if status then
      if type(status.status) ~= "number" then
        return errors.fail("relay", "wallet_getCallsStatus: the relay's answer has no status")
      end
      if status.status >= 200 then return bundle.outcome(wallet, prepared, status) end
    elseif err.code == "unknown_bundle" then
      -- Behind a load balancer the row may take a moment to show.
      if wallet.loop:now() - started > 2 then return nil, err end
    elseif err.code == "canceled" or not (err.retryable or err.code == "relay") then
      return nil, err
    end
    last = err
    if wallet.loop:now() >= deadline then
      return errors.fail("pending", string.format("bundle %s is not final after %g s%s", prepared.id, timeout or 90,
        last and ": " .. last.message or ""), { id = prepared.id, nonce = prepared.nonce })
    end
    pause = math.min(pause * 1.4, wallet.loop:now() - started < 5 and 0.25 or 1)
  end
end

-- ---- the journal -----------------------------------------------------------------------------------------------

local function write_down(wallet, action, prepared, signature)
  return wallet.store:begin {
    id = prepared.id, session = action.session, account = prepared.account, chain_id = wallet.chain_id,
    nonce = core.hex(prepared.nonce:bytes()), ttl = prepared.ttl, created = prepared.created,
    payload = { context_text = prepared.context_text, signature = signature, key = prepared.key,
      fee_signature = prepared.fee_signature },
    calls = calls_json(action.calls), actions = action.actions or { { calls = #action.calls } },
  }
end

--- Writes down what became of a bundle, or lets go of one whose end is not known.
-- @param wallet
-- @tparam string id
-- @tparam ?table receipt
-- @tparam ?table err final when it has a `state`
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table store
function bundle.close(wallet, id, receipt, err)
  local said = receipt or err
  local state = receipt and "done" or err.state
  if not state then return wallet.store:release(id) end
  local incremented = receipt ~= nil or err.incremented
  return wallet.store:finish(id, state, {
    status = said.status, transaction_hash = said.transaction_hash, block_number = said.block_number,
    incremented = incremented, code = err and err.code, message = err and err.message,
  })
end

-- Sends what was written down. What the relay refused cannot land.
local function dispatch(wallet, prepared, signature)
  local sent, err = bundle.send(wallet, prepared, signature)
  if sent then
    wallet.store:mark(prepared.id, "accepted") -- should the disk refuse, it counts as being sent
    return true
  end
  if not err.unclear then err.state = "failed" end
  bundle.close(wallet, prepared.id, nil, err)
  return nil, err
end

-- Never mined and no reason given: what the simulation says now is usually the reason.
local function reason_of(wallet, action, err)
  if err.code ~= "failed" then return nil, err end
  local again, reason = bundle.prepare(wallet, action)
  if again or reason.code == "network" or reason.code == "timeout" or reason.code == "canceled"
    or reason.code == "revoked" then
    return nil, err
  end
  reason.id, reason.status, reason.state = err.id, err.status, err.state
  return nil, reason
end

--- The whole way. A quote that died on it is replaced by a fresh one, a few times.
-- @tparam table action as for @{bundle.prepare}; `session` (its id) and `actions` for the journal; `timeout`
-- @treturn[1] table receipt with `timing` (seconds): prepare, sign, send, confirm
-- @treturn[2] nil
-- @treturn[2] table with `state` when a bundle was made and its end is known, with `id` and `nonce` when it is not
function bundle.execute(wallet, action)
  local loop = wallet.loop
  local prepared, err, prepared_at, signed_at, sent_at
  local started = loop:now()
  for attempt = 1, ATTEMPTS do
    prepared, err = bundle.prepare(wallet, action)
    if not prepared then return nil, err end
    prepared.grant, prepared.calls = action.grant, action.calls
    prepared_at = loop:now()
    local refusal = action.refusal and action.refusal() -- the key may have been wiped while the relay was asked
    if refusal then return nil, refusal end
    local signature = bundle.sign(prepared, action.key)
    signed_at = loop:now()
    local written
    written, err = write_down(wallet, action, prepared, signature)
    if not written then return nil, err end
    local sent
    sent, err = dispatch(wallet, prepared, signature)
    sent_at = loop:now()
    if sent then break end
    if err.code ~= "quote_expired" or attempt == ATTEMPTS then return nil, err end
  end
  local receipt
  receipt, err = bundle.wait(wallet, prepared, action.timeout)
  local closed, close_err = bundle.close(wallet, prepared.id, receipt, err)
  if not receipt then
    err.id, err.nonce = err.id or prepared.id, err.nonce or prepared.nonce
    return reason_of(wallet, action, err)
  end
  if not closed then receipt.store_error = close_err end -- it has landed: that must not look like a failure
  receipt.timing = {
    prepare = prepared_at - started,
    sign = signed_at - prepared_at,
    send = sent_at - signed_at,
    confirm = loop:now() - sent_at,
  }
  return receipt
end

--- Signs a pre-call (a grant or revocation that rides with a later bundle) and leaves it with the relay.
-- @tparam table action `account`, `key` (an administrator's), `authorize`, `admin_calls`
-- @treturn[1] table the pre-call as signed: eoa, executionData, nonce (u256), digest
-- @treturn[2] nil
-- @treturn[2] table
function bundle.store_pre_call(wallet, action)
  local key = key_of(action.key, action.account)
  local prepared, err = wallet.relay:prepare_calls({
    calls = json.array {},
    chainId = wallet.chain_id,
    from = action.account,
    key = key,
    capabilities = { meta = json.object {}, preCall = true, authorizeKeys = json.array(action.authorize) },
  }, { timeout = wallet.timeout })
  if not prepared then return explained(wallet, action, err) end
  local digest
  digest, err = intent.verify_pre_call(prepared, {
    account = action.account,
    chain_id = wallet.chain_id,
    orchestrator = wallet.orchestrator,
    version = wallet.version,
    calls = action.admin_calls,
  })
  if not digest then return nil, err end
  local sent
  sent, err = wallet.relay:send_prepared_calls({
    context_text = prepared.context_text,
    signature = core.hex(action.key:sign(core.unhex(digest))),
    key = key,
  }, { timeout = wallet.timeout })
  if not sent then return nil, err end
  local pre_call = prepared.context.preCall
  return {
    eoa = pre_call.eoa:lower(),
    execution_data = pre_call.executionData:lower(),
    nonce = quantity.decode(pre_call.nonce),
    digest = digest,
  }
end

return bundle
