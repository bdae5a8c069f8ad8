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

local function domain_of(domain, multichain)
  return {
    name = "Orchestrator", version = domain.version, verifyingContract = domain.orchestrator,
    chainId = not multichain and core.u256(domain.chain_id) or nil,
  }
end

local function calls_of(execution_data)
  local list = json.array {}
  for i, call in ipairs(assert(intent.decode_calls(execution_data))) do
    list[i] = { to = call.to, value = core.u256(call.value), data = call.data }
  end
  return list
end

local function document(primary, types, fields, domain)
  local multichain = intent.is_multichain(fields.nonce)
  local message = { multichain = multichain, calls = calls_of(fields.executionData) }
  for _, member in ipairs(types) do
    if message[member.name] == nil then
      local value = fields[member.name]
      message[member.name] = type(value) == "table" and json.array(value) or value
    end
  end
  return {
    domain = domain_of(domain, multichain), primaryType = primary, message = message,
    types = { [primary] = types, Call = CALL },
  }
end

--- Of a complete Intent.
function typed_data.intent(fields, domain)
  return document("Intent", INTENT, fields, domain)
end

--- Of a SignedCall.
function typed_data.signed_call(fields, domain)
  return document("SignedCall", SIGNED_CALL, fields, domain)
end

return typed_data
