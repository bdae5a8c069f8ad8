-- Known answers: vectors/keys.json (key hashes, the relay's form of keys, calldata to authorize, permit and revoke) and
-- vectors/account.json (spending windows and views, observed on the contracts themselves). The page's vocabulary is
-- that of the session key flow page; its translation that of the wire reference.
local contracts = require "rise.contracts"
local core = require "rise.core"
local json = require "rise.json"
local permissions = require "rise.permissions"
local vectors = require "support.vectors"

local keys = vectors.load "keys"
local account_vectors = vectors.load "account"

local NOW = 1767225600 -- 2026-01-01T00:00:00Z, a Thursday
local ACCOUNT = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
local STK = "0x00000000000000000000000000000000000000aa"
local COUNTER = "0x00000000000000000000000000000000000000cc"
local OTHER = "0x00000000000000000000000000000000000000dd"
local MINT, TRANSFER, INCREMENT = "0x40c10f19", "0xa9059cbb", "0xd09de08a"
local POINT = keys.keys[1].publicKey
local ETHER = core.u256("1000000000000000000")

local function build(spec, options)
  options = options or {}
  options.now = options.now or NOW
  options.account = options.account or ACCOUNT
  return permissions.build(spec, options)
end

local function spec_of(calls, spend)
  return { expires = "24h", permissions = { calls = calls, spend = spend } }
end

local function refused(spec, message, options)
  local grant, err = build(spec, options)
  assert.is_nil(grant)
  assert.equal("invalid_value", err.code)
  assert.equal(message, err.message:sub(1, #message))
  assert.is_string(err.field)
  return err
end

-- A grant without what is not plain: limits as text.
local function plain(grant)
  local spend = {}
  for i, rule in ipairs(grant.spend) do
    spend[i] = { token = rule.token, limit = tostring(rule.limit), period = rule.period }
  end
  return { calls = grant.calls, spend = spend, expiry = grant.expiry, public_key = grant.public_key }
end

local function call_data(item, ...)
  return assert(contracts.encode_call(item, { ... }))
end

describe("permissions.build in the wallet's vocabulary", function()
  it("makes a canonical grant", function()
    local grant = assert(build(spec_of({
      { to = STK, signature = "mint(address,uint256)" },
      { to = STK, signature = "function transfer(address to, uint256 amount) returns (bool)" },
      { to = COUNTER, signature = INCREMENT },
      { to = COUNTER, selector = "0x06661ABD" },
    }, {
      { token = STK, limit = "100", period = "hour" },
      { limit = ETHER, period = "minute" },
      { token = "native", limit = 7, period = "day" },
    })))
    assert.same({
      calls = {
        { to = STK, selector = MINT, signature = "mint(address,uint256)" },
        { to = STK, selector = TRANSFER, signature = "transfer(address,uint256)" },
        { to = COUNTER, selector = INCREMENT },
        { to = COUNTER, selector = "0x06661abd" },
      },
      spend = {
        { token = STK, limit = "100", period = "hour" },
        { token = contracts.NATIVE, limit = "1000000000000000000", period = "minute" },
        { token = contracts.NATIVE, limit = "7", period = "day" },
      },
      expiry = NOW + 86400,
    }, plain(grant))
  end)

  it("reads durations and unix times", function()
    for text, seconds in pairs { ["90s"] = 90, ["15m"] = 900, ["24h"] = 86400, ["7d"] = 604800, ["2w"] = 1209600 } do
      local grant = assert(build { expires = text, permissions = { calls = { { to = STK } } } })
      assert.equal(NOW + seconds, grant.expiry)
    end
    assert.equal(NOW + 1, assert(build { expires = NOW + 1, permissions = { calls = { { to = STK } } } }).expiry)
    assert.equal(1099511627775,
      assert(build { expiry = 1099511627775, permissions = { calls = { { to = STK } } } }).expiry)
  end)

  it("refuses an expiry that is none, over, or too far", function()
    local function with(expires)
      return { expires = expires, permissions = { calls = { { to = STK } } } }
    end
    refused(with(nil), "expires: a session key must expire")
    refused(with("soon"), "expires: \"soon\" is not like 90s")
    refused(with("1795387345"), "expires: \"1795387345\" is not like 90s") -- a unix time as text is no duration
    refused(with("1h30m"), "expires: ")
    refused(with("-5m"), "expires: ")
    refused(with("0s"), "expires: 1767225600 (2026-01-01T00:00:00Z) is not in the future")
    refused(with(3600), "expires: 3600 (1970-01-01T01:00:00Z) is not in the future")
    refused(with(0), "expires: 0 (1970-01-01T00:00:00Z) is not in the future")
    refused(with(NOW), "expires: ")
    for _, odd in ipairs { 0 / 0, -1, -1e300, 1e300, 1 / 0, -1 / 0 } do refused(with(odd), "expires: ") end
    refused(with((NOW + 86400) * 1000), "expires: 1767312000000 does not fit the contract's 40 bits")
    refused(with("99999999999999d"), "expires: ")
    refused({ expires = "1h", expiry = NOW + 1, permissions = { calls = { { to = STK } } } }, "expiry: ")
  end)

  it("names the field that cannot be represented", function()
    refused(spec_of({ { to = "0x12", signature = "a()" } }), "permissions.calls[1].to: ")
    refused(spec_of({ { to = STK }, { to = STK, signature = "mint(" } }), "permissions.calls[2].signature: ")
    refused(spec_of({ { to = STK, signature = "0x40c10f" } }), "permissions.calls[1].signature: 4 bytes expected")
    refused(spec_of({ { to = STK, signature = 5 } }), "permissions.calls[1].signature: ")
    refused(spec_of({ { to = STK, signature = "event Mint(address)" } }), "permissions.calls[1].signature: ")
    refused(spec_of({ { to = STK, signature = "a()", selector = MINT } }), "permissions.calls[1].selector: ")
    refused(spec_of({ { to = STK, selecter = MINT } }), "permissions.calls[1].selecter: cannot be represented")
    refused(spec_of({ "mint" }), "permissions.calls[1]: { to=, signature= } expected, got string")
    refused(spec_of({ { to = STK } }, { 5 }), "permissions.spend[1]: { token=, limit=, period= } expected, got number")
    refused(spec_of({ {} }), "permissions.calls[1]: at least one of to and signature")
    refused(spec_of({ { to = contracts.NATIVE } }), "permissions.calls[1].to: a permission for 0x00")
    refused(spec_of({}), "permissions.calls: a key that may call nothing")
    refused(spec_of("mint"), "permissions.calls: a list expected")
    refused(spec_of({ { to = STK } }, { { limit = 1, period = "forever" } }),
      "permissions.spend[1].period: \"forever\"")
    refused(spec_of({ { to = STK } }, { { limit = 1 } }), "permissions.spend[1].period: nil is none of minute")
    refused(spec_of({ { to = STK } }, { { period = "day" } }), "permissions.spend[1].limit: ")
    refused(spec_of({ { to = STK } }, { { limit = 1.5, period = "day" } }), "permissions.spend[1].limit: ")
    refused(spec_of({ { to = STK } }, { { limit = 1e18, period = "day" } }), "permissions.spend[1].limit: ")
    refused(spec_of({ { to = STK } }, { { limit = "-1", period = "day" } }), "permissions.spend[1].limit: ")
    refused(spec_of({ { to = STK } }, { { token = "STK", limit = 1, period = "day" } }), "permissions.spend[1].token: ")
    refused({ expires = "1h", permissions = { calls = { { to = STK } }, signatures = {} } }, "permissions.signatures: ")
    refused({ expires = "1h", permissions = { calls = { { to = STK } } }, validator = true }, "validator: ")
    refused({ expires = "1h" }, "permissions: a table expected")
    refused({ expires = "1h", feeToken = { limit = "1" }, permissions = { calls = { { to = STK } } } }, "feeToken: ")
    refused({ expires = "1h", account = OTHER, permissions = { calls = { { to = STK } } } }, "account: ")
  end)

  it("fills in any contract and any function, and knows the plain transfer", function()
    local grant = assert(build(spec_of {
      { to = STK }, { signature = "increment()" }, { to = OTHER, signature = "receive()" },
    }))
    assert.same({
      { to = STK, selector = "0x32323232" },
      { to = contracts.ANY_TARGET, selector = INCREMENT, signature = "increment()" },
      { to = OTHER, selector = "0xe0e0e0e0", signature = "receive()" },
    }, grant.calls)
  end)

  it("merges what is said twice and refuses what contradicts itself", function()
    local grant = assert(build(spec_of(
      { { to = STK, signature = MINT }, { to = STK:upper():gsub("X", "x"), signature = "mint(address,uint256)" } },
      { { token = STK, limit = 5, period = "day" }, { token = STK, limit = "5", period = "day" } })))
    assert.same({ { to = STK, selector = MINT, signature = "mint(address,uint256)" } }, grant.calls)
    assert.equal(1, #grant.spend)
    refused(spec_of({ { to = STK } }, { { limit = 5, period = "day" }, { limit = 6, period = "day" } }),
      "permissions.spend[2]: a second limit for the same token per day: 5 and 6")
  end)

  it("keeps to the contract's capacities", function()
    local calls, spend = {}, {}
    for i = 1, 2048 do calls[i] = { to = string.format("0x%040x", i), signature = MINT } end
    for i = 1, 64 do spend[i] = { token = string.format("0x%040x", i), limit = 1, period = "day" } end
    local grant = assert(build(spec_of(calls, spend)))
    assert.equal(2048, #grant.calls)
    calls[2049] = { to = STK }
    refused(spec_of(calls, {}), "permissions.calls[2049]: the account takes at most 2048")
    spend[65] = { token = string.format("0x%040x", 1), limit = 1, period = "week" }
    assert.equal(65, #assert(build(spec_of({ { to = STK } }, spend))).spend)
    spend[66] = { limit = 1, period = "day" }
    refused(spec_of({ { to = STK } }, spend), "permissions.spend[66]: the account takes limits for at most 64 tokens")
  end)

  it("raises for a mistake of the program", function()
    assert.has_error(function() permissions.build(nil, { now = NOW }) end)
    assert.has_error(function() permissions.build({}, {}) end)
    assert.has_error(function() permissions.build({}, { now = NOW, acount = ACCOUNT }) end)
  end)
end)

describe("permissions.build in the page's vocabulary", function()
  -- As the page writes it, for one day, at this moment.
  local function page()
    return {
      account = ACCOUNT,
      expiry = NOW * 1000 + 24 * 60 * 60 * 1000,
      permissions = {
        { type = "native-token-recurring-allowance", data = { allowance = ETHER, start = NOW * 1000, period = 60000 } },
        { type = "allowed-contract-selector", data = { contract = STK, selector = MINT } },
        { type = "allowed-contract-selector", data = { contract = STK, selector = TRANSFER } },
        { type = "allowed-contract-selector", data = { contract = COUNTER, selector = INCREMENT } },
      },
      signer = { type = "key", data = { id = "0x04" .. POINT:sub(3) } },
    }
  end

  it("translates the page's own request", function()
    local grant = assert(build(page()))
    assert.same({
      calls = {
        { to = STK, selector = MINT }, { to = STK, selector = TRANSFER }, { to = COUNTER, selector = INCREMENT },
      },
      spend = { { token = contracts.NATIVE, limit = "1000000000000000000", period = "minute" } },
      expiry = NOW + 86400,
      public_key = POINT,
    }, plain(grant))
    assert.same({ "permissions[1].data.start was dropped: windows follow the calendar in UTC" }, grant.notes)
  end)

  it("works without a signer and with seconds", function()
    local spec = page()
    spec.signer, spec.expiry = nil, NOW + 60.5
    local grant = assert(build(spec))
    assert.is_nil(grant.public_key)
    assert.equal(NOW + 60, grant.expiry)
  end)

  it("translates the four exact periods and refuses every other", function()
    for ms, name in pairs { [60000] = "minute", [3600000] = "hour", [86400000] = "day", [604800000] = "week" } do
      local spec = page()
      spec.permissions[1].data.period = ms
      assert.equal(name, assert(build(spec)).spend[1].period)
    end
    local spec = page()
    spec.permissions[1].data.period = 90000
    refused(spec, "permissions[1].data.period: 90000 ms is none of minute, hour, day, week")
    spec.permissions[1].data.period = 30 * 86400000
    refused(spec, "permissions[1].data.period: 2592000000 ms is none of")
    spec.permissions[1].data.period = nil
    refused(spec, "permissions[1].data.period: nil ms")
  end)

  it("refuses what it cannot represent and names the field", function()
    local function changed(change, message)
      local spec = page()
      change(spec)
      refused(spec, message)
    end
    changed(function(s) s.permissions[1].data.start = (NOW + 1) * 1000 end,
      "permissions[1].data.start: 2026-01-01T00:00:01Z is in the future")
    for _, odd in ipairs { "now", -1, 1e300, 0 / 0 } do
      changed(function(s) s.permissions[1].data.start = odd end, "permissions[1].data.start: ")
    end
    changed(function(s) s.permissions[1].data.allowance = nil end, "permissions[1].data.allowance: ")
    changed(function(s) s.permissions[1].data.rollover = true end,
      "permissions[1].data.rollover: cannot be represented")
    changed(function(s) s.permissions[1].type = "erc20-token-transfer" end,
      "permissions[1].type: \"erc20-token-transfer\"")
    changed(function(s) s.permissions[2].data.contract = "0x1" end, "permissions[2].data.contract: ")
    changed(function(s) s.permissions[2].data.selector = "0x40c10f1900" end, "permissions[2].data.selector: ")
    changed(function(s) s.permissions[2].data.selector = nil end, "permissions[2].data.selector: ")
    changed(function(s) s.permissions[2].policy = {} end, "permissions[2].policy: ")
    changed(function(s) s.permissions[2].data = nil end, "permissions[2].data: ")
    changed(function(s) s.permissions[3] = "mint" end, "permissions[3]: ")
    changed(function(s) s.permissions.spend = {} end, "permissions.spend: ")
    changed(function(s) s.expiry = (NOW - 1) * 1000 end,
      "expiry: 1767225599 (2025-12-31T23:59:59Z) is not in the future")
    changed(function(s) s.expiry = nil end, "expires: ")
    changed(function(s) s.signer = "key" end, "signer: ")
    changed(function(s) s.signer.type = "wallet" end, "signer.type: \"wallet\"")
    changed(function(s) s.signer.data = nil end, "signer.data.id: ")
    changed(function(s) s.signer.data.id = "0x02" .. POINT:sub(3, 66) end, "signer.data.id: 33 bytes;")
    changed(function(s) s.signer.data.id = POINT end, "signer.data.id: 64 bytes;")
    changed(function(s) s.signer.data.id = "0x06" .. POINT:sub(3) end, "signer.data.id: begins with 06")
    changed(function(s) s.signer.data.id = "0x04" .. POINT:sub(3, -2) .. (POINT:sub(-1) == "0" and "1" or "0") end,
      "signer.data.id: not a point of P-256")
    changed(function(s) s.signer.data.id = "key" end, "signer.data.id: ")
  end)
end)

describe("root access", function()
  local admin = { "authorize", "revoke", "setCanExecute", "setSpendLimit", "removeSpendLimit", "setCallChecker",
    "setSignatureCheckerApproval", "upgradeProxyAccount", "execute", "invalidateNonce", "setLabel" }

  local function is_root(rule)
    -- any any cannot be written with both left out
    local grant, err = build(spec_of { rule })
    assert.is_nil(grant)
    assert.equal("root_access", err.code)
    assert.equal(1, err.index)
    assert.is_truthy(err.hint:find(permissions.ROOT_PHRASE, 1, true))
    local allowed = assert(build(spec_of { rule }, { allow_root = permissions.ROOT_PHRASE }))
    assert.equal(1, #allowed.calls)
  end

  it("is any function of any contract", function()
    is_root { to = contracts.ANY_TARGET }
    is_root { signature = contracts.ANY_SELECTOR }
  end)

  it("is any function of the account, under each of its names", function()
    is_root { to = ACCOUNT }
    is_root { to = ACCOUNT:upper():gsub("X", "x") }
    is_root { to = contracts.SELF_STUB }
  end)

  for _, name in ipairs(admin) do
    it("is " .. name .. " of the account or of any contract", function()
      local signature = contracts.account[name]:signature()
      is_root { to = ACCOUNT, signature = signature }
      is_root { signature = signature }
      is_root { signature = contracts.selector(contracts.account[name]) }
      assert.is_truthy(build(spec_of { { to = STK, signature = signature } }))
    end)
  end

  it("is allowed by the whole phrase alone", function()
    local grant, err = build(spec_of { { to = ACCOUNT } }, { allow_root = "yes" })
    assert.is_nil(grant)
    assert.equal("root_access", err.code)
  end)

  it("is not a harmless function of the account, nor a transfer to anyone", function()
    assert.is_truthy(build(spec_of { { to = ACCOUNT, signature = "getKeys()" }, { signature = "receive()" } }))
  end)

  it("can be looked for in a grant from elsewhere", function()
    local grant = { calls = { { to = STK, selector = MINT }, { to = ACCOUNT, selector = contracts.ANY_SELECTOR } } }
    local index, reason = permissions.root_access(grant, ACCOUNT)
    assert.equal(2, index)
    assert.equal("any function of the account itself", reason)
    assert.is_nil(permissions.root_access(grant))
  end)
end)

describe("the relay's form", function()
  -- The wallet's permissions of a vector as a grant.
  local function grant_of(key)
    local given = key.permissions or {}
    local grant = { calls = {}, spend = {}, expiry = key.expiry }
    for i, rule in ipairs(given.calls or {}) do
      local selector = rule.signature or contracts.ANY_SELECTOR
      if selector:sub(1, 2) ~= "0x" then selector = core.hex(assert(core.abi(selector)):selector()) end
      grant.calls[i] = { to = rule.to or contracts.ANY_TARGET, selector = selector }
    end
    for i, rule in ipairs(given.spend or {}) do
      grant.spend[i] = { token = rule.token, limit = core.u256(rule.limit), period = rule.period }
    end
    return grant
  end

  -- Through JSON, so that empty arrays and quantities are what goes over the wire.
  local function wire(value)
    return assert(json.decode(json.encode(value)))
  end

  it("is that of every vector key", function()
    for i, key in ipairs(keys.keys) do
      local entry = assert(permissions.authorize_key {
        type = key.type, public_key = key.publicKey, role = key.role, grant = grant_of(key),
      })
      local wanted = key.relay
      wanted.prehash = nil -- a member of the signature, not of the key; the relay ignores it here
      assert.same(wanted, wire(entry), "keys[" .. i .. "]")
    end
  end)

  it("writes an admin key's permissions as an empty array", function()
    local entry = assert(permissions.authorize_key { type = "p256", public_key = POINT, role = "admin" })
    assert.is_truthy(json.encode(entry):find('"permissions":[]', 1, true))
    assert.equal("0x0", entry.expiry)
  end)

  it("builds the same from the wallet's words", function()
    local count = 0
    for _, key in ipairs(keys.keys) do
      if key.role == "session" and #key.permissions.calls > 0 then
        local grant = assert(permissions.build({ expiry = key.expiry ~= 0 and key.expiry or 2,
          permissions = key.permissions }, { now = 1, account = ACCOUNT, allow_root = permissions.ROOT_PHRASE }))
        assert.same(wire(key.relay.permissions), wire(permissions.to_relay(grant)))
        count = count + 1
      end
    end
    assert.is_true(count > 10)
  end)

  it("comes back as the same grant", function()
    local grant = assert(build(spec_of({ { to = STK, signature = MINT }, { to = COUNTER } },
      { { limit = 5, period = "month" } })))
    assert.same(plain(grant), plain(assert(permissions.from_relay(wire(permissions.to_relay(grant)), grant.expiry))))
    local key = assert(permissions.key_from_relay(wire(assert(permissions.authorize_key {
      type = "p256", public_key = POINT, grant = grant }))))
    assert.same(plain(grant), plain(key.grant))
    assert.equal("normal", key.role)
    assert.equal(keys.keys[1].hash, key.hash)
  end)

  it("takes a signature for a selector, and no token for the native one", function()
    local grant = assert(permissions.from_relay {
      { type = "call", to = STK:upper():gsub("X", "x"), selector = "mint(address,uint256)", note = 1 },
      { type = "spend", limit = "0x00ff", period = "year", token = json.null },
    })
    assert.same({ { to = STK, selector = MINT, signature = "mint(address,uint256)" } }, grant.calls)
    assert.same({ { token = contracts.NATIVE, limit = "255", period = "year" } }, plain(grant).spend)
    assert.equal(0, grant.expiry)
  end)

  it("is read strictly", function()
    for message, entry in pairs {
      ["permissions[1].to: "] = { type = "call", selector = MINT },
      ["permissions[1].selector: "] = { type = "call", to = STK },
      ["permissions[1].limit: "] = { type = "spend", period = "day" },
      ["permissions[1].period: "] = { type = "spend", limit = 1, period = "Day" },
      ["permissions[1].token: "] = { type = "spend", limit = 1, period = "day", token = "0x" },
      ["permissions[1].type: "] = { type = "signatureVerification" },
      ["permissions[1]: "] = 5,
    } do
      local grant, err = permissions.from_relay { entry }
      assert.is_nil(grant)
      assert.equal(message, err.message:sub(1, #message))
    end
    assert.is_nil((permissions.from_relay("x")))
    assert.is_nil((permissions.key_from_relay("x")))
    local key, err = permissions.key_from_relay { type = "p256", publicKey = POINT, permissions = { 5 } }
    assert.is_nil(key)
    assert.equal("permissions[1]", err.field)
    for field, list in pairs { permissions = "x", ["permissions[1]"] = { 5 } } do
      local calls
      calls, err = permissions.admin_calls({ type = "p256", publicKey = POINT }, list)
      assert.is_nil(calls)
      assert.equal(field, err.field)
    end
    assert.is_nil((permissions.admin_calls({ type = "p256", publicKey = POINT, role = "admin" },
      { { type = "call", to = STK, selector = MINT } })))
  end)
end)

describe("keys", function()
  it("have the vectors' hashes", function()
    for _, list in ipairs { keys.keys, keys.hashes } do
      for _, key in ipairs(list) do
        assert.equal(key.hash, assert(permissions.key_hash(key.type, key.publicKey)))
      end
    end
    for _, key in ipairs(account_vectors.keys) do
      local name = ({ [0] = "p256", [1] = "webauthn-p256", [2] = "secp256k1" })[key.keyType]
      if name then assert.equal(key.keyHash, assert(permissions.key_hash(name, key.publicKey))) end
    end
  end)

  it("of the wrong form are refused", function()
    local function bad(code, kind, public_key)
      local hash, err = permissions.key_hash(kind, public_key)
      assert.is_nil(hash)
      assert.equal(code, err.code)
    end
    bad("invalid_value", "p256", "0x04" .. POINT:sub(3))
    bad("invalid_value", "p256", "0x02" .. POINT:sub(3, 66))
    bad("invalid_value", "secp256k1", POINT)
    bad("invalid_value", "secp256k1", "0x01" .. string.rep("00", 31))
    bad("invalid_value", "ed25519", POINT)
    bad("invalid_value", "p256", nil)
    local entry, err = permissions.authorize_key { type = "p256", public_key = "0x" .. string.rep("11", 64) }
    assert.is_nil(entry)
    assert.equal("invalid_key", err.code)
    entry, err = permissions.authorize_key { type = "p256", public_key = POINT, role = "root" }
    assert.is_nil(entry)
    assert.equal("role", err.field)
    entry, err = permissions.authorize_key { type = "p256", public_key = POINT, expiry = 1099511627776 }
    assert.is_nil(entry)
    assert.equal("expiry", err.field)
    entry, err = permissions.authorize_key { type = "p256", public_key = POINT, role = "admin",
      grant = { calls = { { to = STK, selector = MINT } }, spend = {} } }
    assert.is_nil(entry)
    assert.equal("permissions", err.field)
  end)

  it("are authorized and revoked by the vectors' calls, in their order", function()
    for i, case in ipairs(keys.calls) do
      local entry = keys.keys[i].relay
      local calls = assert(permissions.admin_calls(entry))
      local wanted = { case.authorize }
      for _, data in ipairs(case.permissions) do wanted[#wanted + 1] = data end
      local got = {}
      for n, call in ipairs(calls) do
        assert.equal(contracts.SELF, call.to)
        assert.is_true(call.value:is_zero())
        got[n] = call.data
      end
      assert.same(wanted, got, "calls[" .. i .. "]")
      local revoke = permissions.revoke_calls(case.hash)
      assert.equal(1, #revoke)
      assert.equal(case.revoke, revoke[1].data)
      assert.equal(contracts.SELF, revoke[1].to)
    end
  end)

  it("are authorized with the vectors' key structs", function()
    for _, key in ipairs(account_vectors.keyStruct) do
      local kind = ({ [0] = "p256", [1] = "webauthnp256", [2] = "secp256k1" })[key.keyType]
      local calls = assert(permissions.admin_calls { type = kind, public_key = key.publicKey, expiry = key.expiry,
        role = key.isSuperAdmin and "admin" or "session" })
      assert.equal(key.authorizeCalldata, calls[1].data)
    end
  end)

  it("keep the order in which a peer gives their permissions", function()
    local calls = assert(permissions.admin_calls({ type = "p256", public_key = POINT, expiry = 5 }, {
      { type = "spend", limit = 1, period = "day", token = STK },
      { type = "call", to = STK, selector = MINT },
    }))
    assert.equal(contracts.selector(contracts.account.setSpendLimit), calls[2].data:sub(1, 10))
    assert.equal(contracts.selector(contracts.account.setCanExecute), calls[3].data:sub(1, 10))
  end)

  it("take their expiry from a grant", function()
    local grant = assert(build(spec_of { { to = STK } }))
    local calls = assert(permissions.admin_calls({ type = "p256", public_key = POINT }, grant))
    local values = assert(contracts.decode_call(contracts.account.authorize, calls[1].data))
    assert.equal(grant.expiry, values[1].expiry)
    assert.equal(POINT, values[1].publicKey)
    assert.is_false(values[1].isSuperAdmin)
  end)
end)

describe("what the chain says", function()
  it("becomes a grant", function()
    for i, case in ipairs(keys.calls) do
      local grant = assert(permissions.from_chain(case.canExecutePacked))
      local wanted = {}
      for _, entry in ipairs(keys.keys[i].relay.permissions) do
        if entry.type == "call" then wanted[#wanted + 1] = { to = entry.to, selector = entry.selector } end
      end
      assert.same(wanted, grant.calls)
    end
    assert.is_nil((permissions.from_chain { "0x1234" }))
  end)

  it("tells what was spent", function()
    local infos
    for _, case in ipairs(account_vectors.environments[1].reads) do
      if case["function"] == "spendInfos" then
        infos = assert(contracts.decode_outputs(contracts.account.spendInfos, case.returned))[1]
      end
    end
    local spent = permissions.spent_from_chain(infos)
    assert.equal("day", spent[1].period)
    assert.equal("1000000000000000", tostring(spent[1].spent))
    assert.equal(1767139200, spent[1].window)
    local grant = assert(permissions.from_chain({}, infos, 0))
    local line = permissions.allowance(grant, { now = 1767139200 + 5, spent = spent })[1]
    assert.equal("9000000000000000", tostring(line.left))
    assert.equal(1767139200 + 86400, line.resets_at)
    line = permissions.allowance(grant, { now = 1767139200 + 86400, spent = spent })[1]
    assert.equal("10000000000000000", tostring(line.left))
  end)
end)

describe("spending windows", function()
  local cases = account_vectors.environments[1].spendPeriods

  it("begin where the contract says", function()
    assert.is_true(#cases >= 42)
    for _, case in ipairs(cases) do
      assert.equal(case.start, permissions.period_start(case.timestamp, case.period), case.iso .. " " .. case.period)
    end
  end)

  it("end where the next one begins", function()
    for _, case in ipairs(cases) do
      local stop = permissions.period_end(case.timestamp, case.period)
      if case.period == 6 then
        assert.is_nil(stop)
      else
        assert.is_true(stop > case.timestamp)
        assert.equal(stop, permissions.period_start(stop, case.period))
        assert.equal(case.start, permissions.period_start(stop - 1, case.period))
      end
    end
  end)

  it("know leap years, and names as well as numbers", function()
    local function text(time) return permissions.time_text(time) end
    local feb29 = 1709164800 -- 2024-02-29T00:00:00Z
    assert.equal("2024-02-29T00:00:00Z", text(feb29))
    assert.equal("2024-03-01T00:00:00Z", text(permissions.period_end(feb29 + 86399, "month")))
    assert.equal("2024-02-01T00:00:00Z", text(permissions.period_start(feb29, "month")))
    assert.equal("2024-02-26T00:00:00Z", text(permissions.period_start(feb29, "week"))) -- a Monday
    assert.equal("2025-01-01T00:00:00Z", text(permissions.period_end(feb29, "year")))
    assert.equal("2025-01-01T00:00:00Z", text(permissions.period_end(1735689599, "month")))
    assert.equal("2100-03-01T00:00:00Z", text(4107542400))
    assert.has_error(function() permissions.period_start(0, "fortnight") end)
    assert.has_error(function() permissions.period_end(0, 7) end)
  end)

  it("agree with the C library's calendar", function()
    for time = 0, 4102444800, 86400 * 37 + 3607 do
      assert.equal(os.date("!%Y-%m-%dT%H:%M:%SZ", time), permissions.time_text(time))
    end
  end)
end)

describe("permissions.evaluate", function()
  local mint = call_data(core.abi("mint(address,uint256)"), ACCOUNT, ETHER)
  local increment = INCREMENT

  local function grant(calls, spend)
    return assert(build(spec_of(calls, spend)))
  end

  local function check(given, calls, options)
    options = options or {}
    options.now = options.now or NOW
    options.account = ACCOUNT
    return permissions.evaluate(given, calls, options)
  end

  local function fails(code, given, calls, options)
    local ok, err = check(given, calls, options)
    assert.is_nil(ok)
    assert.equal(code, err.code)
    return err
  end

  it("passes what is granted", function()
    local given = grant({ { to = STK, signature = MINT }, { to = COUNTER }, { signature = "receive()" } },
      { { limit = ETHER, period = "minute" } })
    assert.is_true(check(given, { { to = STK, data = mint }, { to = COUNTER, data = increment },
      { to = OTHER, value = ETHER } }))
    assert.is_true(check(given, {}))
  end)

  it("refuses the wrong function, contract and empty data, naming the call", function()
    local given = grant { { to = STK, signature = "mint(address,uint256)" } }
    local err = fails("not_allowed", given, { { to = STK, data = mint }, { to = STK, data = increment } })
    assert.equal(2, err.call)
    assert.equal(STK, err.to)
    assert.equal(INCREMENT, err.selector)
    err = fails("not_allowed", given, { { to = OTHER, data = mint } })
    assert.equal("mint(address,uint256)", err.signature)
    assert.equal("the session key may not call mint(address,uint256) (0x40c10f19) of " .. OTHER, err.message)
    err = fails("not_allowed", given, { { to = STK } })
    assert.equal("the session key may not send native currency without data to " .. STK, err.message)
    err = fails("not_allowed", given, { { to = STK, data = "0x40c1" } })
    assert.equal("0x32323232", err.selector)
    assert.equal("the session key may not send less than four bytes of data to " .. STK, err.message)
  end)

  it("matches wildcards as the contract does", function()
    assert.is_true(check(grant { { to = STK } },
      { { to = STK, data = "0x40" }, { to = STK }, { to = STK, data = mint } }))
    assert.is_true(check(grant { { signature = MINT } }, { { to = OTHER, data = mint } }))
    fails("not_allowed", grant { { signature = MINT } }, { { to = OTHER } })
  end)

  it("takes no target for the account, whose execute is banned", function()
    local root = assert(build(spec_of { { to = contracts.ANY_TARGET } }, { allow_root = permissions.ROOT_PHRASE }))
    local execute = contracts.selector(contracts.account.execute)
    assert.is_true(check(root, { { data = mint }, { to = STK, data = execute } }))
    fails("not_allowed", root, { { data = execute } })
    fails("not_allowed", root, { { to = ACCOUNT, data = execute } })
    local label = grant { { to = ACCOUNT, signature = "getKeys()" } }
    assert.is_true(check(label, { { data = contracts.selector(contracts.account.getKeys) } }))
  end)

  it("counts native currency over all calls", function()
    local given = grant({ { to = STK }, { to = ACCOUNT, signature = "receive()" } },
      { { limit = 10, period = "hour" } })
    assert.is_true(check(given, { { to = STK, value = 4 }, { to = ACCOUNT, value = 6 } }))
    local err = fails("spend_limit", given, { { to = STK, value = 5 }, { value = 6 } })
    assert.equal("11", tostring(err.needed))
    assert.equal("10", tostring(err.limit))
    assert.equal("10", tostring(err.left))
    assert.equal("hour", err.period)
    assert.equal(contracts.NATIVE, err.token)
    assert.equal(NOW + 3600, err.resets_at)
    assert.is_true(err.retryable)
    assert.is_truthy(err.message:find("resets at 2026-01-01T01:00:00Z", 1, true))
  end)

  it("counts declared token amounts: transfer, transferFrom, approve, Permit2", function()
    local erc20, permit2 = contracts.erc20, contracts.permit2
    local function amount(call)
      local list = assert(permissions.spending({ call }, ACCOUNT))
      if #list == 0 then return "0" end
      assert.equal(1, #list)
      assert.equal(STK, list[1].token)
      return tostring(list[1].amount)
    end
    assert.equal("5", amount { to = STK, data = call_data(erc20.transfer, OTHER, 5) })
    assert.equal("5", amount { to = STK, data = call_data(erc20.transfer, ACCOUNT, 5) })
    assert.equal("6", amount { to = STK, data = call_data(erc20.transferFrom, OTHER, OTHER, 6) })
    assert.equal("0", amount { to = STK, data = call_data(erc20.transferFrom, OTHER, ACCOUNT, 6) })
    assert.equal("7", amount { to = STK, data = call_data(erc20.approve, OTHER, 7) })
    assert.equal("0", amount { to = STK, data = call_data(erc20.approve, OTHER, 0) })
    assert.equal("8", amount { to = contracts.PERMIT2, data = call_data(permit2.approve, STK, OTHER, 8, 9) })
    assert.equal("0", amount { to = OTHER, data = call_data(permit2.approve, STK, OTHER, 8, 9) })
    assert.equal("0", amount { to = STK, data = mint })
    -- A word that is cut off reads as if zeros followed.
    assert.equal(tostring(core.u256("0x05" .. string.rep("00", 31))),
      amount { to = STK, data = TRANSFER .. string.rep("0", 64) .. "05" })
  end)

  it("needs a rule for every token that is spent", function()
    local given = grant({ { to = STK } }, { { limit = 10, period = "hour" } })
    local err = fails("no_spend_rule", given, { { to = STK, data = call_data(contracts.erc20.transfer, OTHER, 5) } })
    assert.equal(STK, err.token)
    assert.equal("5", tostring(err.needed))
    assert.is_true(check(given, { { to = STK, data = call_data(contracts.erc20.transfer, OTHER, 0) } }))
    err = fails("no_spend_rule", grant { { to = STK } }, { { to = STK, value = 1 } })
    assert.equal(contracts.NATIVE, err.token)
  end)

  it("holds every period of a token", function()
    local given = grant({ { to = STK } }, { { limit = 10, period = "hour" }, { limit = 15, period = "day" } })
    local spent = { { token = contracts.NATIVE, period = "day", spent = core.u256(9), window = NOW } }
    assert.is_true(check(given, { { to = STK, value = 6 } }, { spent = spent }))
    local err = fails("spend_limit", given, { { to = STK, value = 7 } }, { spent = spent })
    assert.equal("day", err.period)
    assert.equal("6", tostring(err.left))
    assert.equal("9", tostring(err.spent))
    err = fails("spend_limit", given, { { to = STK, value = 11 } }, { spent = spent })
    assert.equal("hour", err.period)
    spent[1].window = NOW - 86400 -- of a window that is over
    assert.is_true(check(given, { { to = STK, value = 10 } }, { spent = spent }))
  end)

  it("says 0 is left where more was spent than is allowed now", function()
    local given = grant({ { to = STK } }, { { limit = 10, period = "hour" } })
    local spent = { { token = contracts.NATIVE, period = 1, spent = core.u256(99) } }
    assert.equal("0", tostring(fails("spend_limit", given, { { to = STK, value = 1 } }, { spent = spent }).left))
    assert.is_true(check(given, { { to = STK } }, { spent = spent }))
  end)

  it("names the token that the account looks at first: native currency, then by address", function()
    local rules = { { token = STK, limit = core.u256(1), period = "day" } }
    local higher = "0xf000000000000000000000000000000000000001"
    local both = { { to = higher, data = call_data(contracts.erc20.transfer, OTHER, 1) },
      { to = STK, data = call_data(contracts.erc20.transfer, OTHER, 2) } }
    local given = grant({ { to = STK }, { to = higher } }, rules)
    assert.equal(STK, fails("spend_limit", given, both).token)
    both[1].value = 1
    assert.equal(contracts.NATIVE, fails("no_spend_rule", given, both).token)
  end)

  it("reads arguments that are cut short from what lies behind them, as the contract does", function()
    local selector = contracts.selector(contracts.erc20.transfer)
    local given = grant({ { to = STK } }, { { token = STK, limit = core.u256(0), period = "day" } })
    local key_hash = "0x" .. string.rep("ab", 32)
    -- 28 bytes of zeros, then the length of the key's hash and the hash.
    local err = fails("spend_limit", given, { { to = STK, data = selector } }, { key_hash = key_hash })
    assert.equal("0x20abababab", err.needed:hex())
    local longer = { { to = STK, data = selector .. string.rep("00", 28 + 36) } }
    assert.is_true(check(given, longer, { key_hash = key_hash }))
  end)

  it("does not mind what stands before an address in its word", function()
    local data = call_data(contracts.erc20.transferFrom, OTHER, ACCOUNT, 5)
    local dirty = data:sub(1, 74) .. "01" .. data:sub(77)
    local given = grant({ { to = STK } }, {})
    assert.is_true(check(given, { { to = STK, data = dirty } }))
  end)

  it("counts the fee", function()
    local given = grant({ { to = STK } }, { { limit = 10, period = "hour" } })
    local fee = { token = contracts.NATIVE, amount = core.u256(6) }
    assert.is_true(check(given, { { to = STK, value = 4 } }, { fee = fee }))
    fails("spend_limit", given, { { to = STK, value = 5 } }, { fee = fee })
    local err = fails("no_spend_rule", given, { { to = STK } }, { fee = { token = STK, amount = core.u256(1) } })
    assert.is_true(err.fee)
    assert.is_true(check(given, { { to = STK } }, { fee = { token = STK, amount = core.u256(0) } }))
  end)

  it("takes a sum that does not fit 256 bits for over any limit, as the contract does", function()
    local most = core.u256("0x" .. string.rep("ff", 32))
    local given = grant({ { to = STK } }, { { token = STK, limit = most, period = "year" } })
    local approve = call_data(contracts.erc20.approve, OTHER, most)
    assert.is_true(check(given, { { to = STK, data = approve } }))
    fails("spend_limit", given, { { to = STK, data = approve }, { to = STK, data = approve } })
    fails("spend_limit", given, { { to = STK, data = approve } },
      { spent = { { token = STK, period = "year", spent = core.u256(1) } } })
  end)

  it("knows when the key has expired", function()
    local given = grant { { to = STK } }
    assert.is_true(check(given, { { to = STK } }, { now = given.expiry }))
    assert.is_true(check(given, { { to = STK } }, { now = given.expiry + 0.9 }))
    local err = fails("expired", given, { { to = STK } }, { now = given.expiry + 1 })
    assert.equal("the session key expired at 2026-01-02T00:00:00Z", err.message)
    given.expiry = 0
    assert.is_true(check(given, { { to = STK } }, { now = 1e12 }))
  end)

  it("says what is wrong with a call, and raises for a wrong option", function()
    local err = fails("invalid_value", grant { { to = STK } }, { { to = STK, value = -1 } })
    assert.equal("calls[1].value", err.message:sub(1, 14))
    assert.has_error(function() permissions.evaluate(grant { { to = STK } }, {}, {}) end)
    assert.has_error(function() check(grant { { to = STK } }, {}, { fee = { token = "x", amount = 1 } }) end)
  end)
end)

describe("permissions.within", function()
  local function grant(calls, spend, expiry)
    local given = assert(build(spec_of(calls, spend), { allow_root = permissions.ROOT_PHRASE }))
    given.expiry = expiry or given.expiry
    return given
  end

  local function wider(code, narrow, wide, options)
    local ok, err = permissions.within(narrow, wide, options)
    assert.is_nil(ok)
    assert.equal(code, err.code)
  end

  it("holds for a grant and itself, and for less", function()
    local wide = grant({ { to = STK, signature = MINT }, { to = COUNTER } },
      { { limit = 10, period = "hour" }, { limit = 50, period = "day" }, { token = STK, limit = 5, period = "week" } })
    assert.is_true(permissions.within(wide, wide))
    assert.is_true(permissions.within(grant({ { to = COUNTER, signature = INCREMENT } }), wide))
    assert.is_true(permissions.within(grant({ { to = STK, signature = MINT } },
      { { limit = 10, period = "day" } }), wide))
    assert.is_true(permissions.within(grant({ { to = STK, signature = MINT } },
      { { token = OTHER, limit = 0, period = "day" } }), wide))
  end)

  it("names what is wider", function()
    local wide = grant { { to = STK, signature = MINT } }
    local function message(calls) return select(2, permissions.within(grant(calls), wide)).message end
    assert.equal("call permission 1 (plain transfer of any contract) is not covered",
      message { { signature = "receive()" } })
    assert.equal("call permission 2 (any function of " .. OTHER .. ") is not covered",
      message { { to = STK, signature = MINT }, { to = OTHER } })
  end)

  it("finds another call", function()
    local wide = grant { { to = STK, signature = MINT } }
    wider("not_allowed", grant { { to = STK } }, wide)
    wider("not_allowed", grant { { signature = MINT } }, wide)
    wider("not_allowed", grant { { to = STK, signature = MINT }, { to = COUNTER, signature = MINT } }, wide)
  end)

  it("tolerates the orchestrator that the wallet adds, when it is named", function()
    local wide = grant { { to = STK, signature = MINT } }
    local got = grant { { to = STK, signature = MINT }, { to = OTHER } }
    wider("not_allowed", got, wide)
    assert.is_true(permissions.within(got, wide, { orchestrator = OTHER }))
    wider("not_allowed", got, wide, { orchestrator = COUNTER })
  end)

  it("finds a higher, missing or shorter limit", function()
    local calls = { { to = STK } }
    local wide = grant(calls, { { limit = 10, period = "day" } })
    wider("spend_limit", grant(calls, { { limit = 11, period = "day" } }), wide)
    wider("spend_limit", grant(calls, { { limit = 10, period = "hour" } }), wide)
    wider("no_spend_rule", grant(calls, { { limit = 10, period = "day" }, { token = STK, limit = 1, period = "day" } }),
      wide)
    wider("spend_limit", grant(calls, { { limit = 10, period = "hour" } }),
      grant(calls, { { limit = 10, period = "hour" }, { limit = 20, period = "day" } }))
  end)

  it("does not take a month for longer than a week: a week may lie in two", function()
    local calls = { { to = STK } }
    wider("spend_limit", grant(calls, { { limit = 10, period = "month" } }),
      grant(calls, { { limit = 10, period = "week" } }))
    assert.is_true(permissions.within(grant(calls, { { limit = 10, period = "month" } }),
      grant(calls, { { limit = 10, period = "day" } })))
  end)

  it("finds a later expiry", function()
    local wide = grant({ { to = STK } }, nil, NOW + 10)
    assert.is_true(permissions.within(grant({ { to = STK } }, nil, NOW + 9), wide))
    wider("expired", grant({ { to = STK } }, nil, NOW + 11), wide)
    wider("expired", grant({ { to = STK } }, nil, 0), wide)
    assert.is_true(permissions.within(grant({ { to = STK } }, nil, 0), grant({ { to = STK } }, nil, 0)))
  end)
end)

describe("permissions.explain", function()
  it("says it in plain lines", function()
    local grant = assert(build(spec_of({
      { to = STK, signature = "mint(address,uint256)" }, { to = COUNTER }, { signature = "receive()" },
      { to = OTHER, signature = "0x12345678" },
    }, { { limit = ETHER, period = "minute" }, { token = STK, limit = 1500, period = "week" },
      { token = OTHER, limit = 0, period = "day" } })))
    assert.same({
      "may call mint(address,uint256) (0x40c10f19) of " .. STK,
      "may call any function of " .. COUNTER,
      "may send native currency to any address",
      "may call function 0x12345678 of " .. OTHER,
      "may spend up to 1 ETH per minute, counted by the clock",
      "may spend up to 1.5 STK per week, counted from Monday midnight UTC",
      "may not spend " .. OTHER,
      "expires at 2026-01-02T00:00:00Z",
    }, permissions.explain(grant, { tokens = { [STK] = { symbol = "STK", decimals = 3 } } }))
  end)

  it("points out root access, no spending and no expiry", function()
    local any = { to = contracts.ANY_TARGET, selector = contracts.ANY_SELECTOR }
    local grant = { calls = { any }, spend = {}, expiry = 0 }
    assert.same({
      "has full control of the account, because it reaches any function of any contract",
      "may call any function of any contract",
      "may spend nothing, not even for fees",
      "never expires",
    }, permissions.explain(grant))
  end)
end)
