local contracts = require "rise.contracts"
local core = require "rise.core"
local intent = require "rise.intent"
local json = require "rise.json"
local permissions = require "rise.permissions"
local support = require "support.devnet"

describe("making accounts at the devnet's relay #devnet", function()
  local net

  setup(function() net = support.start() end)
  teardown(function() net:stop() end)

  local function fresh()
    local owner, admin = support.key("secp256k1"), support.key()
    return { owner = owner, admin = admin, address = core.hex(owner:address()) }
  end

  local function prepared_for(account)
    return assert(net:call("wallet_prepareUpgradeAccount",
      net:upgrade_request(account.address, { support.admin_entry(account.admin) })))
  end

  local function signatures(account, prepared)
    return { auth = support.sign(account.owner, prepared.digests.auth),
      exec = support.sign(account.owner, prepared.digests.exec) }
  end

  describe("wallet_prepareUpgradeAccount", function()
    it("gives digests that follow from its context", function()
      local account = fresh()
      local prepared = prepared_for(account)
      local context = prepared.context
      assert.equal(account.address, context.address)
      assert.same({ chainId = "0x0", address = net.contracts.account_proxy, nonce = "0x0" }, context.authorization)
      assert.equal("0xc1d0", context.preCall.nonce:sub(1, 6))
      assert.equal("0x", context.preCall.signature)
      assert.equal(core.hex(core.authorization_digest(0, core.unhex(net.contracts.account_proxy), 0)),
        prepared.digests.auth)
      assert.equal(intent.signed_call_digest({
        eoa = account.address, executionData = context.preCall.executionData, nonce = context.preCall.nonce,
      }, intent.domain(31337, net.contracts.orchestrator, "0.5.5")), prepared.digests.exec)
    end)

    it("installs exactly the keys asked for", function()
      local account, session = fresh(), support.key()
      local entries = { support.admin_entry(account.admin), net:session_entry(session) }
      local prepared = assert(net:call("wallet_prepareUpgradeAccount", net:upgrade_request(account.address, entries)))
      local expected = {}
      for _, entry in ipairs(entries) do
        for _, call in ipairs(permissions.admin_calls(entry)) do expected[#expected + 1] = call end
      end
      assert.equal(intent.encode_calls(expected), prepared.context.preCall.executionData)
      assert.equal(support.hash_of(session), prepared.capabilities.authorizeKeys[2].hash)
    end)

    it("shows typed data without a chain, since an account is one on every chain", function()
      local typed = prepared_for(fresh()).typedData
      assert.same({ name = "Orchestrator", version = "0.5.5", verifyingContract = net.contracts.orchestrator },
        typed.domain)
      assert.equal("SignedCall", typed.primaryType)
      assert.is_true(typed.message.multichain)
    end)

    it("refuses another delegation than the relay's proxy", function()
      local account = fresh()
      local request = net:upgrade_request(account.address, { support.admin_entry(account.admin) })
      request.delegation = net.contracts.account_implementation
      local err = net:refusal("wallet_prepareUpgradeAccount", request)
      assert.equal(-32602, err.code)
      assert.equal("invalid delegation proxy " .. net.contracts.account_implementation, err.message)
    end)

    it("refuses key types it does not have", function()
      local account = fresh()
      local entry = support.admin_entry(account.admin)
      entry.type = "webauthn-p256"
      local err = net:refusal("wallet_prepareUpgradeAccount", net:upgrade_request(account.address, { entry }))
      assert.equal("only supports `p256`, `webauthnp256` and `secp256k1` key types", err.message)
    end)

    it("refuses a public key with the 04 in front", function()
      local account = fresh()
      local entry = support.admin_entry(account.admin)
      entry.publicKey = "0x04" .. entry.publicKey:sub(3)
      local err = net:refusal("wallet_prepareUpgradeAccount", net:upgrade_request(account.address, { entry }))
      assert.equal(-32602, err.code)
      assert.matches("65 bytes, expected 64", err.data, 1, true)
    end)

    it("refuses what the account would refuse, with the revert", function()
      local account, session = fresh(), support.key()
      local entry = support.entry(session, { permissions = {
        { type = "call", to = account.address, selector = contracts.selector(contracts.account.execute) },
      } })
      local err = net:refusal("wallet_prepareUpgradeAccount",
        net:upgrade_request(account.address, { support.admin_entry(account.admin), entry }))
      assert.equal(3, err.code)
      assert.equal("CannotSelfExecute", support.revert_name(err.data))
      assert.equal("CannotSelfExecute(CannotSelfExecute)", err.message)
    end)

    it("refuses another chain", function()
      local account = fresh()
      local request = net:upgrade_request(account.address, { support.admin_entry(account.admin) })
      request.chainId = 1
      local err = net:refusal("wallet_prepareUpgradeAccount", request)
      assert.equal(-32603, err.code)
      assert.equal("unsupported chain 1", err.message)
    end)
  end)

  describe("wallet_upgradeAccount", function()
    it("stores the account and puts nothing on the chain", function()
      local account = fresh()
      local prepared = prepared_for(account)
      assert.equal(json.null, assert(net:call("wallet_upgradeAccount",
        { context = prepared.context, signatures = signatures(account, prepared) })))
      assert.equal("0x", net.chain:get_code(account.address))
      local keys, count = net:keys(account)
      assert.equal(1, count)
      assert.equal("admin", keys[support.hash_of(account.admin)].role)
    end)

    it("takes v as 0 or 1 as well", function()
      local account = fresh()
      local prepared = prepared_for(account)
      local signed = signatures(account, prepared)
      for name, signature in pairs(signed) do
        local bytes = core.unhex(signature)
        signed[name] = core.hex(bytes:sub(1, 64) .. string.char(bytes:byte(65) - 27))
      end
      assert(net:call("wallet_upgradeAccount", { context = prepared.context, signatures = signed }))
      assert.equal(200, assert(net:execute(account, account.admin, { calls = { net:increment() } })).status)
    end)

    local function refusal_of(change)
      local account = fresh()
      local prepared = prepared_for(account)
      local request = { context = prepared.context, signatures = signatures(account, prepared) }
      change(request, account, prepared)
      return net:refusal("wallet_upgradeAccount", request), account
    end

    it("refuses an authorization by somebody else", function()
      local other = support.key("secp256k1")
      local err, account = refusal_of(function(request, _, prepared)
        request.signatures.auth = support.sign(other, prepared.digests.auth)
      end)
      assert.equal(-32602, err.code)
      assert.equal(string.format("invalid auth item, expected %s, got %s", account.address,
        core.hex(other:address())), err.message)
    end)

    it("refuses a pre-call by somebody else", function()
      local other = support.key("secp256k1")
      local err, account = refusal_of(function(request, _, prepared)
        request.signatures.exec = support.sign(other, prepared.digests.exec)
      end)
      assert.equal(string.format("invalid precall recovered address, expected %s, got %s", account.address,
        core.hex(other:address())), err.message)
    end)

    it("refuses an authorization for one chain", function()
      local err = refusal_of(function(request) request.context.authorization.chainId = "0x7a69" end)
      assert.equal("the auth item is not chain agnostic", err.message)
    end)

    it("refuses an authorization for another contract", function()
      local err = refusal_of(function(request) request.context.authorization.address = net.contracts.stk end)
      assert.equal(string.format("invalid authorization item, expected %s, got %s", net.contracts.account_proxy,
        net.contracts.stk), err.message)
    end)

    it("refuses an authorization whose nonce has passed", function()
      local err = refusal_of(function(_, account)
        net:fund(account.address, "1000000000000000000")
        assert(net.chain:request("anvil_setNonce", { account.address, "0x3" }))
      end)
      assert.equal("invalid auth item nonce, expected 3, got 0", err.message)
    end)

    it("refuses a pre-call that does something else", function()
      local err = refusal_of(function(request, account, prepared)
        local call = request.context.preCall
        call.executionData = assert(intent.encode_calls { net:increment() })
        local digest = assert(intent.signed_call_digest({ eoa = call.eoa, executionData = call.executionData,
          nonce = call.nonce }, intent.domain(31337, net.contracts.orchestrator, "0.5.5")))
        request.signatures = { auth = support.sign(account.owner, prepared.digests.auth),
          exec = support.sign(account.owner, digest) }
      end)
      assert.equal("the precall can only contain account management calls.", err.message)
    end)

    it("refuses what has no shape", function()
      local err = refusal_of(function(request) request.context.preCall = nil end)
      assert.equal(-32602, err.code)
      assert.equal("Invalid params", err.message)
      assert.equal("missing field `preCall` at params[0].context", err.data)
    end)
  end)

  describe("wallet_getAuthorization", function()
    it("gives what anybody needs to put the account on the chain", function()
      local account = net:create_account()
      local answer = assert(net:call("wallet_getAuthorization", { address = account.address }))
      assert.equal(net.contracts.orchestrator, answer.to)
      for _, name in ipairs { "address", "chainId", "nonce", "r", "s", "yParity" } do
        assert.matches("^0x%x+$", answer.authorization[name])
      end
      local hash = assert(net.chain:send_transaction {
        from = net.ready.accounts[1], to = answer.to, data = answer.data, gas = "0x100000",
        authorizationList = { answer.authorization },
      })
      assert.equal("0x1", assert(net.chain:wait_receipt(hash)).status)
      assert.equal(net.contracts.account_proxy, contracts.delegation_of(net.chain:get_code(account.address)))
      assert.equal("admin", net:keys(account)[support.hash_of(account.admin)].role)
    end)

    it("refuses an account it does not have", function()
      local address = "0x" .. ("12"):rep(20)
      local err = net:refusal("wallet_getAuthorization", { address = address })
      assert.equal(-32602, err.code)
      assert.equal("Account with address " .. address .. " does not exist in storage.", err.message)
    end)
  end)

  describe("the account's first bundle", function()
    it("puts it on the chain", function()
      local account = net:create_account()
      local before = net:count()
      local status = assert(net:execute(account, account.admin, { calls = { net:increment() } }))
      assert.equal(200, status.status)
      assert.equal(tostring(before + 1), tostring(net:count()))
      assert.equal(net.contracts.account_proxy, contracts.delegation_of(net.chain:get_code(account.address)))
    end)

    it("may be signed by a session key that came with the account", function()
      local session = support.key()
      local account = net:create_account { entries = { net:session_entry(session) } }
      assert.equal(200, assert(net:execute(account, session, { calls = { net:increment() } })).status)
      assert.equal("normal", net:keys(account)[support.hash_of(session)].role)
    end)

    it("is refused once the authorization has gone stale", function()
      local account = net:create_account()
      local prepared, context = assert(net:prepare(account, { calls = { net:increment() }, key = account.admin }))
      assert(net.chain:request("anvil_setNonce", { account.address, "0x1" }))
      local _, err = net:send(prepared, context, account.admin, { key = account.admin })
      assert.equal(-32602, err.rpc_code)
      assert.equal("invalid auth item nonce, expected 1, got 0", err.rpc_message)
    end)
  end)

  it("refuses an account that delegates to something else", function()
    local address = "0x" .. ("ab"):rep(20)
    assert(net.chain:request("anvil_setCode", { address, "0xef0100" .. net.contracts.stk:sub(3) }))
    local err = net:refusal("wallet_getKeys", { address = address })
    assert.equal(-32602, err.code)
    assert.equal("invalid delegation proxy " .. net.contracts.stk, err.message)
  end)
end)
