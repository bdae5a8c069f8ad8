local Bundles = require "rise.devnet.bundles"
local contracts = require "rise.contracts"
local core = require "rise.core"
local intent = require "rise.intent"
local json = require "rise.json"
local support = require "support.devnet"

describe("wallet_sendPreparedCalls and wallet_getCallsStatus of the devnet's relay #devnet", function()
  local net, account

  setup(function()
    net = support.start()
    account = net:landed_account()
  end)
  teardown(function() net:stop() end)

  -- A prepared increment on a lane of its own.
  local lane = 1000
  local function prepared(who)
    lane = lane + 1
    return assert(net:prepare(who or account, { key = (who or account).admin, calls = { net:increment() },
      meta = { nonce = intent.nonce(lane) } }))
  end

  local function send(context, signature, key)
    return net:call("wallet_sendPreparedCalls",
      { context = context, signature = signature, key = key or support.signer(account.admin) })
  end

  local function refusal(context, signature, key)
    local result, err = send(context, signature or "0x" .. ("11"):rep(64), key)
    assert.is_nil(result)
    return { code = err.rpc_code, message = err.rpc_message, data = err.data }
  end

  it("names the bundle after the quote's hash", function()
    local bundle, context = prepared()
    local sent = assert(net:send(bundle, context, account.admin, { key = account.admin }))
    assert.equal(bundle.context.quote.hash, sent.id)
    assert.equal(200, net:wait(sent.id).status)
  end)

  describe("the status", function()
    local status, bundle

    setup(function()
      local context
      bundle, context = prepared()
      status = net:wait(assert(net:send(bundle, context, account.admin, { key = account.admin })).id)
    end)

    it("has one receipt in the relay's form", function()
      assert.equal(200, status.status)
      assert.equal(bundle.context.quote.hash, status.id)
      assert.equal(1, #status.receipts)
      local receipt = status.receipts[1]
      assert.equal("0x7a69", receipt.chainId)
      assert.equal("0x1", receipt.status)
      for _, name in ipairs { "blockHash", "blockNumber", "gasUsed", "transactionHash" } do
        assert.matches("^0x%x+$", receipt[name])
      end
      local members = {}
      for name in pairs(receipt) do members[#members + 1] = name end
      assert.equal(7, #members)
    end)

    it("has the logs, the IntentExecuted of this account and nonce among them", function()
      local receipt = status.receipts[1]
      for _, log in ipairs(receipt.logs) do
        assert.matches("^0x%x+$", log.address)
        assert.matches("^0x%x*$", log.data)
        assert.is_table(log.topics)
      end
      local executed = intent.find_executed(receipt.logs, net.contracts.orchestrator, account.address,
        bundle.context.quote.quotes[1].intent.nonce)
      assert.same({ incremented = true, err = "0x00000000" }, executed)
    end)
  end)

  it("does not know other bundles", function()
    local id = "0x" .. ("ab"):rep(32)
    local result, err = net.relay:call("wallet_getCallsStatus", { id })
    assert.is_nil(result)
    assert.equal(-32602, err.rpc_code)
    assert.equal("Bundle " .. id .. " does not exist", err.rpc_message)
    for _, bad in ipairs { "0x12", "12", 5, json.null, json.object {} } do
      result, err = net.relay:call("wallet_getCallsStatus", { bad })
      assert.is_nil(result)
      assert.equal("Invalid params", err.rpc_message)
    end
  end)

  describe("a quote", function()
    local function quote_of(bundle)
      local quote = bundle.context.quote
      local fields = quote.quotes[1].intent
      -- cjson has lost that these were arrays
      fields.encodedPreCalls, fields.encodedFundTransfers = json.array {}, json.array {}
      return quote
    end

    it("may be spelled otherwise", function()
      local bundle = prepared()
      local quote = quote_of(bundle)
      local one = quote.quotes[1]
      -- What the SDK does: members lost and moved, null left out, hex in another case.
      quote.feePayerQuote, quote.multiChainRoot, one.authorizationAddress = nil, nil, nil
      one.orchestrator = core.checksum(core.unhex(one.orchestrator))
      one.chainId = 31337
      quote.hash = "0x"
      local sent = assert(send({ quote = quote }, support.sign(account.admin, bundle.digest)))
      assert.equal(200, net:wait(sent.id).status)
    end)

    local function more(text)
      return (core.u256(text) + 1):hex()
    end

    for name, alter in pairs {
      ["ttl"] = function(quote) quote.ttl = quote.ttl + 1 end,
      ["chainId"] = function(quote) quote.quotes[1].chainId = 1 end,
      ["txGas"] = function(quote) quote.quotes[1].txGas = more(quote.quotes[1].txGas) end,
      ["orchestrator"] = function(quote) quote.quotes[1].orchestrator = net.contracts.stk end,
      ["paymentTokenDecimals"] = function(quote) quote.quotes[1].paymentTokenDecimals = 6 end,
      ["authorizationAddress"] = function(quote) quote.quotes[1].authorizationAddress = net.contracts.account_proxy end,
      ["multiChainRoot"] = function(quote) quote.multiChainRoot = support.ZERO_ID end,
      ["feePayerQuote"] = function(quote) quote.feePayerQuote = json.object {} end,
      ["maxFeePerGas"] = function(quote) quote.quotes[1].nativeFeeEstimate.maxFeePerGas = "0x1" end,
      ["eoa"] = function(quote) quote.quotes[1].intent.eoa = net.ready.accounts[1] end,
      ["nonce"] = function(quote) quote.quotes[1].intent.nonce = more(quote.quotes[1].intent.nonce) end,
      ["executionData"] = function(quote)
        quote.quotes[1].intent.executionData = intent.encode_calls { net:mint(account.address, 1) }
      end,
      ["encodedPreCalls"] = function(quote) quote.quotes[1].intent.encodedPreCalls = { "0x12" } end,
      ["combinedGas"] = function(quote)
        quote.quotes[1].intent.combinedGas = more(quote.quotes[1].intent.combinedGas)
      end,
      ["paymentAmount"] = function(quote) quote.quotes[1].intent.paymentAmount = "0x1" end,
      ["paymentRecipient"] = function(quote) quote.quotes[1].intent.paymentRecipient = net.ready.accounts[1] end,
      ["isMultichain"] = function(quote) quote.quotes[1].intent.isMultichain = true end,
      ["r"] = function(quote) quote.r = more(quote.r) end,
      ["assetDeficits"] = function(quote) quote.quotes[1].assetDeficits = { json.object {} } end,
    } do
      it("is refused when its " .. name .. " was changed", function()
        local bundle = prepared()
        local quote = quote_of(bundle)
        alter(quote)
        local err = refusal({ quote = quote })
        assert.equal(-32602, err.code)
        assert.equal("invalid quote signer", err.message)
      end)
    end

    it("is refused when an array has become an object", function()
      local quote = quote_of(prepared())
      quote.quotes[1].intent.encodedPreCalls = json.object {}
      local err = refusal { quote = quote }
      assert.equal("Invalid params", err.message)
      assert.matches("expected a sequence at params[0].context.quote.quotes[0].intent.encodedPreCalls", err.data, 1,
        true)
    end)

    it("is refused when its ttl is no integer any more", function()
      local _, context = prepared()
      for _, text in ipairs { "%0.0", "%0e0", '"%0"' } do
        local err = refusal(json.raw((context.text:gsub('("ttl":)(%d+)', function(name, ttl)
          return name .. text:gsub("%%0", ttl)
        end))))
        assert.equal("Invalid params", err.message)
        assert.matches("expected an integer at params[0].context.quote.ttl", err.data, 1, true)
      end
    end)

    it("is refused when a member is missing", function()
      local quote = quote_of(prepared())
      quote.quotes[1].intent.paymentSignature = nil
      assert.equal("missing field `paymentSignature` at params[0].context.quote.quotes[0].intent",
        refusal({ quote = quote }).data)
    end)

    it("is refused without its one quote, or with two", function()
      local quote = quote_of(prepared())
      quote.quotes[2] = quote.quotes[1]
      assert.equal("invalid quote signer", refusal({ quote = quote }).message)
      quote.quotes = json.array {}
      assert.equal("expected quote was not found", refusal({ quote = quote }).message)
    end)

    it("is refused by another relay", function()
      local other = support.start()
      local _, context = prepared()
      local _, err = other:call("wallet_sendPreparedCalls", { context = context, signature = "0x" .. ("11"):rep(64),
        key = support.signer(account.admin) })
      other:stop()
      assert.equal("invalid quote signer", err.rpc_message)
    end)
  end)

  it("wants a context of one kind", function()
    assert.matches("exactly one of `quote` and `preCall`", refusal(json.object {}).data, 1, true)
    assert.equal("missing field `context` at params[0]",
      net:refusal("wallet_sendPreparedCalls", { signature = "0x" }).data)
  end)

  it("wants 65 bytes where no key is named", function()
    local bundle, context = prepared()
    local err = net:refusal("wallet_sendPreparedCalls",
      { context = context, signature = support.sign(account.admin, bundle.digest) })
    assert.equal(-32602, err.code)
    assert.equal("intent creation requires a signing key.", err.message)
  end)

  describe("status 300 without a word", function()
    local function status_of(sign)
      local bundle, context = prepared()
      local signature, key = sign(bundle)
      local before = net:count()
      local status = net:wait(assert(send(context, signature, key)).id)
      assert.equal(tostring(before), tostring(net:count()))
      assert.same({}, status.receipts)
      return status.status
    end

    it("comes of a signature that is not valid", function()
      assert.equal(300, status_of(function() return "0x" .. ("11"):rep(64) end))
    end)

    it("comes of another key's signature", function()
      assert.equal(300, status_of(function(bundle) return support.sign(support.key(), bundle.digest) end))
    end)

    it("comes of a prehash flag that is not true", function()
      assert.equal(300, status_of(function(bundle)
        return support.sign(account.admin, bundle.digest), support.signer(account.admin, true)
      end))
    end)

    it("comes of a nonce that another bundle uses while this one is looked at", function()
      local nonce = intent.nonce(77, 0)
      local bundles, tasks, codes = {}, {}, {}
      for i = 1, 2 do
        local calls = {}
        for n = 1, i do calls[n] = net:increment() end
        bundles[i] = { assert(net:prepare(account, { key = account.admin, calls = calls, meta = { nonce = nonce } })) }
      end
      for i = 1, 2 do
        tasks[i] = net.loop:spawn(function()
          local sent = assert(net:send(bundles[i][1], bundles[i][2], account.admin, { key = account.admin }))
          codes[i] = net:wait(sent.id).status
        end)
      end
      for _, task in ipairs(tasks) do task:wait() end
      table.sort(codes)
      assert.same({ 200, 300 }, codes)
    end)

    it("comes of a nonce that another bundle has used meanwhile", function()
      local first, first_context = assert(net:prepare(account, { key = account.admin, calls = { net:increment() } }))
      local second, second_context = assert(net:prepare(account, { key = account.admin,
        calls = { net:increment(), net:increment() } }))
      local one = assert(net:send(first, first_context, account.admin, { key = account.admin })).id
      assert.equal(200, net:wait(one).status)
      local two = assert(net:send(second, second_context, account.admin, { key = account.admin })).id
      assert.equal(300, net:wait(two).status)
    end)
  end)

  it("takes a signature over the hashed digest where the key says so", function()
    local status = assert(net:execute(account, account.admin, { calls = { net:increment() }, prehash = true }))
    assert.equal(200, status.status)
  end)

  it("reads a quote alike whether it comes back as it went out or written anew", function()
    for _, spelling in ipairs { "as it went out", "anew" } do
      local bundle, context = prepared()
      local text = json.encode(context)
      if spelling == "anew" then text = text:gsub('",', '", ') end
      local id = assert(net:send(bundle, json.raw(text), account.admin, { key = account.admin })).id
      assert.equal(200, net:wait(id).status, spelling)
    end
  end)

  it("appends a quote sent twice to its bundle, which spoils it", function()
    local bundle, context = prepared()
    local before = net:count()
    local id = assert(net:send(bundle, context, account.admin, { key = account.admin })).id
    assert.equal(200, net:wait(id).status)
    assert.equal(id, assert(net:send(bundle, context, account.admin, { key = account.admin })).id)
    local status = net:wait(id)
    assert.equal(300, status.status)
    assert.equal(1, #status.receipts)
    assert.equal(tostring(before + 1), tostring(net:count()))
  end)

  describe("where blocks wait", function()
    before_each(function() assert(net.chain:request("evm_setAutomine", { false })) end)
    after_each(function()
      assert(net.chain:request("evm_setAutomine", { true }))
      assert(net.chain:request("evm_mine", json.array {}))
    end)

    local function sent(who)
      local bundle, context = prepared(who)
      return assert(net:send(bundle, context, (who or account).admin, { key = (who or account).admin })).id
    end

    local function status(id)
      return assert(net.relay:call("wallet_getCallsStatus", { id })).status
    end

    it("takes two bundles of an account, and no third", function()
      local first, second, third = sent(), sent(), sent()
      assert.equal(100, status(first))
      assert.equal(100, status(second))
      assert.equal(300, net:wait(third).status)
      assert(net.chain:request("evm_setAutomine", { true }))
      assert(net.chain:request("evm_mine", json.array {}))
      assert.equal(200, net:wait(first).status)
      assert.equal(200, net:wait(second).status)
      assert.equal(300, status(third))
    end)

    it("keeps accounts apart", function()
      assert(net.chain:request("evm_setAutomine", { true }))
      local others = {}
      for i = 1, 12 do others[i] = net:landed_account() end -- more than there are senders
      assert(net.chain:request("evm_setAutomine", { false }))
      local ids = {}
      for i, other in ipairs(others) do ids[i] = sent(other) end
      for _, id in ipairs(ids) do assert.equal(100, status(id)) end
      net:wait_for_pool(#ids)
      assert(net.chain:request("evm_mine", json.array {}))
      for _, id in ipairs(ids) do assert.equal(200, net:wait(id).status) end
    end)

    it("says 400 of calls that revert on the chain although they did not before", function()
      local owner = net.ready.accounts[3]
      local function approve(amount, fee)
        return assert(net.chain:send_transaction { from = owner, to = net.contracts.stk, gas = "0x20000",
          maxPriorityFeePerGas = fee, maxFeePerGas = fee,
          data = contracts.encode_call(contracts.erc20.approve, { account.address, amount }) })
      end
      assert(net.chain:request("evm_setAutomine", { true }))
      assert(net.chain:wait_receipt(approve(10)))
      assert(net:execute(account, account.admin, { calls = { net:mint(owner, 10) } }))
      assert(net.chain:request("evm_setAutomine", { false }))
      local take = { to = net.contracts.stk, value = "0x0",
        data = contracts.encode_call(contracts.erc20.transferFrom, { owner, account.address, 10 }) }
      local bundle, context = assert(net:prepare(account, { key = account.admin, calls = { take } }))
      local id = assert(net:send(bundle, context, account.admin, { key = account.admin })).id
      net:wait_for_pool(1)
      approve(0, "0x12a05f2000") -- goes first, for its price
      net:wait_for_pool(2)
      assert(net.chain:request("evm_mine", json.array {}))
      local result = net:wait(id)
      assert.equal(400, result.status)
      assert.equal("0x1", result.receipts[1].status)
      local executed = intent.find_executed(result.receipts[1].logs, net.contracts.orchestrator, account.address,
        bundle.context.quote.quotes[1].intent.nonce)
      assert.is_true(executed.incremented)
      assert.equal(core.hex(core.keccak256("InsufficientAllowance(address,address,uint256,uint256)"):sub(1, 4)),
        executed.err)
    end)
  end)
end)

describe("a quote of the devnet's relay #devnet", function()
  it("is refused when its time has passed", function()
    local net = support.start { quote_ttl = 1 }
    finally(function() net:stop() end)
    local account = net:create_account()
    local prepared, context = assert(net:prepare(account, { key = account.admin, calls = { net:increment() } }))
    assert.is_true(prepared.context.quote.ttl - core.now() <= 1)
    net.loop:sleep(prepared.context.quote.ttl + 1 - core.now() + 0.01)
    local _, err = net:send(prepared, context, account.admin, { key = account.admin })
    assert.equal(-32602, err.rpc_code)
    assert.equal("quote expired", err.rpc_message)
  end)
end)

describe("the queue of the devnet's relay #devnet", function()
  it("can be made longer", function()
    local net = support.start { max_queued_per_eoa = 3 }
    finally(function() net:stop() end)
    local account = net:landed_account()
    assert(net.chain:request("evm_setAutomine", { false }))
    local ids = {}
    for i = 1, 5 do
      local bundle, context = assert(net:prepare(account, { key = account.admin, calls = { net:increment() },
        meta = { nonce = intent.nonce(i) } }))
      ids[i] = assert(net:send(bundle, context, account.admin, { key = account.admin })).id
    end
    assert.equal(300, net:wait(ids[5]).status)
    assert(net.chain:request("evm_setAutomine", { true }))
    assert(net.chain:request("evm_mine", json.array {}))
    for i = 1, 4 do assert.equal(200, net:wait(ids[i]).status) end
    assert.equal("4", tostring(net:count()))
  end)
end)

describe("rise.devnet.bundles", function()
  it("makes one code of the states of several transactions", function()
    assert.equal(100, Bundles.code_of { "pending" })
    assert.equal(100, Bundles.code_of { "confirmed", "pending", "failed" })
    assert.equal(200, Bundles.code_of { "confirmed", "confirmed" })
    assert.equal(300, Bundles.code_of { "confirmed", "failed" })
    assert.equal(400, Bundles.code_of { "reverted", "reverted" })
    assert.equal(500, Bundles.code_of { "reverted", "confirmed" })
  end)
end)
