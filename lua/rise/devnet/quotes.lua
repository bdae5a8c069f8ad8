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
  self.key = assert(core.key_generate("secp256k1"))
  self.signer = core.hex(self.key:address())
end

-- What the signature is over. A quote just made and one that was read give the same here.
local function canonical(quotes, ttl, foreign)
  local list = json.array {}
  for i, quote in ipairs(quotes) do
    local copy = {}
    for name, value in pairs(quote) do copy[name] = value end
    copy.chainId = core.u256(quote.chainId)
    copy.assetDeficits = quote.assetDeficits ~= nil and #quote.assetDeficits > 0
    list[i] = copy
  end
  return core.keccak256(json.encode { quotes = list, ttl = ttl, foreign = foreign })
end

-- Members that no quote of ours has.
local function has_foreign_parts(signed)
  return signed.multiChainRoot ~= nil or signed.feePayerQuote ~= nil
end

--- Signs a quote.
-- @tparam table quote as the shape has it
-- @tparam number now unix seconds
-- @treturn table the member `quote` of a context
function Quotes:sign(quote, now)
  local ttl = math.floor(now) + self.ttl
  local hash = canonical({ quote }, ttl, false)
  local signature = self.key:sign(hash)
  local parity = core.u256(signature:byte(65) % 27)
  local shown = {
    authorizationAddress = json.null, additionalAuthorization = json.null,
  }
  for name, value in pairs(quote) do shown[name] = value end
  shown.chainId = core.u256(quote.chainId)
  return {
    quotes = { shown }, ttl = ttl, multiChainRoot = json.null, feePayerQuote = json.null,
    r = core.hex(signature:sub(1, 32)), s = core.hex(signature:sub(33, 64)), yParity = parity, v = parity,
    hash = core.hex(hash),
  }
end

local function signed_by(self, signed, hash)
  local inner = signed.r:bytes() .. signed.s:bytes()
  for _, v in ipairs { "\27", "\28" } do
    local address = core.secp256k1_recover(hash, inner .. v)
    if address and core.hex(address) == self.signer then return true end
  end
  return false
end

--- Checks a quote that came back.
-- @tparam table signed as read by @{Quotes.shape}
-- @tparam number now unix seconds
-- @treturn[1] table the one quote in it
-- @treturn[1] string its hash, 0x text
-- @treturn[2] nil
-- @treturn[2] table
function Quotes:check(signed, now)
  if #signed.quotes == 0 then return rpc_error.refuse("expected quote was not found") end
  local hash = canonical(signed.quotes, signed.ttl, has_foreign_parts(signed))
  if not signed_by(self, signed, hash) then return rpc_error.refuse("invalid quote signer") end
  if now > signed.ttl then return rpc_error.refuse("quote expired") end
  local quote = signed.quotes[1]
  if quote.authorizationAddress == contracts.NATIVE then
    return rpc_error.refuse("quotes for unknown accounts are not accepted")
  end
  if not quote.feeTokenDeficit:is_zero() or (quote.assetDeficits and #quote.assetDeficits > 0) then
    return rpc_error.refuse("quote has asset deficits and is expected to fail")
  end
  return quote, core.hex(hash)
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
