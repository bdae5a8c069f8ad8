-- Vectors: spec/vectors/rlp.json.
local core = require "rise.core"
local vectors = require("support.vectors").load "rlp"

-- Nested lists of hex text to nested lists of bytes, and back.
local function map(value, convert)
  if type(value) == "string" then return convert(value) end
  local list = {}
  for i, item in ipairs(value) do list[i] = map(item, convert) end
  return list
end

describe("core.rlp_encode", function()
  it("agrees with the vectors", function()
    for _, case in ipairs(vectors.cases) do
      assert.equal(case.encoded, core.hex(core.rlp_encode(map(case.value, core.unhex))))
    end
  end)

  it("writes numbers as their minimal bytes", function()
    assert.equal("0x80", core.hex(core.rlp_encode(0)))
    assert.equal("0x0f", core.hex(core.rlp_encode(15)))
    assert.equal("0x820400", core.hex(core.rlp_encode(1024)))
    assert.equal("0x8203e8", core.hex(core.rlp_encode(core.u256 "1000")))
    assert.equal("0xc3800f80", core.hex(core.rlp_encode { 0, 15, "" }))
  end)

  it("raises for what has no encoding", function()
    for _, value in ipairs { true, -1, 1.5, print, { { false } } } do
      assert.has_error(function() core.rlp_encode(value) end)
    end
    assert.has_error(function() core.rlp_encode() end)
    assert.has_error(function() core.rlp_encode(nil) end)
  end)

  it("raises for lists that contain themselves", function()
    local list = {}
    list[1] = list
    assert.has_error(function() core.rlp_encode(list) end)
  end)
end)

describe("core.rlp_decode", function()
  it("agrees with the vectors", function()
    for _, case in ipairs(vectors.cases) do
      assert.same(case.value, map(core.rlp_decode(core.unhex(case.encoded)), core.hex))
    end
  end)

  it("refuses the broken data of the vectors", function()
    for _, case in ipairs(vectors.decodeErrors) do
      local value, err = core.rlp_decode(core.unhex(case.data))
      assert.is_nil(value)
      assert.equal("invalid_data", err.code)
    end
  end)

  it("refuses every shortened encoding, and bytes behind the end", function()
    local encoded = core.rlp_encode { "cat", { ("x"):rep(60), "" }, "dog" }
    for length = 0, #encoded - 1 do assert.is_nil((core.rlp_decode(encoded:sub(1, length)))) end
    assert.is_nil((core.rlp_decode(encoded .. "\0")))
  end)

  it("refuses what is not the canonical form", function()
    for _, data in ipairs { "0x8100", "0x817f", "0xb80100", "0xf80100", "0xb90038", "0xc28100" } do
      assert.is_nil((core.rlp_decode(core.unhex(data))))
    end
  end)

  it("says where it stopped", function()
    local _, err = core.rlp_decode(core.unhex "0xc3018100")
    assert.equal("invalid_data: malformed RLP at byte 3", tostring(err))
  end)

  it("bounds the depth of lists", function()
    local function nested(levels)
      local bytes = ""
      for _ = 1, levels do
        local length = #bytes
        bytes = (length < 56 and string.char(0xc0 + length) or string.char(0xf8, length)) .. bytes
      end
      return bytes
    end
    assert.equal("table", type(core.rlp_decode(nested(64))))
    local value, err = core.rlp_decode(nested(65))
    assert.is_nil(value)
    assert.equal("invalid_data", err.code)
  end)
end)
