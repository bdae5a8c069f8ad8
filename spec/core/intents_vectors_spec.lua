-- intents.json and account.json: the account system's structs, calls and digests, all of which ran on the contracts.
local core = require "rise.core"
local cases = require "support.abi_cases"

local vectors, account = cases.load "intents", cases.load "account"

local STRUCTS = [[
  struct Call { address to; uint256 value; bytes data; }
  struct Key { uint40 expiry; uint8 keyType; bool isSuperAdmin; bytes publicKey; }
  struct SignedCall { address eoa; bytes executionData; uint256 nonce; bytes signature; }
  struct Intent {
    address eoa; bytes executionData; uint256 nonce; address payer; address paymentToken; uint256 paymentMaxAmount;
    uint256 combinedGas; bytes[] encodedPreCalls; bytes[] encodedFundTransfers; address settler; uint256 expiry;
    bool isMultichain; address funder; bytes funderSignature; bytes settlerContext; uint256 paymentAmount;
    address paymentRecipient; bytes signature; bytes paymentSignature; address supportedAccountImplementation;
  }
  struct SpendInfo {
    address token; uint8 period; uint256 limit; uint256 spent; uint256 lastUpdated; uint256 currentSpent;
    uint256 current;
  }
]]

local function abi(text)
  return assert(core.abi(text, STRUCTS))
end

local calls_list, intent_tuple, pre_call_tuple = abi "(Call[])", abi "(Intent)", abi "(SignedCall)"
local key_tuple = abi "(Key)"
local execute = abi "function execute(bytes encodedIntent)"

local types = account.constants.typeStrings
local intent_type, signed_call_type = assert(core.eip712(types.Intent)), assert(core.eip712(types.SignedCall))
local execute_type, call_type = assert(core.eip712(types.Execute)), assert(core.eip712(types.Call))

local function domain_separator(domain)
  local text
  if domain.chainId then
    text = types.DomainFull
  elseif domain.name then
    text = types.DomainSansChain
  else
    text = types.DomainOnlyVC
  end
  return assert(assert(core.eip712(text)):hash(domain))
end

local function with(fields, more)
  local copy = {}
  for name, value in pairs(fields) do copy[name] = value end
  for name, value in pairs(more) do copy[name] = value end
  return copy
end

-- Decoded values must be what was encoded, field by field.
local function check_decoded(expected, item, bytes)
  local inputs = item:inputs()
  local named = assert(item:decode(bytes))
  assert.same(cases.plain_list(expected, inputs), cases.plain_list(named, inputs))
end

local function in_order(fields, item)
  local list = {}
  for i, component in ipairs(item:inputs()[1].components) do list[i] = fields[component.name] end
  return list
end

describe("the Intent vectors", function()
  it("have the calls as executionData", function()
    assert.equal(20, #vectors.intents)
    for _, list in ipairs { vectors.intents, vectors.preCalls } do
      for _, case in ipairs(list) do
        local data = (case.intent or case.preCall).executionData
        assert.equal(data, core.hex(assert(calls_list:encode { case.calls })))
        local ordered = {}
        for i, call in ipairs(case.calls) do ordered[i] = { call.to, call.value, call.data } end
        check_decoded({ ordered }, calls_list, core.unhex(data))
      end
    end
  end)

  it("have the ABI encoding and the calldata of execute", function()
    for _, case in ipairs(vectors.intents) do
      local bytes = assert(intent_tuple:encode { case.intent })
      assert.equal(case.encoded, core.hex(bytes))
      assert.equal(case.execute, core.hex(assert(execute:encode_call { core.hex(bytes) })))
      check_decoded({ in_order(case.intent, intent_tuple) }, intent_tuple, bytes)
    end
  end)

  it("have the digest", function()
    for _, case in ipairs(vectors.intents) do
      local message = with(case.intent, { multichain = case.domain.chainId == nil, calls = case.calls })
      local hash = assert(intent_type:hash(message))
      assert.equal(case.digest, core.hex(core.eip712_digest(domain_separator(case.domain), hash)))
    end
  end)

  it("have pre-calls with their encoding and digest", function()
    assert.equal(20, #vectors.preCalls)
    for _, case in ipairs(vectors.preCalls) do
      assert.equal(case.encoded, core.hex(assert(pre_call_tuple:encode { case.preCall })))
      check_decoded({ in_order(case.preCall, pre_call_tuple) }, pre_call_tuple, core.unhex(case.encoded))
      local message = with(case.preCall, { multichain = case.domain.chainId == nil, calls = case.calls })
      local hash = assert(signed_call_type:hash(message))
      assert.equal(case.digest, core.hex(core.eip712_digest(domain_separator(case.domain), hash)))
    end
  end)
end)

describe("the account vectors", function()
  local function multichain(nonce)
    return nonce:sub(1, 6) == "0xc1d0"
  end

  local function orchestrator_domain(environment, nonce)
    return domain_separator {
      name = account.constants.domains.orchestrator.name, version = account.constants.domains.orchestrator.version,
      chainId = not multichain(nonce) and environment.chainId or nil,
      verifyingContract = environment.addresses.orchestrator,
    }
  end

  it("have the type hashes", function()
    for name, text in pairs(types) do
      assert.equal(account.constants.typeHashes[name], core.hex(assert(core.eip712(text)):type_hash()), name)
    end
  end)

  it("have the Key struct and the calldata that authorizes it", function()
    local authorize = abi "function authorize(Key key) returns (bytes32 keyHash)"
    local pre_image = abi "(uint8 keyType, bytes32 publicKeyHash)"
    for _, case in ipairs(account.keyStruct) do
      assert.equal(case.abiEncoded, core.hex(assert(key_tuple:encode { case })))
      assert.equal(case.authorizeCalldata, core.hex(assert(authorize:encode_call { case })))
      local bytes = assert(pre_image:encode { case.keyType, core.hex(core.keccak256(core.unhex(case.publicKey))) })
      assert.equal(case.keyHashPreimage, core.hex(bytes))
      assert.equal(case.keyHash, core.hex(core.keccak256(bytes)))
      assert.equal(case.storagePacked, core.hex(assert(abi("(bytes, uint40, uint8, bool)"):encode_packed {
        case.publicKey, case.expiry, case.keyType, case.isSuperAdmin })))
    end
  end)

  it("have the calldata of the account's functions", function()
    assert.equal(21, #account.calldata)
    for _, case in ipairs(account.calldata) do
      assert.equal(case.calldata, core.hex(assert(abi(case.signature):encode_call(case.args))), case.signature)
    end
  end)

  it("have the selectors and topics of the contracts", function()
    local count = 0
    for _, group in pairs(account.selectors) do
      for kind, list in pairs(group) do
        for signature, expected in pairs(list) do
          if not signature:find("^selfCallPayVerifyCall") and type(expected) == "string" then
            count = count + 1
            local item = abi(kind:gsub("s$", "") .. " " .. signature)
            local hash = core.hex(item:hash())
            assert.equal(expected, hash:sub(1, #expected), signature)
          end
        end
      end
    end
    assert.is_true(count > 80)
  end)

  for _, environment in ipairs(account.environments) do
    describe("of the " .. environment.env .. " environment", function()
      it("have intents with their hashes, encodings and digests", function()
        assert.equal(10, #environment.intents)
        for _, case in ipairs(environment.intents) do
          assert.equal(case.executionData, core.hex(assert(calls_list:encode { case.calls })), case.name)
          for i, call in ipairs(case.calls) do
            assert.equal(case.callStructHashes[i], core.hex(assert(call_type:hash(call))), case.name)
          end
          assert.equal(case.encodedIntent, core.hex(assert(intent_tuple:encode { case.fields })), case.name)
          assert.equal(case.executeCalldata, core.hex(assert(execute:encode_call { case.encodedIntent })), case.name)
          local domain = orchestrator_domain(environment, case.fields.nonce)
          assert.equal(case.domainSeparator, core.hex(domain), case.name)
          local hash = assert(intent_type:hash(with(case.fields, {
            multichain = multichain(case.fields.nonce), calls = case.calls })))
          assert.equal(case.structHash, core.hex(hash), case.name)
          assert.equal(case.digest, core.hex(core.eip712_digest(domain, hash)), case.name)
        end
      end)

      it("have a signed pre-call", function()
        local case = environment.signedCall
        for i, call in ipairs(case.calls) do
          assert.equal(case.callStructHashes[i], core.hex(assert(call_type:hash(call))))
        end
        local hash = assert(signed_call_type:hash(case))
        assert.equal(case.structHash, core.hex(hash))
        local domain = orchestrator_domain(environment, case.nonce)
        assert.equal(case.domainSeparator, core.hex(domain))
        assert.equal(case.digest, core.hex(core.eip712_digest(domain, hash)))
        assert.equal(case.encoded, core.hex(assert(pre_call_tuple:encode { case })))
      end)

      it("have direct executions", function()
        local execute_direct = abi "function execute(bytes32 mode, bytes executionData)"
        for _, case in ipairs(environment.executes) do
          local hash = assert(execute_type:hash(case))
          assert.equal(case.structHash, core.hex(hash), case.name)
          assert.equal(case.digest, core.hex(core.eip712_digest(core.unhex(case.domainSeparator), hash)), case.name)
          assert.equal(case.opData, core.hex(assert(abi("(uint256, bytes)"):encode_packed {
            case.nonce, case.signer.wrapped })), case.name)
          local data = core.hex(assert(abi("(Call[] calls, bytes opData)"):encode(case)))
          assert.equal(case.executionDataWithOpData, data, case.name)
          local call = assert(execute_direct:encode_call { case.mode, data })
          assert.equal(case.executeCalldata, core.hex(call), case.name)
        end
      end)
    end)
  end

  it("have an intent in which every field is set", function()
    local checked = 0
    for _, environment in ipairs(account.environments) do
      local case = environment.digestOnly
      checked = checked + 1
      local domain = orchestrator_domain(environment, case.fields.nonce)
      local hash = assert(intent_type:hash(with(case.fields, {
        multichain = multichain(case.fields.nonce), calls = case.calls })))
      assert.equal(case.digest, core.hex(core.eip712_digest(domain, hash)))
      assert.equal(case.encodedIntent, core.hex(assert(intent_tuple:encode { case.fields })))
    end
    assert.equal(2, checked)
  end)

  it("have reads that decode to what they say", function()
    local outputs = {
      getKeys = "getKeys() view returns (Key[] keys, bytes32[] keyHashes)",
      keyAt = "keyAt(uint256) view returns (Key)",
      getKey = "getKey(bytes32) view returns (Key)",
      keyCount = "keyCount() view returns (uint256)",
      canExecutePackedInfos = "canExecutePackedInfos(bytes32) view returns (bytes32[])",
      spendInfos = "spendInfos(bytes32) view returns (SpendInfo[])",
      spendAndExecuteInfos = "spendAndExecuteInfos(bytes32[]) view returns (SpendInfo[][], bytes32[][])",
      canExecute = "canExecute(bytes32,address,bytes) view returns (bool)",
      getNonce = "getNonce(uint192) view returns (uint256)",
      eip712Domain = "eip712Domain() view returns (bytes1,string,string,uint256,address,bytes32,uint256[])",
      ORCHESTRATOR = "ORCHESTRATOR() view returns (address)",
      hash = "hash(Key) pure returns (bytes32)",
      label = "label() pure returns (string)",
    }
    -- JSON has tuples as objects; put them in order.
    local function ordered(value, output)
      local element = output.type:match("^(.*)%[%d*%]$")
      local list = {}
      if element then
        for i = 1, #value do list[i] = ordered(value[i], { type = element, components = output.components }) end
        return list
      elseif output.components then
        for i, component in ipairs(output.components) do list[i] = value[component.name] end
        return list
      end
      return value
    end
    local reads = account.environments[1].reads
    assert.equal(15, #reads)
    for _, case in ipairs(reads) do
      local item = abi(assert(outputs[case["function"]]))
      local list, expected = item:outputs(), {}
      local values = #list == 1 and { case.decoded } or case.decoded
      for i, output in ipairs(list) do expected[i] = ordered(values[i], output) end
      local got = assert(item:decode_outputs(core.unhex(case.returned)))
      assert.same(cases.plain_list(expected, list), cases.plain_list(got, list), case["function"])
      assert.equal(case.calldata:sub(1, 10), core.hex(item:selector()), case["function"])
    end
  end)

  it("have logs of IntentExecuted that name the account and the nonce", function()
    local event = abi "event IntentExecuted(address indexed eoa, uint256 indexed nonce, bool incremented, bytes4 err)"
    local seen = 0
    for _, environment in ipairs(account.environments) do
      for _, case in ipairs(environment.intents) do
        local own
        for _, log in ipairs(case.onchain.intentExecutedLogs or {}) do
          local topics = {}
          for i, topic in ipairs(log.topics) do topics[i] = core.unhex(topic) end
          local args = assert(event:decode_log(topics, core.unhex(log.data)))
          if core.u256(case.fields.nonce) == args.nonce then own = args end
        end
        if own then
          seen = seen + 1
          assert.equal(case.fields.eoa, own.eoa)
          assert.equal(case.onchain.incremented, own.incremented)
          assert.equal(case.onchain.err, own.err)
        end
      end
    end
    assert.is_true(seen > 10)
  end)
end)
