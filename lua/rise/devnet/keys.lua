--- Keys as parameters have them.
-- @module rise.devnet.keys

local contracts = require "rise.contracts"
local core = require "rise.core"
local json = require "rise.json"
local permissions = require "rise.permissions"
local rpc_error = require "rise.devnet.rpc_error"
local shape = require "rise.devnet.shape"

local keys = {}

-- The relay's names only: the wallet's `webauthn-p256` and `address` are a caller's mistake here.
local TYPE = shape.one_of { "p256", "webauthnp256", "secp256k1" }
local SIZES = { p256 = 64, webauthnp256 = 64, secp256k1 = 32 }

local SIGNER = shape.object { type = TYPE, publicKey = shape.bytes, prehash = shape.boolean }

local function sized(key, path)
  local size = #key.publicKey / 2 - 1
  if size ~= SIZES[key.type] then
    return nil, string.format("invalid length: a %s public key of %d bytes, expected %d at %s.publicKey", key.type,
      size, SIZES[key.type], path)
  end
  key.hash = core.hex(core.key_hash(key.type, core.unhex(key.publicKey)))
  return key
end

--- The key that signs: `{ type, publicKey, prehash }`, with `hash` added.
function keys.signer(value, path)
  local key, complaint = SIGNER(value, path)
  if not key then return nil, complaint end
  return sized(key, path)
end

--- A signer as it is echoed.
function keys.signer_json(key)
  return { type = key.type, publicKey = key.publicKey, prehash = key.prehash }
end

local PERIODS = { "minute", "hour", "day", "week", "month", "year" }

local ENTRY = shape.object {
  type = shape.text, publicKey = shape.bytes,
  role = shape.one_of { admin = "admin", normal = "normal", session = "normal" },
  expiry = shape.optional(shape.expiry),
  permissions = shape.list(shape.tagged("type", {
    call = shape.object { selector = shape.selector, to = shape.address },
    spend = shape.object { limit = shape.u256, period = shape.one_of(PERIODS), token = shape.optional(shape.address) },
  })),
}

--- An entry of `authorizeKeys`, with `hash` added.
function keys.entry(value, path)
  local entry, complaint = ENTRY(value, path)
  if not entry then return nil, complaint end
  if not SIZES[entry.type] then
    entry.unsupported = true -- said later, in the relay's own words
    return entry
  end
  entry.expiry = entry.expiry or 0
  return sized(entry, path)
end

--- The entries of `authorizeKeys` as they are echoed.
function keys.entries_json(entries)
  local list = json.array {}
  for i, entry in ipairs(entries) do
    local rules = json.array {}
    for j, rule in ipairs(entry.permissions) do
      if rule.type == "call" then
        rules[j] = { type = "call", selector = rule.selector, to = rule.to }
      else
        rules[j] = { type = "spend", limit = rule.limit, period = rule.period, token = rule.token or contracts.NATIVE }
      end
    end
    list[i] = {
      hash = entry.hash, type = entry.type, publicKey = entry.publicKey, role = entry.role,
      expiry = core.u256(entry.expiry), permissions = rules,
    }
  end
  return list
end

--- The calls of the account on itself that authorize these keys.
-- @treturn[1] table calls
-- @treturn[2] nil
-- @treturn[2] table
function keys.authorize_calls(entries)
  local calls = {}
  for _, entry in ipairs(entries) do
    if entry.unsupported then
      return rpc_error.refuse("only supports `p256`, `webauthnp256` and `secp256k1` key types")
    end
    local more, err = permissions.admin_calls {
      type = entry.type, publicKey = entry.publicKey, role = entry.role, expiry = entry.expiry,
      permissions = entry.permissions,
    }
    if not more then return rpc_error.refuse("%s", err.message) end
    for _, call in ipairs(more) do calls[#calls + 1] = call end
  end
  return calls
end

return keys
