local compat = require "rise.compat"

describe("compat", function()
  it("loads text that sees no globals, and nothing compiled", function()
    local chunk = assert(compat.load_alone("return os, print, { 1 + 1 }", "=text"))
    local a, b, c = chunk()
    assert.is_nil(a)
    assert.is_nil(b)
    assert.same({ 2 }, c)
    local none, why = compat.load_alone("return +", "=text")
    assert.is_nil(none)
    assert.matches("^text:1:", why)
    assert.is_nil((compat.load_alone(string.dump(function() end), "=text")))
  end)

  it("stops what does not come to an end, also where it is compiled on the way", function()
    local chunk = assert(compat.load_alone("local n = 0 while true do n = n + 1 end", "=text"))
    local ok, why = compat.resume_for(100000, coroutine.create(chunk))
    assert.is_false(ok)
    assert.equal("it does not come to an end", why)
  end)

  it("leaves the hook of the program as it was, where there is one for all threads", function()
    local function hook() end
    debug.sethook(hook, "", 1000000)
    local ok, value = compat.resume_for(100000, coroutine.create(assert(compat.load_alone("return 7", "=text"))))
    local left, mask, count = debug.gethook()
    debug.sethook()
    assert.is_true(ok)
    assert.equal(7, value)
    assert.equal(hook, left)
    assert.same({ "", 1000000 }, { mask, count })
    -- What runs longer than that afterwards is nobody's business.
    local n = 0
    for _ = 1, 1000000 do n = n + 1 end
    assert.equal(1000000, n)
  end)
end)
