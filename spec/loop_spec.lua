local Loop = require "rise.loop"
local fake_transport = require "support.fake_transport"

-- A clock that moves only when told, or by the given step at each look.
local function clock(tick)
  local now = 0
  return function()
    now = now + (tick or 0)
    return now
  end, function(seconds) now = now + seconds end
end

local function loop_with(handlers, tick)
  local now, advance = clock(tick)
  return Loop.new { transport = fake_transport.new(handlers), clock = now, on_error = function() end }, advance
end

local function echo(request) return request.url end

-- The same flow, once as a script and once as a task.
for _, driver in ipairs { "blocking", "in a task" } do
  describe("loop, " .. driver, function()
    local function run(loop, fn)
      if driver == "blocking" then return fn() end
      local task = loop:spawn(fn)
      loop:run()
      return task:wait()
    end

    it("gives the reply of a request", function()
      local loop = loop_with { echo }
      local reply = run(loop, function() return loop:fetch { url = "one" } end)
      assert.same({ status = 200, body = "one" }, reply)
    end)

    it("gives the error of a request", function()
      local loop = loop_with { function() return { err = "timeout" } end }
      local reply, err = run(loop, function() return loop:fetch { url = "one" } end)
      assert.is_nil(reply)
      assert.equal("timeout", err.code)
    end)

    it("keeps the order of a flow written straight down", function()
      local loop = loop_with(echo)
      local seen = run(loop, function()
        local list = {}
        for _, url in ipairs { "a", "b", "c" } do list[#list + 1] = loop:fetch({ url = url }).body end
        return list
      end)
      assert.same({ "a", "b", "c" }, seen)
    end)

    it("sleeps until its clock says so", function()
      local loop = loop_with({}, 0.25)
      assert.is_true(run(loop, function() return loop:sleep(1) end))
      assert.is_true(loop:now() >= 1)
    end)
  end)
end

describe("loop", function()
  it("runs many tasks at a time, each getting its own reply", function()
    local loop = loop_with(function(request) return { body = request.url, delay = 10 - tonumber(request.url) } end)
    local tasks = {}
    for i = 1, 9 do tasks[i] = loop:spawn(function() return loop:fetch({ url = tostring(i) }).body end) end
    loop:run()
    for i = 1, 9 do assert.equal(tostring(i), (tasks[i]:wait())) end
  end)

  it("fires timers in the order they are due", function()
    local loop, advance = loop_with {}
    local fired = {}
    for _, seconds in ipairs { 5, 1, 4, 2, 3 } do
      loop:spawn(function()
        loop:sleep(seconds)
        fired[#fired + 1] = seconds
      end)
    end
    loop:step(0)
    for _ = 1, 6 do
      advance(1)
      loop:step(0)
    end
    assert.same({ 1, 2, 3, 4, 5 }, fired)
  end)

  it("tells the owner of a task that raised, and goes on with the others", function()
    local loop = loop_with(echo)
    local bad = loop:spawn(function() error("boom", 0) end)
    local good = loop:spawn(function() return loop:fetch({ url = "ok" }).body end)
    loop:run()
    local result, err = bad:wait()
    assert.is_nil(result)
    assert.equal("task", err.code)
    assert.equal("boom", err.cause)
    assert.equal("ok", (good:wait()))
  end)

  it("hands an unobserved failure to on_error, and an observed one to its owner alone", function()
    local seen = {}
    local loop = Loop.new {
      transport = fake_transport.new {},
      on_error = function(_, err) seen[#seen + 1] = err.cause end,
    }
    loop:spawn(error, "nobody waits", 0)
    local child = loop:spawn(function()
      loop:sleep(0)
      error("somebody waits", 0)
    end)
    local owner = loop:spawn(function() return select(2, child:wait()).cause end)
    loop:run()
    assert.equal("somebody waits", (owner:wait()))
    assert.same({ "nobody waits" }, seen)
  end)

  it("cancels a task at its wait and forgets the request", function()
    local transport = fake_transport.new { function() return { body = "late", delay = 1000 } end }
    local loop = Loop.new { transport = transport }
    local task = loop:spawn(function() return loop:fetch { url = "slow" } end)
    loop:step(0)
    task:cancel()
    loop:run()
    local reply, err = task:wait()
    assert.is_nil(reply)
    assert.equal("canceled", err.code)
    assert.is_true(transport.canceled[1])
  end)

  it("lets every later wait of a canceled task fail too, so that it winds up", function()
    local loop = loop_with {}
    local waits = {}
    local task = loop:spawn(function()
      for i = 1, 3 do waits[i] = select(2, loop:sleep(1000)).code end
    end)
    loop:step(0)
    task:cancel()
    loop:run()
    assert.same({ "canceled", "canceled", "canceled" }, waits)
    assert.is_true(task.done)
  end)

  it("serves several waiters of one task", function()
    local loop = loop_with(echo)
    local task = loop:spawn(function() return loop:fetch({ url = "x" }).body end)
    local first = loop:spawn(function() return (task:wait()) end)
    local second = loop:spawn(function() return (task:wait()) end)
    loop:run()
    assert.equal("x", (first:wait()))
    assert.equal("x", (second:wait()))
  end)

  it("lets a bare yield of the host's own code go on in the next step", function()
    local loop = loop_with {}
    local turns = 0
    loop:spawn(function()
      while turns < 3 do
        turns = turns + 1
        coroutine.yield()
      end
    end)
    loop:run()
    assert.equal(3, turns)
  end)

  it("blocks inside a coroutine that is not its own", function()
    local loop = loop_with(echo)
    local co = coroutine.wrap(function() return loop:fetch({ url = "host" }).body end)
    assert.equal("host", co())
  end)

  it("takes turns at a mutex in order", function()
    local loop = loop_with {}
    local lock, order = loop:mutex(), {}
    for i = 1, 4 do
      loop:spawn(function()
        lock:acquire()
        order[#order + 1] = i
        loop:sleep(0)
        order[#order + 1] = i
        lock:release()
      end)
    end
    loop:run()
    assert.same({ 1, 1, 2, 2, 3, 3, 4, 4 }, order)
  end)

  it("passes a mutex over a waiter that was canceled", function()
    local loop = loop_with {}
    local lock, got = loop:mutex(), {}
    lock:acquire()
    local first = loop:spawn(function() got[1] = lock:acquire() or false end)
    loop:spawn(function() got[2] = lock:acquire() end)
    loop:step(0)
    first:cancel()
    loop:step(0)
    lock:release()
    loop:run()
    assert.same({ false, true }, got)
  end)

  it("lets so many at a time have a place, in order", function()
    local loop = loop_with {}
    local places, now, most, order = loop:semaphore(2), 0, 0, {}
    for i = 1, 5 do
      loop:spawn(function()
        places:acquire()
        now = now + 1
        most = math.max(most, now)
        order[#order + 1] = i
        loop:sleep(0)
        now = now - 1
        places:release()
      end)
    end
    loop:run()
    assert.equal(2, most)
    assert.same({ 1, 2, 3, 4, 5 }, order)
    assert.is_true(places:acquire() and places:acquire())
  end)

  it("takes a place back from a task that ends with it", function()
    local loop = loop_with {}
    loop.on_error = function() end
    local places, got = loop:semaphore(1), nil
    loop:spawn(function()
      places:acquire()
      loop:sleep(0)
      error("boom")
    end)
    loop:spawn(function()
      got = places:acquire()
      places:release()
    end)
    loop:run()
    assert.is_true(got)
    assert.is_true(places:acquire())
  end)

  it("passes a place over a waiter that was canceled", function()
    local loop = loop_with {}
    local places, got = loop:semaphore(1), {}
    places:acquire()
    local first = loop:spawn(function() got[1] = places:acquire() or false end)
    loop:spawn(function() got[2] = places:acquire() end)
    loop:step(0)
    first:cancel()
    loop:step(0)
    places:release()
    loop:run()
    assert.same({ false, true }, got)
  end)

  it("lets all who wait for an event go on, or only so long", function()
    local loop = loop_with {}
    local event, got = loop:event(), {}
    for i = 1, 2 do loop:spawn(function() got[i] = event:wait() end) end
    local canceled = loop:spawn(function() return event:wait() end)
    loop:step(0)
    canceled:cancel()
    assert.equal("canceled", select(2, canceled:wait()).code)
    assert.equal("timeout", select(2, event:wait(0)).code)
    event:fire()
    loop:run()
    assert.same({ true, true }, got)
    assert.is_true(event:wait())
    event:fire()
  end)

  it("refuses to be stepped from within a task", function()
    local loop = loop_with {}
    local task = loop:spawn(function() loop:step(0) end)
    loop:run()
    assert.matches("within a task", select(2, task:wait()).cause)
  end)

  it("serves sources in each step", function()
    local loop = loop_with {}
    local served = 0
    local source = { step = function() served = served + 1 end }
    loop:add_source(source)
    loop:step(0)
    loop:remove_source(source)
    loop:step(0)
    assert.equal(1, served)
  end)

  it("waits for the descriptors of all sources", function()
    local waited
    local loop = Loop.new { transport = {
      step = function(_, _, ...) waited = { ... } end, next = function() return nil end,
    } }
    for _, fd in ipairs { 7, false, 9 } do
      loop:add_source { step = function() end, fd = function() return fd or nil end }
    end
    loop:add_source { step = function() end }
    loop:step(0)
    assert.same({ 7, 9 }, waited)
  end)
end)
