-- For `busted --helper`: now and then, for a few instructions, every allocation is a whole cycle of the collector, so
-- that what a binding holds without an anchor is freed under its hands. All the time would take hours. Lua 5.4.
local REST, HASTE = 19997, 23 -- in instructions

local function eager()
  -- A step large enough for the whole heap, and from the cycle made here on the next always due.
  collectgarbage("incremental", 0, 1000, 24)
  collectgarbage("setpause", 0)
  collectgarbage()
end

local function easy()
  collectgarbage("incremental", 200, 100, 13)
end

local hasty = false
local function turn()
  hasty = not hasty
  if hasty then eager() else easy() end
  debug.sethook(turn, "", hasty and HASTE or REST)
end

debug.sethook(turn, "", REST)
