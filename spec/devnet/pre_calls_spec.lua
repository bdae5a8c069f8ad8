local contracts = require "rise.contracts"
local core = require "rise.core"
local intent = require "rise.intent"
local permissions = require "rise.permissions"
local support = require "support.devnet"

describe("stored pre-calls of the devnet's relay #devnet", function()
  local net, account, domain

  setup(function()
    net = support.start()
    domain = intent.domain(31337, net.contracts.orchestrator, "0.5.5")
  end)
  teardown(function() net:stop() end)
  before_each(function() account = net:landed_account() end)

  local function pre_calls_of(options)
    local prepared = assert(net:prepare(account, options))
    local list = prepared.context.quote.quotes[1].intent.encodedPreCalls
    local calls = {}
    for i, encoded in ipairs(list) do calls[i] = assert(intent.decode_signed_call(encoded)) end
    return calls
  end

  local function increment_by(key)
    return { key = key, calls = { net:increment() } }
  end

  describe("preparing one", function()
    it("gives a SignedCall whose digest follows from it", function()
      local key = support.key()
      local entry = net:session_entry(key)
      local prepared = assert(net:prepare(account, { preCall = true, authorizeKeys = { entry }, key = account.admin }))
      local call = prepared.context.preCall
      assert.is_nil(prepared.context.quote)
      assert.equal(account.address, call.eoa)
      assert.equal("0x7a69", call.chainId)
      assert.equal("0x", call.signature)
      assert.equal(intent.encode_calls(permissions.admin_calls(entry)), call.executionData)
      assert.equal(intent.signed_call_digest({ eoa = call.eoa, executionData = call.executionData,
        nonce = call.nonce }, domain), prepared.digest)
      assert.equal("SignedCall", prepared.typedData.primaryType)
    end)

    it("uses the key's own sequence, one number after the other", function()
      local key = support.key()
      local first = support.hash_of(key):sub(1, 50) .. ("0"):rep(16)
      for number = 0, 2 do
        local prepared, context = assert(net:prepare(account,
          { preCall = true, authorizeKeys = { net:session_entry(key) }, key = account.admin }))
        assert.equal((core.u256(first) + number):hex(), prepared.context.preCall.nonce)
        assert(net:send(prepared, context, account.admin, { key = account.admin }))
      end
    end)

    it("goes on where the chain is", function()
      local key = net:granted_key(account)
      assert(net:execute(account, key, increment_by(key)))
      local prepared = assert(net:prepare(account,
        { preCall = true, authorizeKeys = { net:session_entry(key) }, key = account.admin }))
      assert.equal((core.u256(support.hash_of(key)):shr(64):shl(64) + 1):hex(), prepared.context.preCall.nonce)
    end)

    it("refuses two keys", function()
      local err = net:refusal("wallet_prepareCalls", net:request(account, { preCall = true, key = account.admin,
        authorizeKeys = { net:session_entry(support.key()), net:session_entry(support.key()) } }))
      assert.equal(-32602, err.code)
      assert.equal("precall can't modify multiple keys", err.message)
    end)

    it("refuses anything but account management", function()
      local others = {
        net:increment(),
        { to = account.address, value = "0x0",
          data = contracts.encode_call(contracts.account.invalidateNonce, { 5 }) },
        { to = account.address, value = "0x0",
          data = contracts.encode_call(contracts.account.upgradeProxyAccount, { net.contracts.stk }) },
        { to = account.address, value = "0x0", data = "0x" },
      }
      for _, call in ipairs(others) do
        local err = net:refusal("wallet_prepareCalls", net:request(account, { preCall = true, key = account.admin,
          calls = { call } }))
        assert.equal("the precall can only contain account management calls.", err.message)
      end
    end)

    it("says at once what the account would refuse", function()
      local entry = support.entry(support.key(), { permissions = {
        { type = "call", to = account.address, selector = contracts.selector(contracts.account.execute) },
      } })
      local err = net:refusal("wallet_prepareCalls", net:request(account, { preCall = true, key = account.admin,
        authorizeKeys = { entry } }))
      assert.equal(3, err.code)
      assert.equal("CannotSelfExecute", support.revert_name(err.data))
    end)
  end)

  describe("sending one", function()
    local function prepared()
      return assert(net:prepare(account, { preCall = true, authorizeKeys = { net:session_entry(support.key()) },
        key = account.admin }))
    end

    local function refusal(bundle, context, signer, options)
      local result, err = net:send(bundle, context, signer, options)
      assert.is_nil(result)
      return { code = err.rpc_code, message = err.rpc_message }
    end

    it("gives the id of nothing, puts nothing on the chain and lists no key", function()
      local key = support.key()
      local block = net.chain:block_number()
      local sent = assert(net:grant(account, net:session_entry(key)))
      assert.equal(support.ZERO_ID, sent.id)
      assert.equal(block, net.chain:block_number())
      assert.is_nil(net:keys(account)[support.hash_of(key)])
      assert.equal("Bundle " .. support.ZERO_ID .. " does not exist",
        select(2, net.relay:call("wallet_getCallsStatus", { sent.id })).rpc_message)
    end)

    it("refuses a signature that is not valid", function()
      local bundle, context = prepared()
      local err = refusal(bundle, context, support.key(), { key = account.admin })
      assert.equal(-32602, err.code)
      assert.equal("invalid signature", err.message)
    end)

    it("refuses a session key", function()
      local session = net:granted_key(account)
      assert(net:execute(account, session, increment_by(session)))
      local bundle, context = prepared()
      assert.equal("should only have admin authorization keys",
        refusal(bundle, context, session, { key = session }).message)
    end)

    it("refuses a key the account does not have", function()
      local stranger = support.key()
      local bundle, context = prepared()
      assert.equal("key hash " .. support.hash_of(stranger) .. " is unknown",
        refusal(bundle, context, stranger, { key = stranger }).message)
    end)

    it("refuses an account it does not know", function()
      local bundle = prepared()
      local address = "0x" .. ("77"):rep(20)
      local context = { preCall = { eoa = address, executionData = bundle.context.preCall.executionData,
        nonce = "0x1", signature = "0x", chainId = "0x7a69" } }
      assert.equal("Account with address " .. address .. " does not exist in storage.",
        refusal(bundle, context, account.admin, { key = account.admin }).message)
      context.preCall.eoa = support.NATIVE
      assert.equal("intent creation requires a sender.",
        refusal(bundle, context, account.admin, { key = account.admin }).message)
    end)

    it("refuses anything but account management, whoever prepared it", function()
      local call = { eoa = account.address, executionData = assert(intent.encode_calls { net:increment() }),
        nonce = "0x5", signature = "0x" }
      local digest = assert(intent.signed_call_digest(call, domain))
      assert.equal("the precall can only contain account management calls.",
        refusal({ digest = digest }, { preCall = call }, account.admin, { key = account.admin }).message)
    end)

    it("refuses the same nonce twice", function()
      local bundle, context = prepared()
      assert(net:send(bundle, context, account.admin, { key = account.admin }))
      local err = refusal(bundle, context, account.admin, { key = account.admin })
      assert.equal(-32603, err.code)
      assert.equal("an internal error occurred", err.message)
    end)

    for _, kind in ipairs { "p256", "secp256k1" } do
      it("takes a bare and a wrapped signature of a " .. kind .. " key", function()
        local owner = net:landed_account { admin_type = kind }
        for _, wrap in ipairs { false, true } do
          local session = support.key()
          local bundle, context = assert(net:prepare(owner, { preCall = true, key = owner.admin,
            authorizeKeys = { net:session_entry(session) } }))
          local signature = support.sign(owner.admin, bundle.digest)
          if wrap then signature = intent.wrap_signature(signature, support.hash_of(owner.admin)) end
          assert(net:send(bundle, context, nil, { key = owner.admin, signature = signature }))
          assert.equal(200, assert(net:execute(owner, session, increment_by(session))).status)
        end
      end)
    end

    it("takes the account's own signature", function()
      local session = support.key()
      local bundle, context = assert(net:prepare(account,
        { preCall = true, authorizeKeys = { net:session_entry(session) } }))
      assert(net:send(bundle, context, account.owner))
      assert.equal(200, assert(net:execute(account, session, increment_by(session))).status)
    end)

    it("takes an administrator of an account that is only stored", function()
      local new = net:create_account()
      local session = net:granted_key(new)
      assert.equal(200, assert(net:execute(new, session, increment_by(session))).status)
      local keys, count = net:keys(new)
      assert.equal(2, count)
      assert.equal("normal", keys[support.hash_of(session)].role)
    end)
  end)

  describe("a grant", function()
    it("lands with the first bundle its key signs", function()
      local key = net:granted_key(account)
      assert.equal(1, #pre_calls_of(increment_by(key)))
      local before = net:count()
      assert.equal(200, assert(net:execute(account, key, increment_by(key))).status)
      assert.equal(tostring(before + 1), tostring(net:count()))
      assert.equal("normal", net:keys(account)[support.hash_of(key)].role)
      assert.equal(0, #pre_calls_of(increment_by(key)))
    end)

    it("does not go with the bundles of other keys", function()
      local key, other = net:granted_key(account), net:granted_key(account)
      assert.equal(0, #pre_calls_of(increment_by(account.admin)))
      local calls = pre_calls_of(increment_by(other))
      assert.equal(1, #calls)
      assert.equal(200, assert(net:execute(account, other, increment_by(other))).status)
      assert.equal(1, #pre_calls_of(increment_by(key)))
    end)

    it("goes behind the account's own upgrade and what the request carries", function()
      local new = net:create_account()
      account = new
      local key, carried = net:granted_key(new), support.key()
      local bundle = assert(net:prepare(new, { preCall = true, key = new.admin,
        authorizeKeys = { net:session_entry(carried) } }))
      local call = bundle.context.preCall
      call.signature = intent.wrap_signature(support.sign(new.admin, bundle.digest), support.hash_of(new.admin))
      call.chainId = nil
      local options = increment_by(key)
      options.preCalls = { call }
      local calls = pre_calls_of(options)
      assert.equal(3, #calls)
      assert.is_true(intent.is_multichain(calls[1].nonce))
      assert.equal(call.executionData, calls[2].executionData)
      assert.equal(core.u256(support.hash_of(key)):shr(64):shl(64):hex(), calls[3].nonce:hex())
      assert.equal(200, assert(net:execute(new, key, options)).status)
      assert.equal(3, select(2, net:keys(new)))
    end)

    it("that is carried makes its key known", function()
      local carried = support.key()
      local bundle = assert(net:prepare(account, { preCall = true, key = account.admin,
        authorizeKeys = { net:session_entry(carried) } }))
      local call = bundle.context.preCall
      call.signature = intent.wrap_signature(support.sign(account.admin, bundle.digest),
        support.hash_of(account.admin))
      local options = increment_by(carried)
      options.preCalls = { call }
      assert.equal(200, assert(net:execute(account, carried, options)).status)
    end)

    it("that was renewed before it landed lands with both parts, in order", function()
      local key = net:granted_key(account, { expiry = math.floor(core.now()) + 100 })
      assert(net:grant(account, net:session_entry(key, { expiry = 2000000000 })))
      local calls = pre_calls_of(increment_by(key))
      assert.equal(2, #calls)
      assert.equal((calls[1].nonce + 1):hex(), calls[2].nonce:hex())
      assert.equal(200, assert(net:execute(account, key, increment_by(key))).status)
      assert.equal("0x" .. ("%x"):format(2000000000), net:keys(account)[support.hash_of(key)].expiry)
    end)

    it("stops at a gap in its sequence", function()
      local key = net:granted_key(account)
      local sequence = core.u256(support.hash_of(key)):shr(64):shl(64)
      assert(net:grant(account, net:session_entry(key), { meta = { nonce = sequence + 1 } }))
      assert.equal(2, #pre_calls_of(increment_by(key)))
      -- What would come third is missing, so the fourth stays behind.
      local call = { eoa = account.address, nonce = (sequence + 3):hex(), signature = "0x",
        executionData = assert(intent.encode_calls(permissions.admin_calls(net:session_entry(key)))) }
      local digest = assert(intent.signed_call_digest(call, domain))
      assert(net:send({ digest = digest }, { preCall = call }, account.admin, { key = account.admin }))
      assert.equal(2, #pre_calls_of(increment_by(key)))
    end)

    it("is forgotten when its nonce was used up otherwise", function()
      local key = net:granted_key(account)
      local nonce = core.u256(support.hash_of(key)):shr(64):shl(64)
      local void = contracts.self_call(contracts.account.invalidateNonce, { nonce })
      void.value = "0x0"
      assert.equal(200, assert(net:execute(account, account.admin, { calls = { void } })).status)
      local err = net:refusal("wallet_prepareCalls", net:request(account, increment_by(key)))
      assert.matches("is unknown", err.message, 1, true)
      -- and the next one takes the number after it
      assert(net:grant(account, net:session_entry(key)))
      assert.equal((nonce + 1):hex(), pre_calls_of(increment_by(key))[1].nonce:hex())
      assert.equal(200, assert(net:execute(account, key, increment_by(key))).status)
    end)
  end)

  describe("a revocation", function()
    local function assert_unknown(key)
      local err = net:refusal("wallet_prepareCalls", net:request(account, increment_by(key)))
      assert.equal("key hash " .. support.hash_of(key) .. " is unknown", err.message)
    end

    local function revoke(key, signer)
      return net:execute(account, signer or account.admin, { revokeKeys = { { hash = support.hash_of(key) } } })
    end

    it("of a key that has acted ends it", function()
      local key = net:granted_key(account)
      assert(net:execute(account, key, increment_by(key)))
      assert.equal(200, assert(revoke(key)).status)
      assert_unknown(key)
      assert.is_nil(net:keys(account)[support.hash_of(key)])
    end)

    it("of a key that never acted fails, and its grant is forgotten all the same", function()
      local key = net:granted_key(account)
      local status, err = revoke(key)
      assert.is_nil(status)
      assert.equal(3, err.rpc_code)
      assert.equal("0xe57b6304", err.data)
      assert_unknown(key)
    end)

    it("asked for in the name of a session key forgets nothing", function()
      local key, other = net:granted_key(account), net:granted_key(account)
      assert(net:execute(account, other, increment_by(other)))
      local status, err = revoke(key, other)
      assert.is_nil(status)
      assert.equal(3, err.rpc_code)
      assert.equal(200, assert(net:execute(account, key, increment_by(key))).status)
    end)

    it("forgets a renewal that has not landed", function()
      local key = net:granted_key(account)
      assert(net:execute(account, key, increment_by(key)))
      assert(net:grant(account, net:session_entry(key, { expiry = 2000000000 })))
      assert.equal(200, assert(revoke(key)).status)
      assert_unknown(key)
    end)

    local function store_revocation(key)
      local bundle, context = net:prepare(account, { preCall = true, key = account.admin,
        revokeKeys = { { hash = support.hash_of(key) } } })
      if not bundle then return nil, context end
      return net:send(bundle, context, account.admin, { key = account.admin })
    end

    it("that is stored stops a key that is on the chain", function()
      local key = net:granted_key(account)
      assert(net:execute(account, key, increment_by(key)))
      assert(store_revocation(key))
      local err = net:refusal("wallet_prepareCalls", net:request(account, increment_by(key)))
      assert.equal(3, err.code)
      assert.equal("KeyDoesNotExist", support.revert_name(err.data))
      -- It is still listed, since nothing has happened on the chain; an ordinary revocation settles that.
      assert.is_table(net:keys(account)[support.hash_of(key)])
      assert.equal(200, assert(revoke(key)).status)
      assert_unknown(key)
    end)

    it("that is stored undoes a grant that never landed", function()
      local key = net:granted_key(account)
      assert(store_revocation(key))
      assert_unknown(key)
      -- It can be granted again.
      assert(net:grant(account, net:session_entry(key)))
      assert.equal(200, assert(net:execute(account, key, increment_by(key))).status)
    end)

    it("that is stored does not stop a later grant", function()
      local key = net:granted_key(account)
      assert(net:execute(account, key, increment_by(key)))
      assert(store_revocation(key))
      assert(net:grant(account, net:session_entry(key)))
      assert.equal(2, #pre_calls_of(increment_by(key)))
      assert.equal(200, assert(net:execute(account, key, increment_by(key))).status)
    end)

    it("of nobody cannot be stored", function()
      local stored, err = store_revocation(support.key())
      assert.is_nil(stored)
      assert.equal(3, err.rpc_code)
    end)
  end)
end)
