-- Vectors: spec/vectors/secp256k1.json; Project Wycheproof (C2SP) ecdsa_secp256k1_sha256_p1363_test.
local core = require "rise.core"
local support = require "support.vectors"
local vectors = support.load "secp256k1"

local FIELD_MINUS_ORDER = core.u256 "432420386565659656852420866390673177326"

describe("core secp256k1", function()
  it("makes the public keys and addresses of the vectors", function()
    for _, case in ipairs(vectors.cases) do
      local key = assert(core.key_import("secp256k1", core.unhex(case.privateKey)))
      assert.equal(case.publicKey, core.hex(key:point()))
      assert.equal(case.address, core.hex(key:address()))
      assert.equal(("\0"):rep(12) .. key:address(), key:public())
    end
  end)

  it("makes the signatures of the vectors", function()
    for _, case in ipairs(vectors.cases) do
      local key = assert(core.key_import("secp256k1", core.unhex(case.privateKey)))
      assert.equal(case.signature, core.hex(key:sign(core.unhex(case.payload))))
    end
  end)

  it("recovers the signers of the vectors, v counted from 27 or from 0", function()
    for _, case in ipairs(vectors.cases) do
      local digest, sig = core.unhex(case.payload), core.unhex(case.signature)
      for _, v in ipairs { case.yParity, case.yParity + 27 } do
        local address, point = core.secp256k1_recover(digest, sig:sub(1, 64) .. string.char(v))
        assert.equal(case.address, core.hex(address))
        assert.equal(case.publicKey, core.hex(point))
      end
    end
  end)

  it("signs EIP-191 messages as wallets do", function()
    for _, case in ipairs(vectors.personal) do
      local key = assert(core.key_import("secp256k1", core.unhex(case.privateKey)))
      local digest = core.personal_digest(case.message)
      assert.equal(case.hash, core.hex(digest))
      assert.equal(case.signature, core.hex(key:sign(digest)))
      assert.equal(case.address, core.hex((core.secp256k1_recover(digest, core.unhex(case.signature)))))
    end
  end)

  it("refuses the bad private keys of the vectors", function()
    for _, case in ipairs(vectors.badPrivateKeys) do
      local key, err = core.key_import("secp256k1", core.unhex(case.privateKey))
      assert.is_nil(key)
      assert.equal("invalid_key", err.code)
    end
  end)

  it("recovers nothing from a signature out of range or with another v", function()
    local digest = ("\2"):rep(32)
    local good = assert(core.key_generate "secp256k1"):sign(digest)
    local bad = { ("\0"):rep(64) .. "\27", ("\255"):rep(64) .. "\27", ("\0"):rep(32) .. good:sub(33) }
    for _, v in ipairs { 2, 3, 26, 29, 30, 255 } do bad[#bad + 1] = good:sub(1, 64) .. string.char(v) end
    for _, sig in ipairs(bad) do
      local address, err = core.secp256k1_recover(digest, sig)
      assert.is_nil(address)
      assert.equal("invalid_signature", err.code)
    end
  end)

  it("recovers somebody else when digest or signature change", function()
    local key = assert(core.key_generate "secp256k1")
    local digest = ("\2"):rep(32)
    local sig = key:sign(digest)
    assert.equal(key:address(), (core.secp256k1_recover(digest, sig)))
    assert.not_equal(key:address(), (core.secp256k1_recover(("\3"):rep(32), sig)))
    assert.not_equal(key:address(), (core.secp256k1_recover(digest, sig:sub(1, 64) .. string.char(55 - sig:byte(65)))))
  end)

  it("raises for arguments of the wrong length", function()
    assert.has_error(function() core.secp256k1_recover("short", ("\0"):rep(65)) end)
    assert.has_error(function() core.secp256k1_recover(("\0"):rep(32), ("\0"):rep(64)) end)
  end)

  it("recovers the signer of every valid signature of Wycheproof and of no invalid one", function()
    local wycheproof = support.wycheproof "ecdsa_secp256k1_sha256_p1363_test"
    if not wycheproof then
      pending(support.NO_WYCHEPROOF)
      return
    end
    local checked = { valid = 0, invalid = 0 }
    for _, group in ipairs(wycheproof.testGroups) do
      local signer = core.unhex("0x" .. group.publicKey.uncompressed)
      for _, test in ipairs(group.tests) do
        local sig, recovered = core.unhex("0x" .. test.sig), false
        if #sig == 64 then
          local digest = core.sha256(core.unhex("0x" .. test.msg))
          for v = 0, 1 do
            local _, point = core.secp256k1_recover(digest, sig .. string.char(v))
            recovered = recovered or point == signer
          end
        end
        -- An r below p - n may stand for the x coordinate r + n. That takes v 2 or 3, which Ethereum does not have.
        local wrapped = test.result == "valid" and core.u256_from_bytes(sig:sub(1, 32)) < FIELD_MINUS_ORDER
        if not (wrapped and not recovered) then
          assert.equal(test.result, recovered and "valid" or "invalid", "tcId " .. test.tcId .. ": " .. test.comment)
          checked[test.result] = checked[test.result] + 1
        end
      end
    end
    assert.is_true(checked.valid > 100 and checked.invalid > 50)
  end)
end)
