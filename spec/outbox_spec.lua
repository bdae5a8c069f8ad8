-- The queue against a devnet: order, gathering, failing actions, lanes, limits.
local errors = require "rise.errors"
local rise = require "rise"
local flow = require "support.flow"

describe("outbox #devnet", function()
  local net, before, after
  setup(function()
    net = flow.start {
      before = function(method, params) return before and before(method, params) end,
      intercept = function(method, params, text) return after and after(method, params, text) end,
    }
  end)
  teardown(function() net:stop() end)
  before_each(function() before, after = nil, nil end)

  local function both(name, fn) flow.both(it, name, fn) end

  local f, increment, count
  local function start(options)
    f = flow.session(net, options)
    increment = f.counter:increment()
    count = assert(f.counter:count())
    if not (options and options.fresh) then
      assert(f.session:send { f.stk:mint(f.player, rise.ether "10") })
    end
  end

  local function counted() return (assert(f.counter:count()) - count):number() end

  -- The labels of what landed, in the order of the journal, and how many bundles that were.
  local function journal()
    local labels, bundles = {}, 0
    for _, entry in ipairs(f.wallet.store:bundles { session = f.session.id }) do
      if entry.state == "done" then
        for _, action in ipairs(entry.actions) do labels[#labels + 1] = action.label end
        if entry.actions[1].label then bundles = bundles + 1 end
      end
    end
    return labels, bundles
  end

  local function numbers(from, to, except)
    local list = {}
    for i = from, to do
      if not (except and except[i]) then list[#list + 1] = i end
    end
    return list
  end

  -- What waits for the relay at every moment that a bundle is sent.
  local function watch_unfinished()
    local seen = { most = 0, pending = 0 }
    before = function(method)
      if method ~= "wallet_sendPreparedCalls" then return nil end
      local unfinished = #f.wallet.store:bundles { unfinished = true }
      seen.most = math.max(seen.most, unfinished)
      if f.session.state == "pending" then seen.pending = math.max(seen.pending, unfinished) end
    end
    return seen
  end

  it("brings 10,000 actions to the chain in order, in far fewer bundles, one at a time", function()
    start()
    local seen = watch_unfinished()
    local handles = {}
    for i = 1, 10000 do handles[i] = assert(f.session:act { increment, label = i }) end
    for i = 1, 10000 do assert(handles[i]:wait()) end
    assert.equal(10000, counted())
    local labels, bundles = journal()
    assert.same(numbers(1, 10000), labels)
    assert.is_true(bundles * 20 <= 10000, bundles .. " bundles")
    assert.equal(1, seen.most)
    assert.equal(0, f.session:outbox().count)
    assert.is_true(f.session:outbox():drain())
  end)

  both("gives the bundle's receipt to each of its actions", function()
    start()
    local a, b = assert(f.session:act { increment }), assert(f.session:act(increment))
    assert.equal("queued", a.status)
    local receipt = assert(a:wait())
    assert.matches("^0x%x+$", receipt.transaction_hash)
    assert.equal(receipt, assert(b:wait()))
    assert.equal("done", b.status)
    assert.equal(receipt, b.receipt)
    assert.equal(2, counted())
  end)

  it("works on in a task while others wait", function()
    start()
    local tasks = {}
    for i = 1, 5 do
      tasks[i] = rise.spawn(function() return assert(f.session:act { increment }):wait() end)
    end
    rise.run()
    for i = 1, 5 do assert(tasks[i]:wait()) end
    assert.equal(5, counted())
  end)

  both("reports the actions that fail alone, and sends the others in order", function()
    start()
    local bad = { [5] = true, [6] = true, [13] = true, [20] = true }
    local handles = {}
    for i = 1, 20 do
      local call = bad[i] and f.stk:transfer(flow.SHOP, rise.ether "50") or increment
      handles[i] = assert(f.session:act { call, label = i })
    end
    for i = 1, 20 do
      local receipt, err = handles[i]:wait()
      if bad[i] then
        assert.is_nil(receipt)
        assert.equal("reverted", err.code)
        assert.matches("InsufficientBalance", err.message)
        assert.equal("failed", handles[i].status)
      else
        assert(receipt, err)
      end
    end
    assert.equal(16, counted())
    assert.same(numbers(1, 20, bad), (journal()))
  end)

  both("judges an action by what those before it have done", function()
    start()
    local shop = assert(f.stk:balanceOf(flow.SHOP))
    local handles = {}
    for i = 1, 4 do handles[i] = assert(f.session:act { f.stk:transfer(flow.SHOP, rise.ether "4"), label = i }) end
    handles[5] = assert(f.session:act { f.stk:transfer(flow.SHOP, rise.ether "2"), label = 5 })
    assert(handles[1]:wait())
    assert(handles[2]:wait())
    assert.equal("reverted", select(2, handles[3]:wait()).code)
    assert.equal("reverted", select(2, handles[4]:wait()).code)
    assert(handles[5]:wait())
    assert.equal("10", rise.format_ether(assert(f.stk:balanceOf(flow.SHOP)) - shop))
  end)

  it("comes to an end when all actions fail", function()
    start()
    local handles = {}
    for i = 1, 30 do handles[i] = assert(f.session:act { f.stk:transfer(flow.SHOP, rise.ether "50") }) end
    for i = 1, 30 do assert.equal("reverted", select(2, handles[i]:wait()).code) end
  end)

  it("tries each action alone when a gathered bundle reverts on chain", function()
    start()
    local execute = f.session.execute
    f.session.execute = function(session, action)
      f.session.execute = execute
      local receipt = assert(execute(session, { calls = { f.stk:mint(f.player, 1) }, timeout = action.timeout }))
      return errors.fail("reverted", "reverted on chain", { state = "reverted", incremented = true, id = receipt.id })
    end
    local handles = {}
    for i = 1, 3 do handles[i] = assert(f.session:act { increment }) end
    local receipts = {}
    for i = 1, 3 do receipts[i] = assert(handles[i]:wait()).id end
    assert.equal(3, counted())
    assert.is_true(receipts[1] ~= receipts[2] and receipts[2] ~= receipts[3])

    f.session.execute = function()
      f.session.execute = execute
      return errors.fail("reverted", "reverted on chain", { state = "reverted" })
    end
    assert.equal("reverted", select(2, assert(f.session:act { increment }):wait()).code)
    assert.equal(3, counted())
  end)

  it("keeps an action alone that wants to be", function()
    start()
    local handles = {}
    for i = 1, 7 do handles[i] = assert(f.session:act { increment, label = i, alone = i == 4 }) end
    local ids = {}
    for i = 1, 7 do ids[i] = assert(handles[i]:wait()).id end
    assert.is_true(ids[1] == ids[3] and ids[3] ~= ids[4] and ids[4] ~= ids[5] and ids[5] == ids[7])
    assert.same(numbers(1, 7), (journal()))
  end)

  it("gathers nothing when told so, and no more than its limits", function()
    start()
    f.session:outbox { coalesce = false }
    for i = 1, 4 do assert(f.session:act { increment, label = i }) end
    assert(f.session:outbox():drain())
    assert.equal(4, select(2, journal()))
    f.session:outbox { coalesce = true, max_calls = 3 }
    for i = 5, 10 do assert(f.session:act { increment, label = i }) end
    assert(f.session:outbox():drain())
    assert.equal(6, select(2, journal()))
    f.session:outbox { max_calls = 250, max_bytes = 2 * 170 }
    for i = 11, 14 do assert(f.session:act { increment, label = i }) end
    assert(f.session:outbox():drain())
    assert.equal(8, select(2, journal()))
    assert.same(numbers(1, 14), (journal()))
    assert.equal(14, counted())
  end)

  both("runs lanes side by side, each in order, within what the relay's queue takes", function()
    start()
    local seen = watch_unfinished()
    f.session:outbox { max_calls = 2 }
    for i = 1, 8 do
      for lane = 1, 5 do assert(f.session:act { increment, label = 100 * lane + i, lane = "lane " .. lane }) end
    end
    assert(f.session:outbox():drain())
    assert.equal(40, counted())
    assert.equal(2, seen.most)
    local next_of = {}
    for _, label in ipairs((journal())) do
      local lane = math.floor(label / 100)
      next_of[lane] = (next_of[lane] or 0) + 1
      assert.equal(100 * lane + next_of[lane], label)
    end
    local sequences, used = 0, {}
    for _, entry in ipairs(f.wallet.store:bundles()) do
      local sequence = entry.session and entry.nonce:sub(1, 50)
      if sequence and not used[sequence] then used[sequence], sequences = true, sequences + 1 end
    end
    assert.equal(2, sequences) -- used again, not one for each lane
  end)

  both("sends the first bundle after a grant alone", function()
    start { fresh = true }
    assert.equal("pending", f.session:status())
    local seen = watch_unfinished()
    for i = 1, 9 do assert(f.session:act { increment, lane = "lane " .. i % 3 }) end
    assert(f.session:outbox():drain())
    assert.equal(1, seen.pending)
    assert.equal(9, counted())
    assert.equal("active", f.session:status())
  end)

  it("takes turns with send", function()
    start()
    local handles = { assert(f.session:act { increment }), assert(f.session:act { increment }) }
    local task = rise.spawn(function() return f.session:send { increment } end)
    assert(handles[1]:wait())
    assert(task:wait())
    assert(assert(f.session:act { increment }):wait())
    assert.equal(4, counted())
  end)

  both("is bounded: queue_full, and room again later", function()
    start()
    f.session:outbox { max_queued = 3 }
    local handle
    for _ = 1, 3 do handle = assert(f.session:act { increment }) end
    local more, err = f.session:act { increment }
    assert.is_nil(more)
    assert.equal("queue_full", err.code)
    assert.is_true(err.retryable)
    assert(handle:wait())
    assert(assert(f.session:act { increment }):wait())
    assert.equal(4, counted())
  end)

  it("refuses at once what was never granted, and what is wrong", function()
    start()
    assert.equal("not_allowed", select(2, f.session:act { f.stk:approve(flow.SHOP, 1) }).code)
    assert.has_error(function() f.session:act { increment, lame = "x" } end)
    assert.has_error(function() f.session:act {} end)
    assert.has_error(function() f.session:outbox { max_calls = 0 } end)
    assert.has_error(function() f.session:outbox { unknown = 1 } end)
  end)

  it("waits only as long as told", function()
    start()
    local handle = assert(f.session:act { increment })
    assert.equal("timeout", select(2, handle:wait(0)).code)
    assert(handle:wait())
  end)

  both("fails what waits when the session is revoked", function()
    start()
    f.session:outbox { max_calls = 1 }
    local handles = {}
    for i = 1, 5 do handles[i] = assert(f.session:act { increment }) end
    assert(handles[1]:wait())
    assert(f.session:revoke(f.approver))
    assert.equal("revoked", select(2, handles[5]:wait()).code)
    assert.is_true(f.session:outbox():drain())
    assert.is_true(counted() < 5)
    assert.equal("revoked", select(2, f.session:act { increment }).code)
  end)

  both("loses nothing and does nothing twice when answers are lost, late or doubled", function()
    start()
    f.wallet.timeout = 0.4
    f.session:outbox { max_calls = 4 }
    local turn = 0
    after = function(method)
      turn = turn + 1
      if turn % 7 == 0 then return "drop" end
      if turn % 5 == 0 then rise.sleep(0.1) end
      if turn % 3 == 0 and method == "wallet_getCallsStatus" then return { http_status = 502, body = "bad gateway" } end
    end
    before = function(method, params)
      turn = turn + 1
      if turn % 6 == 0 then return "drop" end
      if turn % 4 == 0 and method == "wallet_sendPreparedCalls" then
        net.relay:methods().wallet_sendPreparedCalls(params)
      end
    end
    local handles = {}
    for i = 1, 60 do handles[i] = assert(f.session:act { increment, label = i }) end
    for i = 1, 60 do assert(handles[i]:wait()) end
    before, after, f.wallet.timeout = nil, nil, 30
    assert.equal(60, counted())
    assert.same(numbers(1, 60), (journal()))
  end)
end)
