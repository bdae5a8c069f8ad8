-- Vectors: spec/vectors/transactions.json, and the EIP-7702 authorizations of account.json, which a node accepted.
local core = require "rise.core"
local support = require "support.vectors"
local vectors, account = support.load "transactions", support.load "account"

describe("core.authorization_digest", function()
  it("agrees with the vectors, as do the signatures over it", function()
    for _, case in ipairs(vectors.authorizations) do
      local digest = core.authorization_digest(case.chainId, core.unhex(case.address), case.nonce)
      assert.equal(case.digest, core.hex(digest))
      local key = assert(core.key_import("secp256k1", core.unhex(case.privateKey)))
      assert.equal(case.signature, core.hex(key:sign(digest)))
      assert.equal(case.authority, core.hex((core.secp256k1_recover(digest, core.unhex(case.signature)))))
    end
  end)

  it("is what accounts were delegated with", function()
    for _, environment in ipairs(account.environments) do
      local case = environment.eip7702
      local digest = core.authorization_digest(case.chainId, core.unhex(case.contractAddress), case.nonce)
      assert.equal(case.hash, core.hex(digest))
      local key = assert(core.key_import("secp256k1", core.unhex(case.privateKey)))
      assert.equal(case.r .. case.s:sub(3), core.hex(key:sign(digest):sub(1, 64)))
    end
  end)

  it("is the hash of 05 and the list", function()
    for _, chain_id in ipairs { 0, 1, "0xffffffffffffffff", "0x" .. ("f"):rep(64) } do
      for _, nonce in ipairs { 0, 127, 128, "18446744073709551615" } do
        local address = ("\171"):rep(20)
        local list = core.rlp_encode { core.u256(chain_id), address, core.u256(nonce) }
        assert.equal(core.keccak256("\5" .. list), core.authorization_digest(chain_id, address, nonce))
      end
    end
  end)

  it("raises for a nonce beyond 64 bits and an address of another length", function()
    assert.has_error(function() core.authorization_digest(1, ("\1"):rep(20), "18446744073709551616") end)
    assert.has_error(function() core.authorization_digest(1, "0x00", 0) end)
    assert.has_error(function() core.authorization_digest(-1, ("\1"):rep(20), 0) end)
  end)
end)

-- Transactions are put together in Lua; here their parts: RLP, hash and signature.
describe("core and transactions", function()
  it("find the signing hash, the signature and the hash of each", function()
    for _, case in ipairs(vectors.transactions) do
      local digest = core.keccak256(core.unhex(case.unsigned))
      assert.equal(case.sighash, core.hex(digest))
      local key = assert(core.key_import("secp256k1", core.unhex(case.privateKey)))
      assert.equal(case.from, core.hex(key:address()))
      assert.equal(case.r .. case.s:sub(3), core.hex(key:sign(digest):sub(1, 64)))
      assert.equal(case.hash, core.hex(core.keccak256(core.unhex(case.raw))))
    end
  end)

  it("read each and write it again", function()
    for _, case in ipairs(vectors.transactions) do
      local raw = core.unhex(case.raw)
      local prefix = raw:byte() < 0xc0 and raw:sub(1, 1) or ""
      assert.equal(raw, prefix .. core.rlp_encode(assert(core.rlp_decode(raw:sub(#prefix + 1)))))
    end
  end)
end)
