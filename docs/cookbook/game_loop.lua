-- A game: tasks wait for the chain while frames go on. `rise.step(0)` once a frame never waits.
package.path = "docs/cookbook/?.lua;" .. package.path
local rise = require "rise"
local setup = require "setup"

local state = { screen = "connecting", jumps = 0, landed = 0, frames = 0 }

-- Straight down, as in a script: in a task every call yields instead of blocking.
local main = rise.spawn(function()
  local wallet = setup.connect()
  local session, approver = setup.session(wallet)
  local counter = setup.counter(wallet)
  state.screen = "playing"
  local jumps = {}
  for i = 1, 20 do
    jumps[i] = assert(session:act { counter:increment() }) -- queued: goes out with the next bundle
    state.jumps = i
    rise.sleep(0.01)
  end
  for _, jump in ipairs(jumps) do
    assert(jump:wait())
    state.landed = state.landed + 1
  end
  state.count = assert(counter:count())
  assert(session:revoke(approver))
  state.screen = "over"
end)

-- The host's loop. A frame draws what is known; it never asks anybody.
while state.screen ~= "over" do
  rise.step(0)
  state.frames = state.frames + 1
  if main.done then -- an error in a task reaches whoever waits for it
    local _, err = main:wait()
    if err then error(err) end
  end
end
print(string.format("%d jumps, %d landed, counter %s, in %d frames", state.jumps, state.landed, tostring(state.count),
  state.frames))
