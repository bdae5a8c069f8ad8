-- Vectors: spec/vectors/keys.json, and the keys of account.json, which the contracts themselves were asked about.
local core = require "rise.core"
local support = require "support.vectors"
local vectors, account = support.load "keys", support.load "account"

-- WebAuthn keys are P-256 keys here: the assertion around the signature is made elsewhere.
local function import(case)
  return assert(core.key_import(case.type == "secp256k1" and "secp256k1" or "p256", core.unhex(case.privateKey)))
end

describe("core keys", function()
  it("have the public keys and hashes of the vectors", function()
    for _, case in ipairs(vectors.keys) do
      local public = case.serialized.publicKey
      if case.privateKey then assert.equal(public, core.hex(import(case):public())) end
      assert.equal(case.hash, core.hex(core.key_hash(case.type, core.unhex(public))))
    end
  end)

  it("hash public keys as the vectors say", function()
    for _, case in ipairs(vectors.hashes) do
      local public = core.unhex(case.publicKey)
      if #public == 20 then public = ("\0"):rep(12) .. public end
      assert.equal(case.hash, core.hex(core.key_hash(case.type, public)))
    end
  end)

  it("hash as the account contract does", function()
    local types = { [0] = "p256", "webauthnp256", "secp256k1" }
    local checked = 0
    for _, case in ipairs(account.keys) do
      if types[case.keyType] then
        checked = checked + 1
        assert.equal(case.keyHash, core.hex(core.key_hash(types[case.keyType], core.unhex(case.publicKey))))
      end
    end
    assert.is_true(checked > 3)
  end)

  it("take the wallet's and the relay's name for WebAuthn keys", function()
    local public = ("\1"):rep(64)
    assert.equal(core.key_hash("webauthnp256", public), core.key_hash("webauthn-p256", public))
    assert.not_equal(core.key_hash("p256", public), core.key_hash("webauthnp256", public))
  end)

  it("make the inner signatures of the vectors", function()
    local checked = 0
    for _, case in ipairs(vectors.signatures) do
      if case.type ~= "webauthn-p256" then
        checked = checked + 1
        local key, payload = import(case), core.unhex(case.payload)
        -- prehash, the last byte of a wrapped signature: the account hashes once more before it verifies
        if case.wrapped:sub(-2) == "01" then payload = core.sha256(payload) end
        local sig = core.hex(key:sign(payload))
        assert.equal(sig, case.inner:sub(1, #sig))
      end
    end
    assert.is_true(checked > 10)
  end)

  it("make the signatures inside the WebAuthn assertions of the vectors", function()
    for _, case in ipairs(vectors.webauthn) do
      local key = assert(core.key_import("p256", core.unhex(case.privateKey)))
      assert.equal(case.r .. case.s:sub(3), core.hex(key:sign(core.sha256(core.unhex(case.signedPayload)))))
      local payload = core.unhex(case.authenticatorData) .. core.sha256(case.clientDataJSON)
      assert.equal(case.signedPayload, core.hex(payload))
    end
  end)

  it("encode the WebAuthn assertions of the vectors, and read them back", function()
    local assertion = assert(core.abi("((bytes authenticatorData, string clientDataJSON, uint256 challengeIndex, "
      .. "uint256 typeIndex, bytes32 r, bytes32 s) assertion)"))
    for _, case in ipairs(vectors.webauthn) do
      assert.equal(case.encoded, core.hex(assert(assertion:encode { case })))
      local read = assert(assertion:decode(core.unhex(case.encoded))).assertion
      assert.same({ case.clientDataJSON, case.r, case.s }, { read.clientDataJSON, read.r, read.s })
    end
  end)

  it("verify the WebAuthn assertions of the vectors, each for its own challenge and key", function()
    for i, case in ipairs(vectors.webauthn) do
      local public = assert(core.key_import("p256", core.unhex(case.privateKey))):public()
      local challenge, assertion = core.unhex(case.challenge), core.unhex(case.encoded)
      assert.is_true(core.webauthn_verify(public, challenge, assertion))
      assert.equal(core.unhex(case.authenticatorData):byte(33) % 8 >= 4,
        core.webauthn_verify(public, challenge, assertion, true) == true)
      local other = vectors.webauthn[i % #vectors.webauthn + 1]
      local ok, err = core.webauthn_verify(public, core.unhex(other.challenge), assertion)
      assert.is_nil(ok)
      assert.equal("invalid_signature: a passkey's signature: its challenge is not the digest", tostring(err))
      local stranger = assert(core.key_generate "p256"):public()
      ok, err = core.webauthn_verify(stranger, challenge, assertion)
      assert.is_nil(ok)
      assert.equal("invalid_signature: a passkey's signature: r and s do not verify", tostring(err))
    end
  end)

  it("say which part of a WebAuthn assertion is not there", function()
    local case = vectors.webauthn[1]
    local public = assert(core.key_import("p256", core.unhex(case.privateKey))):public()
    local _, err = core.webauthn_verify(public, core.unhex(case.challenge), core.unhex(case.encoded):sub(1, 300))
    assert.equal("invalid_data: a passkey's signature: clientDataJSON reaches beyond the end", tostring(err))
    assert.has_error(function() core.webauthn_verify(public, "short", "") end)
  end)

  it("say what they are", function()
    assert.equal("p256", assert(core.key_generate "p256"):type())
    assert.equal("secp256k1", assert(core.key_generate "secp256k1"):type())
  end)

  it("hash themselves", function()
    for _, type in ipairs { "p256", "secp256k1" } do
      local key = assert(core.key_generate(type))
      assert.equal(core.key_hash(type, key:public()), key:hash())
    end
  end)

  it("are other keys each time", function()
    assert.not_equal(assert(core.key_generate "p256"):public(), assert(core.key_generate "p256"):public())
  end)

  it("come back from their export", function()
    for _, type in ipairs { "p256", "secp256k1" } do
      local key = assert(core.key_generate(type))
      local copy = assert(core.key_import(type, key:export()))
      assert.equal(key:public(), copy:public())
      assert.equal(key:sign(("\1"):rep(32)), copy:sign(("\1"):rep(32)))
    end
  end)

  it("show type and public half as text, never the secret", function()
    for _, type in ipairs { "p256", "secp256k1" } do
      local key = assert(core.key_generate(type))
      assert.equal("rise.key (" .. type .. " " .. core.hex(key:public()) .. ")", tostring(key))
    end
  end)

  it("raise when they are used after close, which may be called twice", function()
    local key = assert(core.key_generate "p256")
    key:close()
    key:close()
    assert.equal("rise.key (closed)", tostring(key))
    for _, method in ipairs { "type", "public", "hash", "export", "address", "point" } do
      assert.has_error(function() return key[method](key) end)
    end
    assert.has_error(function() key:sign(("\1"):rep(32)) end)
  end)

  it("have no address when they are of P-256", function()
    local key = assert(core.key_generate "p256")
    assert.has_error(function() key:address() end)
    assert.has_error(function() key:point() end)
  end)

  it("close at the end of their scope where Lua has to-be-closed variables", function()
    if _VERSION ~= "Lua 5.4" then return end
    local seen
    local chunk = assert(load "local core, see = ... local key <close> = core.key_generate 'p256' see(key)")
    chunk(core, function(key) seen = key end)
    assert.equal("rise.key (closed)", tostring(seen))
  end)

  it("raise for unknown types and wrong lengths", function()
    assert.has_error(function() core.key_generate "webauthnp256" end)
    assert.has_error(function() core.key_generate() end)
    assert.has_error(function() core.key_import("ed25519", ("\1"):rep(32)) end)
    assert.has_error(function() core.key_import("p256", ("\1"):rep(31)) end)
    assert.has_error(function() core.key_import("p256", 12) end)
    assert.has_error(function() assert(core.key_generate "p256"):sign "short" end)
    assert.has_error(function() core.key_hash("external", ("\1"):rep(32)) end)
    assert.has_error(function() core.key_hash("p256", ("\4"):rep(65)) end)
    assert.has_error(function() core.key_hash("secp256k1", ("\1"):rep(20)) end)
  end)

  it("keep the secret out of what is raised about it", function()
    local secret = ("\7"):rep(33)
    local _, message = pcall(core.key_import, "p256", secret)
    assert.is_nil(message:find(secret, 1, true))
    assert.is_nil(message:find("070707", 1, true))
  end)
end)
