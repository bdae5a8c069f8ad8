local contracts = require "rise.contracts"
local core = require "rise.core"
local intent = require "rise.intent"
local json = require "rise.json"
local support = require "support.devnet"

describe("the other methods of the devnet's relay #devnet", function()
  local net, account

  setup(function()
    net = support.start()
    account = net:landed_account()
  end)
  teardown(function() net:stop() end)

  describe("health", function()
    it("has status, version and the signer of quotes", function()
      local health = assert(net:call("health"))
      assert.equal("rpc ok", health.status)
      assert.equal("rise devnet " .. core.VERSION, health.version)
      assert.equal(net.ready.quote_signer, health.quoteSigner)
    end)

    it("has a signer of its own in every relay", function()
      local other = support.start()
      local signer = other.ready.quote_signer
      other:stop()
      assert.are_not.equal(net.ready.quote_signer, signer)
    end)

    it("goes by its other name as well", function()
      assert.equal("rpc ok", assert(net:call("wallet_health")).status)
    end)
  end)

  describe("wallet_getCapabilities", function()
    local function capabilities(params)
      return assert(net.relay:call("wallet_getCapabilities", params))
    end

    it("names the contracts, with the versions they tell themselves", function()
      local found = capabilities({ { 31337 } })["0x7a69"].contracts
      for name, own in pairs {
        orchestrator = "orchestrator", accountImplementation = "account_implementation",
        accountProxy = "account_proxy", simulator = "simulator", funder = "funder",
      } do
        assert.equal(net.contracts[own], found[name].address)
      end
      assert.equal("0.5.5", found.orchestrator.version)
      assert.equal("0.5.10", found.accountImplementation.version)
      assert.same({}, found.legacyOrchestrators)
      assert.same({}, found.legacyAccountImplementations)
    end)

    it("says what fees can be paid in, and how long a quote lives", function()
      local fees = capabilities(nil)["0x7a69"].fees
      assert.equal(net.ready.fee_recipient, fees.recipient)
      assert.equal(30, fees.quoteConfig.ttl)
      assert.equal(300, fees.quoteConfig.rateTtl)
      assert.equal(2, #fees.tokens)
      assert.equal(support.NATIVE, fees.tokens[1].address)
      assert.equal("ETH", fees.tokens[1].symbol)
      assert.equal("0xde0b6b3a7640000", fees.tokens[1].nativeRate)
      assert.equal(net.contracts.stk, fees.tokens[2].address)
      assert.is_true(fees.tokens[2].feeToken)
      assert.equal(18, fees.tokens[2].decimals)
    end)

    it("answers for all chains unless asked for some", function()
      for _, params in ipairs { json.array {}, { { 31337 } }, { { "0x7a69" } }, { { 1, 31337 } }, { json.null } } do
        assert.is_table(capabilities(params)["0x7a69"])
      end
      assert.same({}, capabilities { { 1 } })
      assert.same({}, capabilities { json.array {} })
    end)

    it("wants an array inside of the array", function()
      local result, err = net.relay:call("wallet_getCapabilities", { 31337 })
      assert.is_nil(result)
      assert.equal("Invalid params", err.rpc_message)
    end)

    it("writes arrays as arrays", function()
      local reply = net:fetch { body = '{"jsonrpc":"2.0","id":1,"method":"wallet_getCapabilities"}' }
      assert.matches('"legacyOrchestrators":[]', reply.body, 1, true)
    end)
  end)

  describe("wallet_getKeys", function()
    it("lists keys with their permissions, spending first", function()
      local key = support.key()
      local expiry = math.floor(core.now()) + 3600
      assert(net:grant(account, net:session_entry(key, { expiry = expiry, permissions = {
        { type = "spend", limit = "0x64", period = "hour", token = net.contracts.stk },
        { type = "spend", limit = "0xde0b6b3a7640000", period = "minute" },
      } })))
      assert(net:execute(account, key, { calls = { net:increment() } }))
      local found = net:keys(account)[support.hash_of(key)]
      assert.same({
        hash = support.hash_of(key), type = "p256", role = "normal", publicKey = core.hex(key:public()),
        expiry = core.u256(expiry):hex(),
        permissions = {
          { type = "spend", limit = "0x64", period = "hour", token = net.contracts.stk },
          { type = "spend", limit = "0xde0b6b3a7640000", period = "minute", token = support.NATIVE },
          { type = "call", selector = "0xd09de08a", to = net.contracts.counter },
        },
      }, found)
    end)

    it("gives administrators an empty list", function()
      local reply = net:fetch { body = '{"jsonrpc":"2.0","id":1,"method":"wallet_getKeys","params":[{"address":"'
        .. net:landed_account().address .. '","chainIds":["0x7a69"]}]}' }
      assert.matches('"expiry":"0x0"', reply.body, 1, true)
      assert.matches('"permissions":[]', reply.body, 1, true)
      assert.matches('"role":"admin"', reply.body, 1, true)
    end)

    it("does not know every address", function()
      local address = "0x" .. ("13"):rep(20)
      local err = net:refusal("wallet_getKeys", { address = address, chainIds = { "0x7a69" } })
      assert.equal(-32602, err.code)
      assert.equal("eoa not delegated: " .. address, err.message)
    end)

    it("has one chain", function()
      local err = net:refusal("wallet_getKeys", { address = account.address, chainIds = { "0x7a69", "0x1" } })
      assert.equal(-32603, err.code)
      assert.equal("unsupported chain 1", err.message)
    end)
  end)

  describe("wallet_verifySignature", function()
    local digest = core.hex(core.keccak256("a message"))

    local function verify(who, signature, message)
      return net:call("wallet_verifySignature",
        { address = who.address, chainId = "0x7a69", digest = message or digest, signature = signature })
    end

    for _, kind in ipairs { "p256", "secp256k1" } do
      it("accepts an administrator's " .. kind .. " key over the account's own digest", function()
        local who = net:landed_account { admin_type = kind }
        local signature = support.sign(who.admin, intent.erc1271_digest(who.address, digest))
        local answer = assert(verify(who, signature))
        assert.is_true(answer.valid)
        assert.equal(who.address, answer.proof.account)
        assert.equal(support.hash_of(who.admin), answer.proof.keyHash)
        assert.equal(json.null, answer.proof.initPreCall)
        assert.is_false(assert(verify(who, signature, core.hex(core.keccak256("another")))).valid)
        assert.is_false(assert(verify(who, support.sign(who.admin, digest))).valid)
      end)
    end

    it("knows accounts that are only stored, and proves it with their pre-call", function()
      local who = net:create_account()
      local answer = assert(verify(who, support.sign(who.admin, intent.erc1271_digest(who.address, digest))))
      assert.is_true(answer.valid)
      assert.equal(who.address, answer.proof.initPreCall.eoa)
      assert.equal(132, #answer.proof.initPreCall.signature)
    end)

    it("does not accept session keys", function()
      local key = net:granted_key(account)
      assert(net:execute(account, key, { calls = { net:increment() } }))
      local answer = assert(verify(account, support.sign(key, intent.erc1271_digest(account.address, digest))))
      assert.is_false(answer.valid)
      assert.equal(json.null, answer.proof)
    end)

    it("accepts no rubbish", function()
      for _, signature in ipairs { "0x", "0x11", "0x" .. ("11"):rep(65), "0x" .. ("11"):rep(1000) } do
        assert.is_false(assert(verify(account, signature)).valid)
      end
    end)
  end)

  describe("wallet_getAssets", function()
    local function assets(options)
      options = options or {}
      options.account = options.account or account.address
      return assert(net:call("wallet_getAssets", options))
    end

    it("lists the native currency and STK", function()
      local who = net:landed_account()
      net:fund(who.address, 5)
      assert(net:execute(who, who.admin, { calls = { net:mint(who.address, 7) } }))
      assert.same({
        { address = "native", type = "native", balance = "0x5",
          metadata = { name = "Ether", symbol = "ETH", decimals = 18 } },
        { address = net.contracts.stk, type = "erc20", balance = "0x7",
          metadata = { name = "Simple Token", symbol = "STK", decimals = 18 } },
      }, assets({ account = who.address })["0x7a69"])
    end)

    it("goes by filters", function()
      assert.same({}, assets { chainFilter = { "0x1" } })
      local list = assets({ assetTypeFilter = { "erc20" } })["0x7a69"]
      assert.equal(1, #list)
      assert.equal("erc20", list[1].type)
      list = assets({ assetFilter = { ["0x7a69"] = { { address = "native", type = "native" } } } })["0x7a69"]
      assert.equal(1, #list)
      assert.equal("native", list[1].address)
    end)

    it("cannot read a token that is none", function()
      local err = net:refusal("wallet_getAssets", { account = account.address,
        assetFilter = { ["0x7a69"] = { { address = net.contracts.counter, type = "erc20" } } } })
      assert.equal(-32603, err.code)
      assert.equal("unsupported asset " .. net.contracts.counter .. " on chain 31337", err.message)
    end)
  end)

  describe("wallet_addFaucetFunds", function()
    local function faucet(token)
      return assert(net:call("wallet_addFaucetFunds",
        { address = account.address, chainId = "0x7a69", tokenAddress = token, value = "0x64" }))
    end

    it("mints STK", function()
      local before = net:balance(net.contracts.stk, account.address)
      local answer = faucet(net.contracts.stk)
      assert.equal(tostring(before + 100), tostring(net:balance(net.contracts.stk, account.address)))
      assert.equal("0x1", net.chain:receipt(answer.transactionHash).status)
    end)

    it("says in words that it mints nothing else", function()
      for _, token in ipairs { support.NATIVE, net.contracts.counter } do
        local answer = faucet(token)
        assert.equal(json.null, answer.transactionHash)
        assert.equal("Token address not supported", answer.message)
      end
    end)
  end)
end)

describe("fees at the devnet's relay #devnet", function()
  local net, account
  local ONE = core.u256("1000000000000000000")

  setup(function() net = support.start { fees = "native" } end)
  teardown(function() net:stop() end)

  before_each(function()
    account = net:create_account()
    net:fund(account.address, ONE)
    assert.equal(200, assert(net:execute(account, account.admin, {})).status)
  end)

  local function fields_of(prepared)
    return prepared.context.quote.quotes[1].intent
  end

  it("are paid by the account, exactly as quoted", function()
    local before, income = net:balance(support.NATIVE, account.address),
      net:balance(support.NATIVE, net.ready.fee_recipient)
    local status, prepared = assert(net:execute(account, account.admin, { calls = { net:increment() } }))
    assert.equal(200, status.status)
    local fee = core.u256(fields_of(prepared).paymentMaxAmount)
    assert.is_false(fee:is_zero())
    assert.equal(fee:hex(), fields_of(prepared).paymentAmount)
    assert.equal(net.ready.fee_recipient, fields_of(prepared).paymentRecipient)
    assert.equal(tostring(before - fee), tostring(net:balance(support.NATIVE, account.address)))
    assert.equal(tostring(income + fee), tostring(net:balance(support.NATIVE, net.ready.fee_recipient)))
  end)

  it("can be paid in STK", function()
    assert(net:execute(account, account.admin, { calls = { net:mint(account.address, ONE * 1000) } }))
    local before = net:balance(net.contracts.stk, account.address)
    local status, prepared = assert(net:execute(account, account.admin,
      { calls = { net:increment() }, meta = { feeToken = net.contracts.stk } }))
    assert.equal(200, status.status)
    assert.equal(tostring(before - core.u256(fields_of(prepared).paymentAmount)),
      tostring(net:balance(net.contracts.stk, account.address)))
  end)

  it("count against the session key's limit", function()
    local spender = net:granted_key(account, { permissions = {
      { type = "spend", limit = ONE, period = "day" },
    } })
    assert.equal(200, assert(net:execute(account, spender, { calls = { net:increment() } })).status)
    local limited = net:granted_key(account, { permissions = { { type = "spend", limit = "0x1", period = "day" } } })
    local err = net:refusal("wallet_prepareCalls",
      net:request(account, { key = limited, calls = { net:increment() } }))
    assert.equal("ExceededSpendLimit", support.revert_name(err.data))
    local without = net:granted_key(account)
    err = net:refusal("wallet_prepareCalls", net:request(account, { key = without, calls = { net:increment() } }))
    assert.equal(3, err.code)
    assert.equal("NoSpendPermissions", support.revert_name(err.data))
  end)

  it("that the account cannot pay are told in the quote, which is not sent", function()
    net:fund(account.address, 10)
    local prepared, context = assert(net:prepare(account, { key = account.admin, calls = { net:increment() } }))
    local missing = core.u256(fields_of(prepared).paymentMaxAmount) - 10
    assert.equal(missing:hex(), prepared.context.quote.quotes[1].feeTokenDeficit)
    local _, err = net:send(prepared, context, account.admin, { key = account.admin })
    assert.equal("quote has asset deficits and is expected to fail", err.rpc_message)
  end)

  it("can be paid by another account that signs for it", function()
    local sponsor = net:create_account()
    net:fund(sponsor.address, ONE)
    assert.equal(200, assert(net:execute(sponsor, sponsor.admin, {})).status)
    local before = net:balance(support.NATIVE, account.address)
    local prepared, context = assert(net:prepare(account, { key = account.admin, calls = { net:increment() },
      meta = { feePayer = sponsor.address } }))
    assert.equal(sponsor.address, fields_of(prepared).payer)
    assert.equal(prepared.digest, prepared.capabilities.feePayerDigest)
    local _, err = net:send(prepared, context, account.admin, { key = account.admin })
    assert.equal("fee signature is required when a payer is specified", err.rpc_message)
    local signature = intent.wrap_signature(support.sign(sponsor.admin, prepared.capabilities.feePayerDigest),
      support.hash_of(sponsor.admin))
    local sent = assert(net:send(prepared, context, account.admin,
      { key = account.admin, capabilities = { feeSignature = signature } }))
    assert.equal(200, net:wait(sent.id).status)
    assert.equal(tostring(before), tostring(net:balance(support.NATIVE, account.address)))
    assert.is_true(net:balance(support.NATIVE, sponsor.address) < ONE)
  end)

  it("are refused for a payer that cannot", function()
    local sponsor = net:create_account()
    net:fund(sponsor.address, ONE)
    assert(net:execute(sponsor, sponsor.admin, {}))
    net:fund(sponsor.address, 1)
    local err = net:refusal("wallet_prepareCalls", net:request(account, { key = account.admin,
      calls = { net:increment() }, meta = { feePayer = sponsor.address } }))
    assert.equal(-32602, err.code)
    assert.equal("fee payer " .. sponsor.address .. " has insufficient balance to sponsor this transaction",
      err.message)
  end)

  it("are lost with a bundle that reverts on the chain", function()
    local call = { to = net.contracts.stk, value = "0x0",
      data = contracts.encode_call(contracts.erc20.transferFrom, { net.ready.accounts[3], account.address, 10 }) }
    assert(net:execute(account, account.admin, { calls = { net:mint(net.ready.accounts[3], 10) } }))
    local function approve(amount, fee)
      return assert(net.chain:send_transaction { from = net.ready.accounts[3], to = net.contracts.stk, gas = "0x20000",
        maxPriorityFeePerGas = fee, maxFeePerGas = fee,
        data = contracts.encode_call(contracts.erc20.approve, { account.address, amount }) })
    end
    assert(net.chain:wait_receipt(approve(10)))
    local before = net:balance(support.NATIVE, account.address)
    assert(net.chain:request("evm_setAutomine", { false }))
    local prepared, context = assert(net:prepare(account, { key = account.admin, calls = { call } }))
    local id = assert(net:send(prepared, context, account.admin, { key = account.admin })).id
    net:wait_for_pool(1)
    approve(0, "0x12a05f2000")
    net:wait_for_pool(2)
    assert(net.chain:request("evm_mine", json.array {}))
    assert.equal(400, net:wait(id).status)
    assert(net.chain:request("evm_setAutomine", { true }))
    assert.equal(tostring(before - core.u256(fields_of(prepared).paymentAmount)),
      tostring(net:balance(support.NATIVE, account.address)))
  end)
end)
