-- What the wallet is asked and what is read of its answers, without a wallet: every member that could widen a grant,
-- and answers that were damaged at random.
local answer = require "rise.approve.answer"
local contracts = require "rise.contracts"
local json = require "rise.json"
local opener = require "rise.approve.opener"
local permissions = require "rise.permissions"
local rise = require "rise"

local ACCOUNT = "0x" .. ("1"):rep(40)
local TARGET = "0x" .. ("3"):rep(40)
local ORCHESTRATOR = "0x" .. ("4"):rep(40)
-- The public key of private key 1: the generator of P-256.
local KEY = "0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
  .. "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
local EXPIRY = 1767225600

local function asked_for(more)
  local asked = { chain_id = 11155931, public_key = KEY, orchestrator = ORCHESTRATOR, permissions = {
    calls = { { to = TARGET, selector = "0xd09de08a", signature = "increment()" } },
    spend = { { token = rise.NATIVE, limit = rise.ether "0.01", period = "day" } }, expiry = EXPIRY } }
  for name, value in pairs(more or {}) do asked[name] = value end
  return asked
end

local function good_result()
  return json.decode([[{"accounts": [{"address": "]] .. ACCOUNT .. [[", "capabilities": {"admins": [], "permissions": [{
    "address": "]] .. ACCOUNT .. [[", "chainId": "0xaa39db", "expiry": 1767225600, "id": "]] .. KEY .. [[",
    "key": {"type": "p256", "publicKey": "]] .. KEY .. [["}, "permissions": {
      "calls": [{"to": "]] .. TARGET .. [[", "signature": "increment()"}],
      "spend": [{"limit": "0x2386f26fc10000", "period": "day", "token": "]] .. rise.NATIVE .. [["}]}}]}}],
    "chainIds": ["0xaa39db"]}]])
end

describe("rise.approve.answer", function()
  it("asks as the reference shows", function()
    local request = answer.grant_request(asked_for())
    assert.equal("wallet_connect", request.method)
    assert.equal("number", type(request.id))
    assert.equal('[{"capabilities":{"grantPermissions":{"chainId":"0xaa39db","expiry":1767225600,"feeToken":null,'
      .. '"key":{"publicKey":"' .. KEY .. '","type":"p256"},"permissions":{"calls":[{"signature":"increment()","to":"'
      .. TARGET .. '"}],"spend":[{"limit":"0x2386f26fc10000","period":"day","token":"' .. rise.NATIVE .. '"}]}}},'
      .. '"chainIds":["0xaa39db"]}]', json.encode(request.params))
    assert.not_equal(request.id, answer.grant_request(asked_for()).id)
  end)

  it("leaves out the selector where any will do, and writes the others as hex or text", function()
    local asked = asked_for()
    asked.permissions.calls = { { to = TARGET, selector = contracts.ANY_SELECTOR },
      { to = TARGET, selector = "0x12345678" } }
    local calls = answer.grant_request(asked).params[1].capabilities.grantPermissions.permissions.calls
    assert.same({ { to = TARGET }, { to = TARGET, signature = "0x12345678" } }, { calls[1], calls[2] })
  end)

  it("makes the addresses of the wallet's page", function()
    local request = { id = 1, jsonrpc = "2.0", method = "wallet_connect", params = json.array { json.object {} } }
    assert.equal("https://w.example/dialog/wallet_connect?id=1&jsonrpc=2.0&method=wallet_connect&params=%5B%7B%7D%5D"
      .. "&redirectUri=myapp%3A%2F%2Fcb", answer.redirect_url("https://w.example/dialog", request, "myapp://cb"))
    assert.equal("https://w.example/dialog/?relayUrl=http%3A%2F%2Flocalhost%3A53817",
      answer.relay_url("https://w.example/dialog/", "http://localhost:53817"))
  end)

  it("reads a good answer", function()
    local granted = assert(answer.read_grant(good_result(), asked_for { account = ACCOUNT }))
    assert.equal(ACCOUNT, granted.account)
    assert.equal(EXPIRY, granted.permissions.expiry)
    assert.same({ "0xd09de08a", "increment()" },
      { granted.permissions.calls[1].selector, granted.permissions.calls[1].signature })
  end)

  it("reads numbers in the dialect of the wallet's serializer", function()
    local result = good_result()
    local said = result.accounts[1].capabilities.permissions[1]
    said.expiry, said.permissions.spend[1].limit = "1767225600#__bigint", "10000000000000000#__bigint"
    assert(answer.read_grant(result, asked_for()))
    said.permissions.spend[1].limit = "10000000000000001#__bigint"
    assert.equal("grant_mismatch", select(2, answer.read_grant(result, asked_for())).code)
  end)

  it("finds the key among others, in capitals too", function()
    local result = good_result()
    local list = result.accounts[1].capabilities.permissions
    list[2] = list[1]
    list[1] = { key = { type = "p256", publicKey = "0x12" } }
    list[2].key.publicKey = "0x" .. KEY:sub(3):upper()
    assert(answer.read_grant(result, asked_for()))
  end)

  it("drops the rule for the orchestrator that the wallet adds", function()
    local result = good_result()
    table.insert(result.accounts[1].capabilities.permissions[1].permissions.calls, { to = ORCHESTRATOR })
    assert.equal(1, #assert(answer.read_grant(result, asked_for())).permissions.calls)
    assert.equal("grant_mismatch", select(2, answer.read_grant(result, asked_for { orchestrator = TARGET })).code)
  end)

  it("tells a refusal from an error, whatever shape it has", function()
    for text, code in pairs {
      ['{"error":{"code":4001,"message":"no"}}'] = "rejected", ['{"error":{"code":4100}}'] = "wallet",
      ['{"error":{}}'] = "wallet", ['{"error":"x"}'] = "wallet", ['{"error":{"code":"4001"}}'] = "wallet",
      ['{"error":{"name":"Error","details":"x"}}'] = "wallet", ["{}"] = "wallet", ["[]"] = "wallet",
    } do
      local result, err = answer.result(json.decode(text))
      assert.is_nil(result)
      assert.equal(code, err.code)
    end
    assert.equal("wallet", select(2, answer.result("text")).code)
    assert.equal(json.null, answer.result(json.decode('{"error":null,"result":null}')))
  end)

  it("reads what comes back in a URL", function()
    assert.same({ result = { a = "b c+d" } }, answer.from_query("status=success&payload=%7B%22a%22%3A%22b+c%2Bd%22%7D"))
    assert.same({ error = { code = 4001, message = "canceled in the wallet" } }, answer.from_query("status=cancel"))
    assert.same({ error = { message = "a b" } }, answer.from_query("status=error&message=a%20b"))
    for _, query in ipairs { "", "x", "status", "status=maybe", "status=success", "status=success&payload=%", "=&&" } do
      assert.equal("wallet", select(2, answer.from_query(query)).code)
    end
  end)

  -- Every damaged answer is refused, or allows nothing that was not asked for.
  it("survives answers that were damaged at random", function()
    local seed = os.time()
    math.randomseed(seed)
    local asked, text = asked_for(), json.encode(good_result())
    local values = { "null", "[]", "{}", "-1", "1e308", '""', '"0x"', "true", '"\\u0000"', "[[[]]]", "1767225601",
      '"0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"', '"any"', KEY:sub(1, 10) }
    local read = 0
    for round = 1, 4000 do
      local damaged = text
      for _ = 1, math.random(3) do
        local from = math.random(#damaged)
        local kind = math.random(4)
        if kind == 1 then
          damaged = damaged:sub(1, from - 1) .. string.char(math.random(0, 255)) .. damaged:sub(from + 1)
        elseif kind == 2 then
          damaged = damaged:sub(1, from - 1) .. damaged:sub(from + math.random(8))
        elseif kind == 3 then
          local first = math.random(#damaged)
          damaged = damaged:sub(1, from) .. damaged:sub(first, first + math.random(200)) .. damaged:sub(from)
        else -- a whole value
          local count, at = 0, math.random(30)
          damaged = damaged:gsub('(:)("[^"]*")', function(colon, value)
            count = count + 1
            return colon .. (count == at and values[math.random(#values)] or value)
          end)
        end
      end
      local where = "seed " .. seed .. ", round " .. round .. ": " .. damaged
      local result = json.decode(damaged)
      local granted, err = answer.read_grant(result, asked)
      if granted then
        read = read + 1
        assert(permissions.within(granted.permissions, asked.permissions), where)
        assert.matches("^0x%x+$", granted.account)
      else
        assert.is_true(err.code == "wallet" or err.code == "grant_mismatch", where)
        assert.is_true(#err.message < 2000, where)
        assert.is_nil(err.message:find("%c"), where)
      end
      answer.from_query(damaged)
      answer.from_text(damaged)
      answer.result(result)
    end
    assert.is_true(read > 0)
  end)
end)

describe("rise.approve.opener", function()
  local function environment(values)
    return function(name) return values[name] end
  end

  it("opens nothing where there is no screen", function()
    local opened, err = opener.open(rise.loop, "http://localhost:1/", environment {})
    assert.is_nil(opened)
    assert.equal("unsupported", err.code)
  end)

  it("tries one command after the other", function()
    local listed = environment { BROWSER = "/nonexistent %s:false:true" }
    assert.is_true(opener.open(rise.loop, "http://localhost:1/", listed))
    local opened, err = opener.open(rise.loop, "http://localhost:1/", environment { BROWSER = "false::/nonexistent" })
    assert.is_nil(opened)
    assert.equal("io", err.code)
  end)
end)

describe("rise.approve.qr", function()
  it("draws two rows of a code to a line, with its margin", function()
    local qr = require "rise.approve.qr"
    local text, err = qr.lines("hello")
    if not text then
      assert.equal("unsupported", err.code)
      return pending("this build has no rise.qr")
    end
    local count = select(2, text:gsub("\n", ""))
    assert.equal(15, count) -- 21 modules and twice the margin of 4
    assert.equal("limit", select(2, qr.lines(("x"):rep(3000))).code)
    assert.has_error(function() qr.lines("") end)
  end)

  it("makes the very code that the standard has for a text", function()
    local found, qr = pcall(require, "rise.qr")
    if not found then return pending("this build has no rise.qr") end
    local rows = assert(qr.encode("hello"))
    assert.equal(21, #rows)
    for _, row in ipairs(rows) do assert.equal(21, #row) end
    for _, corner in ipairs { rows[1]:sub(1, 7), rows[1]:sub(-7), rows[21]:sub(1, 7) } do
      assert.equal("1111111", corner)
    end
    assert.equal("0000000", rows[8]:sub(1, 7))
  end)
end)
