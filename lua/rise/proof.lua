--- What the relay itself knows of a key, where somebody else says that the key was granted or revoked.
--
-- A grant waits at the relay until the key's first bundle and is seen nowhere else. So a bundle is prepared for the
-- key, and not signed: the relay puts the waiting grant in front of it, word for word as the owner signed it.
-- @module rise.proof

local Account = require "rise.account"
local bundle = require "rise.bundle"
local contracts = require "rise.contracts"
local core = require "rise.core"
local errors = require "rise.errors"
local intent = require "rise.intent"
local json = require "rise.json"
local permissions = require "rise.permissions"
local quantity = require "rise.quantity"

local proof = {}

local ATTEMPTS = 4 -- of a question that got no answer; the owner is not asked again because of that

-- What the relay or the chain says against the bundle itself, which it can only judge knowing the key.
local function knows_key(err)
  return err.rpc_code == 3 or err.code == "insufficient_funds" or err.code == "fee_too_high"
end

-- The key is on the account already, or in what will make the account.
local function listed(wallet, options)
  local account = Account.new(wallet, options.account)
  local keys, err = account:keys()
  if not keys then return nil, err end
  for _, key in ipairs(keys) do
    if key.hash == options.key_hash then
      key.permissions.expiry = key.expiry
      local ok
      ok, err = permissions.within(key.permissions, options.grant, { orchestrator = wallet.orchestrator })
      if key.role == "admin" then ok, err = nil, errors.new("grant_mismatch", "it is an administrator's key") end
      if not ok then return errors.fail("grant_mismatch", "the key on the account may do more: " .. err.message) end
      -- What will make the account may hold it too; then it lands with the first bundle, as a grant does.
      local found = wallet.chain and account:view(contracts.account.getKey, { options.key_hash })
      return { pre_calls = {}, landed = found and true or false }
    end
  end
  return errors.fail("relay", "the relay takes the key and shows no grant of it")
end

--- Proves that an account has granted a key, and no more than was asked for.
-- @param wallet
-- @tparam table options `account`, `key`, `key_hash`, `grant`, `fee_token`
-- @treturn[1] table `pre_calls`: the grants that wait, each with `nonce`, `digest` and `encoded`; `landed`: whether the
-- key is on the account already
-- @treturn[2] nil
-- @treturn[2] table not_granted, grant_mismatch, network …
function proof.of_grant(wallet, options)
  local checker = intent.grant_pre_call_checker {
    account = options.account, key_hash = options.key_hash, grant = options.grant, orchestrator = wallet.orchestrator,
  }
  local found, wider
  local action = {
    account = options.account, key = options.key, calls = {}, grant = options.grant,
    fee_token = options.fee_token, max_fee = core.u256(1):shl(255), -- nothing is paid, so no fee is too high
    nonce = intent.nonce(bundle.random_sequence(), 0),
    pre_call_allowed = function(call)
      local allowed, why = checker(call)
      if not allowed then wider = why end
      if allowed and call.about_key then
        found[#found + 1] = { nonce = call.nonce, digest = call.digest, encoded = call.encoded }
      end
      return allowed, why
    end,
  }
  -- Also in direct mode: the wallet has left the grant with the relay, and from there it comes.
  local through_relay = setmetatable({ gas = false }, { __index = wallet })
  for attempt = 1, ATTEMPTS do
    found, wider = {}, nil
    local prepared, err = bundle.prepare(through_relay, action)
    if wider then return errors.fail("grant_mismatch", "the grant at the relay is not the one asked for: " .. wider) end
    if prepared or knows_key(err) then
      if found[1] then return { pre_calls = found, landed = false } end
      if not prepared and err.rpc_code == 3 then
        -- It reverts: what is in front of it stays unknown until a bundle goes through, and is judged then.
        return { pre_calls = {}, landed = false }
      end
      return listed(wallet, options)
    end
    if not err.retryable or attempt == ATTEMPTS then return nil, err end
    local slept
    slept, err = wallet.loop:sleep(0.25 * attempt)
    if not slept then return nil, err end
  end
end

--- Proves that the relay knows nothing of a key any more.
-- @param wallet
-- @tparam table options `account`, `public_key`
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table grant_pending when a grant of it is still there, network …
function proof.of_revocation(wallet, options)
  local prepared, err = wallet.relay:prepare_calls({
    calls = json.array {}, chainId = wallet.chain_id, from = options.account,
    key = { type = "p256", publicKey = options.public_key, prehash = false },
    capabilities = { meta = { nonce = quantity.encode(intent.nonce(bundle.random_sequence(), 0)) } },
  }, { timeout = wallet.timeout })
  if not prepared and (err.code == "not_granted" or err.code == "unknown_account") then return true end
  if not prepared and not knows_key(err) then return nil, err end
  return errors.fail("grant_pending", "the wallet says that the key is revoked, and the relay still has a grant of it",
    { retryable = false, hint = "the key is wiped here; revoke it with an administrator's key to make the grant void" })
end

return proof
