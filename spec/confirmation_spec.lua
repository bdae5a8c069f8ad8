-- Who tells that a bundle has landed: the relay and the chain are asked side by side, and who knows first is enough.
local Chain = require "rise.chain"
local Loop = require "rise.loop"
local Rpc = require "rise.rpc"
local contracts = require "rise.contracts"
local core = require "rise.core"
local fake_transport = require "support.fake_transport"
local json = require "rise.json"
local landing = require "rise.landing"
local rise = require "rise"
local flow = require "support.flow"

local ORCHESTRATOR = "0x" .. ("0c"):rep(20)
local ACCOUNT = "0x" .. ("ac"):rep(20)

describe("rise.landing", function()
  -- A wallet whose node answers eth_getLogs with these events, `{ incremented, hash }` each, and knows their receipts.
  local function wallet_with(events)
    local logs = json.array {}
    for i, event in ipairs(events) do
      logs[i] = { address = ORCHESTRATOR, transactionHash = event.hash,
        topics = { contracts.INTENT_EXECUTED, "0x" .. ("0"):rep(24) .. ACCOUNT:sub(3), "0x" .. ("0"):rep(63) .. "7" },
        data = "0x" .. ("0"):rep(63) .. (event.incremented and "1" or "0")
          .. (event.incremented and "" or "fbcb0b34") .. ("0"):rep(event.incremented and 64 or 56) }
    end
    local function answer(request)
      local asked = assert(json.decode(request.body))
      local result = asked.method == "eth_getLogs" and logs or { logs = logs, transactionHash = asked.params[1] }
      return json.encode { jsonrpc = "2.0", id = asked.id, result = result }
    end
    local loop = Loop.new { transport = fake_transport.new(answer) }
    return { orchestrator = ORCHESTRATOR, chain = Chain.new { rpc = Rpc.new { loop = loop, url = "http://node" } } }
  end

  local BUNDLE = { account = ACCOUNT, nonce = core.u256(7) }

  it("takes the event with which the nonce was used up", function()
    local wallet = wallet_with { { incremented = true, hash = "0x" .. ("11"):rep(32) } }
    local status = assert(landing.find(wallet, BUNDLE, 0))
    assert.equal(200, status.status)
    assert.equal("0x" .. ("11"):rep(32), status.receipts[1].transactionHash)
  end)

  it("does not take an earlier attempt, which left the nonce free, for the end of a bundle", function()
    assert.is_false(landing.find(wallet_with { { incremented = false, hash = "0x" .. ("11"):rep(32) } }, BUNDLE, 0))
    local status = assert(landing.find(wallet_with {
      { incremented = false, hash = "0x" .. ("11"):rep(32) }, { incremented = true, hash = "0x" .. ("22"):rep(32) },
    }, BUNDLE, 0))
    assert.equal("0x" .. ("22"):rep(32), status.receipts[1].transactionHash)
  end)

  it("finds nothing where there is nothing", function()
    assert.is_false(landing.find(wallet_with {}, BUNDLE, 0))
  end)
end)

describe("confirmation #devnet", function()
  local net, before, after
  setup(function()
    net = flow.start {
      before = function(method, params) return before and before(method, params) end,
      intercept = function(method, params, text) return after and after(method, params, text) end,
    }
  end)
  teardown(function() net:stop() end)
  before_each(function() before, after = nil, nil end)
  after_each(function() rise.loop.now_ = core.monotonic end)

  local function status_answers(status)
    after = function(method, params, text)
      if method ~= "wallet_getCallsStatus" then return nil end
      return '{"jsonrpc":"2.0","id":' .. text:match('"id":(%d+)') .. ',"result":'
        .. json.encode { id = params[1], status = status, receipts = json.array {} } .. "}"
    end
  end

  local function sent(f)
    local count = assert(f.counter:count())
    local receipt, err = f.session:send({ f.counter:increment() }, { timeout = 20 })
    assert(receipt, tostring(err))
    assert.equal(200, receipt.status)
    assert.equal(tostring(count + 1), tostring(assert(f.counter:count())))
    assert.is_true(#receipt.logs > 0)
    return receipt
  end

  it("does not need a relay that says pending for ever", function()
    local f = flow.session(net)
    status_answers(100)
    for _ = 1, 4 do assert.equal("chain", sent(f).source) end
    assert.equal("active", f.session:status())
  end)

  for _, way in ipairs { "hang", "drop" } do
    it("does not need a relay that does not answer (" .. way .. ")", function()
      local f = flow.session(net)
      before = function(method) return method == "wallet_getCallsStatus" and way or nil end
      assert.equal("chain", sent(f).source)
    end)
  end

  it("does not need a relay that has forgotten the bundle", function()
    local f = flow.session(net)
    after = function(method, params, text)
      if method ~= "wallet_getCallsStatus" then return nil end
      return '{"jsonrpc":"2.0","id":' .. text:match('"id":(%d+)') .. ',"error":{"code":-32602,"message":"Bundle '
        .. params[1] .. ' does not exist"}}'
    end
    assert.equal("chain", sent(f).source)
  end)

  it("does not need a node that is gone", function()
    local f = flow.session(net)
    sent(f)
    local count, url = assert(f.counter:count()), f.wallet.chain.rpc.url
    f.wallet.chain.rpc.url = "http://127.0.0.1:1"
    local receipt = assert(f.session:send { f.counter:increment() })
    assert.equal("relay", receipt.source)
    f.wallet.chain.rpc.url = url
    assert.equal(tostring(count + 1), tostring(assert(f.counter:count())))
  end)

  it("does not need a node that hangs", function()
    local f = flow.session(net)
    local url = f.wallet.chain.rpc.url
    f.wallet.chain.rpc.url = net.ready.relay
    before = function(method) return method:find "^eth_" and "hang" or nil end
    local receipt = assert(f.session:send { f.counter:increment() })
    assert.equal("relay", receipt.source)
    f.wallet.chain.rpc.url = url
  end)

  it("asks the node for what the relay reports", function()
    local f = flow.session(net)
    f.wallet.chain.logs = function() return json.array {} end -- a node that is slow to index
    assert.equal("chain", sent(f).source)
  end)

  it("says how long each step took", function()
    local f = flow.session(net)
    local timing, sum = sent(f).timing, 0
    for _, step in ipairs { "prepare", "sign", "write", "send", "confirm" } do
      assert.is_true(timing[step] >= 0, step)
      sum = sum + timing[step]
    end
    assert.is_true(timing.total >= sum - 1e-6)
  end)

  it("learns from the bundles before", function()
    local f = flow.session(net)
    local expected = f.wallet.pace.expected
    sent(f)
    assert.not_equal(expected, f.wallet.pace.expected)
  end)

  it("leaves nothing running behind it", function()
    local f = flow.session(net, { wallet = flow.connect(net, { timeout = 3600 }) })
    before = function(method) return method == "wallet_getCallsStatus" and "hang" or nil end
    sent(f)
    local deadline = core.monotonic() + 60
    while rise.loop.alive > 0 and core.monotonic() < deadline do rise.step(0.05) end
    assert.equal(0, rise.loop.alive)
    assert.is_nil(next(f.wallet.trailing))
  end)

  it("never has more bundles at the relay than its queue takes, though the chain told of some before", function()
    local f = flow.session(net)
    rise.loop.now_ = function() return core.monotonic() / 100 end -- the patience with the relay does not run out
    f.wallet.pace.expected = 0.001
    status_answers(100)
    sent(f)
    sent(f)
    local prepared = false
    before = function(method) prepared = prepared or method == "wallet_prepareCalls" end
    local third = rise.spawn(function() return f.session:send { f.counter:increment() } end)
    for _ = 1, 50 do rise.step(0.01) end
    assert.is_false(prepared)
    after = nil
    assert(third:wait())
    assert.is_true(prepared)
  end)
end)
