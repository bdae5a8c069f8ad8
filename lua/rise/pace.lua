--- When to look for what is expected: learned from how long it took before.
--
-- The first look comes a little before the answer is usually there, the next ones in steps that grow with the time
-- waited. So an answer is seen late by a part of the time it took, and seldom asked for more than two or three times.
-- @classmod rise.Pace

local Pace = {}
Pace.__index = Pace
Pace.__name = "rise.pace"

local ASSUMED = 0.05       -- seconds, until something is known
local LONGEST = 2          -- the first look comes after so many seconds at the latest
local LEAST, MOST = 0.005, 1 -- seconds between looks
local STEP = 0.25          -- of the time waited
local SOONER = 0.75        -- how far the next first look moves when this one was not too early
local WEIGHT = 0.25        -- of one measurement

function Pace.new()
  return setmetatable({ expected = ASSUMED }, Pace)
end

--- How long to wait until the next look.
-- @tparam number waited seconds so far
-- @treturn number seconds
function Pace:pause(waited)
  if waited < self.expected then return math.max(LEAST, self.expected - waited) end
  return math.min(math.max(LEAST, STEP * waited), MOST)
end

--- Takes up how long it took.
-- @tparam ?number missed seconds after which it was not there yet; nil when the first look found it
-- @tparam number found seconds after which it was
function Pace:learn(missed, found)
  if missed then
    -- One that took very long says little about the next.
    local measured = math.min((missed + found) / 2, 2 * self.expected)
    self.expected = self.expected + WEIGHT * (measured - self.expected)
  else
    self.expected = math.min(self.expected, found) * SOONER -- it may have been there for long
  end
  self.expected = math.min(math.max(self.expected, LEAST), LONGEST)
end

return Pace
