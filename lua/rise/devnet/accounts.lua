--- The accounts a relay knows: those that are on the chain, and those whose upgrade was signed and is kept here until
-- their first bundle takes it along.
-- @classmod rise.devnet.Accounts

local contracts = require "rise.contracts"
local core = require "rise.core"
local json = require "rise.json"
local permissions = require "rise.permissions"
local rpc_error = require "rise.devnet.rpc_error"

local Accounts = {}
Accounts.__index = Accounts

-- Upgrades kept at most: they are some hundred bytes each, and nothing but a bundle takes them away.
local MAX_STORED = 100000

local TYPE_NAMES = {}
for name, number in pairs(contracts.KEY_TYPES) do TYPE_NAMES[number] = name end

function Accounts.new(addresses)
  return setmetatable({ addresses = addresses, stored = {}, count = 0 }, Accounts)
end

--- Keeps a signed upgrade; a later one for the same address replaces it.
-- @tparam string address
-- @tparam table upgrade `authorization` (with signature) and `pre_call` (a SignedCall with signature)
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table
function Accounts:store(address, upgrade)
  if not self.stored[address] then
    if self.count >= MAX_STORED then return rpc_error.trouble("an internal error occurred") end
    self.count = self.count + 1
  end
  self.stored[address] = upgrade
  return true
end

-- ---- one account, as seen while a request is served -----------------------------------------------------------------

local Account = {}
Account.__index = Account

--- The account at an address: on the chain (`delegated`) or only stored (`upgrade`).
-- @param view a @{rise.devnet.View}
-- @tparam string address
-- @treturn[1] Account
-- @treturn[2] nil
-- @treturn[2] table
function Accounts:find(view, address)
  local code, err = view:code(address)
  if not code then return nil, err end
  local delegate = contracts.delegation_of(code)
  local account = setmetatable({ address = address, addresses = self.addresses }, Account)
  if not delegate then
    account.upgrade = self.stored[address]
    if not account.upgrade then return rpc_error.refuse("eoa not delegated: %s", address) end
    account:assume_delegated()
    account.pre_calls = { account.upgrade.pre_call }
    return account
  end
  local found
  found, err = view:read(self.addresses.orchestrator, contracts.orchestrator.accountImplementationOf, { address })
  if not found then return nil, err end
  if found[1] == contracts.NATIVE then return rpc_error.refuse("invalid delegation proxy %s", delegate) end
  if found[1] ~= self.addresses.account_implementation then
    return rpc_error.refuse("invalid delegation %s", found[1])
  end
  account.delegated = true
  account.pre_calls = {}
  return account
end

--- Expects what @{Accounts:find} reads of an address.
-- @param view a @{rise.devnet.View}
-- @tparam string address
function Accounts:expect(view, address)
  view:expect_code(address)
  view:expect_read(self.addresses.orchestrator, contracts.orchestrator.accountImplementationOf, { address })
end

--- The account that is stored under an address, on the chain or not; nil for none.
function Accounts:stored_account(address)
  local upgrade = self.stored[address]
  if not upgrade then return nil end
  return setmetatable({ address = address, addresses = self.addresses, upgrade = upgrade }, Account)
end

--- An account nobody knows, as if it were delegated and its EOA were to sign.
function Accounts:unknown(address)
  local account = setmetatable({ address = address, addresses = self.addresses, pre_calls = {} }, Account)
  account:assume_delegated()
  return account
end

--- Lets simulations take the account as delegated, which it is not on the chain.
function Account:assume_delegated()
  self.overrides = {
    [self.address] = { code = contracts.DELEGATION_PREFIX .. self.addresses.account_proxy:sub(3) },
  }
end

--- The calldata that runs pre-calls by themselves.
function Account:execute_pre_calls(pre_calls)
  return assert(contracts.encode_call(contracts.orchestrator.executePreCalls, { self.address, pre_calls }))
end

--- Reads a function of the account. For an account that is only stored, as its upgrade would leave it.
-- @treturn[1] table the values
-- @treturn[2] nil
-- @treturn[2] table
function Account:read(view, item, values)
  local before
  if self.pre_calls[1] then
    before = { { to = self.addresses.orchestrator, data = self:execute_pre_calls(self.pre_calls) } }
  end
  return view:read(self.address, item, values, { overrides = self.overrides, before = before })
end

--- The unexpired keys.
-- @treturn[1] table array of { hash, type, role, publicKey, expiry }
-- @treturn[2] nil
-- @treturn[2] table
function Account:keys(view)
  if self.known_keys then return self.known_keys end
  local found, err = self:read(view, contracts.account.getKeys)
  if not found then return nil, err end
  local list = {}
  for i, key in ipairs(found.keys) do
    local kind = TYPE_NAMES[key.keyType] -- keys of external signers have no name at the relay
    if kind then
      list[#list + 1] = {
        hash = found.keyHashes[i], type = kind, role = key.isSuperAdmin and "admin" or "normal",
        publicKey = key.publicKey, expiry = key.expiry,
      }
    end
  end
  self.known_keys = list
  return list
end

--- The unexpired key with this hash; false when there is none.
function Account:key(view, hash)
  local keys, err = self:keys(view)
  if not keys then return nil, err end
  for _, key in ipairs(keys) do
    if key.hash == hash then return key end
  end
  return false
end

-- A key's permissions as the relay lists them: spending first.
local function permission_list(spends, calls)
  local grant, err = permissions.from_chain(calls, spends)
  if not grant then return nil, err end
  local list = json.array {}
  for _, rule in ipairs(grant.spend) do
    if rule.period ~= "forever" then -- which the relay cannot say
      list[#list + 1] = { type = "spend", limit = core.u256(rule.limit), period = rule.period, token = rule.token }
    end
  end
  for _, rule in ipairs(grant.calls) do
    list[#list + 1] = { type = "call", selector = rule.selector, to = rule.to }
  end
  return list
end

--- The keys as wallet_getKeys lists them.
function Account:keys_with_permissions(view)
  local keys, err = self:keys(view)
  if not keys then return nil, err end
  local hashes = {}
  for i, key in ipairs(keys) do hashes[i] = key.hash end
  local infos
  infos, err = self:read(view, contracts.account.spendAndExecuteInfos, { hashes })
  if not infos then return nil, err end
  local list = json.array {}
  for i, key in ipairs(keys) do
    local rules
    rules, err = permission_list(infos.spends[i], infos.executes[i])
    if not rules then return nil, err end
    list[i] = {
      hash = key.hash, type = key.type, role = key.role, publicKey = key.publicKey,
      expiry = core.u256(key.expiry), permissions = rules,
    }
  end
  return list
end

--- The next full nonce of a sequence.
-- @param view a @{rise.devnet.View}
-- @param sequence u256, the upper 192 bits
-- @treturn[1] u256
-- @treturn[2] nil
-- @treturn[2] table
function Account:next_nonce(view, sequence)
  local found, err = self:read(view, contracts.account.getNonce, { sequence })
  if not found then return nil, err end
  return core.u256(found[1])
end

--- Whether a signature (wrapped, or the EOA's bare one) is good for a digest, by the account's own judgement.
-- @treturn[1] boolean
-- @treturn[1] string hash of the key that signed
-- @treturn[2] nil
-- @treturn[2] table
function Account:validates(view, digest, signature)
  local found, err = self:read(view, contracts.account.unwrapAndValidateSignature, { digest, signature })
  if found then return found.isValid, found.keyHash end
  if err.code == "reverted" then return false end
  return nil, err
end

--- Whether an ERC-1271 signature is good for anybody.
function Account:accepts(view, digest, signature)
  local found, err = self:read(view, contracts.account.isValidSignature, { digest, signature })
  if found then return found[1] == "0x1626ba7e" end
  if err.code == "reverted" then return false end
  return nil, err
end

--- Checks that the stored authorization still fits: it dies with the next transaction of the EOA itself.
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table
function Account:check_authorization(view)
  if not self.upgrade then return true end
  local nonce, err = view.chain:get_nonce(self.address, "pending")
  if not nonce then return nil, err end
  if nonce ~= self.upgrade.authorization.nonce then
    return rpc_error.refuse("invalid auth item nonce, expected %d, got %d", nonce, self.upgrade.authorization.nonce)
  end
  return true
end

--- The stored authorization as the node and the clients want it.
function Account:authorization()
  local authorization = self.upgrade.authorization
  return {
    chainId = core.u256(0), address = authorization.address, nonce = core.u256(authorization.nonce),
    yParity = core.u256(authorization.y_parity), r = authorization.r, s = authorization.s,
  }
end

--- Whether an error is a method's answer "this account is not known", as opposed to trouble with the node.
function Accounts.is_unknown(err)
  return rpc_error.is(err) and err.message:find("^eoa not delegated") ~= nil
end

return Accounts
