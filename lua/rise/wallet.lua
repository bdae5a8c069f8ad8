--- A wallet: one relay, one chain, and what the relay says about them.
--
-- Made by @{rise.connect}. Accounts, sessions and contracts are made from it.
-- @classmod rise.Wallet

local Account = require "rise.account"
local Contract = require "rise.contract"
local Session = require "rise.session"
local Chain = require "rise.chain"
local Pace = require "rise.pace"
local Relay = require "rise.relay"
local Rpc = require "rise.rpc"
local check = require "rise.check"
local core = require "rise.core"
local direct = require "rise.direct"
local errors = require "rise.errors"
local json = require "rise.json"
local networks = require "rise.networks"
local recovery = require "rise.recovery"
local store = require "rise.store"

local Wallet = {}
Wallet.__index = Wallet
Wallet.__name = "rise.wallet"

-- A bundle's fee in wei that is paid without asking further.
local DEFAULT_MAX_FEE = "10000000000000000" -- 0.01 ether

local function endpoint(text, field)
  if type(text) ~= "string" or not text:find("^https?://[^%s]+$") then
    error(string.format("rise.connect: %s must be an http or https URL", field), 5)
  end
  return text
end

-- A URL without what may be secret in it: credentials, path, query.
local function host_of(url)
  return (url:gsub("^(%w+://)[^/@]*@", "%1"):match("^%w+://[^/?#]+") or "the endpoint")
end

local function resolve(options)
  local name = options.network
  local network = {}
  if type(name) == "table" then
    network = name
  elseif name then
    network = networks[name]
    if not network then
      error("rise.connect: unknown network \"" .. name .. "\": devnet, testnet, or relay = and chain_id =", 4)
    end
  elseif not options.relay then
    error("rise.connect: name a network (devnet, testnet) or give relay = and chain_id =", 4)
  end
  local resolved = {
    name = network.name or "custom",
    relay = endpoint(options.relay or network.relay, "relay"),
    rpc = options.rpc or network.rpc,
    chain_id = options.chain_id or network.chain_id,
    explorer = options.explorer or network.explorer,
    wallet = network.wallet,
    native = network.native or { symbol = "ETH", decimals = 18 },
  }
  if resolved.rpc then endpoint(resolved.rpc, "rpc") end
  local chain_id = resolved.chain_id
  if type(chain_id) ~= "number" or chain_id % 1 ~= 0 or chain_id < 1 or chain_id >= 2 ^ 53 then
    error("rise.connect: chain_id must be given for a custom network, a whole number", 4)
  end
  return resolved
end

local function address_at(entry, name)
  local text = json.get(entry, "contracts", name, "address")
  local bytes = type(text) == "string" and core.address(text:lower())
  if not bytes then return errors.fail("relay", "wallet_getCapabilities: contracts." .. name .. " has no address") end
  return core.hex(bytes)
end

-- The tokens the relay knows: `tokens` names them in messages, `fee_tokens` are those it takes fees in.
local function read_tokens(wallet, list)
  wallet.tokens, wallet.fee_tokens = {}, {}
  for _, token in ipairs(type(list) == "table" and list or {}) do
    local address, decimals = json.get(token, "address"), json.get(token, "decimals")
    if type(address) == "string" and type(decimals) == "number" and decimals % 1 == 0 and decimals >= 0
      and decimals <= 77 then
      local known = { symbol = json.get(token, "symbol"), decimals = decimals }
      if type(known.symbol) == "string" and known.symbol:find("^[%w%p]+$") and #known.symbol <= 32 then
        wallet.tokens[address:lower()] = known
      end
      if token.feeToken ~= false then wallet.fee_tokens[address:lower()] = known end
    end
  end
end

--- Connects: asks the relay for its contracts, and the node, where one is given, for its chain id.
-- @tparam table loop a @{rise.Loop}
-- @tparam table options see @{rise.connect}
-- @treturn[1] Wallet
-- @treturn[2] nil
-- @treturn[2] table network, timeout, relay, unsupported
function Wallet.connect(loop, options)
  options = check.options(options, {
    network = "string|table", relay = "string", rpc = "string", chain_id = "number", explorer = "string",
    timeout = "number", max_fee = "u256|number|string", store = "table", clock = "callable", max_unfinished = "number",
  }, "rise.connect", 3)
  local network = resolve(options)
  local timeout = options.timeout or 30
  if not (timeout > 0 and timeout <= 86400) then
    error("rise.connect: timeout must be some seconds, at most a day", 3)
  end
  local most = options.max_unfinished or 2
  if most < 1 or most % 1 ~= 0 then error("rise.connect: max_unfinished must be a whole number from 1", 3) end
  local self = setmetatable({
    loop = loop,
    network = network,
    chain_id = network.chain_id,
    explorer = network.explorer,
    timeout = timeout,
    max_fee = check.amount(options.max_fee or DEFAULT_MAX_FEE, "max_fee", 3),
    relay = Relay.new { rpc = Rpc.new { loop = loop, url = network.relay, peer = "relay", timeout = timeout } },
    store = options.store or store.memory(),
    clock = options.clock or core.now,
    max_unfinished = most,
    queues = {},
    pace = Pace.new(), -- how long bundles take to be confirmed
    trailing = {}, -- by account: what the chain has confirmed and the relay has not noticed yet
    live = setmetatable({}, { __mode = "k" }), -- the session objects of this wallet
    abi_items = {}, -- custom errors that the program's contracts declare
  }, Wallet)
  if network.rpc then
    self.chain = Chain.new { rpc = Rpc.new { loop = loop, url = network.rpc, peer = "node", timeout = timeout } }
  end

  local capabilities, err = self.relay:get_capabilities { self.chain_id }
  if not capabilities then return errors.within(err, "connecting to " .. host_of(network.relay)) end
  local entry = capabilities[string.format("0x%x", self.chain_id)]
  if type(entry) ~= "table" then
    return errors.fail("unsupported", string.format("the relay at %s does not serve chain %.0f", host_of(network.relay),
      self.chain_id))
  end
  for field, name in pairs { orchestrator = "orchestrator", account_proxy = "accountProxy",
    account_implementation = "accountImplementation" } do
    self[field], err = address_at(entry, name)
    if not self[field] then return nil, err end
  end
  self.version = json.get(entry, "contracts", "orchestrator", "version") or "0.5.5"
  if type(self.version) ~= "string" or not self.version:find("^0%.5%.") then
    return errors.fail("unsupported", "the relay's orchestrator has version " .. tostring(self.version):sub(1, 32)
      .. "; intents of 0.5 are what rise can check")
  end
  self.simulator = address_at(entry, "simulator") -- only direct mode needs it
  read_tokens(self, json.get(entry, "fees", "tokens"))
  if self.chain then
    local chain_id
    chain_id, err = self.chain:chain_id()
    if not chain_id then return errors.within(err, "connecting to " .. host_of(network.rpc)) end
    if chain_id ~= self.chain_id then
      return errors.fail("unsupported", string.format("the node at %s is on chain %.0f, not %.0f",
        host_of(network.rpc), chain_id, self.chain_id))
    end
  end
  return self
end

--- Seconds since 1970, as this wallet counts them.
function Wallet:now()
  return self.clock()
end

--- Goes without the relay from now on: bundles are built here and go to the chain in transactions that a funded key
-- pays for. Accounts and sessions are used as before; the account pays no fee. What was left with a relay is not known
-- here: grant sessions, and make accounts, after this.
--
--     assert(wallet:direct { key = gas_key })
-- @tparam table options
--
-- - `key`: a secp256k1 `rise.key` that has native currency. It stays open as long as the wallet is used; no other
--   program should send by it at the same time;
-- - `max_in_flight`: transactions of it at a time (16);
-- - `lifetime`: seconds in which a bundle may land; one that has not by then never does (600)
-- @treturn[1] Wallet itself
-- @treturn[2] nil
-- @treturn[2] table unsupported without an RPC endpoint
function Wallet:direct(options)
  check.options(options, { key = "userdata!", max_in_flight = "number", lifetime = "number" }, "wallet:direct")
  local key = options.key
  if getmetatable(key) ~= "rise.key" or not key:is_open() or key:type() ~= "secp256k1" then
    error("wallet:direct: key must be an open rise.key of type secp256k1", 2)
  end
  local most = options.max_in_flight or 1
  if most < 1 or most % 1 ~= 0 then error("wallet:direct: max_in_flight must be a whole number from 1", 2) end
  local lifetime = options.lifetime or 1
  if lifetime < 1 or lifetime % 1 ~= 0 then error("wallet:direct: lifetime must be whole seconds from 1", 2) end
  local ok, err = direct.start(self, options)
  if not ok then return nil, err end
  self.queues = {}
  return self
end

-- The places in the relay's queue for an account's bundles, of which it takes so many and fails any more without
-- giving a reason. In direct mode the gas key's are all there are.
function Wallet:queue_of(account)
  local queue = self.queues[account]
  if not queue then
    queue = self.loop:semaphore(self.gas and self.gas.max_in_flight or self.max_unfinished)
    self.queues[account] = queue
  end
  return queue
end

--- The explorer's page of a transaction; nil where the network has no explorer.
function Wallet:explorer_url(transaction_hash)
  return self.explorer and self.explorer .. "/tx/" .. transaction_hash or nil
end

--- A contract: reads at once, and calls ready to send. See @{rise.Contract}.
-- @tparam string address
-- @tparam table|string abi human-readable lines, or JSON
-- @treturn Contract
function Wallet:contract(address, abi)
  address = check.address(address, "wallet:contract")
  local contract, err = Contract.new(self, address, abi)
  if not contract then error("wallet:contract: " .. err.message, 2) end
  return contract
end

--- A plain transfer of native currency, ready to send.
-- @tparam string to
-- @param amount wei
function Wallet:transfer(to, amount)
  return { to = check.address(to, "wallet:transfer to"), value = check.amount(amount, "wallet:transfer amount"),
    data = "0x" }
end

--- Native balance in wei.
-- @treturn[1] u256
-- @treturn[2] nil
-- @treturn[2] table
function Wallet:balance(address)
  if not self.chain then return errors.fail("unsupported", "reading a balance needs an RPC endpoint") end
  return self.chain:get_balance(check.address(address, "wallet:balance"))
end

--- Makes an account without a browser. See @{rise.Account.create}.
function Wallet:create_account(options)
  local account, err = Account.create(self, options)
  return account, err
end

--- The account at an address.
-- @treturn Account
function Wallet:account(address)
  return Account.new(self, check.address(address, "wallet:account"))
end

--- A session: makes the key here and says what it may do; @{rise.Session:grant} asks for it. See @{rise.Session.new}.
function Wallet:new_session(options)
  local session, err = Session.new(self, options)
  return session, err
end

--- The sessions in this wallet's store, each as `{ id, account, public_key, state, expiry, ... }`, without keys.
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] table store
function Wallet:sessions()
  local list, err = self.store:list()
  if not list then return nil, err end
  for _, record in ipairs(list) do record.secret, record.sealed = nil, nil end
  return list
end

--- Revokes every session of an account that the store knows on this chain and that is not revoked yet: all keys are
-- wiped first, then they are revoked one by one, also after one that could not be.
-- @tparam string account its address
-- @tparam table approver who decides: @{rise.approve.admin}
-- @treturn[1] table a list of `{ id, receipt, err }`
-- @treturn[2] nil
-- @treturn[2] table store
function Wallet:revoke_all(account, approver)
  account = check.address(account, "wallet:revoke_all: account")
  check.type(approver, "table", "wallet:revoke_all: approver")
  local list, err = self.store:list()
  if not list then return nil, err end
  local reports = {}
  for _, record in ipairs(list) do
    if record.account == account and record.chain_id == self.chain_id and record.state ~= "revoked" then
      reports[#reports + 1] = { id = record.id }
      for session in pairs(self.live) do
        if session.id == record.id then session:wipe() end
      end
    end
  end
  for _, report in ipairs(reports) do
    local session
    session, err = Session.load(self, report.id)
    if session then
      report.receipt, report.err = session:revoke(approver)
      for other in pairs(self.live) do
        if other.id == report.id then other.state = session.state end
      end
    else
      report.err = err
    end
  end
  return reports
end

--- Finds out what became of the bundles in this wallet's store that a crash, a kill or a lost answer left unfinished;
-- those that another living process works on are left to it. Call it at the start, before sessions act again.
-- @tparam[opt] table options `timeout`: seconds for each bundle (90)
-- @treturn[1] table a list, oldest first, of `{ id, session, account, nonce, actions, state, receipt, err }`: `state`
-- is done, reverted, failed (it did not land, and cannot any more), unknown (nobody can tell), or still sending or
-- accepted when there was no time to find out
-- @treturn[2] nil
-- @treturn[2] table store
function Wallet:resume(options)
  options = check.options(options, { timeout = "number" }, "wallet:resume")
  local reports, err = recovery.resume(self, options.timeout)
  return reports, err
end

--- A session out of this wallet's store.
-- @tparam string id its key hash
-- @tparam[opt] table options `key`, `confirm`: see @{rise.Session.load}
-- @treturn[1] Session
-- @treturn[2] nil
-- @treturn[2] table store, not_granted (there is none), invalid_key
function Wallet:load_session(id, options)
  local session, err = Session.load(self, id, options)
  return session, err
end

return Wallet
