local core = require "rise.core"

describe("core bytes", function()
  it("knows its version", function()
    assert.truthy(core.VERSION:match("^%d+%.%d+%.%d+$"))
  end)

  it("writes hex in lower case with 0x in front", function()
    assert.equal("0x", core.hex "")
    assert.equal("0x00ff10ab", core.hex "\0\255\16\171")
  end)

  it("reads hex of any case", function()
    assert.equal("", core.unhex "0x")
    assert.equal("\171\205\239", core.unhex "0xAbCdEf")
  end)

  it("reads what it wrote, short or long", function()
    for _, length in ipairs { 1, 31, 511, 512, 513, 4096, 100000 } do
      local bytes = assert(core.random(length))
      assert.equal(length, #bytes)
      assert.equal(bytes, core.unhex(core.hex(bytes)))
    end
  end)

  it("refuses what is no hex", function()
    for _, text in ipairs { "", "0", "x", "ab", "0xa", "0xabc", "0Xab", "0x0xab", "0xag", "0x g", "0xab ", "0x\0\0" } do
      local bytes, err = core.unhex(text)
      assert.is_nil(bytes)
      assert.equal("invalid_value", err.code)
    end
  end)

  it("refuses a bad digit in every place", function()
    local good = ("ab"):rep(600)
    for _, at in ipairs { 1, 2, 599, 600, 1199, 1200 } do
      assert.is_nil((core.unhex("0x" .. good:sub(1, at - 1) .. "." .. good:sub(at + 1))))
    end
  end)

  it("compares in constant time, and strings of different length are different", function()
    assert.is_true(core.equal("", ""))
    assert.is_true(core.equal("abc", "abc"))
    assert.is_false(core.equal("abc", "abd"))
    assert.is_false(core.equal("abc", "abcd"))
  end)

  it("gives other random bytes each time", function()
    assert.equal("", core.random(0))
    assert.not_equal(core.random(32), core.random(32))
  end)

  it("raises where a string is wanted and something else comes", function()
    assert.has_error(function() core.hex(12) end, "bad argument #1 to 'hex' (string expected, got number)")
    assert.has_error(function() core.unhex(nil) end)
    assert.has_error(function() core.equal("a") end)
    assert.has_error(function() core.random(-1) end)
    assert.has_error(function() core.random(1.5) end)
    assert.has_error(function() core.random("8") end)
    assert.has_error(function() core.random(2 ^ 40) end)
  end)

  it("has clocks in seconds", function()
    assert.is_true(math.abs(core.now() - os.time()) < 5)
    local first = core.monotonic()
    assert.is_true(core.monotonic() >= first)
  end)
end)

describe("core errors", function()
  local _, err = core.unhex "zz"

  it("carry a code and a sentence", function()
    assert.equal("invalid_value", err.code)
    assert.equal("string", type(err.message))
  end)

  it("read well as text", function()
    assert.equal(err.code .. ": " .. err.message, tostring(err))
    assert.equal("x: y", tostring(setmetatable({ code = "x", message = "y" }, core.error_metatable)))
    assert.equal("error: ", tostring(setmetatable({}, core.error_metatable)))
  end)

  it("share one metatable", function()
    assert.equal(core.error_metatable, getmetatable(err))
  end)
end)
