-- A devnet inside the spec's own process, and a client that speaks to its relay as plainly as can be: JSON-RPC with
-- the keys of rise.core, so that what these specs find out about the relay does not depend on the wallet's code.
local Chain = require "rise.chain"
local Loop = require "rise.loop"
local Rpc = require "rise.rpc"
local contracts = require "rise.contracts"
local core = require "rise.core"
local json = require "rise.json"
local permissions = require "rise.permissions"

local support = {}

local Net = {}
Net.__index = Net

support.NATIVE = contracts.NATIVE
support.ZERO_ID = "0x" .. string.rep("0", 64)

--- Starts a devnet on free ports. Call it in `setup`, and `net:stop()` in `teardown`, which busted runs in any case.
function support.start(options)
  local settings = { loop = Loop.new(), port = 0, anvil_port = 0 }
  local net = setmetatable({ lines = {}, loop = settings.loop }, Net)
  settings.log = function(line) net.lines[#net.lines + 1] = line end
  for name, value in pairs(options or {}) do settings[name] = value end
  net.devnet = assert(require("rise.devnet").start(settings))
  net.ready = net.devnet.ready
  net.contracts = net.ready.contracts
  net.relay = Rpc.new { loop = net.loop, url = net.ready.relay, peer = "relay", timeout = 20 }
  net.chain = Chain.new { rpc = Rpc.new { loop = net.loop, url = net.ready.rpc } }
  net.chain_key = core.u256(net.ready.chain_id):hex()
  return net
end

function Net:stop()
  self.devnet:stop()
end

--- A relay method with one object (or nothing) as parameter.
function Net:call(method, object)
  return self.relay:call(method, object ~= nil and { object } or nil)
end

--- The error object a relay method must end with: code, message, data.
function Net:refusal(method, object)
  local result, err = self:call(method, object)
  if result ~= nil then error(method .. " was not refused: " .. json.encode(result), 2) end
  if err.code ~= "rpc" then error(method .. " failed otherwise: " .. tostring(err), 2) end
  return { code = err.rpc_code, message = err.rpc_message, data = err.data }
end

--- One HTTP exchange with the relay.
function Net:fetch(request)
  request.url = self.ready.relay .. (request.path or "/")
  request.path = nil
  return assert(self.loop:fetch(request))
end

-- ---- keys and signatures --------------------------------------------------------------------------------------

function support.key(kind)
  return assert(core.key_generate(kind or "p256"))
end

local ASSERTION = assert(core.abi("((bytes authenticatorData, string clientDataJSON, uint256 challengeIndex, "
  .. "uint256 typeIndex, bytes32 r, bytes32 s) assertion)"))

local function base64url(bytes)
  local digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
  local text, bits, have = {}, 0, 0
  for byte in bytes:gmatch "." do
    bits, have = bits % 64 * 256 + byte:byte(), have + 8
    while have >= 6 do
      have = have - 6
      local digit = math.floor(bits / 2 ^ have) % 64 + 1
      text[#text + 1] = digits:sub(digit, digit)
    end
  end
  if have > 0 then
    local digit = bits * 2 ^ (6 - have) % 64 + 1
    text[#text + 1] = digits:sub(digit, digit)
  end
  return table.concat(text)
end

local Passkey = {}
Passkey.__index = Passkey

--- A passkey, with what a browser and an authenticator put around its signatures.
function support.passkey()
  return setmetatable({ key = support.key("p256") }, Passkey)
end

function Passkey:type() -- luacheck: no self
  return "webauthnp256"
end

function Passkey:public()
  return self.key:public()
end

function Passkey:hash()
  return core.key_hash("webauthnp256", self:public())
end

--- What it signs for a challenge, as a table of the assertion's members; `with` replaces some before it is signed.
function Passkey:assertion(challenge, with)
  local made = {
    authenticatorData = core.sha256("localhost") .. "\5\0\0\0\1", challengeIndex = 23, typeIndex = 1,
    clientDataJSON = '{"type":"webauthn.get","challenge":"' .. base64url(challenge)
      .. '","origin":"http://localhost:5175","crossOrigin":false}',
  }
  for name, value in pairs(with or {}) do made[name] = value end
  local signature = self.key:sign(core.sha256(made.authenticatorData .. core.sha256(made.clientDataJSON)))
  made.authenticatorData = core.hex(made.authenticatorData)
  made.r, made.s = core.hex(signature:sub(1, 32)), core.hex(signature:sub(33))
  return made
end

--- An assertion as bytes.
function support.encode_assertion(assertion)
  return assert(ASSERTION:encode { assertion })
end

function Passkey:sign(digest)
  return support.encode_assertion(self:assertion(digest))
end

--- A key as the member `key` of requests.
function support.signer(key, prehash)
  return { type = key:type(), publicKey = core.hex(key:public()), prehash = prehash == true }
end

--- A key as an entry of `authorizeKeys`.
function support.entry(key, options)
  options = options or {}
  return {
    type = key:type(), publicKey = core.hex(key:public()), role = options.role or "normal",
    expiry = options.expiry or 0, permissions = json.array(options.permissions),
  }
end

function support.admin_entry(key)
  return support.entry(key, { role = "admin" })
end

--- A session key's entry that may call one function, and optionally spend.
function Net:session_entry(key, options)
  options = options or {}
  local list = { { type = "call", to = self.contracts.counter, selector = "0xd09de08a" } }
  for _, more in ipairs(options.permissions or {}) do list[#list + 1] = more end
  return support.entry(key, { permissions = list, expiry = options.expiry or math.floor(core.now()) + 3600 })
end

function support.hash_of(key)
  return core.hex(key:hash())
end

function support.sign(key, digest, prehash)
  local bytes = core.unhex(digest)
  if prehash then bytes = core.sha256(bytes) end
  return core.hex(key:sign(bytes))
end

-- ---- calls ----------------------------------------------------------------------------------------------------

function Net:increment()
  return { to = self.contracts.counter, value = "0x0", data = "0xd09de08a" }
end

function Net:count()
  return core.u256(assert(self.chain:call { to = self.contracts.counter, data = "0x06661abd" }))
end

local function encoded(line, values)
  return core.hex(assert(core.abi(line):encode_call(values)))
end

function Net:mint(to, amount)
  return { to = self.contracts.stk, value = "0x0",
    data = encoded("function mint(address to, uint256 value)", { to, amount }) }
end

function Net:transfer(to, amount)
  return { to = self.contracts.stk, value = "0x0",
    data = encoded("function transfer(address to, uint256 value)", { to, amount }) }
end

function Net:balance(token, owner)
  if token == support.NATIVE then return assert(self.chain:get_balance(owner)) end
  return core.u256(assert(self.chain:call { to = token,
    data = encoded("function balanceOf(address owner)", { owner }) }))
end

--- Gives an account native currency.
function Net:fund(address, wei)
  assert(self.chain:request("anvil_setBalance", { address, core.u256(wei) }))
end

-- ---- flows ----------------------------------------------------------------------------------------------------

--- The request that prepares an upgrade.
function Net:upgrade_request(address, entries)
  return {
    address = address, chainId = self.ready.chain_id, delegation = self.contracts.account_proxy,
    capabilities = { authorizeKeys = json.array(entries) },
  }
end

--- An account that is stored at the relay, with its owner's key and an administrator's.
function Net:create_account(options)
  options = options or {}
  local owner, admin = support.key("secp256k1"), options.admin or support.key(options.admin_type)
  local address = core.hex(owner:address())
  local entries = { support.admin_entry(admin) }
  for _, entry in ipairs(options.entries or {}) do entries[#entries + 1] = entry end
  local prepared = assert(self:call("wallet_prepareUpgradeAccount", self:upgrade_request(address, entries)))
  assert(self:call("wallet_upgradeAccount", {
    context = prepared.context,
    signatures = {
      auth = support.sign(owner, prepared.digests.auth), exec = support.sign(owner, prepared.digests.exec),
    },
  }))
  return { address = address, owner = owner, admin = admin }
end

--- The parameters of wallet_prepareCalls.
function Net:request(account, options)
  local capabilities = { meta = json.object(options.meta) }
  for _, name in ipairs { "authorizeKeys", "revokeKeys", "preCalls", "preCall", "requiredFunds" } do
    capabilities[name] = options[name]
  end
  return {
    calls = json.array(options.calls), chainId = self.ready.chain_id, from = account.address,
    capabilities = capabilities, key = options.key and support.signer(options.key, options.prehash) or nil,
    stateOverrides = options.stateOverrides,
  }
end

--- A prepared bundle or pre-call; the second value is the context as text, to be sent back as it came.
function Net:prepare(account, options)
  local result, text = self:call("wallet_prepareCalls", self:request(account, options))
  if not result then return nil, text end
  local first, last = core.json_span(text, "result", "context")
  return result, json.raw(text:sub(first, last))
end

--- Sends what was prepared. `signer` signs; without `key` as the account's own.
function Net:send(prepared, context, signer, options)
  options = options or {}
  return self:call("wallet_sendPreparedCalls", {
    context = context, signature = options.signature or support.sign(signer, prepared.digest, options.prehash),
    key = options.key and support.signer(options.key, options.prehash) or nil,
    capabilities = options.capabilities,
  })
end

local PATIENCE = 60 -- seconds; only a failing spec, or a very busy machine, comes near it

--- Polls a bundle until it is final.
function Net:wait(id)
  local deadline = self.loop:now() + PATIENCE
  while self.loop:now() < deadline do
    local status = assert(self.relay:call("wallet_getCallsStatus", { id }))
    if status.status ~= 100 then return status end
    self.loop:sleep(0.01)
  end
  error("bundle " .. id .. " does not come to an end", 2)
end

--- Polls until so many transactions wait to be mined.
function Net:wait_for_pool(count)
  local deadline = self.loop:now() + PATIENCE
  while self.loop:now() < deadline do
    local status = assert(self.chain:request("txpool_status", json.array {}))
    if core.u256(status.pending):number() >= count then return end
    self.loop:sleep(0.01)
  end
  error("there are not " .. count .. " transactions in the pool", 2)
end

--- Prepares, signs with a key of the account, sends and waits: the final status. `nil, err` when prepare refuses.
function Net:execute(account, key, options)
  options.key = key
  local prepared, context = self:prepare(account, options)
  if not prepared then return nil, context end
  local sent = assert(self:send(prepared, context, key, { key = key, prehash = options.prehash }))
  return self:wait(sent.id), prepared
end

--- Leaves a grant with the relay, signed by an administrator.
function Net:grant(account, entry, options)
  options = options or {}
  local admin = options.admin or account.admin
  local prepared, context = self:prepare(account, {
    preCall = true, authorizeKeys = { entry }, key = admin, meta = options.meta,
  })
  if not prepared then return nil, context end
  return self:send(prepared, context, admin, { key = admin })
end

--- A fresh session key that has been granted, but has not landed.
function Net:granted_key(account, options)
  local key = support.key()
  assert(self:grant(account, self:session_entry(key, options)))
  return key
end

--- An account that is on the chain.
function Net:landed_account(options)
  local account = self:create_account(options)
  local status = assert(self:execute(account, account.admin, {}))
  assert(status.status == 200, "the account's first bundle failed")
  return account
end

--- The keys the relay lists for an account, by hash.
function Net:keys(account)
  local answer = assert(self:call("wallet_getKeys", { address = account.address }))
  local by_hash = {}
  for _, key in ipairs(answer[self.chain_key]) do by_hash[key.hash] = key end
  return by_hash, #answer[self.chain_key]
end

--- The arguments of an error in revert data.
function support.revert_name(data)
  local item = contracts.error_by_selector(data:sub(1, 10))
  return item and item:name()
end

support.key_hash = permissions.key_hash

return support
