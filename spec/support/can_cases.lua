-- Random questions to a session key: grants, calls, times. The same seed asks the same questions.
local contracts = require "rise.contracts"
local core = require "rise.core"

local cases = {}

local Cases = {}
Cases.__index = Cases

local PERIODS = { "minute", "hour", "day", "week", "month", "year" }
local MAX = core.u256("0x" .. ("f"):rep(64))

--- @tparam number seed
-- @tparam table world addresses: `account`, `stk`, `low` and `high` (other tokens, on either side of it), `counter`,
-- `shop` (no contract), `holder` (who lets the account take tokens)
function cases.new(seed, world)
  return setmetatable({ state = core.keccak256("rise can " .. seed), world = world }, Cases)
end

-- Whole numbers from 1 to `n` out of a chain of hashes: not the host's own generator, which differs by Lua.
function Cases:pick(n)
  self.state = core.keccak256(self.state)
  return core.u256_from_bytes(self.state:sub(1, 6)):number() % n + 1
end

--- 32 bytes for the secret of a key.
function Cases:secret()
  self.state = core.keccak256(self.state)
  return core.keccak256("secret" .. self.state)
end

function Cases:one_of(list) return list[self:pick(#list)] end

function Cases:chance(percent) return self:pick(100) <= percent end

local function selector_of(signature)
  return core.hex(assert(core.abi("function " .. signature)):selector())
end

local FUNCTIONS = { "mint(address,uint256)", "transfer(address,uint256)", "transferFrom(address,address,uint256)",
  "approve(address,uint256)" }

local function encoded(signature, ...)
  return core.hex(assert(core.abi("function " .. signature):encode_call { ... }))
end

-- ---- grants ---------------------------------------------------------------------------------------------------

function Cases:call_rule()
  local w = self.world
  local kind = self:pick(12)
  if kind <= 5 then
    return { to = self:one_of { w.stk, w.stk, w.low, w.high }, signature = self:one_of(FUNCTIONS) }
  elseif kind == 6 then
    return { to = w.counter, signature = self:one_of { "increment()", "setNumber(uint256)" } }
  elseif kind == 7 then
    return { to = self:one_of { w.stk, w.counter, w.shop, w.low, contracts.PERMIT2 } } -- any function of it
  elseif kind == 8 then
    return { signature = self:one_of(FUNCTIONS) } -- of any contract
  elseif kind == 9 then
    return { to = self:one_of { w.shop, w.account, w.counter }, signature = contracts.EMPTY_CALLDATA_SELECTOR }
  elseif kind == 10 then
    return { signature = contracts.EMPTY_CALLDATA_SELECTOR }
  elseif kind == 11 then
    return { to = w.account, signature = self:one_of { "keyCount()", "label()", "ORCHESTRATOR()" } }
  end
  return { to = contracts.PERMIT2, signature = "approve(address,address,uint160,uint48)" }
end

function Cases:limit()
  return self:one_of { core.u256(0), core.u256(1), core.u256(100), core.u256(1000), core.u256("1000000000000000000"),
    MAX }
end

--- What `wallet:new_session` takes as permissions.
function Cases:permissions()
  local w = self.world
  local wanted = { calls = {}, spend = {} }
  local root = self:chance(4)
  if root then wanted.calls[1] = { to = contracts.ANY_TARGET, signature = contracts.ANY_SELECTOR } end
  for _ = 1, self:pick(7) do wanted.calls[#wanted.calls + 1] = self:call_rule() end
  local tokens = { contracts.NATIVE, contracts.NATIVE, w.stk, w.stk, w.low, w.high, w.shop }
  -- Every other one may do all there is with one token, and send what is its own: there the limits decide.
  if self:chance(50) then
    for i, signature in ipairs(FUNCTIONS) do wanted.calls[i] = { to = w.stk, signature = signature } end
    wanted.calls[#wanted.calls + 1] = { signature = contracts.EMPTY_CALLDATA_SELECTOR }
    tokens = { contracts.NATIVE, w.stk }
  end
  local seen = {}
  for _ = 1, self:pick(7) - 1 do
    local token = self:one_of(tokens)
    local period = self:one_of(PERIODS)
    if not seen[token .. period] then
      seen[token .. period] = true
      wanted.spend[#wanted.spend + 1] = { token = token, limit = self:limit(), period = period }
    end
  end
  return wanted
end

-- ---- calls ----------------------------------------------------------------------------------------------------

-- An amount that a limit makes interesting, or any.
function Cases:amount(token, grant, spent)
  local rules = {}
  for _, rule in ipairs(grant.spend) do
    if rule.token == token then rules[#rules + 1] = rule end
  end
  if #rules == 0 or self:chance(15) then
    return self:one_of { core.u256(0), core.u256(0), core.u256(1), core.u256(50), core.u256(5000), MAX }
  end
  local rule = self:one_of(rules)
  local left = rule.limit
  for _, entry in ipairs(spent or {}) do
    if entry.token == token and entry.period == rule.period then
      left = entry.spent < left and left - entry.spent or core.u256(0)
    end
  end
  local way = self:pick(9)
  if way == 1 then return core.u256(0) end
  if way == 2 then return core.u256(1) end
  if way == 3 then return left:is_zero() and left or left - 1 end
  if way == 4 then return left:div(2) end
  if way <= 6 then return left end
  if way <= 8 then return left < MAX and left + 1 or left end
  return rule.limit
end

-- A target and a selector that the grant has something to do with, mostly.
function Cases:one_call(grant, spent)
  local w = self.world
  local to, selector
  if self:chance(80) then
    local rule = self:one_of(grant.calls)
    to, selector = rule.to, rule.selector
  end
  local tokens = { w.stk, w.stk, w.low, w.high, w.shop }
  if not to or to == contracts.ANY_TARGET then
    to = self:one_of { w.stk, w.low, w.high, w.counter, w.shop, w.account, contracts.SELF, contracts.PERMIT2,
      contracts.ANY_TARGET }
  end
  if self:chance(6) then to = self:one_of(tokens) end
  if not selector or selector == contracts.ANY_SELECTOR then
    selector = self:one_of { selector_of(FUNCTIONS[1]), selector_of(FUNCTIONS[2]), selector_of(FUNCTIONS[3]),
      selector_of(FUNCTIONS[4]), "0xd09de08a", contracts.EMPTY_CALLDATA_SELECTOR, "0x12345678", "0x1234", "0x87517c45" }
  end
  if to == contracts.SELF and self:chance(50) then to = w.account end
  local call = { to = to, value = core.u256(0) }
  local amount = self:amount(to, grant, spent)
  if selector == contracts.EMPTY_CALLDATA_SELECTOR then
    call.data = "0x"
    call.value = self:chance(85) and self:amount(contracts.NATIVE, grant, spent) or call.value
  elseif selector == selector_of(FUNCTIONS[1]) then
    call.data = encoded(FUNCTIONS[1], self:one_of { w.account, w.shop }, self:one_of { 0, 1, 1000 })
  elseif selector == selector_of(FUNCTIONS[2]) then
    call.data = encoded(FUNCTIONS[2], self:one_of { w.shop, w.shop, w.account }, amount)
  elseif selector == selector_of(FUNCTIONS[3]) then
    call.data = encoded(FUNCTIONS[3], self:one_of { w.holder, w.holder, w.account },
      self:one_of { w.shop, w.account }, amount)
  elseif selector == selector_of(FUNCTIONS[4]) then
    call.data = encoded(FUNCTIONS[4], self:one_of { w.shop, w.account }, amount)
  elseif selector == "0x87517c45" then
    local token = self:one_of(tokens)
    amount = self:amount(token, grant, spent)
    if not amount:shr(160):is_zero() then amount = core.u256(7) end
    call.data = encoded("approve(address,address,uint160,uint48)", token, w.shop, amount, 0)
  else
    call.data = selector
    if #selector == 10 and self:chance(50) then call.data = selector .. ("00"):rep(32) end
  end
  -- The contract reads arguments without looking at the length.
  if #call.data > 10 and self:chance(6) then
    call.data = call.data:sub(1, #call.data - 2 * self:pick(math.floor(#call.data / 2) - 5))
  end
  -- And what stands in front of an address in its word is not part of it.
  if #call.data > 10 + 64 and self:chance(4) then
    local at = 11 + 64 * self:one_of { 0, 1 }
    call.data = call.data:sub(1, at - 1) .. "01" .. call.data:sub(at + 2)
  end
  if call.data ~= "0x" and self:chance(4) then call.value = self:amount(contracts.NATIVE, grant, spent) end
  return call
end

function Cases:calls(grant, spent)
  local list = {}
  -- Often nothing but a transfer of what was spent before: there the windows decide.
  local used = {}
  for _, entry in ipairs(spent) do
    if not entry.spent:is_zero() then used[#used + 1] = entry end
  end
  if #used > 0 and self:chance(50) then
    local token = self:one_of(used).token
    local amount = self:amount(token, grant, spent)
    if token == contracts.NATIVE then return { { to = self.world.shop, value = amount, data = "0x" } } end
    return { { to = token, value = core.u256(0), data = encoded(FUNCTIONS[2], self.world.shop, amount) } }
  end
  for i = 1, self:one_of { 1, 1, 1, 2, 2, 3, 5 } do list[i] = self:one_call(grant, spent) end
  return list
end

-- ---- times ----------------------------------------------------------------------------------------------------

-- The first second of the next window, by the calendar of the C library: the wallet's own is what is in question.
local function border_after(now, period)
  local date = os.date("!*t", now)
  if period == "minute" then return now - now % 60 + 60 end
  if period == "hour" then return now - now % 3600 + 3600 end
  local day = now - now % 86400
  if period == "day" then return day + 86400 end
  if period == "week" then return day + 86400 * (7 - (date.wday + 5) % 7) end
  repeat
    day = day + 86400
    local next_date = os.date("!*t", day)
  until next_date.day == 1 and (period == "month" or next_date.month == 1)
  return day
end

--- A later time: soon, at a border of some window (mostly one in which something was spent) or on either side of it, or
-- around the end of the grant.
function Cases:later(now, grant, spent)
  local way = self:pick(10)
  local time
  if way <= 4 then
    time = now + self:pick(20)
  elseif way <= 9 then
    local used = {}
    for _, entry in ipairs(spent) do
      if not entry.spent:is_zero() then used[#used + 1] = entry.period end
    end
    local period = #used > 0 and self:chance(80) and self:one_of(used) or self:one_of(PERIODS)
    local border = border_after(now, period)
    time = border + self:one_of { -1, 0, 0, 1 }
  else
    time = grant.expiry + self:one_of { -1, 0, 1 }
  end
  -- What is over stays over: a look or two at that is enough.
  if time > grant.expiry and way <= 9 and self:chance(80) then time = now + self:pick(20) end
  return time > now and time or now + 1
end

return cases
