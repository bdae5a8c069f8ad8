--- Error objects and the one list of their codes.
--
-- What the world answers badly comes back as `nil, err`. `err.code` is a word of @{errors.CODES}, `err.message` a
-- sentence with the circumstance; `err.hint` says what to do, `err.retryable` whether the same call may work later.
-- Figures (`limit`, `spent`, `resets_at`, `data` …) stand in fields of their own. `tostring(err)` is
-- "code: message", so `assert` reads well. A mistake of the caller is not returned but raised.
-- @module rise.errors

local core = require "rise.core"

local errors = {}

--- Every code, with its meaning, whether a retry may help, and the standing hint.
-- The codes of the C core are among them, under the same words.
-- @table errors.CODES
errors.CODES = {
  -- what the account's rules say
  not_allowed = { text = "the key may not make this call", retryable = false,
    hint = "grant the session this contract and function" },
  spend_limit = { text = "a spending limit would be exceeded", retryable = true,
    hint = "wait for the window to reset, or grant a higher limit" },
  no_spend_rule = { text = "the key has no spending limit for a token it would spend", retryable = false,
    hint = "grant a spend permission for this token" },
  expired = { text = "the session key has expired", retryable = false, hint = "renew the session, or grant a new one" },
  revoked = { text = "the session key was revoked", retryable = false, hint = "grant a new session" },
  not_granted = { text = "the account does not know this key", retryable = false,
    hint = "call session:grant first" },
  grant_pending = { text = "the grant has not landed on the chain yet", retryable = true,
    hint = "wait for the first bundle to be confirmed" },
  root_access = { text = "the permissions amount to full control of the account", retryable = false,
    hint = "name the contracts and functions, or say explicitly that root access is meant" },
  unknown_account = { text = "the relay does not know this account", retryable = false,
    hint = "create the account first, or check its address and the chain" },
  unknown_bundle = { text = "the relay does not know this bundle", retryable = false },
  -- what became of an action
  reverted = { text = "a call reverted", retryable = false },
  failed = { text = "the bundle failed before it reached the chain", retryable = true,
    hint = "prepare it again: the simulation usually tells why" },
  nonce = { text = "the nonce was used up meanwhile", retryable = true, hint = "prepare the action again" },
  insufficient_funds = { text = "the account lacks funds", retryable = false, hint = "fund the account" },
  fee_too_high = { text = "the fee is above the cap", retryable = true,
    hint = "raise max_fee, or try again later" },
  quote_expired = { text = "the relay's quote is no longer valid", retryable = true,
    hint = "prepare the action again" },
  pending = { text = "the bundle is not final yet", retryable = false,
    hint = "it may still land: wait for it with session:wait(err) before doing the same again" },
  queue_full = { text = "too many actions wait already", retryable = true,
    hint = "wait until some of them are done" },
  -- who was asked
  relay_tampered = { text = "the relay's answer is not what was asked for; nothing was signed", retryable = false,
    hint = "do not trust this relay" },
  relay = { text = "the relay refused or answered nonsense", retryable = false },
  node = { text = "the node refused or answered nonsense", retryable = false },
  rpc = { text = "a JSON-RPC error", retryable = false },
  network = { text = "no answer could be had", retryable = true, hint = "check the connection and the address" },
  timeout = { text = "the deadline passed", retryable = true },
  canceled = { text = "the task was canceled", retryable = false },
  task = { text = "a task raised a Lua error", retryable = false },
  unsupported = { text = "not offered here", retryable = false },
  -- the owner, in the wallet's own window
  rejected = { text = "the owner did not approve", retryable = false },
  closed = { text = "the approval page was closed before there was an answer", retryable = true,
    hint = "ask again" },
  wallet = { text = "the wallet refused or answered nonsense", retryable = false },
  grant_mismatch = { text = "what was granted is not what was asked for; nothing was accepted", retryable = false,
    hint = "revoke it in the wallet, and ask again" },
  -- what was given
  usage = { text = "the call itself is wrong", retryable = false },
  invalid_value = { text = "a value does not fit its type or notation", retryable = false },
  invalid_data = { text = "encoded data is malformed", retryable = false },
  invalid_abi = { text = "an ABI text is malformed", retryable = false },
  invalid_key = { text = "not a valid key", retryable = false },
  invalid_signature = { text = "the signature does not verify", retryable = false },
  overflow = { text = "the result does not fit 256 bits", retryable = false },
  limit = { text = "a bound on size, depth or count was exceeded", retryable = false },
  wrong_passphrase = { text = "the passphrase is wrong", retryable = false },
  guarded = { text = "a local rule of the session forbids it; nothing was signed or sent", retryable = false,
    hint = "change the rules with session:guard" },
  -- this machine
  store = { text = "the session store cannot be read or written", retryable = false },
  io = { text = "the system refused a file, socket or process operation", retryable = false },
  no_memory = { text = "out of memory", retryable = true },
  no_entropy = { text = "no secure randomness is available", retryable = false },
}

local metatable = core.error_metatable

-- What an error does not say for itself is what its code says; so errors made in C have their hints too.
function metatable.__index(err, name)
  if name ~= "hint" and name ~= "retryable" then return nil end
  local known = errors.CODES[rawget(err, "code")]
  return known and known[name]
end

--- An error object.
-- @tparam string code a word of @{errors.CODES}
-- @tparam string message a sentence
-- @tparam[opt] table fields further members; they win over the code's own hint and retryable
-- @treturn table
function errors.new(code, message, fields)
  local err = { code = code, message = message }
  for name, value in pairs(fields or {}) do
    err[name] = value
  end
  return setmetatable(err, metatable)
end

--- `nil` and an error object, for `return errors.fail(...)`.
-- @treturn nil
-- @treturn table
function errors.fail(code, message, fields)
  return nil, errors.new(code, message, fields)
end

--- `assert`, which in plain Lua 5.1 takes no error object, only text. Raises the object itself.
-- @return all its arguments, when the first is neither nil nor false
function errors.assert(value, err, ...)
  if not value then error(err == nil and "assertion failed!" or err, 0) end
  return value, err, ...
end

--- The same error with the circumstance put in front of its message.
-- @tparam table err
-- @tparam string prefix "granting the session"
-- @treturn nil
-- @treturn table err itself
function errors.within(err, prefix)
  err.message = prefix .. ": " .. err.message
  return nil, err
end

--- Foreign text for a message: bounded, and fit for a terminal and a log line.
-- @tparam any value
-- @tparam number limit bytes that are kept
-- @treturn string
function errors.printable(value, limit)
  local text = tostring(value)
  if #text > limit then text = text:sub(1, limit) .. "..." end
  return (text:gsub("[%c\127]", function(character)
    return string.format("\\x%02x", character:byte())
  end))
end

--- Whether a value is an error object of ours.
function errors.is(value)
  return type(value) == "table" and getmetatable(value) == metatable
end

return errors
