local check = require "rise.check"
local core = require "rise.core"

-- The message of what a function raises.
local function raised(fn, ...)
  local ok, message = pcall(fn, ...)
  assert.is_false(ok)
  return message
end

describe("check", function()
  it("blames the caller of the function that checks", function()
    local function api(options) check.options(options, { name = "string" }, "api") end
    local line
    local message = raised(function()
      line = debug.getinfo(1, "l").currentline + 1
      api { nme = "x" }
    end)
    assert.matches("check_spec.lua:" .. line .. ": api: unknown option \"nme\" %(known: name%)", message)
  end)

  it("names the option and the types it may have", function()
    local function api(options) check.options(options, { limit = "number|u256!" }, "api") end
    assert.matches("option limit must be number or u256, got \"a\"", raised(api, { limit = "a" }))
    assert.matches("option limit is required", raised(api, {}))
    api { limit = 1 }
    api { limit = core.u256(1) }
  end)

  it("reads addresses in any case but with a right checksum", function()
    local lower = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
    assert.equal(lower, check.address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "to"))
    assert.matches("to: .*is not an address", raised(check.address, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "to"))
    assert.matches("to: an address expected, got number", raised(check.address, 7, "to"))
  end)

  it("reads amounts, and refuses floats and what is too long for them", function()
    assert.equal("5", tostring(check.amount(5, "value")))
    assert.equal("255", tostring(check.amount("0xff", "value")))
    for _, bad in ipairs { -1, 1.5, 2 ^ 53, "1.5", "ten", "", "-1", ("9"):rep(80), {}, true } do
      assert.matches("value: an amount expected", raised(check.amount, bad, "value"))
    end
  end)

  it("reads hex of a given length", function()
    assert.equal("0xab", check.hex("0xAB", "data"))
    assert.matches("data: 4 bytes expected, got 1", raised(check.hex, "0xab", "data", 4))
    for _, bad in ipairs { "ab", "0xa", "0xzz", 7 } do
      assert.matches("data: 0x text expected", raised(check.hex, bad, "data"))
    end
  end)
end)
