--- Why a call reverted: revert data decoded, and turned into the errors of `rise`.
-- @module rise.revert

local check = require "rise.check"
local contracts = require "rise.contracts"
local core = require "rise.core"
local errors = require "rise.errors"
local permissions = require "rise.permissions"

local revert = {}

-- Solidity's panic codes.
local PANICS = {
  [0x00] = "generic compiler panic",
  [0x01] = "assertion failed",
  [0x11] = "arithmetic overflow or underflow",
  [0x12] = "division or modulo by zero",
  [0x21] = "value out of range of an enum",
  [0x22] = "storage byte array wrongly encoded",
  [0x31] = "pop on an empty array",
  [0x32] = "array index out of bounds",
  [0x41] = "too much memory allocated, or an array too large",
  [0x51] = "call of an uninitialized internal function",
}

local MAX_TEXT = 512

-- Text out of a contract may hold anything.
local function printable(text)
  return errors.printable(text, MAX_TEXT)
end

local function value_text(value)
  if type(value) == "table" then
    local parts = {}
    for i = 1, #value do
      parts[i] = value_text(value[i])
    end
    return "[" .. table.concat(parts, ", ") .. "]"
  end
  value = tostring(value)
  if value:find("^0x%x+$") and #value > 140 then
    return string.format("%s... (%d bytes)", value:sub(1, 74), #value / 2 - 1)
  end
  return printable(value)
end

local function call_text(item, args)
  local parts = {}
  for i, input in ipairs(item:inputs()) do
    local value = value_text(args[i])
    parts[i] = input.name ~= "" and input.name .. ": " .. value or value
  end
  return item:name() .. "(" .. table.concat(parts, ", ") .. ")"
end

local function describe(item, args)
  if not args then return item:signature() end
  if item:signature() == "Error(string)" then return printable(args[1]) end
  if item:signature() == "Panic(uint256)" then
    local code = args[1]:cmp(0xff) <= 0 and args[1]:number()
    return string.format("panic %s: %s", args[1]:hex(), PANICS[code] or "unknown code")
  end
  return call_text(item, args)
end

local function find(selector, items)
  for _, item in ipairs(items or {}) do
    if item:kind() == "error" and core.hex(item:selector()) == selector then return item end
  end
  return contracts.error_by_selector(selector)
end

--- The error in revert data: one of the items given, of the account contracts, `Error(string)` or `Panic(uint256)`.
-- Data cut off behind the selector, as in the IntentExecuted event, gives name and signature without `args`.
-- @tparam string data 0x text
-- @tparam[opt] table items compiled ABI items of the program's contracts; what is no error among them is skipped
-- @treturn[1] table `{ name=, signature=, selector=, args=, text= }`
-- @treturn[2] nil the data is empty, malformed or of an unknown error
function revert.decode(data, items)
  check.type(data, "string", "revert.decode: data")
  local bytes = core.unhex(data)
  if not bytes or #bytes < 4 then return nil end
  local selector = core.hex(bytes:sub(1, 4))
  local item = find(selector, items)
  if not item then return nil end
  local args
  if #bytes > 4 or #item:inputs() == 0 then args = item:decode(bytes:sub(5)) end
  return { name = item:name(), signature = item:signature(), selector = selector, args = args,
    text = describe(item, args) }
end

-- ---- errors -------------------------------------------------------------------------------------------------

local CONTEXT = { items = "table", grant = "table", account = "string", now = "number", granted = "boolean",
  calls = "table", fee = "table", spent = "table", tokens = "table", call = "number" }

-- The signature of a function among the program's items.
local function signature_of(selector, items)
  for _, item in ipairs(items or {}) do
    if item:kind() == "function" and core.hex(item:selector()) == selector then return item:signature() end
  end
end

-- What the grant says about calls that the chain refused; nothing where grant, calls or time are not known.
local function from_grant(code, context)
  if not (context.grant and context.calls and context.now) then return nil end
  local ok, err = permissions.evaluate(context.grant, context.calls, { now = context.now, account = context.account,
    fee = context.fee, spent = context.spent, tokens = context.tokens })
  if not ok and err.code == code then return err end
end

local MAP = {}

function MAP.UnauthorizedCall(found, context)
  if not found.args then
    local known = from_grant("not_allowed", context)
    if known then return known end
    return errors.new("not_allowed", "the session key may not make one of the calls")
  end
  local target, data = found.args[2], found.args[3]
  local selector = data:sub(1, 10)
  local _, err = permissions.refusal(context.grant, target, data,
    { signature = #data >= 10 and signature_of(selector, context.items) or nil, key_hash = found.args[1] })
  return err
end

function MAP.ExceededSpendLimit(found, context)
  local token = found.args and found.args[1]
  local known = from_grant("spend_limit", context)
  if known and (not token or known.token == token) then return known end
  local fields = { token = token }
  local parts = {}
  if token and context.grant and context.now then
    fields.limits = {}
    for _, line in ipairs(permissions.allowance(context.grant, { now = context.now, spent = context.spent })) do
      if line.token == token then
        fields.limits[#fields.limits + 1] = line
        parts[#parts + 1] = string.format("%s per %s%s",
          permissions.amount_text(token, line.limit, context.tokens), line.period,
          line.resets_at and ", resets at " .. permissions.time_text(line.resets_at) or "")
      end
    end
    local only = #fields.limits == 1 and fields.limits[1]
    if only then
      fields.limit, fields.period, fields.resets_at = only.limit, only.period, only.resets_at
    end
  end
  local what = "a token"
  if token then what = token == contracts.NATIVE and "native currency" or "token " .. token end
  return errors.new("spend_limit", string.format("the spending limit of the session key for %s would be exceeded%s",
    what, #parts > 0 and " (" .. table.concat(parts, "; ") .. ")" or ""), fields)
end

function MAP.NoSpendPermissions(_, context)
  local known = from_grant("no_spend_rule", context)
  if known then return known end
  return errors.new("no_spend_rule",
    "the session key would spend a token (fees count too) for which it has no spend permission")
end

function MAP.KeyDoesNotExist(_, context)
  if context.granted then return errors.new("revoked", "the account no longer knows the session key") end
  return errors.new("not_granted", "the account does not know the session key")
end

function MAP.InvalidNonce()
  return errors.new("nonce", "the nonce was used already, or is not the next of its sequence")
end

function MAP.PaymentError()
  return errors.new("insufficient_funds", "the fee cannot be paid: the payer lacks funds, or it is above its maximum")
end

-- The event says no more than this for a bad signature, an expired or unknown key, and an account without code.
function MAP.VerificationError(found, context)
  local grant, now = context.grant, context.now
  if grant and now and (grant.expiry or 0) ~= 0 and now >= grant.expiry + 1 then
    return errors.new("expired", "the session key expired at " .. permissions.time_text(grant.expiry),
      { expiry = grant.expiry })
  end
  return errors.new("reverted", found.text .. ": the account did not accept the signature",
    { hint = "the key may be revoked, expired or not granted, or the account not delegated" })
end

local HINTS = {
  IntentExpired = { hint = "prepare it again", retryable = true },
  InsufficientGas = { hint = "the transaction needs more gas", retryable = true },
  CallError = { hint = "the contract gave no reason, or ran out of gas" },
  VerifiedCallError = { hint = "the gas given to the intent may be too small" },
  PreCallError = { hint = "a stored grant could not be executed" },
  PreCallVerificationError = { hint = "a stored grant was not signed by an admin of the account" },
  UnsupportedAccountImplementation = { hint = "the account was upgraded meanwhile; prepare it again",
    retryable = true },
  Paused = { hint = "the orchestrator is paused", retryable = true },
}

--- The error of `rise` for revert data.
-- @tparam string data 0x text; "0x" for a revert without a reason
-- @tparam[opt] table context what is known: `items` (compiled ABI items: errors to decode, functions to name),
-- `grant`, `granted` (true once the key was on the chain), `account`, `now` (unix seconds), `calls`, `fee`, `spent`,
-- `tokens` (as for @{permissions.evaluate})
-- @treturn table not_allowed, spend_limit, no_spend_rule, revoked, not_granted, expired, nonce, insufficient_funds or
-- reverted; `data` is the revert data, `revert` its decoding where there is one
function revert.to_error(data, context)
  check.type(data, "string", "revert.to_error: data")
  context = check.options(context, CONTEXT, "revert.to_error")
  local found = revert.decode(data, context.items)
  local own = found and contracts.error_by_selector(found.selector)
  local err
  if own and MAP[own:name()] then
    err = MAP[own:name()](found, context)
  elseif found then
    err = errors.new("reverted", "reverted: " .. found.text, HINTS[found.name])
  elseif data == "0x" then
    err = errors.new("reverted", "reverted without a reason", { hint = HINTS.CallError.hint })
  else
    err = errors.new("reverted", "reverted with an unknown error " .. value_text(data),
      { hint = "register the ABI of the contract to have its errors named" })
  end
  err.data = data
  err.revert = found
  return err
end

return revert
