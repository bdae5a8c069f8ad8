--- The local chain: anvil as a child process.
-- @classmod rise.devnet.Anvil

local errors = require "rise.errors"

local Anvil = {}
Anvil.__index = Anvil

-- Ten accounts are the well-known ones people play with; the relay sends from the ten behind them, so that the
-- nonces of the first stay what a test expects.
Anvil.ACCOUNTS = 20

-- A megabyte of calldata in one bundle fits.
local GAS_LIMIT = 200000000

local START_SECONDS = 20
local DRAIN_SECONDS = 0.05
local KEPT = 4096 -- bytes of output kept for a message

local function arguments(options)
  local list = { options.path }
  local function add(name, value)
    list[#list + 1] = name
    list[#list + 1] = type(value) == "number" and string.format("%.14g", value) or value
  end
  add("--host", options.host)
  add("--port", options.port)
  add("--chain-id", options.chain_id)
  add("--accounts", Anvil.ACCOUNTS)
  add("--gas-limit", GAS_LIMIT)
  add("--color", "never")
  if options.state then add("--state", options.state) end
  if options.block_time then add("--block-time", options.block_time) end
  list.stdout, list.stderr = "pipe", "pipe" -- one and the same
  return list
end

-- Takes what anvil wrote, so that its pipe never fills up; the end of it serves as an explanation if it stops.
local function drain(anvil)
  while true do
    local text = anvil.process:read()
    if not text or text == "" then return end
    anvil.output = (anvil.output .. text):sub(-KEPT)
  end
end

local function ended(anvil, code)
  local said = anvil.output:match("Error: ([^\n]*)")
  if not said and type(code) == "number" and code > 128 then said = "a signal (" .. code - 128 .. ") ended it" end
  said = said or anvil.output:match("([^\n]+)%s*$") or "no reason given"
  local hint
  if said:find("in use") then
    hint = "another program listens on port " .. anvil.wanted_port .. ": stop it, or choose another --anvil-port"
  end
  return errors.fail("io", string.format("anvil ended (exit code %s): %s", tostring(code), said), { hint = hint })
end

-- anvil says where it listens, which is also how a port of 0 gets its number.
local function wait_until_ready(anvil, loop)
  local deadline = loop:now() + START_SECONDS
  while true do
    drain(anvil)
    local port = anvil.output:match("Listening on [%d.]+:(%d+)") or anvil.output:match("Listening on %S+:(%d+)")
    if port then
      anvil.port = tonumber(port)
      return true
    end
    local code = anvil.process:wait(0)
    if code then
      drain(anvil)
      return ended(anvil, code)
    end
    if loop:now() > deadline then
      return errors.fail("timeout", "anvil did not come up within " .. START_SECONDS .. " s",
        { hint = "the machine may be very busy; see whether " .. anvil.path .. " starts by itself" })
    end
    local slept, err = loop:sleep(0.005)
    if not slept then return nil, err end
  end
end

--- Starts anvil and waits until it listens.
-- @tparam table options `loop`, `path`, `host`, `port` (0: any), `chain_id`, and optionally `state` (a file to load and
-- to write on exit) and `block_time` (seconds; default: a block for each transaction at once)
-- @treturn[1] Anvil with `url` and `port`
-- @treturn[2] nil
-- @treturn[2] table io, timeout
function Anvil.start(options)
  local host = require "rise.host"
  local process, err = host.spawn(arguments(options))
  if not process then return nil, err end
  local anvil = setmetatable({
    process = process, output = "", path = options.path, wanted_port = options.port, loop = options.loop,
    keeps_state = options.state ~= nil,
  }, Anvil)
  local ok
  ok, err = wait_until_ready(anvil, options.loop)
  if not ok then
    process:close()
    return nil, err
  end
  anvil.url = string.format("http://%s:%d", options.host, anvil.port)
  -- The loop turns for every request; a pipe holds what anvil writes in far more time than this.
  local due = 0
  anvil.source = { timeout = function() return DRAIN_SECONDS end, step = function()
    local now = options.loop:now()
    if now < due then return end
    due = now + DRAIN_SECONDS
    drain(anvil)
  end }
  options.loop:add_source(anvil.source)
  return anvil
end

--- Whether it runs.
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table io, with what it said last
function Anvil:alive()
  local code = self.process:wait(0)
  if not code then return true end
  drain(self)
  return ended(self, code)
end

function Anvil:pid()
  return self.process:pid()
end

--- Ends it, leaving it the time to write its state.
function Anvil:stop()
  if self.stopped then return end
  self.stopped = true
  self.loop:remove_source(self.source)
  self.process:kill("INT")
  self.process:wait(self.keeps_state and 30 or 3)
  self.process:close()
end

return Anvil
