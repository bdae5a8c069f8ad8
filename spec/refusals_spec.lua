-- Everything that must be refused, against a devnet: the code, and that nothing was sent or lost.
local core = require "rise.core"
local intent = require "rise.intent"
local json = require "rise.json"
local wire = require "rise.devnet.wire"
local rise = require "rise"
local flow = require "support.flow"

describe("refusals #devnet", function()
  local net, hook
  local methods = {}
  setup(function()
    net = flow.start { intercept = function(method, params, text)
      methods[#methods + 1] = method
      return hook and hook(method, params, text)
    end }
  end)
  teardown(function() net:stop() end)
  before_each(function() hook, methods = nil, {} end)
  after_each(function() hook = nil end)

  local function sent()
    for _, method in ipairs(methods) do
      if method == "wallet_sendPreparedCalls" then return true end
    end
    return false
  end

  -- Runs an action that must fail with a code, and leave counter and balance as they were.
  local function refused(f, code, action)
    local count, balance = assert(f.counter:count()), assert(f.stk:balanceOf(f.player))
    methods = {}
    local result, err = action()
    assert.is_nil(result)
    assert.equal(code, err.code, err.message)
    assert.is_string(err.message)
    hook = nil
    assert.equal(tostring(count), tostring(assert(f.counter:count())))
    assert.equal(tostring(balance), tostring(assert(f.stk:balanceOf(f.player))))
    return err
  end

  -- Each rule is judged twice: here from the grant, and by the contracts in the relay's simulation.
  for _, judge in ipairs { "offline", "by the contracts" } do
    describe(judge, function()
      local options = { preflight = judge == "offline" }
      local f
      setup(function()
        f = flow.session(net)
        assert(f.session:send { f.stk:mint(f.player, rise.ether "1000") })
      end)

      local function send_refused(code, ...)
        local calls = { ... }
        local err = refused(f, code, function() return f.session:send(calls, options) end)
        assert.is_false(sent())
        return err
      end

      it("a function that was not granted is not_allowed", function()
        local err = send_refused("not_allowed", f.stk:approve(flow.SHOP, 1))
        assert.matches("0x095ea7b3", err.message)
      end)

      it("a contract that was not granted is not_allowed", function()
        local call = f.counter:increment()
        call.to = flow.SHOP
        assert.matches(flow.SHOP, send_refused("not_allowed", call).message)
      end)

      it("more than the STK limit is spend_limit, with the limit", function()
        local err = send_refused("spend_limit", f.stk:transfer(flow.SHOP, rise.ether "101"))
        assert.equal("100", rise.format_ether(err.limit))
        assert.equal(net.ready.contracts.stk, err.token)
      end)

      it("a batch fails as a whole", function()
        send_refused("spend_limit", f.counter:increment(), f.stk:transfer(flow.SHOP, rise.ether "60"),
          f.stk:transfer(flow.SHOP, rise.ether "60"))
      end)

      it("a token without a spend rule is no_spend_rule", function()
        local g = flow.session(net, { permissions = { calls = flow.permissions(net).calls, spend = {} } })
        assert(g.session:send { g.stk:mint(g.player, rise.ether "10") })
        refused(g, "no_spend_rule", function()
          return g.session:send({ g.stk:transfer(flow.SHOP, 1) }, options)
        end)
        assert.is_false(sent())
      end)

      it("an expired key is expired", function()
        local own = flow.start() -- its clock is moved
        local now = core.now()
        local wallet = flow.connect(own, { clock = function() return now end })
        local g = flow.session(own, { wallet = wallet, expires = "10s" })
        assert(g.session:send { g.counter:increment() })
        flow.advance_time(wallet, 3600)
        if judge == "offline" then now = now + 3600 end -- otherwise only the chain knows how late it is
        refused(g, "expired", function() return g.session:send({ g.counter:increment() }, options) end)
        own:stop()
      end)

      it("a key that was never granted is not_granted", function()
        local g = flow.session(net, { grant = false })
        refused(g, "not_granted", function() return g.session:send({ g.counter:increment() }, options) end)
        assert.is_false(sent())
      end)

      it("an account that nobody knows is unknown_account", function()
        local stranger = "0x000000000000000000000000000000000000dead"
        local wallet = flow.connect(net)
        local session = assert(wallet:new_session { account = stranger, expires = "1h",
          permissions = flow.permissions(net) })
        local granted, err = session:grant(f.approver)
        assert.is_nil(granted)
        assert.equal("unknown_account", err.code, err.message)
        assert.equal("new", session:status())
      end)
    end)
  end

  it("a target's own revert is reverted, with its error decoded", function()
    local f = flow.session(net)
    local err = refused(f, "reverted", function() return f.session:send { f.stk:transfer(flow.SHOP, 1) } end)
    assert.matches("InsufficientBalance", err.message)
    assert.is_false(sent())
  end)

  it("a nonce that was used is nonce", function()
    local f = flow.session(net)
    local receipt = assert(f.session:send { f.counter:increment() })
    refused(f, "nonce", function()
      return f.session:send({ f.counter:increment() }, { nonce = receipt.nonce })
    end)
    assert.is_false(sent())
    assert(f.session:send { f.counter:increment() })
  end)

  it("a bundle that is sent again does nothing again", function()
    local f = flow.session(net)
    local payload
    hook = function(method, params)
      if method == "wallet_sendPreparedCalls" and params[1].context.quote then payload = params end
    end
    assert(f.session:send { f.counter:increment() })
    hook = nil
    local count = assert(f.counter:count())
    f.wallet.relay.rpc:call("wallet_sendPreparedCalls", payload)
    assert(f.session:send { f.counter:increment() })
    assert.equal(tostring(count + 1), tostring(assert(f.counter:count())))
  end)

  describe("revoked means revoked:", function()
    it("a key that acted cannot act after its revocation, whoever holds it", function()
      local f = flow.session(net)
      local stolen = flow.copy_key(f.session.key)
      assert(f.session:send { f.counter:increment() })
      assert(f.session:revoke(f.approver))
      assert.equal("revoked", select(2, f.session:send { f.counter:increment() }).code)
      f.session.key, f.session.state = stolen, "active"
      refused(f, "revoked", function() return f.session:send { f.counter:increment() } end)
    end)

    -- A relay that keeps the grant although the key was revoked, as upstream's does: what the client did on chain
    -- must be enough.
    for _, keeps in ipairs { false, true } do
      for _, rpc in ipairs { true, false } do
        it("a grant that was never used is void" .. (keeps and ", though the relay would honour it" or "")
          .. (rpc and "" or ", without a node to ask"), function()
          if keeps then net.relay.pre_calls.drop_key = function() end end
          local f = flow.session(net)
          if not rpc then f.wallet.chain = nil end
          local stolen = flow.copy_key(f.session.key)
          local receipt = assert(f.session:revoke(f.approver))
          assert.is_table(receipt)
          f.wallet.chain = flow.connect(net).chain
          f.session.key, f.session.state = stolen, "pending"
          local count = assert(f.counter:count())
          local result, err = f.session:send { f.counter:increment() }
          assert.is_nil(result)
          assert.is_string(err.code)
          assert.equal(tostring(count), tostring(assert(f.counter:count())))
          assert.equal(1, #assert(f.account:keys()))
          net.relay.pre_calls.drop_key = nil
        end)
      end
    end

    it("the key is wiped first: a relay that is gone does not keep it alive", function()
      local f = flow.session(net)
      assert(f.session:send { f.counter:increment() })
      hook = function(method) return method == "wallet_prepareCalls" and { http_status = 500, body = "down" } end
      local done, err = f.session:revoke(f.approver)
      assert.is_nil(done)
      assert.equal("relay", err.code)
      assert.is_nil(f.session.key)
      assert.equal("revoking", f.session:status())
      hook = nil
      assert(f.session:revoke(f.approver))
      assert.equal("revoked", f.session:status())
    end)
  end)

  describe("a tampering relay", function()
    local f
    setup(function() f = flow.session(net) end)

    -- A reader that keeps `[]` and `{}` apart, so that only what is meant gets changed.
    local function decode(text) return assert(wire.read(text)) end

    local OTHER = "0x00000000000000000000000000000000000000cc"
    local function calls_with(change)
      return function(quote)
        local calls = assert(intent.decode_calls(quote.intent.executionData))
        change(calls)
        quote.intent.executionData = assert(intent.encode_calls(calls))
      end
    end
    local tampers = {
      ["a call's target"] = calls_with(function(calls) calls[1].to = OTHER end),
      ["a call's data"] = calls_with(function(calls) calls[1].data = "0xd09de08b" end),
      ["a call's value"] = calls_with(function(calls) calls[1].value = core.u256(1) end),
      ["a call too many"] = calls_with(function(calls)
        calls[2] = { to = OTHER, value = core.u256(0), data = "0x" }
      end),
      ["a call too few"] = calls_with(function(calls) calls[1] = nil end),
      ["the account"] = function(quote) quote.intent.eoa = OTHER end,
      ["the nonce"] = function(quote) quote.intent.nonce = "0x7" end,
      ["a nonce valid on every chain"] = function(quote) quote.intent.nonce = "0xc1d0" .. ("0"):rep(60) end,
      ["the payer"] = function(quote) quote.intent.payer = OTHER end,
      ["the settler"] = function(quote) quote.intent.settler = OTHER end,
      ["a fund transfer"] = function(quote) quote.intent.encodedFundTransfers = { "0x00" } end,
      ["an unknown pre-call"] = function(quote) quote.intent.encodedPreCalls = { "0x00" } end,
      ["the chain"] = function(quote) quote.chainId = "0x1" end,
      ["the orchestrator"] = function(quote) quote.orchestrator = OTHER end,
    }
    -- Each lie is told twice: with the digest left as it was, and with the digest of the lie.
    for what, tamper in pairs(tampers) do
      for _, consistent in ipairs { false, true } do
        it("that changes " .. what .. (consistent and " and the digest" or ""), function()
          hook = function(method, _, text)
            if method ~= "wallet_prepareCalls" then return nil end
            local answer = decode(text)
            local quote = answer.result.context.quote.quotes[1]
            tamper(quote)
            if consistent then
              answer.result.digest = intent.digest(quote.intent, { chain_id = core.u256(quote.chainId),
                orchestrator = quote.orchestrator, version = f.wallet.version }) or answer.result.digest
            end
            return json.encode(answer)
          end
          local err = refused(f, "relay_tampered", function() return f.session:send { f.counter:increment() } end)
          assert.is_string(err.field)
          assert.is_false(sent())
        end)
      end
    end

    for _, fee in ipairs { "0x1", "0xffffffffffffffff" } do
      it("that raises the fee to " .. fee .. " behind the digest", function()
        hook = function(method, _, text)
          if method ~= "wallet_prepareCalls" then return nil end
          return (text:gsub('"paymentMaxAmount":"0x0"', '"paymentMaxAmount":"' .. fee .. '"'))
        end
        refused(f, "relay_tampered", function() return f.session:send { f.counter:increment() } end)
        assert.is_false(sent())
      end)
    end

    it("that asks for a fee above the cap, openly", function()
      hook = function(method, _, text)
        if method ~= "wallet_prepareCalls" then return nil end
        local answer = decode(text)
        local quote = answer.result.context.quote.quotes[1]
        quote.intent.paymentMaxAmount = rise.ether("5"):hex()
        answer.result.digest = assert(intent.digest(quote.intent, { chain_id = core.u256(quote.chainId),
          orchestrator = quote.orchestrator, version = f.wallet.version }))
        return json.encode(answer)
      end
      refused(f, "fee_too_high", function() return f.session:send { f.counter:increment() } end)
      assert.is_false(sent())
    end)

    it("that grants the session key more than was asked", function()
      local g = flow.session(net, { grant = false })
      hook = function(method, _, text)
        if method ~= "wallet_prepareCalls" then return nil end
        local answer = decode(text)
        local pre_call = answer.result.context.preCall
        local calls = assert(intent.decode_calls(pre_call.executionData))
        calls[#calls + 1] = calls[2]
        pre_call.executionData = assert(intent.encode_calls(calls))
        answer.result.digest = assert(intent.signed_call_digest({ eoa = pre_call.eoa, nonce = pre_call.nonce,
          executionData = pre_call.executionData }, { chain_id = g.wallet.chain_id,
          orchestrator = g.wallet.orchestrator, version = g.wallet.version }))
        return json.encode(answer)
      end
      local granted, err = g.session:grant(g.approver)
      assert.is_nil(granted)
      assert.equal("relay_tampered", err.code, err.message)
      assert.is_false(sent())
      assert.equal("new", g.session:status())
    end)

    it("that makes the new account delegate to something else", function()
      hook = function(method, _, text)
        if method ~= "wallet_prepareUpgradeAccount" then return nil end
        local answer = decode(text)
        answer.result.context.authorization.address = OTHER
        answer.result.digests.auth = core.hex(core.authorization_digest(0, core.unhex(OTHER), 0))
        return json.encode(answer)
      end
      local account, err = f.wallet:create_account { admin = f.admin }
      assert.is_nil(account)
      assert.equal("relay_tampered", err.code, err.message)
    end)

    it("but not what is harmless: order, white space, hex case, unknown members", function()
      hook = function(method, _, text)
        if method ~= "wallet_prepareCalls" then return nil end
        local answer = decode(text)
        if not answer.result then return nil end
        local quote = answer.result.context.quote.quotes[1]
        quote.intent.eoa = "0x" .. quote.intent.eoa:sub(3):upper()
        quote.unknown = { anything = true }
        answer.news = json.array {}
        return " " .. json.encode(answer):gsub('":', '" : ') .. "\n"
      end
      assert(f.session:send { f.counter:increment() })
    end)
  end)

  describe("a broken relay", function()
    local f
    setup(function()
      f = flow.session(net)
      assert(f.session:send { f.counter:increment() })
    end)

    local function prepare_answers(body)
      hook = function(method) return method == "wallet_prepareCalls" and body or nil end
    end
    local function increment() return f.session:send { f.counter:increment() } end

    it("that answers malformed JSON", function()
      prepare_answers { body = '{"jsonrpc":"2.0","id":1,"result":{"context":' }
      refused(f, "relay", increment)
    end)

    it("that answers HTTP 500", function()
      prepare_answers { http_status = 500, body = "oops" }
      assert.is_true(refused(f, "relay", increment).retryable)
    end)

    it("that answers garbage", function()
      prepare_answers { body = assert(core.random(4096)) }
      refused(f, "relay", increment)
    end)

    it("that answers 20 MiB of garbage", function()
      prepare_answers { body = ("x"):rep(20 * 1024 * 1024) }
      assert.matches("more than %d+ bytes", refused(f, "relay", increment).message)
    end)

    it("that answers a result of the wrong shape", function()
      for _, result in ipairs { "7", '"0x"', "[]", "{}", '{"context":{}}', '{"context":{"quote":{"quotes":[]}}}',
        '{"context":{"quote":{"quotes":[{}]}},"digest":"0x"}' } do
        prepare_answers { body = '{"jsonrpc":"2.0","id":' .. f.wallet.relay.rpc.last_id + 1 .. ',"result":' .. result
          .. "}" }
        local done, err = increment()
        assert.is_nil(done)
        assert.is_true(err.code == "relay" or err.code == "relay_tampered", result .. ": " .. tostring(err))
      end
    end)

    it("that never answers is a timeout", function()
      f.wallet.timeout = 0.3
      hook = function(method) return method == "wallet_prepareCalls" and "hang" or nil end
      refused(f, "timeout", increment)
      f.wallet.timeout = 30
    end)

    it("that hangs up is a network error", function()
      hook = function(method) return method == "wallet_prepareCalls" and "drop" or nil end
      refused(f, "network", increment)
    end)

    for _, way in ipairs { "drop", "hang" } do
      it("whose answer to the send is lost has the action done all the same, once (" .. way .. ")", function()
        local count = assert(f.counter:count())
        f.wallet.timeout = 1
        hook = function(method) return method == "wallet_sendPreparedCalls" and way or nil end
        assert(f.session:send { f.counter:increment() })
        f.wallet.timeout = 30
        hook = nil
        assert.equal(tostring(count + 1), tostring(assert(f.counter:count())))
      end)
    end

    it("that is not there is a network error, and says where", function()
      local wallet, err = rise.connect { relay = "http://127.0.0.1:1", chain_id = 31337 }
      assert.is_nil(wallet)
      assert.equal("network", err.code)
      assert.matches("127.0.0.1:1", err.message)
    end)

    it("that serves another chain is unsupported", function()
      local wallet, err = rise.connect { relay = net.ready.relay, chain_id = 1 }
      assert.is_nil(wallet)
      assert.equal("unsupported", err.code)
    end)
  end)
end)
