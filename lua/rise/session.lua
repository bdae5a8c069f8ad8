--- A session: a key that was made here, the permissions it was granted, and what is done with it.
--
--     local session = assert(wallet:new_session { account = player, expires = "24h", permissions = { … } })
--     assert(session:grant(rise.approve.admin(admin_key)))
--     local receipt = assert(session:send { stk:mint(player, amount), counter:increment() })
--     assert(session:renew(rise.approve.admin(admin_key), { expires = "24h" }))
--     assert(session:revoke(rise.approve.admin(admin_key)))
--
-- Many actions are queued: `session:act { counter:increment() }`, see @{Session:act}.
--
-- `session:status()` tells where it stands:
--
-- - `new`: the key exists, nobody has been asked;
-- - `pending`: granted, but the grant has not landed on chain: it rides with the first bundle;
-- - `active`: the first bundle has been confirmed;
-- - `expiring`: the same, in the last tenth of its life: time to renew it;
-- - `expired`: its time is over; it may be renewed as long as its key is here;
-- - `revoking`: the key is wiped, the chain has not confirmed the revocation;
-- - `revoked`: it cannot act any more, and never will.
--
-- `session.permissions` and `session.expiry` are what the chain enforces once the session is active;
-- `session.renewals`, as the record in the store, what has been asked for since and has not landed yet.
-- @classmod rise.Session

local Account = require "rise.account"
local Outbox = require "rise.outbox"
local bundle = require "rise.bundle"
local check = require "rise.check"
local contracts = require "rise.contracts"
local core = require "rise.core"
local errors = require "rise.errors"
local Guard = require "rise.guard"
local intent = require "rise.intent"
local permissions = require "rise.permissions"
local proof = require "rise.proof"
local quantity = require "rise.quantity"
local recovery = require "rise.recovery"

local Session = {}
Session.__index = Session
Session.__name = "rise.session"
Session.__tostring = function(session)
  return string.format("rise.session: %s of %s (%s)", session.id, session.account.address or "no account yet",
    session:status())
end

-- Without an address where the owner's wallet will name it.
local function account_of(wallet, value)
  if value == nil then return Account.new(wallet) end
  if getmetatable(value) == Account then return value end
  return Account.new(wallet, check.address(value, "wallet:new_session: account", 4))
end

local EXPIRING = 0.1 -- of a session's life

local function rules_of(record)
  return { permissions = permissions.to_relay(record.permissions), expiry = record.expiry, since = record.since }
end

local function record_of(session)
  local grant = session.permissions
  local record = {
    id = session.id,
    account = session.account.address,
    chain_id = session.wallet.chain_id,
    network = session.wallet.network.name,
    name = session.name,
    ephemeral = session.ephemeral,
    key_type = session.key_type,
    public_key = session.public_key,
    state = session.state,
    expiry = session.expiry,
    since = session.since,
    created = session.created,
    permissions = permissions.to_relay(grant),
    pre_calls = {},
    renewals = {},
  }
  for i, renewal in ipairs(session.renewals) do
    record.renewals[i] = rules_of(renewal)
    record.renewals[i].digest, record.renewals[i].arrived = renewal.digest, renewal.arrived
  end
  for i, pre_call in ipairs(session.pre_calls) do
    record.pre_calls[i] = { nonce = pre_call.nonce:hex(), digest = pre_call.digest, encoded = pre_call.encoded }
  end
  if session.wallet.store.plaintext_keys and session.key then record.secret = core.hex(session.key:export()) end
  record.sealed = session.sealed
  record.guard = session.guarding and session.guarding:record()
  return record
end

-- The session's key as a store of encrypted keys has it.
local function seal(session)
  local vault = session.wallet.store.vault
  if not vault or not session.key then return true end
  local wrapped, err = vault:wrap(session.key)
  if not wrapped then return nil, err end
  session.sealed = core.hex(wrapped)
  return true
end

local function save(session)
  return session.wallet.store:put(record_of(session))
end

--- Makes a session with a fresh P-256 key. Nothing leaves this program yet.
-- @param wallet
-- @tparam table options
--
-- - `account`: its address, or an account object; left out where the owner's wallet shall name it
--   (@{rise.approve.browser});
-- - `expires`: "24h", "15m", "7d" …, or unix seconds;
-- - `permissions`: what it may do, in the wallet's words (`calls`, `spend`) or those of the EIP-7715 style list
--   (see @{rise.permissions.build});
-- - `key`: a p256 `rise.key` to use instead of a fresh one;
-- - `guard`: rules of its own that it holds to before it signs, see @{rise.Guard};
-- - `name`, `ephemeral` (it is to end with this program): kept in its record, for who lists sessions;
-- - `allow_root`: the long word without which permissions that amount to root access are refused
-- @treturn[1] Session
-- @treturn[2] nil
-- @treturn[2] table invalid_value naming the field, root_access, store
function Session.new(wallet, options)
  check.options(options, {
    account = "string|table", expires = "string|number", expiry = "number", permissions = "table!",
    signer = "table", key = "userdata", allow_root = "string", guard = "table", name = "string", ephemeral = "boolean",
  }, "wallet:new_session", 3)
  if options.key and (getmetatable(options.key) ~= "rise.key" or not options.key:is_open()) then
    error("wallet:new_session: key: an open rise.key expected", 3)
  end
  local account = account_of(wallet, options.account)
  local grant, err = permissions.build(options, {
    now = wallet:now(), account = account.address, orchestrator = wallet.orchestrator, allow_root = options.allow_root,
  })
  if not grant then return nil, err end
  local key = options.key
  if not key then key, err = core.key_generate("p256") end
  if not key then return nil, err end
  if key:type() ~= "p256" then error("wallet:new_session: key must be of type p256", 3) end
  local public_key = core.hex(key:public())
  if grant.public_key and grant.public_key ~= public_key then
    return errors.fail("invalid_value", "signer.data.id: the public key is not that of the key given")
  end
  local session = setmetatable({
    wallet = wallet,
    account = account,
    key = key,
    key_type = "p256",
    public_key = public_key,
    id = core.hex(key:hash()),
    permissions = grant,
    name = options.name,
    ephemeral = options.ephemeral and (wallet.store.owner or true) or nil,
    expiry = grant.expiry,
    state = "new",
    created = math.floor(wallet:now()),
    since = math.floor(wallet:now()),
    pre_calls = {},
    renewals = {},
    idle_lanes = {},
    lock = wallet.loop:mutex(),
    opening = wallet.loop:mutex(),
  }, Session)
  if options.guard then session.guarding = Guard.new(options.guard, account.address) end
  local saved
  saved, err = seal(session)
  if saved then saved, err = save(session) end
  if not saved then return nil, err end
  wallet.live[session] = true
  return session
end

local STATES = { new = true, pending = true, active = true, revoking = true, revoked = true }

-- A grant as it was signed in direct mode, until it has landed.
local function is_signed_call(value)
  return value == nil or (type(value) == "string" and intent.decode_signed_call(value) ~= nil)
end

-- Reads a record member by member: a store is foreign bytes too.
local function read_record(wallet, record, confirm)
  local function bad(member, what)
    return errors.fail("store", string.format("session %s: %s %s", tostring(record.id), member, what))
  end
  local function is_hex(value, size)
    return type(value) == "string" and #value == 2 + 2 * size and value:find("^0x%x+$") ~= nil
  end
  local nameless = record.account == nil and (record.state == "new" or record.state == "revoked")
  if not nameless and not is_hex(record.account, 20) then return bad("account", "is no address") end
  if record.chain_id ~= wallet.chain_id then
    return bad("chain_id", "is " .. tostring(record.chain_id) .. ", this wallet is on " .. wallet.chain_id)
  end
  if not STATES[record.state] then return bad("state", "is unknown") end
  if record.key_type ~= "p256" or not is_hex(record.public_key, 64) then return bad("public_key", "is no p256 key") end
  if core.hex(core.key_hash("p256", core.unhex(record.public_key))) ~= record.id then
    return bad("id", "is not the hash of its public key")
  end
  -- The rules in a record: its own, or those of a renewal.
  local function read_rules(from, into, prefix)
    if type(from.expiry) ~= "number" or from.expiry < 0 or from.expiry % 1 ~= 0 then
      return bad(prefix .. "expiry", "is no whole number")
    end
    local since = from.since or record.created
    if type(since) ~= "number" then return bad(prefix .. "since", "is no time") end
    local grant, err = permissions.from_relay(from.permissions, from.expiry)
    if not grant then return bad(prefix .. "permissions", "are damaged: " .. err.message) end
    into.permissions, into.expiry, into.since = grant, from.expiry, since
    return into
  end
  local session = { account = Account.new(wallet, record.account), state = record.state, id = record.id,
    key_type = record.key_type, public_key = record.public_key, created = record.created,
    name = type(record.name) == "string" and errors.printable(record.name, 64) or nil,
    ephemeral = record.ephemeral,
    pre_calls = {}, renewals = {}, idle_lanes = {} }
  local ok, err = read_rules(record, session, "")
  if not ok then return nil, err end
  if record.renewals ~= nil and type(record.renewals) ~= "table" then return bad("renewals", "are damaged") end
  for i, renewal in ipairs(record.renewals or {}) do
    local prefix = "renewals[" .. i .. "]."
    if type(renewal) ~= "table" or not is_hex(renewal.digest, 32) then return bad(prefix .. "digest", "is damaged") end
    session.renewals[i], err = read_rules(renewal, { digest = renewal.digest, arrived = renewal.arrived == true },
      prefix)
    if not session.renewals[i] then return nil, err end
  end
  if type(record.pre_calls) ~= "table" then return bad("pre_calls", "are damaged") end
  for i, pre_call in ipairs(record.pre_calls) do
    local nonce = type(pre_call) == "table" and type(pre_call.nonce) == "string" and core.u256(pre_call.nonce)
    if not nonce or not is_hex(pre_call.digest, 32) or not is_signed_call(pre_call.encoded) then
      return bad("pre_calls[" .. i .. "]", "is damaged")
    end
    session.pre_calls[i] = { nonce = nonce, digest = pre_call.digest, encoded = pre_call.encoded }
  end
  if record.secret ~= nil then
    local key = is_hex(record.secret, 32) and core.key_import("p256", core.unhex(record.secret))
    if not key or core.hex(key:hash()) ~= record.id then return bad("secret", "is damaged") end
    session.key = key
  end
  if record.sealed ~= nil then
    if not is_hex(record.sealed, 72) then return bad("sealed", "is damaged") end
    session.sealed = record.sealed
    local vault = wallet.store.vault
    if vault and not session.key then
      session.key, err = vault:unwrap(core.unhex(record.sealed), core.unhex(record.public_key))
      if not session.key then return bad("sealed", "cannot be opened: " .. err.message) end
    end
  end
  if record.guard ~= nil then
    session.guarding = type(record.guard) == "table" and Guard.restore(record.guard, record.account, confirm)
    if not session.guarding then return bad("guard", "is damaged") end
  end
  return session
end

--- A session as a store kept it. Without its key it can only be looked at and revoked.
-- @tparam string id
-- @tparam[opt] table options `key`: its key, where the store has none of it (see @{rise.keystore.open}); `confirm`: the
-- hook of its guard, which no store keeps
-- @treturn[1] Session
-- @treturn[2] nil
-- @treturn[2] table not_granted when the store has none; invalid_key when it is another key's; store when the record is
-- damaged or of another chain
function Session.load(wallet, id, options)
  check.type(id, "string", "wallet:load_session", 3)
  options = check.options(options, { key = "userdata", confirm = "callable" }, "wallet:load_session", 3)
  if options.key and (getmetatable(options.key) ~= "rise.key" or not options.key:is_open()) then
    error("wallet:load_session: key: an open rise.key expected", 3)
  end
  local record, err = wallet.store:get(id)
  if err then return nil, err end
  if not record then return errors.fail("not_granted", "the store has no session " .. id:sub(1, 66)) end
  local session
  session, err = read_record(wallet, record, options.confirm)
  if not session then return nil, err end
  if options.key and core.hex(options.key:hash()) ~= id then
    return errors.fail("invalid_key", "the key given is not that of session " .. id)
  end
  session.key = session.key or options.key
  session.wallet, session.lock, session.opening = wallet, wallet.loop:mutex(), wallet.loop:mutex()
  wallet.live[session] = true
  return setmetatable(session, Session)
end

-- The rules that the next bundle is judged by: it carries the renewals that the relay has.
local function coming(session)
  local rules = session
  for _, renewal in ipairs(session.renewals) do
    if renewal.arrived then rules = renewal end
  end
  return rules
end

--- Where the session stands now; `expired` and `expiring` by this machine's clock.
function Session:status()
  if self.state ~= "pending" and self.state ~= "active" then return self.state end
  local rules = coming(self)
  local left = rules.expiry - self.wallet:now()
  if left < 0 then return "expired" end
  if self.state == "active" and left <= EXPIRING * (rules.expiry - rules.since) then return "expiring" end
  return self.state
end

--- The permissions in plain language, a line each.
function Session:explain()
  return permissions.explain(coming(self).permissions, { account = self.account.address, tokens = self.wallet.tokens })
end

-- The token that fees are taken in, and the most they may be in its units. Native currency, where the key may spend it
-- or nothing else is known; otherwise a token that the key may spend, up to its own limit.
local function fee_rule(session)
  local found
  for _, rule in ipairs(coming(session).permissions.spend) do
    if rule.token == contracts.NATIVE then return rule.token, session.wallet.max_fee end
    if session.wallet.fee_tokens[rule.token] and (not found or rule.limit < found.limit) then found = rule end
  end
  if found then return found.token, found.limit end
  return contracts.NATIVE, session.wallet.max_fee
end

-- Takes over what somebody else says the owner granted: `account` and `permissions`, none wider than asked for. It
-- counts once the relay itself turns out to have it.
local function adopt(session, granted)
  local wallet, rules = session.wallet, granted.permissions
  local found, err = proof.of_grant(wallet, {
    account = granted.account, key = session.key, key_hash = session.id, grant = rules,
    fee_token = fee_rule { wallet = wallet, permissions = rules, renewals = {} },
  })
  if not found then return nil, err end
  session.account = Account.new(wallet, granted.account)
  session.permissions, session.expiry = rules, rules.expiry
  local known = {}
  for _, pre_call in ipairs(session.pre_calls) do known[pre_call.digest] = true end
  for _, pre_call in ipairs(found.pre_calls) do
    if not known[pre_call.digest] then session.pre_calls[#session.pre_calls + 1] = pre_call end
  end
  if session.state == "new" then session.state = found.landed and "active" or "pending" end
  return save(session)
end

--- Asks for the permissions. The grant lands on chain with the session's first bundle.
-- @tparam table approver who decides: @{rise.approve.admin}, @{rise.approve.browser}
-- @treturn[1] Session itself
-- @treturn[2] nil
-- @treturn[2] table revoked, expired, relay_tampered, relay, network; rejected, closed, wallet, grant_mismatch …
function Session:grant(approver)
  check.type(approver, "table", "session:grant: approver")
  if type(approver.grant) ~= "function" then error("session:grant: an approver expected", 2) end
  if not self.account.address and not approver.names_account then
    error("session:grant: the session has no account, which this approver cannot name", 2)
  end
  if approver.names_account and not self.key then
    return errors.fail("not_granted", "the session's key is not here: the store keeps records without keys")
  end
  local status = self:status()
  if status == "revoked" or status == "revoking" then
    return errors.fail("revoked", "this session was revoked: make a new one")
  end
  if self.wallet:now() >= self.expiry then
    return errors.fail("expired", "the session's time was over at " .. permissions.time_text(self.expiry))
  end
  -- Written down before it leaves: should the answer be lost, revoking must still make this grant void.
  local was = self.state
  local function record(pre_call)
    self.pre_calls[#self.pre_calls + 1] = pre_call
    if self.state == "new" then self.state = "pending" end
    return save(self)
  end
  local pre_call, err = approver:grant(self.account, {
    hash = self.id,
    pre_calls = self.pre_calls,
    record = record,
    public_key = self.public_key,
    permissions = self.permissions,
    adopt = function(granted) return adopt(self, granted) end,
    entry = permissions.authorize_key {
      type = self.key_type, public_key = self.public_key, role = "session", grant = self.permissions,
    },
  })
  if not pre_call then
    if not err.maybe_sent and self.state == "pending" and was == "new" then
      self.state, self.pre_calls = "new", {}
      save(self)
    end
    return errors.within(err, "granting the session")
  end
  return self
end

-- What speaks against acting at all.
local function inactive(session)
  local status = session:status()
  if status == "revoked" or status == "revoking" then
    return errors.new("revoked", "the session was revoked: its key is gone")
  elseif not session.key then
    return errors.new("not_granted", "the session's key is not here: the store keeps records without keys")
  elseif status == "new" then
    return errors.new("not_granted", "the session has not been granted yet")
  elseif status == "expired" then
    return errors.new("expired", "the session expired at " .. permissions.time_text(coming(session).expiry))
  end
end

--- Asks for more time, and other permissions if wanted, for the same key. As the grant did, the renewal lands on chain
-- with the session's next bundle, and that bundle is judged by it already; what the session may not do any more is
-- taken back on chain then. A renewal that was not granted leaves everything as it was. An expired session may be
-- renewed, a revoked one never.
-- @tparam table approver who decides: @{rise.approve.admin}
-- @tparam table options `expires`: as for @{Session.new}; `permissions`: instead of those it has; `allow_root`
-- @treturn[1] Session itself
-- @treturn[2] nil
-- @treturn[2] table revoked, not_granted (never granted, or its key is not here), invalid_value, root_access,
-- relay_tampered, relay, network …
function Session:renew(approver, options)
  check.type(approver, "table", "session:renew: approver")
  if type(approver.grant) ~= "function" then error("session:renew: an approver expected", 2) end
  options = check.options(options, { expires = "string|number!", permissions = "table", allow_root = "string" },
    "session:renew")
  local err = inactive(self)
  if err and err.code ~= "expired" then return nil, err end
  local now = math.floor(self.wallet:now())
  local grant
  if options.permissions then
    grant, err = permissions.build({ expires = options.expires, permissions = options.permissions }, {
      now = now, account = self.account.address, orchestrator = self.wallet.orchestrator,
      allow_root = options.allow_root,
    })
  else
    grant, err = permissions.prolonged(coming(self).permissions, options.expires, now)
  end
  if not grant then return nil, err end

  -- Whatever of the renewals before lands, what is not asked for any more goes.
  local before = { self.permissions }
  for i, renewal in ipairs(self.renewals) do before[i + 1] = renewal.permissions end
  local renewal
  local pre_call
  pre_call, err = approver:grant(self.account, {
    hash = self.id,
    record = function(signed)
      renewal = { permissions = grant, expiry = grant.expiry, since = now, digest = signed.digest, arrived = false }
      self.pre_calls[#self.pre_calls + 1] = signed
      self.renewals[#self.renewals + 1] = renewal
      return save(self)
    end,
    entry = permissions.authorize_key {
      type = self.key_type, public_key = self.public_key, role = "session", grant = grant,
    },
    pre_calls = self.pre_calls,
    calls = permissions.removal_calls(self.id, before, grant),
  })
  if not pre_call then
    if renewal and not err.maybe_sent then
      table.remove(self.pre_calls)
      table.remove(self.renewals)
      save(self)
    end
    return errors.within(err, "renewing the session")
  end
  if renewal then renewal.arrived = true end
  save(self) -- should the disk refuse, the next bundle tells that it has arrived
  return self
end

local CALL_MEMBERS = { to = true, value = true, data = true, signature = true }

-- The calls of an action, every member checked. A hole in the list or a misspelt member must not shrink a batch.
local function normalized(calls, what)
  check.type(calls, "table", what, 3)
  if calls.to then calls = { calls } end
  local count = 0
  for key in pairs(calls) do
    if type(key) ~= "number" or key % 1 ~= 0 or key < 1 then error(what .. ": an array of calls expected", 3) end
    count = math.max(count, key)
  end
  if count == 0 then error(what .. ": no calls", 3) end
  local list = {}
  for i = 1, count do
    local call, field = calls[i], what .. ": calls[" .. i .. "]"
    check.type(call, "table", field, 3)
    for member in pairs(call) do
      if not CALL_MEMBERS[member] then error(field .. ": unknown member " .. tostring(member), 3) end
    end
    list[i] = {
      to = check.address(call.to, field .. ".to", 3),
      value = check.amount(call.value or 0, field .. ".value", 3),
      data = check.hex(call.data or "0x", field .. ".data", nil, 3),
    }
  end
  return list
end

-- What the contract has counted in the present windows; nothing before the key is on chain.
local function counted(session)
  local values, err = session.account:view(contracts.account.spendInfos, { session.id })
  if values == nil then return nil, err end
  if not values then return {} end
  for _, info in ipairs(values.infos) do
    if not contracts.PERIOD_NAMES[info.period] then
      return errors.fail("invalid_data", "spendInfos: unknown period " .. tostring(info.period))
    end
  end
  return permissions.spent_from_chain(values.infos)
end

-- What the session's own rules say against calls that were let through, right before they are signed.
local function recheck(session, calls)
  return session.guarding and session.guarding:recheck(calls, session.wallet.tokens)
end

-- Lets an action through the session's own rules, and counts it.
local function admit(session, calls)
  if not session.guarding then return true end
  return session.guarding:admit(calls, {
    now = function() return session.wallet:now() end, tokens = session.wallet.tokens, session = session,
    save = function() return save(session) end,
  })
end

--- Sets the session's own rules, in the place of those it had; counts go on. See @{rise.Guard}.
--
--     assert(session:guard { per_minute = 10, total = { { limit = rise.ether "0.1" } } })
-- @tparam table rules see @{rise.Guard.new}; an empty table takes them off
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table store
function Session:guard(rules)
  check.type(rules, "table", "session:guard")
  self.guarding = Guard.new(rules, self.account.address, self.guarding)
  return save(self)
end

--- What is left of each spending limit, counted by the account's contract. Fees count against the limit of the token
-- they are paid in. With a renewal under way the limits are the new ones: the next bundle brings them.
-- @treturn[1] table array of `{ token, period, limit, spent, left, resets_at }` in the order of the grant; `resets_at`
-- in unix seconds: windows follow the calendar in UTC
-- @treturn[2] nil
-- @treturn[2] table unsupported without an RPC endpoint; network, node …
function Session:allowance()
  local spent, err = counted(self)
  if not spent then return nil, err end
  return permissions.allowance(coming(self).permissions, { now = self.wallet:now(), spent = spent })
end

local function may_execute(session, calls)
  if coming(session) ~= session then return true end -- the account does not know the new rules yet
  for i, call in ipairs(calls) do
    local to = call.to == contracts.SELF and session.account.address or call.to -- in a batch alone one means the other
    local values, err = session.account:view(contracts.account.canExecute, { session.id, to, call.data })
    if values == nil then return nil, err end
    if values and not values[1] then return permissions.refusal(session.permissions, to, call.data, { call = i }) end
  end
  return true
end

--- Whether these calls would be let through, and which rule speaks against them. Decided here from the grant, so that
-- nobody is asked; what was already spent in the present window is only known `on_chain`.
-- @tparam table calls
-- @tparam[opt] table options `on_chain = true` to have the account's contract judge too
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table guarded, not_allowed, no_spend_rule, spend_limit, expired, revoked, not_granted
function Session:can(calls, options)
  options = check.options(options, { on_chain = "boolean" }, "session:can")
  calls = normalized(calls, "session:can")
  local err = inactive(self)
  if not err and self.guarding then
    err = self.guarding:judge(calls, { now = self.wallet:now(), tokens = self.wallet.tokens })
  end
  if err then return nil, err end
  local spent
  if options.on_chain then
    spent, err = counted(self)
    if not spent then return nil, err end
  end
  local allowed
  allowed, err = permissions.evaluate(coming(self).permissions, calls, {
    now = self.wallet:now(), account = self.account.address, key_hash = self.id, tokens = self.wallet.tokens,
    spent = spent,
  })
  if not allowed then return nil, err end
  if options.on_chain then return may_execute(self, calls) end
  return true
end

-- Whether the key's time is over by the clock that counts, which is the chain's.
local function expired_on_chain(session)
  local block = session.wallet.chain and session.wallet.chain:block()
  local time = block and quantity.number(block.timestamp)
  return time ~= nil and time > coming(session).expiry
end

-- The relay does not know the key: say why.
local function unknown_key(session, err)
  local expiry = coming(session).expiry
  if session.wallet:now() > expiry or expired_on_chain(session) then
    return errors.fail("expired", "the session expired at " .. permissions.time_text(expiry))
  end
  -- Said, not believed: only session:revoke may conclude that nothing is left to revoke.
  if session.state == "active" then
    return errors.fail("revoked", "the relay says that the account no longer knows this key", { data = err.data })
  end
  return errors.fail("not_granted", "the relay knows no grant of this key", { rpc_message = err.rpc_message })
end

-- ---- nonces ----------------------------------------------------------------------------------------------------

-- A nonce sequence of the account that nobody else uses meanwhile.
local function take_lane(session)
  local lane = table.remove(session.idle_lanes)
  if lane then return lane end
  return session.wallet.store:take_lane {
    chain_id = session.wallet.chain_id, account = session.account.address, fresh = bundle.random_sequence(),
  }
end

-- Puts a lane back after a bundle. One that was never mined leaves its nonce free, and the next bundle takes the same:
-- should the lost one turn up after all, only one of the two can land. While a bundle's end is not known its lane
-- rests in the store.
local function return_lane(session, lane, receipt, err)
  if receipt or err.incremented then
    lane.number = lane.number + 1
  elseif err.code == "nonce" or err.state == "reverted" then
    session.wallet.store:drop_lane(lane)
    return
  elseif err.id and not err.state then
    session.wallet.store:give_lane(lane)
    return
  end
  session.idle_lanes[#session.idle_lanes + 1] = lane
end

local function give_lanes(session)
  for _, lane in ipairs(session.idle_lanes) do session.wallet.store:give_lane(lane) end
  session.idle_lanes = {}
end

-- What can be said against calls without asking anybody.
local function may_act(session, calls)
  local err = inactive(session)
  if err then return nil, err end
  return permissions.evaluate(coming(session).permissions, calls, {
    now = session.wallet:now(), account = session.account.address, key_hash = session.id,
    tokens = session.wallet.tokens,
  })
end

-- ---- acting ----------------------------------------------------------------------------------------------------

-- Completes an action of this session for rise.bundle: who, by which rules, from which purse.
local function complete(session, action)
  if not action.fee_token then action.fee_token, action.max_fee = fee_rule(session) end
  action.account, action.key, action.grant = session.account.address, session.key,
    coming(session).permissions
  action.session = session.id
  action.granted = session.state == "active"
  action.pre_calls = session.pre_calls
  action.guard = function(calls) return recheck(session, calls) end
  -- Grants that were signed by way of this program are known by digest, and no other is taken along. One that was
  -- approved elsewhere is not: it may be about this key alone, and give no more than was asked for.
  action.pre_call_allowed = intent.grant_pre_call_checker {
    account = session.account.address, key_hash = not session.pre_calls[1] and session.id or nil,
    known = session.pre_calls, grant = session.permissions, orchestrator = session.wallet.orchestrator,
  }
  return action
end

-- Waits for a place in the relay's queue. The first bundle after a grant carries it, and two that do would collide:
-- until it is confirmed nobody else gets in. `leave` must follow.
function Session:enter()
  local opening = false
  if self.state == "pending" then
    local held, err = self.opening:acquire()
    if not held then return nil, err end
    opening = self.state == "pending"
    if not opening then self.opening:release() end
  end
  local queue = self.wallet:queue_of(self.account.address)
  local place, err = queue:acquire()
  if not place then
    if opening then self.opening:release() end
    return nil, err
  end
  return { opening = opening, queue = queue }
end

function Session:leave(place)
  place.queue:release()
  if place.opening then self.opening:release() end
end

-- What a landed bundle, with the pre-calls that it carried, says about the session.
local function landed(session, carried)
  if not recovery.note_landed(session, carried) then return true end
  return save(session)
end

-- One bundle, by a caller who has entered. `action` has `calls`, and where known `nonce`, `fee_token` with `max_fee`,
-- `timeout`, `actions`.
function Session:execute(action)
  if not self.key then return nil, inactive(self) end
  local refusal = recheck(self, action.calls)
  if refusal then return nil, refusal end
  complete(self, action)
  local lane
  if not action.nonce then
    local lane_err
    lane, lane_err = take_lane(self)
    if not lane then return nil, lane_err end
    action.nonce = intent.nonce(lane.sequence, lane.number)
  end
  local receipt, err = bundle.execute(self.wallet, action)
  if lane then return_lane(self, lane, receipt, err) end
  if receipt or err.incremented then
    local saved, save_err = landed(self, action.carried)
    if receipt and not saved then receipt.store_error = save_err end -- that must not look like a failure
  end
  if err and err.code == "not_granted" then return unknown_key(self, err) end
  return receipt, err
end

-- Whether calls would go through as one bundle now: prepared and verified, but not signed.
function Session:simulate(calls)
  if not self.key then return nil, inactive(self) end
  local refusal = recheck(self, calls)
  if refusal then return nil, refusal end
  local lane, err = take_lane(self)
  if not lane then return nil, err end
  local action = complete(self, { calls = calls, nonce = intent.nonce(lane.sequence, lane.number) })
  local prepared
  prepared, err = bundle.prepare(self.wallet, action)
  self.idle_lanes[#self.idle_lanes + 1] = lane
  return prepared and true, err
end

local ACTION_OPTIONS = { alone = "boolean", lane = "string", label = "string|number" }

--- Queues calls as one action and goes on at once. Actions go out in order; while one bundle is in flight the next
-- actions gather into one. See @{rise.Outbox}.
--
--     local handle = assert(session:act { counter:increment() })
--     local receipt = assert(handle:wait())
-- @tparam table action an array of calls, or one call; with it, optionally, `alone = true` for a bundle of its own;
-- `lane`: the name of a queue that runs beside the others; `label`: text or a number to be found in the journal
-- @treturn[1] table a handle with `wait([seconds])`, `status` (queued, sending, done, failed, unknown), `receipt` and
-- `err`
-- @treturn[2] nil
-- @treturn[2] table what @{Session:can} says against it, guarded, queue_full
function Session:act(action)
  check.type(action, "table", "session:act")
  local calls, options = {}, {}
  for name, value in pairs(action) do
    if type(name) == "number" then calls[name] = value else options[name] = value end
  end
  if action.to then
    calls, options = action, {}
  else
    check.options(options, ACTION_OPTIONS, "session:act")
  end
  calls = normalized(calls, "session:act")
  local allowed, err = may_act(self, calls)
  if allowed then allowed, err = self:outbox():has_room() end
  if allowed then allowed, err = admit(self, calls) end
  if not allowed then return nil, err end
  return self:outbox():add(calls, options)
end

--- The session's queue.
-- @tparam[opt] table options see @{rise.Outbox:configure}
-- @treturn Outbox
function Session:outbox(options)
  self.queue = self.queue or Outbox.new(self)
  if options then self.queue:configure(options) end
  return self.queue
end

--- Sends calls as one atomic bundle and waits until it is final.
-- @tparam table calls an array of `{ to, value, data }`, as contract objects make them; or one such call
-- @tparam[opt] table options `preflight = false` to leave refusals to the relay and the chain; `nonce` instead of the
-- session's own; `fee_token`; `max_fee`; `timeout` (seconds until it is reported as pending)
-- @treturn[1] table receipt: id, status, transaction_hash, explorer_url, block_number, gas_used, logs, timing
-- @treturn[2] nil
-- @treturn[2] table
function Session:send(calls, options)
  options = check.options(options, {
    preflight = "boolean", nonce = "u256|number|string", fee_token = "string", max_fee = "u256|number|string",
    timeout = "number",
  }, "session:send")
  calls = normalized(calls, "session:send")
  local action = { calls = calls, timeout = options.timeout }
  action.fee_token, action.max_fee = fee_rule(self)
  if options.fee_token then
    local token = check.address(options.fee_token, "session:send: fee_token")
    if token ~= action.fee_token and token ~= contracts.NATIVE and not options.max_fee then
      error("session:send: max_fee is required with this fee_token", 2)
    end
    action.fee_token, action.max_fee = token, self.wallet.max_fee
  end
  if options.max_fee then action.max_fee = check.amount(options.max_fee, "session:send: max_fee") end
  if options.nonce then action.nonce = check.amount(options.nonce, "session:send: nonce") end

  local err = inactive(self)
  -- Only what was wiped or never had is decided here for sure; the rest is left to the relay when told so.
  if err and (options.preflight ~= false or not self.key) then return nil, err end
  if options.preflight ~= false then
    local allowed
    allowed, err = may_act(self, calls)
    if not allowed then return nil, err end
  end
  local admitted
  admitted, err = admit(self, calls)
  if not admitted then return nil, err end

  local held
  held, err = self.lock:acquire()
  if not held then return nil, err end
  local place, receipt
  place, err = self:enter()
  if place then
    receipt, err = self:execute(action)
    self:leave(place)
  end
  self.lock:release()
  return receipt, err
end

--- Waits on for a bundle that `send` reported as `pending`, and finds out what became of it.
-- @tparam table pending its error object, or `{ id, nonce }`
-- @tparam[opt=90] number timeout seconds
-- @treturn[1] table receipt
-- @treturn[2] nil
-- @treturn[2] table
function Session:wait(pending, timeout)
  check.type(pending, "table", "session:wait")
  if timeout ~= nil then check.type(timeout, "number", "session:wait: timeout") end
  local id, nonce = check.hex(pending.id, "session:wait: id", 32), check.amount(pending.nonce, "session:wait: nonce")
  local written = pending.written or id
  local entry, err = self.wallet.store:claim(written)
  if entry == nil then return nil, err end
  local receipt
  local known = not entry and self.wallet.store:bundle(written)
  if entry then
    receipt, err = recovery.settle(self.wallet, entry, timeout)
  elseif known and known.outcome then
    receipt, err = recovery.recall(self.wallet, known)
  else
    receipt, err = bundle.wait(self.wallet, {
      id = id, nonce = nonce, account = self.account.address, grant = self.permissions,
    }, timeout)
  end
  if receipt or err.incremented then landed(self, entry and entry.payload and entry.payload.pre_calls) end
  return receipt, err
end

--- Wipes the session's key in this program. What is on chain stays as it is: see @{Session:revoke}.
function Session:wipe()
  if self.key then
    self.key:close()
    self.key = nil
  end
  self.sealed = nil
  give_lanes(self)
end

--- Ends the session: wipes its key at once, then revokes it on chain and makes sure that a grant which has not landed
-- never will. May be called again when the second part failed.
-- @tparam table approver who decides: @{rise.approve.admin}, @{rise.approve.browser}
-- @treturn[1] table receipt, or true when there was nothing to do on chain
-- @treturn[2] nil
-- @treturn[2] table what kept the revocation from being confirmed; the key is gone all the same
function Session:revoke(approver)
  check.type(approver, "table", "session:revoke: approver")
  if type(approver.revoke) ~= "function" then error("session:revoke: an approver expected", 2) end
  self:wipe()
  if self.state == "revoked" then return true end
  local granted = self.state ~= "new"
  self.state = granted and "revoking" or "revoked"
  local _, store_error = save(self) -- a full disk must not keep the key alive on chain
  local receipt = true
  if granted then
    local err
    receipt, err = approver:revoke(self.account, {
      hash = self.id, public_key = self.public_key, permissions = self.permissions, pre_calls = self.pre_calls,
      confirm = function()
        return proof.of_revocation(self.wallet, { account = self.account.address, public_key = self.public_key })
      end,
    })
    if not receipt then
      err.hint = "the key is wiped here; call session:revoke again to finish on chain"
      return errors.within(err, "revoking the session")
    end
    self.state = "revoked"
    _, store_error = save(self)
  end
  if store_error then
    if type(receipt) ~= "table" then return nil, store_error end
    receipt.store_error = store_error
  end
  return receipt
end

return Session
