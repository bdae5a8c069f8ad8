--- Stored pre-calls: signed changes to an account's keys that wait here for the bundle that takes them along.
--
-- One is kept per account and nonce. A bundle takes those along that touch the key it is signed with, in the order of
-- their nonces; so a grant lands with the first bundle of the granted key, and a stored revocation stops that key.
-- @classmod rise.devnet.PreCalls

local contracts = require "rise.contracts"
local core = require "rise.core"
local permissions = require "rise.permissions"
local rpc_error = require "rise.devnet.rpc_error"

local PreCalls = {}
PreCalls.__index = PreCalls

local MAX_PER_ACCOUNT = 1000

-- What a pre-call may do to an account, and in which argument the key is named.
local MANAGEMENT = { "authorize", "revoke", "setCanExecute", "setSpendLimit", "removeSpendLimit",
  "upgradeProxyAccount" }

local by_selector

local function management_function(selector)
  if not by_selector then
    by_selector = {}
    for _, name in ipairs(MANAGEMENT) do
      by_selector[contracts.selector(contracts.account[name])] = name
    end
  end
  return by_selector[selector]
end

-- The key's hash and expiry in the arguments of `authorize`.
local function authorized_key(key)
  for name, number in pairs(contracts.KEY_TYPES) do
    if number == key.keyType then
      return { hash = permissions.key_hash(name, key.publicKey), expiry = key.expiry, admin = key.isSuperAdmin,
        type = name }
    end
  end
end

--- What account management a list of calls does, in order.
-- @tparam table calls `{ to, value, data }`
-- @tparam string account its address; calls to others, and other functions, do not count
-- @treturn table array of `{ name, hash, key }`: the function, the key concerned (if any), what `authorize` installs
-- @treturn boolean whether there was nothing else among the calls
function PreCalls.operations(calls, account)
  local list, pure = {}, true
  for _, call in ipairs(calls) do
    local own = call.to == contracts.SELF or call.to == account
    local name = own and #call.data >= 10 and management_function(call.data:sub(1, 10))
    local values = name and contracts.decode_call(contracts.account[name], call.data)
    if not values then
      pure = false
    elseif name == "authorize" then
      local key = authorized_key(values.key)
      if key and key.hash then
        list[#list + 1] = { name = name, hash = key.hash, key = key }
      else
        pure = false
      end
    elseif name == "upgradeProxyAccount" then
      list[#list + 1] = { name = name, implementation = values.newImplementation }
    else
      list[#list + 1] = { name = name, hash = values.keyHash }
    end
  end
  return list, pure
end

--- Checks what a pre-call may hold: account management only, of one key.
-- @tparam table calls
-- @tparam string account
-- @tparam string implementation the only one it may upgrade to
-- @treturn[1] table operations
-- @treturn[1] string|nil hash of the key it touches
-- @treturn[2] nil
-- @treturn[2] table
function PreCalls.check(calls, account, implementation)
  local operations, pure = PreCalls.operations(calls, account)
  local hash
  for _, operation in ipairs(operations) do
    if operation.name == "upgradeProxyAccount" and operation.implementation ~= implementation then pure = false end
    if operation.hash then
      if hash and hash ~= operation.hash then return rpc_error.refuse("precall can't modify multiple keys") end
      hash = operation.hash
    end
  end
  if not pure then return rpc_error.refuse("the precall can only contain account management calls.") end
  return operations, hash
end

--- The key a list of operations leaves behind under a hash: what `authorize` installed, if nothing revoked it since.
function PreCalls.surviving_key(operations, hash)
  local key
  for _, operation in ipairs(operations) do
    if operation.hash == hash then
      if operation.name == "authorize" then key = operation.key end
      if operation.name == "revoke" then key = nil end
    end
  end
  return key
end

function PreCalls.new()
  return setmetatable({ accounts = {} }, PreCalls)
end

--- Keeps a pre-call. One nonce is kept once.
-- @tparam string account
-- @tparam table entry `nonce` (u256), `signed_call` (with the wrapped signature), `operations`, `hash`
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table
function PreCalls:add(account, entry)
  local list = self.accounts[account] or {}
  local at = #list + 1
  for i, other in ipairs(list) do
    local order = entry.nonce:cmp(other.nonce)
    if order == 0 then return rpc_error.trouble("an internal error occurred") end
    if order < 0 then
      at = i
      break
    end
  end
  if #list >= MAX_PER_ACCOUNT then return rpc_error.trouble("an internal error occurred") end
  table.insert(list, at, entry)
  self.accounts[account] = list
  return true
end

local function keep(self, account, wanted)
  local list = {}
  for _, entry in ipairs(self.accounts[account] or {}) do
    if wanted(entry) then list[#list + 1] = entry end
  end
  self.accounts[account] = list[1] and list or nil
end

--- Whether anything is stored for an account.
function PreCalls:has(account)
  return self.accounts[account] ~= nil
end

--- Forgets what is stored for a key: it was revoked, and a grant that has not landed must not bring it back.
function PreCalls:drop_key(account, hash)
  keep(self, account, function(entry) return entry.hash ~= hash end)
end

local function sequence_of(nonce)
  return nonce:shr(64)
end

-- The next nonce of each sequence in use, by the sequence as text.
local function next_nonces(self, view, account)
  local next_nonce = {}
  for _, entry in ipairs(self.accounts[account.address] or {}) do
    local name = tostring(sequence_of(entry.nonce))
    if not next_nonce[name] then
      local nonce, err = account:next_nonce(view, sequence_of(entry.nonce))
      if not nonce then return nil, err end
      next_nonce[name] = nonce
    end
  end
  return next_nonce
end

--- The stored pre-calls a bundle signed with a key takes along. Those whose nonce is used up are forgotten; a gap in
-- a sequence ends it.
-- @param view a @{rise.devnet.View}
-- @tparam Account account of @{rise.devnet.Accounts}
-- @tparam string hash
-- @treturn[1] table entries in the order of their nonces
-- @treturn[2] nil
-- @treturn[2] table
function PreCalls:for_key(view, account, hash)
  local next_nonce, err = next_nonces(self, view, account)
  if not next_nonce then return nil, err end
  keep(self, account.address, function(entry)
    return entry.nonce >= next_nonce[tostring(sequence_of(entry.nonce))]
  end)
  local list = {}
  for _, entry in ipairs(self.accounts[account.address] or {}) do
    local name = tostring(sequence_of(entry.nonce))
    if entry.hash == hash and entry.nonce == next_nonce[name] then
      list[#list + 1] = entry
      next_nonce[name] = entry.nonce + 1
    end
  end
  return list
end

--- The nonce of a key's next pre-call: behind the last one stored, else the chain's next, in the sequence that is the
-- upper 192 bits of the key's hash.
-- @treturn[1] u256
-- @treturn[2] nil
-- @treturn[2] table
function PreCalls:nonce_for(view, account, hash)
  local sequence = core.u256(hash):shr(64)
  local nonce, err = account:next_nonce(view, sequence)
  if not nonce then return nil, err end
  for _, entry in ipairs(self.accounts[account.address] or {}) do
    if sequence_of(entry.nonce) == sequence and entry.nonce >= nonce then nonce = entry.nonce + 1 end
  end
  return nonce
end

return PreCalls
