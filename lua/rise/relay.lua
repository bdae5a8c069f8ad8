--- The relay's methods, one function each, named as the method is.
--
-- Answers come back decoded, as the relay wrote them. Errors are mapped to the codes of @{rise.errors}; what the
-- relay said stays in `err.rpc_code`, `err.rpc_message` and `err.data` (revert bytes of a simulation).
-- @classmod rise.Relay

local check = require "rise.check"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"

local Relay = {}
Relay.__index = Relay
Relay.__name = "rise.relay"

--- A client of a relay.
-- @tparam table options `rpc`: a @{rise.Rpc}
-- @treturn Relay
function Relay.new(options)
  check.options(options, { rpc = "table!" }, "relay.new")
  return setmetatable({ rpc = options.rpc, loop = options.rpc.loop }, Relay)
end

-- What the relay's texts mean. The first pattern found decides; all are plain lower-case text.
local MEANINGS = {
  { "quote expired", "quote_expired" },
  { "invalid quote signer", "quote_expired" },
  { "expected quote was not found", "quote_expired" },
  { "key hash", "not_granted", "is unknown" },
  { "eoa not delegated", "unknown_account" },
  { "quotes for unknown accounts", "unknown_account" },
  { "does not exist in storage", "unknown_account" },
  { "bundle ", "unknown_bundle", "does not exist" },
  { "asset deficits", "insufficient_funds" },
  { "insufficient balance to sponsor", "insufficient_funds" },
  { "unsupported chain", "unsupported" },
  { "fee token not supported", "unsupported" },
  { "price not currently available", "relay", nil, true },
  { "price feed", "relay", nil, true },
}

local function meaning_of(message)
  local text = message:lower()
  for _, meaning in ipairs(MEANINGS) do
    if text:find(meaning[1], 1, true) and (not meaning[3] or text:find(meaning[3], 1, true)) then
      return meaning[2], meaning[4]
    end
  end
end

-- The error of a JSON-RPC error object, in the words of rise.errors.
local function mapped(err)
  if err.code ~= "rpc" then return nil, err end
  local data = type(err.data) == "string" and err.data or nil
  local fields = { rpc_code = err.rpc_code, rpc_message = err.rpc_message, data = data, method = err.method,
    http_status = err.http_status }
  local said = err.rpc_message
  if data and err.rpc_code == -32602 then said = said .. ": " .. data:sub(1, 500) end
  if err.rpc_code == 3 then
    return errors.fail("reverted", string.format("%s: the simulation reverted: %s", err.method, said), fields)
  end
  local code, retryable = meaning_of(err.rpc_message)
  if not code and err.rpc_code == -32601 then code = "unsupported" end
  if not code then
    code = "relay"
    retryable = err.rpc_code == -32603
  end
  fields.retryable = retryable
  return errors.fail(code, string.format("%s: %s", err.method, said), fields)
end

local function call(self, method, params, options)
  local result, text, answer = self.rpc:call(method, params, options)
  if result == nil then return mapped(text) end
  return result, text, answer
end

local function object_of(self, method, params, options)
  local result, text, answer = call(self, method, params, options)
  if result == nil then return nil, text end
  if type(result) ~= "table" then
    return errors.fail("relay", method .. ": the relay's result is a " .. type(result) .. ", not an object")
  end
  return result, text, answer
end

--- @treturn table status, version, quoteSigner
function Relay:health()
  return object_of(self, "health")
end

--- Contracts, fee tokens and quote lifetime, keyed by hex chain id.
-- @tparam table chain_ids numbers
function Relay:get_capabilities(chain_ids)
  return object_of(self, "wallet_getCapabilities", { json.array(chain_ids) })
end

--- The unexpired keys of an account, keyed by hex chain id. A grant that has not landed is not among them.
-- @tparam table params `address`, `chainIds`
function Relay:get_keys(params)
  return object_of(self, "wallet_getKeys", { params })
end

-- Adds `context_text`, the exact bytes of the context in the response: they go back to the relay as they came,
-- since decoding and encoding again would change them. What goes back must be what was decoded and compared, so no
-- member may be there twice.
local function with_context(method, result, text, answer)
  if result == nil then return nil, text end
  if json.repeats(text, answer) then
    return errors.fail("relay_tampered", method .. ": the relay's answer names a member twice")
  end
  local first, last = core.json_span(text, "result", "context")
  if not first then return errors.fail("relay_tampered", method .. ": the relay's result has no context") end
  result.context_text = text:sub(first, last)
  return result
end

--- @treturn table context, digests, typedData; `context_text` is the context as it came
function Relay:prepare_upgrade_account(params)
  return with_context("wallet_prepareUpgradeAccount",
    object_of(self, "wallet_prepareUpgradeAccount", { params }))
end

--- @tparam table params `context_text` as it came, `signatures`
-- @treturn[1] true
function Relay:upgrade_account(params)
  local result, err = call(self, "wallet_upgradeAccount", { {
    context = json.raw(params.context_text),
    signatures = params.signatures,
  } }, { once = true })
  if result == nil then return nil, err end
  return true
end

--- @treturn table context, digest, typedData, capabilities; `context_text` is the context as it came
function Relay:prepare_calls(params, options)
  return with_context("wallet_prepareCalls", object_of(self, "wallet_prepareCalls", { params }, options))
end

--- @tparam table params `context_text` as it came, `signature`, `key`, `capabilities`
-- @treturn table `id`
function Relay:send_prepared_calls(params, options)
  local result, err = object_of(self, "wallet_sendPreparedCalls", { {
    context = json.raw(params.context_text),
    signature = params.signature,
    key = params.key,
    capabilities = params.capabilities,
  } }, { once = true, timeout = options and options.timeout })
  if result == nil then return nil, err end
  return result
end

--- @tparam string id of a bundle
-- @treturn table `status`, `receipts`
function Relay:get_calls_status(id, options)
  return object_of(self, "wallet_getCallsStatus", { id }, options)
end

--- @tparam table params `address`, `chainId`, `digest`, `signature` (not wrapped)
function Relay:verify_signature(params)
  return object_of(self, "wallet_verifySignature", { params })
end

--- @tparam table params `address`, `chainId`, `tokenAddress`, `value`
function Relay:add_faucet_funds(params)
  return object_of(self, "wallet_addFaucetFunds", { params }, { once = true })
end

--- @tparam table params `account`, `chainFilter`, …
function Relay:get_assets(params)
  return object_of(self, "wallet_getAssets", { params })
end

--- @tparam table params `address`
function Relay:get_authorization(params)
  return object_of(self, "wallet_getAuthorization", { params })
end

return Relay
