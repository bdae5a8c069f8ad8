local json = require "rise.json"
local shape = require "rise.devnet.shape"
local wire = require "rise.devnet.wire"

describe("rise.devnet.wire", function()
  it("tells an empty array from an empty object", function()
    local value = assert(wire.read '{"a":[],"b":{}}')
    assert.is_true(wire.is_array(value.a))
    assert.is_false(wire.is_object(value.a))
    assert.is_true(wire.is_object(value.b))
    assert.equal('{"a":[],"b":{}}', json.encode(value))
  end)

  it("keeps integers whole up to 256 bits", function()
    local largest = "115792089237316195423570985008687907853269984665640564039457584007913129639935"
    local value = assert(wire.read("[9007199254740993," .. largest .. "]"))
    assert.equal("9007199254740993", tostring(value[1]))
    assert.equal("0x" .. ("f"):rep(64), value[2]:hex())
  end)

  it("tells an integer from the same number written otherwise", function()
    local value = assert(wire.read "[5,5.0,5e0,-5,-0]")
    assert.equal(5, value[1])
    for i = 2, 5 do assert.is_true(wire.is_odd(value[i])) end
  end)

  it("decodes escapes, surrogate pairs included", function()
    assert.equal('a"\\/\b\f\n\r\té😀', wire.read [["a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"]])
  end)

  it("reads null, true and false at any place", function()
    local value = assert(wire.read ' { "a" : null , "b" : [ true , false ] } ')
    assert.equal(json.null, value.a)
    assert.same({ true, false }, { value.b[1], value.b[2] })
  end)

  it("takes a part that is known for what it is known as, and only where a value begins", function()
    local known, text = {}, '{"a": {"b":1} ,"c":[{"b":1}]}'
    local first, last = text:find('{"b":1}', 1, true)
    local value = assert(wire.read(text, first, last, known))
    assert.equal(known, value.a)
    assert.same({ { b = 1 } }, value.c)
    text = [[{"a":"\"x\":{\"b\":1}"}]]
    assert.equal('"x":{"b":1}', wire.read(text, text:find('{\\"b', 1, true), #text - 2, known).a)
    assert.is_nil(wire.read('{"a":{"b":1}', 6, 12, known))
  end)

  it("says where it stopped", function()
    local value, err = wire.read '{"a":[1,2,}'
    assert.is_nil(value)
    assert.equal("invalid_data", err.code)
    assert.matches("at byte 11", err.message, 1, true)
  end)

  for _, text in ipairs {
    "", " ", "{", "[", "[1", "[1,", "[1,]", '{"a"}', '{"a":}', '{"a":1,}', "{a:1}", "'a'", '"', '"\\', '"\\x"',
    '"\\u12"', '"\\ud800"', '"\\ud800\\u0041"', '"\\udc00"', '"a\nb"', "nul", "truex", "01", "-", "1.", ".5", "1e",
    "1e+", "+1", "0x10", "NaN", "1 2", "[1] x", "\239\187\191{}",
  } do
    it("refuses " .. string.format("%q", text), function()
      local value, err = wire.read(text)
      assert.is_nil(value)
      assert.equal("invalid_data", err.code)
    end)
  end

  it("refuses every beginning of a good text", function()
    local text = '{"a":[1,{"b":"c\\u00e9"}],"d":null,"e":-1.5e3}'
    assert(wire.read(text))
    for length = 0, #text - 1 do assert.is_nil(wire.read(text:sub(1, length)), length) end
  end)

  it("bounds depth", function()
    assert(wire.read(("["):rep(60) .. ("]"):rep(60)))
    local value, err = wire.read(("["):rep(100000))
    assert.is_nil(value)
    assert.matches("nested deeper", err.message, 1, true)
  end)

  it("bounds the number of values", function()
    local value, err = wire.read("[" .. ("1,"):rep(600000) .. "1]")
    assert.is_nil(value)
    assert.matches("values", err.message, 1, true)
  end)

  it("reads a megabyte of text in one go", function()
    local text = ("ab"):rep(524288)
    assert.equal(text, wire.read('"' .. text .. '"'))
  end)
end)

describe("rise.devnet.shape", function()
  local function read(reader, text)
    return reader(assert(wire.read(text)), "params[0]")
  end

  it("takes quantities as integers, hex and decimal text", function()
    for _, text in ipairs { "31337", '"0x7a69"', '"31337"' } do assert.equal(31337, read(shape.quantity, text)) end
  end)

  for _, text in ipairs {
    "1.0", "1e3", "-1", '"-1"', '"0x"', '"ten"', "null", "true", "[]", "{}", '"0xffffffffffffffff"',
  } do
    it("refuses " .. text .. " as a quantity", function()
      local value, complaint = read(shape.quantity, text)
      assert.is_nil(value)
      assert.matches("at params[0]", complaint, 1, true)
    end)
  end

  it("takes 256-bit amounts whole", function()
    assert.equal("0x" .. ("f"):rep(64), read(shape.u256, '"0x' .. ("f"):rep(64) .. '"'):hex())
    assert.is_nil((read(shape.u256, '"0x1' .. ("0"):rep(64) .. '"')))
  end)

  it("says that milliseconds are no expiry", function()
    local value, complaint = read(shape.expiry, "1767225600000")
    assert.is_nil(value)
    assert.matches("unix seconds (not milliseconds)", complaint, 1, true)
  end)

  it("names the missing field, and where", function()
    local reader = shape.object { capabilities = shape.object { meta = shape.object {} } }
    local value, complaint = read(reader, '{"capabilities":{}}')
    assert.is_nil(value)
    assert.equal("missing field `meta` at params[0].capabilities", complaint)
  end)

  it("does not mix up arrays and objects", function()
    local reader = shape.object { list = shape.list(shape.integer), map = shape.object {} }
    assert(read(reader, '{"list":[],"map":{}}'))
    local _, complaint = read(reader, '{"list":{},"map":{}}')
    assert.matches("invalid type: a map, expected a sequence", complaint, 1, true)
    _, complaint = read(reader, '{"list":[],"map":[]}')
    assert.matches("invalid type: a sequence, expected a map", complaint, 1, true)
  end)

  it("takes null only where it counts as absent", function()
    local reader = shape.object { a = shape.nullable(shape.integer), b = shape.optional(shape.integer) }
    assert.same({}, read(reader, '{"a":null}'))
    assert.is_nil((read(reader, '{"b":null}')))
  end)

  it("ignores unknown members", function()
    assert.same({ a = 1 }, read(shape.object { a = shape.integer }, '{"a":1,"z":[]}'))
  end)

  it("hashes a function signature to its selector", function()
    assert.equal("0xd09de08a", read(shape.selector, '"increment()"'))
    assert.equal("0xd09de08a", read(shape.selector, '"0xD09DE08A"'))
    assert.is_nil((read(shape.selector, '"increment("')))
    assert.is_nil((read(shape.selector, '"0xd09d"')))
  end)
end)
