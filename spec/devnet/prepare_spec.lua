local contracts = require "rise.contracts"
local core = require "rise.core"
local intent = require "rise.intent"
local json = require "rise.json"
local permissions = require "rise.permissions"
local support = require "support.devnet"

local ONE = "1000000000000000000"

describe("wallet_prepareCalls of the devnet's relay #devnet", function()
  local net, account, session, domain

  setup(function()
    net = support.start()
    account = net:landed_account()
    session = net:granted_key(account, { expiry = math.floor(core.now()) + 864000 })
    assert(net:execute(account, session, { calls = { net:increment() } }))
    domain = intent.domain(31337, net.contracts.orchestrator, "0.5.5")
  end)
  teardown(function() net:stop() end)

  local function refusal(options, who)
    return net:refusal("wallet_prepareCalls", net:request(who or account, options))
  end

  local function revert(options, who)
    local err = refusal(options, who)
    assert.equal(3, err.code)
    return support.revert_name(err.data), err
  end

  describe("the answer", function()
    local prepared, quote, fields

    setup(function()
      prepared = assert(net:prepare(account, { calls = { net:increment() }, key = session }))
      quote = prepared.context.quote
      fields = quote.quotes[1].intent
    end)

    it("has a digest that follows from the Intent", function()
      assert.equal(intent.digest(intent.from_json(fields), domain), prepared.digest)
    end)

    it("holds the calls asked for and nothing else", function()
      assert.equal(intent.encode_calls { net:increment() }, fields.executionData)
      assert.equal(account.address, fields.eoa)
      assert.same({}, fields.encodedPreCalls)
      assert.same({}, fields.encodedFundTransfers)
      for _, name in ipairs { "payer", "settler", "funder" } do assert.equal(support.NATIVE, fields[name]) end
      for _, name in ipairs { "expiry", "paymentAmount", "paymentMaxAmount" } do assert.equal("0x0", fields[name]) end
      assert.is_false(fields.isMultichain)
    end)

    it("has all twenty members of the Intent", function()
      local count = 0
      for _ in pairs(fields) do count = count + 1 end
      assert.equal(20, count)
    end)

    it("has a quote with everything the wallet's SDK needs", function()
      local one = quote.quotes[1]
      assert.equal("0x7a69", one.chainId)
      assert.equal(net.contracts.orchestrator, one.orchestrator)
      assert.equal(18, one.paymentTokenDecimals)
      for _, name in ipairs { "ethPrice", "extraPayment", "feeTokenDeficit", "txGas" } do
        assert.matches("^0x%x+$", one[name])
      end
      for _, name in ipairs { "maxFeePerGas", "maxPriorityFeePerGas" } do
        assert.matches("^0x%x+$", one.nativeFeeEstimate[name])
      end
      assert.equal(json.null, one.authorizationAddress)
      assert.matches("^0x" .. ("%x"):rep(64) .. "$", quote.hash)
      assert.matches("^0x" .. ("%x"):rep(64) .. "$", quote.r)
      assert.matches("^0x" .. ("%x"):rep(64) .. "$", quote.s)
      assert.is_true(math.abs(quote.ttl - core.now() - 30) < 5)
    end)

    it("shows typed data of the same digest", function()
      local typed = prepared.typedData
      assert.equal("Intent", typed.primaryType)
      assert.same({ name = "Orchestrator", version = "0.5.5", chainId = "0x7a69",
        verifyingContract = net.contracts.orchestrator }, typed.domain)
      local kinds = {}
      for i, member in ipairs(typed.types.Intent) do kinds[i] = member.type .. " " .. member.name end
      local hash = assert(core.eip712("Intent(" .. table.concat(kinds, ",")
        .. ")Call(address to,uint256 value,bytes data)")):hash(typed.message)
      local separator = assert(core.eip712(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")):hash(typed.domain)
      assert.equal(prepared.digest, core.hex(core.eip712_digest(separator, hash)))
    end)

    it("echoes the key", function()
      assert.same(support.signer(session), prepared.key)
    end)

    it("is signed by the relay as a whole", function()
      local signature = prepared.signature
      prepared.signature = nil
      local rest = prepared
      -- cjson has lost which empty tables were arrays
      rest.capabilities.authorizeKeys = json.array(rest.capabilities.authorizeKeys)
      rest.capabilities.revokeKeys = json.array(rest.capabilities.revokeKeys)
      for _, holder in ipairs { fields, rest.typedData.message } do
        holder.encodedPreCalls = json.array(holder.encodedPreCalls)
        holder.encodedFundTransfers = json.array(holder.encodedFundTransfers)
      end
      local signer = core.secp256k1_recover(core.keccak256(json.encode(rest)), core.unhex(signature))
      assert.equal(net.ready.quote_signer, core.hex(signer))
    end)
  end)

  it("takes the chain's next nonce, or the one given", function()
    local first = assert(net:prepare(account, { calls = { net:increment() }, key = session }))
    local second = assert(net:prepare(account, { calls = { net:increment() }, key = session }))
    assert.equal(first.context.quote.quotes[1].intent.nonce, second.context.quote.quotes[1].intent.nonce)
    local nonce = intent.nonce(77)
    local third = assert(net:prepare(account, { calls = { net:increment() }, key = session, meta = { nonce = nonce } }))
    assert.equal(nonce:hex(), third.context.quote.quotes[1].intent.nonce)
  end)

  it("takes a random sequence before the account is on the chain", function()
    local new = net:create_account()
    local first = assert(net:prepare(new, { calls = { net:increment() }, key = new.admin }))
    local second = assert(net:prepare(new, { calls = { net:increment() }, key = new.admin }))
    assert.are_not.equal(first.context.quote.quotes[1].intent.nonce, second.context.quote.quotes[1].intent.nonce)
    assert.equal(net.contracts.account_proxy, first.context.quote.quotes[1].authorizationAddress)
    assert.equal(1, #first.context.quote.quotes[1].intent.encodedPreCalls)
  end)

  it("authorizes first, calls then, revokes last", function()
    local new = support.key()
    local entry = net:session_entry(new)
    local prepared = assert(net:prepare(account, { key = account.admin, calls = { net:increment() },
      authorizeKeys = { entry }, revokeKeys = { { hash = support.hash_of(session) } } }))
    local expected = permissions.admin_calls(entry)
    expected[#expected + 1] = net:increment()
    expected[#expected + 1] = permissions.revoke_calls(support.hash_of(session))[1]
    assert.equal(intent.encode_calls(expected), prepared.context.quote.quotes[1].intent.executionData)
    assert.equal(support.hash_of(new), prepared.capabilities.authorizeKeys[1].hash)
    assert.equal(support.hash_of(session), prepared.capabilities.revokeKeys[1].hash)
  end)

  it("makes ready a bundle of the account's own key", function()
    local prepared, context = assert(net:prepare(account, { calls = { net:increment() } }))
    assert.equal(json.null, prepared.key)
    local sent = assert(net:send(prepared, context, account.owner))
    assert.equal(200, net:wait(sent.id).status)
  end)

  it("gives an account's own key, stored as a key too, the digest it can sign", function()
    local owner = support.key("secp256k1")
    local new = net:landed_account { admin = owner, admin_type = "secp256k1" }
    local self_signed = { address = core.hex(owner:address()), owner = owner, admin = owner }
    local upgraded = net:call("wallet_prepareUpgradeAccount",
      net:upgrade_request(self_signed.address, { support.admin_entry(owner) }))
    assert(net:call("wallet_upgradeAccount", { context = upgraded.context, signatures = {
      auth = support.sign(owner, upgraded.digests.auth), exec = support.sign(owner, upgraded.digests.exec),
    } }))
    local plain = assert(net:prepare(new, { calls = { net:increment() }, key = owner }))
    assert.equal(intent.digest(intent.from_json(plain.context.quote.quotes[1].intent), domain), plain.digest)
    local first, context = assert(net:prepare(self_signed, { calls = { net:increment() } }))
    assert.equal(200, net:wait(assert(net:send(first, context, owner)).id).status)
    local wrapped
    wrapped, context = assert(net:prepare(self_signed, { calls = { net:increment() }, key = owner }))
    local inner = intent.digest(intent.from_json(wrapped.context.quote.quotes[1].intent), domain)
    assert.equal(intent.erc1271_digest(self_signed.address, inner), wrapped.digest)
    assert.equal(200, net:wait(assert(net:send(wrapped, context, owner, { key = owner })).id).status)
  end)

  describe("reverts with code 3:", function()
    it("a call the key may not make", function()
      local name, err = revert { key = session, calls = { net:mint(account.address, 1) } }
      assert.equal("UnauthorizedCall", name)
      assert.matches("^UnauthorizedCall%(UnauthorizedCall { keyHash: 0x%x+, target: 0x%x+, data: 0x%x+ }%)$",
        err.message)
    end)

    it("native currency without a limit", function()
      net:fund(account.address, ONE)
      local payer = net:granted_key(account, { permissions = {
        { type = "call", to = contracts.ANY_TARGET, selector = contracts.EMPTY_CALLDATA_SELECTOR },
      } })
      local name = revert { key = payer, calls = { { to = net.ready.accounts[2], value = "0x1", data = "0x" } } }
      assert.equal("NoSpendPermissions", name)
    end)

    it("more than the limit", function()
      assert(net:execute(account, account.admin, { calls = { net:mint(account.address, 1000) } }))
      local spender = net:granted_key(account, { permissions = {
        { type = "call", to = net.contracts.stk, selector = "0xa9059cbb" },
        { type = "spend", token = net.contracts.stk, limit = "0x64", period = "hour" },
      } })
      assert.equal("ExceededSpendLimit",
        (revert { key = spender, calls = { net:transfer(net.ready.accounts[2], 101) } }))
      assert(net:prepare(account, { key = spender, calls = { net:transfer(net.ready.accounts[2], 100) } }))
    end)

    it("a call that reverts, decoded where the error is known", function()
      local err = refusal { key = account.admin, calls = { net:transfer(net.ready.accounts[2], "1000000000000000") } }
      assert.equal(3, err.code)
      assert.matches("^InsufficientBalance%(InsufficientBalance { account: " .. account.address, err.message)
      local item = core.abi "error InsufficientBalance(address account, uint256 balance, uint256 needed)"
      assert.equal(account.address, assert(item:decode(core.unhex(err.data):sub(5)))[1])
    end)

    it("a target that says nothing", function()
      local call = { to = net.contracts.stk, value = "0x0", data = "0x12345678" }
      assert.equal("CallError", (revert { key = account.admin, calls = { call } }))
    end)

    it("a nonce that was used", function()
      assert.equal("InvalidNonce", (revert { key = session, calls = { net:increment() }, meta = { nonce = "0x0" } }))
    end)

    it("a revocation of nobody", function()
      local name, err = revert { key = account.admin, revokeKeys = { { hash = "0x" .. ("9"):rep(64) } } }
      assert.equal("KeyDoesNotExist", name)
      assert.equal("0xe57b6304", err.data)
      assert.equal("KeyDoesNotExist(KeyDoesNotExist)", err.message)
    end)

    it("a session key that would manage keys", function()
      assert.equal("UnauthorizedCall",
        (revert { key = session, authorizeKeys = { support.admin_entry(support.key()) } }))
    end)
  end)

  it("looks at the time of the next block, not of the last", function()
    local hour = { permissions = {
      { type = "call", to = net.contracts.stk, selector = "0xa9059cbb" },
      { type = "spend", token = net.contracts.stk, limit = "0x64", period = "hour" },
    }, expiry = math.floor(core.now()) + 86400 }
    assert(net:execute(account, account.admin, { calls = { net:mint(account.address, 1000) } }))
    local spender = net:granted_key(account, hour)
    local all = { key = spender, calls = { net:transfer(net.ready.accounts[2], 100) } }
    assert.equal(200, assert(net:execute(account, spender, all)).status)
    assert.equal("ExceededSpendLimit", (revert(all)))
    assert(net.chain:request("evm_increaseTime", { 3601 }))
    -- No block has come since; the window is a new one all the same.
    assert.equal(200, assert(net:execute(account, spender, all)).status)
  end)

  it("does not know a key that was never granted", function()
    local key = support.key()
    local err = refusal { key = key, calls = { net:increment() } }
    assert.equal(-32602, err.code)
    assert.equal("key hash " .. support.hash_of(key) .. " is unknown", err.message)
  end)

  it("does not know an expired key, landed or not", function()
    local now = assert(core.u256(net.chain:block("pending").timestamp)):number()
    local landed = net:granted_key(account, { expiry = now + 100 })
    assert(net:execute(account, landed, { calls = { net:increment() } }))
    local waiting = net:granted_key(account, { expiry = now + 100 })
    assert(net:prepare(account, { key = waiting, calls = { net:increment() } }))
    assert(net.chain:request("evm_increaseTime", { 200 }))
    for _, key in ipairs { landed, waiting } do
      assert.matches("is unknown", refusal({ key = key, calls = { net:increment() } }).message, 1, true)
    end
  end)

  it("says what native currency the account lacks, and prepares all the same", function()
    local poor = net:landed_account()
    net:fund(poor.address, 5)
    local options = { key = poor.admin, calls = { { to = net.ready.accounts[2], value = "0x64", data = "0x" } } }
    local prepared, context = assert(net:prepare(poor, options))
    local lacking = prepared.context.quote.quotes[1].assetDeficits
    assert.equal(1, #lacking)
    assert.equal(json.null, lacking[1].address)
    assert.equal("0x64", lacking[1].required)
    assert.equal("0x5f", lacking[1].deficit)
    local _, err = net:send(prepared, context, poor.admin, { key = poor.admin })
    assert.equal("quote has asset deficits and is expected to fail", err.rpc_message)
    net:fund(poor.address, 100)
    assert.equal(200, assert(net:execute(poor, poor.admin, options)).status)
  end)

  it("prepares for an account nobody knows, but says so and never sends it", function()
    local stranger = { address = core.hex(support.key("secp256k1"):address()) }
    local prepared, context = assert(net:prepare(stranger, { calls = { net:increment() } }))
    assert.equal(support.NATIVE, prepared.context.quote.quotes[1].authorizationAddress)
    local _, err = net:send(prepared, context, support.key("secp256k1"))
    assert.equal(-32602, err.rpc_code)
    assert.equal("quotes for unknown accounts are not accepted", err.rpc_message)
    assert.equal("eoa not delegated: " .. stranger.address,
      refusal({ key = session, calls = { net:increment() } }, stranger).message)
  end)

  it("needs a sender", function()
    local request = net:request(account, { key = session, calls = { net:increment() } })
    request.from = nil
    local err = net:refusal("wallet_prepareCalls", request)
    assert.equal(-32602, err.code)
    assert.equal("intent creation requires a sender.", err.message)
  end)

  it("knows its fee tokens only", function()
    local prepared = assert(net:prepare(account, { key = session, calls = { net:increment() },
      meta = { feeToken = net.contracts.stk } }))
    assert.equal(net.contracts.stk, prepared.context.quote.quotes[1].intent.paymentToken)
    local err = refusal { key = session, calls = { net:increment() }, meta = { feeToken = net.contracts.counter } }
    assert.equal("fee token not supported: " .. net.contracts.counter, err.message)
  end)

  it("has one chain", function()
    local request = net:request(account, { key = session, calls = {} })
    request.chainId = "0x1"
    local err = net:refusal("wallet_prepareCalls", request)
    assert.equal(-32603, err.code)
    assert.equal("unsupported chain 1", err.message)
  end)

  it("brings no funds from other chains", function()
    local rich = net:landed_account()
    net:fund(rich.address, 100)
    local function with(value)
      return { key = rich.admin, calls = {}, requiredFunds = { { address = support.NATIVE, value = value } } }
    end
    assert(net:prepare(rich, with "0x64"))
    assert.equal("multichain functionality is disabled: interop service not configured",
      refusal(with "0x65", rich).message)
  end)

  it("simulates on other state where asked", function()
    local poor = net:landed_account()
    local options = { key = poor.admin, calls = { { to = net.ready.accounts[2], value = "0x64", data = "0x" } } }
    assert(net:prepare(poor, options).context.quote.quotes[1].assetDeficits)
    options.stateOverrides = { [poor.address] = { balance = "0x64" } }
    assert.is_nil(net:prepare(poor, options).context.quote.quotes[1].assetDeficits)
  end)

  it("takes addresses in any case and chain ids in any notation", function()
    for _, chain_id in ipairs { 31337, "0x7a69", "31337" } do
      local request = net:request(account, { key = session, calls = { net:increment() } })
      request.chainId = chain_id
      request.from = core.checksum(core.unhex(account.address))
      request.calls[1].to = "0x" .. request.calls[1].to:sub(3):upper()
      local prepared = assert(net:call("wallet_prepareCalls", request))
      assert.equal(account.address, prepared.context.quote.quotes[1].intent.eoa)
    end
  end)

  it("takes a bundle of a quarter of a megabyte", function()
    local data = "0xd09de08a" .. ("ab"):rep(262144)
    local status = assert(net:execute(account, account.admin,
      { calls = { { to = net.contracts.counter, value = "0x0", data = data } } }))
    assert.equal(200, status.status)
  end)

  describe("refuses with -32602 and a complaint:", function()
    local function complaint(change)
      local request = net:request(account, { key = session, calls = { net:increment() } })
      change(request)
      local err = net:refusal("wallet_prepareCalls", request)
      assert.equal(-32602, err.code)
      assert.equal("Invalid params", err.message)
      return err.data
    end

    for name, case in pairs {
      ["no meta"] = { function(r) r.capabilities = json.object {} end, "missing field `meta`" },
      ["no capabilities"] = { function(r) r.capabilities = nil end, "missing field `capabilities`" },
      ["no calls"] = { function(r) r.calls = nil end, "missing field `calls`" },
      ["calls as an object"] = { function(r) r.calls = json.object {} end, "expected a sequence" },
      ["meta as an array"] = { function(r) r.capabilities.meta = json.array {} end, "expected a map" },
      ["null where an array belongs"] = { function(r) r.capabilities.authorizeKeys = json.null end,
        "invalid type: null" },
      ["a call without value"] = { function(r) r.calls[1].value = nil end,
        "missing field `value` at params[0].calls[0]" },
      ["a call without data"] = { function(r) r.calls[1].data = nil end, "missing field `data` at params[0].calls[0]" },
      ["odd hex"] = { function(r) r.calls[1].data = "0x123" end, "whole bytes" },
      ["a short address"] = { function(r) r.from = "0x1234" end, "an address" },
      ["a key without prehash"] = { function(r) r.key.prehash = nil end, "missing field `prehash`" },
      ["a key of the wallet's name"] = { function(r) r.key.type = "webauthn-p256" end,
        "unknown variant `webauthn-p256`" },
      ["a short public key"] = { function(r) r.key.publicKey = "0x1234" end, "2 bytes, expected 64" },
      ["no chain"] = { function(r) r.chainId = nil end, "missing field `chainId`" },
      ["a fractional chain"] = { function(r) r.chainId = 31337.5 end, "expected a quantity" },
      ["a negative value"] = { function(r) r.calls[1].value = "-1" end, "expected a 256-bit number" },
      ["a role nobody has"] = { function(r)
        r.capabilities.authorizeKeys = { support.entry(support.key(), { role = "owner" }) }
      end, "unknown variant `owner`" },
      ["an expiry in milliseconds"] = { function(r)
        r.capabilities.authorizeKeys = { support.entry(support.key(), { expiry = 1767225600000 }) }
      end, "40 bits" },
      ["a period nobody has"] = { function(r)
        r.capabilities.authorizeKeys = { support.entry(support.key(), {
          permissions = { { type = "spend", limit = "0x1", period = "forever" } } }) }
      end, "unknown variant `forever`" },
      ["a token that is null"] = { function(r)
        r.capabilities.authorizeKeys = { support.entry(support.key(), {
          permissions = { { type = "spend", limit = "0x1", period = "day", token = json.null } } }) }
      end, "invalid type: null" },
      ["a permission of another kind"] = { function(r)
        r.capabilities.authorizeKeys = { support.entry(support.key(), {
          permissions = { { type = "signatureVerification" } } }) }
      end, "unknown variant `signatureVerification`" },
    } do
      it(name, function()
        assert.matches(case[2], complaint(case[1]), 1, true)
      end)
    end
  end)
end)
