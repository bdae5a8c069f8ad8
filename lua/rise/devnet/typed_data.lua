--- The typed data a digest stands for, for clients that show it or hash it themselves.
-- @module rise.devnet.typed_data

local core = require "rise.core"
local intent = require "rise.intent"
local json = require "rise.json"

local typed_data = {}

local CALL = {
  { name = "to", type = "address" },
  { name = "value", type = "uint256" },
  { name = "data", type = "bytes" },
}

local SIGNED_CALL = {
  { name = "multichain", type = "bool" },
  { name = "eoa", type = "address" },
  { name = "calls", type = "Call[]" },
  { name = "nonce", type = "uint256" },
}

local INTENT = {
  { name = "multichain", type = "bool" },
  { name = "eoa", type = "address" },
  { name = "calls", type = "Call[]" },
  { name = "nonce", type = "uint256" },
  { name = "payer", type = "address" },
  { name = "paymentToken", type = "address" },
  { name = "paymentMaxAmount", type = "uint256" },
  { name = "combinedGas", type = "uint256" },
  { name = "encodedPreCalls", type = "bytes[]" },
  { name = "encodedFundTransfers", type = "bytes[]" },
  { name = "settler", type = "address" },
  { name = "expiry", type = "uint256" },
}

local TYPES = {
  Intent = json.raw(json.encode { Intent = INTENT, Call = CALL }),
  SignedCall = json.raw(json.encode { SignedCall = SIGNED_CALL, Call = CALL }),
}

local function domain_of(domain, multichain)
  return {
    name = "Orchestrator", version = domain.version, verifyingContract = domain.orchestrator,
    chainId = not multichain and core.u256(domain.chain_id) or nil,
  }
end

-- Calls as JSON text. They have been read, and hold nothing but 0x text and numbers.
local function calls_text(calls)
  local list = {}
  for i, call in ipairs(calls) do
    list[i] = '{"data":"' .. call.data .. '","to":"' .. call.to .. '","value":"' .. core.u256(call.value):hex() .. '"}'
  end
  return "[" .. table.concat(list, ",") .. "]"
end

local function document(primary, types, fields, domain, calls)
  local multichain = intent.is_multichain(fields.nonce)
  calls = calls or assert(intent.decode_calls(fields.executionData))
  local message = { multichain = multichain, calls = json.raw(calls_text(calls)) }
  for _, member in ipairs(types) do
    if message[member.name] == nil then
      local value = fields[member.name]
      message[member.name] = type(value) == "table" and json.array(value) or value
    end
  end
  return json.raw(json.encode {
    domain = domain_of(domain, multichain), primaryType = primary, message = message,
    types = TYPES[primary],
  })
end

--- Of a complete Intent, as JSON text for @{rise.json.encode}. The calls in it need not be decoded when they are given.
function typed_data.intent(fields, domain, calls)
  return document("Intent", INTENT, fields, domain, calls)
end

--- Of a SignedCall, likewise.
function typed_data.signed_call(fields, domain)
  return document("SignedCall", SIGNED_CALL, fields, domain)
end

return typed_data
