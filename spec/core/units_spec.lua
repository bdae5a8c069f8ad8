-- Vectors: spec/vectors/units.json.
local core = require "rise.core"
local vectors = require("support.vectors").load "units"

local function decimals_of(case)
  if case.op:match "Ether$" then return 18 end
  if case.op:match "Gwei$" then return 9 end
  return case.args[2]
end

local function parse(text, decimals)
  local value, negative = core.units_parse(text, decimals)
  if value == nil then return nil, negative end
  return (negative and "-" or "") .. tostring(value)
end

-- Text of a vector's integer, which is a number up to 2^53 and text above.
local function magnitude(value)
  local text = type(value) == "number" and ("%.0f"):format(value) or value
  return text:gsub("^%-", ""), text:sub(1, 1) == "-"
end

describe("core.units_parse", function()
  it("agrees with the vectors", function()
    for _, case in ipairs(vectors.parse) do
      local result, err = parse(case.args[1], decimals_of(case))
      if case.error then
        assert.is_nil(result)
        assert.equal("invalid_value", err.code)
      else
        assert.equal(case.result, result)
      end
    end
  end)

  it("rounds half away from zero by the first digit it drops, exactly", function()
    assert.equal("0", parse("0." .. "4" .. ("9"):rep(100), 0))
    assert.equal("1", parse("0.5", 0))
    assert.equal("-13", parse("-1.25", 1))
  end)

  it("has no negative zero", function()
    assert.equal("0", parse("-0.00", 18))
    assert.equal("0", parse("-0.04", 1))
  end)

  it("returns overflow for what does not fit", function()
    local value, err = core.units_parse("2", 77)
    assert.is_nil(value)
    assert.equal("overflow", err.code)
  end)

  it("raises for decimals beyond 77 and for numbers in place of text", function()
    assert.has_error(function() core.units_parse("1", 78) end)
    assert.has_error(function() core.units_parse("1", -1) end)
    assert.has_error(function() core.units_parse(1.5, 18) end)
  end)
end)

describe("core.units_format", function()
  it("agrees with the vectors", function()
    for _, case in ipairs(vectors.format) do
      local value, negative = magnitude(case.args[1])
      assert.equal(case.result, core.units_format(core.u256(value), decimals_of(case), negative))
    end
  end)

  it("takes integers and text too", function()
    assert.equal("0.5", core.units_format(5, 1))
    assert.equal("1.5", core.units_format("1500", 3, false))
    assert.equal("-1.5", core.units_format("1500", 3, true))
  end)

  it("gives back what was parsed", function()
    for _, text in ipairs { "0", "1", "1.5", "0.000000000000000001", "123456789.123456789" } do
      assert.equal(text, core.units_format(core.units_parse(text, 18), 18))
    end
  end)
end)
