-- The rules of a session's own, one by one: what they forbid is refused before anything is prepared, signed or sent.
local core = require "rise.core"
local rise = require "rise"
local flow = require "support.flow"

describe("a session's guard #devnet", function()
  local net, requests, now
  setup(function()
    net = flow.start { before = function(method) requests[#requests + 1] = method end }
  end)
  teardown(function() net:stop() end)
  before_each(function() requests, now = {}, nil end)

  local function clock() return now or core.now() end

  -- A session that has acted once, so that nothing but its actions is asked for; its key tells how often it signed.
  local function session(rules, options)
    options = options or {}
    local f = flow.session(net, { wallet = options.wallet or flow.connect(net, { clock = clock }) })
    assert(f.session:send { f.counter:increment() })
    if rules then assert(f.session:guard(rules)) end
    requests = {}
    return f
  end

  -- What was asked of the relay and the node by a refused action: nothing.
  local function refused(f, rule, calls)
    local before = #assert(f.wallet.store:bundles())
    for _, way in ipairs { "send", "act", "can" } do
      requests = {}
      local done, err = f.session[way](f.session, calls)
      assert.is_nil(done, way)
      assert.equal("guarded", err.code, err.message)
      assert.equal(rule, err.rule, err.message)
      assert.same({}, requests, way)
    end
    local done, err = f.session:send(calls, { preflight = false })
    assert.is_nil(done)
    assert.equal("guarded", err.code)
    assert.same({}, requests)
    assert.equal(before, #assert(f.wallet.store:bundles()))
    return err
  end

  it("lets nothing through that is not on its list", function()
    local f = session { calls = { { to = net.ready.contracts.counter, signature = "increment()" } } }
    assert(f.session:send { f.counter:increment() })
    local err = refused(f, "calls", { f.counter:increment(), f.stk:mint(f.player, 1) })
    assert.equal(2, err.call)
    assert.matches("call 2, 0x40c10f19 of " .. net.ready.contracts.stk:lower(), err.message)
    assert(f.session:guard { calls = { { to = net.ready.contracts.counter } } })
    assert(f.session:send { f.counter:increment() })
    assert(f.session:guard { calls = {} })
    refused(f, "calls", { f.counter:increment() })
    assert(f.session:guard {})
    assert(f.session:send { f.stk:mint(f.player, 1) })
  end)

  it("bounds numbers among the arguments", function()
    local stk = net.ready.contracts.stk
    local f = session { calls = { { to = stk, signature = "mint(address to, uint256 amount)",
      args = { amount = { min = 5, max = 100 } } } } }
    assert(f.session:send { f.stk:mint(f.player, 100) })
    assert(f.session:send { f.stk:mint(f.player, 5) })
    local err = refused(f, "args", { f.stk:mint(f.player, 101) })
    assert.equal("amount", err.argument)
    assert.equal("101", tostring(err.value))
    assert.equal("100", tostring(err.bound))
    assert.matches("call 1, mint%(address to, uint256 amount%) of 0x%x+, argument amount is 101, at most 100",
      err.message)
    refused(f, "args", { f.stk:mint(f.player, 4) })
    refused(f, "args", { f.stk:mint(f.player, core.u256("0x" .. string.rep("f", 64))) })
    local short = f.stk:mint(f.player, 50)
    short.data = short.data:sub(1, -3)
    refused(f, "args", { short })
  end)

  it("holds arguments to a set", function()
    local stk = net.ready.contracts.stk
    local f = session { calls = { { to = stk, signature = "mint(address,uint256)",
      args = { [1] = { one_of = { flow.SHOP:upper():gsub("0X", "0x"), stk } } } } } }
    assert(f.session:send { f.stk:mint(flow.SHOP, 1) })
    local err = refused(f, "args", { f.stk:mint(f.player, 1) })
    assert.equal("1", err.argument)
    assert.equal(f.player, err.value:lower())
  end)

  it("compares negative numbers as what they are, and text as text", function()
    local Guard = require "rise.guard"
    local item = assert(core.abi "function f(int16 x, string s, bool b)")
    local to = flow.SHOP
    local guard = Guard.new({ calls = { { to = to, signature = "f(int16 x, string s, bool b)",
      args = { x = { min = -5, max = 3 }, s = { one_of = { "yes", "no" } }, b = { one_of = { true } } } } } }, to)
    local kept = assert(Guard.restore(guard:record(), to))
    for _, one in ipairs { guard, kept } do
      local function judge(x, s, b)
        local call = { to = to, value = core.u256(0), data = core.hex(assert(item:encode_call { x, s, b })) }
        local err = one:judge({ call }, { now = 0 })
        return err and err.argument
      end
      assert.is_nil(judge(-5, "yes", true))
      assert.is_nil(judge(3, "no", true))
      assert.equal("x", judge(-6, "yes", true))
      assert.equal("x", judge(4, "yes", true))
      assert.equal("s", judge(0, "maybe", true))
      assert.equal("b", judge(0, "no", false))
    end
  end)

  it("bounds the native currency that goes with a call", function()
    local f = session { calls = { { to = net.ready.contracts.counter, max_value = 10 } } }
    local call = f.counter:increment()
    call.value = 11
    local err = refused(f, "max_value", { call })
    assert.equal("10", tostring(err.bound))
  end)

  it("paces actions by the wallet's clock", function()
    local start = core.now()
    now = start
    local f = session { per_minute = 2 }
    assert(f.session:send { f.counter:increment() })
    now = start + 30
    assert(f.session:send { f.counter:increment() })
    now = start + 59
    local err = refused(f, "per_minute", { f.counter:increment() })
    assert.is_true(err.retryable)
    assert.equal(start + 60, err.resets_at)
    now = start + 60
    assert(f.session:send { f.counter:increment() })
    refused(f, "per_minute", { f.counter:increment() })
  end)

  it("counts actions in all", function()
    local f = session { max_actions = 2 }
    assert(f.session:send { f.counter:increment() })
    assert(assert(f.session:act { f.counter:increment() }):wait())
    local err = refused(f, "max_actions", { f.counter:increment() })
    assert.equal(2, err.bound)
    assert(f.session:guard { max_actions = 3 }) -- the counts go on
    assert(f.session:send { f.counter:increment() })
    refused(f, "max_actions", { f.counter:increment() })
  end)

  it("caps what is spent in all", function()
    local stk = net.ready.contracts.stk
    local f = session()
    assert(f.session:send { f.stk:mint(f.player, 1000) })
    assert(f.session:guard { total = { { token = stk, limit = 100 } } })
    assert(f.session:send { f.stk:transfer(flow.SHOP, 60) })
    local err = refused(f, "total", { f.stk:transfer(flow.SHOP, 20), f.stk:transfer(flow.SHOP, 21) })
    assert.equal("41", tostring(err.value))
    assert.equal("60", tostring(err.spent))
    assert(f.session:send { f.stk:transfer(flow.SHOP, 40) })
    refused(f, "total", { f.stk:transfer(flow.SHOP, 1) })
    assert(f.session:send { f.counter:increment() })
  end)

  it("asks its hook, in a task with all the time it wants", function()
    local asked, answer = 0, false
    local f = session()
    assert(f.session:guard { confirm = function(calls, asker)
      assert.equal(1, #calls)
      assert.equal(f.session, asker)
      asked = asked + 1
      rise.sleep(0.01)
      return answer
    end })
    for _, said in ipairs { false, "yes", 1 } do
      answer = said
      requests = {}
      local receipt, err = f.session:send { f.counter:increment() }
      assert.is_nil(receipt)
      assert.equal("confirm", err.rule)
      assert.same({}, requests)
    end
    answer = true
    local receipt
    local task = rise.spawn(function() receipt = assert(f.session:send { f.counter:increment() }) end)
    task:wait()
    assert.truthy(receipt)
    assert(assert(f.session:act { f.counter:increment() }):wait())
    assert.equal(5, asked)
  end)

  it("judges again right before it signs", function()
    local f = session {}
    local signed = 0
    local prepare = f.wallet.relay.prepare_calls
    f.wallet.relay.prepare_calls = function(...)
      local prepared, err = prepare(...)
      assert(f.session:guard { calls = {} }) -- while the relay thought about it
      return prepared, err
    end
    local write_down = f.wallet.store.begin
    f.wallet.store.begin = function(...)
      signed = signed + 1
      return write_down(...)
    end
    local receipt, err = f.session:send { f.counter:increment() }
    assert.is_nil(receipt)
    assert.equal("guarded", err.code)
    assert.equal(0, signed)
    for _, method in ipairs(requests) do assert.is_false(method == "wallet_sendPreparedCalls") end
  end)

  it("judges again right before it signs in direct mode as well", function()
    local wallet = flow.connect(net)
    local gas = assert(rise.key.generate "secp256k1")
    flow.fund(wallet, core.hex(gas:address()), "0xde0b6b3a7640000")
    assert(wallet:direct { key = gas })
    local f = flow.session(net, { wallet = wallet })
    assert(f.session:send { f.counter:increment() })
    local before = assert(f.counter:count())
    local direct = require "rise.direct"
    local prepare = direct.prepare
    finally(function() direct.prepare = prepare end)
    direct.prepare = function(...)
      local prepared, err = prepare(...)
      assert(f.session:guard { calls = {} })
      return prepared, err
    end
    local receipt, err = f.session:send { f.counter:increment() }
    assert.is_nil(receipt)
    assert.equal("guarded", err.code)
    assert.equal(tostring(before), tostring(assert(f.counter:count())))
  end)

  it("stops what was queued before it was set, and nothing else", function()
    local f = session()
    local counter, mint = f.counter:increment(), f.stk:mint(f.player, 1)
    local handles = {}
    for i, call in ipairs { counter, mint, counter, mint, counter } do handles[i] = assert(f.session:act { call }) end
    assert(f.session:guard { calls = { { to = net.ready.contracts.counter } } })
    for i, handle in ipairs(handles) do
      local receipt, err = handle:wait()
      if i % 2 == 1 then
        assert.truthy(receipt, tostring(err))
      else
        assert.is_nil(receipt)
        assert.equal("guarded", err.code)
      end
    end
  end)

  it("is kept with the session, but for its hook", function()
    local path = os.tmpname()
    os.remove(path)
    local function open()
      return assert(rise.store.sqlite { path = path .. "/db", keys = "encrypted", passphrase = "x", cost = "light" })
    end
    local stk = net.ready.contracts.stk
    local store = open()
    local f = session(nil, { wallet = flow.connect(net, { store = store }) })
    assert(f.session:guard { max_actions = 3, confirm = function() return true end,
      calls = { { to = net.ready.contracts.counter },
        { to = stk, signature = "mint(address to,uint256)", max_value = 0,
          args = { to = { one_of = { f.player } }, [2] = { max = 10 } } } } })
    assert(f.session:send { f.counter:increment() })
    local id = f.session.id
    store:close()

    store = open()
    local wallet = flow.connect(net, { store = store })
    local loaded = assert(wallet:load_session(id))
    requests = {}
    local receipt, err = loaded:send { f.counter:increment() }
    assert.is_nil(receipt)
    assert.equal("confirm", err.rule)
    assert.same({}, requests)
    loaded = assert(wallet:load_session(id, { confirm = function() return true end }))
    assert(loaded:send { f.stk:mint(f.player, 10) })
    for _, call in ipairs { f.stk:mint(f.player, 11), f.stk:mint(flow.SHOP, 1), f.stk:transfer(flow.SHOP, 1) } do
      assert.equal("guarded", select(2, loaded:send { call }).code)
    end
    assert(loaded:send { f.counter:increment() })
    assert.equal("max_actions", select(2, loaded:send { f.counter:increment() }).rule)
    store:close()
    os.execute("rm -rf '" .. path .. "'")
  end)

  it("can be given with the session, and its mistakes raise", function()
    local f = flow.session(net, { grant = false })
    local function new(rules)
      return f.wallet:new_session { account = f.account, expires = "1h", permissions = flow.permissions(net),
        guard = rules }
    end
    local guarded = assert(new { calls = {} })
    assert(guarded:grant(f.approver))
    assert.equal("guarded", select(2, guarded:send { f.counter:increment() }).code)
    local counter = net.ready.contracts.counter
    for _, rules in ipairs { { speed = 1 }, { per_minute = 1.5 }, { max_actions = -1 }, { calls = { {} } },
      { calls = { { to = counter, args = {} } } }, { calls = { { to = counter, signature = "event E()" } } },
      { calls = { { to = counter, signature = "f(uint8 x)", args = { y = { max = 1 } } } } },
      { calls = { { to = counter, signature = "f(uint8 x)", args = { x = { max = 256 } } } } },
      { calls = { { to = counter, signature = "f(uint8 x)", args = { x = { max = 1 }, [1] = { min = 1 } } } } },
      { calls = { { to = counter, signature = "f(string x)", args = { x = { max = "a" } } } } },
      { total = { {} } }, { confirm = true } } do
      assert.has_error(function() new(rules) end)
      assert.has_error(function() guarded:guard(rules) end)
    end
  end)
end)

describe("a session whose key is kept encrypted #devnet", function()
  local net
  setup(function() net = flow.start() end)
  teardown(function() net:stop() end)

  for _, kind in ipairs { "file", "sqlite" } do
    it("acts again after a restart, from " .. kind .. ", until it is revoked", function()
      local path = os.tmpname()
      os.remove(path)
      local function open(keys)
        return assert(rise.store[kind] { path = path .. "/db", keys = keys or "encrypted",
          passphrase = not keys and "correct" or nil, cost = not keys and "light" or nil })
      end
      local store = open()
      local f = flow.session(net, { wallet = flow.connect(net, { store = store }) })
      local id, key = f.session.id, flow.copy_key(f.session.key)
      f.session:wipe()
      store:close()

      store = open "none" -- without the passphrase it can be looked at
      local wallet = flow.connect(net, { store = store })
      local looked = assert(wallet:load_session(id))
      assert.equal("not_granted", select(2, looked:send { f.counter:increment() }).code)
      assert.is_nil(wallet:sessions()[1].sealed)
      local other = assert(rise.key.generate())
      assert.equal("invalid_key", select(2, wallet:load_session(id, { key = other })).code)
      assert.truthy(assert(wallet:load_session(id, { key = key })):can { f.counter:increment() })
      store:close()

      store = open()
      wallet = flow.connect(net, { store = store })
      local session = assert(wallet:load_session(id))
      assert(session:send { f.counter:increment() })
      assert.equal("active", session:status())
      assert.truthy(store:get(id).sealed)
      assert(session:revoke(f.approver))
      assert.is_nil(store:get(id).sealed)
      store:close()
      os.execute("rm -rf '" .. path .. "'")
    end)
  end
end)
