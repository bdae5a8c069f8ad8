--- An account: its address, its keys, and what its owner does without a browser.
--
-- An administrator's key (`rise.key`) signs what changes the account: granting and revoking session keys. It is never
-- stored here.
-- @classmod rise.Account

local bundle = require "rise.bundle"
local check = require "rise.check"
local contracts = require "rise.contracts"
local core = require "rise.core"
local direct = require "rise.direct"
local errors = require "rise.errors"
local intent = require "rise.intent"
local json = require "rise.json"
local permissions = require "rise.permissions"
local quantity = require "rise.quantity"
local revert = require "rise.revert"

local Account = {}
Account.__index = Account
Account.__name = "rise.account"
Account.__tostring = function(account) return "rise.account: " .. (account.address or "not known yet") end

--- The account at an address.
function Account.new(wallet, address)
  return setmetatable({ wallet = wallet, address = address }, Account)
end

-- An open key; the message blames who called the public function.
local function check_key(key, field, kind)
  if getmetatable(key) ~= "rise.key" then error(field .. ": a rise.key expected, got " .. type(key), 4) end
  if not key:is_open() then error(field .. ": the key was closed", 4) end
  if kind and key:type() ~= kind then error(field .. ": a key of type " .. kind .. " expected", 4) end
end

local function admin_entry(key)
  return permissions.authorize_key { type = key:type(), public_key = core.hex(key:public()), role = "admin" }
end

-- Compares what the relay prepared with what was asked for, and gives the two digests to sign.
local function verify_upgrade(wallet, prepared, address, calls)
  local function tampered(field, asked, got)
    return errors.fail("relay_tampered", string.format("wallet_prepareUpgradeAccount: %s: asked for %s, got %s", field,
      tostring(asked), tostring(got)), { field = field })
  end
  local authorization = json.get(prepared, "context", "authorization")
  local nonce = quantity.number(json.get(authorization, "nonce"))
  local chain_id = quantity.decode(json.get(authorization, "chainId"))
  local delegate = json.get(authorization, "address")
  if not nonce or not chain_id or type(delegate) ~= "string" then
    return errors.fail("relay_tampered", "wallet_prepareUpgradeAccount: the context has no authorization",
      { field = "authorization" })
  end
  if delegate:lower() ~= wallet.account_proxy then
    return tampered("authorization.address", wallet.account_proxy, delegate)
  end
  if not chain_id:is_zero() and chain_id:cmp(wallet.chain_id) ~= 0 then
    return tampered("authorization.chainId", "0 or " .. wallet.chain_id, chain_id)
  end
  local auth = core.authorization_digest(chain_id, core.unhex(wallet.account_proxy), nonce)
  local digest = json.get(prepared, "digests", "auth")
  if type(digest) ~= "string" or digest:lower() ~= core.hex(auth) then
    return tampered("digests.auth", core.hex(auth), digest)
  end
  local exec, err = intent.verify_pre_call({
    context = { preCall = json.get(prepared, "context", "preCall") },
    digest = json.get(prepared, "digests", "exec"),
  }, {
    account = address, chain_id = wallet.chain_id, orchestrator = wallet.orchestrator, version = wallet.version,
    calls = calls, multichain = true,
  })
  if not exec then return nil, err end
  return auth, core.unhex(exec)
end

-- Has the relay prepare the account, and leaves with it what its own key signs.
local function upgrade(wallet, owner, entries, calls)
  local address = core.hex(owner:address())
  local prepared, err = wallet.relay:prepare_upgrade_account {
    address = address,
    chainId = wallet.chain_id,
    delegation = wallet.account_proxy,
    capabilities = { authorizeKeys = entries },
  }
  if not prepared then return nil, err end
  local auth, exec = verify_upgrade(wallet, prepared, address, calls)
  if not auth then return nil, exec end
  return wallet.relay:upgrade_account {
    context_text = prepared.context_text,
    signatures = { auth = core.hex(owner:sign(auth)), exec = core.hex(owner:sign(exec)) },
  }
end

--- Makes an account without a browser: a fresh EOA that delegates to the account contract and installs the given
-- administrator's key. Its own key is wiped afterwards, unless one was given. Nothing goes on chain yet: the relay, or
-- in direct mode the wallet's store, keeps what was signed and lets it ride with the account's first bundle.
-- @param wallet
-- @tparam table options `admin`: a `rise.key`, or several in an array; `owner`: the EOA's own secp256k1 key, to keep
-- @treturn[1] Account
-- @treturn[2] nil
-- @treturn[2] table relay_tampered, relay, network …
function Account.create(wallet, options)
  check.options(options, { admin = "userdata|table!", owner = "userdata" }, "wallet:create_account", 3)
  local admins = type(options.admin) == "table" and options.admin or { options.admin }
  if #admins == 0 then error("wallet:create_account: without an administrator nobody could use the account", 3) end
  for i, key in ipairs(admins) do check_key(key, "wallet:create_account: admin[" .. i .. "]") end
  if options.owner then check_key(options.owner, "wallet:create_account: owner", "secp256k1") end
  local owner, err = options.owner, nil
  if not owner then owner, err = core.key_generate("secp256k1") end
  if not owner then return nil, err end
  local address = core.hex(owner:address())
  local entries, calls = json.array {}, {}
  for i, key in ipairs(admins) do
    entries[i] = admin_entry(key)
    for _, call in ipairs(permissions.admin_calls(entries[i])) do calls[#calls + 1] = call end
  end

  local ok
  if wallet.gas then
    ok, err = direct.make_account(wallet, owner, calls)
  else
    ok, err = upgrade(wallet, owner, entries, calls)
  end
  if not options.owner then owner:close() end
  if not ok then
    err.address = address -- should the answer alone have been lost, the account is there
    return errors.within(err, "creating the account")
  end
  return Account.new(wallet, address)
end

-- The keys as the chain has them, with their permissions; those the account will have, before it is on the chain.
local function keys_on_chain(account)
  local found, err = account:view(contracts.account.getKeys, {})
  if found == nil then return nil, err end
  if not found then
    local coming
    coming, err = direct.coming_keys(account.wallet, account.address)
    if coming or err then return coming, err end
    return direct.no_account(account.address)
  end
  local infos
  infos, err = account:view(contracts.account.spendAndExecuteInfos, { found.keyHashes })
  if not infos then return nil, err or errors.new("node", "the account changed meanwhile", { retryable = true }) end
  local keys = {}
  for i, key in ipairs(found.keys) do
    local entry = direct.key_entry(key)
    if entry then
      entry.permissions, err = permissions.from_chain(infos.executes[i], infos.spends[i], entry.expiry)
      if not entry.permissions then return nil, err end
      keys[#keys + 1] = entry
    end
  end
  return keys
end

--- The keys that may act for the account now, as the relay knows them, or in direct mode the chain. A grant that has
-- not landed is not among them.
-- @treturn[1] table array of { hash, type, role ("admin" or "session"), public_key, expiry, permissions = { calls,
-- spend } }
-- @treturn[2] nil
-- @treturn[2] table unknown_account, relay, network …
function Account:keys()
  if self.wallet.gas then return keys_on_chain(self) end
  local chain = string.format("0x%x", self.wallet.chain_id)
  local answer, err = self.wallet.relay:get_keys { address = self.address, chainIds = { chain } }
  if not answer then return nil, err end
  local list = answer[chain]
  if type(list) ~= "table" then return errors.fail("relay", "wallet_getKeys: the answer has no chain " .. chain) end
  local keys = {}
  for i, entry in ipairs(list) do
    if type(entry) ~= "table" then return errors.fail("relay", "wallet_getKeys: key " .. i .. " is no object") end
    local rules
    rules, err = permissions.from_relay(json.get(entry, "permissions") or {})
    if not rules then return errors.within(err, "wallet_getKeys: key " .. i) end
    local expiry = quantity.number(json.get(entry, "expiry") or 0)
    if type(entry.hash) ~= "string" or not expiry or type(entry.type) ~= "string"
      or type(entry.publicKey) ~= "string" then
      return errors.fail("relay", "wallet_getKeys: key " .. i .. " lacks a hash, expiry, type or public key")
    end
    keys[i] = {
      hash = entry.hash:lower(),
      type = entry.type,
      role = entry.role == "admin" and "admin" or "session",
      public_key = entry.publicKey,
      expiry = expiry,
      permissions = rules,
    }
  end
  return keys
end

-- The key with this hash, false when the relay lists none.
local function listed(account, hash)
  local keys, err = account:keys()
  if not keys then return nil, err end
  for _, key in ipairs(keys) do
    if key.hash == hash then return key end
  end
  return false
end

-- Runs a bundle as an administrator. Fees are paid in native currency, unless token and cap were named together.
local function administer(account, key, action)
  action.account, action.key, action.granted = account.address, key, true
  action.fee_token = action.fee_token or contracts.NATIVE
  action.max_fee = action.max_fee or account.wallet.max_fee
  action.pre_call_allowed = intent.grant_pre_call_checker { account = account.address, any_key = true }
  return bundle.execute(account.wallet, action)
end

--- Executes calls as the account's administrator, in one atomic bundle.
-- @tparam table calls
-- @tparam userdata key an administrator's
-- @tparam[opt] table options `timeout`, `max_fee`, `fee_token` (with another token than the native one `max_fee` is
-- required, in units of it)
-- @treturn[1] table receipt
-- @treturn[2] nil
-- @treturn[2] table
function Account:execute(calls, key, options)
  options = check.options(options, { timeout = "number", max_fee = "u256|number|string", fee_token = "string" },
    "account:execute")
  check_key(key, "account:execute: key")
  local list, err = contracts.read_calls(calls)
  if not list then error("account:execute: " .. err.message, 2) end
  local token = options.fee_token and check.address(options.fee_token, "account:execute: fee_token")
  if token and token ~= contracts.NATIVE and not options.max_fee then
    error("account:execute: max_fee is required with this fee_token", 2)
  end
  local max_fee = options.max_fee and check.amount(options.max_fee, "account:execute: max_fee")
  return administer(self, key, { calls = list, timeout = options.timeout, fee_token = token, max_fee = max_fee })
end

--- Grants a session key: signs the pre-call that installs it and leaves it with the relay, or in direct mode with the
-- caller. It lands on chain with the key's first bundle.
-- @tparam table request `entry` (the key and its permissions, as @{rise.permissions.authorize_key} makes it), `calls`
-- that take back what the key may not do any more (of a renewal), `hash` of the key, `record(pre_call)` (told before it
-- leaves), `pre_calls` (the grants signed for the key before)
-- @tparam userdata key an administrator's
-- @treturn[1] table the stored pre-call
-- @treturn[2] nil
-- @treturn[2] table `maybe_sent` tells whether the relay may have it all the same
function Account:grant(request, key)
  check_key(key, "account:grant: key")
  return bundle.store_pre_call(self.wallet, {
    account = self.address,
    key = key,
    authorize = { request.entry },
    admin_calls = permissions.admin_calls(request.entry),
    calls = request.calls,
    key_hash = request.hash,
    pre_calls = request.pre_calls,
    record = request.record,
  })
end

--- What a view function of the account's contract says.
-- @param item of `contracts.account`
-- @tparam table values its arguments
-- @treturn[1] table|boolean the outputs; false while the account, or the key it is asked about, is not on chain
-- @treturn[2] nil
-- @treturn[2] table unsupported without an RPC endpoint; network, node …
function Account:view(item, values)
  local chain = self.wallet.chain
  if not chain then return errors.fail("unsupported", "asking the chain needs an RPC endpoint") end
  if not self.address then return false end
  local outputs, err = chain:read(self.address, item, values)
  if outputs ~= nil then return outputs end
  local known = err.code == "reverted" and revert.decode(err.data)
  if known and known.name == "KeyDoesNotExist" then return false end
  return nil, err
end

-- The nonce of the newest grant that was signed for a key; nil when there is none. All are in one sequence, so using
-- it up makes them all void.
local function newest_grant(request)
  local highest
  for _, pre_call in ipairs(request.pre_calls or {}) do
    if not highest or pre_call.nonce > highest then highest = pre_call.nonce end
  end
  return highest
end

local function voiding_call(nonce)
  return contracts.self_call(contracts.account.invalidateNonce, { nonce })
end

-- With a node to ask, one bundle does what the chain says is left to do. A bundle of the session can land in between
-- and change that: then it is looked at again.
local function revoke_seen(account, request, key)
  local highest, receipt, last = newest_grant(request), nil, nil
  for _ = 1, 3 do
    local found, err = account:view(contracts.account.getKey, { request.hash })
    if found == nil then return nil, err end
    local present = found
    if not present then
      present, err = listed(account, request.hash) -- it may wait for the account's first bundle
      if present == nil then return nil, err end
    end
    local values = { highest }
    if highest then values, err = account:view(contracts.account.getNonce, { highest:shr(64) }) end
    if values == nil then return nil, err end
    local void = highest and (not values or values[1] <= highest)
    if not present and not void then return receipt or true end
    receipt, err = administer(account, key, {
      calls = { void and voiding_call(highest) or nil },
      revoke = present and { request.hash } or nil,
      revoke_calls = present and permissions.revoke_calls(request.hash) or nil,
    })
    if not receipt and not err.revert then return nil, err end
    last = err
  end
  return nil, last or errors.new("node", "the key is still on the account after its revocation")
end

-- Without a node the relay's word is not enough: both are sent, each on its own, and the one that comes too late or
-- too early is told by the contract's own refusal.
local function revoke_blind(account, request, key)
  local highest, receipt = newest_grant(request), true
  local function attempt(action, harmless)
    local done, err = administer(account, key, action)
    if done then
      receipt = done
    elseif not err.revert or err.revert.name ~= harmless then
      return nil, err
    end
    return true
  end
  local ok, err = attempt({
    calls = {}, revoke = { request.hash }, revoke_calls = permissions.revoke_calls(request.hash),
  }, "KeyDoesNotExist")
  if ok and highest then ok, err = attempt({ calls = { voiding_call(highest) } }, "NewSequenceMustBeLarger") end
  if not ok then return nil, err end
  return receipt
end

--- Revokes a session key, and makes sure that it stays so: a key that is on the account is removed; a grant that was
-- signed but has not landed is made void by using up its nonce on chain, so that nobody can let it land later.
-- @tparam table request `hash` of the key; `pre_calls`: the grants signed for it (each with `nonce`)
-- @tparam userdata key an administrator's
-- @treturn[1] table receipt of the bundle that did it; `true` when there was nothing to do
-- @treturn[2] nil
-- @treturn[2] table
function Account:revoke(request, key)
  check_key(key, "account:revoke: key")
  local revoke = self.wallet.chain and revoke_seen or revoke_blind
  local receipt, err = revoke(self, request, key)
  return receipt, err
end

return Account
