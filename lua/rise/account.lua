--- An account: its address, its keys, and what its owner does without a browser.
--
-- An administrator's key (`rise.key`) signs what changes the account: granting and revoking session keys. It is never
-- stored here.
-- @classmod rise.Account

local bundle = require "rise.bundle"
local check = require "rise.check"
local contracts = require "rise.contracts"
local core = require "rise.core"
local errors = require "rise.errors"
local intent = require "rise.intent"
local json = require "rise.json"
local landing = require "rise.landing"
local permissions = require "rise.permissions"
local quantity = require "rise.quantity"

local Account = {}
Account.__index = Account
Account.__name = "rise.account"
Account.__tostring = function(account) return "rise.account: " .. account.address end

--- The account at an address.
function Account.new(wallet, address)
  return setmetatable({ wallet = wallet, address = address }, Account)
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
    return errors.fail("relay", "wallet_prepareUpgradeAccount: the context has no authorization")
  end
  if delegate:lower() ~= wallet.account_proxy then
    return tampered("authorization.address", wallet.account_proxy, delegate)
  end
  if not chain_id:is_zero() and chain_id:cmp(wallet.chain_id) ~= 0 then
    return tampered("authorization.chainId", "0 or " .. wallet.chain_id, chain_id)
  end
  local auth = core.authorization_digest(chain_id, core.unhex(wallet.account_proxy), nonce)
  if json.get(prepared, "digests", "auth") ~= core.hex(auth) then
    return tampered("digests.auth", core.hex(auth), json.get(prepared, "digests", "auth"))
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

--- Makes an account without a browser: a fresh EOA that delegates to the account contract and installs the given
-- administrator's key. Its own key is wiped afterwards, unless one was given. Nothing goes on chain yet: the relay
-- keeps what was signed and lets it ride with the account's first bundle.
-- @param wallet
-- @tparam table options `admin`: a `rise.key`, or several in an array; `owner`: the EOA's own secp256k1 key, to keep
-- @treturn[1] Account
-- @treturn[2] nil
-- @treturn[2] table relay_tampered, relay, network …
function Account.create(wallet, options)
  check.options(options, { admin = "userdata|table!", owner = "userdata" }, "wallet:create_account", 3)
  local admins = type(options.admin) == "table" and options.admin or { options.admin }
  local owner, err = options.owner, nil
  if not owner then owner, err = core.key_generate("secp256k1") end
  if not owner then return nil, err end
  local address = core.hex(owner:address())
  local entries, calls = json.array {}, {}
  for i, key in ipairs(admins) do
    entries[i] = admin_entry(key)
    for _, call in ipairs(permissions.admin_calls(entries[i])) do calls[#calls + 1] = call end
  end

  local prepared, auth, exec
  prepared, err = wallet.relay:prepare_upgrade_account {
    address = address,
    chainId = wallet.chain_id,
    delegation = wallet.account_proxy,
    capabilities = { authorizeKeys = entries },
  }
  if prepared then
    auth, exec = verify_upgrade(wallet, prepared, address, calls)
    err = exec
  end
  local ok
  if auth then
    ok, err = wallet.relay:upgrade_account {
      context_text = prepared.context_text,
      signatures = { auth = core.hex(owner:sign(auth)), exec = core.hex(owner:sign(exec)) },
    }
  end
  if not options.owner then owner:close() end
  if not ok then return errors.within(err, "creating the account") end
  return Account.new(wallet, address)
end

--- The keys that may act for the account now, as the relay knows them. A grant that has not landed is not among them.
-- @treturn[1] table array of { hash, type, role ("admin" or "session"), public_key, expiry, permissions = { calls,
-- spend } }
-- @treturn[2] nil
-- @treturn[2] table unknown_account, relay, network …
function Account:keys()
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
    if type(entry.hash) ~= "string" or not expiry then
      return errors.fail("relay", "wallet_getKeys: key " .. i .. " has no hash or expiry")
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

--- Executes calls as the account's administrator, in one atomic bundle.
-- @tparam table calls
-- @tparam userdata key an administrator's
-- @tparam[opt] table options `timeout`, `max_fee`, `fee_token`
-- @treturn[1] table receipt
-- @treturn[2] nil
-- @treturn[2] table
function Account:execute(calls, key, options)
  options = check.options(options, { timeout = "number", max_fee = "u256|number|string", fee_token = "string" },
    "account:execute")
  return bundle.execute(self.wallet, {
    account = self.address, key = key, calls = calls, granted = true,
    timeout = options.timeout, fee_token = options.fee_token,
    max_fee = options.max_fee and check.amount(options.max_fee, "max_fee") or self.wallet.max_fee,
    pre_call_allowed = intent.grant_pre_call_checker { account = self.address, any_key = true },
  })
end

--- Grants a session key: signs the pre-call that installs it and leaves it with the relay. It lands on chain with the
-- key's first bundle.
-- @tparam table request `entry` (the key and its permissions, as @{rise.permissions.authorize_key} makes it)
-- @tparam userdata key an administrator's
-- @treturn[1] table the stored pre-call
-- @treturn[2] nil
-- @treturn[2] table
function Account:grant(request, key)
  return bundle.store_pre_call(self.wallet, {
    account = self.address,
    key = key,
    authorize = { request.entry },
    admin_calls = permissions.admin_calls(request.entry),
  })
end

--- Revokes a session key, and makes sure that it stays so: a key that is on the account is removed; a grant that was
-- signed but has not landed is made void by using up its nonce on chain, so that nobody can let it land later.
-- @tparam table request `hash` of the key, `pre_calls`: the grants signed for it (each with `nonce`)
-- @tparam userdata key an administrator's
-- @treturn[1] table receipt of the bundle that did it; `true` when there was nothing to do
-- @treturn[2] nil
-- @treturn[2] table
function Account:revoke(request, key)
  local wallet = self.wallet
  local present, err = listed(self, request.hash)
  if present == nil then return nil, err end
  local calls, highest = {}, nil
  for _, pre_call in ipairs(request.pre_calls or {}) do
    if not highest or pre_call.nonce > highest then highest = pre_call.nonce end
  end
  if highest then
    local next_nonce = landing.next_nonce(wallet, self.address, highest)
    if not next_nonce then
      -- Without a node to ask: what is listed has landed, what is not has not.
      next_nonce = present and highest + 1 or highest
    end
    if next_nonce <= highest then calls[1] = contracts.self_call(contracts.account.invalidateNonce, { highest }) end
  end
  if not present and #calls == 0 then return true end
  local receipt
  receipt, err = bundle.execute(wallet, {
    account = self.address,
    key = key,
    calls = calls,
    revoke = present and { request.hash } or nil,
    revoke_calls = present and permissions.revoke_calls(request.hash) or nil,
    max_fee = wallet.max_fee,
    granted = true,
    pre_call_allowed = intent.grant_pre_call_checker { account = self.address, any_key = true },
  })
  if not receipt then return nil, err end
  present, err = listed(self, request.hash)
  if present then return errors.fail("relay", "the key is still listed after its revocation") end
  if present == nil then return nil, err end
  return receipt
end

return Account
