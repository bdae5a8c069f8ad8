-- Vectors: spec/vectors/address.json.
local core = require "rise.core"
local vectors = require("support.vectors").load "address"

describe("core addresses", function()
  it("have the checksums of the vectors", function()
    for _, case in ipairs(vectors.checksum) do
      assert.equal(case.checksum, core.checksum(core.unhex(case.address)))
      assert.equal(core.unhex(case.address), core.address(case.checksum))
    end
  end)

  it("are valid or not as the vectors say", function()
    for _, case in ipairs(vectors.valid) do
      local bytes, err = core.address(case.address)
      if case.valid then
        assert.equal(case.address:lower(), core.hex(bytes))
      else
        assert.is_nil(bytes)
        assert.equal("invalid_value", err.code)
      end
    end
  end)

  it("may be all upper case", function()
    local text = "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED"
    assert.equal("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", core.checksum(core.address(text)))
  end)

  it("of contracts follow from sender and nonce", function()
    for _, case in ipairs(vectors.create) do
      assert.equal(case.address, core.hex(core.create_address(core.unhex(case.from), case.nonce)))
    end
  end)

  it("of CREATE2 contracts follow from sender, salt and code", function()
    for _, case in ipairs(vectors.create2) do
      local code_hash = core.keccak256(core.unhex(case.bytecode))
      local sender, salt = core.unhex(case.from), core.unhex(case.salt)
      assert.equal(case.address, core.hex(core.create2_address(sender, salt, code_hash)))
    end
  end)

  it("take nonces of 64 bits and no more", function()
    local sender = ("\1"):rep(20)
    assert.equal(20, #core.create_address(sender, "18446744073709551615"))
    assert.has_error(function() core.create_address(sender, "18446744073709551616") end)
    assert.has_error(function() core.create_address(sender, -1) end)
  end)

  it("raise for what is no text or not 20 bytes", function()
    assert.has_error(function() core.address(1) end)
    assert.has_error(function() core.checksum(("\1"):rep(21)) end)
    assert.has_error(function() core.create_address("0x00", 1) end)
  end)
end)
