-- Known answers: vectors/intents.json (encodings and digests of intents and pre-calls), vectors/account.json (intents,
-- pre-calls, direct executions and ERC-1271 digests that the contracts themselves accepted on a chain),
-- vectors/keys.json (wrapped signatures, ERC-1271 digests) and section 11 of the wire reference. The tampered answers
-- are made here from one in the shape that reference gives.
local contracts = require "rise.contracts"
local core = require "rise.core"
local intent = require "rise.intent"
local json = require "rise.json"
local permissions = require "rise.permissions"
local vectors = require "support.vectors"

local intents = vectors.load "intents"
local account_vectors = vectors.load "account"
local keys = vectors.load "keys"

local ZERO = contracts.NATIVE
local ACCOUNT = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
local OTHER = "0x00000000000000000000000000000000000000dd"

-- A multichain domain has no chain id; any will do then.
local function domain_of(vector)
  return { chain_id = vector.chainId or 1, orchestrator = vector.verifyingContract, version = vector.version }
end

local function environment_domain(environment)
  return { chain_id = environment.chainId, orchestrator = environment.addresses.orchestrator, version = "0.5.5" }
end

-- Fields with their numbers as text, to compare.
local function plain(fields)
  local copy = {}
  for name, value in pairs(fields) do
    copy[name] = core.is_u256(value) and tostring(value) or value
  end
  return copy
end

local function plain_vector(fields)
  local copy = {}
  for name, value in pairs(fields) do
    if type(value) == "number" then value = string.format("%.0f", value) end
    if name == "nonce" or name == "paymentMaxAmount" or name == "combinedGas" or name == "expiry"
      or name == "paymentAmount" then
      value = tostring(core.u256(value))
    end
    copy[name] = value
  end
  return copy
end

local function plain_calls(calls)
  local list = {}
  for i, call in ipairs(calls) do
    list[i] = { to = call.to, value = tostring(core.u256(call.value)), data = call.data }
  end
  return list
end

describe("calls", function()
  it("encode and decode as recorded", function()
    local count = 0
    local function both(calls, data)
      assert.equal(data, assert(intent.encode_calls(calls)))
      assert.same(plain_calls(calls), plain_calls(assert(intent.decode_calls(data))))
      count = count + 1
    end
    for _, case in ipairs(intents.intents) do both(case.calls, case.intent.executionData) end
    for _, case in ipairs(intents.preCalls) do both(case.calls, case.preCall.executionData) end
    for _, environment in ipairs(account_vectors.environments) do
      for _, case in ipairs(environment.intents) do both(case.calls, case.executionData) end
      for _, case in ipairs(environment.executes) do both(case.calls, case.executionData) end
      both(environment.signedCall.calls, environment.signedCall.executionData)
      both(environment.digestOnly.calls, environment.digestOnly.executionData)
    end
    assert.is_true(count > 60)
  end)

  it("say what is wrong in them", function()
    local data, err = intent.encode_calls { { to = "0x1" } }
    assert.is_nil(data)
    assert.equal("calls[1].to", err.message:sub(1, 11))
    local no_length = "0x" .. string.rep("00", 31) .. "20"
    for _, bad in ipairs { "0x", "0x00", no_length, "0x" .. string.rep("ff", 64), "calls" } do
      local calls
      calls, err = intent.decode_calls(bad)
      assert.is_nil(calls)
      assert.is_string(err.code)
    end
  end)

  it("of a megabyte take one pass", function()
    local data = "0x" .. string.rep("ab", 1024 * 1024)
    local encoded = assert(intent.encode_calls { { to = OTHER, data = data } })
    assert.equal(data, assert(intent.decode_calls(encoded))[1].data)
  end)
end)

describe("intents", function()
  it("encode, decode and hash as recorded", function()
    for i, case in ipairs(intents.intents) do
      local domain = domain_of(case.domain)
      assert.equal(case.encoded, assert(intent.encode(case.intent)), i)
      assert.equal(case.execute, assert(intent.execute_calldata(case.intent)), i)
      assert.equal(case.digest, assert(intent.digest(case.intent, domain)), i)
      local fields = assert(intent.decode(case.encoded))
      assert.same(plain_vector(case.intent), plain(fields))
      assert.equal(case.digest, assert(intent.digest(fields, domain)))
    end
  end)

  it("hash as the contracts did", function()
    local count = 0
    for _, environment in ipairs(account_vectors.environments) do
      local domain = environment_domain(environment)
      local list = { environment.digestOnly }
      for _, case in ipairs(environment.intents) do list[#list + 1] = case end
      for _, case in ipairs(list) do
        assert.equal(case.digest, assert(intent.digest(case.fields, domain)), case.name)
        assert.equal(case.encodedIntent, assert(intent.encode(case.fields)), case.name)
        if case.executeCalldata then
          assert.equal(case.executeCalldata, assert(intent.execute_calldata(case.fields)), case.name)
        end
        assert.same(plain_vector(case.fields), plain(assert(intent.decode(case.encodedIntent))))
        count = count + 1
      end
    end
    assert.is_true(count > 10)
  end)

  it("hash as section 11 of the wire reference says", function()
    local domain = intent.domain(11155931, "0x" .. string.rep("11", 20), "0.5.5")
    local fields = {
      eoa = "0x" .. string.rep("22", 20), calls = { { to = "0x" .. string.rep("33", 20), data = "0xd09de08a" } },
      nonce = 5, paymentMaxAmount = 1000, combinedGas = 200000,
    }
    local digest = "0x4c821b207d9800fb36be7b20c72652592d92511056bd122564543cb2b6358358"
    assert.equal(digest, assert(intent.digest(fields, domain)))
    assert.equal("0xc91473ced040f2eef32004da0d32d0b5ae108fd63f786f10f3c2362500160aab",
      intent.erc1271_digest("0x" .. string.rep("22", 20), digest))
    fields.encodedPreCalls = { "0xdeadbeef" }
    assert.equal("0xfe0e43e1a73de80ac5644cdaf7c91653b1902ade71cc98436066c09f43ca2e20",
      assert(intent.digest(fields, domain)))
    local call = { eoa = fields.eoa, calls = { { data = "0xd09de08a" } }, nonce = 5 }
    assert.equal("0x2109a9c8e0068f04b77ea441850fc0d2da3169deb324c88e1fd12d295aea9038",
      assert(intent.signed_call_digest(call, domain)))
    call.nonce = core.u256(0xc1d0):shl(240) + core.u256(1):shl(64)
    assert.equal("0x64fe568f804b84d0074232bd2f7507bdc6afd67bf4a749446942a2430c23775f",
      assert(intent.signed_call_digest(call, domain)))
  end)

  it("are completed with zeros", function()
    local fields = assert(intent.new { eoa = "0x" .. ("AB"):rep(20), calls = { { to = OTHER } }, nonce = "0x07" })
    assert.equal("0x" .. ("ab"):rep(20), fields.eoa)
    assert.equal("7", tostring(fields.nonce))
    assert.equal(ZERO, fields.settler)
    assert.same({}, fields.encodedPreCalls)
    assert.is_false(fields.isMultichain)
    assert.equal("0x", fields.signature)
  end)

  it("are refused when a field does not fit, raised when a program mistakes a name", function()
    local encoded, err = intent.encode { eoa = ACCOUNT, nonce = -1 }
    assert.is_nil(encoded)
    assert.equal("nonce", err.field)
    encoded, err = intent.encode { eoa = "0x12" }
    assert.is_nil(encoded)
    assert.equal("eoa", err.field)
    encoded, err = intent.encode { encodedPreCalls = { "0x1" } }
    assert.is_nil(encoded)
    assert.equal("encodedPreCalls[1]", err.field)
    assert.has_error(function() intent.encode { eao = ACCOUNT } end, "intent.encode: unknown field eao")
    assert.has_error(function() intent.encode { calls = {}, executionData = "0x" } end)
    assert.has_error(function() intent.digest({}, { chain_id = 1, orchestrator = OTHER }) end)
  end)

  it("cut short do not decode", function()
    local data = intents.intents[1].encoded
    for _, size in ipairs { 0, 4, 31, 32, 64, 640, 671 } do
      local fields, err = intent.decode(data:sub(1, 2 + 2 * size))
      assert.is_nil(fields)
      assert.is_string(err.code)
    end
  end)
end)

describe("pre-calls", function()
  it("encode, decode and hash as recorded", function()
    for _, case in ipairs(intents.preCalls) do
      assert.equal(case.digest, assert(intent.signed_call_digest(case.preCall, domain_of(case.domain))))
      assert.equal(case.encoded, assert(intent.encode_signed_call(case.preCall)))
      assert.same(plain_vector(case.preCall), plain(assert(intent.decode_signed_call(case.encoded))))
    end
    for _, environment in ipairs(account_vectors.environments) do
      local case = environment.signedCall
      local call = { eoa = case.eoa, executionData = case.executionData, nonce = case.nonce,
        signature = case.signature }
      assert.equal(case.digest, assert(intent.signed_call_digest(call, environment_domain(environment))))
      assert.equal(case.encoded, assert(intent.encode_signed_call(call)))
    end
  end)
end)

describe("direct executions", function()
  it("hash and encode as recorded", function()
    for _, environment in ipairs(account_vectors.environments) do
      for _, case in ipairs(environment.executes) do
        assert.equal(case.digest, assert(intent.execute_digest(case.calls, case.nonce,
          { chain_id = environment.chainId, account = case.account, version = "0.5.10" })))
        assert.equal(case.executeCalldata,
          assert(intent.account_execute_calldata(case.calls, case.nonce, case.signer.wrapped)))
      end
    end
  end)

  it("by the account itself carry the calls alone", function()
    local calls = { { to = OTHER, data = "0xd09de08a" } }
    local data = assert(intent.account_execute_calldata(calls))
    local values = assert(contracts.decode_call(contracts.account.execute, data))
    assert.equal(contracts.MODE_BATCH, values[1])
    assert.equal(assert(intent.encode_calls(calls)), values[2])
  end)
end)

describe("signatures", function()
  it("are wrapped as recorded, and unwrapped", function()
    for i, case in ipairs(keys.signatures) do
      local key_hash = keys.keys[i].hash
      assert.equal(case.wrapped, intent.wrap_signature(case.inner, key_hash, case.wrapped:sub(-2) == "01"))
      local inner, hash, prehash = intent.unwrap_signature(case.wrapped)
      assert.equal(case.inner, inner)
      assert.equal(key_hash, hash)
      assert.equal(case.wrapped:sub(-2) == "01", prehash)
    end
    for _, case in ipairs(account_vectors.environments[1].intents) do
      local signer = case.signer
      if signer.keyHash and signer.keyType ~= "root" then
        assert.equal(signer.wrapped, intent.wrap_signature(signer.inner, signer.keyHash, signer.prehash))
      end
    end
  end)

  it("of 64 and 65 bytes are the root key's, shorter ones nothing", function()
    local root = "0x" .. string.rep("11", 65)
    local inner, hash = intent.unwrap_signature(root)
    assert.equal(root, inner)
    assert.is_nil(hash)
    assert.is_nil((intent.unwrap_signature("0x" .. string.rep("11", 32))))
    inner, hash = intent.unwrap_signature("0x" .. string.rep("22", 33))
    assert.equal("0x", inner)
    assert.equal("0x" .. string.rep("22", 32), hash)
  end)

  it("for apps have the account's digest", function()
    for _, case in ipairs(keys.replaySafe) do
      assert.equal(case.digest, intent.erc1271_digest(case.address, case.payload))
    end
    local case = account_vectors.environments[1].erc1271
    assert.equal(case.digest, intent.erc1271_digest(case.account, case.appDigest))
  end)
end)

describe("nonces", function()
  it("are made of sequence key and sequence", function()
    assert.equal("0x70000000000000003", intent.nonce(7, 3):hex())
    assert.equal("129127208515966861315", tostring(intent.nonce("7", core.u256(3))))
    assert.equal("0x0", intent.nonce(0):hex())
    local key, number = intent.split_nonce("0x70000000000000003")
    assert.equal("7", tostring(key))
    assert.equal("3", tostring(number))
    assert.has_error(function() intent.nonce(core.u256(1):shl(192), 0) end)
    assert.has_error(function() intent.nonce(0, core.u256(1):shl(64)) end)
    assert.has_error(function() intent.nonce(-1, 0) end)
  end)

  it("of a key's pre-calls follow its hash", function()
    for _, key in ipairs(keys.keys) do
      assert.equal(tostring(core.u256(key.sequenceKey)), tostring(intent.key_sequence(key.hash)))
    end
    local hash = "0xf9fce1d8592079952872505a4ab96b8cb063124006de69b52584d9bafe2cadc4"
    assert.equal("0xf9fce1d8592079952872505a4ab96b8cb063124006de69b50000000000000000",
      intent.nonce(intent.key_sequence(hash), 0):hex())
  end)

  it("are multichain by their prefix alone", function()
    assert.is_true(intent.is_multichain("0xc1d0000000000000000000000000000000000000000000770000000000000000"))
    assert.is_false(intent.is_multichain("0xc1d1000000000000000000000000000000000000000000770000000000000000"))
    assert.is_false(intent.is_multichain(0xc1d0))
    assert.is_false(intent.is_multichain("0xc1d000000000000000000000000000000000000000000077000000000000000"))
  end)
end)

describe("the outcome", function()
  it("is read from the event of this account and nonce, not from the first", function()
    local count = 0
    for _, environment in ipairs(account_vectors.environments) do
      for _, case in ipairs(environment.intents) do
        local onchain = type(case.onchain) == "table" and case.onchain
        if onchain and onchain.intentExecutedLogs then
          local logs = {}
          for i, log in ipairs(onchain.intentExecutedLogs) do
            logs[i] = { address = environment.addresses.orchestrator:upper():gsub("X", "x"), topics = log.topics,
              data = log.data }
          end
          local executed = assert(intent.find_executed(logs, environment.addresses.orchestrator, case.fields.eoa,
            case.fields.nonce))
          assert.equal(onchain.incremented, executed.incremented)
          assert.equal(onchain.err, executed.err)
          count = count + 1
        end
      end
    end
    assert.is_true(count > 5)
  end)

  local function log(nonce, incremented, err, changes)
    local made = {
      address = OTHER,
      topics = { contracts.INTENT_EXECUTED, "0x" .. string.rep("0", 24) .. ACCOUNT:sub(3),
        core.hex(core.u256(nonce):bytes()) },
      data = "0x" .. string.rep("0", 63) .. (incremented and "1" or "0") .. err .. string.rep("0", 56),
    }
    for name, value in pairs(changes or {}) do made[name] = value end
    return made
  end

  it("of a revert carries its selector", function()
    local logs = { log(1, true, "00000000"), log(2, true, "F78C1B53") }
    assert.same({ incremented = true, err = "0xf78c1b53" }, intent.find_executed(logs, OTHER, ACCOUNT, 2))
    assert.same({ incremented = true, err = "0x00000000" }, intent.find_executed(logs, OTHER, ACCOUNT, "0x1"))
    assert.is_nil(intent.find_executed(logs, OTHER, ACCOUNT, 3))
    assert.is_nil(intent.find_executed(logs, OTHER, OTHER, 2))
    assert.is_nil(intent.find_executed(logs, ACCOUNT, ACCOUNT, 2))
    assert.is_nil(intent.find_executed({}, OTHER, ACCOUNT, 2))
  end)

  it("is what used up the nonce, where it was tried twice", function()
    local ok, failed = log(2, true, "00000000"), log(2, false, "756688fe")
    assert.same({ incremented = true, err = "0x00000000" }, intent.find_executed({ ok, failed }, OTHER, ACCOUNT, 2))
    assert.same({ incremented = true, err = "0x00000000" }, intent.find_executed({ failed, ok }, OTHER, ACCOUNT, 2))
    assert.same({ incremented = false, err = "0x756688fe" }, intent.find_executed({ failed }, OTHER, ACCOUNT, 2))
  end)

  it("does not trip over odd logs", function()
    assert.is_nil(intent.find_executed({
      5, {}, { topics = 1 }, { topics = {} }, log(2, true, "00000000", { data = "0x01" }),
      log(2, true, "00000000", { data = json.null }), log(2, true, "00000000", { removed = true }),
      log(2, true, "00000000", { address = json.null }), log(2, true, "00000000", { topics = { 1, 2, 3 } }),
    }, OTHER, ACCOUNT, 2))
  end)
end)

-- ---- verification ---------------------------------------------------------------------------------------------

local ENVIRONMENT = account_vectors.environments[2]
local CHAIN_ID, ORCHESTRATOR = ENVIRONMENT.chainId, ENVIRONMENT.addresses.orchestrator
local DOMAIN = { chain_id = CHAIN_ID, orchestrator = ORCHESTRATOR, version = "0.5.5" }
local PRE_CALL = ENVIRONMENT.signedCall -- signed by the account's own key, about the first session key
local SESSION, SESSION2 = account_vectors.keys[1].keyHash, account_vectors.keys[2].keyHash
local COUNTER = ENVIRONMENT.addresses.counter
local NONCE = "0x1234500000000000000000000000000000000000000000070000000000000001"

local function call_data(item, ...)
  return assert(contracts.encode_call(item, { ... }))
end

local function asked_calls()
  return {
    { to = COUNTER, value = core.u256(0), data = "0xd09de08a" },
    { to = OTHER, value = core.u256(12), data = "0x" },
    { to = ACCOUNT, value = 0, data = call_data(contracts.erc20.transfer, OTHER, 255) },
  }
end

local function expected(changes)
  local made = {
    account = ACCOUNT, chain_id = CHAIN_ID, orchestrator = ORCHESTRATOR, version = "0.5.5", calls = asked_calls(),
    nonce = NONCE, fee_token = ZERO, max_fee = core.u256("10000000000000"), known_pre_calls = { PRE_CALL.digest },
    now = 1767225600,
  }
  for name, value in pairs(changes or {}) do made[name] = value end
  return made
end

-- An answer as the relay gives it, through JSON; `change` may alter its parts, and `rehash` makes the digest agree
-- with what it then says, as a relay that lies well would.
local function answer(change, rehash)
  local fields = {
    eoa = ACCOUNT, executionData = assert(intent.encode_calls(asked_calls())), nonce = NONCE, payer = ZERO,
    paymentToken = ZERO, paymentMaxAmount = "0x9184e72a000", combinedGas = "0x30d40",
    encodedPreCalls = { PRE_CALL.encoded }, encodedFundTransfers = json.array {}, settler = ZERO, expiry = "0x0",
    isMultichain = false, funder = ZERO, funderSignature = "0x", settlerContext = "0x",
    paymentAmount = "0x9184e72a000", paymentRecipient = OTHER, signature = "0x", paymentSignature = "0x",
    supportedAccountImplementation = ENVIRONMENT.addresses.implementation,
  }
  local quote = {
    chainId = string.format("0x%x", CHAIN_ID), intent = fields, extraPayment = "0x0", ethPrice = "0xde0b6b3a7640000",
    paymentTokenDecimals = 18, txGas = "0x493e0",
    nativeFeeEstimate = { maxFeePerGas = "0x3b9aca00", maxPriorityFeePerGas = "0x5f5e100" },
    authorizationAddress = json.null, additionalAuthorization = json.null, orchestrator = ORCHESTRATOR,
    feeTokenDeficit = "0x0",
  }
  local prepared = {
    context = { quote = {
      quotes = { quote }, ttl = 1767225630, multiChainRoot = json.null, feePayerQuote = json.null,
      r = "0x" .. string.rep("11", 32), s = "0x" .. string.rep("22", 32), yParity = "0x0", v = "0x0",
      hash = "0x" .. string.rep("33", 32),
    } },
    typedData = { domain = {}, types = {}, primaryType = "Intent", message = {} },
    capabilities = { authorizeKeys = json.array {} },
    signature = "0x" .. string.rep("44", 65),
  }
  prepared.digest = assert(intent.digest(assert(intent.from_json(fields)), DOMAIN))
  if change then change(fields, quote, prepared) end
  if rehash then prepared.digest = assert(intent.digest(assert(intent.from_json(fields)), DOMAIN)) end
  return assert(json.decode(json.encode(prepared)))
end

local function refused(field, change, options)
  options = options or {}
  local digest, err = intent.verify(answer(change, options.rehash), expected(options.expected))
  assert.is_nil(digest)
  assert.equal(options.code or "relay_tampered", err.code)
  assert.equal(field, err.field)
  return err
end

describe("intent.verify", function()
  it("passes an honest answer and gives its digest", function()
    local prepared = answer()
    assert.equal(prepared.digest, assert(intent.verify(prepared, expected())))
  end)

  it("passes where little is asked for", function()
    assert.is_string(assert(intent.verify(answer(), {
      account = ACCOUNT, chain_id = CHAIN_ID, orchestrator = ORCHESTRATOR, version = "0.5.5", calls = asked_calls(),
      pre_call_allowed = function() return true end,
    })))
  end)

  -- What the signature covers, each changed in one bit while the digest stays.
  local FLIPS = {
    eoa = ACCOUNT:sub(1, -2) .. "9", nonce = "0x1234500000000000000000000000000000000000000000070000000000000000",
    payer = ZERO:sub(1, -2) .. "1", paymentToken = ZERO:sub(1, -2) .. "1", settler = ZERO:sub(1, -2) .. "1",
    paymentMaxAmount = "0x9184e72a001", combinedGas = "0x30d41", expiry = "0xffffffffff",
    encodedPreCalls = json.array {}, encodedFundTransfers = { "0x" }, isMultichain = true,
  }
  for name, value in pairs(FLIPS) do
    it("refuses another " .. name, function()
      local digest, err = intent.verify(answer(function(fields) fields[name] = value end), expected {
        max_fee = core.u256("0xffffffffffff"),
      })
      assert.is_nil(digest)
      assert.equal("relay_tampered", err.code)
      assert.is_truthy(err.field == name or err.field == "digest")
      assert.is_string(err.asked)
      assert.is_string(err.got)
    end)
  end

  it("refuses every flipped bit of the digest", function()
    local honest = answer().digest
    for i = 3, 66 do
      local flipped = honest:sub(1, i - 1) .. (honest:sub(i, i) == "0" and "1" or "0") .. honest:sub(i + 1)
      local err = refused("digest", function(_, _, prepared) prepared.digest = flipped end)
      assert.equal(honest, err.asked)
      assert.equal(flipped, err.got)
    end
    refused("digest", function(_, _, prepared) prepared.digest = nil end)
    refused("digest", function(_, _, prepared) prepared.digest = honest .. "00" end)
    refused("digest", function(_, _, prepared) prepared.digest = 5 end)
  end)

  it("refuses every flipped digit of the calls that changes them", function()
    local data = assert(intent.encode_calls(asked_calls()))
    local same = plain_calls(asked_calls())
    local refusals = 0
    for i = 3, #data do
      local flipped = data:sub(1, i - 1) .. (data:sub(i, i) == "0" and "1" or "0") .. data:sub(i + 1)
      for _, rehash in ipairs { false, true } do
        local calls = intent.decode_calls(flipped)
        if not rehash or calls then
          local prepared = answer(function(fields) fields.executionData = flipped end, rehash)
          local digest, err = intent.verify(prepared, expected())
          if digest then
            -- Padding behind bytes is no part of them, neither here nor in the contract.
            assert.same(same, plain_calls(calls))
          else
            assert.equal("relay_tampered", err.code)
            refusals = refusals + 1
          end
        end
      end
    end
    assert.is_true(refusals > #data)
  end)

  -- The same where the relay lies consistently: nothing but the comparison with what was asked can tell.
  local function lie(field, change, options)
    options = options or {}
    options.rehash = true
    return refused(field, change, options)
  end

  it("refuses a consistent lie about any field", function()
    lie("eoa", function(fields) fields.eoa = OTHER end)
    lie("nonce", function(fields) fields.nonce = "0x5" end)
    lie("payer", function(fields) fields.payer = OTHER end)
    lie("paymentToken", function(fields) fields.paymentToken = OTHER end)
    lie("settler", function(fields) fields.settler = OTHER end)
    lie("encodedFundTransfers", function(fields) fields.encodedFundTransfers = { "0x" } end)
    lie("expiry", function(fields) fields.expiry = string.format("0x%x", 1767225599) end)
    lie("isMultichain", function(fields) fields.isMultichain = true end)
    lie("paymentAmount", function(fields) fields.paymentAmount = "0x9184e72a001" end)
    lie("chainId", function(_, quote) quote.chainId = "0x1" end)
    lie("orchestrator", function(_, quote) quote.orchestrator = OTHER end)
  end)

  it("refuses a consistent lie about any call", function()
    local function changed(field, change)
      return lie(field, function(fields)
        local calls = asked_calls()
        change(calls)
        fields.executionData = assert(intent.encode_calls(calls))
      end)
    end
    changed("calls[1].to", function(calls) calls[1].to = OTHER end)
    changed("calls[2].value", function(calls) calls[2].value = 13 end)
    changed("calls[3].data", function(calls) calls[3].data = calls[3].data:sub(1, -2) .. "e" end)
    changed("calls[3].to", function(calls) calls[3].to = OTHER end)
    changed("calls[1].to", function(calls) calls[1], calls[2] = calls[2], calls[1] end)
    local err = changed("calls[3]", function(calls) calls[3] = nil end)
    assert.equal("nothing", err.got)
    err = changed("calls[4]", function(calls) calls[4] = { to = OTHER, data = "0xd09de08a" } end)
    assert.equal("nothing", err.asked)
    changed("calls[1]", function(calls) calls[1], calls[2], calls[3] = nil, nil, nil end)
    err = changed("calls[4]", function(calls)
      calls[4] = contracts.self_call(contracts.account.upgradeProxyAccount, { OTHER })
    end)
    assert.is_truthy(err.hint:find("outdated", 1, true))
  end)

  it("refuses a fee above the cap, and says both", function()
    local err = lie("paymentMaxAmount", function(fields) fields.paymentMaxAmount = "0x9184e72a001" end,
      { code = "fee_too_high" })
    assert.equal("10000000000001", tostring(err.fee))
    assert.equal("10000000000000", tostring(err.max_fee))
    assert.equal("the fee is 0.000010000000000001 ETH, above the cap of 0.00001 ETH", err.message)
  end)

  it("refuses anything but one plain quote", function()
    refused("quotes", function(_, quote, prepared) prepared.context.quote.quotes = { quote, quote } end)
    refused("quotes", function(_, _, prepared) prepared.context.quote.quotes = json.array {} end)
    refused("quotes", function(_, _, prepared) prepared.context.quote.quotes = 1 end)
    refused("multiChainRoot", function(_, _, prepared)
      prepared.context.quote.multiChainRoot = "0x" .. string.rep("55", 32)
    end)
    refused("feePayerQuote", function(_, quote, prepared)
      prepared.context.quote.feePayerQuote = { quotes = { quote } }
    end)
    refused("context", function(_, _, prepared) prepared.context.preCall = { eoa = ACCOUNT } end)
    refused("context.quote", function(_, _, prepared) prepared.context.quote = nil end)
    refused("context", function(_, _, prepared) prepared.context = nil end)
  end)

  it("refuses a malformed answer and names the member", function()
    for field, value in pairs {
      ["intent.eoa"] = "0x12", ["intent.nonce"] = "five", ["intent.combinedGas"] = -1, ["intent.payer"] = 5,
      ["intent.executionData"] = "0x123", ["intent.encodedPreCalls"] = { a = "0x" }, ["intent.expiry"] = {},
      ["intent.isMultichain"] = "false", ["intent.encodedFundTransfers"] = { 5 },
      ["intent.paymentMaxAmount"] = "0x1" .. string.rep("0", 64),
    } do
      local name = field:match("%.(.*)")
      local wanted = name == "encodedFundTransfers" and field .. "[1]" or field
      refused(wanted, function(fields) fields[name] = value end)
    end
    for _, name in ipairs { "eoa", "executionData", "nonce", "payer", "paymentToken", "paymentMaxAmount", "combinedGas",
      "encodedPreCalls", "encodedFundTransfers", "settler", "expiry" } do
      refused("intent." .. name, function(fields) fields[name] = nil end)
      refused("intent." .. name, function(fields) fields[name] = json.null end)
    end
    refused("intent.encodedPreCalls", function(fields) fields.encodedPreCalls = "0x" end)
    refused("intent.executionData", function(fields)
      fields.executionData = "0x" .. string.rep("00", 8 * 1024 * 1024 + 1)
    end)
    refused("executionData", function(fields) fields.executionData = "0x" end)
    refused("chainId", function(_, quote) quote.chainId = nil end)
    refused("orchestrator", function(_, quote) quote.orchestrator = nil end)
    refused("intent", function(_, quote) quote.intent = 5 end)
    local list = {}
    for i = 1, 257 do list[i] = "0x" end
    refused("intent.encodedPreCalls", function(fields) fields.encodedPreCalls = list end)
  end)

  it("does not know intents of older orchestrators", function()
    local digest, err = intent.verify(answer(function(fields) fields.totalPaymentMaxAmount = "0x0" end), expected())
    assert.is_nil(digest)
    assert.equal("unsupported", err.code)
    digest, err = intent.verify(answer(), expected { version = "0.4.7" })
    assert.is_nil(digest)
    assert.equal("unsupported", err.code)
    refused("digest", nil, { expected = { version = "0.5.4", pre_call_allowed = function() return true end } })
  end)

  it("passes what is harmless", function()
    local honest = answer().digest
    local function passes(change, changes)
      assert.equal(honest, assert(intent.verify(answer(change), expected(changes))))
    end
    local function upper(text) return "0x" .. text:sub(3):upper() end
    passes(function(fields, quote, prepared)
      for _, name in ipairs { "eoa", "executionData", "nonce", "paymentMaxAmount", "combinedGas", "payer" } do
        fields[name] = upper(fields[name])
      end
      fields.encodedPreCalls = { upper(fields.encodedPreCalls[1]) }
      quote.orchestrator = upper(quote.orchestrator)
      quote.chainId = upper(quote.chainId)
      prepared.digest = upper(prepared.digest)
    end)
    passes(function(fields, quote)
      fields.paymentMaxAmount, fields.combinedGas, fields.expiry = "0x0000009184e72a000", "0x0030d40", "0x00"
      quote.chainId = CHAIN_ID
    end)
    passes(function(fields, quote, prepared)
      fields.note, quote.note, prepared.note, prepared.context.quote.note = 1, {}, "x", json.null
      prepared.typedData, prepared.capabilities, prepared.signature = nil, nil, nil
    end)
    passes(function(_, quote, prepared)
      prepared.context.quote.multiChainRoot, prepared.context.quote.feePayerQuote = nil, nil
      quote.authorizationAddress, quote.feeTokenDeficit = ENVIRONMENT.addresses.proxy, nil
      quote.assetDeficits = json.array {}
    end)
    passes(nil, { account = ACCOUNT:upper():gsub("X", "x"), nonce = core.u256(NONCE), chain_id = core.u256(CHAIN_ID) })
  end)

  it("does not judge what the signature leaves to the relay", function()
    local honest = answer().digest
    local function passes(change)
      assert.equal(honest, assert(intent.verify(answer(change), expected())))
    end
    passes(function(fields) fields.paymentRecipient = ACCOUNT end)
    passes(function(fields) fields.supportedAccountImplementation = ZERO end)
    passes(function(fields) fields.funder, fields.funderSignature, fields.settlerContext = OTHER, "0xaa", "0xbb" end)
    passes(function(fields) fields.signature, fields.paymentSignature = "0x11", "0x22" end)
    passes(function(fields) fields.paymentAmount, fields.paymentRecipient = nil, nil end)
    -- The gas limit is signed, but it is the relay's to choose.
    assert.is_string(assert(intent.verify(answer(function(fields) fields.combinedGas = "0x1" end, true), expected())))
  end)

  it("takes the account's address and the zero address for each other as targets", function()
    local calls = asked_calls()
    calls[3].to = nil
    assert.is_string(assert(intent.verify(answer(), expected { calls = calls })))
    assert.is_string(assert(intent.verify(answer(function(fields)
      local changed = asked_calls()
      changed[3].to = ZERO
      fields.executionData = assert(intent.encode_calls(changed))
    end, true), expected())))
  end)

  it("lets the relay choose a nonce only of this chain", function()
    local multichain = "0xc1d0500000000000000000000000000000000000000000070000000000000001"
    local function choose(fields) fields.nonce = multichain end
    local open = expected()
    open.nonce = nil
    assert.is_string(assert(intent.verify(answer(function(fields) fields.nonce = "0x9" end, true), open)))
    local digest, err = intent.verify(answer(choose, true), open)
    assert.is_nil(digest)
    assert.equal("nonce", err.field)
    assert.is_string(assert(intent.verify(answer(choose, true), expected { nonce = multichain })))
    open.multichain = true
    assert.is_string(assert(intent.verify(answer(choose, true), open)))
  end)

  it("takes another payer when asked to", function()
    local function pays(fields) fields.payer = OTHER end
    lie("payer", pays)
    assert.is_string(assert(intent.verify(answer(pays, true), expected { payer = OTHER })))
    assert.is_string(assert(intent.verify(answer(pays, true), expected { payer = "any" })))
    lie("payer", pays, { expected = { payer = ACCOUNT } })
  end)

  it("does not mind the token of a fee of zero", function()
    local function free(fields) fields.paymentMaxAmount, fields.paymentAmount = "0x0", "0x0" end
    assert.is_string(assert(intent.verify(answer(free, true), expected { fee_token = COUNTER, max_fee = 0 })))
    lie("paymentToken", function(fields)
      free(fields)
      fields.paymentToken = OTHER
    end, { expected = { fee_token = COUNTER } })
  end)

  it("takes an expiry in the future", function()
    assert.is_string(assert(intent.verify(answer(function(fields) fields.expiry = "0x6955b900" end, true),
      expected { now = 0x6955b900 })))
    lie("expiry", function(fields) fields.expiry = "0x6955b900" end, { expected = { now = 0x6955b901 } })
  end)

  it("says what the account lacks", function()
    local err = refused(nil, function(_, quote) quote.feeTokenDeficit = "0xde0b6b3a7640000" end,
      { code = "insufficient_funds" })
    assert.equal("the account lacks 1 ETH for the fee", err.message)
    assert.equal(ZERO, err.token)
    assert.equal("1000000000000000000", tostring(err.missing))
    err = refused(nil, function(_, quote)
      quote.assetDeficits = { { address = json.null, required = "0x5", deficit = "0x3" },
        { address = OTHER, required = "0x10", deficit = "0xff", symbol = "STK", decimals = 1 } }
    end, { code = "insufficient_funds" })
    assert.equal("the account lacks 0.000000000000000003 ETH and 25.5 STK", err.message)
    assert.equal("5", tostring(err.lacking[1].required))
    assert.equal(OTHER, err.lacking[2].token)
    refused("feeTokenDeficit", function(_, quote) quote.feeTokenDeficit = "much" end)
    refused("assetDeficits", function(_, quote) quote.assetDeficits = "much" end)
    refused("assetDeficits[1]", function(_, quote) quote.assetDeficits = { 5 } end)
    refused("assetDeficits[1].deficit", function(_, quote) quote.assetDeficits = { { address = OTHER } } end)
  end)

  it("says that the relay does not know the account", function()
    refused(nil, function(_, quote) quote.authorizationAddress = ZERO end, { code = "unknown_account" })
    refused("authorizationAddress", function(_, quote) quote.authorizationAddress = "none" end)
  end)

  it("raises for a mistake of the program", function()
    assert.has_error(function() intent.verify(answer(), expected { acount = ACCOUNT }) end)
    assert.has_error(function() intent.verify(answer(), expected { account = "0x12" }) end)
    assert.has_error(function() intent.verify(answer(), expected { calls = { { to = "0x12" } } }) end)
    assert.has_error(function() intent.verify("{}", expected()) end)
    assert.has_error(function() intent.verify(answer(), {}) end)
  end)
end)

describe("pre-calls of a bundle", function()
  local root_key, stranger
  setup(function()
    root_key = assert(core.key_import("secp256k1", core.unhex(PRE_CALL.privateKey)))
    stranger = assert(core.key_generate("secp256k1"))
  end)
  teardown(function()
    root_key:close()
    stranger:close()
  end)

  -- An element of encodedPreCalls with these calls.
  local function pre_call(calls, signer, eoa, nonce)
    local call = { eoa = eoa or ACCOUNT, calls = calls, nonce = nonce or 7 }
    local digest = assert(intent.signed_call_digest(call, DOMAIN))
    call.signature = signer and core.hex(signer:sign(core.unhex(digest))) or "0x" .. string.rep("11", 97)
    return assert(intent.encode_signed_call(call)), digest
  end

  local function verify(encoded, changes)
    changes.known_pre_calls = changes.known_pre_calls or {}
    return intent.verify(answer(function(fields) fields.encodedPreCalls = { encoded } end, true), expected(changes))
  end

  local function allowed(encoded, options)
    assert.is_string(assert(verify(encoded, { pre_call_allowed = intent.grant_pre_call_checker(options) })))
  end

  local function not_allowed(why, encoded, options)
    local digest, err = verify(encoded, { pre_call_allowed = intent.grant_pre_call_checker(options) })
    assert.is_nil(digest)
    assert.equal("relay_tampered", err.code)
    assert.equal("encodedPreCalls[1]", err.field:sub(1, 18))
    assert.is_truthy(err.message:find(why, 1, true), err.message)
  end

  local function session_calls(grant)
    local key = account_vectors.keys[1]
    return assert(permissions.admin_calls({ type = "p256", public_key = key.publicKey, expiry = 1800000000 },
      grant or { calls = { { to = COUNTER, selector = "0xd09de08a" } },
        spend = { { token = ZERO, limit = core.u256(5), period = "day" } } }))
  end

  it("are refused when nothing is known of them", function()
    local digest, err = verify(PRE_CALL.encoded, {})
    assert.is_nil(digest)
    assert.equal("encodedPreCalls[1]", err.field)
  end)

  it("are known by digest or by their bytes, for this account", function()
    assert.is_string(assert(verify(PRE_CALL.encoded, { known_pre_calls = { PRE_CALL.digest } })))
    assert.is_string(assert(verify(PRE_CALL.encoded, { known_pre_calls = { PRE_CALL.encoded } })))
    assert.is_string(assert(verify(PRE_CALL.encoded, { known_pre_calls = { { digest = PRE_CALL.digest } } })))
    assert.is_nil((verify(PRE_CALL.encoded, { known_pre_calls = { "0x" .. string.rep("00", 32) } })))
  end)

  it("are put to the program, decoded", function()
    local seen
    assert.is_string(assert(verify(PRE_CALL.encoded, { pre_call_allowed = function(call)
      seen = call
      return true
    end })))
    assert.equal(ACCOUNT, seen.eoa)
    assert.equal(PRE_CALL.digest, seen.digest)
    assert.equal(3, #seen.calls)
    local digest, err = verify(PRE_CALL.encoded, { pre_call_allowed = function() return nil, "never" end })
    assert.is_nil(digest)
    assert.is_truthy(err.message:find("never", 1, true))
  end)

  it("that are no SignedCall are refused", function()
    local no_calls = assert(intent.encode_signed_call { eoa = ACCOUNT, executionData = "0x" })
    for _, encoded in ipairs { "0x", "0xdeadbeef", "0x" .. string.rep("ff", 200), no_calls } do
      local digest, err = verify(encoded, { pre_call_allowed = function() return true end })
      assert.is_nil(digest)
      assert.equal("encodedPreCalls[1]", err.field)
    end
  end)

  it("of another account are refused, whoever allows them", function()
    local encoded = pre_call(session_calls(), nil, OTHER)
    local digest, err = verify(encoded, { pre_call_allowed = function() return true end })
    assert.is_nil(digest)
    assert.equal("encodedPreCalls[1].eoa", err.field)
    local ok, reason = intent.grant_pre_call_checker { account = ACCOUNT, any_key = true } {
      eoa = OTHER, calls = session_calls(),
    }
    assert.is_nil(ok)
    assert.equal("it is for the account " .. OTHER, reason)
  end)

  it("about the session key alone are allowed to it", function()
    local encoded = pre_call(session_calls())
    allowed(encoded, { account = ACCOUNT, key_hash = SESSION })
    allowed((pre_call(session_calls(), nil, ZERO)), { account = ACCOUNT, key_hash = SESSION })
    not_allowed("is not about this session key", encoded, { account = ACCOUNT, key_hash = SESSION2 })
    not_allowed("is not about this session key", encoded, { account = ACCOUNT })
    allowed(encoded, { account = ACCOUNT, any_key = true })
  end)

  it("that do more than manage that key are refused", function()
    local options = { account = ACCOUNT, key_hash = SESSION }
    local account = contracts.account
    local function with(call)
      local calls = session_calls()
      calls[#calls + 1] = call
      return (pre_call(calls))
    end
    not_allowed("does not manage", with { to = COUNTER, data = "0xd09de08a" }, options)
    not_allowed("does not manage", with { to = OTHER, data = call_data(account.revoke, SESSION) }, options)
    not_allowed("does not manage", with { value = 1, data = call_data(account.revoke, SESSION) }, options)
    not_allowed("does not manage", with(contracts.self_call(account.setCallChecker, { SESSION, OTHER, OTHER })),
      options)
    not_allowed("does not manage", with { data = contracts.selector(account.revoke) }, options)
    not_allowed("not about", with(contracts.self_call(account.upgradeProxyAccount, { OTHER })), options)
    not_allowed("not about", with(contracts.self_call(account.setCanExecute, { SESSION2, OTHER, "0x32323232", true })),
      options)
    not_allowed("not about", with(contracts.self_call(account.revoke, { SESSION2 })), options)
    local admin = assert(permissions.admin_calls { type = "p256", public_key = account_vectors.keys[1].publicKey,
      role = "admin" })
    not_allowed("an administrator", (pre_call(admin)), options)
    allowed(with(contracts.self_call(account.revoke, { SESSION })), options)
  end)

  it("that do nothing are refused", function()
    not_allowed("it does nothing", (pre_call({})), { account = ACCOUNT, key_hash = SESSION })
    not_allowed("it does nothing", (pre_call({}, root_key)), { account = ACCOUNT, any_key = true })
  end)

  it("that the account's own key signed are allowed: they made the account", function()
    allowed(PRE_CALL.encoded, { account = ACCOUNT, key_hash = SESSION2 })
    local admin = assert(permissions.admin_calls { type = "p256", public_key = account_vectors.keys[2].publicKey,
      role = "admin" })
    local setup_nonce = core.u256("0xc1d0000000000000000000000000000000000000000056780000000000000000")
    allowed((pre_call(admin, root_key, nil, setup_nonce)), { account = ACCOUNT, key_hash = SESSION })
    not_allowed("not about", (pre_call(admin, stranger, nil, setup_nonce)), { account = ACCOUNT, key_hash = SESSION })
    not_allowed("does not manage", (pre_call({ { to = OTHER, data = "0x12345678" } }, root_key)),
      { account = ACCOUNT, key_hash = SESSION })
  end)

  it("that are known word for word are allowed", function()
    local calls = { { data = call_data(contracts.account.setLabel, "main") } }
    local encoded, digest = pre_call(calls)
    allowed(encoded, { account = ACCOUNT, key_hash = SESSION, calls = { calls } })
    allowed(encoded, { account = ACCOUNT, key_hash = SESSION, known = { { digest = digest } } })
    not_allowed("does not manage", encoded, { account = ACCOUNT, key_hash = SESSION })
  end)

  it("that give more than the grant are refused where it is known", function()
    local function grant(limit, expiry, calls)
      return { calls = calls or { { to = COUNTER, selector = "0xd09de08a" } },
        spend = { { token = ZERO, limit = core.u256(limit), period = "day" } }, expiry = expiry }
    end
    local encoded = pre_call(session_calls())
    local function options(given, orchestrator)
      return { account = ACCOUNT, key_hash = SESSION, grant = given, orchestrator = orchestrator }
    end
    allowed(encoded, options(grant(5, 1800000000)))
    allowed(encoded, options(grant(6, 0)))
    not_allowed("more than was granted", encoded, options(grant(4, 1800000000)))
    not_allowed("more than was granted", encoded, options(grant(5, 1799999999)))
    not_allowed("more than was granted", encoded,
      options(grant(5, 1800000000, { { to = OTHER, selector = "0xd09de08a" } })))
    encoded = pre_call(session_calls { calls = { { to = ORCHESTRATOR, selector = "0x32323232" } }, spend = {} })
    allowed(encoded, options(grant(5, 1800000000), ORCHESTRATOR))
    not_allowed("more than was granted", encoded, options(grant(5, 1800000000)))
  end)
end)

describe("intent.verify_pre_call", function()
  local KEY = { type = "p256", public_key = account_vectors.keys[1].publicKey, expiry = 1800000000 }
  local CALLS = assert(permissions.admin_calls(KEY, { { type = "call", to = COUNTER, selector = "0xd09de08a" } }))

  local function wanted(changes)
    local made = { account = ACCOUNT, chain_id = CHAIN_ID, orchestrator = ORCHESTRATOR, version = "0.5.5",
      calls = CALLS }
    for name, value in pairs(changes or {}) do made[name] = value end
    return made
  end

  local function prepare(change, rehash)
    local call = { eoa = ACCOUNT, executionData = assert(intent.encode_calls(CALLS)),
      nonce = intent.nonce(intent.key_sequence(SESSION), 0):hex(), signature = "0x", chainId = "0xaa39db" }
    local function digest()
      return assert(intent.signed_call_digest(
        { eoa = call.eoa, executionData = call.executionData, nonce = call.nonce }, DOMAIN))
    end
    local prepared = { context = { preCall = call }, digest = digest() }
    if change then change(call, prepared) end
    if rehash then prepared.digest = digest() end
    return assert(json.decode(json.encode(prepared)))
  end

  local function refuse(field, change, changes, rehash)
    local digest, err = intent.verify_pre_call(prepare(change, rehash ~= false), wanted(changes))
    assert.is_nil(digest)
    assert.equal("relay_tampered", err.code)
    assert.equal(field, err.field)
  end

  it("passes an honest answer and gives its digest", function()
    local prepared = prepare()
    assert.equal(prepared.digest, assert(intent.verify_pre_call(prepared, wanted())))
    assert.is_string(assert(intent.verify_pre_call(prepare(function(call) call.chainId = nil end), wanted())))
  end)

  it("refuses lies, consistent or not", function()
    refuse("eoa", function(call) call.eoa = OTHER end)
    refuse("eoa", function(call) call.eoa = ZERO end)
    refuse("chainId", function(call) call.chainId = "0x1" end)
    refuse("nonce", function(call) call.nonce = "0x7" end, { nonce = 8 })
    refuse("digest", function(call) call.nonce = "0x7" end, nil, false)
    refuse("digest", function(_, prepared) prepared.digest = "0x" .. string.rep("00", 32) end, nil, false)
    refuse("calls[1].data", function(call)
      call.executionData = assert(intent.encode_calls { { data = CALLS[2].data }, CALLS[2] })
    end)
    refuse("calls[3]", function(call)
      call.executionData = assert(intent.encode_calls { CALLS[1], CALLS[2], CALLS[2] })
    end)
    refuse("context", function(_, prepared) prepared.context.quote = {} end)
    refuse("context.preCall", function(_, prepared) prepared.context = json.object { x = 1 } end)
    refuse("context", function(_, prepared) prepared.context = nil end)
    refuse("executionData", function(call) call.executionData = "0x" end, nil, false)
    refuse("preCall.eoa", function(call) call.eoa = "0x1" end, nil, false)
    refuse("preCall.executionData", function(call) call.executionData = nil end, nil, false)
  end)

  it("does not know older orchestrators", function()
    local digest, err = intent.verify_pre_call(prepare(), wanted { version = "0.4.7" })
    assert.is_nil(digest)
    assert.equal("unsupported", err.code)
  end)

  it("refuses a grant that would hold on every chain, unless that is meant", function()
    local nonce = "0xc1d0000000000000000000000000000000000000000012340000000000000000"
    local function everywhere(call) call.nonce = nonce end
    refuse("nonce", everywhere)
    assert.is_string(assert(intent.verify_pre_call(prepare(everywhere, true), wanted { multichain = true })))
    assert.is_string(assert(intent.verify_pre_call(prepare(everywhere, true), wanted { nonce = nonce })))
  end)

  it("refuses a nonce at the end of its sequence: making that one void would make it the next in turn", function()
    local function at(number)
      return function(call) call.nonce = intent.nonce(intent.key_sequence(SESSION), number):hex() end
    end
    refuse("nonce", at "18446744073709551615")
    refuse("nonce", at(4294967296))
    assert.is_string(assert(intent.verify_pre_call(prepare(at(4294967295), true), wanted())))
  end)

  it("takes the sequence of a key whose hash begins with c1d0", function()
    local hash = "0xc1d0" .. SESSION:sub(7)
    local calls = permissions.revoke_calls(hash)
    local function change(call)
      call.executionData = assert(intent.encode_calls(calls))
      call.nonce = intent.nonce(intent.key_sequence(hash), 3):hex()
    end
    assert.is_string(assert(intent.verify_pre_call(prepare(change, true), wanted { calls = calls })))
  end)

  it("gives the digest that the contracts accepted", function()
    local prepared = { digest = PRE_CALL.digest, context = { preCall = { eoa = PRE_CALL.eoa, nonce = PRE_CALL.nonce,
      executionData = PRE_CALL.executionData, signature = "0x" } } }
    assert.equal(PRE_CALL.digest, assert(intent.verify_pre_call(prepared,
      wanted { calls = PRE_CALL.calls, multichain = true })))
  end)
end)
