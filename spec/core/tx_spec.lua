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

describe("core.authorization_sign", function()
  it("adds the signature that the vectors have", function()
    for _, case in ipairs(vectors.authorizations) do
      local key = assert(core.key_import("secp256k1", core.unhex(case.privateKey)))
      local authorization = { chainId = case.chainId, address = case.address, nonce = case.nonce }
      local signed = assert(core.authorization_sign(authorization, key))
      assert.same({ chainId = case.chainId, address = case.address, nonce = case.nonce, r = case.r, s = case.s,
        yParity = case.yParity }, signed)
      assert.is_nil(authorization.r)
    end
  end)

  it("refuses texts that say nothing of use, and raises for what is no authorization", function()
    local key = assert(core.key_generate "secp256k1")
    local signed, err = core.authorization_sign({ chainId = 1, address = "0x12", nonce = 0 }, key)
    assert.is_nil(signed)
    assert.equal("invalid_value: address: not an address", tostring(err))
    local address = "0x" .. ("ab"):rep(20)
    assert.has_error(function() core.authorization_sign({ chainId = 1, address = address }, key) end)
    assert.has_error(function() core.authorization_sign({ chainId = 1, address = address, nonce = 0, v = 1 }, key) end)
    local p256 = assert(core.key_generate "p256")
    assert.has_error(function() core.authorization_sign({ chainId = 1, address = address, nonce = 0 }, p256) end)
  end)
end)

-- JSON's null, where the vectors create a contract, is nothing here.
local function transactions()
  local list = {}
  for i, case in ipairs(vectors.transactions) do
    local tx = {}
    for name, value in pairs(case.tx) do tx[name] = value end
    if type(tx.to) ~= "string" then tx.to = nil end
    list[i] = { tx = tx, case = case, key = assert(core.key_import("secp256k1", core.unhex(case.privateKey))) }
  end
  return list
end

describe("core.tx_encode", function()
  it("writes what is signed for each of the vectors", function()
    for _, each in ipairs(transactions()) do
      local unsigned = assert(core.tx_encode(each.tx))
      assert.equal(each.case.unsigned, core.hex(unsigned))
      assert.equal(each.case.sighash, core.hex(core.keccak256(unsigned)))
    end
  end)

  it("writes the signed transaction for a signature", function()
    for _, each in ipairs(transactions()) do
      local signature = each.key:sign(core.unhex(each.case.sighash))
      assert.equal(each.case.raw, core.hex(assert(core.tx_encode(each.tx, signature))))
    end
  end)

  it("takes u256 and text for numbers, and nothing for no value and no data", function()
    local case = vectors.transactions[1]
    local tx = {}
    for name, value in pairs(case.tx) do tx[name] = value end
    tx.chainId, tx.nonce, tx.gas = core.u256(tx.chainId), ("%d"):format(tx.nonce), core.u256(tx.gas):hex()
    assert.equal(case.unsigned, core.hex(assert(core.tx_encode(tx))))
    tx.value, tx.data = 0, "0x"
    local with = assert(core.tx_encode(tx))
    tx.value, tx.data = nil, nil
    assert.equal(with, assert(core.tx_encode(tx)))
  end)
end)

describe("core.tx_sign", function()
  it("gives the transaction and its hash as the vectors have them", function()
    for _, each in ipairs(transactions()) do
      local raw, hash = assert(core.tx_sign(each.tx, each.key))
      assert.equal(each.case.raw, core.hex(raw))
      assert.equal(each.case.hash, core.hex(hash))
      assert.equal(each.case.from, core.hex(each.key:address()))
    end
  end)

  it("takes authorizations as authorization_sign gives them", function()
    local key = assert(core.key_generate "secp256k1")
    local address = "0x" .. ("ab"):rep(20)
    local raw = assert(core.tx_sign({ type = "eip7702", chainId = 1, nonce = 0, gas = 100000, maxFeePerGas = 1,
      to = address, authorizationList = { assert(core.authorization_sign({ chainId = 1, address = address, nonce = 1 },
        key)) } }, key))
    local fields = assert(core.rlp_decode(raw:sub(2)))
    assert.equal(core.unhex(address), fields[10][1][2])
  end)
end)

describe("core transactions", function()
  local address = "0x" .. ("ab"):rep(20)
  local function legacy(change)
    local tx = { type = "legacy", chainId = 1, nonce = 0, gas = 21000, gasPrice = 1, to = address }
    for name, value in pairs(change or {}) do tx[name] = value end
    return tx
  end
  local function fee(change)
    local tx = { type = "eip1559", chainId = 1, nonce = 0, gas = 21000, maxFeePerGas = 2, to = address }
    for name, value in pairs(change or {}) do tx[name] = value end
    return tx
  end
  local function refusal(tx, signature)
    local bytes, err = core.tx_encode(tx, signature)
    assert.is_nil(bytes)
    return tostring(err)
  end

  it("are refused for values that do not fit, by name", function()
    assert.equal("invalid_value: gas: does not fit 64 bits", refusal(legacy { gas = "18446744073709551616" }))
    assert.equal("invalid_value: value: does not fit 256 bits", refusal(legacy { value = "0x1" .. ("0"):rep(64) }))
    assert.equal("invalid_value: nonce: not a non-negative integer", refusal(legacy { nonce = -1 }))
    assert.equal("invalid_value: gasPrice: not a non-negative integer", refusal(legacy { gasPrice = "1.5" }))
    assert.equal("invalid_value: to: not an address", refusal(legacy { to = "0x12" }))
    assert.equal("invalid_value: data: not 0x and an even number of hex digits", refusal(legacy { data = "0x123" }))
    assert.equal("invalid_value: data: not 0x and an even number of hex digits", refusal(legacy { data = "12" }))
    assert.equal("invalid_value: type: neither 'legacy' nor 'eip1559' nor 'eip7702'", refusal(legacy { type = "0x1" }))
    assert.equal("invalid_value: accessList[2].address: not an address",
      refusal(fee { accessList = { { address = address }, { address = "0x" } } }))
    assert.equal("invalid_value: accessList[1].storageKeys: a key is not 0x and 64 hex digits",
      refusal(fee { accessList = { { address = address, storageKeys = { "0x12" } } } }))
    assert.equal("invalid_value: authorizationList[1].yParity: neither 0 nor 1", refusal(fee {
      authorizationList = { { chainId = 1, address = address, nonce = 0, r = 1, s = 1, yParity = 27 } } }))
  end)

  it("are refused when fields do not go together", function()
    for _, tx in ipairs { legacy { chainId = 0 }, legacy { maxFeePerGas = 1 }, legacy { nonce = "0xffffffffffffffff" },
      legacy { accessList = { { address = address } } }, fee { gasPrice = 1 }, fee { maxPriorityFeePerGas = 3 },
      fee { type = "eip7702" } } do
      assert.matches("^invalid_value: ", refusal(tx))
    end
  end)

  it("are refused with signatures that no chain takes", function()
    for _, signature in ipairs { ("\0"):rep(65), ("\255"):rep(64) .. "\0", ("\1"):rep(64) .. "\2" } do
      assert.matches("^invalid_signature: ", refusal(legacy(), signature))
    end
    assert.matches("^invalid_signature: authorization", refusal(fee { type = "eip7702", authorizationList = {
      { chainId = 1, address = address, nonce = 0, r = 0, s = 1, yParity = 0 } } }))
  end)

  it("are refused when they get too long", function()
    assert.matches("^limit: ", refusal(legacy { data = "0x" .. ("00"):rep(1048577) }))
  end)

  it("raise for members that are missing, unknown or of another kind", function()
    local key = assert(core.key_generate "secp256k1")
    for _, name in ipairs { "type", "chainId", "nonce", "gas", "gasPrice" } do
      local tx = legacy()
      tx[name] = nil
      assert.error_matches(function() core.tx_encode(tx) end, name)
    end
    for _, tx in ipairs { fee { gasLimit = 1 }, fee { [1] = 1 }, fee { to = 5 }, fee { data = {} }, fee { value = {} },
      fee { accessList = "0x" }, fee { accessList = { address } }, fee { accessList = { { address = address,
      keys = {} } } }, fee { accessList = { { address = address, storageKeys = { 1 } } } },
      fee { authorizationList = { { chainId = 1, address = address, nonce = 1 } } } } do
      assert.error_matches(function() core.tx_sign(tx, key) end, "bad argument #1")
    end
    assert.has_error(function() core.tx_encode(legacy(), "0x12") end)
    assert.has_error(function() core.tx_encode "legacy" end)
    assert.has_error(function() core.tx_sign(legacy()) end)
    assert.has_error(function() core.tx_sign(legacy(), assert(core.key_generate "p256")) end)
    key:close()
    assert.has_error(function() core.tx_sign(legacy(), key) end)
  end)
end)
