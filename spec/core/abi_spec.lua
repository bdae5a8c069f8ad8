-- abi.json and abi-packed.json hold what widely used JavaScript libraries agree on.
local core = require "rise.core"
local cases = require "support.abi_cases"

local vectors, packed = cases.load "abi", cases.load "abi-packed"

local ALICE = "0x" .. ("a1"):rep(20)
local MAX = "115792089237316195423570985008687907853269984665640564039457584007913129639935"

local function abi(text, structs)
  return assert(core.abi(text, structs))
end

local function word(number)
  return string.format("%064x", number)
end

-- hex text without prefix -> what decoding it as `text` gives
local function decode(text, hex)
  return abi(text):decode(core.unhex("0x" .. hex))
end

local function code(value, err)
  assert.is_nil(value)
  return err.code
end

local function message(value, err)
  assert.is_nil(value)
  return err.message
end

-- The functions of the vectors with their parameter names.
local function each_case(visit)
  for _, case in ipairs(vectors.cases) do
    local item = abi("function " .. case.signature:match("^[^(]+") .. cases.list(case.inputs))
    visit(case, item, case.signature)
  end
end

describe("an ABI item", function()
  it("has the signature and the selector of the vectors", function()
    assert.equal(200, #vectors.cases)
    each_case(function(case, item)
      assert.equal(case.signature, item:signature())
      assert.equal(case.selector, core.hex(item:selector()))
    end)
  end)

  it("encodes positional values as the vectors do", function()
    each_case(function(case, item, name)
      assert.equal(case.encoded, core.hex(assert(item:encode(case.values))), name)
      assert.equal(case.selector .. case.encoded:sub(3), core.hex(assert(item:encode_call(case.values))), name)
      assert.equal(case.selector .. case.encoded:sub(3), assert(item:calldata(case.values)), name)
    end)
  end)

  it("encodes values by name as the vectors do", function()
    local named = 0
    each_case(function(case, item, name)
      local values = cases.named_list(case.values, item:inputs())
      if values ~= case.values then named = named + 1 end
      assert.equal(case.encoded, core.hex(assert(item:encode(values))), name)
    end)
    assert.is_true(named > 100)
  end)

  it("decodes the vectors", function()
    each_case(function(case, item, name)
      local values = assert(item:decode(core.unhex(case.encoded)))
      assert.same(cases.plain_list(case.values, item:inputs()), cases.plain_list(values, item:inputs()), name)
    end)
  end)

  it("encodes what it decoded to the same bytes", function()
    each_case(function(case, item, name)
      assert.equal(case.encoded, core.hex(assert(item:encode(assert(item:decode(core.unhex(case.encoded)))))), name)
    end)
  end)

  it("refuses the values that the vectors refuse", function()
    assert.equal(12, #vectors.encodeErrors)
    for _, case in ipairs(vectors.encodeErrors) do
      assert.equal("invalid_value", code(abi("(" .. case.type .. ")"):encode { case.value }), case.type)
    end
  end)

  it("refuses the data that the vectors refuse", function()
    assert.equal(26, #vectors.decodeErrors)
    for _, case in ipairs(vectors.decodeErrors) do
      assert.equal("invalid_data", code(abi(cases.list(case.inputs)):decode(core.unhex(case.data))), case.why)
    end
  end)

  it("encodes and decodes what a function returns", function()
    local item = abi "function f(uint8) view returns (uint256 amount, string)"
    local bytes = assert(item:encode_outputs { 5, "five" })
    local values = assert(item:decode_outputs(bytes))
    assert.equal("5", tostring(values.amount))
    assert.equal("five", values[2])
    assert.same({}, assert(abi("f()"):decode_outputs ""))
  end)

  it("shows its signature as text", function()
    assert.equal("rise.abi: f(uint256[])", tostring(abi "f(uint[] x)"))
  end)
end)

describe("values given", function()
  it("may be integers, u256, decimal or hex text where numbers are wanted", function()
    local item = abi "(uint256,uint256,uint256,uint256,int16,int16)"
    local expected = "0x" .. (word(255)):rep(4) .. ("f"):rep(63) .. "b" .. ("f"):rep(63) .. "b"
    assert.equal(expected, core.hex(assert(item:encode { 255, core.u256(255), "255", "0xFF", -5, "-5" })))
  end)

  it("may be floats as long as they are whole and exact", function()
    local item = abi "(uint256)"
    assert.equal("0x" .. word(2 ^ 53), core.hex(assert(item:encode { 2 ^ 53 })))
    for _, number in ipairs { 1.5, 2 ^ 54, 1 / 0, -1 / 0, 0 / 0 } do
      assert.matches("no exact integer$", message(item:encode { number }))
    end
  end)

  it("are refused when a number does not fit, in whatever form it comes", function()
    for _, value in ipairs { 256, -1, "256", "-1", "0x100", core.u256(256), 2 ^ 53 } do
      assert.equal("invalid_value", code(abi("(uint8)"):encode { value }), tostring(value))
    end
    for _, value in ipairs { 128, -129, "128", "-129", core.u256(128), core.u256(MAX) } do
      assert.equal("invalid_value", code(abi("(int8)"):encode { value }), tostring(value))
    end
    assert.equal("[1]: " .. MAX .. " does not fit int256", message(abi("(int256)"):encode { core.u256(MAX) }))
    assert.equal("invalid_value", code(abi("(uint256)"):encode { -1 }))
    assert.equal("0x" .. ("f"):rep(64), core.hex(assert(abi("(int256)"):encode { -1 })))
  end)

  it("may have an address in one case or with its checksum, but not with a wrong one", function()
    local item = abi "(address)"
    local sum = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    local expected = "0x" .. ("0"):rep(24) .. sum:sub(3):lower()
    assert.equal(expected, core.hex(assert(item:encode { sum })))
    assert.equal(expected, core.hex(assert(item:encode { sum:lower() })))
    assert.equal("invalid_value", code(item:encode { (sum:gsub("aA", "Aa")) }))
    assert.equal("invalid_value", code(item:encode { sum:sub(3) }))
    assert.equal("invalid_value", code(item:encode { sum .. "00" }))
  end)

  it("must have bytes as 0x text of whole bytes", function()
    local item = abi "(bytes)"
    assert.equal("0x" .. word(32) .. word(2) .. "abcd" .. ("0"):rep(60), core.hex(assert(item:encode { "0xABcd" })))
    for _, value in ipairs { "", "abcd", "0xabc", "0xzz", "\1\2", "0Xab" } do
      assert.equal("invalid_value", code(item:encode { value }), value)
    end
  end)

  it("must have bytesN of exactly N bytes, and a function of 24", function()
    assert.equal("0x010203" .. ("0"):rep(58), core.hex(assert(abi("(bytes3)"):encode { "0x010203" })))
    assert.equal("invalid_value", code(abi("(bytes3)"):encode { "0x01020304" }))
    assert.equal("invalid_value", code(abi("(bytes3)"):encode { "0x0102" }))
    local call = "0x" .. ("cd"):rep(24)
    assert.equal(call .. ("0"):rep(16), core.hex(assert(abi("(function)"):encode { call })))
    assert.equal(call, abi("(function)"):decode(core.unhex(call .. ("0"):rep(16)))[1])
    assert.equal("invalid_value", code(abi("(function)"):encode { call .. "00" }))
  end)

  it("may be strings with any bytes in them", function()
    local text = "é\0\255"
    assert.equal(text, abi("(string)"):decode(assert(abi("(string)"):encode { text }))[1])
  end)

  it("are told from the wrong kinds of value", function()
    local wrong = {
      uint8 = { true, {}, print, io.stdout }, bool = { 0, 1, "true" }, address = { 1, true, {}, core.u256(1) },
      bytes = { 1, {} }, bytes4 = { 1, {} }, string = { 1, true, {} }, ["uint8[]"] = { 1, "0x", "" },
      ["(uint8 a)"] = { 1, "a" },
    }
    for type_name, values in pairs(wrong) do
      for _, value in ipairs(values) do
        assert.equal("invalid_value", code(abi("(" .. type_name .. " x)"):encode { x = value }), type_name)
      end
    end
  end)

  it("are taken by name before position", function()
    local item = abi "(uint8 a, uint8 b)"
    local values = assert(item:decode(assert(item:encode { 1, 2 })))
    values.b = 7
    assert.equal("0x" .. word(1) .. word(7), core.hex(assert(item:encode(values))))
  end)

  it("may come with more names than are wanted, but not with more positions", function()
    local item = abi "(uint8 a, uint8 b)"
    assert.equal("0x" .. word(1) .. word(2), core.hex(assert(item:encode { a = 1, b = 2, c = 3 })))
    assert.equal("2 values expected, got 3", message(item:encode { 1, 2, 3 }))
    assert.equal("2 values expected, got 1", message(item:encode { 1 }))
  end)

  it("are named in errors by their path", function()
    local item = abi("f(Call[] calls, (uint8, uint8[2][])[2] pairs)",
      "struct Call { address to; uint8 value; bytes data; }")
    local function attempt(change)
      local values = {
        calls = { { to = ALICE, value = 1, data = "0x" }, { to = ALICE, value = 2, data = "0x" } },
        pairs = { { 1, { { 1, 2 } } }, { 2, {} } },
      }
      change(values)
      return message(item:encode(values))
    end
    assert.equal("calls[2].value: 256 does not fit uint8", attempt(function(v) v.calls[2].value = 256 end))
    assert.equal("calls[1].value: \"x\" is no uint8", attempt(function(v) v.calls[1].value = "x" end))
    assert.equal("calls[1].to: missing", attempt(function(v) v.calls[1].to = nil end))
    assert.equal("calls[2]: a table was expected, got number", attempt(function(v) v.calls[2] = 5 end))
    assert.equal("pairs[1][2][1][2]: -1 does not fit uint8", attempt(function(v) v.pairs[1][2][1][2] = -1 end))
    assert.equal("pairs[1][2][1]: 2 elements expected, got 3", attempt(function(v) v.pairs[1][2][1][3] = 1 end))
    assert.equal("pairs: 2 elements expected, got 1", attempt(function(v) v.pairs[2] = nil end))
    assert.equal("calls: missing", attempt(function(v) v.calls = nil end))
    assert.equal("calls[2].data: \"0x1\" is no bytes", attempt(function(v) v.calls[2].data = "0x1" end))
  end)

  it("are not taken for an empty array when they are no array", function()
    assert.matches("^calls: an array was expected", message(abi("f(uint8[] calls)"):encode { calls = { to = ALICE } }))
    assert.equal("0x" .. word(32) .. word(0), core.hex(assert(abi("f(uint8[] calls)"):encode { calls = {} })))
  end)

  it("are not repeated in messages when they could be a key", function()
    local secret = "0x" .. ("c0ffee77"):rep(8)
    for _, type_name in ipairs { "address", "bytes31", "uint8", "int256" } do
      assert.is_nil(message(abi("(" .. type_name .. ")"):encode { secret }):find("c0ffee", 1, true), type_name)
    end
  end)

  it("raise when they are no table, as does data that is no string", function()
    local item = abi "(uint8)"
    for _, value in ipairs { 1, "0x", true } do
      assert.has_error(function() item:encode(value) end)
      assert.has_error(function() item:encode_packed(value) end)
    end
    assert.has_error(function() item:encode() end)
    assert.has_error(function() item:decode(5) end)
    assert.has_error(function() item:decode() end)
    assert.has_error(function() item.encode({}, {}) end)
    assert.has_error(function() core.abi(5) end)
    assert.has_error(function() core.abi("f()", 5) end)
  end)

  it("are read without metamethods", function()
    local calls = 0
    local function touch()
      calls = calls + 1
      return 1
    end
    local values = setmetatable({}, { __index = touch, __len = touch })
    assert.equal("invalid_value", code(abi("(uint8 a)"):encode(values)))
    assert.equal(0, calls)
  end)

  it("that share a table many times over do not multiply without bound", function()
    local value = {}
    for _ = 1, 30 do value = { value, value } end
    local err = select(2, abi("(uint8" .. ("[]"):rep(31) .. ")"):encode { value })
    assert.equal("limit", err.code)
  end)

  it("may be nested as deep as types are", function()
    local value = 7
    for _ = 1, 31 do value = { value } end
    local item = abi("(uint8" .. ("[]"):rep(31) .. ")")
    local got = assert(item:decode(assert(item:encode { value })))
    for _ = 1, 32 do got = got[1] end
    assert.equal(7, got)
    value = { x = 7 }
    for _ = 1, 30 do value = { x = value } end
    local text = ("("):rep(32) .. "uint8 x" .. (") x"):rep(31) .. ")"
    got = assert(abi(text):decode(assert(abi(text):encode { x = value })))
    for _ = 1, 32 do got = got.x end
    assert.equal(7, got)
  end)
end)

describe("values decoded", function()
  it("are integers for types of up to 48 bits, u256 beyond, and text for large numbers below zero", function()
    local item = abi "(uint48, int48, int48, uint56, int56, int56, uint256)"
    local values = assert(item:decode(assert(item:encode { 2 ^ 48 - 1, -2 ^ 47, 2 ^ 47 - 1, 5, 5, -5, MAX })))
    assert.equal(2 ^ 48 - 1, values[1])
    assert.equal(-2 ^ 47, values[2])
    assert.equal(2 ^ 47 - 1, values[3])
    if math.type then assert.equal("integer", math.type(values[1])) end -- luacheck: ignore 143
    assert.is_true(core.is_u256(values[4]))
    assert.is_true(core.is_u256(values[5]))
    assert.equal("-5", values[6])
    assert.equal(MAX, tostring(values[7]))
    local low = "-57896044618658097711785492504343953926634992332820282019728792003956564819968"
    assert.equal(low, abi("(int256)"):decode(assert(abi("(int256)"):encode { low }))[1])
  end)

  it("are lower-case 0x text, booleans and strings for the rest", function()
    local values = decode("(address, bool, bytes3, string, bytes)", word(0xABC) .. word(1) .. "AABBCC" .. ("0"):rep(58)
      .. word(160) .. word(192) .. word(0) .. word(1) .. "FF" .. ("0"):rep(62))
    assert.same({ "0x" .. ("0"):rep(37) .. "abc", true, "0xaabbcc", "", "0xff" }, values)
  end)

  it("stand under their positions and, where they have them, their names", function()
    local values = assert(decode("((uint8 a, uint8) pair, uint8[2] list)", word(1) .. word(2) .. word(3) .. word(4)))
    assert.same({ 1, 2, a = 1 }, values.pair)
    assert.same({ 3, 4 }, values.list)
    assert.equal(values.pair, values[1])
    assert.equal(values.list, values[2])
  end)

  it("may be followed by other data", function()
    assert.equal(5, decode("(uint8)", word(5) .. "ffff")[1])
  end)

  it("do not need the padding of bytes, as in Solidity", function()
    assert.equal("0xab", decode("(bytes)", word(32) .. word(1) .. "ab")[1])
  end)
end)

describe("hostile data", function()
  it("is refused where a number, bool, address, bytesN or function is wider than its type", function()
    local dirty = {
      ["(uint8 a)"] = word(256), ["(int8 a)"] = word(128), ["(bool a)"] = word(2),
      ["(uint248 a)"] = "01" .. ("0"):rep(62), ["(address a)"] = ("0"):rep(23) .. "1" .. ("0"):rep(40),
      ["(bytes3 a)"] = "00000001" .. ("0"):rep(56),
      ["(function a)"] = ("0"):rep(63) .. "1", ["(int16 a)"] = ("f"):rep(60) .. "7fff",
    }
    for text, hex in pairs(dirty) do
      local value, err = decode(text, hex)
      assert.is_nil(value)
      assert.equal("invalid_data", err.code)
      assert.matches("^a: at byte 0: ", err.message)
    end
  end)

  it("is refused with the position where offsets or lengths lead out of it", function()
    assert.equal("a: at byte 0: an offset that leads out of the data", message(decode("(bytes a)", ("f"):rep(64))))
    assert.equal("a: at byte 32: a length that leads out of the data",
      message(decode("(bytes a)", word(32) .. word(1))))
    assert.equal("a: at byte 32: a length that leads out of the data",
      message(decode("(uint8[] a)", word(32) .. "1" .. ("0"):rep(63) .. word(0))))
    assert.equal("a[1]: at byte 64: an offset that leads out of the data",
      message(decode("(string[] a)", word(32) .. word(1) .. word(2 ^ 40))))
    assert.equal("b: at byte 32: an offset that leads out of the data", message(decode("(uint8 a, bytes b)",
      word(1) .. word(2 ^ 52))))
    assert.equal("at byte 0: the data ends too early", message(decode("(uint8 a)", "")))
  end)

  it("cannot use the same contents again and again", function()
    local heads = {}
    for i = 1, 100 do heads[i] = word(100 * 32) end
    local tail = word(1000) .. ("ab"):rep(1000)
    local value, err = decode("(bytes[] a)", word(32) .. word(100) .. table.concat(heads) .. tail)
    assert.is_nil(value)
    assert.equal("limit", err.code)
  end)

  it("cannot build large values from arrays that point at each other", function()
    local level = word(64) .. word(64 * 32):rep(64)
    local data = word(32) .. level:rep(7) .. word(64) .. word(0):rep(64)
    local value, err = decode("(uint8" .. ("[]"):rep(8) .. " a)", data)
    assert.is_nil(value)
    assert.equal("limit", err.code)
  end)

  it("never raises, whatever byte is changed or cut off", function()
    local item = abi("f(Call[] calls, bytes[2][] b, string s)", "struct Call { address to; uint48 value; bytes data; }")
    local call = { to = ALICE, value = 5, data = "0x1234" }
    local bytes = assert(item:encode { { call, call }, { { "0x01", "0x" } }, "text" })
    for i = 0, #bytes - 1 do
      local value, err = item:decode(bytes:sub(1, i))
      assert.is_truthy(value or err.code == "invalid_data")
    end
    local seed = 1
    for _ = 1, 2000 do
      seed = seed * 16807 % 2147483647
      local at = seed % #bytes + 1
      local changed = bytes:sub(1, at - 1) .. string.char(seed % 251) .. bytes:sub(at + 1)
      local value, err = item:decode(changed)
      assert.is_truthy(value or err.code == "invalid_data" or err.code == "limit")
      if value then assert.is_truthy(item:encode(value)) end
    end
  end)
end)

describe("a megabyte of call data", function()
  it("goes in and comes out", function()
    local item = abi "function execute(bytes32 mode, bytes executionData)"
    local data = "0x" .. ("0123456789abcdef"):rep(131072)
    local values = assert(item:decode(assert(item:encode { "0x" .. ("00"):rep(32), data })))
    assert.equal(data, values.executionData)
  end)
end)

describe("an item", function()
  it("may be used by a finalizer while it is in use", function()
    local item = abi "(string[] list, bytes b)"
    local list, runs = {}, 0
    for i = 1, 50 do list[i] = ("text %d"):format(i):rep(10) end
    local bytes = assert(item:encode { list, "0x" .. ("ab"):rep(100) })
    local other = assert(item:encode { { "other" }, "0x" })
    local function litter()
      local finalizer = function()
        runs = runs + 1
        assert(item:encode { { "other" }, "0x" } == other)
        assert(item:decode(other).list[1] == "other")
      end
      if newproxy then -- luacheck: ignore 113
        getmetatable(newproxy(true)).__gc = finalizer -- luacheck: ignore 113
      else
        setmetatable({}, { __gc = finalizer })
      end
    end
    -- The collector hardly rests, which takes its time where the heap is large: no longer than it takes.
    collectgarbage()
    local pause, multiplier = collectgarbage("setpause", 1), collectgarbage("setstepmul", 10000)
    for _ = 1, 200 do
      if runs > 50 then break end
      litter()
      assert.same(list, item:decode(bytes).list)
      litter()
      assert.equal(bytes, item:encode { list, "0x" .. ("ab"):rep(100) })
    end
    collectgarbage("setpause", pause)
    collectgarbage("setstepmul", multiplier)
    collectgarbage()
    assert.is_true(runs > 50)
  end)

  it("that encoded something refused works on", function()
    local item = abi "(uint8 a, bytes b)"
    for _ = 1, 10 do
      assert.is_nil(item:encode { 256, "0x1234" })
      assert.is_nil(item:encode { 1, "0x123" })
      assert.equal("0x" .. word(1) .. word(64) .. word(1) .. "ab" .. ("0"):rep(62), core.hex(item:encode { 1, "0xab" }))
    end
  end)
end)

describe("encode_packed", function()
  it("gives what the vectors have", function()
    assert.equal(60, #packed.cases)
    for _, case in ipairs(packed.cases) do
      local text = "(" .. table.concat(case.types, ",") .. ")"
      local bytes = assert(abi(text):encode_packed(case.values))
      assert.equal(case.encoded, core.hex(bytes), text)
      assert.equal(case.keccak256, core.hex(core.keccak256(bytes)), text)
    end
  end)

  it("pads the elements of arrays alone", function()
    assert.equal("0x01" .. word(2) .. word(1) .. "03",
      core.hex(assert(abi("(uint8, uint8[], bool[1], uint8)"):encode_packed { 1, { 2 }, { true }, 3 })))
  end)

  it("refuses what Solidity does not pack", function()
    for _, text in ipairs { "(uint8 a)", "uint8[][]", "string[]", "bytes[2]", "(uint8 a)[]" } do
      local values = { text == "(uint8 a)" and { 1 } or text:find("2") and { "0x", "0x" } or {} }
      assert.equal("invalid_abi", code(abi("(" .. text .. " x)"):encode_packed(values)), text)
    end
  end)

  it("refuses values that do not fit", function()
    assert.equal("a: 256 does not fit uint8", message(abi("(uint8 a)"):encode_packed { 256 }))
  end)
end)
