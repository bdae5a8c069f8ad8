--- The devnet: a local chain with the real account contracts, and a relay that speaks the wallet's JSON-RPC.
--
--     local devnet = assert(require("rise.devnet").start { loop = Loop.new() })
--     print(devnet.ready.relay, devnet.ready.contracts.stk)
--     devnet:run()                                            -- until a signal
--     devnet:stop()
--
-- Everything listens on loopback only and ends with the process.
-- @module rise.devnet

local Anvil = require "rise.devnet.anvil"
local Chain = require "rise.chain"
local Injector = require "rise.devnet.injector"
local Loop = require "rise.loop"
local Relay = require "rise.devnet.relay"
local Rpc = require "rise.rpc"
local Server = require "rise.devnet.server"
local Wallet = require "rise.devnet.wallet"
local artifacts = require "rise.devnet.artifacts"
local check = require "rise.check"
local core = require "rise.core"
local deployment = require "rise.devnet.deployment"
local errors = require "rise.errors"
local faults = require "rise.devnet.faults"
local json = require "rise.json"

local Devnet = {}
Devnet.__index = Devnet
Devnet.__name = "rise.devnet"

local OPTIONS = {
  loop = "table", host = "string", port = "number", anvil_port = "number", chain_id = "number", state = "string",
  block_time = "number", quote_ttl = "number", fees = "string", max_queued_per_eoa = "number", packages = "string",
  fault = "string|table", wallet = "boolean|number", log = "callable", before = "callable", intercept = "callable",
}

-- The first ten are for people to play with.
local OWN_ACCOUNTS_FROM = 11

local function silent() end

-- Fees go to an address nobody has a key of, so that its balance tells what was charged.
local function fee_recipient()
  return core.hex(core.keccak256("rise devnet fee recipient"):sub(13))
end

local function gather(devnet, options)
  local dir, err = artifacts.locate(options.packages)
  if not dir then return nil, err end
  devnet.anvil_path, err = artifacts.anvil(dir)
  if not devnet.anvil_path then return nil, err end
  devnet.codes, err = artifacts.account_contracts(dir)
  if not devnet.codes then return nil, err end
  devnet.examples, err = artifacts.examples(devnet.loop, dir, devnet.log)
  if not devnet.examples then return nil, err end
  if options.wallet then
    devnet.page, err = artifacts.wallet(devnet.loop, dir, devnet.log)
    if not devnet.page then return nil, err end
  end
  return true
end

local function start_chain(devnet, options)
  local err
  devnet.log("starting anvil")
  devnet.anvil, err = Anvil.start {
    loop = devnet.loop, path = devnet.anvil_path, host = devnet.host, port = options.anvil_port or 8545,
    chain_id = devnet.chain_id, state = options.state, block_time = options.block_time,
  }
  if not devnet.anvil then return nil, err end
  devnet.chain = Chain.new { rpc = Rpc.new { loop = devnet.loop, url = devnet.anvil.url, peer = "node" } }
  local accounts
  accounts, err = devnet.chain:request("eth_accounts", json.array {})
  if not accounts then return nil, err end
  if #accounts ~= Anvil.ACCOUNTS then
    return errors.fail("node", "anvil has " .. #accounts .. " accounts, not " .. Anvil.ACCOUNTS)
  end
  devnet.accounts, devnet.senders = json.array {}, {}
  for i, address in ipairs(accounts) do
    local list = i < OWN_ACCOUNTS_FROM and devnet.accounts or devnet.senders
    list[#list + 1] = address
  end
  return true
end

local function deploy(devnet, options)
  local addresses, versions = deployment.run {
    loop = devnet.loop, chain = devnet.chain, codes = devnet.codes, examples = devnet.examples, log = devnet.log,
    senders = devnet.senders, mine = options.block_time ~= nil,
  }
  if not addresses then return nil, versions end
  devnet.addresses, devnet.versions = addresses, versions
  return true
end

local function start_relay(devnet, options)
  local relay = Relay.new {
    loop = devnet.loop, chain = devnet.chain, chain_id = devnet.chain_id, addresses = devnet.addresses,
    versions = devnet.versions, senders = devnet.senders, fee_recipient = fee_recipient(),
    version = "rise devnet " .. core.VERSION, quote_ttl = options.quote_ttl or 30, fees = options.fees or "none",
    max_queued_per_eoa = options.max_queued_per_eoa or 1, log = devnet.log,
  }
  devnet.relay = relay
  devnet.injector = Injector.new {
    loop = devnet.loop, log = devnet.log, restart = function() relay:restart() end,
  }
  local err
  devnet.server, err = Server.start {
    loop = devnet.loop, host = devnet.host, port = options.port or 9119, methods = devnet.relay:methods(),
    log = devnet.log,
    -- A hook is to see all of what was asked.
    recognize = not options.before and function(body) return relay.quotes:recognize(body) end or nil,
    hooks = {
      before = options.before, intercept = options.intercept,
      around = function(method, handle) return devnet.injector:around(method, handle) end,
    },
  }
  if not devnet.server then
    err.hint = err.hint or "is another devnet running? Stop it, or choose another --port"
    return nil, err
  end
  return true
end

local function start_wallet(devnet, options)
  if not options.wallet then return true end
  local err
  devnet.wallet, err = Wallet.start {
    loop = devnet.loop, port = options.wallet ~= true and options.wallet or nil, files = devnet.page,
    settings = {
      relay = devnet:relay_url(), rpc = devnet.anvil.url, chain_id = devnet.chain_id, contracts = devnet.addresses,
    },
  }
  if not devnet.wallet then
    err.hint = err.hint or "choose another --wallet-port"
    return nil, err
  end
  return true
end

function Devnet:relay_url()
  return string.format("http://%s:%d", self.host, self.server.port)
end

-- The number of this process, where the system tells.
local function own_pid()
  local file = io.open("/proc/self/stat")
  local pid = file and file:read("*n")
  if file then file:close() end
  return pid
end

local function describe(devnet)
  return {
    relay = devnet:relay_url(), rpc = devnet.anvil.url, wallet = devnet.wallet and devnet.wallet.url,
    chain_id = devnet.chain_id, contracts = devnet.addresses, accounts = devnet.accounts,
    quote_signer = devnet.relay.quotes.signer, fee_recipient = devnet.relay.fee_recipient,
    pid = own_pid(), anvil_pid = devnet.anvil:pid(),
  }
end

-- The steps in order; each reads what the ones before it made.
local function start_all(devnet, options)
  for _, step in ipairs { gather, start_chain, deploy, start_relay, start_wallet } do
    local ok, err = step(devnet, options)
    if not ok then return nil, err end
  end
  devnet.ready = describe(devnet)
  return true
end

local rise_devnet = {}

--- Starts a devnet.
-- @tparam[opt] table options
--
-- - `loop`: a @{rise.Loop} (default: one of its own); it must have no other source of requests;
-- - `host` (default 127.0.0.1), `port` (9119) of the relay, `anvil_port` (8545); 0 means any free port;
-- - `chain_id` (31337); `state`: a file that keeps the chain between runs; `block_time`: seconds between blocks
--   (default: a block for each transaction at once);
-- - `quote_ttl`: seconds a quote lives (30); `fees`: "none" or "native", whether accounts pay for gas ("none");
--   `max_queued_per_eoa`: bundles that may wait behind the one in flight (1);
-- - `wallet`: true serves the owner's wallet as well, a page for browsers, on port 5175 or, when that is taken, on any;
--   or a port, 0 for any (default: no wallet);
-- - `fault`: how the relay is to misbehave, in the words of @{rise.devnet.faults}: a text, or several;
-- - `packages`: the directory of npm packages and sources (see @{rise.devnet.artifacts});
-- - `log`: a function that is told in a line what happens;
-- - `before`, `intercept`: hooks for tests, as in @{rise.devnet.Server}
-- @treturn[1] Devnet with `ready`: a table of relay, rpc, chain_id, contracts, accounts, quote_signer, fee_recipient,
-- wallet (if there is one), pid (where the system tells) and anvil_pid
-- @treturn[2] nil
-- @treturn[2] table invalid_value about `fault`; io, timeout, node …
function rise_devnet.start(options)
  options = check.options(options, OPTIONS, "devnet.start")
  if options.fees and options.fees ~= "none" and options.fees ~= "native" then
    error("devnet.start: fees must be \"none\" or \"native\"", 2)
  end
  if options.host and not options.host:find("^127%.%d+%.%d+%.%d+$") then
    error("devnet.start: host must be an address of 127.0.0.0/8: the devnet holds unlocked accounts", 2)
  end
  local wrongs, err = faults.parse(options.fault or "", Relay.METHODS)
  if not wrongs then return nil, err end
  local devnet = setmetatable({
    loop = options.loop or Loop.new(), log = options.log or silent, host = options.host or "127.0.0.1",
    chain_id = options.chain_id or 31337,
  }, Devnet)
  local ok
  ok, err = start_all(devnet, options)
  if not ok then
    devnet:stop()
    return nil, err
  end
  devnet.injector:use(wrongs)
  return devnet
end

--- Lets the relay misbehave from now on as the text says, and no longer as it was told before.
-- @tparam[opt] string|table fault in the words of @{rise.devnet.faults}; nil or "" ends all misbehaviour
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table invalid_value
function Devnet:fault(fault)
  local list, err = faults.parse(fault or "", Relay.METHODS)
  if not list then return nil, err end
  self.injector:use(list)
  return true
end

--- Whether the chain still runs.
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table io, with what anvil said last
function Devnet:alive()
  return self.anvil:alive()
end

--- Serves for some seconds at most; for a host with a loop of its own around it.
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table io, when anvil has ended
function Devnet:step(seconds)
  self.loop:step(seconds)
  return self:alive()
end

--- Serves until a signal (INT, TERM, HUP) arrives or anvil ends.
-- @treturn[1] string the signal
-- @treturn[2] nil
-- @treturn[2] table io, when anvil has ended
function Devnet:run()
  local host = require "rise.host"
  local ok, err = host.trap("INT", "TERM", "HUP")
  while ok do
    local signal = host.signal()
    if signal then return signal end
    ok, err = self:step(0.2)
  end
  return nil, err
end

--- Ends the relay and the chain. May be called again.
function Devnet:stop()
  if self.wallet then self.wallet:stop() end
  if self.server then self.server:stop() end
  if self.relay then self.relay:close() end
  if self.anvil then self.anvil:stop() end
  self.wallet, self.server, self.relay, self.anvil = nil, nil, nil, nil
end

return rise_devnet
