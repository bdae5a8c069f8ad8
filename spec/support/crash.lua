-- Kills a program again and again while it sends, and counts what came of it: a devnet here, spec/crash/worker.lua in
-- a process of its own, a SQLite store between its lives.
local core = require "rise.core"
local lua = require "support.lua"
local rise = require "rise"
local Proxy = require "support.node_proxy"
local flow = require "support.flow"

local crash = {}

-- Where the worker dies: before something is done, and after.
crash.POINTS = {}
for _, step in ipairs { "prepare", "begin", "send", "mark", "status", "logs", "finish" } do
  crash.POINTS[#crash.POINTS + 1] = step
  crash.POINTS[#crash.POINTS + 1] = "after " .. step
end

-- The same for a worker in direct mode, which speaks to the node alone.
crash.DIRECT_POINTS = {}
for _, step in ipairs { "measure", "begin", "submit", "mark", "receipt", "finish" } do
  crash.DIRECT_POINTS[#crash.DIRECT_POINTS + 1] = step
  crash.DIRECT_POINTS[#crash.DIRECT_POINTS + 1] = "after " .. step
end

local Run = {}
Run.__index = Run

-- `faults`: the share of requests and answers that are lost, delayed or doubled each.
local function hooks_of(run, options)
  local share = options.faults or 0
  local function lot() return math.random() < share end
  return {
    before = function(method, params)
      if share == 0 or not run.faulty then return nil end
      if lot() then return "drop" end
      if lot() then rise.sleep(math.random() * 0.2) end
      if method == "wallet_sendPreparedCalls" and lot() then
        run.net.relay:methods().wallet_sendPreparedCalls(params)
      end
    end,
    intercept = function()
      if share > 0 and run.faulty and lot() then return "drop" end
    end,
  }
end

-- The hooks of a proxy before the node, for workers in direct mode.
local function proxy_of(run, options)
  local proxy = Proxy.start(run.net.ready.rpc)
  local share = options.faults or 0
  local function lot() return run.faulty and math.random() < share end
  proxy.before = function(method, params)
    if lot() then return "drop" end
    if lot() then rise.sleep(math.random() * 0.2) end
    if method == "eth_sendRawTransactionSync" and lot() then run.net.chain:send_raw(params[1]) end
  end
  proxy.after = function() return lot() and "drop" or nil end
  return proxy
end

--- Starts a devnet, and a session that the store keeps. With `direct` its workers go without the relay, by a gas key
-- of their own.
function crash.start(options)
  options = options or {}
  local run = setmetatable({ kills = 0, ends = 0, restarts = 0, goal = 0, timeout = options.faults and 0.5 or 10 }, Run)
  local hooks = hooks_of(run, options)
  run.net = flow.start { before = hooks.before, intercept = hooks.intercept, quote_ttl = options.quote_ttl }
  run.folder = os.tmpname()
  os.remove(run.folder)
  run.path = run.folder .. "/rise.db"
  local store = assert(rise.store.sqlite { path = run.path, keys = "plaintext" })
  local wallet = flow.connect(run.net, { store = store })
  if options.direct then
    local gas = assert(rise.key.generate "secp256k1")
    flow.fund(wallet, core.hex(gas:address()), rise.ether "1000")
    run.gas_secret = core.hex(gas:export())
    run.proxy = proxy_of(run, options)
    assert(wallet:direct { key = gas })
  end
  run.f = flow.session(run.net, { wallet = wallet })
  run.session = run.f.session.id
  store:close() -- from here on the workers alone have it
  return run
end

-- Runs a worker to its end, or kills it after some seconds. True when it came to its end.
function Run:work(point, nth, seconds)
  local host = require "rise.host"
  local ready = self.net.ready
  local rpc = self.proxy and self.proxy.ready or ready.rpc
  local arguments = { lua.program, "spec/crash/worker.lua", ready.relay, rpc, tostring(ready.chain_id), self.path,
    self.session, ready.contracts.counter, tostring(self.goal), tostring(self.timeout), point,
    nth and tostring(nth) or nil,
    env = { LUA_PATH = package.path, LUA_CPATH = package.cpath, RISE_GAS_KEY = self.gas_secret },
    stdout = "null", stderr = "pipe" }
  local process = assert(host.spawn(arguments))
  local talk, killed = {}, false
  local code
  local started = core.monotonic()
  while true do
    rise.step(0.005)
    local text = process:read()
    if text and text ~= "" then talk[#talk + 1] = text end
    if self.restarting and core.monotonic() - started >= self.restarting then
      self.restarting, self.restarts = nil, self.restarts + 1
      self.net.relay:restart() -- the quotes that are on their way are void
    end
    code = process:wait(0)
    if code then break end
    if seconds and not killed and core.monotonic() - started >= seconds then
      process:kill("KILL")
      killed = true
    end
    if core.monotonic() - started > 120 then
      process:kill("KILL")
      error("the worker does not come to an end: " .. table.concat(talk))
    end
  end
  process:close()
  if code == 128 + 9 then
    self.kills = self.kills + 1
    return false
  end
  if code ~= 0 then error("the worker ended with " .. code .. ": " .. table.concat(talk)) end
  self.ends = self.ends + 1
  return true
end

--- Lets several programs act by the session at a time.
-- @treturn table how many actions each of them had done
function Run:together(programs, actions)
  local host = require "rise.host"
  local ready, processes, done = self.net.ready, {}, {}
  for i = 1, programs do
    processes[i] = assert(host.spawn { lua.program, "spec/crash/sender.lua", ready.relay, ready.rpc,
      tostring(ready.chain_id), self.path, self.session, ready.contracts.counter, tostring(actions),
      env = { LUA_PATH = package.path, LUA_CPATH = package.cpath }, stdout = "pipe", stderr = "inherit" })
    done[i] = ""
  end
  local open = programs
  while open > 0 do
    rise.step(0.005)
    open = 0
    for i, process in ipairs(processes) do
      local text = process:read()
      if text then
        open = open + 1
        done[i] = done[i] .. text
      end
    end
  end
  for i, process in ipairs(processes) do
    process:close()
    done[i] = tonumber(done[i])
  end
  return done
end

--- Lets workers send some more actions and kills them: at a point, for the nth time, or at a random moment.
function Run:kill(point, nth)
  self.goal = self.goal + 4
  self.faulty = true
  if point then return self:work(point, nth) end
  return self:work(nil, nil, 0.02 + math.random() * 0.25)
end

--- Has the relay come back with another key for its quotes at some moment of the next work.
function Run:restart_relay()
  self.restarting = math.random() * 0.1
end

--- Lets a worker come to its end, and compares what the journal says with the chain.
-- @treturn table `goal`, `counted` on chain, `done`: the labels of what the journal says landed, in order; how many
-- `bundles` there are, and how many of them `unfinished`, `unknown` or `failed`
function Run:result()
  self.faulty = false
  while not self:work() do end -- luacheck: ignore 542
  local store = assert(rise.store.sqlite { path = self.path })
  local result = { goal = self.goal, counted = assert(self.f.counter:count()), done = {}, unfinished = 0, unknown = 0,
    failed = 0, bundles = 0 }
  if core.is_u256(result.counted) then result.counted = result.counted:number() end
  for _, entry in ipairs(store:bundles()) do
    result.bundles = result.bundles + 1
    if entry.state == "done" and entry.session then
      for _, action in ipairs(entry.actions) do result.done[#result.done + 1] = action.label end
    elseif entry.state == "sending" or entry.state == "accepted" then
      result.unfinished = result.unfinished + 1
    elseif entry.state == "unknown" then
      result.unknown = result.unknown + 1
    elseif entry.state == "failed" then
      result.failed = result.failed + 1
    end
  end
  store:close()
  return result
end

function Run:stop()
  if self.proxy then self.proxy:stop() end
  self.net:stop()
  os.execute("rm -rf '" .. self.folder .. "'")
end

return crash
