--- The faults a devnet's relay may be told to have: their text, and when each of them strikes.
--
--     drop=0.1, delay=50ms-2s@0.5, dup:wallet_sendPreparedCalls, restart=30s, seed=7
--
-- A text is a list of parts with commas between them, each `name[=value][@probability][:method]`. Without a
-- probability a fault strikes every time, without a method whatever is asked. Where no value is wanted, a probability
-- may stand in its place. Times are written `200ms`, `1.5s`, `2m`.
--
-- - `drop`: the connection ends without an answer; `hang`: there is never an answer, and the connection stays open;
--   `delay=200ms` or `delay=50ms-2s`: it takes that much longer; `status` (503) or `status=429`: HTTP says so instead
--   of answering. Each strikes on the way there, before anything is done, or on the way back, when all has been done,
--   as it falls out; `drop-before`, `drop-after` and so on strike on the one way alone.
-- - `dup`: the relay gets the request twice, and the first answer is handed on.
-- - `reorder` or `reorder=1s`: the next request overtakes this one, if it comes within 250 ms or the time given.
-- - `truncate`: the answer's text is cut off somewhere; `garbage`: random bytes take its place.
-- - `tamper`: a value in the result differs in a bit or so; `tamper=nonce`: the first member of that name does. Of
--   wallet_prepareCalls, unless a method is given.
-- - `wrong-status` or `wrong-status=300`: wallet_getCallsStatus tells another status than it should.
-- - `stuck`: a bundle is taken and never sent, its status stays 100; `stuck=5s`: it is sent that much later.
-- - `restart@0.01`: the relay comes back with another key for its quotes, so that those it gave are void;
--   `restart=30s` (also plain `restart`): as soon as something is asked after that time.
-- - `seed=N`: chance falls out the same in every run.
--
-- What strikes the n-th request of a kind follows from the seed, the part's own text and n alone: other parts and
-- other methods change nothing about it.
-- @module rise.devnet.faults

local core = require "rise.core"
local errors = require "rise.errors"

local faults = {}

-- `both_ways`: it has a -before and an -after. `value`: how its value is read, see below; `needed`: it has no meaning
-- without one. `only`: the method it is about; `first`: the one it is about unless another is given. `clock`: its value
-- is a rhythm, in place of a probability.
local KINDS = {
  delay = { both_ways = true, value = "range", needed = "200ms" },
  drop = { both_ways = true },
  dup = {},
  garbage = {},
  hang = { both_ways = true },
  reorder = { value = "time", default = 0.25 },
  restart = { value = "time", default = 30, clock = true },
  status = { both_ways = true, value = "failure", default = 503 },
  stuck = { value = "time", only = "wallet_sendPreparedCalls" },
  tamper = { value = "member", first = "wallet_prepareCalls" },
  truncate = {},
  ["wrong-status"] = { value = "status", only = "wallet_getCallsStatus" },
}

local UNITS = { ms = 0.001, s = 1, m = 60 }
local LONGEST = 86400 -- seconds
local LARGEST_SEED = 9007199254740991

local function names()
  local list = {}
  for name, kind in pairs(KINDS) do
    list[#list + 1] = name
    if kind.both_ways then
      list[#list + 1] = name .. "-before"
      list[#list + 1] = name .. "-after"
    end
  end
  list[#list + 1] = "seed"
  table.sort(list)
  return list
end

--- Every name a part may begin with, sorted.
faults.NAMES = names()

-- ---- reading ---------------------------------------------------------------------------------------------------

-- A plain decimal number: no sign, no exponent, no hex.
local function decimal(text)
  if not text:find("^%d+%.?%d*$") and not text:find("^%.%d+$") then return nil end
  return tonumber(text)
end

local function whole(text, low, high)
  local number = text:find("^%d+$") and tonumber(text)
  return number and number >= low and number <= high and number or nil
end

local function seconds(text)
  local digits, unit = text:match("^([%d.]+)(%a+)$")
  local number = digits and UNITS[unit] and decimal(digits)
  number = number and number * UNITS[unit]
  return number and number <= LONGEST and number or nil
end

-- How a value is read: gives what becomes of it, or nothing; and what it should have been.
local READERS = {}

function READERS.time(text)
  return seconds(text), "a time such as 200ms, 1.5s or 2m"
end

function READERS.range(text)
  local expected = "a time such as 200ms, or two such as 50ms-2s"
  local low, high = text:match("^(.-)%-(.*)$")
  low, high = seconds(low or text), seconds(high or text)
  if not low or not high or low > high then return nil, expected end
  return { low, high }
end

function READERS.failure(text)
  return whole(text, 400, 599), "an HTTP status from 400 to 599"
end

function READERS.status(text)
  return whole(text, 100, 599), "a status from 100 to 599"
end

function READERS.member(text)
  return text:match("^[%a_][%w_]*$"), "the name of a member"
end

local function refuse(part, format, ...)
  return errors.fail("invalid_value", string.format("fault %q: " .. format, part, ...))
end

local function probability_of(part, text)
  local number = decimal(text)
  if not number or number > 1 then return refuse(part, "%q is not a probability from 0 to 1", text) end
  return number
end

local function method_of(part, kind, text, methods)
  if not text then return kind.only or kind.first end
  if kind.only and text ~= kind.only then return refuse(part, "this is about %s alone", kind.only) end
  for _, method in ipairs(methods or { text }) do
    if method == text then return text end
  end
  return refuse(part, "the relay has no method %q (it has: %s)", text, table.concat(methods, ", "))
end

local function read_part(part, methods)
  local rest, method = part:match("^([^:]*):(.*)$")
  rest = rest or part
  local body, chance = rest:match("^([^@]*)@(.*)$")
  body = body or rest
  local word, value = body:match("^([^=]*)=(.*)$")
  word = word or body

  local name, side = word, nil
  local kind = KINDS[word]
  if not kind then
    name, side = word:match("^(.*)%-(%a+)$")
    kind = (side == "before" or side == "after") and KINDS[name]
    if not kind or not kind.both_ways then
      return refuse(part, "there is no fault %q (known: %s)", word, table.concat(faults.NAMES, ", "))
    end
  end

  local fault = { text = part, name = name, side = side, both_ways = kind.both_ways, probability = 1 }
  local err
  if value and not kind.value then
    if chance then return refuse(part, "%s has a probability and no other value", word) end
    chance, value = value, nil
  end
  if chance then
    fault.probability, err = probability_of(part, chance)
    if not fault.probability then return nil, err end
  end
  if value then
    local expected
    fault.value, expected = READERS[kind.value](value)
    if fault.value == nil then
      local meant = decimal(value)
      return refuse(part, "%q is not %s%s", value, expected, meant and meant <= 1
        and "; a probability is written " .. word .. "@" .. value or "")
    end
  elseif kind.needed then
    return refuse(part, "%s needs a value, as in %s=%s", word, word, kind.needed)
  else
    fault.value = kind.default
  end
  if kind.clock then
    if value and chance then return refuse(part, "%s has either a time or a probability", word) end
    if not chance then fault.every = fault.value end
    fault.value = nil
  end
  if method or kind.only or kind.first then
    fault.method, err = method_of(part, kind, method, methods)
    if not fault.method then return nil, err end
  end
  return fault
end

--- Reads a text, or several.
-- @tparam string|table text one text, or an array of them; "" has no faults
-- @tparam[opt] table methods the names that may stand behind a colon (default: any)
-- @treturn[1] table array of faults: `text` as given, `name`, `side` ("before", "after" or nil), `probability`,
-- `method`, `value` (seconds, `{ low, high }` seconds, a status, a name), `every` (seconds); and `seed`, if given
-- @treturn[2] nil
-- @treturn[2] table invalid_value, naming the part and what is known
function faults.parse(text, methods)
  if type(text) == "table" then text = table.concat(text, ",") end
  local list = {}
  if text:find("^%s*$") then return list end
  for part in (text .. ","):gmatch("%s*(.-)%s*,") do
    if part == "" then return errors.fail("invalid_value", "there is a comma too many in the faults " .. text) end
    local seed = part:match("^seed=(.*)$") or part == "seed" and ""
    if seed then
      list.seed = whole(seed, 0, LARGEST_SEED)
      if not list.seed then return refuse(part, "a seed is a whole number") end
    else
      local fault, err = read_part(part, methods)
      if not fault then return nil, err end
      list[#list + 1] = fault
    end
  end
  return list
end

-- ---- deciding --------------------------------------------------------------------------------------------------

local Plan = {}
Plan.__index = Plan

--- Decides for one request after the other.
-- @tparam table list of @{faults.parse}
-- @tparam number seed a whole number
-- @tparam number now seconds on the clock that @{Plan:decide} is told
-- @treturn Plan
function faults.plan(list, seed, now)
  local plan = setmetatable({ seed = seed, entries = {} }, Plan)
  local seen = {}
  for i, fault in ipairs(list) do
    seen[fault.text] = (seen[fault.text] or 0) + 1
    plan.entries[i] = { fault = fault, count = 0, last = now,
      name = fault.text .. (seen[fault.text] > 1 and "#" .. seen[fault.text] or "") }
  end
  return plan
end

-- 32 bytes that nothing but seed, part and number decide.
local function draw(plan, entry)
  entry.count = entry.count + 1
  return core.keccak256(string.format("%.0f %s %d", plan.seed, entry.name, entry.count))
end

-- The i-th of five numbers in [0, 1) in a draw.
local function fraction(bytes, i)
  local value = 0
  for at = 6 * i - 5, 6 * i do value = value * 256 + bytes:byte(at) end
  return value / 281474976710656
end

local function strikes(entry, bytes, now)
  local every = entry.fault.every
  if not every then return fraction(bytes, 1) < entry.fault.probability end
  if now - entry.last < every then return false end
  entry.last = now
  return true
end

--- What strikes the next request.
-- @tparam string method
-- @tparam number now seconds
-- @treturn table array, in the order of the text, of `{ name, side, value, picks, bytes }`: `side` is decided, and so
-- is `value` (a number of seconds for `delay`); `picks` are two numbers in [0, 1) for what else is left to chance,
-- `bytes` 32 random ones
function Plan:decide(method, now)
  local due = {}
  for _, entry in ipairs(self.entries) do
    local fault = entry.fault
    if not fault.method or fault.method == method then
      local bytes = draw(self, entry)
      if strikes(entry, bytes, now) then
        local side, value = fault.side, fault.value
        if fault.both_ways and not side then side = fraction(bytes, 2) < 0.5 and "before" or "after" end
        if fault.name == "delay" then value = value[1] + (value[2] - value[1]) * fraction(bytes, 3) end
        due[#due + 1] = { name = fault.name, side = side, value = value, bytes = bytes,
          picks = { fraction(bytes, 4), fraction(bytes, 5) } }
      end
    end
  end
  return due
end

return faults
