--- Carries out what @{rise.devnet.faults} decides: stands between the server and its methods.
-- @classmod rise.devnet.Injector

local core = require "rise.core"
local faults = require "rise.devnet.faults"
local spoil = require "rise.devnet.spoil"

local Injector = {}
Injector.__index = Injector

local TURN = 0.005 -- seconds between looks whether a request has been overtaken
local PLAIN = { ["Content-Type"] = "text/plain" }

--- Has no faults until it is told some.
-- @tparam table options `loop`; `log`; `restart`, the function that gives the relay another key
-- @treturn Injector
function Injector.new(options)
  return setmetatable({
    loop = options.loop, log = options.log, restart = options.restart, plan = nil, arrived = 0, waiting = nil,
  }, Injector)
end

--- Has these faults from now on. Without a seed one is drawn; it is logged, so that the run can be repeated.
-- @tparam table list of @{rise.devnet.faults.parse}
function Injector:use(list)
  self.plan = nil
  if #list == 0 then return end
  local seed = list.seed or core.u256_from_bytes(assert(core.random(6))):number()
  self.plan = faults.plan(list, seed, self.loop:now())
  local texts = {}
  for i, fault in ipairs(list) do texts[i] = fault.text end
  self.log(string.format("faults: %s,seed=%.0f", table.concat(texts, ","), seed))
end

-- One request and what strikes it.
local function tell(call, fault, detail)
  local side = fault.side and "-" .. fault.side or ""
  call.injector.log("fault: " .. fault.name .. side .. " of " .. call.method .. (detail and ": " .. detail or ""))
end

local function each(call, name, side)
  local list = {}
  for _, fault in ipairs(call.due) do
    if fault.name == name and fault.side == side then list[#list + 1] = fault end
  end
  return ipairs(list)
end

local function restart(call)
  for _, fault in each(call, "restart") do
    call.injector.restart()
    tell(call, fault)
  end
end

local function delay(call, side)
  for _, fault in each(call, "delay", side) do
    tell(call, fault, string.format("%.3f s", fault.value))
    call.injector.loop:sleep(fault.value)
  end
end

-- Waits until a request that came later has been served. Others may not wait as well meanwhile: they are what this
-- one waits for.
local function reorder(call)
  local injector, loop = call.injector, call.injector.loop
  for _, fault in each(call, "reorder") do
    if injector.waiting then return end
    injector.waiting = call
    local deadline = loop:now() + fault.value
    while not call.overtaken and loop:now() < deadline and loop:sleep(TURN) do end -- luacheck: ignore 542
    injector.waiting = nil
    if call.overtaken then tell(call, fault) end
  end
end

-- What takes the place of an answer, if anything does.
local function ending(call, side)
  for _, fault in ipairs(call.due) do
    if fault.side == side and fault.name ~= "delay" then
      if fault.name ~= "status" then
        tell(call, fault)
        return fault.name
      end
      tell(call, fault, "HTTP " .. fault.value)
      return { http_status = fault.value, headers = PLAIN, body = "HTTP " .. fault.value .. ", on purpose\n" }
    end
  end
end

local function handled(call, handle)
  local options = {}
  for _, fault in each(call, "stuck") do
    options.hold = fault.value or true
    tell(call, fault, fault.value and string.format("%.3f s", fault.value) or "for good")
  end
  local answer = handle(options)
  for _, fault in each(call, "dup") do
    tell(call, fault)
    handle(options)
  end
  local waiting = call.injector.waiting
  if waiting and waiting.number < call.number then waiting.overtaken = true end
  return answer
end

local function alter(call, fault, text, detail)
  if not text then return nil end
  tell(call, fault, detail)
  return text
end

local function spoiled(call, text)
  for _, fault in each(call, "tamper") do
    text = alter(call, fault, spoil.tamper(text, fault.value, fault.picks[1], fault.picks[2])) or text
  end
  for _, fault in each(call, "wrong-status") do
    text = alter(call, fault, spoil.status(text, fault.value, fault.picks[1])) or text
  end
  for _, fault in each(call, "garbage") do
    text = alter(call, fault, spoil.garbage(fault.bytes, fault.picks[1]))
  end
  for _, fault in each(call, "truncate") do
    text = alter(call, fault, spoil.truncate(text, fault.picks[1]))
  end
  return text
end

--- The server's hook `around`, see @{rise.devnet.Server}.
-- @tparam string method
-- @tparam function handle does what was asked
-- @return the answer, or what takes its place
function Injector:around(method, handle)
  if not self.plan then return handle() end
  self.arrived = self.arrived + 1
  local call = { injector = self, method = method, number = self.arrived,
    due = self.plan:decide(method, self.loop:now()) }
  restart(call)
  delay(call, "before")
  reorder(call)
  local answer = ending(call, "before")
  if answer then return answer end
  answer = handled(call, handle)
  if type(answer) == "string" and answer ~= "drop" and answer ~= "hang" then answer = spoiled(call, answer) end
  delay(call, "after")
  return ending(call, "after") or answer
end

return Injector
