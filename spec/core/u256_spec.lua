local core = require "rise.core"
local u256 = core.u256

local MAX = "115792089237316195423570985008687907853269984665640564039457584007913129639935"

describe("core.u256", function()
  it("reads integers, decimal text, 0x text and itself", function()
    assert.equal("7", tostring(u256(7)))
    assert.equal("9007199254740992", tostring(u256(2 ^ 53)))
    assert.equal("1000000000000000000", tostring(u256 "1000000000000000000"))
    assert.equal("255", tostring(u256 "0xFf"))
    assert.equal("7", tostring(u256(u256(7))))
    assert.equal(MAX, tostring(u256(MAX)))
    assert.equal("0x" .. ("f"):rep(64), u256(MAX):hex())
  end)

  it("reads the largest Lua integer", function()
    if math.maxinteger then assert.equal("9223372036854775807", tostring(u256(math.maxinteger))) end
  end)

  it("returns an error for text that is no number", function()
    for _, text in ipairs { "", "0x", "-1", "1.5", "1e18", "abc", " 1", "0xg", "1\0" } do
      local value, err = u256(text)
      assert.is_nil(value)
      assert.equal("invalid_value", err.code)
    end
  end)

  it("returns overflow for text of 2^256 or more", function()
    for _, text in ipairs { MAX:sub(1, -2) .. "6", "0x1" .. ("0"):rep(64), ("9"):rep(1000) } do
      local value, err = u256(text)
      assert.is_nil(value)
      assert.equal("overflow", err.code)
    end
  end)

  it("raises for numbers that are negative, fractional or inexact, and for other types", function()
    for _, value in ipairs { -1, 0.5, 2 ^ 53 + 2, 1 / 0, -1 / 0, 0 / 0, true, {}, print, io.stdout } do
      assert.has_error(function() u256(value) end)
    end
    assert.has_error(function() u256(nil) end)
    assert.has_error(function() u256() end)
  end)

  it("reads and writes big-endian bytes", function()
    assert.equal("0", tostring(core.u256_from_bytes ""))
    assert.equal("258", tostring(core.u256_from_bytes "\1\2"))
    assert.equal(MAX, tostring(core.u256_from_bytes(("\255"):rep(32))))
    assert.equal(("\0"):rep(30) .. "\1\2", u256(258):bytes())
    assert.has_error(function() core.u256_from_bytes(("\0"):rep(33)) end)
  end)

  it("writes minimal hex", function()
    assert.equal("0x0", u256(0):hex())
    assert.equal("0xff", u256(255):hex())
    assert.equal("0x100000000", u256 "4294967296":hex())
  end)

  it("is known from other values", function()
    assert.is_true(core.is_u256(u256(0)))
    for _, value in ipairs { 1, "1", {}, io.stdout, false } do assert.is_false(core.is_u256(value)) end
    assert.is_false(core.is_u256(nil))
    assert.is_false(core.is_u256(core.keccak()))
  end)

  it("adds, subtracts, multiplies, divides with operators", function()
    assert.equal("1000000000000000000000007", tostring(u256 "1000000000000000000000000" + 7))
    assert.equal("12", tostring(5 + u256(7)))
    assert.equal("12", tostring("5" + u256(7)))
    assert.equal("3", tostring(10 - u256(7)))
    assert.equal("21", tostring(u256(7) * "0x3"))
    assert.equal("1", tostring(u256(10) % 3))
    assert.equal("9007199254740993000000000000000000", tostring(u256 "9007199254740993" * "1000000000000000000"))
  end)

  it("has an operator for the integer quotient", function()
    local operator = (_VERSION == "Lua 5.1" or _VERSION == "Lua 5.2") and "/" or "//"
    local quotient = assert((loadstring or load)("local a, b = ... return a " .. operator .. " b"))
    assert.equal("3", tostring(quotient(u256(10), 3)))
    assert.equal("3", tostring(quotient(10, u256(3))))
  end)

  it("has methods for the same", function()
    local ten = u256(10)
    assert.equal("13", tostring(ten:add(3)))
    assert.equal("7", tostring(ten:sub(3)))
    assert.equal("30", tostring(ten:mul(3)))
    assert.equal("3", tostring(ten:div(3)))
    assert.equal("1", tostring(ten:mod "3"))
    assert.equal("40", tostring(ten:shl(2)))
    assert.equal("2", tostring(ten:shr(2)))
    assert.equal("0", tostring(ten:shr(256)))
    assert.equal("10", tostring(ten))
  end)

  it("raises on overflow, underflow and division by zero", function()
    assert.has_error(function() return u256(MAX) + 1 end, "u256 result is below 0 or above 2^256 - 1")
    assert.has_error(function() return u256(MAX) * 2 end)
    assert.has_error(function() return u256(1) - 2 end)
    assert.has_error(function() return 1 - u256(2) end)
    assert.has_error(function() return u256(1):div(0) end, "u256 division by zero")
    assert.has_error(function() return u256(1) % u256(0) end)
  end)

  it("raises on operands that are no numbers", function()
    assert.has_error(function() return u256(1) + "x" end)
    assert.has_error(function() return u256(1) + -1 end)
    assert.has_error(function() return u256(1) + 0.5 end)
    assert.has_error(function() return u256(1) + {} end)
    assert.has_error(function() return u256(1):add() end)
    assert.has_error(function() return u256(1):shl(-1) end)
    assert.has_error(function() return u256(1):shl(0.5) end)
  end)

  it("compares with its like", function()
    assert.is_true(u256(5) == u256 "0x5")
    assert.is_true(u256(5) ~= u256(6))
    assert.is_true(u256(5) < u256(6))
    assert.is_true(u256(MAX) > u256(6))
    assert.is_true(u256(6) <= u256(6))
    assert.is_true(u256(6) >= u256(6))
    assert.is_false(u256(6) < u256(6))
    assert.is_false(u256(1) == core.keccak())
  end)

  it("compares with numbers and text by cmp", function()
    assert.equal(0, u256(5):cmp(5))
    assert.equal(-1, u256(5):cmp "6")
    assert.equal(1, u256(5):cmp(u256(4)))
    assert.is_true(u256(0):is_zero())
    assert.is_false(u256(1):is_zero())
  end)

  it("orders against plain numbers where Lua asks its metamethods", function()
    if _VERSION ~= "Lua 5.1" then
      assert.is_true(u256(5) < 6)
      assert.is_true(4 < u256(5))
      assert.is_true(u256(5) <= 5)
    end
  end)

  it("is never == to a plain number", function()
    assert.is_false(u256(5) == 5)
  end)

  it("joins with text", function()
    assert.equal("5 wei", u256(5) .. " wei")
    assert.equal("is 5", "is " .. u256(5))
    assert.equal("55", u256(5) .. u256(5))
    assert.has_error(function() return u256(5) .. {} end)
  end)

  it("gives a Lua number up to 2^53", function()
    assert.equal(2 ^ 53, u256 "9007199254740992":number())
    assert.equal(0, u256(0):number())
    assert.has_error(function() return u256 "9007199254740993":number() end)
    assert.has_error(function() return u256(MAX):number() end)
  end)

  it("gives an integer where Lua has them", function()
    if math.type then assert.equal("integer", math.type(u256(5):number())) end
  end)

  it("cannot be changed or forged through its metatable", function()
    assert.equal("rise.u256", getmetatable(u256(5)))
    assert.has_error(function() u256(5).hex = print end)
    assert.has_error(function() return u256(5).hex({}) end)
  end)
end)
