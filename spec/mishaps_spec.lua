-- What went wrong once, each in the way it went wrong, against a devnet whose answers are replaced on their way.
local core = require "rise.core"
local rise = require "rise"
local flow = require "support.flow"
local wire = require "rise.devnet.wire"
local json = require "rise.json"

describe("a mishap #devnet:", function()
  local net, hook, before
  setup(function()
    net = flow.start {
      before = function(method, params) return before and before(method, params) end,
      intercept = function(method, params, text) return hook and hook(method, params, text) end,
    }
  end)
  teardown(function() net:stop() end)
  before_each(function() hook, before = nil, nil end)
  after_each(function() hook, before = nil, nil end)

  local function result(text) return '{"jsonrpc":"2.0","id":1,"result":' .. text .. "}" end

  -- The answer to a call with the id it was asked with.
  local function with_id(text, answer)
    local id = text:match '"id":(%d+)'
    return (answer:gsub('"id":1,', '"id":' .. id .. ",", 1))
  end

  local function on(method, change)
    hook = function(name, params, text)
      if name == method then return change(text, params) end
    end
  end

  local function answer_status(status, receipts)
    on("wallet_getCallsStatus", function(text, params)
      return with_id(text, result(json.encode { id = params[1], status = status, receipts = json.array(receipts) }))
    end)
  end

  it("a bundle that stays pending to the deadline is `pending`, and can be waited for", function()
    local f = flow.session(net)
    local chain = f.wallet.chain
    f.wallet.chain = nil
    answer_status(100)
    local receipt, err = f.session:send({ f.counter:increment() }, { timeout = 0.3 })
    f.wallet.chain = chain
    assert.is_nil(receipt)
    assert.equal("pending", err.code)
    assert.is_false(err.retryable)
    assert.equal("pending", f.session:status())
    hook = nil
    assert.equal(200, assert(f.session:wait(err)).status)
    assert.equal("active", f.session:status())
    assert(f.session:send { f.counter:increment() })
  end)

  it("a mistake in the options raises and leaves the session usable", function()
    local f = flow.session(net)
    for _, options in ipairs { { nonce = "x" }, { max_fee = -1 }, { fee_token = "0x12" }, { timeout = "soon" } } do
      assert.has_error(function() f.session:send({ f.counter:increment() }, options) end)
    end
    assert(f.session:send { f.counter:increment() })
  end)

  it("a Lua error inside a task does not keep the session locked", function()
    local f = flow.session(net)
    local lock = f.session.lock
    local task = rise.spawn(function()
      lock:acquire()
      error("boom", 0)
    end)
    assert.equal("boom", select(2, task:wait()).cause)
    assert(f.session:send { f.counter:increment() })
  end)

  it("revoking while a bundle is under way ends in a revoked session, and nothing hangs", function()
    local f = flow.session(net)
    assert(f.session:send { f.counter:increment() })
    local sends = {}
    for i = 1, 3 do sends[i] = rise.spawn(function() return f.session:send { f.counter:increment() } end) end
    rise.step(0)
    local revoking = rise.spawn(function() return f.session:revoke(f.approver) end)
    local done = 0
    for i = 1, 3 do
      local receipt, err = sends[i]:wait()
      if receipt then done = done + 1 else assert.equal("revoked", err.code, err.message) end
    end
    assert(revoking:wait())
    assert.equal("revoked", f.session:status())
    assert.equal("revoked", f.wallet:sessions()[1].state)
    assert.is_true(done <= 1)
  end)

  it("a relay cannot choose the token of an administrator's fee", function()
    local f = flow.session(net)
    assert(f.session:send { f.counter:increment() })
    on("wallet_prepareCalls", function(text)
      local answer = assert(wire.read(text))
      local quote = answer.result.context.quote.quotes[1]
      quote.intent.paymentToken, quote.intent.paymentMaxAmount = net.ready.contracts.stk, "0x2386f26fc10000"
      answer.result.digest = assert(require("rise.intent").digest(quote.intent, {
        chain_id = f.wallet.chain_id, orchestrator = f.wallet.orchestrator, version = f.wallet.version,
      }))
      return json.encode(answer)
    end)
    for _, act in ipairs { function() return f.account:execute({ f.counter:increment() }, f.admin) end,
      function() return f.session:send { f.counter:increment() } end } do
      local receipt, err = act()
      assert.is_nil(receipt)
      assert.equal("relay_tampered", err.code, err.message)
    end
  end)

  it("another fee token wants its own cap", function()
    local f = flow.session(net, { permissions = { calls = flow.permissions(net).calls, spend = {} } })
    local STK = net.ready.contracts.stk
    assert.has_error(function() f.session:send({ f.counter:increment() }, { fee_token = STK }) end)
    assert.has_error(function() f.account:execute({ f.counter:increment() }, f.admin, { fee_token = STK }) end)
  end)

  it("a relay that says `is unknown` does not keep a key from being revoked", function()
    local f = flow.session(net)
    assert(f.session:send { f.counter:increment() })
    on("wallet_prepareCalls", function(text)
      return with_id(text, '{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"key hash 0xab is unknown"}}')
    end)
    assert.equal("revoked", select(2, f.session:send { f.counter:increment() }).code)
    hook = nil
    assert.is_table(assert(f.session:revoke(f.approver)))
    assert.equal(1, #assert(f.account:keys()))
  end)

  it("a relay that hides the key from its list does not keep it from being revoked", function()
    local f = flow.session(net)
    assert(f.session:send { f.counter:increment() })
    on("wallet_getKeys", function(text) return with_id(text, result '{"0x7a69":[]}') end)
    assert.is_table(assert(f.session:revoke(f.approver)))
    hook = nil
    assert.equal(1, #assert(f.account:keys()))
  end)

  it("a bundle reported as failed that has landed all the same is found to be done", function()
    local f = flow.session(net)
    local count = assert(f.counter:count())
    answer_status(300)
    local receipt = assert(f.session:send { f.counter:increment() })
    assert.matches("^0x%x+$", receipt.transaction_hash)
    assert.equal(tostring(count + 1), tostring(assert(f.counter:count())))
    hook = nil
    assert(f.session:send { f.counter:increment() })
    assert.equal(tostring(count + 2), tostring(assert(f.counter:count())))
  end)

  it("the same with nobody but the relay to ask is `pending`, never an invitation to send again", function()
    local f = flow.session(net)
    local chain = f.wallet.chain
    f.wallet.chain = nil
    answer_status(300)
    local receipt, err = f.session:send { f.counter:increment() }
    f.wallet.chain = chain
    assert.is_nil(receipt)
    assert.equal("pending", err.code, err.message)
    assert.is_false(err.retryable)
  end)

  for _, who in ipairs { "session", "administrator" } do
    it("a lost answer behind which the quote expired is done once, by a " .. who, function()
      local f = flow.session(net)
      local count = assert(f.counter:count())
      local lost = false
      on("wallet_sendPreparedCalls", function(_, params)
        if lost or not params[1].context.quote then return nil end
        lost = true
        return { http_status = 504, body = '{"error":{"message":"gateway timeout"}}' }
      end)
      before = function(method)
        if method == "wallet_getCallsStatus" and lost == true then
          lost = "told"
          return '{"jsonrpc":"2.0","id":' .. f.wallet.relay.rpc.last_id
            .. ',"error":{"code":-32602,"message":"Bundle 0x00 does not exist"}}'
        elseif method == "wallet_sendPreparedCalls" and lost == "told" then
          lost = "over"
          return '{"jsonrpc":"2.0","id":' .. f.wallet.relay.rpc.last_id
            .. ',"error":{"code":-32602,"message":"quote expired"}}'
        end
      end
      local receipt, err
      if who == "session" then
        receipt, err = f.session:send { f.counter:increment() }
      else
        receipt, err = f.account:execute({ f.counter:increment() }, f.admin)
      end
      assert.equal("over", lost)
      assert.is_truthy(receipt, tostring(err))
      assert.equal(tostring(count + 1), tostring(assert(f.counter:count())))
    end)
  end

  it("a grant whose answer was lost can still be made void", function()
    local f = flow.session(net, { grant = false })
    local stolen = flow.copy_key(f.session.key)
    on("wallet_sendPreparedCalls", function() return { http_status = 502, body = "bad gateway" } end)
    assert.is_nil((f.session:grant(f.approver)))
    hook = nil
    assert.equal("pending", f.session:status())
    assert.is_table(assert(f.session:revoke(f.approver)))
    f.session.key, f.session.state = stolen, "pending"
    assert.is_nil((f.session:send { f.counter:increment() }))
  end)

  it("a full disk does not keep a key from being revoked", function()
    local f = flow.session(net)
    assert(f.session:send { f.counter:increment() })
    f.wallet.store.put = function() return nil, require("rise.errors").new("store", "no space") end
    local receipt = assert(f.session:revoke(f.approver))
    assert.equal("store", receipt.store_error.code)
    assert.equal(1, #assert(f.account:keys()))
  end)

  it("a receipt that was made up is no success where there is a node to ask", function()
    local f = flow.session(net)
    local log = { address = f.wallet.orchestrator, data = "0x" .. ("0"):rep(63) .. "1" .. ("0"):rep(64) }
    before = function(method, params) -- the relay keeps the bundle, and says that it landed
      local id = '{"jsonrpc":"2.0","id":' .. f.wallet.relay.rpc.last_id
      if method == "wallet_sendPreparedCalls" and params[1].context.quote then
        local quote = params[1].context.quote
        log.topics = { require("rise.contracts").INTENT_EXECUTED, "0x" .. ("0"):rep(24) .. f.player:sub(3),
          core.hex(core.u256(quote.quotes[1].intent.nonce):bytes()) }
        return id .. ',"result":{"id":"' .. quote.hash .. '"}}'
      elseif method == "wallet_getCallsStatus" then
        return id .. ',"result":' .. json.encode { id = params[1], status = 200, receipts = { {
          transactionHash = "0x" .. ("ab"):rep(32), blockNumber = "0x1", status = "0x1", logs = { log } } } } .. "}"
      end
    end
    rise.loop.now_ = function() return core.monotonic() * 20 end -- the node is asked for ten seconds: they pass quickly
    local receipt, err = f.session:send { f.counter:increment() }
    rise.loop.now_ = core.monotonic
    assert.is_nil(receipt)
    assert.equal("node", err.code, err.message)
    assert.is_string(err.id)
  end)

  it("a hole or a misspelt member does not shrink a batch", function()
    local f = flow.session(net)
    local call = f.counter:increment()
    local wrong = { { call, nil, call }, { nil, call }, { { to = call.to, vaule = 1 } }, { call, x = call }, {} }
    for _, calls in ipairs(wrong) do
      assert.has_error(function() f.session:send(calls) end)
    end
  end)

  it("an account without an administrator is not made", function()
    local wallet = flow.connect(net)
    assert.has_error(function() wallet:create_account { admin = {} } end)
    assert.has_error(function() wallet:create_account { admin = "0x" .. ("ab"):rep(32) } end)
  end)

  it("a private key given as text is not repeated in the message", function()
    local wallet = flow.connect(net)
    local secret = "0x" .. ("5ec2e7"):rep(10) .. "abcd"
    for _, call in ipairs {
      function() wallet:create_account { admin = secret } end,
      function() wallet:new_session { account = flow.SHOP, expires = "1h", permissions = {}, key = secret } end,
      function() rise.approve.admin(secret) end,
      function() wallet:balance(secret) end,
    } do
      local ok, message = pcall(call)
      assert.is_false(ok)
      assert.is_nil(tostring(message):find("5ec2e7", 1, true))
    end
  end)

  it("a damaged record of a session is refused by name", function()
    local f = flow.session(net)
    local good = f.wallet.store:get(f.session.id)
    local damages = { account = "0x12", chain_id = 1, state = "odd", public_key = "0x00", expiry = "soon",
      permissions = 7, pre_calls = { { nonce = "x" } }, secret = "0x12" }
    for member, value in pairs(damages) do
      local record = {}
      for name, kept in pairs(good) do record[name] = kept end
      record[member] = value
      assert(f.wallet.store:put(record))
      local session, err = f.wallet:load_session(good.id)
      assert.is_nil(session)
      assert.equal("store", err.code, member)
      assert.matches(member == "public_key" and "public_key" or member, err.message)
    end
  end)

  it("a store of plaintext keys does not hand them out in its lists", function()
    local path = os.tmpname()
    os.remove(path)
    local wallet = flow.connect(net, { store = assert(rise.store.file { path = path, keys = "plaintext" }) })
    flow.session(net, { wallet = wallet })
    assert.is_nil(wallet:sessions()[1].secret)
    assert.is_nil(assert(rise.store.file { path = path }):list()[1].secret)
    os.remove(path)
  end)
end)
