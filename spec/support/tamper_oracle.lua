-- What a changed answer of the relay would have the client sign or pay, read without any of the wallet's own checks:
-- values are compared as values, so that spelling does not count. A verdict is `pass`, or `tampered` with a reason, or
-- the code of a plain refusal.
--
-- What is the relay's own to choose, and why nothing is lost by it:
--
-- - `combinedGas`, `expiry` (none, or in the future) and, up to the caller's cap, `paymentMaxAmount`: under the
--   signature, and nobody but the relay can know them;
-- - `paymentAmount` up to the maximum, `paymentRecipient`: what of the allowed fee is taken, and who gets it;
-- - `funder`, `funderSignature`, `settlerContext`, `signature`, `paymentSignature`, `supportedAccountImplementation`:
--   not under the signature, and without settler and fund transfers of no effect but failure;
-- - the nonce of a pre-call, within its key's sequence and where counting can lead;
-- - which of the known pre-calls ride along, and an administrator's signatures in them, which the contract judges;
-- - the quote's `ttl`, `hash`, signature, gas and price figures: between the relay and itself;
-- - `typedData`, `capabilities`, `key`, `signature` of the answer, and members that nobody knows: nothing reads them.
local core = require "rise.core"
local contracts = require "rise.contracts"
local json = require "rise.json"
local wire = require "rise.devnet.wire"

local oracle = {}

local ZERO = "0x" .. ("0"):rep(40)

local function absent(value) return value == nil or value == json.null end

local READ = {}

function READ.address(value)
  return type(value) == "string" and value:find("^0x%x+$") and #value == 42 and value:lower() or nil
end

function READ.bytes(value)
  return type(value) == "string" and value:find("^0x%x*$") and #value % 2 == 0 and value:lower() or nil
end

function READ.uint(value)
  if core.is_u256(value) then return tostring(value) end
  if type(value) == "number" then return value >= 0 and value % 1 == 0 and string.format("%.0f", value) or nil end
  if type(value) ~= "string" or not (value:find("^0x%x+$") or value:find("^%d+$")) then return nil end
  local number = core.u256(value)
  return number and tostring(number)
end

function READ.bool(value)
  if type(value) ~= "boolean" then return nil end
  return tostring(value)
end

-- Empty either way: `[]` and `{}` are one to most readers.
function READ.list(value)
  if type(value) ~= "table" or (not wire.is_array(value) and next(value) ~= nil) then return nil end
  local list = {}
  for i, element in ipairs(value) do
    list[i] = READ.bytes(element)
    if not list[i] then return nil end
  end
  return table.concat(list, ",")
end

local SIGNED = { eoa = "address", executionData = "bytes", nonce = "uint", payer = "address", paymentToken = "address",
  paymentMaxAmount = "uint", combinedGas = "uint", encodedPreCalls = "list", encodedFundTransfers = "list",
  settler = "address", expiry = "uint" }
local UNSIGNED = { isMultichain = "bool", funder = "address", funderSignature = "bytes", settlerContext = "bytes",
  paymentAmount = "uint", paymentRecipient = "address", signature = "bytes", paymentSignature = "bytes",
  supportedAccountImplementation = "address" }

local function member(value, ...)
  for _, name in ipairs { ... } do
    if type(value) ~= "table" or getmetatable(value) == nil then return nil end
    value = value[name]
  end
  if absent(value) then return nil end
  return value
end

local function is_word(value)
  return type(value) == "string" and #value == 66 and value:find("^0x%x+$") ~= nil
end

local function object(value) return wire.is_object(value) and value or nil end

-- What a pre-call comes to, and its signature: a wrapped one is by a key that is not known here; the bare one of the
-- account's own key is everybody's to check.
local function essence(encoded)
  local decoded = contracts.params.signed_call:decode(core.unhex(encoded))
  local call = decoded and decoded[1]
  if call then return call.eoa .. call.executionData .. tostring(call.nonce), call.signature end
end

local function pre_calls_are_known(text, genuine)
  local known = {}
  for encoded in genuine:gmatch("[^,]+") do
    local what, signature = essence(encoded)
    known[what] = #signature == 2 + 2 * 65 and signature or true
  end
  for encoded in text:gmatch("[^,]+") do
    local what, signature = essence(encoded)
    if not what or not (known[what] == true or known[what] == signature) then return false end
  end
  return true
end

local function at_most(a, b) return core.u256(a) <= core.u256(b) end

-- Of the members under the signature, whether the other value may stand there when the digest is that of it.
local function is_free(name, value, genuine, options)
  if name == "combinedGas" then return true end
  if name == "expiry" then return value == "0" or not at_most(value, string.format("%.0f", options.now)) end
  if name == "encodedPreCalls" then return pre_calls_are_known(value, genuine) end
  if name == "paymentMaxAmount" then
    return at_most(value, tostring(options.max_fee)) or "fee_too_high"
  end
  return false
end

--- The verdict on an answer to wallet_prepareCalls for a bundle.
-- @param genuine the whole answer, as wire.read gives it
-- @param other the changed one
-- @tparam table options `repeats`: a member is there twice; `digest_of(answer)`: what the digest must be, for a relay
-- that lies with a fitting digest (else it must be the genuine one); `now`; `max_fee`
function oracle.bundle(genuine, other, options)
  local function tampered(why) return "tampered", why end
  if options.repeats then return tampered "a member is there twice" end
  local result = object(member(other, "result"))
  local quote = object(member(result, "context", "quote"))
  local quotes = quote and member(quote, "quotes")
  if not quotes or not wire.is_array(quotes) or #quotes ~= 1 then return tampered "not one quote" end
  if member(result, "context", "preCall") then return tampered "a pre-call beside the quote" end
  if member(quote, "multiChainRoot") or member(quote, "feePayerQuote") then return tampered "more than one chain" end
  if not is_word(member(quote, "hash")) then return tampered "no hash" end
  local one, right = object(quotes[1]), genuine.result.context.quote.quotes[1]
  if not one then return tampered "no quote" end
  if READ.uint(member(one, "chainId")) ~= READ.uint(right.chainId) then return tampered "chainId" end
  if READ.address(member(one, "orchestrator")) ~= READ.address(right.orchestrator) then
    return tampered "orchestrator"
  end
  local fields = object(member(one, "intent"))
  if not fields then return tampered "no intent" end
  local refusal
  for name, kind in pairs(SIGNED) do
    local value, was = READ[kind](member(fields, name)), READ[kind](right.intent[name])
    if value == nil then return tampered(name .. " is unreadable") end
    if value ~= was then
      local free = options.digest_of and is_free(name, value, was, options)
      if not free then return tampered(name) end
      if free ~= true then refusal = free end
    end
  end
  for name, kind in pairs(UNSIGNED) do
    if member(fields, name) ~= nil and READ[kind](fields[name]) == nil then
      return tampered(name .. " is unreadable")
    end
  end
  if READ.bool(member(fields, "isMultichain") or false) == "true" then return tampered "isMultichain" end
  if not at_most(READ.uint(member(fields, "paymentAmount") or 0), READ.uint(fields.paymentMaxAmount)) then
    return tampered "paymentAmount"
  end
  local digest = member(result, "digest")
  local wanted = options.digest_of and options.digest_of(other) or genuine.result.digest
  if type(digest) ~= "string" or digest:lower() ~= wanted then return tampered "digest" end
  if refusal then return refusal end
  -- The relay's word that it would not take its own quote.
  local delegate = member(one, "authorizationAddress")
  if delegate then
    delegate = READ.address(delegate)
    if not delegate then return tampered "authorizationAddress is unreadable" end
    if delegate == ZERO then return "unknown_account" end
  end
  local lacks = READ.uint(member(one, "feeTokenDeficit") or 0)
  if not lacks then return tampered "feeTokenDeficit is unreadable" end
  if lacks ~= "0" then return "insufficient_funds" end
  return "pass"
end

-- The calls in execution data, or nil: as text, so that they can be compared.
local function calls_text(data)
  local bytes = data and core.unhex(data)
  local decoded = bytes and contracts.params.calls:decode(bytes)
  if not decoded then return nil end
  local list = {}
  for i, call in ipairs(decoded[1]) do list[i] = call.to .. " " .. tostring(call.value) .. " " .. call.data end
  return table.concat(list, "\n")
end

--- The verdict on a pre-call (of a grant, or what makes an account).
-- @tparam table genuine its object in the genuine answer
-- @tparam ?table other the same place in the changed answer
-- @param digest what the changed answer gives as its digest
-- @tparam table options `digest`: what it must be; `fitting`: it is that of the lie; `chain_id`
function oracle.pre_call(genuine, other, digest, options)
  local function tampered(why) return "tampered", why end
  other = object(other)
  if not other then return tampered "no pre-call" end
  if READ.address(member(other, "eoa")) ~= READ.address(genuine.eoa) then return tampered "eoa" end
  local data = READ.bytes(member(other, "executionData"))
  if not data or calls_text(data) ~= calls_text(genuine.executionData) then return tampered "executionData" end
  local nonce = READ.uint(member(other, "nonce"))
  if not nonce then return tampered "nonce is unreadable" end
  local number, right = core.u256(nonce), core.u256(genuine.nonce)
  if not options.fitting and number ~= right then return tampered "nonce" end
  -- The relay counts the grants of a key; where a count cannot lead, nobody could make the grant void any more.
  if number:shr(64) ~= right:shr(64) or number:shr(32) ~= right:shr(32) then
    return tampered "nonce"
  end
  if member(other, "signature") ~= nil and not READ.bytes(other.signature) then
    return tampered "signature is unreadable"
  end
  local chain_id = member(other, "chainId")
  if chain_id ~= nil and READ.uint(chain_id) ~= tostring(options.chain_id) then return tampered "chainId" end
  if type(digest) ~= "string" or digest:lower() ~= options.digest then return tampered "digest" end
  return "pass"
end

return oracle
