-- Vectors: spec/vectors/keccak256.json; SHA-256 of "abc" from FIPS 180-4.
local core = require "rise.core"
local vectors = require("support.vectors").load "keccak256"

describe("core.keccak256", function()
  it("agrees with the vectors", function()
    for _, case in ipairs(vectors.cases) do
      assert.equal(case.hash, core.hex(core.keccak256(core.unhex(case.input))))
    end
  end)

  it("hashes text as its UTF-8 bytes", function()
    for _, case in ipairs(vectors.text) do
      assert.equal(case.hash, core.hex(core.keccak256(case.text)))
    end
  end)

  it("hashes long repetitions", function()
    for _, case in ipairs(vectors.repeated) do
      assert.equal(case.hash, core.hex(core.keccak256(string.char(case.byte):rep(case.length))))
    end
  end)
end)

describe("core.keccak", function()
  it("makes the same hash from pieces of any size", function()
    for index, case in ipairs(vectors.cases) do
      local bytes, hash = core.unhex(case.input), core.keccak()
      local step = index % 50 + 1
      for at = 1, #bytes, step do hash:update(bytes:sub(at, at + step - 1)) end
      assert.equal(case.hash, core.hex(hash:final()))
    end
  end)

  it("chains", function()
    assert.equal(core.keccak256 "abcdef", core.keccak():update("abc"):update(""):update("def"):final())
  end)

  it("raises when it is used after its end", function()
    local hash = core.keccak()
    hash:final()
    assert.has_error(function() hash:update "more" end)
    assert.has_error(function() hash:final() end)
  end)
end)

describe("core.sha256", function()
  it("agrees with the standard's example", function()
    assert.equal("0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", core.hex(core.sha256 "abc"))
  end)
end)
