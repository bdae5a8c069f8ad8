-- The npm package rise-wallet, as it is published, against the devnet's relay: a client that others wrote finds there
-- what it finds at the wallet's own relay. The programs are in spec/sdk; each prints one line of JSON per step.
local core = require "rise.core"
local devnet = require "support.devnet"
local programs = require "support.programs"

local steps_of = programs.steps_of "spec/sdk/"

local STK = core.u256("1000000000000000000")

-- What a step did to the account's STK and to the counter; its transaction is on the chain.
local function changes(minted, spent, counted)
  return function(step, net)
    local before, after = step.before, step.after
    assert.equal(tostring(core.u256(before.balance) + STK * minted - STK * spent), after.balance)
    assert.equal(tostring(core.u256(before.count) + counted), after.count)
    if step.transaction then
      assert.equal("0x1", assert(net.chain:receipt(step.transaction)).status)
    end
  end
end

local function nothing_changes(step)
  assert.same(step.before, step.after)
end

-- Refused with status, message or both.
local function failed(outcome)
  assert.is_true(outcome.status == "refused" or outcome.status >= 300)
end

local session = {
  { "connect", "creates an account, without a transaction" },
  { "capabilities", "learns of the contracts and fee tokens" },
  { "grant", "leaves a grant for our P-256 key with the relay", function(step)
    assert.equal(core.hex(core.key_hash("p256", core.unhex(step.id))), step.hash)
  end },
  { "mint", "mints 1000 STK with the key", changes(1000, 0, 0) },
  { "keys", "then finds the key among the account's" },
  { "transfer", "spends 5 STK", changes(0, 5, 0) },
  { "increment", "increments the counter", changes(0, 0, 1) },
  { "batch", "does all three in one bundle", changes(1000, 5, 1) },
  { "not allowed", "is told which call the key may not make", function(step)
    assert.matches("^UnauthorizedCall%(", step.error)
  end },
  { "above the limit", "is told which token's limit was exceeded", function(step, net)
    assert.matches("^ExceededSpendLimit%(", step.error)
    assert.matches(net.contracts.stk, step.error, 1, true)
  end },
  { "forged", "gets nowhere with another key's signature", function(step) failed(step.outcome) end },
  { "administrator", "acts as the administrator, through viem", function(step, net)
    assert.equal("0x1", assert(net.chain:receipt(step.transaction)).status)
  end },
  { "revoke", "revokes the key, and with it what it signed before", function(step) failed(step.late) end },
  { "refused", "is refused after that, and the counter stays", function(step, net, steps)
    assert.matches("^key hash " .. steps.grant.hash .. " is unknown$", step.error)
    assert.equal(step.count, tostring(net:count()))
    assert.equal(steps.batch.after.balance, tostring(net:balance(net.contracts.stk, steps.connect.account)))
  end },
  { "disconnect", "disconnects" },
}

describe("#devnet #sdk the wallet's SDK", function()
  describe("in the session's life", function()
    steps_of("session.mjs", nil, session)
  end)

  describe("in the session's life where bundles cost something", function()
    local charged = {}
    for i, entry in ipairs(session) do charged[i] = entry end
    charged[4] = { "mint", session[4][2] .. ", and pays", function(step, net)
      session[4][3](step, net)
      assert.is_false(net:balance(devnet.NATIVE, net.ready.fee_recipient):is_zero())
    end }
    steps_of("session.mjs", { fees = "native" }, charged)
  end)

  describe("with keys that come and go otherwise", function()
    steps_of("grants.mjs", nil, {
      { "granted with the account", "creates an account that has a session from the start", changes(1, 0, 1) },
      { "two keys side by side", "revokes one of two keys, and the other goes on", function(step)
        failed(step.outcome)
        changes(0, 0, 3)(step)
      end },
      { "made by the SDK", "acts with a key that the SDK made in WebCrypto", changes(0, 0, 1) },
      { "transaction", "sends a transaction and gets its hash", changes(0, 0, 1) },
      { "revoked before its first use", "revokes a key that was never used", function(step)
        failed(step.outcome)
        nothing_changes(step)
      end },
      { "expired", "cannot act with an expired key", function(step)
        failed(step.outcome)
        nothing_changes(step)
      end },
      { "milliseconds", "cannot grant a key that expires in some thousand years" },
    })
  end)

  describe("below its provider", function()
    local counted_twice, counted = changes(0, 0, 2), changes(0, 0, 1)
    local function counting(check)
      return function(step, net)
        check({
          before = { balance = "0", count = step.before }, after = { balance = "0", count = step.after },
          transaction = step.transaction,
        }, net)
      end
    end
    steps_of("relay.mjs", nil, {
      { "health", "finds the relay in good health" },
      { "administrator p256", "takes a P-256 key as administrator", counting(counted_twice) },
      { "administrator secp256k1", "takes a secp256k1 key as administrator", counting(counted_twice) },
      { "administrator webauthn", "takes a passkey as administrator", counting(counted_twice) },
      { "administrator webcrypto", "takes a prehashing key as administrator", counting(counted_twice) },
      { "account's own key", "acts with the account's own key", counting(counted) },
      { "pre-calls carried inline", "carries a grant in the bundle itself", counting(counted_twice) },
      { "grant and revoke in ordinary bundles", "grants and revokes on the chain", counting(counted) },
      { "two lanes at once", "has two bundles under way", counting(counted_twice) },
      { "reverts of the target", "is given the target's own error", function(step)
        assert.matches("^InsufficientBalance%(", step.error)
      end },
      { "altered quote", "cannot alter a quote", function(step) assert.equal("invalid quote signer", step.error) end },
      { "foreign administrator", "cannot grant with a stranger's key" },
      { "signatures", "signs messages and typed data for the account" },
      { "assets", "lists what the account has" },
      { "what a relay refuses", "is refused with the codes it knows" },
    })
  end)
end)
