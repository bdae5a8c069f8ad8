--- A session's queue: actions go out in order, and while one bundle is in flight the next actions gather into one.
--
-- Each lane is a queue of its own with a nonce sequence of its own; within a lane order is kept, and one bundle at a
-- time is in flight, since the next is simulated against what the chain has now. Lanes run side by side as far as the
-- relay's queue allows.
--
-- A gathered bundle is atomic. When the simulation refuses it, the first action that fails is found by halving, what
-- stands before it goes out, it is judged again alone and reported, and the rest follows. When it reverts on chain
-- after all, nothing of it happened, and its actions are tried again, each alone.
-- @classmod rise.Outbox

local check = require "rise.check"
local core = require "rise.core"
local errors = require "rise.errors"
local recovery = require "rise.recovery"

local Outbox = {}
Outbox.__index = Outbox
Outbox.__name = "rise.outbox"

local Handle = {}
Handle.__index = Handle
Handle.__name = "rise.action"

local DEFAULTS = {
  max_queued = 20000,   -- actions, those in flight among them
  max_calls = 250,      -- of a gathered bundle
  max_bytes = 131072,   -- of a gathered bundle's calls
  max_gas = 12000000,   -- of a gathered bundle, as far as the ones before let it be foreseen
  patience = 120,       -- seconds until an action fails for which the relay cannot be had
  timeout = 90,         -- seconds until a bundle's status is asked for in other ways
  coalesce = true,
}

local CALL_BYTES = 160      -- what the encoding adds to a call's data
local FIRST_GAS = 45000     -- assumed of a call before any has been measured
local RETRIES = 3           -- of a bundle that was never mined
local FIRST_PAUSE, LAST_PAUSE = 0.1, 5

-- Codes that say the same of every action there is, unless they are retryable.
local SESSION_OVER = { revoked = true, expired = true, not_granted = true, unknown_account = true,
  relay_tampered = true, store = true, canceled = true }
-- Codes that say nothing about the calls: the same bundle may go through later.
local TROUBLE = { network = true, timeout = true, quote_expired = true, nonce = true, pending = true }

-- ---- handles ---------------------------------------------------------------------------------------------------

--- Waits for the end of an action.
-- @tparam[opt] number seconds at most; the action goes on when they are over
-- @treturn[1] table the receipt of the bundle it was in
-- @treturn[2] nil
-- @treturn[2] table why it failed; timeout, canceled
function Handle:wait(seconds)
  if self.status == "queued" or self.status == "sending" then
    self.event = self.event or self.loop:event()
    local ok, err = self.event:wait(seconds)
    if not ok then return nil, err end
  end
  return self.receipt, self.err
end

local function finish(outbox, action, status, receipt, err)
  if not action.calls then return end -- has come to its end before
  action.status, action.receipt, action.err = status, receipt, err
  action.calls = nil
  outbox.count = outbox.count - 1
  if action.event then
    action.event:fire()
    action.event = nil
  end
  if outbox.count == 0 and outbox.drained then
    outbox.drained:fire()
    outbox.drained = nil
  end
end

local function finish_all(outbox, group, status, receipt, err)
  for _, action in ipairs(group) do finish(outbox, action, status, receipt, err) end
end

-- ---- lanes -----------------------------------------------------------------------------------------------------

local function put_back(lane, group, from)
  for i = #group, from or 1, -1 do
    lane.first = lane.first - 1
    lane.queue[lane.first] = group[i]
    group[i].status = "queued"
  end
end

local function pop(lane)
  local action = lane.queue[lane.first]
  lane.queue[lane.first] = nil
  lane.first = lane.first + 1
  action.status = "sending"
  return action
end

local function is_empty(lane)
  return lane.first > lane.last
end

-- Takes from the queue what goes out as one bundle.
local function gather(outbox, lane)
  local options = outbox.options
  local group = { pop(lane) }
  local calls, bytes = #group[1].calls, group[1].bytes
  if not options.coalesce or group[1].alone then return group end
  local most = math.min(lane.window, options.max_calls, math.floor(options.max_gas / outbox.gas_per_call))
  while not is_empty(lane) do
    local action = lane.queue[lane.first]
    calls, bytes = calls + #action.calls, bytes + action.bytes
    if action.alone or calls > most or bytes > options.max_bytes then break end
    group[#group + 1] = pop(lane)
  end
  return group
end

local function calls_of(group, count)
  local calls, actions = {}, {}
  for i = 1, count or #group do
    for _, call in ipairs(group[i].calls) do calls[#calls + 1] = call end
    actions[i] = { calls = #group[i].calls, label = group[i].label }
  end
  return calls, actions
end

-- ---- one bundle ------------------------------------------------------------------------------------------------

local function random()
  return core.random(1):byte() / 255
end

-- What a bundle needed tells how many calls the next may have.
local function learn_gas(outbox, receipt, calls)
  if not receipt.gas_used then return end
  local measured = receipt.gas_used / calls
  -- A single call carries the whole cost of a bundle: it says little about many.
  if calls >= 8 or measured < outbox.gas_per_call then
    outbox.gas_per_call = math.max(1, calls >= 8 and measured * 1.25 or measured)
  end
end

-- The relay has a bundle, or may have it, and its end is not known: looks for it as long as there is patience.
local function find_out(outbox, err)
  local session = outbox.session
  local wallet, id = session.wallet, err.written or err.id
  local deadline = wallet.loop:now() + outbox.options.patience
  local pause = FIRST_PAUSE
  while wallet.loop:now() < deadline do
    local entry, claim_err = wallet.store:claim(id)
    if entry == nil then return nil, claim_err end
    if entry then
      local receipt, settle_err = recovery.settle(wallet, entry, math.min(deadline - wallet.loop:now(), 30))
      if receipt or settle_err.state then return receipt, settle_err end
      err = settle_err
    else -- somebody else settles it, or has
      local known = wallet.store:bundle(id)
      if known and known.outcome then return recovery.recall(wallet, known) end
    end
    local slept, canceled = wallet.loop:sleep(pause)
    if not slept then return nil, canceled end
    pause = math.min(pause * 2, LAST_PAUSE)
  end
  return nil, err
end

local function execute(outbox, group)
  local calls, actions = calls_of(group)
  local receipt, err = outbox.session:execute {
    calls = calls, actions = actions, timeout = outbox.options.timeout,
  }
  if not receipt and err.id and not err.state and err.code ~= "canceled" then
    receipt, err = find_out(outbox, err)
  end
  if receipt then
    learn_gas(outbox, receipt, #calls)
    outbox.bundles = outbox.bundles + 1
  end
  return receipt, err
end

local function sleep(outbox, seconds)
  return outbox.session.wallet.loop:sleep(seconds)
end

-- Whether an error says nothing about the calls.
local function is_trouble(err)
  return TROUBLE[err.code] or ((err.code == "relay" or err.code == "store") and err.retryable)
end

local function is_over(err)
  return SESSION_OVER[err.code] and not err.retryable
end

-- The length of the shortest beginning of a group that does not go through. `nil, err` when it cannot be found out
-- now.
local function first_failing(outbox, group)
  local fine, failing = 0, #group
  while failing - fine > 1 do
    local middle = math.floor((fine + failing) / 2)
    local ok, reason = outbox.session:simulate((calls_of(group, middle)))
    if ok then
      fine = middle
    elseif is_trouble(reason) or is_over(reason) then
      return nil, reason
    else
      failing = middle
    end
  end
  return failing
end

local function end_session(outbox, group, err)
  finish_all(outbox, group, "failed", nil, err)
  for _, lane in pairs(outbox.lanes) do
    while not is_empty(lane) do finish(outbox, pop(lane), "failed", nil, err) end
  end
end

local deliver

-- One of the group fails in the simulation: what stands before it goes out, the rest waits its turn.
local function isolate(outbox, lane, group)
  lane.window = math.max(1, math.floor(#group / 2))
  local failing, reason = first_failing(outbox, group)
  if not failing then
    put_back(lane, group)
    if is_over(reason) then return end_session(outbox, {}, reason) end
    sleep(outbox, FIRST_PAUSE)
    return
  end
  group[failing].alone = true -- whether it was at fault, or the bundle too much for a limit, shows when it goes alone
  put_back(lane, group, failing)
  for i = #group, failing, -1 do group[i] = nil end
  if #group > 0 then deliver(outbox, lane, group) end
end

-- Brings a group to its end. True when all of it landed.
function deliver(outbox, lane, group)
  local loop = outbox.session.wallet.loop
  local started, pause, retries = loop:now(), FIRST_PAUSE, 0
  while true do
    local receipt, err = execute(outbox, group)
    if receipt then
      lane.window = math.min(lane.window * 2, outbox.options.max_calls)
      finish_all(outbox, group, "done", receipt)
      return true
    end
    local alone = #group == 1
    if is_over(err) then
      end_session(outbox, group, err)
      return false
    elseif err.state == "unknown" or (err.id and not err.state) then
      finish_all(outbox, group, "unknown", nil, err)
      return false
    elseif err.state == "reverted" then
      if alone then
        finish(outbox, group[1], "failed", nil, err)
      else
        for _, action in ipairs(group) do action.alone = true end
        put_back(lane, group)
      end
      return false
    elseif err.code == "failed" and retries < RETRIES then
      retries = retries + 1 -- never mined: the next takes the same nonce, so that only one of them can land
    elseif is_trouble(err) and loop:now() - started < outbox.options.patience then
      retries = 0
    elseif alone or is_trouble(err) then
      finish_all(outbox, group, "failed", nil, err)
      return false
    else
      isolate(outbox, lane, group)
      return false
    end
    local slept, canceled = sleep(outbox, pause * (0.5 + random()))
    if not slept then
      end_session(outbox, group, canceled)
      return false
    end
    pause = math.min(pause * 2, LAST_PAUSE)
  end
end

-- Works off a lane.
local function run(outbox, lane)
  local session = outbox.session
  while not is_empty(lane) do
    if lane.lock then assert(lane.lock:acquire()) end
    local place = assert(session:enter())
    if not is_empty(lane) then
      lane.group = gather(outbox, lane)
      deliver(outbox, lane, lane.group)
      lane.group = nil
    end
    session:leave(place)
    if lane.lock then lane.lock:release() end
  end
  outbox.lanes[lane.name] = nil -- before anything waits: what is queued next makes a new one
end

local function start(outbox, lane)
  local loop = outbox.session.wallet.loop
  outbox.lanes[lane.name] = lane
  local task = loop:spawn(run, outbox, lane)
  loop:spawn(function()
    local _, err = task:wait()
    if not err then return end
    outbox.broken = err -- a fault of ours: nobody may wait for ever
    end_session(outbox, lane.group or {}, err)
  end)
end

-- ---- the face --------------------------------------------------------------------------------------------------

local OPTIONS = { max_queued = "number", max_calls = "number", max_bytes = "number", max_gas = "number",
  patience = "number", timeout = "number", coalesce = "boolean" }

--- Made by @{rise.Session:outbox}.
function Outbox.new(session)
  local options = {}
  for name, value in pairs(DEFAULTS) do options[name] = value end
  return setmetatable({
    session = session, options = options, lanes = {}, count = 0, bundles = 0, gas_per_call = FIRST_GAS,
  }, Outbox)
end

--- Changes its limits: `max_queued` actions (20000), `max_calls` (250), `max_bytes` (128 KiB) and `max_gas` (12
-- million) of a gathered bundle, `coalesce = false` to send each action as a bundle of its own, `patience` with a relay
-- that cannot be had (120 s), `timeout` until a bundle is looked for in other ways than its status (90 s).
function Outbox:configure(options)
  check.options(options, OPTIONS, "session:outbox", 3)
  for name, value in pairs(options) do
    if type(value) == "number" and value <= 0 then error("session:outbox: " .. name .. " must be positive", 3) end
    self.options[name] = value
  end
end

-- Whether one more action may be queued.
function Outbox:has_room()
  if self.broken then return nil, self.broken end
  if self.count < self.options.max_queued then return true end
  return errors.fail("queue_full", "the session has " .. self.count .. " actions waiting")
end

--- Queues an action. Its calls have been checked.
-- @tparam table calls
-- @tparam table options `lane`, `alone`, `label`
-- @treturn[1] Handle
-- @treturn[2] nil
-- @treturn[2] table queue_full
function Outbox:add(calls, options)
  local room, err = self:has_room()
  if not room then return nil, err end
  local bytes = 0
  for _, call in ipairs(calls) do bytes = bytes + CALL_BYTES + #call.data / 2 end
  local session = self.session
  local action = setmetatable({
    loop = session.wallet.loop, status = "queued", calls = calls, bytes = bytes, label = options.label,
    alone = options.alone or nil,
  }, Handle)
  local name = options.lane or "main"
  local lane = self.lanes[name]
  if not lane then
    -- What `session:send` sends takes turns with the main lane.
    lane = { name = name, queue = {}, first = 1, last = 0, window = self.options.max_calls,
      lock = name == "main" and session.lock or nil }
    start(self, lane)
  end
  lane.last = lane.last + 1
  lane.queue[lane.last] = action
  self.count = self.count + 1
  return action
end

--- Waits until nothing is queued or in flight.
-- @tparam[opt] number seconds at most
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table timeout, canceled
function Outbox:drain(seconds)
  if self.count == 0 then return true end
  self.drained = self.drained or self.session.wallet.loop:event()
  return self.drained:wait(seconds)
end

return Outbox
