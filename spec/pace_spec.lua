local Pace = require "rise.pace"

-- Looks for something that is there after so many seconds. Gives how many looks it took, and how late it was seen.
local function look(pace, there)
  local waited, looks, missed = 0, 0, nil
  while true do
    waited = waited + pace:pause(waited)
    looks = looks + 1
    if waited >= there then
      pace:learn(missed, waited)
      return looks, waited - there
    end
    missed = waited
  end
end

describe("rise.pace", function()
  for _, there in ipairs { 0.02, 0.3, 1.5 } do
    it("learns to look when the answer is there, after " .. there .. " s", function()
      local pace = Pace.new()
      for _ = 1, 40 do look(pace, there) end
      local looks, late = 0, 0
      for _ = 1, 20 do
        local count, seconds = look(pace, there)
        looks, late = looks + count, late + seconds
      end
      assert.is_true(looks <= 20 * 3, looks .. " looks")
      assert.is_true(late <= 20 * 0.25 * there, late .. " s late")
    end)
  end

  it("asks seldom, however long it takes", function()
    local looks = look(Pace.new(), 90)
    assert.is_true(looks <= 110, looks .. " looks in 90 s")
  end)

  it("is not taken in by one that took very long", function()
    local pace = Pace.new()
    for _ = 1, 20 do look(pace, 0.1) end
    look(pace, 80)
    local _, late = look(pace, 0.1)
    assert.is_true(late <= 0.1, late .. " s late")
  end)

  it("finds back to what goes quicker", function()
    local pace = Pace.new()
    for _ = 1, 40 do look(pace, 1.5) end
    for _ = 1, 15 do look(pace, 0.05) end
    local _, late = look(pace, 0.05)
    assert.is_true(late <= 0.03, late .. " s late")
  end)

  it("never waits for nothing: a pause is at least some milliseconds, and at most a second once it looks", function()
    local pace = Pace.new()
    for _ = 1, 100 do pace:learn(nil, 0) end
    assert.is_true(pace:pause(0) >= 0.005)
    assert.is_true(pace:pause(1000) <= 1)
    for _ = 1, 100 do pace:learn(50, 60) end
    assert.is_true(pace:pause(0) <= 2)
  end)
end)
