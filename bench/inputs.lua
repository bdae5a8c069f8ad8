--- What the candidates work on: known answers out of spec/vectors, as raw bytes for C and Lua and as JSON for Node.js.

local contracts = require "rise.contracts"
local core = require "rise.core"
local json = require "rise.json"

local KEYS = 16

-- An Intent with three calls.
local INTENT = 4

local INTENT_TYPE = "Intent(bool multichain,address eoa,Call[] calls,uint256 nonce,address payer,address paymentToken,"
  .. "uint256 paymentMaxAmount,uint256 combinedGas,bytes[] encodedPreCalls,bytes[] encodedFundTransfers,"
  .. "address settler,uint256 expiry)Call(address to,uint256 value,bytes data)"
local DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"

-- The members of the type as a list of parameters: what the C side decodes its values from.
local TYPED_LINE = "(bool multichain,address eoa,Call[] calls,uint256 nonce,address payer,address paymentToken,"
  .. "uint256 paymentMaxAmount,uint256 combinedGas,bytes[] encodedPreCalls,bytes[] encodedFundTransfers,"
  .. "address settler,uint256 expiry)"

local function vectors(root, name)
  local file = assert(io.open(root .. "/spec/vectors/" .. name .. ".json"))
  local value = assert(json.decode(file:read("a")))
  file:close()
  return value
end

local function raw(text)
  return assert(core.unhex(text))
end

-- Not at an edge of the range, where libraries take other ways.
local function ordinary(text)
  return not text:find("^0x000000") and not text:find("^0xffffff")
end

-- KEYS cases with an ordinary key and a digest that is signed as it is.
local function keys(into, prefix, cases, signature)
  local secret, digest, public, sig = {}, {}, {}, {}
  for _, case in ipairs(cases) do
    if #secret < KEYS and not case.sha256 and ordinary(case.privateKey) and ordinary(case.payload) then
      local n = #secret + 1
      secret[n], digest[n] = raw(case.privateKey), raw(case.payload)
      public[n], sig[n] = raw(case.publicKey), raw(case.signature):sub(1, signature)
    end
  end
  assert(#secret == KEYS, "too few vectors")
  into[prefix .. "_secret"], into[prefix .. "_digest"] = secret, digest
  into[prefix .. "_public"], into[prefix .. "_sig"] = public, sig
end

local NUMBERS = { nonce = true, paymentMaxAmount = true, combinedGas = true, expiry = true, paymentAmount = true,
  value = true }

local function decimal(number)
  return type(number) == "number" and ("%d"):format(number) or number
end

-- Numbers ready for use: u256 here, marked decimal text for Node.js, which makes BigInts of it.
local function fields_of(case, number)
  local result = {}
  for name, value in pairs(case) do
    if NUMBERS[name] then
      value = number(decimal(value))
    elseif type(value) == "table" then
      value = json.array(value)
    end
    result[name] = value
  end
  return result
end

local function marked(text)
  return { uint = text }
end

local function list(calls, number)
  local result = {}
  for i, call in ipairs(calls) do
    result[i] = fields_of(call, number)
  end
  return result
end

local function quantity(number)
  return core.u256(decimal(number)):hex()
end

local function hex_numbers(case)
  local result = {}
  for name, value in pairs(case) do
    result[name] = NUMBERS[name] and quantity(value) or value
  end
  return result
end

local FIELDS = { "eoa", "executionData", "nonce", "payer", "paymentToken", "paymentMaxAmount", "combinedGas",
  "encodedPreCalls", "encodedFundTransfers", "settler", "expiry", "isMultichain", "funder", "funderSignature",
  "settlerContext", "paymentAmount", "paymentRecipient", "signature", "paymentSignature",
  "supportedAccountImplementation" }

-- Members in the order they are named in.
local function object(names, values)
  local parts = {}
  for i, name in ipairs(names) do
    local value = values[name]
    if type(value) == "table" then value = json.array(value) end
    parts[i] = ('"%s":%s'):format(name, json.encode(value))
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- The relay's answer to wallet_prepareCalls, its members in the relay's order.
local function reply(case, digest)
  local intent = hex_numbers(case.intent)
  intent.signature, intent.paymentAmount = "0x", intent.paymentMaxAmount
  local quote = ('{"chainId":"%s","intent":%s,"extraPayment":"0x0","ethPrice":"0xde0b6b3a7640000",'
    .. '"paymentTokenDecimals":18,"txGas":"0x493e0","nativeFeeEstimate":{"maxFeePerGas":"0x3b9aca00",'
    .. '"maxPriorityFeePerGas":"0x5f5e100"},"authorizationAddress":null,"additionalAuthorization":null,'
    .. '"orchestrator":"%s","feeTokenDeficit":"0x0"}'):format(
      quantity(case.domain.chainId), object(FIELDS, intent), case.domain.verifyingContract)
  local context = ('{"quote":{"quotes":[%s],"ttl":1767225600,"multiChainRoot":null,"feePayerQuote":null,"r":"%s",'
    .. '"s":"%s","yParity":"0x0","v":"0x0","hash":"%s"}}'):format(quote, digest, digest, digest)
  local types, calls = {}, {}
  for name, members in INTENT_TYPE:gmatch("(%w+)(%b())") do
    local entries = {}
    for kind, member in members:sub(2, -2):gmatch("(%S+) (%w+)") do
      entries[#entries + 1] = ('{"name":"%s","type":"%s"}'):format(member, kind:gsub("^,", ""))
    end
    types[#types + 1] = ('"%s":[%s]'):format(name, table.concat(entries, ","))
  end
  for i, call in ipairs(case.calls) do
    calls[i] = object({ "to", "value", "data" }, hex_numbers(call))
  end
  intent.calls, intent.multichain = json.raw("[" .. table.concat(calls, ",") .. "]"), false
  local message = {}
  for _, name in ipairs { "multichain", "eoa", "calls", "nonce", "payer", "paymentToken", "paymentMaxAmount",
    "combinedGas", "encodedPreCalls", "encodedFundTransfers", "settler", "expiry" } do
    local value = intent[name]
    message[#message + 1] = ('"%s":%s'):format(name, name == "calls" and value.text
      or json.encode(type(value) == "table" and json.array(value) or value))
  end
  return ('{"jsonrpc":"2.0","id":4,"result":{"context":%s,"digest":"%s","typedData":{"types":{%s},"domain":%s,'
    .. '"primaryType":"Intent","message":{%s}},"capabilities":{"authorizeKeys":[],"revokeKeys":[],'
    .. '"feeTotals":{"0x0":{"currency":"USD","value":"0.00041"},"%s":{"currency":"USD","value":"0.00041"}},'
    .. '"assetDiffs":{"%s":[["%s",[{"address":null,"decimals":18,"direction":"outgoing","fiat":{"currency":"USD",'
    .. '"value":"0.00041"},"symbol":"ETH","type":"native","value":"0x9184e72a000","recipients":[]}]]]}},'
    .. '"key":{"type":"p256","publicKey":"0x%s","prehash":false},"signature":"0x%s"}}'):format(
      context, digest, table.concat(types, ","),
      object({ "name", "version", "chainId", "verifyingContract" }, case.domain), table.concat(message, ","),
      quantity(case.domain.chainId), quantity(case.domain.chainId), case.intent.eoa,
      ("6b"):rep(64), ("5a"):rep(65)), '"' .. digest .. '"' .. context
end

local function hexed(value)
  if type(value) == "string" then return core.hex(value):sub(3) end
  local result = {}
  for i, element in ipairs(value) do
    result[i] = hexed(element)
  end
  return result
end

--- @tparam string root the repository
-- @treturn table raw bytes by name, and in `lua` what the candidates in Lua take
-- @treturn string the same as JSON
return function(root)
  local inputs = {}
  keys(inputs, "p256", vectors(root, "p256").cases, 64)
  keys(inputs, "k1", vectors(root, "secp256k1").cases, 65)

  local bytes = {}
  for i = 0, 255 do
    bytes[i + 1] = string.char(i * 151 % 256)
  end
  inputs.keccak_1m = table.concat(bytes):rep(4096)
  inputs.keccak_32 = inputs.keccak_1m:sub(1, 32)
  inputs.keccak_136 = inputs.keccak_1m:sub(1, 136)

  local case = vectors(root, "intents").intents[INTENT]
  local calls, fields = list(case.calls, core.u256), fields_of(case.intent, core.u256)
  local transfer = { to = case.intent.paymentToken, amount = case.intent.paymentMaxAmount }
  inputs.structs = contracts.STRUCTS
  inputs.transfer_line = "function transfer(address to, uint256 amount) returns (bool)"
  inputs.transfer_encoded = assert(core.abi(inputs.transfer_line)):encode_call { transfer.to, transfer.amount }
  inputs.intent_line = "(Intent intent)"
  inputs.intent_type = INTENT_TYPE
  inputs.intent_encoded = raw(case.encoded)
  inputs.intent_digest = raw(case.digest)
  inputs.reply, inputs.reply_parts = reply(case, case.digest)

  local typed = {}
  for name, value in pairs(fields) do
    typed[name] = value
  end
  typed.calls, typed.multichain = calls, false
  inputs.intent_separator = assert(core.eip712(DOMAIN_TYPE)):hash(case.domain)
  inputs.intent_typed = assert(assert(core.abi(TYPED_LINE, contracts.STRUCTS)):encode(typed))

  local struct = contracts.STRUCTS:match("struct Intent %b{}"):gsub("%s+", " ")
  local text = { structs = inputs.structs, transfer_line = inputs.transfer_line, intent_type = INTENT_TYPE,
    transfer = transfer, intent_struct = struct,
    intent = { fields = fields_of(case.intent, marked), calls = list(case.calls, marked), domain = case.domain } }
  for name, value in pairs(inputs) do
    if text[name] == nil then text[name] = hexed(value) end
  end
  inputs.lua = { fields = fields, typed = typed, to = transfer.to, amount = core.u256(transfer.amount) }
  return inputs, json.encode(text)
end
