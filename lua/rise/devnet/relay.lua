--- The devnet's relay: what it keeps, and its methods by name.
-- @classmod rise.devnet.Relay

local Accounts = require "rise.devnet.accounts"
local Bundles = require "rise.devnet.bundles"
local Fees = require "rise.devnet.fees"
local Node = require "rise.devnet.node"
local PreCalls = require "rise.devnet.pre_calls"
local Quotes = require "rise.devnet.quotes"
local View = require "rise.devnet.view"
local assets = require "rise.devnet.assets"
local core = require "rise.core"
local intent = require "rise.intent"
local json = require "rise.json"
local prepare = require "rise.devnet.prepare"
local rpc_error = require "rise.devnet.rpc_error"
local send = require "rise.devnet.send"
local shape = require "rise.devnet.shape"
local simulation = require "rise.devnet.simulation"
local upgrade = require "rise.devnet.upgrade"

local Relay = {}
Relay.__index = Relay

local RATE_TTL = 300 -- seconds a price is good for; prices here never change

--- A relay for one chain.
-- @tparam table options `loop`; `chain` (a @{rise.Chain}); `chain_id`; `addresses` and `versions` of the contracts;
-- `senders` (unlocked accounts); `fee_recipient`; `version` (text); `quote_ttl` in seconds; `fees` ("none" or
-- "native"); `max_queued_per_eoa`; `log`
-- @treturn Relay
function Relay.new(options)
  local relay = setmetatable({
    loop = options.loop, chain = options.chain, node = Node.new(options.chain), chain_id = options.chain_id,
    addresses = options.addresses, versions = options.versions, version = options.version,
    fee_recipient = options.fee_recipient, log = options.log,
    domain = intent.domain(options.chain_id, options.addresses.orchestrator, options.versions.orchestrator),
    accounts = Accounts.new(options.addresses),
    pre_calls = PreCalls.new(),
    quotes = Quotes.new { ttl = options.quote_ttl },
    fees = Fees.new { mode = options.fees, stk = options.addresses.stk },
    mint = assert(core.abi("function mint(address to, uint256 value)")),
  }, Relay)
  relay.bundles = Bundles.new {
    loop = options.loop, chain = options.chain, node = relay.node, chain_id = options.chain_id,
    senders = options.senders, orchestrator = options.addresses.orchestrator,
    max_queued = options.max_queued_per_eoa, log = options.log,
    find_account = function(view, address) return relay.accounts:find(view, address) end,
    expect_account = function(view, address) relay.accounts:expect(view, address) end,
    on_landed = function(job) send.forget_revoked(relay, job) end,
  }
  return relay
end

-- ---- methods ---------------------------------------------------------------------------------------------------

local methods = {}

function methods.health(relay)
  local block, err = relay.chain:block_number()
  if not block then return rpc_error.trouble("service is unhealthy: %s", err.message) end
  return { status = "rpc ok", version = relay.version, quoteSigner = relay.quotes.signer }
end

methods.wallet_health = methods.health

local CAPABILITIES = shape.parameters(shape.nullable(shape.list(shape.quantity)))

local function contract(relay, name)
  return { address = relay.addresses[name], version = relay.versions[name] or json.null }
end

local function fee_tokens(relay)
  local list = json.array {}
  for i, token in ipairs(relay.fees.tokens) do
    list[i] = {
      uid = token.uid, address = token.address, decimals = token.decimals, symbol = token.symbol, feeToken = true,
      interop = false, nativeRate = token.rate,
    }
  end
  return list
end

function methods.wallet_getCapabilities(relay, params)
  local values, complaint = CAPABILITIES(params)
  if not values then return rpc_error.params(complaint) end
  local asked = values[1] == nil
  for _, id in ipairs(values[1] or {}) do asked = asked or id == relay.chain_id end
  if not asked then return json.object {} end
  return { [core.u256(relay.chain_id):hex()] = {
    contracts = {
      orchestrator = contract(relay, "orchestrator"),
      accountImplementation = contract(relay, "account_implementation"),
      accountProxy = contract(relay, "account_proxy"),
      simulator = contract(relay, "simulator"),
      funder = contract(relay, "funder"),
      legacyOrchestrators = json.array {},
      legacyAccountImplementations = json.array {},
    },
    fees = {
      recipient = relay.fee_recipient,
      quoteConfig = {
        constantRate = json.null, ttl = relay.quotes.ttl, rateTtl = RATE_TTL,
        gas = { intentBuffer = simulation.INTENT_BUFFER, txBuffer = simulation.TRANSACTION_BUFFER },
      },
      tokens = fee_tokens(relay),
    },
  } }
end

local KEYS = shape.parameters(shape.object {
  address = shape.address, chainIds = shape.optional(shape.list(shape.quantity)),
})

function methods.wallet_getKeys(relay, params)
  local values, complaint = KEYS(params)
  if not values then return rpc_error.params(complaint) end
  for _, id in ipairs(values[1].chainIds or {}) do
    if id ~= relay.chain_id then return rpc_error.trouble("unsupported chain %d", id) end
  end
  local view, err = View.new(relay.node)
  if not view then return nil, err end
  local account
  account, err = relay.accounts:find(view, values[1].address)
  if not account then return nil, err end
  local list
  list, err = account:keys_with_permissions(view)
  if not list then return nil, err end
  return { [core.u256(relay.chain_id):hex()] = list }
end

methods.wallet_prepareUpgradeAccount = upgrade.prepare
methods.wallet_upgradeAccount = upgrade.store
methods.wallet_getAuthorization = upgrade.authorization
methods.wallet_prepareCalls = prepare.calls
methods.wallet_sendPreparedCalls = send.calls
methods.wallet_getAssets = assets.get
methods.wallet_addFaucetFunds = assets.faucet

local STATUS = shape.parameters(shape.word)

function methods.wallet_getCallsStatus(relay, params)
  local values, complaint = STATUS(params)
  if not values then return rpc_error.params(complaint) end
  local status = relay.bundles:status(values[1])
  if not status then return rpc_error.refuse("Bundle %s does not exist", values[1]) end
  return status
end

local VERIFY = shape.parameters(shape.object {
  address = shape.address, chainId = shape.quantity, digest = shape.word, signature = shape.bytes,
})

-- Tries every administrator's key, as one that did not hash the digest first.
function methods.wallet_verifySignature(relay, params)
  local values, complaint = VERIFY(params)
  if not values then return rpc_error.params(complaint) end
  local request = values[1]
  if request.chainId ~= relay.chain_id then return rpc_error.trouble("unsupported chain %d", request.chainId) end
  local view, err = View.new(relay.node)
  if not view then return nil, err end
  local account, list
  account, err = relay.accounts:find(view, request.address)
  if not account then return nil, err end
  list, err = account:keys(view)
  if not list then return nil, err end
  for _, key in ipairs(list) do
    if key.role == "admin" then
      local good
      good, err = account:accepts(view, request.digest, intent.wrap_signature(request.signature, key.hash))
      if good == nil then return nil, err end
      if good then
        return { valid = true, proof = {
          account = request.address, keyHash = key.hash, initPreCall = account.pre_calls[1] or json.null,
        } }
      end
    end
  end
  return { valid = false, proof = json.null }
end

--- The names of the methods, sorted.
Relay.METHODS = {}
for name in pairs(methods) do Relay.METHODS[#Relay.METHODS + 1] = name end
table.sort(Relay.METHODS)

--- The methods as the server wants them: functions of the parameters, and of options: `hold` keeps a bundle back, see
-- @{rise.devnet.Bundles:add}.
-- @treturn table
function Relay:methods()
  local bound = {}
  for name, method in pairs(methods) do
    bound[name] = function(params, options) return method(self, params, options or {}) end
  end
  return bound
end

--- Signs its quotes with another key from now on, as a relay does that was started anew.
function Relay:restart()
  self.quotes:renew()
end

--- Wipes the key that signs quotes.
function Relay:close()
  self.quotes:close()
end

return Relay
