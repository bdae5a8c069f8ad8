--- The loop: waiting for answers and for time, in a script and in a game alike.
--
-- The same call blocks in a script and yields in a task. A script just calls; a game starts its work with
-- @{Loop:spawn} and calls `loop:step(0)` once a frame, which never waits. This is the only file that yields or
-- resumes. Whether a call runs in a task is told by `loop.current`, not by `coroutine.running()`: hosts have
-- coroutines of their own.
--
-- Never call what may wait inside `pcall`, a metamethod or an iterator: plain Lua 5.1 cannot yield there.
-- @classmod rise.Loop

local check = require "rise.check"
local compat = require "rise.compat"
local core = require "rise.core"
local errors = require "rise.errors"

local Loop = {}
Loop.__index = Loop
Loop.__name = "rise.loop"

local unpack = compat.unpack

local Task = {}
Task.__index = Task
Task.__name = "rise.task"


local function pack(...)
  return { n = select("#", ...), ... }
end

--- A new loop.
-- @tparam[opt] table options as for @{Loop:use}
-- @treturn Loop
function Loop.new(options)
  local loop = setmetatable({
    now_ = core.monotonic,
    current = nil,    -- the task that runs now
    ready = {},       -- tasks to resume, in order
    alive = 0,        -- tasks that have not ended
    requests = {},    -- transport id -> operation
    timers = {},      -- binary heap of operations by `due`
    sources = {},
  }, Loop)
  return loop:use(options)
end

local OPTIONS = { transport = "userdata|table", clock = "callable", on_error = "callable" }

--- What the host of this loop brings of its own. To be called before anything runs.
--
-- A transport has the methods `submit(request)`, which gives an id or `nil, err` (`request`: see @{Loop:fetch});
-- `step(seconds, fd)`, which moves bytes and waits for an answer, at most so long, with 0 not at all (`fd`, when not
-- -1, is a descriptor whose becoming readable ends the wait too; only servers need that); `next()`, which takes what
-- is finished: `id, { status =, body = }` or `id, nil, err`, and nil when there is nothing; and `cancel(id)`. The codes
-- of its errors are `network`, `timeout` and `limit`; `err.sent` is false when no byte can have reached the peer. It
-- calls back nobody.
-- @tparam[opt] table options `transport`: what moves bytes (default: libcurl, started at the first request);
-- `clock`: a function giving steady seconds; `on_error(task, err)`: told of a task that failed with nobody waiting
-- for it (default: a line on standard error)
-- @treturn Loop itself
function Loop:use(options)
  options = check.options(options, OPTIONS, "loop:use")
  if options.transport and next(self.requests) then error("loop:use: requests are under way", 2) end
  self.transport = options.transport or self.transport
  self.now_ = options.clock or self.now_
  self.on_error = options.on_error or self.on_error
  return self
end

--- Steady seconds, as this loop counts them.
function Loop:now()
  return self.now_()
end

-- An operation is something awaited: { done = bool, results = packed, waiters = tasks, cancel = function }.

local function finish(loop, op, ...)
  if op.done then return end
  op.done = true
  op.results = pack(...)
  for _, task in ipairs(op.waiters or {}) do
    if task.awaits == op then loop.ready[#loop.ready + 1] = task end
  end
  op.waiters = nil
end

local function await(loop, op)
  local task = loop.current
  if not task then
    while not op.done do loop:step(1) end
  elseif not op.done then
    if task.canceled then
      if op.cancel then op.cancel() end
      return errors.fail("canceled", "the task was canceled")
    end
    op.waiters = op.waiters or {}
    op.waiters[#op.waiters + 1] = task
    task.awaits = op
    coroutine.yield(op)
    if not op.done then -- woken by cancel
      if op.cancel then op.cancel() end
      return errors.fail("canceled", "the task was canceled")
    end
  end
  return unpack(op.results, 1, op.results.n)
end

-- The heap of timers.

local function push_timer(heap, op)
  local i = #heap + 1
  while i > 1 do
    local parent = (i - i % 2) / 2
    if heap[parent].due <= op.due then break end
    heap[i] = heap[parent]
    i = parent
  end
  heap[i] = op
end

local function pop_timer(heap)
  local top, last = heap[1], heap[#heap]
  heap[#heap] = nil
  local size = #heap
  if size == 0 then return top end
  local i = 1
  while true do
    local child = 2 * i
    if child > size then break end
    if child < size and heap[child + 1].due < heap[child].due then child = child + 1 end
    if last.due <= heap[child].due then break end
    heap[i] = heap[child]
    i = child
  end
  heap[i] = last
  return top
end

local function next_due(loop)
  local heap = loop.timers
  while heap[1] and heap[1].done do pop_timer(heap) end
  return heap[1] and heap[1].due
end

local function transport_of(loop)
  if not loop.transport then
    loop.transport = errors.assert(require("rise.net").transport())
  end
  return loop.transport
end

--- Exchanges one HTTP request. Blocks in a script, yields in a task.
-- @tparam table request `url`, and optionally `method`, `body`, `content_type`, `timeout` (seconds, default 30),
-- `max_reply` (bytes), `repeatable` (may be sent again when a kept connection died over it)
-- @treturn[1] table `status` (HTTP) and `body`
-- @treturn[2] nil
-- @treturn[2] table network, timeout or limit; `err.sent` is false when no byte can have reached the peer
function Loop:fetch(request)
  local transport = transport_of(self)
  local id, err = transport:submit(request)
  if not id then return nil, err end
  local op = { done = false }
  function op.cancel()
    self.requests[id] = nil
    transport:cancel(id)
  end
  self.requests[id] = op
  return await(self, op)
end

--- Waits for some seconds.
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table canceled
function Loop:sleep(seconds)
  local op = { done = false, due = self:now() + seconds }
  function op.cancel() op.done = true end
  push_timer(self.timers, op)
  return await(self, op)
end

--- Starts a task. It first runs in the next step.
-- @tparam function fn called with the further arguments
-- @treturn Task
function Loop:spawn(fn, ...)
  check.type(fn, "function", "loop:spawn")
  local task = setmetatable({
    loop = self,
    thread = coroutine.create(function(...) return fn(...) end), -- Lua 5.1 takes no C function
    args = pack(...),
    op = { done = false },
    done = false,
    canceled = false,
  }, Task)
  self.alive = self.alive + 1
  self.ready[#self.ready + 1] = task
  return task
end

local function end_task(loop, task, ...)
  task.done = true
  for mutex in pairs(task.locks or {}) do mutex:release() end
  loop.alive = loop.alive - 1
  finish(loop, task.op, ...)
end

local function resume(loop, task)
  if task.done then return end
  local args = task.args or { n = 0 }
  task.args = nil
  task.awaits = nil
  local previous = loop.current
  loop.current = task
  local results = pack(coroutine.resume(task.thread, unpack(args, 1, args.n)))
  loop.current = previous
  if not results[1] then
    local message = results[2]
    local err = errors.new("task", "a task failed: " .. tostring(message),
      { cause = message, traceback = debug.traceback(task.thread, tostring(message)) })
    task.err = err
    local awaited = task.op.watched
    end_task(loop, task, nil, err)
    if not awaited then
      if loop.on_error then
        loop.on_error(task, err)
      else
        io.stderr:write("rise: ", err.traceback, "\n")
      end
    end
  elseif coroutine.status(task.thread) == "dead" then
    end_task(loop, task, unpack(results, 2, results.n))
  elseif results[2] == nil then
    loop.ready[#loop.ready + 1] = task -- a bare coroutine.yield(): run again in the next step
  end
end

--- Waits for a task and gives what its function returned.
-- @treturn[1] ... the results
-- @treturn[2] nil
-- @treturn[2] table task, when it raised; canceled
function Task:wait()
  if self.loop.current == self then error("a task cannot wait for itself", 2) end
  self.op.watched = true
  return await(self.loop, self.op)
end

--- Ends a task at its present wait: what it waits for returns nil and a `canceled` error, and so does every
-- later wait, so that its own code winds up.
function Task:cancel()
  if self.done or self.canceled then return end
  self.canceled = true
  if self.awaits and not self.awaits.done then
    self.awaits = nil
    self.loop.ready[#self.loop.ready + 1] = self
  end
end

local Mutex = {}
Mutex.__index = Mutex

--- A lock that tasks take turns with: `lock:acquire()` waits, `lock:release()` hands it on in order. A holder that
-- ends by a Lua error does not take the lock with it: what a task still holds is released when it ends, and a script
-- that comes again while "it" still holds the lock has left it by an error before.
function Loop:mutex()
  return setmetatable({ loop = self, holder = nil, queue = {} }, Mutex)
end

local function take(mutex, holder)
  mutex.holder = holder
  if type(holder) == "table" then
    holder.locks = holder.locks or {}
    holder.locks[mutex] = true
  end
end

--- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table canceled
function Mutex:acquire()
  local me = self.loop.current or "the script"
  if self.holder == nil or self.holder == me then
    take(self, me)
    return true
  end
  local op = { done = false, holder = me }
  function op.cancel() op.done = true end
  self.queue[#self.queue + 1] = op
  return await(self.loop, op)
end

function Mutex:release()
  local holder = self.holder
  if type(holder) == "table" then holder.locks[self] = nil end
  self.holder = nil
  while self.queue[1] do
    local op = table.remove(self.queue, 1)
    if not op.done then
      take(self, op.holder)
      return finish(self.loop, op, true)
    end
  end
end

local Semaphore = {}
Semaphore.__index = Semaphore

--- A number of places that tasks share: `places:acquire()` waits for one, `places:release()` hands it on in order. A
-- task has one at most, and what it still has when it ends is released.
-- @tparam number places
function Loop:semaphore(places)
  return setmetatable({ loop = self, free = places, queue = {}, first = 1, waiting = 0 }, Semaphore)
end

local function occupy(semaphore, task)
  if not task then return end
  task.locks = task.locks or {}
  task.locks[semaphore] = true
end

--- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table canceled
function Semaphore:acquire()
  if self.free > 0 then
    self.free = self.free - 1
    occupy(self, self.loop.current)
    return true
  end
  local op = { done = false, holder = self.loop.current }
  function op.cancel() op.done = true end
  self.queue[self.first + self.waiting] = op
  self.waiting = self.waiting + 1
  return await(self.loop, op)
end

function Semaphore:release()
  local current = self.loop.current
  if current and current.locks then current.locks[self] = nil end
  while self.waiting > 0 do
    local op = self.queue[self.first]
    self.queue[self.first] = nil
    self.first, self.waiting = self.first + 1, self.waiting - 1
    if not op.done then
      occupy(self, op.holder)
      return finish(self.loop, op, true)
    end
  end
  self.free = self.free + 1
end

local Event = {}
Event.__index = Event

--- Something that happens once: `event:wait(seconds)` waits for it, `event:fire()` lets all who wait go on.
function Loop:event()
  return setmetatable({ loop = self, fired = false, ops = {} }, Event)
end

--- @tparam[opt] number seconds at most
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table timeout, canceled
function Event:wait(seconds)
  if self.fired then return true end
  local op = { done = false }
  function op.cancel() op.done = true end
  if seconds then
    op.due = self.loop:now() + seconds
    push_timer(self.loop.timers, op)
  end
  self.ops[#self.ops + 1] = op
  local ok, err = await(self.loop, op)
  if not ok then return nil, err end
  if not self.fired then return errors.fail("timeout", string.format("nothing happened within %g s", seconds)) end
  return true
end

function Event:fire()
  self.fired = true
  local ops = self.ops
  self.ops = {}
  for _, op in ipairs(ops) do finish(self.loop, op, true) end
end

--- Adds something else to serve in each step: an object with the functions `step()`, and optionally `fd()`
-- (readable when there is work; nil for none at present) and `timeout()` (seconds until it wants a step, or nil).
function Loop:add_source(source)
  self.sources[#self.sources + 1] = source
end

function Loop:remove_source(source)
  for i = #self.sources, 1, -1 do
    if self.sources[i] == source then table.remove(self.sources, i) end
  end
end

local function run_ready(loop)
  local batch = loop.ready
  if batch[1] == nil then return end
  loop.ready = {}
  for i = 1, #batch do resume(loop, batch[i]) end
end

-- How long a step may wait: until the next timer or the next wish of a source.
local function patience(loop, seconds)
  if loop.ready[1] ~= nil then return 0 end
  local due = next_due(loop)
  if due then seconds = math.min(seconds, due - loop:now()) end
  for _, source in ipairs(loop.sources) do
    local wish = source.timeout and source.timeout()
    if wish then seconds = math.min(seconds, wish) end
  end
  return math.max(seconds, 0)
end

-- The descriptors of the sources from the i-th on.
local function descriptors(loop, i)
  local source = loop.sources[i]
  if not source then return end
  local fd = source.fd and source.fd()
  if fd then return fd, descriptors(loop, i + 1) end
  return descriptors(loop, i + 1)
end

--- One turn: runs tasks that can go on, moves bytes, fires timers. Waits at most `seconds` for something to
-- happen; `step(0)` never waits.
-- @tparam[opt=0] number seconds
-- @treturn boolean whether tasks are left
function Loop:step(seconds)
  if self.current then error("step: called from within a task", 2) end
  run_ready(self)
  local wait = patience(self, seconds or 0)
  local transport = self.transport or (wait > 0 and transport_of(self))
  if transport then
    transport:step(wait, descriptors(self, 1))
    while true do
      local id, reply, err = transport:next()
      if not id then break end
      local op = self.requests[id]
      self.requests[id] = nil
      if op then finish(self, op, reply, err) end
    end
  end
  for _, source in ipairs(self.sources) do source.step() end
  local now = self:now()
  while true do
    local due = next_due(self)
    if not due or due > now then break end
    finish(self, pop_timer(self.timers), true)
  end
  run_ready(self)
  return self.alive > 0
end

--- Steps until no task is left.
function Loop:run()
  while self:step(1) do end -- luacheck: ignore 542
end

return Loop
