local core = require "rise.core"
local json = require "rise.json"
local support = require "support.devnet"

-- The same numbers in every run.
local function generator(seed)
  return function(limit)
    seed = (seed * 16807) % 2147483647
    return seed % limit + 1
  end
end

describe("the devnet's relay under bad input #devnet", function()
  local net, account, texts

  setup(function()
    net = support.start()
    account = net:landed_account()
    local key = net:granted_key(account)
    local prepared, context = assert(net:prepare(account, { key = account.admin, calls = { net:increment() } }))
    local pre_call, pre_context = assert(net:prepare(account, { preCall = true, key = account.admin,
      authorizeKeys = { net:session_entry(support.key()) } }))
    local new = support.key("secp256k1")
    local address = core.hex(new:address())
    local upgrade = net:upgrade_request(address, { support.admin_entry(account.admin), net:session_entry(key) })
    local upgraded = assert(net:call("wallet_prepareUpgradeAccount", upgrade))
    texts = {}
    for _, entry in ipairs {
      { "wallet_getCapabilities", { 31337 } },
      { "wallet_getKeys", { address = account.address, chainIds = { "0x7a69" } } },
      { "wallet_prepareUpgradeAccount", upgrade },
      { "wallet_upgradeAccount", { context = upgraded.context, signatures = {
        auth = support.sign(new, upgraded.digests.auth), exec = support.sign(new, upgraded.digests.exec) } } },
      { "wallet_prepareCalls", net:request(account, { key = key, calls = { net:increment() },
        meta = { nonce = "0x10000000000000000" } }) },
      { "wallet_prepareCalls", net:request(account, { key = account.admin, preCall = true,
        authorizeKeys = { net:session_entry(support.key()) } }) },
      { "wallet_prepareCalls", net:request(account, { key = account.admin, revokeKeys = {
        { hash = support.hash_of(key) } } }) },
      { "wallet_sendPreparedCalls", { context = context, key = support.signer(account.admin),
        signature = support.sign(account.admin, prepared.digest) } },
      { "wallet_sendPreparedCalls", { context = pre_context, key = support.signer(account.admin),
        signature = support.sign(account.admin, pre_call.digest) } },
      { "wallet_getCallsStatus", support.ZERO_ID },
      { "wallet_verifySignature", { address = account.address, chainId = 31337, digest = support.ZERO_ID,
        signature = support.sign(account.admin, prepared.digest) } },
      { "wallet_getAssets", { account = account.address, chainFilter = { 31337 } } },
      { "wallet_addFaucetFunds", { address = account.address, chainId = 31337, tokenAddress = net.contracts.stk,
        value = "0x1" } },
      { "wallet_getAuthorization", { address = account.address } },
    } do
      texts[#texts + 1] = json.encode { jsonrpc = "2.0", id = 1, method = entry[1], params = { entry[2] } }
    end
  end)

  teardown(function() net:stop() end)

  local function exchange(body)
    local reply = net:fetch { body = body, timeout = 20 }
    if reply.status ~= 200 and reply.status ~= 400 then return nil, "HTTP " .. reply.status end
    if reply.body == "" then return true end
    local answer = json.decode(reply.body)
    if type(answer) ~= "table" or (answer.result == nil) == (answer.error == nil) then
      return nil, "not an answer: " .. reply.body:sub(1, 200)
    end
    return true
  end

  local function assert_no_faults(mutate, rounds)
    local random = generator(20260101)
    local before = #net.lines
    for _ = 1, rounds do
      local body = mutate(texts[random(#texts)], random)
      local ok, problem = exchange(body)
      assert.is_true(ok, (problem or "") .. " for " .. body:sub(1, 2000))
    end
    for i = before + 1, #net.lines do assert.not_matches("a fault in", net.lines[i]) end
    assert.equal("rpc ok", assert(net:call("health")).status)
  end

  it("answers texts with a byte changed, left out or put in", function()
    local bytes = '{}[]":,0x19afnulltruefalse- \\u\0\127\255e.'
    assert_no_faults(function(text, random)
      local at, byte = random(#text), random(#bytes)
      local kind = random(3)
      local put = kind == 2 and "" or bytes:sub(byte, byte)
      return text:sub(1, at - 1) .. put .. text:sub(kind == 3 and at or at + 1)
    end, 400)
  end)

  it("answers texts with a value replaced", function()
    local values = { "null", "true", "0", "-1", "1e400", "1.5", '""', '"0x"', '"0x0"', "[]", "{}", "[[]]", '[{"a":1}]',
      '"0x' .. ("f"):rep(64) .. '"', '"0x1' .. ("0"):rep(64) .. '"', '"0x' .. ("00"):rep(5000) .. '"',
      "115792089237316195423570985008687907853269984665640564039457584007913129639936", '"p256"', '"\\ud83d\\ude00"' }
    assert_no_faults(function(text, random)
      local places = {}
      for from, to in text:gmatch('":()[^,}%]]+()') do places[#places + 1] = { from, to } end
      local place = places[random(#places)]
      return text:sub(1, place[1] - 1) .. values[random(#values)] .. text:sub(place[2])
    end, 600)
  end)

  it("answers texts with a stretch of hex digits replaced", function()
    assert_no_faults(function(text, random)
      local places = {}
      for at in text:gmatch('0x()%x%x%x%x%x%x%x%x+') do places[#places + 1] = at end
      if #places == 0 then return text end
      local at = places[random(#places)]
      local length = #text:match("^%x+", at)
      local from = at + random(length) - 1
      local count = math.min(random(8), at + length - from)
      local digits = ("0123456789abcdef"):rep(2)
      local first = random(16)
      return text:sub(1, from - 1) .. digits:sub(first, first + count - 1) .. text:sub(from + count)
    end, 600)
  end)

  it("answers texts cut off anywhere", function()
    assert_no_faults(function(text, random) return text:sub(1, random(#text)) end, 100)
  end)

  it("answers while many ask at once", function()
    local tasks = {}
    for i = 1, 60 do
      tasks[i] = net.loop:spawn(function() return exchange(texts[i % #texts + 1]) end)
    end
    for _, task in ipairs(tasks) do assert.is_true(task:wait()) end
  end)
end)
