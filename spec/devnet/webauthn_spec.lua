-- Passkeys at the devnet's relay, and the core's check of what they sign beside the account contract's own.
local contracts = require "rise.contracts"
local core = require "rise.core"
local intent = require "rise.intent"
local support = require "support.devnet"

local HALF_ORDER = core.u256("0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8")
local ORDER = core.u256("0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")

describe("passkeys at the devnet's relay #devnet", function()
  local net, passkey, account

  setup(function()
    net = support.start()
    passkey = support.passkey()
    account = net:landed_account { admin = passkey }
  end)
  teardown(function() net:stop() end)

  local function said(pattern)
    for _, line in ipairs(net.lines) do
      if line:find(pattern, 1, true) then return true end
    end
    return false
  end

  it("administrate an account: act, grant, and revoke", function()
    local before = net:count()
    assert.equal(200, assert(net:execute(account, passkey, { calls = { net:increment() } })).status)
    local key = net:granted_key(account)
    assert.equal(200, assert(net:execute(account, key, { calls = { net:increment() } })).status)
    assert.equal(tostring(before + 2), tostring(net:count()))
    local status = assert(net:execute(account, passkey, { revokeKeys = { { hash = support.hash_of(key) } } }))
    assert.equal(200, status.status)
    local _, err = net:execute(account, key, { calls = { net:increment() } })
    assert.matches("is unknown", err.rpc_message)
  end)

  it("cannot grant with a signature for something else, and the log says what is wrong", function()
    local prepared, context = net:prepare(account, {
      preCall = true, authorizeKeys = { net:session_entry(support.key()) }, key = passkey,
    })
    local signature = core.hex(passkey:sign(core.sha256 "something else"))
    local _, err = net:send(prepared, context, passkey, { key = passkey, signature = signature })
    assert.equal("invalid signature", err.rpc_message)
    assert.is_true(said(prepared.digest .. " will not do: a passkey's signature: its challenge is not the digest"))
  end)

  it("cannot act with a signature nobody was present for", function()
    local prepared, context = net:prepare(account, { calls = { net:increment() }, key = passkey })
    local absent = passkey:assertion(core.unhex(prepared.digest), {
      authenticatorData = core.sha256 "localhost" .. "\0\0\0\0\1" })
    local sent = assert(net:send(prepared, context, passkey, {
      key = passkey, signature = core.hex(support.encode_assertion(absent)) }))
    assert.equal(300, net:wait(sent.id).status)
    assert.is_true(said(prepared.digest .. " will not do: a passkey's signature: nobody was present"))
  end)

  -- What the contract answers, and what the core does.
  local function both(digest, assertion)
    local wrapped = intent.wrap_signature(core.hex(assertion), core.hex(passkey:hash()), false)
    local data = assert(contracts.encode_call(contracts.account.unwrapAndValidateSignature, { digest, wrapped }))
    local answer, err = net.chain:call { to = account.address, data = data }
    local theirs
    if answer then
      theirs = core.u256(answer:sub(1, 66)) == core.u256(1)
    else
      -- running out of gas over a length of 2^256 is a refusal too
      if err.code ~= "reverted" and not tostring(err):lower():find("gas", 1, true) then error(tostring(err)) end
      theirs = false
    end
    return theirs, core.webauthn_verify(passkey:public(), core.unhex(digest), assertion) == true
  end

  it("are judged by the core as by the account contract, however their signatures are altered", function()
    local digest = core.hex(core.sha256 "a digest")
    local bytes = core.unhex(digest)
    local plain = support.encode_assertion(passkey:assertion(bytes))
    local taken, cases = 0, { plain }
    local function add(case) cases[#cases + 1] = case end
    local function with(members) add(support.encode_assertion(passkey:assertion(bytes, members))) end
    local function signed(change)
      local assertion = passkey:assertion(bytes)
      change(assertion)
      add(support.encode_assertion(assertion))
    end

    local data = passkey:assertion(bytes).clientDataJSON
    local challenge = data:match '"challenge":"[%w_-]+"'
    for index = 20, 26 do with { challengeIndex = index } end
    for index = 0, 3 do with { typeIndex = index } end
    for _, power in ipairs { 32, 64, 127, 128, 255 } do
      with { challengeIndex = core.u256(1):shl(power) + 23 }
      with { typeIndex = core.u256(1):shl(power) + 1 }
    end
    for flags = 0, 7 do with { authenticatorData = core.sha256 "localhost" .. string.char(flags, 0, 0, 0, 1) } end
    with { authenticatorData = core.sha256 "localhost" }
    with { authenticatorData = core.sha256 "localhost" .. "\1" }
    with { authenticatorData = ("\1"):rep(200) }
    with { authenticatorData = "" }
    with { clientDataJSON = "" }
    with { clientDataJSON = data:gsub("get", "create") }
    with { clientDataJSON = data:gsub("challenge", "challange") }
    with { clientDataJSON = data:sub(1, -2) }
    with { clientDataJSON = challenge .. ',"type":"webauthn.get"}', challengeIndex = 0, typeIndex = #challenge + 1 }
    with { clientDataJSON = challenge .. '"type":"webauthn.get"', challengeIndex = 0, typeIndex = #challenge }
    with { clientDataJSON = challenge .. '"type":"webauthn.get', challengeIndex = 0, typeIndex = #challenge }
    with { clientDataJSON = '"type":"webauthn.get"' .. challenge, challengeIndex = 21, typeIndex = 0 }
    with { clientDataJSON = '"type":"webauthn.get"' .. challenge:sub(1, -2), challengeIndex = 21, typeIndex = 0 }
    with { clientDataJSON = '"type":"webauthn.get"' .. challenge:gsub('"$', '="'), challengeIndex = 21, typeIndex = 0 }
    signed(function(assertion)
      local s = core.u256(assertion.s)
      assertion.s = core.hex((ORDER - s):bytes())
      assert.is_true(core.u256(assertion.s) > HALF_ORDER)
    end)
    signed(function(assertion) assertion.r = "0x" .. ("0"):rep(64) end)
    signed(function(assertion) assertion.r, assertion.s = assertion.s, assertion.r end)
    for cut = 1, #plain, 37 do add(plain:sub(1, #plain - cut)) end
    for _, cut in ipairs { 1, 2, 31, 32, 33 } do add(plain:sub(1, #plain - cut)) end
    add(plain .. ("\0"):rep(32))
    add(plain .. "\1")
    add(("\0"):rep(31) .. "\64" .. ("\255"):rep(32) .. plain:sub(33)) -- the tuple a word further on
    -- every word but those of the texts, replaced by numbers that reach out of the encoding or around 2^256
    for word = 0, 8 do
      for _, number in ipairs { "0", "1", "31", "32", "191", "192", "193", "320", "10000",
        "0xffffffffffffffff", "0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe00" } do
        add(plain:sub(1, 32 * word) .. core.u256(number):bytes() .. plain:sub(32 * word + 33))
      end
    end
    for i = 1, #plain, 5 do
      local byte = plain:byte(i)
      add(plain:sub(1, i - 1) .. string.char((byte + 128) % 256) .. plain:sub(i + 1))
    end

    for i, case in ipairs(cases) do
      local theirs, ours = both(digest, case)
      if theirs ~= ours then
        error(("case %d: the contract says %s, the core %s:\n%s"):format(i, tostring(theirs), tostring(ours),
          core.hex(case)))
      end
      if ours then taken = taken + 1 end
    end
    assert.is_true(taken > 10 and taken < #cases / 2, taken .. " of " .. #cases .. " were taken")
  end)
end)
