-- Bundles whose end was not seen: what the journal says of them before, and what becomes of them after.
local core = require "rise.core"
local rise = require "rise"
local flow = require "support.flow"

local function number(value) return tostring(assert(value)) end

describe("recovery #devnet", function()
  local net, before, after
  setup(function()
    net = flow.start {
      quote_ttl = 2,
      before = function(method, params) return before and before(method, params) end,
      intercept = function(method, params, text) return after and after(method, params, text) end,
    }
  end)
  teardown(function() net:stop() end)
  before_each(function() before, after = nil, nil end)

  local function both(name, fn) flow.both(it, name, fn) end

  local f, count
  local function start(options)
    f = flow.session(net, options)
    assert(f.session:send(f.counter:increment()))
    count = assert(f.counter:count())
  end

  local function landed(expected) assert.equal(number(count + expected), number(f.counter:count())) end

  -- What a crash while sending leaves: a task that ends at its wait, with the request lost before the relay has it or
  -- the answer lost after.
  local function interrupted(lost)
    local task
    local function cut(method)
      if method ~= "wallet_sendPreparedCalls" then return nil end
      before, after = nil, nil
      task:cancel()
      return "drop"
    end
    if lost == "request" then before = cut else after = cut end
    task = rise.spawn(function() return f.session:send(f.counter:increment()) end)
    local receipt, err = task:wait()
    assert.is_nil(receipt)
    assert.equal("canceled", err.code)
    local entries = f.wallet.store:bundles { unfinished = true }
    assert.equal(1, #entries)
    assert.equal("sending", entries[1].state)
    return entries[1]
  end

  local function forget_bundles()
    after = function(method, params, text)
      if method ~= "wallet_getCallsStatus" then return nil end
      return '{"jsonrpc":"2.0","id":' .. text:match('"id":(%d+)') .. ',"error":{"code":-32602,"message":"Bundle '
        .. params[1] .. ' does not exist"}}'
    end
  end

  local function resumed(state)
    local reports = assert(f.wallet:resume { timeout = 10 })
    assert.equal(1, #reports)
    assert.equal(state, reports[1].state, tostring(reports[1].err))
    assert.equal(f.session.id, reports[1].session)
    assert.equal(0, #f.wallet.store:bundles { unfinished = true })
    assert.same({}, assert(f.wallet:resume()))
    return reports[1]
  end

  both("finds every bundle in the journal before it is sent", function()
    start()
    local seen
    before = function(method, params)
      if method ~= "wallet_sendPreparedCalls" then return nil end
      seen = f.wallet.store:bundle(params[1].context.quote.hash)
    end
    local receipt = assert(f.session:send(f.counter:increment()))
    assert.equal(receipt.id, seen.id)
    assert.equal("sending", seen.state)
    assert.equal(f.session.id, seen.session)
    assert.equal(f.player, seen.account)
    assert.equal(core.hex(receipt.nonce:bytes()), seen.nonce)
    assert.equal("0xd09de08a", seen.calls[1].data)
    local entry = f.wallet.store:bundle(receipt.id)
    assert.equal("done", entry.state)
    assert.equal(receipt.transaction_hash, entry.outcome.transaction_hash)
    assert.is_nil(entry.payload)
  end)

  it("sends nothing that cannot be written down", function()
    start()
    f.wallet.store.save = function() return nil, rise.errors.store and { code = "store", message = "full" } end
    local receipt, err = f.session:send(f.counter:increment())
    assert.is_nil(receipt)
    assert.equal("store", err.code)
    landed(0)
  end)

  both("sends again what the relay never got, the same payload, once", function()
    start()
    local entry = interrupted "request"
    local payloads = {}
    before = function(method, params)
      if method == "wallet_sendPreparedCalls" then payloads[#payloads + 1] = params[1] end
    end
    local report = resumed "done"
    assert.equal(1, #payloads)
    assert.equal(entry.id, payloads[1].context.quote.hash)
    assert.equal(entry.payload.signature, payloads[1].signature)
    assert.matches("^0x%x+$", report.receipt.transaction_hash)
    landed(1)
    assert(f.session:send(f.counter:increment()))
    landed(2)
  end)

  both("sends nothing again that the relay has", function()
    start()
    interrupted "answer"
    local sent = false
    before = function(method) sent = sent or method == "wallet_sendPreparedCalls" end
    resumed "done"
    assert.is_false(sent)
    landed(1)
    assert(f.session:send(f.counter:increment()))
    landed(2)
  end)

  it("gives up what the relay never got once the quote is over", function()
    start()
    interrupted "request"
    rise.sleep(3.1)
    local report = resumed "failed"
    assert.equal("failed", report.err.code)
    landed(0)
    assert(f.session:send(f.counter:increment()))
    landed(1)
  end)

  it("believes the chain when the relay has forgotten what landed", function()
    start()
    interrupted "answer"
    local deadline = rise.loop:now() + 5
    while tostring(assert(f.counter:count())) == tostring(count) and rise.loop:now() < deadline do rise.sleep(0.05) end
    rise.sleep(2.5) -- until the quote is over
    forget_bundles()
    local report = resumed "done"
    assert.matches("^0x%x+$", report.receipt.transaction_hash)
    assert.equal(200, report.receipt.status)
    landed(1)
  end)

  it("believes the chain when a bundle that reached the relay twice is called failed", function()
    start()
    before = function(method, params)
      if method ~= "wallet_sendPreparedCalls" then return nil end
      before = nil
      assert(net.relay:methods().wallet_sendPreparedCalls(params))
    end
    local receipt = assert(f.session:send(f.counter:increment()))
    assert.equal(200, receipt.status)
    landed(1)
  end)

  it("says so when nobody can tell", function()
    start()
    local entry = interrupted "request"
    assert(f.account:execute({ {
      to = f.player, value = 0, data = core.hex(assert(core.abi("function invalidateNonce(uint256 nonce)"):encode_call {
        entry.nonce })),
    } }, f.admin))
    rise.sleep(3.1)
    assert.equal("unknown_bundle", resumed("unknown").err.code)
    landed(0)
    assert(f.session:send(f.counter:increment()))
  end)

  it("reports what is still open when there is no time", function()
    start()
    interrupted "request"
    before = function() return "drop" end
    f.wallet.timeout = 0.2
    local reports = assert(f.wallet:resume { timeout = 0.1 })
    assert.equal("sending", reports[1].state)
    before, f.wallet.timeout = nil, 30
    resumed "done"
  end)

  both("waits on for a bundle whose answer was lost", function()
    start()
    after = function(method) return method ~= "wallet_prepareCalls" and "drop" or nil end
    f.wallet.timeout = 0.3
    local receipt, err = f.session:send(f.counter:increment())
    assert.is_nil(receipt)
    assert.equal("pending", err.code)
    after, f.wallet.timeout = nil, 30
    assert.equal(err.id, assert(f.session:wait(err)).id)
    assert.equal("done", f.wallet.store:bundle(err.id).state)
    landed(1)
  end)

  both("makes a session active whose first bundle landed unseen", function()
    f = flow.session(net)
    count = assert(f.counter:count())
    interrupted "answer"
    assert.equal("pending", f.wallet.store:get(f.session.id).state)
    resumed "done"
    assert.equal("active", f.wallet.store:get(f.session.id).state)
    landed(1)
  end)

  both("leaves to a living process what it works on", function()
    local folder = os.tmpname()
    os.remove(folder)
    local options = { path = folder .. "/rise.db", keys = "plaintext" }
    local mine = assert(rise.store.sqlite(options))
    start { wallet = flow.connect(net, { store = mine }) }
    local other = flow.connect(net, { store = assert(rise.store.sqlite(options)) })
    local reports
    after = function(method)
      if method ~= "wallet_sendPreparedCalls" then return nil end
      after = nil
      reports = assert(other:resume())
    end
    assert(f.session:send(f.counter:increment()))
    assert.same({}, reports)
    landed(1)

    interrupted "request"
    mine:close()
    reports = assert(other:resume { timeout = 10 })
    assert.equal("done", reports[1].state)
    landed(2)
    assert(assert(other:load_session(f.session.id)):send(f.counter:increment()))
    landed(3)
    other.store:close()
    os.execute("rm -rf '" .. folder .. "'")
  end)
end)
