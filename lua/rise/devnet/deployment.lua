--- Puts the account contracts and the two examples on the chain, at the addresses they have on RISE testnet.
--
-- Everything is made by CREATE2 through the factory that RISE's own deployment used, with the same salt, so an address
-- depends on nothing but the code. All creations are sent at once.
-- @module rise.devnet.deployment

local contracts = require "rise.contracts"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"

local deployment = {}

-- The Safe singleton factory. Its calling convention (salt, then init code) is that of the factory anvil comes with,
-- whose code is therefore put there.
local FACTORY = "0x914d7fec6aac8cd542e72bca78b30650d45643d7"
local ANVIL_FACTORY = "0x4e59b44847b379578588920ca78fbf26c0b4956c"
local SALT = "0xdf08a9fa957a9ac004f84f3a8ab7318a7be55d59948f46497bd3717865295b61"
-- Owner and signer of the testnet's funder; nothing here uses its rights.
local FUNDER_OWNER = "0x584b5274765a7f7c78fdc960248f38e5ad6b1edb"

local CREATION_GAS = 8000000
local P256_PRECOMPILE = "0x0000000000000000000000000000000000000100"
local WAIT_SECONDS = 30

local function padded(address)
  return string.rep("\0", 12) .. assert(core.unhex(address))
end

local function address_of(init_code)
  return core.hex(core.create2_address(core.unhex(FACTORY), core.unhex(SALT), core.keccak256(init_code)))
end

--- What is to be created: the init code and address of each contract.
-- @tparam table codes creation code by name, of the account contracts
-- @tparam table examples creation code of SimpleToken and Counter
-- @treturn table array of { name, address, init_code }
-- @treturn table addresses by name
function deployment.plan(codes, examples)
  local list, addresses = {}, {}
  local function add(name, init_code)
    local address = address_of(init_code)
    list[#list + 1] = { name = name, address = address, init_code = init_code }
    addresses[name] = address
    return address
  end
  local orchestrator = add("orchestrator", codes.Orchestrator)
  local implementation = add("account_implementation", codes.IthacaAccount .. padded(orchestrator))
  -- No administrator: the implementation is then baked into the proxy.
  add("account_proxy", codes.EIP7702Proxy .. padded(implementation) .. padded(contracts.NATIVE))
  add("simulator", codes.Simulator)
  add("funder", codes.SimpleFunder .. padded(FUNDER_OWNER) .. padded(FUNDER_OWNER))
  add("stk", examples.SimpleToken)
  add("counter", examples.Counter)
  return list, addresses
end

local function missing_of(chain, list)
  local missing = {}
  for _, entry in ipairs(list) do
    local code, err = chain:get_code(entry.address)
    if not code then return nil, err end
    if code == "0x" then missing[#missing + 1] = entry end
  end
  return missing
end

local function place_factory(chain)
  local code, err = chain:get_code(ANVIL_FACTORY)
  if not code then return nil, err end
  local placed
  placed, err = chain:request("anvil_setCode", { FACTORY, code })
  if placed == nil then return nil, err end
  return true
end

-- Sends all creations without waiting for one before the next. Each has a sender of its own: of one sender's
-- transactions that arrive in another order anvil would hold some back, and not always mine them by itself later.
local function send_all(chain, loop, senders, list)
  local tasks = {}
  for i, entry in ipairs(list) do
    tasks[i] = loop:spawn(function()
      return chain:send_transaction {
        from = senders[i], to = FACTORY, gas = core.u256(CREATION_GAS),
        data = SALT .. core.hex(entry.init_code):sub(3),
      }
    end)
  end
  for i, task in ipairs(tasks) do
    local hash, err = task:wait()
    if not hash then return nil, err end
    list[i].transaction = hash
  end
  return true
end

local function wait_all(chain, list)
  for _, entry in ipairs(list) do
    local receipt, err = chain:wait_receipt(entry.transaction, WAIT_SECONDS)
    if not receipt then return nil, err end
    if receipt.status ~= "0x1" then
      return errors.fail("node", "creating " .. entry.name .. " failed in transaction " .. entry.transaction)
    end
  end
  return true
end

local function check_version(chain, address, name, series)
  local data = assert(contracts.encode_call(contracts.orchestrator.eip712Domain))
  local result, err = chain:call { to = address, data = data }
  if not result then return nil, err end
  local domain
  domain, err = contracts.decode_outputs(contracts.orchestrator.eip712Domain, result)
  if not domain then return nil, err end
  if domain.name ~= name or domain.version:sub(1, #series) ~= series then
    return errors.fail("node", string.format("the contract at %s calls itself %s %s, not %s %s*", address,
      domain.name, domain.version, name, series))
  end
  return domain.version
end

-- Session keys need the P-256 precompile: a good signature gives one, a bad one nothing.
local function check_p256(chain)
  local key = assert(core.key_generate("p256"))
  local digest = core.sha256("is there a P-256 precompile")
  local signature, public = key:sign(digest), key:public()
  key:close()
  local good, err = chain:call { to = P256_PRECOMPILE, data = core.hex(digest .. signature .. public) }
  if not good then return nil, err end
  local bad
  bad, err = chain:call { to = P256_PRECOMPILE, data = core.hex(core.sha256(digest) .. signature .. public) }
  if not bad then return nil, err end
  if good ~= "0x" .. string.rep("0", 63) .. "1" or bad ~= "0x" then
    return errors.fail("node", "this chain has no P-256 precompile, session keys cannot work on it",
      { hint = "use anvil's default hardfork" })
  end
  return true
end

local function verify(chain, addresses)
  local versions = {}
  local err
  versions.orchestrator, err = check_version(chain, addresses.orchestrator, "Orchestrator", "0.5.")
  if not versions.orchestrator then return nil, err end
  versions.account_implementation, err = check_version(chain, addresses.account_implementation, "IthacaAccount", "0.5.")
  if not versions.account_implementation then return nil, err end
  versions.simulator, err = check_version(chain, addresses.simulator, "Simulator", "0.0.")
  if not versions.simulator then return nil, err end

  local data = assert(contracts.encode_call(contracts.account.ORCHESTRATOR))
  local trusted
  trusted, err = chain:call { to = addresses.account_implementation, data = data }
  if not trusted then return nil, err end
  if trusted:sub(-40) ~= addresses.orchestrator:sub(3) then
    return errors.fail("node", "the account implementation trusts another orchestrator")
  end
  local ok
  ok, err = check_p256(chain)
  if not ok then return nil, err end
  return versions
end

local function create(options, list)
  local chain = options.chain
  options.log(string.format("deploying %d contracts", #list))
  local ok, err = place_factory(chain)
  if ok then ok, err = send_all(chain, options.loop, options.senders, list) end
  if ok and options.mine then ok, err = chain:request("evm_mine", json.array {}) end
  if ok then ok, err = wait_all(chain, list) end
  if not ok then return nil, err end
  local missing
  missing, err = missing_of(chain, list)
  if not missing then return nil, err end
  if #missing > 0 then return errors.fail("node", missing[1].name .. " has no code after its creation") end
  return true
end

--- Makes sure that every contract is there and is what it should be. What a loaded state already has stays.
-- @tparam table options `loop`, `chain` (a @{rise.Chain}), `codes`, `examples`, `senders` (unlocked accounts, one for
-- each contract), `mine` (true where blocks do not follow transactions at once), `log`
-- @treturn[1] table addresses by name: orchestrator, account_implementation, account_proxy, simulator, funder, stk,
-- counter
-- @treturn[1] table versions by name, where the contract tells
-- @treturn[2] nil
-- @treturn[2] table
function deployment.run(options)
  local chain = options.chain
  local list, addresses = deployment.plan(options.codes, options.examples)
  local missing, err = missing_of(chain, list)
  if not missing then return nil, err end
  if #missing > 0 then
    local ok
    ok, err = create(options, missing)
    if not ok then return nil, err end
  end
  local versions
  versions, err = verify(chain, addresses)
  if not versions then return nil, err end
  return addresses, versions
end

return deployment
