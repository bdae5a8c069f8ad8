-- Killed at every step of a bundle and at random moments, with a relay that loses, delays, doubles (foul weather), or
-- that is restarted ten times (changing weather): nothing is lost and nothing happens twice. RISE_KILLS sets how many
-- kills each run gets; scripts/soak-crash runs the long form.
local crash = require "support.crash"

local function numbers(to)
  local list = {}
  for i = 1, to do list[i] = i end
  return list
end

describe("several programs with one session #devnet", function()
  local run
  setup(function() run = crash.start() end)
  teardown(function() run:stop() end)

  it("keep out of each other's way", function()
    assert.same({ 20, 20, 20 }, run:together(3, 20))
    assert.equal("60", tostring(assert(run.f.counter:count())))
  end)
end)

for _, mode in ipairs { "relay", "direct" } do
  for _, weather in ipairs { "fine", "foul", mode == "relay" and "changing" or nil } do
    local points = mode == "direct" and crash.DIRECT_POINTS or crash.POINTS
    describe("a killed program in " .. mode .. " mode, in " .. weather .. " weather #devnet", function()
      local run
      setup(function()
        math.randomseed(tonumber(os.getenv("RISE_SEED") or os.time()))
        run = crash.start { direct = mode == "direct", faults = weather == "foul" and 0.1 or nil }
      end)
      teardown(function() run:stop() end)

      it("has done every action once, in order, as its journal says", function()
        local wanted = tonumber(os.getenv("RISE_KILLS") or 24)
        local turn, restarts = 0, weather == "changing" and 10 or 0
        while run.kills < wanted or run.restarts < restarts do
          if run.restarts < restarts and run.kills >= run.restarts * wanted / restarts then run:restart_relay() end
          local point = points[turn % (#points + 4) + 1] -- and a few at random moments
          run:kill(point, math.random(2))
          turn = turn + 1
        end
        assert.equal(restarts, run.restarts)
        local result = run:result()
        if os.getenv("RISE_KILLS") then
          print(string.format("%s mode, %s weather: %d kills, %d ends, %d actions, %d on chain, %d bundles, %d failed",
            mode, weather, run.kills, run.ends, result.goal, result.counted, result.bundles, result.failed))
        end
        assert.equal(0, result.unfinished)
        assert.equal(0, result.unknown)
        assert.equal(result.goal, result.counted)
        assert.same(numbers(result.goal), result.done)
      end)
    end)
  end
end
