-- Vectors: spec/vectors/p256.json; Project Wycheproof (C2SP) ecdsa_secp256r1_sha256_p1363_test.
local core = require "rise.core"
local support = require "support.vectors"
local vectors = support.load "p256"

local function digest_of(case)
  local payload = core.unhex(case.payload)
  return case.sha256 and core.sha256(payload) or payload
end

describe("core P-256", function()
  it("makes the public keys of the vectors", function()
    for _, case in ipairs(vectors.cases) do
      local key = assert(core.key_import("p256", core.unhex(case.privateKey)))
      assert.equal(case.publicKey, core.hex(key:public()))
      assert.equal(case.keyHash, core.hex(key:hash()))
    end
  end)

  it("makes the signatures of the vectors", function()
    for _, case in ipairs(vectors.cases) do
      local key = assert(core.key_import("p256", core.unhex(case.privateKey)))
      assert.equal(case.r .. case.s:sub(3), core.hex(key:sign(digest_of(case))))
    end
  end)

  it("verifies the signatures of the vectors", function()
    for _, case in ipairs(vectors.cases) do
      local sig = core.unhex(case.signature):sub(1, 64)
      assert.is_true(core.p256_verify(core.unhex(case.publicKey), digest_of(case), sig))
    end
  end)

  it("agrees with the vectors on what is valid", function()
    local refused = 0
    for _, case in ipairs(vectors.verify) do
      local sig = core.unhex(case.r .. case.s:sub(3))
      local ok, err = core.p256_verify(core.unhex(case.publicKey), core.unhex(case.payload), sig)
      if case.valid then
        assert.is_true(ok)
      else
        refused = refused + 1
        assert.is_nil(ok)
        assert.truthy(err.code == "invalid_signature" or err.code == "invalid_key")
      end
    end
    assert.is_true(refused > 0)
  end)

  it("refuses the bad private keys of the vectors", function()
    for _, case in ipairs(vectors.badPrivateKeys) do
      local secret = core.unhex(case.privateKey)
      if #secret == 32 then
        local key, err = core.key_import("p256", secret)
        assert.is_nil(key)
        assert.equal("invalid_key", err.code)
      else
        assert.has_error(function() core.key_import("p256", secret) end)
      end
    end
  end)

  it("normalises a high s and leaves a low one", function()
    local order = core.u256 "0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
    local key = assert(core.key_generate "p256")
    local digest = core.keccak256 "x"
    local sig = key:sign(digest)
    local high = sig:sub(1, 32) .. (order - core.u256_from_bytes(sig:sub(33))):bytes()
    local ok, err = core.p256_verify(key:public(), digest, high)
    assert.is_nil(ok)
    assert.equal("invalid_signature", err.code)
    assert.equal(sig, core.p256_low_s(high))
    assert.equal(sig, core.p256_low_s(sig))
  end)

  it("says invalid_key for what is no point of the curve", function()
    local ok, err = core.p256_verify(("\1"):rep(64), ("\2"):rep(32), ("\3"):rep(64))
    assert.is_nil(ok)
    assert.equal("invalid_key", err.code)
  end)

  it("raises for arguments of the wrong length", function()
    local key = assert(core.key_generate "p256")
    local digest = ("\2"):rep(32)
    local sig = key:sign(digest)
    assert.has_error(function() core.p256_verify("\4" .. key:public(), digest, sig) end)
    assert.has_error(function() core.p256_verify(key:public(), digest .. "x", sig) end)
    assert.has_error(function() core.p256_verify(key:public(), digest, sig .. "\27") end)
    assert.has_error(function() core.p256_low_s(sig .. "\27") end)
  end)

  it("agrees with Wycheproof, s normalised first because a high s counts as valid there", function()
    local wycheproof = support.wycheproof "ecdsa_secp256r1_sha256_p1363_test"
    if not wycheproof then
      pending(support.NO_WYCHEPROOF)
      return
    end
    local checked = { valid = 0, invalid = 0 }
    for _, group in ipairs(wycheproof.testGroups) do
      local point = core.unhex("0x" .. group.publicKey.uncompressed)
      for _, test in ipairs(group.tests) do
        local sig, ok = core.unhex("0x" .. test.sig), nil
        -- The interface takes 64 bytes and nothing else; signatures of another length are all invalid.
        if #sig == 64 then
          ok = core.p256_verify(point:sub(2), core.sha256(core.unhex("0x" .. test.msg)), core.p256_low_s(sig))
        end
        assert.equal(test.result, ok and "valid" or "invalid", "tcId " .. test.tcId .. ": " .. test.comment)
        checked[test.result] = checked[test.result] + 1
      end
    end
    assert.is_true(checked.valid > 100 and checked.invalid > 50)
  end)
end)
