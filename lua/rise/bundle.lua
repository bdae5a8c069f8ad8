--- One bundle's way through the relay: prepare, verify, sign, write down, send, wait.
--
-- In direct mode (@{rise.direct}) preparing, sending and waiting are done without a relay; all else is the same.
--
-- Sessions and administrators go the same way; only the key and what is expected differ. Nothing is signed that
-- was not rebuilt and compared first, the relay's context goes back byte for byte, and nothing leaves this machine
-- before the journal of the wallet's store has it.
-- @module rise.bundle

local contracts = require "rise.contracts"
local core = require "rise.core"
local direct = require "rise.direct"
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

local function is_hash(value)
  return type(value) == "string" and #value == 66 and value:find("^0x%x+$") ~= nil
end

local function hex_text(value)
  return type(value) == "string" and value:find("^0x%x*$") and value or nil
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
-- @tparam table action `account`, `key` (who signs), `calls`, `nonce`, `fee_token` and `max_fee` (in units of that
-- token: without both the relay could choose what it is paid in); optionally `authorize` (relay keys to install),
-- `admin_calls` and `revoke_calls` (the calls those come to), `revoke` (key hashes), `pre_call_allowed`, `grant`,
-- `guard` (given the calls, what forbids them, right before they are signed)
-- @treturn[1] table id, digest, nonce, context_text, ttl, key, fee, fee_token
-- @treturn[2] nil
-- @treturn[2] table relay_tampered, insufficient_funds, fee_too_high, or what the relay's simulation said
function bundle.prepare(wallet, action)
  assert(action.nonce and action.fee_token and action.max_fee, "a bundle needs its nonce, fee token and cap")
  if wallet.gas then
    local built, build_err = direct.prepare(wallet, action)
    if not built then return explained(wallet, action, build_err) end
    built.guard = action.guard
    return built
  end
  local key = key_of(action.key, action.account)
  local revoke_keys = json.array {}
  for i, hash in ipairs(action.revoke or {}) do revoke_keys[i] = { hash = hash } end
  local prepared, err = wallet.relay:prepare_calls({
    calls = calls_json(action.calls),
    chainId = wallet.chain_id,
    from = action.account,
    key = key,
    capabilities = {
      meta = json.object { nonce = quantity.encode(action.nonce), feeToken = action.fee_token },
      authorizeKeys = json.array(action.authorize),
      revokeKeys = revoke_keys,
    },
  }, { timeout = wallet.timeout })
  if not prepared then return explained(wallet, action, err) end

  local carried = {}
  local digest
  digest, err = intent.verify(prepared, {
    account = action.account,
    chain_id = wallet.chain_id,
    orchestrator = wallet.orchestrator,
    version = wallet.version,
    calls = contracts.calls_of(action),
    nonce = action.nonce,
    fee_token = action.fee_token,
    max_fee = action.max_fee,
    pre_call_allowed = function(call)
      carried[#carried + 1] = call.digest
      if not action.pre_call_allowed then return nil, "none is expected" end
      return action.pre_call_allowed(call)
    end,
    now = wallet:now(),
  })
  if not digest then return nil, err end
  local quote = prepared.context.quote
  if not is_hash(quote.hash) then
    return errors.fail("relay_tampered", "wallet_prepareCalls: the quote has no 32-byte hash", { field = "hash" })
  end
  local fields = quote.quotes[1].intent
  return {
    id = quote.hash:lower(),
    digest = digest,
    nonce = action.nonce,
    context_text = prepared.context_text,
    ttl = type(quote.ttl) == "number" and quote.ttl or nil,
    key = key,
    fee = quantity.decode(fields.paymentMaxAmount),
    fee_token = fields.paymentToken,
    fee_signature = hex_text(json.get(prepared, "capabilities", "feeSignature")),
    account = action.account,
    grant = action.grant,
    calls = action.calls,
    pre_calls = carried, -- the digests of those that land with it
    guard = action.guard,
    created = wallet:now(),
  }
end

--- Signs a prepared bundle, unless the rules of its session have come to forbid it.
-- @treturn[1] string 0x text
-- @treturn[2] nil
-- @treturn[2] table guarded
function bundle.sign(prepared, key)
  local err = prepared.guard and prepared.guard(prepared.calls)
  if err then return nil, err end
  return core.hex(key:sign(core.unhex(prepared.digest)))
end

-- Whether the failure leaves open that the relay has the request.
local function maybe_arrived(err)
  if err.sent == false then return false end
  -- An error object is the relay's word, unless it came with the status of a proxy in between.
  if err.rpc_code ~= nil then return err.http_status ~= nil and err.http_status >= 500 end
  return err.code == "network" or err.code == "timeout" or err.code == "relay" or err.code == "canceled"
end

-- The same error, with what is needed to ask for the bundle later.
local function about(prepared, err)
  err.id = err.id or prepared.id
  err.nonce = err.nonce or prepared.nonce
  return nil, err
end

local function pending(prepared, why)
  return errors.fail("pending", "bundle " .. prepared.id .. " " .. why, { id = prepared.id, nonce = prepared.nonce })
end

--- Sends a signed bundle, once: when the answer is lost the relay is asked for the bundle by its id, and the same
-- payload goes again only if the relay has never heard of it and the quote still lives. `prepared.maybe_sent` tells
-- afterwards whether the relay may have it.
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table quote_expired, pending (not known), or what the relay answered; with an `id` when the bundle may
-- still land
function bundle.send(wallet, prepared, signature)
  if prepared.transactions then return direct.send(wallet, prepared) end
  local params = {
    context_text = prepared.context_text,
    signature = signature,
    key = prepared.key,
    capabilities = prepared.fee_signature and { feeSignature = prepared.fee_signature } or nil,
  }
  local failure
  for attempt = 1, ATTEMPTS do
    local result, err = wallet.relay:send_prepared_calls(params, { timeout = wallet.timeout })
    if result then
      prepared.maybe_sent, prepared.sent_at = true, wallet.loop:now()
      -- The relay's own word for the bundle, should the quote's hash have been garbled on its way.
      if is_hash(result.id) then prepared.id = result.id:lower() end
      return true
    end
    failure = err
    if maybe_arrived(err) then
      prepared.maybe_sent = true
      if err.code == "canceled" then return about(prepared, err) end
      local status, status_err = wallet.relay:get_calls_status(prepared.id, { timeout = wallet.timeout })
      if status then return true end
      if status_err.code == "canceled" then return about(prepared, status_err) end
      if status_err.code ~= "unknown_bundle" then
        return pending(prepared, "was sent, its answer was lost, and the relay does not say what became of it: "
          .. err.message)
      end
    elseif err.sent ~= false then
      return nil, err -- the relay's own refusal
    end
    if prepared.ttl and wallet:now() >= prepared.ttl then
      return errors.fail("quote_expired", "the bundle could not be sent while its quote lived: " .. err.message)
    end
    if attempt < ATTEMPTS then
      local slept, slept_err = wallet.loop:sleep(0.1 * attempt)
      if not slept then return about(prepared, slept_err) end
    end
  end
  return about(prepared, failure)
end

-- ---- outcome --------------------------------------------------------------------------------------------------

-- How long a node is asked for the receipt that the relay reports.
local RECEIPT_SECONDS = 10

-- The receipt as the node has it, where there is one to ask: the relay's own could be made up. A node that cannot be
-- reached is as good as none. Second, who vouches for it.
local function confirmed(wallet, receipt)
  if not wallet.chain then return receipt, "relay" end
  local found, err = wallet.chain:wait_receipt(receipt.transactionHash, RECEIPT_SECONDS)
  if found then return found, "chain" end
  if err.code == "network" or err.code == "timeout" then return receipt, "relay" end
  return nil, err
end

local function receipt_of(wallet, prepared, status, raw, source)
  local logs = json.get(raw, "logs")
  local hash = json.get(raw, "transactionHash")
  if not is_hash(hash) then hash = nil end
  return {
    id = prepared.id,
    status = status,
    nonce = prepared.nonce,
    transaction_hash = hash,
    explorer_url = hash and wallet:explorer_url(hash),
    block_number = quantity.number(json.get(raw, "blockNumber")),
    gas_used = quantity.number(json.get(raw, "gasUsed")),
    fee = prepared.fee,
    fee_token = prepared.fee_token,
    logs = type(logs) == "table" and logs or {},
    source = source,
  }
end

-- Where the relay's word is not enough, the chain's: a bundle that reached the relay twice is reported as failed though
-- it landed. False when the chain has nothing to add.
local function second_opinion(wallet, prepared, receipt)
  if not wallet.chain then return false end
  local landed, err = landing.status(wallet, prepared)
  if landed ~= nil then return landed end
  if err.code == "unknown_bundle" then return false end -- its nonce is used up by something else
  return pending(prepared, "is reported with status " .. receipt.status .. ", and the chain cannot be asked: "
    .. err.message)
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
  local raw = json.get(status, "receipts", 1)
  if type(raw) ~= "table" then raw = nil end
  local source = from_chain and "chain" or "relay"
  if raw and not from_chain then
    if is_hash(json.get(raw, "transactionHash")) then
      raw, source = confirmed(wallet, raw)
      if not raw then return about(prepared, source) end
    elseif wallet.chain then
      raw = nil -- a receipt that cannot be looked up proves nothing
    end
  end
  local receipt = receipt_of(wallet, prepared, status.status, raw, source)
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
  if succeeded then
    -- The event decides, whatever the status says: a bundle that reached the relay twice ends as failed though it
    -- landed.
    if receipt.status >= 300 then receipt.status = 200 end
    return receipt
  end
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

-- ---- waiting ---------------------------------------------------------------------------------------------------

local UNKNOWN_SECONDS = 2 -- behind a load balancer the relay's row may take a moment to show
local TRAIL_SECONDS = 2   -- how long the relay may take to notice what the chain has told
local LINGER_SECONDS = 0.5 -- how long an answer that is not needed any more may come in, to spare its connection

-- A look at one side, again and again, in a task of its own. `look()` gives a verdict (what @{bundle.wait} returns, in
-- a list), or nil and whether it is of no use to go on.
local function watch(wallet, race, look)
  local loop = wallet.loop
  local watcher = { ended = loop:event(), stopped = false }
  watcher.task = loop:spawn(function()
    local missed
    while loop:sleep(wallet.pace:pause(loop:now() - race.since)) and not watcher.stopped do
      local asked = loop:now() - race.since
      local verdict, over = look()
      if verdict and not race.verdict then
        race.verdict, race.winner = verdict, watcher
        if race.sent then wallet.pace:learn(missed, asked) end
        race.decided:fire()
      end
      if verdict or over then break end
      missed = asked
    end
    watcher.ended:fire()
  end)
  return watcher
end

local function look_at_relay(wallet, prepared, race)
  local status, err = wallet.relay:get_calls_status(prepared.id, { timeout = wallet.timeout })
  if race.verdict then return nil, not (status and status.status == 100) end
  if status then
    if type(status.status) ~= "number" then
      return { about(prepared, errors.new("relay", "wallet_getCallsStatus: the relay's answer has no status")) }
    end
    race.trouble, race.unknown = nil, nil
    if status.status >= 200 then return { bundle.outcome(wallet, prepared, status) } end
  elseif err.code == "unknown_bundle" then
    race.unknown = race.unknown or wallet.loop:now()
    if wallet.loop:now() - race.unknown > UNKNOWN_SECONDS then return { about(prepared, err) } end
  elseif err.code == "canceled" then
    return nil, true
  elseif not (err.retryable or err.code == "relay") then
    return { about(prepared, err) }
  else
    race.trouble = err.message
  end
end

local function look_at_chain(wallet, prepared)
  local from_block = prepared.since()
  if not from_block then return nil, true end
  local status, err = landing.find(wallet, prepared, from_block)
  if status then return { bundle.outcome(wallet, prepared, status, true) } end
  return nil, status == nil and not err.retryable
end

-- Ends a watcher that came second: what it has on the wire may come in for a moment, so that its connection lives on.
local function let_go(wallet, watcher, seconds, after)
  wallet.loop:spawn(function()
    if not watcher.ended:wait(seconds) then watcher.task:cancel() end
    if after then after() end
  end)
end

-- The chain was first. The relay counts the bundle among the unfinished until it has noticed as well, and takes only
-- so many of an account: what comes next must know.
local function trail(wallet, account, watcher)
  local trailing = wallet.trailing[account] or { count = 0, changed = wallet.loop:event() }
  wallet.trailing[account] = trailing
  trailing.count = trailing.count + 1
  let_go(wallet, watcher, TRAIL_SECONDS, function()
    trailing.count = trailing.count - 1
    trailing.changed:fire()
    trailing.changed = wallet.loop:event()
    if trailing.count == 0 then wallet.trailing[account] = nil end
  end)
end

-- Waits until the relay has room for one more of an account's bundles.
local function let_relay_catch_up(wallet, account)
  while true do
    local trailing = wallet.trailing[account]
    local used = math.max(1, wallet.max_unfinished - wallet:queue_of(account).free)
    if not trailing or trailing.count + used <= wallet.max_unfinished then return true end
    local ok, err = trailing.changed:wait()
    if not ok then return nil, err end
  end
end

--- Waits until a bundle is final. The relay's status and, where a node can be asked since before the bundle was sent,
-- the event with the bundle's nonce are looked for side by side; who knows first ends the wait.
-- @tparam table prepared at least `id`, `account`, `nonce`; of one sent just now `sent_at`, and `since` (see
-- @{rise.landing.since})
-- @tparam[opt=90] number timeout seconds
-- @treturn[1] table receipt
-- @treturn[2] nil
-- @treturn[2] table reverted and its kin, failed (never mined), pending (deadline passed: it may still land); `id` and
-- `nonce` are in each
function bundle.wait(wallet, prepared, timeout)
  timeout = timeout or 90
  if prepared.transactions or wallet.gas then
    local landed, err = direct.wait(wallet, prepared, timeout)
    if not landed then return about(prepared, err) end
    return bundle.outcome(wallet, prepared, landed, true)
  end
  local loop = wallet.loop
  -- Nothing is known of when an older one was sent: it is looked for at once.
  local race = { sent = prepared.sent_at, since = prepared.sent_at or loop:now() - wallet.pace.expected,
    decided = loop:event() }
  local relay = watch(wallet, race, function() return look_at_relay(wallet, prepared, race) end)
  local chain = wallet.chain and prepared.since
    and watch(wallet, race, function() return look_at_chain(wallet, prepared) end)
  local decided, err = race.decided:wait(timeout)
  if not decided then
    relay.task:cancel()
    if chain then chain.task:cancel() end
    if err.code == "canceled" then return about(prepared, err) end
    return pending(prepared, string.format("is not final after %g s%s", timeout,
      race.trouble and ": " .. race.trouble or ""))
  end
  if race.winner == chain then
    trail(wallet, prepared.account, relay)
  elseif chain then
    chain.stopped = true
    let_go(wallet, chain, LINGER_SECONDS)
  end
  local receipt
  receipt, err = race.verdict[1], race.verdict[2]
  if receipt and receipt.source == "chain" then landing.note_block(wallet, receipt.block_number) end
  return receipt, err
end

-- ---- the journal -----------------------------------------------------------------------------------------------

-- What is sent.
local function payload_of(wallet, action, prepared, signature)
  if prepared.fields then return direct.seal(wallet, action, prepared, signature) end
  return { context_text = prepared.context_text, signature = signature, key = prepared.key,
    fee_signature = prepared.fee_signature, pre_calls = json.array(prepared.pre_calls) }
end

local function write_down(wallet, action, prepared, payload)
  prepared.written = prepared.id -- the relay may come to name it otherwise
  return wallet.store:begin {
    id = prepared.id, session = action.session, account = prepared.account, chain_id = wallet.chain_id,
    nonce = core.hex(prepared.nonce:bytes()), ttl = prepared.ttl, created = prepared.created,
    payload = payload, calls = calls_json(action.calls), actions = action.actions or { { calls = #action.calls } },
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

-- ---- the whole way ---------------------------------------------------------------------------------------------

-- What became of a bundle that may have been sent, by the chain.
local function by_chain(wallet, prepared)
  local status = landing.status(wallet, prepared)
  if status then return bundle.outcome(wallet, prepared, status, true) end
  return pending(prepared, "was sent and its nonce is used up, but its event was not found: it may have landed")
end

local function is_closed(action)
  if action.key:is_open() then return nil end
  return errors.new("revoked", "the key was wiped")
end

-- Sends what was written down. What the relay refused cannot land, unless an answer was lost before.
local function dispatch(wallet, prepared, signature)
  local sent, err = bundle.send(wallet, prepared, signature)
  if not sent and prepared.maybe_sent and not err.id then
    local known, wait_err = bundle.wait(wallet, prepared, 3)
    if known or wait_err.state then
      prepared.known = { known, wait_err }
      return true
    end
    if wait_err.code ~= "unknown_bundle" then err = wait_err end
  end
  if sent then
    wallet.store:mark(prepared.written, "accepted") -- should the disk refuse, it counts as being sent
    return true
  end
  if not err.id then err.state = "failed" end
  err.written = prepared.written
  bundle.close(wallet, prepared.written, nil, err)
  return nil, err
end

-- Prepares, signs, writes down and sends, with a fresh quote where one died on the way. All attempts carry the same
-- nonce: whatever of them reaches the chain, one lands at most.
local function deliver(wallet, action, timing)
  local loop, earlier = wallet.loop, nil
  for attempt = 1, ATTEMPTS do
    local started = loop:now()
    local closed = is_closed(action)
    if closed then return nil, closed end
    local prepared, err = bundle.prepare(wallet, action)
    if not prepared then
      if err.code == "nonce" and earlier then
        earlier.known = { by_chain(wallet, earlier) }
        return earlier
      end
      return nil, err
    end
    timing.prepare = loop:now() - started
    closed = is_closed(action)
    if closed then return nil, closed end
    local signature
    signature, err = bundle.sign(prepared, action.key)
    if not signature then return nil, err end
    local payload, written
    payload, err = payload_of(wallet, action, prepared, signature)
    if not payload then return nil, err end
    timing.sign = loop:now() - started - timing.prepare
    written, err = write_down(wallet, action, prepared, payload)
    if not written then return nil, err end
    timing.write = loop:now() - started - timing.prepare - timing.sign
    local sent
    sent, err = dispatch(wallet, prepared, signature)
    timing.send = loop:now() - started - timing.prepare - timing.sign - timing.write
    if sent then return prepared end
    if prepared.maybe_sent then earlier = prepared end
    if err.code ~= "quote_expired" or attempt == ATTEMPTS then return nil, err end
  end
end

-- Never mined, and no reason given: what the simulation says now is usually the reason. If it says that the nonce is
-- used, the bundle has landed after all.
local function reason_of(wallet, action, prepared, err)
  local again, reason = bundle.prepare(wallet, action)
  if again or reason.code == "network" or reason.code == "timeout" or reason.code == "canceled" then return nil, err end
  if reason.code == "nonce" then return by_chain(wallet, prepared) end
  reason.id, reason.nonce, reason.status, reason.state = err.id, err.nonce, err.status, err.state
  return nil, reason
end

local execute

--- The whole way. A quote that died on it is replaced by a fresh one, a few times.
-- @tparam table action as for @{bundle.prepare}, the nonce left out where any will do; `session` (its id) and `actions`
-- for the journal; `timeout` in seconds
-- @treturn[1] table receipt with `timing` (seconds): `prepare` (a quote, asked for and verified), `sign`, `write` (into
-- the journal), `send`, `confirm` (until its end was known), and `total`, which also has what earlier attempts took
-- @treturn[2] nil
-- @treturn[2] table with `state` when a bundle was made and its end is known, with an `id` alone when it may still
-- land; `written` is its id in the journal
function bundle.execute(wallet, action)
  action.nonce = action.nonce or intent.nonce(bundle.random_sequence(), 0)
  if wallet.gas then return direct.in_turn(wallet, action, execute) end
  return execute(wallet, action)
end

function execute(wallet, action)
  local started, timing = wallet.loop:now(), {}
  local free, receipt, err, prepared
  free, err = let_relay_catch_up(wallet, action.account)
  if not free then return nil, err end
  local since = landing.since(wallet)
  prepared, err = deliver(wallet, action, timing)
  if not prepared then return nil, err end
  local sent_at = wallet.loop:now()
  prepared.since, action.carried = since, prepared.pre_calls
  if prepared.known then
    receipt, err = prepared.known[1], prepared.known[2]
  else
    receipt, err = bundle.wait(wallet, prepared, action.timeout)
  end
  if not receipt and err.code == "failed" and action.key:is_open() then
    receipt, err = reason_of(wallet, action, prepared, err)
  end
  local closed, close_err = bundle.close(wallet, prepared.written, receipt, err)
  if not receipt then
    err.written = prepared.written
    return about(prepared, err)
  end
  if not closed then receipt.store_error = close_err end -- it has landed: that must not look like a failure
  timing.confirm = wallet.loop:now() - sent_at
  timing.total = wallet.loop:now() - started
  receipt.timing = timing
  return receipt
end

--- Signs a pre-call (a grant or revocation that rides with a later bundle) and leaves it with the relay; in direct mode
-- with the caller.
-- @tparam table action `account`, `key` (an administrator's), `authorize`, `admin_calls`, `calls` of the account on
-- itself that come after those, `key_hash` (of the key it is about), `record(pre_call)`: told before it leaves, so that
-- it can be made void whatever becomes of the answer
-- @treturn[1] table the pre-call as signed: eoa, execution_data, nonce (u256), digest; in direct mode also `encoded`
-- @treturn[2] nil
-- @treturn[2] table
function bundle.store_pre_call(wallet, action)
  if wallet.gas then return direct.sign_pre_call(wallet, action) end
  local key = key_of(action.key, action.account)
  local prepared, err = wallet.relay:prepare_calls({
    calls = calls_json(action.calls or {}),
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
    calls = contracts.calls_of(action),
  })
  if not digest then return nil, err end
  local signed = prepared.context.preCall
  local pre_call = {
    eoa = signed.eoa:lower(),
    execution_data = signed.executionData:lower(),
    nonce = quantity.decode(signed.nonce),
    digest = digest,
  }
  -- One sequence for all of a key's grants: using up its highest nonce makes every one of them void.
  if pre_call.nonce:shr(64):cmp(intent.key_sequence(action.key_hash)) ~= 0 then
    return errors.fail("relay_tampered",
      "nonce is not what was asked for: the pre-call's sequence is not the key's own", { field = "nonce" })
  end
  local recorded
  recorded, err = action.record(pre_call)
  if not recorded then return nil, err end
  local sent
  sent, err = wallet.relay:send_prepared_calls({
    context_text = prepared.context_text,
    signature = core.hex(action.key:sign(core.unhex(digest))),
    key = key,
  }, { timeout = wallet.timeout })
  if not sent then
    err.maybe_sent = maybe_arrived(err)
    return nil, err
  end
  return pre_call
end

return bundle
