--- Quotes: what a prepared bundle is and costs, signed so that the relay need not remember it.
--
-- A quote's hash is over its values, not over its spelling: the wallet's own SDK decodes it and writes it anew. Every
-- value is covered but the lists of what the account lacks, of which only the presence counts.
-- @classmod rise.devnet.Quotes

local contracts = require "rise.contracts"
local core = require "rise.core"
local json = require "rise.json"
local rpc_error = require "rise.devnet.rpc_error"
local shape = require "rise.devnet.shape"

local Quotes = {}
Quotes.__index = Quotes

local INTENT = shape.object {
  eoa = shape.address, executionData = shape.bytes, nonce = shape.u256, payer = shape.address,
  paymentToken = shape.address, paymentMaxAmount = shape.u256, combinedGas = shape.u256,
  encodedPreCalls = shape.list(shape.bytes), encodedFundTransfers = shape.list(shape.bytes), settler = shape.address,
  expiry = shape.u256, isMultichain = shape.boolean, funder = shape.address, funderSignature = shape.bytes,
  settlerContext = shape.bytes, paymentAmount = shape.u256, paymentRecipient = shape.address, signature = shape.bytes,
  paymentSignature = shape.bytes, supportedAccountImplementation = shape.address,
}

-- Quotes remembered by their text. A client sends one back within milliseconds, or is not in a hurry.
local MAX_ISSUED = 1000

local ISSUED = {}

local function anything(value) return value end

local QUOTE = shape.object {
  chainId = shape.quantity, intent = INTENT, extraPayment = shape.u256, ethPrice = shape.u256,
  paymentTokenDecimals = shape.integer, txGas = shape.u256,
  nativeFeeEstimate = shape.object { maxFeePerGas = shape.u256, maxPriorityFeePerGas = shape.u256 },
  authorizationAddress = shape.nullable(shape.address), additionalAuthorization = shape.nullable(anything),
  orchestrator = shape.address, feeTokenDeficit = shape.u256, assetDeficits = shape.optional(shape.list(anything)),
}

--- The shape of `context.quote`.
Quotes.shape = shape.object {
  quotes = shape.list(QUOTE), ttl = shape.integer, multiChainRoot = shape.nullable(shape.word),
  feePayerQuote = shape.nullable(anything), r = shape.u256, s = shape.u256, v = shape.nullable(shape.quantity),
  yParity = shape.nullable(shape.quantity), hash = shape.nullable(anything),
}

--- A signer of quotes with a key of its own, which ends with the process.
-- @tparam table options `ttl` in seconds
-- @treturn Quotes
function Quotes.new(options)
  local quotes = setmetatable({ ttl = options.ttl }, Quotes)
  quotes:renew()
  return quotes
end

--- Takes another key: what was signed before is signed by a stranger now.
function Quotes:renew()
  self:close()
  self.issued, self.order, self.first, self.last = {}, {}, 1, 0
  self.key = assert(core.key_generate("secp256k1"))
  self.signer = core.hex(self.key:address())
end

-- What the signature is over. A quote just made and one that was read give the same here.
local function canonical(quotes, ttl, foreign)
  local parts = { string.format("%d quotes until %.0f, %s\n", #quotes, ttl, foreign and "and more" or "no more") }
  for _, quote in ipairs(quotes) do
    local encoded, estimate = assert(contracts.params.intent:encode { quote.intent }), quote.nativeFeeEstimate
    parts[#parts + 1] = table.concat({
      #encoded, encoded, quote.chainId, quote.extraPayment:hex(), quote.ethPrice:hex(), quote.paymentTokenDecimals,
      quote.txGas:hex(), estimate.maxFeePerGas:hex(), estimate.maxPriorityFeePerGas:hex(),
      quote.authorizationAddress or "nobody", quote.orchestrator, quote.feeTokenDeficit:hex(),
      quote.assetDeficits ~= nil and #quote.assetDeficits > 0 and "lacking" or "complete",
      quote.additionalAuthorization ~= nil and json.encode(quote.additionalAuthorization) or "no other",
    }, "\n")
  end
  return core.keccak256(table.concat(parts, "\n"))
end

local function hex_list(list)
  return list[1] and '["' .. table.concat(list, '","') .. '"]' or "[]"
end

-- The JSON text of a quote: what @{rise.json.encode} would make of it, without sorting and looking at what is known to
-- be 0x text.
local function quote_text(quote)
  local fields, estimate = quote.intent, quote.nativeFeeEstimate
  return table.concat {
    '{"additionalAuthorization":null',
    quote.assetDeficits and ',"assetDeficits":' .. json.encode(quote.assetDeficits) or "",
    ',"authorizationAddress":', quote.authorizationAddress and '"' .. quote.authorizationAddress .. '"' or "null",
    ',"chainId":"', core.u256(quote.chainId):hex(), '","ethPrice":"', quote.ethPrice:hex(),
    '","extraPayment":"', quote.extraPayment:hex(), '","feeTokenDeficit":"', quote.feeTokenDeficit:hex(),
    '","intent":{"combinedGas":"', fields.combinedGas:hex(),
    '","encodedFundTransfers":', hex_list(fields.encodedFundTransfers),
    ',"encodedPreCalls":', hex_list(fields.encodedPreCalls), ',"eoa":"', fields.eoa,
    '","executionData":"', fields.executionData, '","expiry":"', fields.expiry:hex(), '","funder":"', fields.funder,
    '","funderSignature":"', fields.funderSignature, '","isMultichain":', tostring(fields.isMultichain),
    ',"nonce":"', fields.nonce:hex(), '","payer":"', fields.payer, '","paymentAmount":"', fields.paymentAmount:hex(),
    '","paymentMaxAmount":"', fields.paymentMaxAmount:hex(), '","paymentRecipient":"', fields.paymentRecipient,
    '","paymentSignature":"', fields.paymentSignature, '","paymentToken":"', fields.paymentToken,
    '","settler":"', fields.settler, '","settlerContext":"', fields.settlerContext,
    '","signature":"', fields.signature, '","supportedAccountImplementation":"',
    fields.supportedAccountImplementation, '"},"nativeFeeEstimate":{"maxFeePerGas":"', estimate.maxFeePerGas:hex(),
    '","maxPriorityFeePerGas":"', estimate.maxPriorityFeePerGas:hex(), '"},"orchestrator":"', quote.orchestrator,
    '","paymentTokenDecimals":', string.format("%.0f", quote.paymentTokenDecimals), ',"txGas":"', quote.txGas:hex(),
    '"}',
  }
end

-- Members that no quote of ours has.
local function has_foreign_parts(signed)
  return signed.multiChainRoot ~= nil or signed.feePayerQuote ~= nil
end

-- Remembers a quote, so that it need not be read when it comes back as it went out.
local function remember(self, issued)
  self.issued[issued.hash] = issued
  self.last = self.last + 1
  self.order[self.last] = issued.hash
  if self.last - self.first < MAX_ISSUED then return end
  self.issued[self.order[self.first]] = nil
  self.order[self.first] = nil
  self.first = self.first + 1
end

--- Signs a quote.
-- @tparam table quote as the shape has it
-- @tparam number now unix seconds
-- @treturn table the context that carries it, as JSON text for @{rise.json.encode}
-- @treturn table its member `quote`
function Quotes:sign(quote, now)
  local ttl = math.floor(now) + self.ttl
  local hash = canonical({ quote }, ttl, false)
  local signature = self.key:sign(hash)
  local parity = core.u256(signature:byte(65) % 27)
  local signed = {
    quotes = { json.raw(quote_text(quote)) }, ttl = ttl, multiChainRoot = json.null, feePayerQuote = json.null,
    r = core.hex(signature:sub(1, 32)), s = core.hex(signature:sub(33, 64)), yParity = parity, v = parity,
    hash = core.hex(hash),
  }
  local text = json.encode { quote = signed }
  remember(self, setmetatable({ quote = quote, ttl = ttl, hash = core.hex(hash), text = text, signer = self.signer },
    ISSUED))
  return json.raw(text), signed
end

local OPENING, BEFORE = '"context":{"quote":{"feePayerQuote":null,"hash":"', #'"context":'

--- Finds in a request a context that is, to the byte, one that was given out.
-- @tparam string text
-- @treturn[1] number where it begins
-- @treturn[1] number where it ends
-- @treturn[1] table what @{Quotes.is_issued} and @{Quotes:check} know it by
-- @treturn[2] nil
function Quotes:recognize(text)
  local at, last = text:find(OPENING, 1, true)
  local issued = at and self.issued[text:sub(last + 1, last + 66)]
  if not issued then return nil end
  at = at + BEFORE
  last = at + #issued.text - 1
  if text:sub(at, last) ~= issued.text then return nil end
  return at, last, issued
end

--- Whether a value is a context that was recognized.
function Quotes.is_issued(value)
  return getmetatable(value) == ISSUED
end

local function signed_by(self, signed, hash)
  local inner = signed.r:bytes() .. signed.s:bytes()
  for _, v in ipairs { "\27", "\28" } do
    local address = core.secp256k1_recover(hash, inner .. v)
    if address and core.hex(address) == self.signer then return true end
  end
  return false
end

-- A quote to put signatures into.
local function own_copy(quote)
  local copy, fields = {}, {}
  for name, value in pairs(quote) do copy[name] = value end
  for name, value in pairs(quote.intent) do fields[name] = value end
  copy.intent = fields
  return copy
end

--- Checks a quote that came back.
-- @tparam table signed as read by @{Quotes.shape}, or recognized
-- @tparam number now unix seconds
-- @treturn[1] table the one quote in it
-- @treturn[1] string its hash, 0x text
-- @treturn[2] nil
-- @treturn[2] table
function Quotes:check(signed, now)
  local quote, hash
  if Quotes.is_issued(signed) then
    if signed.signer ~= self.signer then return rpc_error.refuse("invalid quote signer") end
    quote, hash = own_copy(signed.quote), signed.hash
    self.issued[hash] = nil -- is not expected again
  else
    if #signed.quotes == 0 then return rpc_error.refuse("expected quote was not found") end
    local digest = canonical(signed.quotes, signed.ttl, has_foreign_parts(signed))
    if not signed_by(self, signed, digest) then return rpc_error.refuse("invalid quote signer") end
    quote, hash = signed.quotes[1], core.hex(digest)
  end
  if now > signed.ttl then return rpc_error.refuse("quote expired") end
  if quote.authorizationAddress == contracts.NATIVE then
    return rpc_error.refuse("quotes for unknown accounts are not accepted")
  end
  if not quote.feeTokenDeficit:is_zero() or (quote.assetDeficits and #quote.assetDeficits > 0) then
    return rpc_error.refuse("quote has asset deficits and is expected to fail")
  end
  return quote, hash
end

--- Signs what the relay says: keccak256 of its compact JSON with sorted members.
-- @tparam table response without `signature`
-- @treturn string 0x text
function Quotes:sign_response(response)
  return core.hex(self.key:sign(core.keccak256(json.encode(response))))
end

--- Wipes the key.
function Quotes:close()
  if self.key then self.key:close() end
  self.key = nil
end

return Quotes
