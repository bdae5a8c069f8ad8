-- A session's life by the clock, and its renewal in place: the same key, more time, other permissions.
local contracts = require "rise.contracts"
local core = require "rise.core"
local rise = require "rise"
local flow = require "support.flow"

for _, driver in ipairs(flow.DRIVERS) do
  describe("the life of a session, " .. driver .. " #devnet", function()
    it("goes from pending over active and expiring to expired, and by a renewal back, to the end", function()
      local net = flow.start() -- its clock is moved
      local function life()
        local now = core.now()
        local wallet = flow.connect(net, { clock = function() return now end })
        local function pass(seconds)
          now = now + seconds
          flow.advance_time(wallet, seconds)
        end
        local f = flow.session(net, { wallet = wallet, expires = "1000s", grant = false })
        local session = f.session
        assert.equal("new", session:status())
        assert(session:grant(f.approver))
        assert.equal("pending", session:status())
        assert(session:send { f.counter:increment() })
        assert.equal("active", session:status())
        pass(890)
        assert.equal("active", session:status())
        pass(50)
        assert.equal("expiring", session:status())
        assert(session:send { f.counter:increment() })

        assert.equal(session, assert(session:renew(f.approver, { expires = "1000s" })))
        assert.equal("active", session:status())
        assert(session:send { f.counter:increment() })
        pass(800)
        assert.equal("active", session:status())
        pass(300)
        assert.equal("expired", session:status())
        assert.equal("expired", select(2, session:send { f.counter:increment() }).code)

        assert(session:renew(f.approver, { expires = "1h" }))
        assert.equal("active", session:status())
        assert(session:send { f.counter:increment() })
        assert.equal(4, assert(f.counter:count()):number())
        assert.equal(2, #assert(f.account:keys()))
        assert(session:revoke(f.approver))
        assert.equal("revoked", session:status())
        assert.equal("revoked", select(2, session:renew(f.approver, { expires = "1h" })).code)
        assert.equal(1, #assert(f.account:keys()))
      end
      flow.run(driver, life)
      net:stop()
    end)
  end)
end

describe("renewal #devnet", function()
  local net, before, after, f
  setup(function()
    net = flow.start {
      before = function(method, params) return before and before(method, params) end,
      intercept = function(method, params, text) return after and after(method, params, text) end,
    }
  end)
  teardown(function() net:stop() end)
  before_each(function()
    before, after = nil, nil
    f = flow.session(net)
    assert(f.session:send { f.stk:mint(f.player, rise.ether "1000") })
  end)

  local function on_chain()
    local key = assert(f.account:view(contracts.account.getKey, { f.session.id }))
    return key[1].expiry
  end

  local function record() return f.wallet.store:get(f.session.id) end

  local function listed()
    for _, key in ipairs(assert(f.account:keys())) do
      if key.hash == f.session.id then return key end
    end
  end

  -- Less and other than flow.permissions: no transfer, no STK; more of the native currency.
  local function other_permissions()
    return {
      calls = { { to = net.ready.contracts.counter, signature = "increment()" },
        { to = net.ready.contracts.stk, signature = "mint(address,uint256)" },
        { to = net.ready.contracts.stk, signature = "approve(address,uint256)" } },
      spend = { { limit = rise.ether "2", period = "minute" } },
    }
  end

  it("is told beside what holds until it lands with the next bundle", function()
    local old = f.session.expiry
    assert(f.session:renew(f.approver, { expires = old + 5000 }))
    assert.equal(old, on_chain())
    assert.equal(old, f.session.expiry)
    assert.equal(old, record().expiry)
    assert.equal(old + 5000, record().renewals[1].expiry)
    assert.is_true(record().renewals[1].arrived)
    assert(f.session:send { f.counter:increment() })
    assert.equal(old + 5000, on_chain())
    assert.equal(old + 5000, f.session.expiry)
    assert.equal(old + 5000, record().expiry)
    assert.equal(0, #record().renewals)
    assert.equal(3, #listed().permissions.calls)
    assert.equal("active", f.session:status())
  end)

  it("takes back on chain what is not asked for any more", function()
    local transfer = f.stk:transfer(flow.SHOP, rise.ether "1")
    assert(f.session:send { transfer })
    assert(f.session:renew(f.approver, { expires = "2h", permissions = other_permissions() }))
    assert(f.session:send { f.counter:increment() })
    local rules = listed().permissions
    assert.equal(3, #rules.calls)
    assert.equal(1, #rules.spend)
    assert.equal("2", rise.format_ether(rules.spend[1].limit))
    local receipt, err = f.session:send({ transfer }, { preflight = false })
    assert.is_nil(receipt)
    assert.equal("not_allowed", err.code)
    assert(f.session:send { f.stk:approve(flow.SHOP, 0) })
  end)

  it("is what can, allowance and the queue judge by before it lands", function()
    local transfer, approve = f.stk:transfer(flow.SHOP, 1), f.stk:approve(flow.SHOP, 0)
    assert(f.session:renew(f.approver, { expires = "2h", permissions = other_permissions() }))
    for _, options in ipairs { {}, { on_chain = true } } do
      assert.is_true(f.session:can({ approve }, options))
      assert.equal("not_allowed", select(2, f.session:can({ transfer }, options)).code)
    end
    assert.equal("not_allowed", select(2, f.session:act { transfer }).code)
    local lines = assert(f.session:allowance())
    assert.equal(1, #lines)
    assert.equal("2", rise.format_ether(lines[1].limit))
    assert.equal(5, #f.session:explain()) -- three calls, a limit, the end
    assert(assert(f.session:act { approve }):wait())
    assert.is_true(f.session:can({ approve }, { on_chain = true }))
  end)

  it("may be asked for again before it lands: the last one holds, and nothing of the others", function()
    local expiry = f.session.expiry
    assert(f.session:renew(f.approver, { expires = expiry + 100, permissions = other_permissions() }))
    assert(f.session:renew(f.approver, { expires = expiry + 200, permissions = {
      calls = { { to = net.ready.contracts.counter, signature = "increment()" } }, spend = {},
    } }))
    assert(f.session:send { f.counter:increment() })
    assert.equal(expiry + 200, on_chain())
    assert.equal(1, #listed().permissions.calls)
    assert.equal(0, #listed().permissions.spend)
    assert.equal(0, #record().renewals)
  end)

  it("lands with the grant when that has not landed yet", function()
    local g = flow.session(net, { wallet = f.wallet, admin = f.admin, account = f.account })
    f = g
    assert(f.session:renew(f.approver, { expires = f.session.expiry + 100 }))
    assert.equal("pending", f.session:status())
    local expiry = f.session.expiry
    assert(f.session:send { f.counter:increment() })
    assert.equal("active", f.session:status())
    assert.equal(expiry + 100, on_chain())
  end)

  it("that the relay never got leaves everything as it was", function()
    local expiry = f.session.expiry
    before = function(method) return method == "wallet_prepareCalls" and { http_status = 500, body = "down" } or nil end
    local renewed, err = f.session:renew(f.approver, { expires = "2h" })
    assert.is_nil(renewed)
    assert.equal("relay", err.code)
    before = nil
    assert.equal(0, #record().renewals)
    assert(f.session:send { f.counter:increment() })
    assert.equal(expiry, on_chain())
  end)

  for _, lost in ipairs { "request", "answer" } do
    it("whose " .. lost .. " was lost leaves the old rules usable, and is noticed should it land", function()
      local expiry = f.session.expiry
      local function cut(method) return method == "wallet_sendPreparedCalls" and "drop" or nil end
      if lost == "request" then before = cut else after = cut end
      local renewed, err = f.session:renew(f.approver, { expires = expiry + 100 })
      assert.is_nil(renewed)
      assert.equal("network", err.code)
      before, after = nil, nil
      assert.is_false(record().renewals[1].arrived)
      assert.equal(3, #f.session.permissions.calls)
      assert(f.session:send { f.stk:transfer(flow.SHOP, 1) })
      assert.equal(lost == "answer" and expiry + 100 or expiry, on_chain())
      assert.equal(on_chain(), f.session.expiry)
      assert.equal(on_chain(), record().expiry)
      assert(f.session:renew(f.approver, { expires = expiry + 300 }))
      assert(f.session:send { f.counter:increment() })
      assert.equal(expiry + 300, on_chain())
    end)
  end

  it("is noticed when the bundle that carried it landed unseen", function()
    local expiry = f.session.expiry
    assert(f.session:renew(f.approver, { expires = expiry + 100 }))
    local task
    after = function(method)
      if method ~= "wallet_sendPreparedCalls" then return nil end
      after = nil
      task:cancel()
      return "drop"
    end
    task = rise.spawn(function() return f.session:send { f.counter:increment() } end)
    assert.equal("canceled", select(2, task:wait()).code)
    assert.equal(1, #record().renewals)
    assert.equal("done", assert(f.wallet:resume { timeout = 20 })[1].state)
    assert.equal(expiry + 100, record().expiry)
    assert.equal(0, #record().renewals)
    assert.equal(expiry + 100, f.session.expiry)
  end)

  it("is kept by a store, and a damaged one refused by name", function()
    local folder = os.tmpname()
    os.remove(folder)
    local store = assert(rise.store.sqlite { path = folder .. "/rise.db", keys = "plaintext" })
    f = flow.session(net, { wallet = flow.connect(net, { store = store }) })
    assert(f.session:renew(f.approver, { expires = f.session.expiry + 100, permissions = other_permissions() }))
    local again = assert(f.wallet:load_session(f.session.id))
    assert.equal(f.session.expiry, again.expiry)
    assert.equal("not_allowed", select(2, again:can { f.stk:transfer(flow.SHOP, 1) }).code)
    assert(again:send { f.counter:increment() })
    assert.equal(f.session.expiry + 100, on_chain())
    for member, value in pairs { digest = "0x12", expiry = "soon", permissions = 7, since = "x" } do
      local spoiled = f.wallet.store:get(f.session.id)
      spoiled.renewals = { { digest = "0x" .. ("ab"):rep(32), expiry = 1, permissions = {}, since = 1 } }
      spoiled.renewals[1][member] = value
      assert(store:put(spoiled))
      local session, err = f.wallet:load_session(f.session.id)
      assert.is_nil(session)
      assert.matches("renewals%[1%]%." .. member, err.message)
    end
    store:close()
    os.execute("rm -rf '" .. folder .. "'")
  end)

  it("is void with the session's revocation, also one that has not landed", function()
    net.relay.pre_calls.drop_key = function() end -- a relay that would honour it all the same
    assert(f.session:renew(f.approver, { expires = "2h" }))
    local stolen = flow.copy_key(f.session.key)
    assert(f.session:revoke(f.approver))
    f.session.key, f.session.state = stolen, "active"
    local count = assert(f.counter:count())
    assert.is_nil((f.session:send { f.counter:increment() }))
    assert.equal(tostring(count), tostring(assert(f.counter:count())))
    assert.is_nil(listed())
    net.relay.pre_calls.drop_key = nil
  end)

  it("is refused for what cannot be renewed, and for what would be root access", function()
    local g = flow.session(net, { grant = false })
    assert.equal("not_granted", select(2, g.session:renew(g.approver, { expires = "1h" })).code)
    assert.equal("invalid_value", select(2, f.session:renew(f.approver, { expires = "soon" })).code)
    assert.equal("invalid_value", select(2, f.session:renew(f.approver, { expires = 1 })).code)
    assert.equal("root_access", select(2, f.session:renew(f.approver, { expires = "1h", permissions = {
      calls = { { to = rise.ANY_TARGET, signature = rise.ANY_SELECTOR } } } })).code)
    assert.has_error(function() f.session:renew(f.approver, {}) end)
    assert.has_error(function() f.session:renew(f.approver) end)
    assert.has_error(function() f.session:renew({}, { expires = "1h" }) end)
    assert.equal(0, #record().renewals)
    f.session:wipe()
    assert.equal("not_granted", select(2, f.session:renew(f.approver, { expires = "1h" })).code)
  end)
end)
