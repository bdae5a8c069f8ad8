local Relay = require "rise.devnet.relay"
local core = require "rise.core"
local faults = require "rise.devnet.faults"
local json = require "rise.json"
local spoil = require "rise.devnet.spoil"
local support = require "support.devnet"

describe("rise.devnet.faults.parse", function()
  local function parse(text) return assert(faults.parse(text, Relay.METHODS)) end

  -- The one fault in a text, as a table to compare with.
  local function one(text)
    local list = parse(text)
    assert.equal(1, #list)
    list[1].text, list[1].both_ways = nil, nil
    return list[1]
  end

  it("reads every form of a probability and a method", function()
    assert.same({ name = "dup", probability = 1 }, one "dup")
    assert.same({ name = "dup", probability = 0.05 }, one "dup@0.05")
    assert.same({ name = "dup", probability = 0.05 }, one "dup=0.05")
    assert.same({ name = "dup", probability = 0.5 }, one "dup@.5")
    assert.same({ name = "dup", probability = 0 }, one "dup@0")
    assert.same({ name = "dup", probability = 1 }, one "dup=1")
    assert.same({ name = "dup", probability = 1, method = "health" }, one "dup:health")
    assert.same({ name = "dup", probability = 0.1, method = "health" }, one "dup@0.1:health")
    assert.same({ name = "dup", probability = 0.1, method = "health" }, one "dup=0.1:health")
  end)

  it("reads the faults that strike on the way there, on the way back, or on either", function()
    for _, name in ipairs { "drop", "hang", "status", "delay" } do
      local value = name == "delay" and { 0.2, 0.2 } or name == "status" and 503 or nil
      local given = name == "delay" and "=200ms" or ""
      assert.same({ name = name, probability = 1, value = value }, one(name .. given))
      for _, side in ipairs { "before", "after" } do
        assert.same({ name = name, side = side, probability = 0.1, value = value, method = "health" },
          one(name .. "-" .. side .. given .. "@0.1:health"))
      end
    end
  end)

  it("reads times and stretches of time", function()
    assert.same({ 0.2, 0.2 }, one("delay=200ms").value)
    assert.same({ 0.05, 2 }, one("delay=50ms-2s@0.5").value)
    assert.same({ 90, 120 }, one("delay=1.5m-2m").value)
    assert.same({ 0, 1 }, one("delay=0s-1s").value)
    assert.equal(1, one("reorder=1s").value)
    assert.equal(0.25, one("reorder@0.3").value)
    assert.equal(5, one("stuck=5s@0.2").value)
    assert.is_nil(one("stuck@0.2").value)
  end)

  it("reads statuses and members", function()
    assert.equal(429, one("status=429@0.1").value)
    assert.equal(300, one("wrong-status=300").value)
    assert.is_nil(one("wrong-status").value)
    assert.equal("paymentMaxAmount", one("tamper=paymentMaxAmount").value)
    assert.is_nil(one("tamper").value)
  end)

  it("knows which methods a fault is about", function()
    assert.equal("wallet_prepareCalls", one("tamper").method)
    assert.equal("wallet_getKeys", one("tamper:wallet_getKeys").method)
    assert.equal("wallet_sendPreparedCalls", one("stuck").method)
    assert.equal("wallet_sendPreparedCalls", one("stuck:wallet_sendPreparedCalls").method)
    assert.equal("wallet_getCallsStatus", one("wrong-status").method)
  end)

  it("reads a restart by the clock or by chance", function()
    assert.same({ name = "restart", probability = 1, every = 30 }, one "restart")
    assert.same({ name = "restart", probability = 1, every = 120 }, one "restart=2m")
    assert.same({ name = "restart", probability = 0.01 }, one "restart@0.01")
    assert.same({ name = "restart", probability = 0.01, method = "health" }, one "restart@0.01:health")
  end)

  it("reads lists, spaces around their parts, several texts, and a seed", function()
    local list = parse " drop=0.1, delay=200ms ,dup,restart,tamper=nonce , seed=42 "
    assert.equal(42, list.seed)
    local names = {}
    for i, fault in ipairs(list) do names[i] = fault.name end
    assert.same({ "drop", "delay", "dup", "restart", "tamper" }, names)
    assert.equal("tamper=nonce", list[5].text)
    list = parse { "drop,dup", "seed=7" }
    assert.same({ 2, 7 }, { #list, list.seed })
    assert.same({}, parse "")
    assert.same({}, parse "  ")
    assert.same({}, parse {})
    assert.equal(9007199254740991, parse("seed=9007199254740991").seed)
  end)

  it("takes any method when it is told none", function()
    assert.equal("eth_call", assert(faults.parse "drop:eth_call")[1].method)
  end)

  for _, case in ipairs {
    { "drpo=0.1", 'no fault "drpo".*known: delay, delay%-after.*wrong%-status' },
    { "dup-before", 'no fault "dup%-before"' }, { "drop-between", "no fault" }, { "-before", "no fault" },
    { "Drop", "no fault" }, { "=1", 'no fault ""' }, { "@0.1", "no fault" }, { ":health", "no fault" },
    { "drop=x", '"x" is not a probability' }, { "drop@2", '"2" is not a probability' },
    { "drop@-0.1", "probability" }, { "drop@", "probability" }, { "drop=", "probability" },
    { "drop@1e-3", "probability" }, { "drop@0x1", "probability" }, { "drop@nan", "probability" },
    { "drop@0.1.2", "probability" }, { "drop@.", "probability" }, { "drop@0.1@0.2", "probability" },
    { "drop=0.1@0.2", "no other value" }, { "drop=10%", "probability" },
    { "delay", "needs a value, as in delay=200ms" }, { "delay@0.5", "needs a value" },
    { "delay=200", '"200" is not a time' }, { "delay=0.5", "a probability is written delay@0.5" },
    { "delay=2s-1s", "not a time" }, { "delay=-1s", "not a time" }, { "delay=1h", "not a time" },
    { "delay=1s-", "not a time" }, { "delay=1..5s", "not a time" }, { "delay=1441m", "not a time" },
    { "reorder=0.1", "a probability is written reorder@0.1" }, { "stuck=for ever", "not a time" },
    { "status=200", "status from 400 to 599" }, { "status=5xx", "status from 400" },
    { "status-before=0.1", "written status%-before@0.1" },
    { "wrong-status=99", "status from 100" }, { "wrong-status=300:health", "wallet_getCallsStatus alone" },
    { "stuck:health", "wallet_sendPreparedCalls alone" }, { "tamper=a.b", "name of a member" },
    { "tamper=", "name of a member" }, { "tamper=0.5", "written tamper@0.5" },
    { "restart=30", '"30" is not a time' }, { "restart=1s@0.1", "either a time or a probability" },
    { "dup:wallet_sendCalls", 'no method "wallet_sendCalls".*health, wallet_addFaucetFunds' },
    { "dup:health@0.1", 'no method "health@0.1"' }, { "dup:", 'no method ""' },
    { "seed", "whole number" }, { "seed=", "whole number" }, { "seed=-1", "whole number" },
    { "seed=1.5", "whole number" }, { "seed=9007199254740993", "whole number" }, { "seed=0x7", "whole number" },
  } do
    it("refuses " .. case[1] .. " and names it", function()
      local list, err = faults.parse("hang@0.5, " .. case[1] .. " ,dup", Relay.METHODS)
      assert.is_nil(list)
      assert.equal("invalid_value", err.code)
      assert.matches('fault "' .. case[1]:gsub("%p", "%%%0") .. '": ', err.message)
      assert.matches(case[2], err.message)
    end)
  end

  it("refuses a comma too many", function()
    for _, text in ipairs { ",", "drop,", ",drop", "drop,,dup" } do
      local list, err = faults.parse(text)
      assert.is_nil(list)
      assert.equal("invalid_value", err.code)
      assert.matches("comma", err.message)
    end
  end)
end)

describe("rise.devnet.faults.plan", function()
  local function plan(text, seed)
    return faults.plan(assert(faults.parse(text)), seed or 1, 0)
  end

  -- What strikes `count` requests of a method, a list of names for each.
  local function run(made, count, method, now)
    local struck = {}
    for i = 1, count do
      local names = {}
      for j, fault in ipairs(made:decide(method or "health", now or 0)) do
        names[j] = fault.name .. (fault.side and "-" .. fault.side or "")
      end
      struck[i] = table.concat(names, " ")
    end
    return struck
  end

  local function count_of(struck, name)
    local count = 0
    for _, names in ipairs(struck) do
      if (" " .. names .. " "):find(" " .. name .. " ", 1, true) then count = count + 1 end
    end
    return count
  end

  it("decides the same with the same seed, and otherwise with another", function()
    local text = "drop=0.3,delay=1ms-9ms@0.4,dup@0.2,tamper@0.5:health"
    local function decisions(seed)
      local made, list = plan(text, seed), {}
      for i = 1, 200 do list[i] = made:decide("health", 0) end
      return list
    end
    assert.same(decisions(7), decisions(7))
    assert.not_same(decisions(7), decisions(8))
  end)

  it("decides about a part whatever stands beside it and whatever else is asked", function()
    local alone = run(plan "dup=0.3", 100)
    local made = plan "drop=0.5,restart@0.5,dup=0.3"
    for i = 1, 100 do
      local there = count_of(run(made, 1), "dup")
      assert.equal(count_of({ alone[i] }, "dup"), there)
    end
    made = plan "dup=0.3:health"
    local only = run(made, 50)
    made = plan "dup=0.3:health"
    for i = 1, 50 do
      run(made, 3, "wallet_getKeys")
      assert.equal(only[i], run(made, 1)[1])
    end
  end)

  it("strikes about as often as it is told", function()
    local struck = run(plan "drop=0.1,dup=0.5,garbage=0,truncate,hang@1", 4000)
    local drops = count_of(struck, "drop-before") + count_of(struck, "drop-after")
    assert.is_true(drops > 320 and drops < 480, drops .. " drops")
    local doubles = count_of(struck, "dup")
    assert.is_true(doubles > 1850 and doubles < 2150, doubles .. " doubles")
    assert.equal(0, count_of(struck, "garbage"))
    assert.equal(4000, count_of(struck, "truncate"))
    local hangs = count_of(struck, "hang-before")
    assert.equal(4000, hangs + count_of(struck, "hang-after"))
    assert.is_true(hangs > 1850 and hangs < 2150, hangs .. " hang on the way there")
  end)

  it("keeps to the way that is named", function()
    local struck = run(plan "drop-before=0.5,status-after@0.5", 100)
    assert.equal(0, count_of(struck, "drop-after") + count_of(struck, "status-before"))
    assert.is_true(count_of(struck, "drop-before") > 0 and count_of(struck, "status-after") > 0)
  end)

  it("keeps to the method that is named", function()
    local made = plan "drop:wallet_getKeys,tamper"
    assert.equal("", run(made, 1)[1])
    assert.matches("^drop", run(made, 1, "wallet_getKeys")[1])
    assert.equal("tamper", run(made, 1, "wallet_prepareCalls")[1])
  end)

  it("draws times from the whole stretch, and picks from all of [0, 1)", function()
    local made = plan "delay=100ms-300ms"
    local low, high, pick_low, pick_high = 1, 0, 1, 0
    for _ = 1, 500 do
      local fault = made:decide("health", 0)[1]
      low, high = math.min(low, fault.value), math.max(high, fault.value)
      for _, pick in ipairs(fault.picks) do
        pick_low, pick_high = math.min(pick_low, pick), math.max(pick_high, pick)
      end
    end
    assert.is_true(low >= 0.1 and low < 0.11 and high <= 0.3 and high > 0.29)
    assert.is_true(pick_low >= 0 and pick_low < 0.05 and pick_high < 1 and pick_high > 0.95)
  end)

  it("lets equal parts fall out on their own", function()
    local struck = run(plan "dup=0.5,dup=0.5", 200)
    local seen = {}
    for _, names in ipairs(struck) do seen[names] = true end
    assert.same({ [""] = true, dup = true, ["dup dup"] = true }, seen)
  end)

  it("restarts by the clock it is told", function()
    local made = faults.plan(assert(faults.parse "restart=30s"), 1, 1000)
    local function restarts(now) return #made:decide("health", now) end
    assert.same({ 0, 0, 1, 0, 0, 1, 1 }, { restarts(1000), restarts(1029.9), restarts(1030), restarts(1031),
      restarts(1059), restarts(1075), restarts(9000) })
  end)
end)

describe("rise.devnet.spoil", function()
  local TEXT = '{"jsonrpc":"2.0","id":7,"result":{"a":{"list":["0x0f",{"b":"p\\"256"}],"none":[],"empty":{}},'
    .. '"big":12345678901234567,"flag":true,"nothing":null,"s":"","u":"\\u0041","x":"0x","same":1,"z":{"same":2}}}'
  local ORIGINAL = assert(json.decode(TEXT)).result

  it("changes any one value, leaving all other bytes alone and the rest good JSON", function()
    local seen, kinds = {}, 0
    for i = 0, 199 do
      local text, what = spoil.tamper(TEXT, nil, (i + 0.5) / 200, (i % 7) / 7)
      assert.not_equal(TEXT, text)
      local path, old, new = what:match("^(.-): (.-) %-> (.*)$")
      if not seen[path] then
        seen[path], kinds = true, kinds + 1
      end
      local decoded = assert(json.decode(text))
      assert.equal(7, decoded.id)
      assert.not_same(ORIGINAL, decoded.result)
      -- The change undone gives the text as it was.
      local at = 1
      while text:sub(at, at) == TEXT:sub(at, at) do at = at + 1 end
      local restored
      for from = at, math.max(1, at - #new), -1 do
        if text:sub(from, from + #new - 1) == new
          and text:sub(1, from - 1) .. old .. text:sub(from + #new) == TEXT then restored = true end
      end
      assert.is_true(restored, what)
    end
    assert.same({ ["a.list[1]"] = true, ["a.list[2].b"] = true, big = true, flag = true, nothing = true, s = true,
      u = true, x = true, same = true, ["z.same"] = true }, seen)
    assert.equal(10, kinds)
  end)

  it("keeps hex hex", function()
    local value = "0x" .. "0123456789abcdefABCDEF"
    for i = 0, 21 do
      local text = assert(spoil.tamper('{"result":{"v":"' .. value .. '"}}', "v", 0, (i + 0.5) / 22))
      local changed = assert(text:match '"v":"(0x%x+)"')
      assert.equal(#value, #changed)
      local differences = 0
      for at = 1, #value do
        if value:sub(at, at) ~= changed:sub(at, at) then differences = differences + 1 end
      end
      assert.equal(1, differences)
    end
  end)

  it("finds the first value of a name, in lists too", function()
    assert.equal("same: 1 -> 0", (select(2, spoil.tamper(TEXT, "same", 0.99, 0))))
    assert.equal('a.list[1]: "0x0f" -> "0x1f"', (select(2, spoil.tamper(TEXT, "list", 0.99, 0))))
    assert.equal('a.list[1]: "0x0f" -> "0x0e"', (select(2, spoil.tamper(TEXT, "list", 0.99, 0.99))))
    assert.equal("flag: true -> false", (select(2, spoil.tamper(TEXT, "flag", 0, 0))))
    assert.equal('nothing: null -> "0x1"', (select(2, spoil.tamper(TEXT, "nothing", 0, 0))))
  end)

  it("leaves a text alone that has no result, or nothing of that name in it", function()
    for _, text in ipairs { '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}', "", "x", '{"result":{}}' } do
      assert.is_nil(spoil.tamper(text, nil, 0.5, 0.5))
    end
    assert.is_nil(spoil.tamper(TEXT, "jsonrpc", 0, 0))
    assert.is_nil(spoil.tamper(TEXT, "none", 0, 0))
    assert.is_nil(spoil.status(TEXT, 300, 0))
  end)

  it("changes a result that is a bare value", function()
    assert.equal('{"id":1,"result":"0x01"}', (spoil.tamper('{"id":1,"result":"0x00"}', nil, 0, 0.99)))
  end)

  it("puts the status it is told, or one that is not the right one", function()
    local text = '{"id":1,"result":{"id":"0x1","receipts":[{"status":"0x1"}],"status":200}}'
    assert.equal((text:gsub("200", "300")), (spoil.status(text, 300, 0)))
    local seen = {}
    for i = 0, 99 do seen[json.decode(spoil.status(text, nil, i / 100)).result.status] = true end
    assert.same({ [100] = true, [201] = true, [300] = true, [400] = true, [500] = true }, seen)
  end)

  it("cuts at least a byte off", function()
    for i = 0, 99 do
      local text = spoil.truncate(TEXT, i / 100)
      assert.is_true(#text < #TEXT)
      assert.equal(TEXT:sub(1, #text), text)
    end
    assert.equal("", spoil.truncate(TEXT, 0))
  end)

  it("makes the same garbage of the same bytes, short and long", function()
    local seed = ("a"):rep(32)
    assert.equal(spoil.garbage(seed, 0.5), spoil.garbage(seed, 0.5))
    assert.not_equal(spoil.garbage(seed, 0.5), spoil.garbage(("b"):rep(32), 0.5))
    assert.equal(32, #spoil.garbage(seed, 0))
    assert.is_true(#spoil.garbage(seed, 0.9999) > 1000)
  end)
end)

describe("a devnet that is told to misbehave #devnet", function()
  local net, handled

  setup(function()
    net = support.start { before = function(method) handled[method] = (handled[method] or 0) + 1 end }
  end)
  teardown(function() net:stop() end)
  before_each(function() handled, net.lines = {}, {} end)
  after_each(function() assert(net.devnet:fault()) end)

  local function misbehave(text)
    assert(net.devnet:fault(text))
    net.lines, handled = {}, {}
  end

  -- A request that is sent once, whatever becomes of the connection.
  local function ask(method, object, options)
    options = options or {}
    options.once = true
    return net.relay:call(method or "health", object ~= nil and { object } or nil, options)
  end

  local function logged(text)
    for _, line in ipairs(net.lines) do
      if line:find(text, 1, true) then return true end
    end
    return false
  end

  it("drops a request on the way there: a network error, and nothing done", function()
    misbehave "drop-before"
    local result, err = ask()
    assert.is_nil(result)
    assert.equal("network", err.code)
    assert.is_nil(handled.health)
    assert.same({ "fault: drop-before of health" }, net.lines)
  end)

  it("drops an answer on the way back: a network error, and all done", function()
    misbehave "drop-after"
    local _, err = ask()
    assert.equal("network", err.code)
    assert.equal(1, handled.health)
    assert.is_true(logged "fault: drop-after of health")
  end)

  it("drops some and answers the others", function()
    misbehave "drop=0.5,seed=3"
    local answered, dropped = 0, 0
    for _ = 1, 60 do
      local result, err = ask()
      if result then
        answered = answered + 1
      else
        assert.equal("network", err.code)
        dropped = dropped + 1
      end
    end
    assert.is_true(answered > 10 and dropped > 10)
    assert.equal(dropped, #net.lines)
    assert.is_true(handled.health > answered and handled.health < 60) -- some on each way
  end)

  it("hangs: the connection stays open without an answer", function()
    misbehave "hang-before"
    local _, err = ask("health", nil, { timeout = 0.3 })
    assert.equal("timeout", err.code)
    assert.is_nil(handled.health)
    misbehave "hang-after"
    _, err = ask("health", nil, { timeout = 0.3 })
    assert.equal("timeout", err.code)
    assert.equal(1, handled.health)
    assert.same({ "fault: hang-after of health" }, net.lines)
  end)

  it("takes longer, on the way there or back", function()
    for _, side in ipairs { "before", "after" } do
      misbehave("delay-" .. side .. "=200ms")
      local started = net.loop:now()
      local task = net.loop:spawn(ask)
      while net.loop:now() - started < 0.1 do net.loop:step(0.01) end
      assert.equal(side == "after" and 1 or nil, handled.health)
      assert.equal("rpc ok", assert(task:wait()).status)
      assert.is_true(net.loop:now() - started > 0.199)
      assert.is_true(logged("fault: delay-" .. side .. " of health: 0.200 s"))
    end
  end)

  it("answers as a broken proxy does", function()
    misbehave "status-before"
    local _, err = ask()
    assert.same({ "relay", 503, true }, { err.code, err.http_status, err.retryable })
    assert.is_nil(handled.health)
    misbehave "status-after=429"
    _, err = ask()
    assert.equal(429, err.http_status)
    assert.equal(1, handled.health)
    assert.is_true(logged "fault: status-after of health: HTTP 429")
  end)

  it("does what it is asked twice, and answers once", function()
    local account = net:create_account()
    local STK = net.contracts.stk
    misbehave "dup:wallet_addFaucetFunds"
    assert(ask("wallet_addFaucetFunds", { address = account.address, chainId = net.ready.chain_id, tokenAddress = STK,
      value = "0x64" }))
    assert.equal("200", tostring(net:balance(STK, account.address)))
    assert.equal(2, handled.wallet_addFaucetFunds)
    assert.is_true(logged "fault: dup of wallet_addFaucetFunds")
  end)

  it("hands on the first answer of the two", function()
    local account = net:landed_account()
    local key = net:granted_key(account)
    local prepared, context = assert(net:prepare(account, { key = key, calls = { net:increment() } }))
    local count = net:count()
    misbehave "dup:wallet_sendPreparedCalls"
    assert.equal(prepared.context.quote.hash, assert(net:send(prepared, context, key, { key = key })).id)
    net:wait(prepared.context.quote.hash)
    assert.equal(tostring(count + 1), tostring(net:count()))
  end)

  it("lets a later request overtake", function()
    misbehave "reorder=10s"
    local order = {}
    local function call(name, method)
      return net.loop:spawn(function()
        ask(method, name ~= "first" and { address = support.NATIVE } or nil)
        order[#order + 1] = name
      end)
    end
    local first = call("first", "health")
    while net.devnet.injector.waiting == nil do net.loop:step(0.05) end
    local second = call("second", "wallet_getAuthorization")
    first:wait()
    second:wait()
    assert.same({ "second", "first" }, order)
    assert.is_true(logged "fault: reorder of health")
  end)

  it("lets a request that nothing overtakes go on", function()
    misbehave "reorder=50ms"
    assert.equal("rpc ok", assert(ask()).status)
    assert.same({}, net.lines)
  end)

  it("cuts answers off", function()
    local body = '{"jsonrpc":"2.0","id":1,"method":"wallet_getCapabilities","params":[]}'
    local whole = net:fetch({ body = body }).body
    misbehave "truncate"
    for _ = 1, 10 do
      local part = net:fetch({ body = body }).body
      assert.is_true(#part < #whole)
      assert.equal(whole:sub(1, #part), part)
    end
    assert.is_true(logged "fault: truncate of wallet_getCapabilities")
    local _, err = ask()
    assert.equal("relay", err.code)
  end)

  it("answers garbage", function()
    misbehave "garbage"
    local _, err = ask()
    assert.equal("relay", err.code)
    assert.matches("not JSON", err.message)
    assert.equal(1, handled.health)
  end)

  it("changes a value of an answer, and says which", function()
    local body = '{"jsonrpc":"2.0","id":1,"method":"wallet_getCapabilities","params":[]}'
    local whole = net:fetch({ body = body }).body
    misbehave "tamper=ttl:wallet_getCapabilities"
    local other = net:fetch({ body = body }).body
    assert.equal((whole:gsub('"ttl":30', '"ttl":31')), other)
    assert.same({ "fault: tamper of wallet_getCapabilities: 0x7a69.fees.quoteConfig.ttl: 30 -> 31" }, net.lines)
    misbehave "tamper:wallet_getCapabilities,seed=1"
    assert.not_same(json.decode(whole), assert(json.decode(net:fetch({ body = body }).body)))
  end)

  it("changes a member of what is prepared, unless told otherwise", function()
    local account = net:create_account()
    misbehave "tamper=paymentMaxAmount"
    local prepared = assert(net:prepare(account, { key = account.admin, calls = { net:increment() } }))
    assert.equal("0x1", prepared.context.quote.quotes[1].intent.paymentMaxAmount)
    assert.equal("rpc ok", assert(ask()).status)
  end)

  it("tells a wrong status", function()
    local account = net:create_account()
    local prepared, context = assert(net:prepare(account, { key = account.admin, calls = {} }))
    local id = assert(net:send(prepared, context, account.admin, { key = account.admin })).id
    assert.equal(200, net:wait(id).status)
    misbehave "wrong-status=300"
    assert.equal(300, assert(ask("wallet_getCallsStatus", id)).status)
    assert.is_true(logged "fault: wrong-status of wallet_getCallsStatus: 200 -> 300")
    misbehave "wrong-status"
    assert.not_equal(200, assert(ask("wallet_getCallsStatus", id)).status)
  end)

  it("keeps bundles back for good, and lets others pass", function()
    local account = net:landed_account()
    local count = net:count()
    misbehave "stuck"
    local ids = {}
    for i = 1, 4 do
      local prepared, context = assert(net:prepare(account, { key = account.admin, calls = { net:increment() },
        meta = { nonce = core.u256(i):shl(64) } }))
      ids[i] = assert(net:send(prepared, context, account.admin, { key = account.admin })).id
    end
    assert.is_true(logged "fault: stuck of wallet_sendPreparedCalls: for good")
    misbehave ""
    assert.equal(200, net:execute(account, account.admin, { calls = { net:increment() } }).status)
    for i = 1, 4 do
      local status = assert(ask("wallet_getCallsStatus", ids[i]))
      assert.same({ 100, 0 }, { status.status, #status.receipts })
    end
    assert.equal(tostring(count + 1), tostring(net:count()))
  end)

  it("keeps bundles back for a while", function()
    local account = net:landed_account()
    local count = net:count()
    misbehave "stuck=300ms"
    local prepared, context = assert(net:prepare(account, { key = account.admin, calls = { net:increment() } }))
    local started = net.loop:now()
    local id = assert(net:send(prepared, context, account.admin, { key = account.admin })).id
    assert.equal(100, assert(ask("wallet_getCallsStatus", id)).status)
    assert.equal(tostring(count), tostring(net:count()))
    assert.equal(200, net:wait(id).status)
    assert.is_true(net.loop:now() - started > 0.299)
    assert.equal(tostring(count + 1), tostring(net:count()))
  end)

  it("comes back with another key for its quotes", function()
    local account = net:create_account()
    local signer = assert(ask()).quoteSigner
    local prepared, context = assert(net:prepare(account, { key = account.admin, calls = {} }))
    misbehave "restart@1:health"
    local other = assert(ask()).quoteSigner
    assert.not_equal(signer, other)
    assert.is_true(logged "fault: restart of health")
    local sent, err = net:send(prepared, context, account.admin, { key = account.admin })
    assert.is_nil(sent)
    assert.equal("invalid quote signer", err.rpc_message)
    assert.equal(200, net:execute(account, account.admin, { calls = {} }).status)
  end)

  it("comes back in a rhythm", function()
    local signer = assert(ask()).quoteSigner
    misbehave "restart=100ms"
    net.loop:sleep(0.15)
    local second = assert(ask()).quoteSigner
    assert.not_equal(signer, second)
    net.loop:sleep(0.15)
    assert.not_equal(second, assert(ask()).quoteSigner)
  end)

  it("does so to the methods it is told, and never to GET /health", function()
    misbehave "drop:wallet_getKeys"
    assert.equal("rpc ok", assert(ask()).status)
    assert.equal("network", select(2, ask("wallet_getKeys", {})).code)
    misbehave "drop,garbage"
    assert.equal("rpc ok", json.decode(net:fetch({ method = "GET", path = "/health" }).body).status)
  end)

  it("does so to batches and notifications", function()
    misbehave "status-after:health"
    assert.equal(503, net:fetch({
      body = '[{"jsonrpc":"2.0","id":1,"method":"nothing"},{"jsonrpc":"2.0","id":2,"method":"health"}]' }).status)
    assert.equal(503, net:fetch({ body = '{"jsonrpc":"2.0","method":"health"}' }).status)
    misbehave "garbage,truncate,tamper:health"
    assert.equal("", net:fetch({ body = '{"jsonrpc":"2.0","method":"health"}' }).body)
  end)

  it("does the same again with the same seed", function()
    local function run(text)
      misbehave(text)
      for _ = 1, 40 do ask() end
      local lines = net.lines
      net.lines = {}
      return lines
    end
    local text = "drop=0.2,delay=1ms-3ms@0.3,status@0.2,garbage@0.2,tamper@0.3:health,seed=11"
    local first = run(text)
    assert.is_true(#first > 10)
    assert.same(first, run(text))
    assert.not_same(first, run((text:gsub("11", "12"))))
  end)

  it("draws a seed when there is none, and tells it", function()
    assert(net.devnet:fault "drop=0.2,dup")
    local seed = assert(net.lines[#net.lines]:match "^faults: drop=0.2,dup,seed=(%d+)$")
    assert(net.devnet:fault "drop=0.2,dup")
    assert.not_equal(seed, net.lines[#net.lines]:match "seed=(%d+)$")
  end)

  it("refuses to be told nonsense, and goes on as before", function()
    misbehave "status=429"
    local ok, err = net.devnet:fault "drop,nonsense"
    assert.is_nil(ok)
    assert.equal("invalid_value", err.code)
    assert.equal(429, select(2, ask()).http_status)
  end)

  it("is told at its start as well, or does not start", function()
    local other = support.start { fault = { "status=418", "seed=1" } }
    finally(function() other:stop() end)
    assert.equal(418, select(2, other:call("health")).http_status)
    local none, err = require("rise.devnet").start { loop = net.loop, fault = "nonsense" }
    assert.is_nil(none)
    assert.equal("invalid_value", err.code)
  end)
end)
