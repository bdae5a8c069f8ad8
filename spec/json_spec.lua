local core = require "rise.core"
local json = require "rise.json"

describe("json", function()
  it("writes an empty array as [] and an empty object as {}", function()
    assert.equal('{"calls":[],"meta":{}}', json.encode { calls = json.array {}, meta = {} })
  end)

  it("does not escape a slash, which the relay's parser would refuse in a selector", function()
    assert.equal('"increment()/"', json.encode "increment()/")
  end)

  it("escapes what JSON wants escaped", function()
    assert.equal('"a\\"b\\\\c\\n\\u0000\\u007f"', json.encode 'a"b\\c\n\0\127')
  end)

  it("writes whole numbers without exponent up to 2^53", function()
    assert.equal("[31337,0,-1,9007199254740991,1.5]", json.encode { 31337, 0, -1, 9007199254740991, 1.5 })
  end)

  it("writes a u256 as minimal hex text", function()
    assert.equal('["0x0","0xff"]', json.encode { core.u256(0), core.u256(255) })
  end)

  it("pastes raw text verbatim", function()
    assert.equal('{"context":{"b":1, "a":[]}}', json.encode { context = json.raw '{"b":1, "a":[]}' })
  end)

  it("refuses what has no JSON form", function()
    assert.has_error(function() json.encode(print) end)
    assert.has_error(function() json.encode(0 / 0) end)
    assert.has_error(function() json.encode(1 / 0) end)
    local loop = {}
    loop[1] = loop
    assert.has_error(function() json.encode(loop) end)
  end)

  it("decodes, with null as json.null", function()
    assert.same({ a = { 1, 2 }, b = json.null }, json.decode '{"a":[1,2],"b":null}')
    assert.is_nil(json.get(json.decode '{"a":{"b":null}}', "a", "b"))
    assert.equal(7, json.get(json.decode '{"a":{"b":7}}', "a", "b"))
  end)

  it("says that foreign text is no JSON", function()
    for _, text in ipairs { "", "{", "nope", "[1,]", ("["):rep(100000), '{"a":1}x' } do
      local value, err = json.decode(text)
      assert.is_nil(value)
      assert.equal("invalid_data", err.code)
    end
  end)
end)
