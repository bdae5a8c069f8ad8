--- What became of bundles whose end is not known: after a crash, a kill, a lost answer, a long wait.
--
-- The relay is asked for the bundle by its id. The same payload, and nothing else, is sent again, only if the relay
-- does not know the bundle and its quote still lives. Else the chain decides: by the nonce of the account and the
-- event that carries it. Bundles of direct mode are looked for on the chain alone.
-- @module rise.recovery

local bundle = require "rise.bundle"
local core = require "rise.core"
local direct = require "rise.direct"
local errors = require "rise.errors"
local landing = require "rise.landing"

local recovery = {}

-- How long the relay tries to get a transaction mined. One that it took and has forgotten may land until then.
local TRANSACTION_SECONDS = 60
-- Assumed of a quote that does not tell how long it lives.
local QUOTE_SECONDS = 600
-- How far the relay's clock may be behind ours.
local CLOCK_MARGIN = 5
local MAX_PAUSE = 2

local function prepared_of(entry)
  local payload = entry.payload or {}
  local prepared = {
    id = entry.id, account = entry.account, nonce = core.u256(entry.nonce), created = entry.created, ttl = entry.ttl,
    calls = entry.calls, context_text = payload.context_text, key = payload.key,
    fee_signature = payload.fee_signature, pre_calls = payload.pre_calls,
  }
  if payload.transactions then direct.restore(prepared, payload) end
  return prepared
end

-- Whether a bundle that the relay does not know cannot land any more.
local function is_over(wallet, entry)
  if entry.state == "sending" and entry.refused then return true end
  local moment = entry.ttl or entry.created + QUOTE_SECONDS
  if entry.state == "accepted" then moment = math.max(moment, entry.created + TRANSACTION_SECONDS) end
  return wallet:now() > moment + CLOCK_MARGIN
end

-- The chain's word on a bundle that the relay does not know, or does not answer for.
local function by_chain(wallet, entry, prepared, forgotten)
  local over = forgotten and is_over(wallet, entry)
  local status, err = landing.status(wallet, prepared)
  if status then return bundle.outcome(wallet, prepared, status, true) end
  if status == nil and err.code == "unknown_bundle" then
    err.state = "unknown"
    return nil, err
  end
  if over and (status == false or not wallet.chain) then
    return errors.fail("failed", "bundle " .. entry.id .. " never reached the chain, and its quote is over",
      { id = entry.id, nonce = prepared.nonce, state = "failed", incremented = false })
  end
  return nil, err or errors.new("pending", "bundle " .. entry.id .. " may still land")
end

-- One look: a receipt, an error with `state` when it is final, or one without.
local function look(wallet, entry, prepared)
  if prepared.transactions then
    local landed, look_err = direct.look(wallet, prepared)
    if not landed then return nil, look_err end
    return bundle.outcome(wallet, prepared, landed, true)
  end
  local status, err = wallet.relay:get_calls_status(entry.id, { timeout = wallet.timeout })
  if status then
    if type(status.status) ~= "number" then
      return errors.fail("relay", "wallet_getCallsStatus: the relay's answer has no status")
    end
    if status.status >= 200 then return bundle.outcome(wallet, prepared, status) end
    err = errors.new("pending", "bundle " .. entry.id .. " is pending")
  end
  if err.code ~= "unknown_bundle" then
    local receipt, chain_err = by_chain(wallet, entry, prepared, false)
    -- What the relay says is pending may have an event that the node does not tell yet.
    if receipt or chain_err.state and not (status and chain_err.state == "unknown") then return receipt, chain_err end
    return nil, err
  end
  if entry.payload and entry.ttl and wallet:now() < entry.ttl and not entry.refused then
    local sent
    sent, err = bundle.send(wallet, prepared, entry.payload.signature)
    if sent then
      wallet.store:mark(entry.id, "accepted")
      entry.state = "accepted"
      return errors.fail("pending", "bundle " .. entry.id .. " was sent again")
    end
    if err.code ~= "quote_expired" then return nil, err end
    entry.refused = true -- the relay takes this payload no more, and so no copy of it that is still on its way
  end
  return by_chain(wallet, entry, prepared, true)
end

--- What a landed bundle says about its session, or the session's record in the store: it is active, the newest renewal
-- among the pre-calls that the bundle carried holds from now on, and those that were kept here are done with.
-- @tparam table session
-- @tparam ?table carried digests
-- @treturn boolean whether that is news
function recovery.note_landed(session, carried)
  local news = session.state == "pending"
  if news then session.state = "active" end
  local landed = {}
  for _, digest in ipairs(carried or {}) do landed[digest] = true end
  for _, pre_call in ipairs(session.pre_calls or {}) do
    if pre_call.encoded and landed[pre_call.digest] then
      pre_call.encoded, news = nil, true
    end
  end
  local renewals, left = session.renewals or {}, {}
  for i = #renewals, 1, -1 do
    local renewal = renewals[i]
    if landed[renewal.digest] then
      session.permissions, session.expiry, session.since = renewal.permissions, renewal.expiry, renewal.since
      session.renewals = left
      return true
    end
    table.insert(left, 1, renewal)
  end
  return news
end

-- The same, also if nobody was there to see it.
local function note(wallet, entry)
  if not entry.session then return end
  local carried = entry.payload and entry.payload.pre_calls
  for session in pairs(wallet.live) do
    if session.id == entry.session then recovery.note_landed(session, carried) end
  end
  local record = wallet.store:get(entry.session)
  if record and recovery.note_landed(record, carried) then wallet.store:put(record) end
end

--- Finds out what became of a bundle that is claimed, and writes it down. Without a result the claim is let go.
-- @param wallet a @{rise.Wallet}
-- @tparam table entry of the journal, as `store:claim` gives it
-- @tparam[opt=90] number timeout seconds
-- @treturn[1] table receipt
-- @treturn[2] nil
-- @treturn[2] table final when it has a `state`: reverted and its kin, failed (it did not land and cannot any more),
-- unknown_bundle (nobody can tell); else pending, network …
function recovery.settle(wallet, entry, timeout)
  local prepared = prepared_of(entry)
  local deadline = wallet.loop:now() + (timeout or 90)
  local pause = 0.02
  local receipt, err
  while true do
    receipt, err = look(wallet, entry, prepared)
    if receipt or err.state or err.code == "canceled" or wallet.loop:now() >= deadline then break end
    local slept, canceled = wallet.loop:sleep(math.max(0, math.min(pause, deadline - wallet.loop:now())))
    if not slept then
      err = canceled
      break
    end
    pause = math.min(pause * 1.5, MAX_PAUSE)
  end
  direct.close(wallet, prepared)
  local closed, close_err = bundle.close(wallet, entry.id, receipt, err)
  if receipt then
    if not closed then receipt.store_error = close_err end
    note(wallet, entry)
    return receipt
  end
  if err.incremented then note(wallet, entry) end
  err.id, err.nonce = entry.id, prepared.nonce
  return nil, err
end

--- What the journal says of a bundle that is final.
-- @param wallet
-- @tparam table entry with an `outcome`
-- @treturn[1] table a receipt without logs
-- @treturn[2] nil
-- @treturn[2] table
function recovery.recall(wallet, entry)
  local outcome = entry.outcome
  local fields = { id = entry.id, nonce = core.u256(entry.nonce), status = outcome.status,
    transaction_hash = outcome.transaction_hash, block_number = outcome.block_number,
    explorer_url = outcome.transaction_hash and wallet:explorer_url(outcome.transaction_hash) }
  if entry.state == "done" then
    fields.logs = {}
    return fields
  end
  fields.state, fields.incremented = entry.state, outcome.incremented
  return errors.fail(outcome.code, outcome.message, fields)
end

--- Settles every bundle in the wallet's store that was left unfinished and that no living process works on.
-- @param wallet a @{rise.Wallet}
-- @tparam[opt=90] number timeout seconds for each
-- @treturn[1] table a list, oldest first, of `{ id, session, account, nonce, actions, state, receipt, err }`; `state`
-- is done, reverted, failed, unknown, or still sending or accepted
-- @treturn[2] nil
-- @treturn[2] table store
function recovery.resume(wallet, timeout)
  local entries, err = wallet.store:bundles { unfinished = true, chain_id = wallet.chain_id }
  if not entries then return nil, err end
  local reports = {}
  for _, listed in ipairs(entries) do
    local entry
    entry, err = wallet.store:claim(listed.id)
    if entry == nil then return nil, err end
    if entry then
      local report = { id = entry.id, session = entry.session, account = entry.account, nonce = core.u256(entry.nonce),
        actions = entry.actions }
      report.receipt, report.err = recovery.settle(wallet, entry, timeout)
      report.state = report.receipt and "done" or report.err.state or entry.state
      reports[#reports + 1] = report
      if report.err and report.err.code == "canceled" then return nil, report.err end
    end
  end
  return reports
end

return recovery
