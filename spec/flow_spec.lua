-- The page's whole flow against a devnet: the real contracts on a real chain, over real HTTP.
local rise = require "rise"
local flow = require "support.flow"

local function number(value) return tostring(assert(value)) end

for _, driver in ipairs(flow.DRIVERS) do
  describe("the flow, " .. driver .. " #devnet", function()
    local net
    setup(function() net = flow.start() end)
    teardown(function() net:stop() end)

    local function run(fn) flow.run(driver, fn) end

    for _, admin_type in ipairs { "secp256k1", "p256" } do
      it("goes from an account to a revoked session, approved by a key of type " .. admin_type, function()
        run(function()
          local f = flow.session(net, { admin_type = admin_type })
          local session, stk, counter = f.session, f.stk, f.counter
          assert.equal("pending", session:status())
          local count = assert(counter:count())

          local receipt = assert(session:send { stk:mint(f.player, rise.ether "1000") })
          assert.matches("^0x%x+$", receipt.transaction_hash)
          assert.equal(200, receipt.status)
          assert.equal("active", session:status())
          assert.equal("1000", rise.format_ether(assert(stk:balanceOf(f.player))))

          assert(session:send { stk:transfer(flow.SHOP, rise.ether "5") })
          assert.equal("995", rise.format_ether(assert(stk:balanceOf(f.player))))

          assert(session:send { counter:increment() })
          assert.equal(number(count + 1), number(counter:count()))

          local batch = assert(session:send {
            stk:mint(f.player, rise.ether "1000"), stk:transfer(flow.SHOP, rise.ether "5"), counter:increment(),
          })
          assert.not_equal(receipt.transaction_hash, batch.transaction_hash)
          assert.equal("1990", rise.format_ether(assert(stk:balanceOf(f.player))))
          assert.equal(number(count + 2), number(counter:count()))

          local keys = assert(f.account:keys())
          assert.equal(2, #keys)
          local listed = keys[1].role == "session" and keys[1] or keys[2]
          assert.equal(session.id, listed.hash)
          assert.equal(session.public_key, listed.public_key)
          assert.equal(session.expiry, listed.expiry)
          assert.equal(3, #listed.permissions.calls)
          assert.equal(2, #listed.permissions.spend)

          local revoked = assert(session:revoke(f.approver))
          assert.matches("^0x%x+$", revoked.transaction_hash)
          assert.equal("revoked", session:status())
          assert.equal(1, #assert(f.account:keys()))

          local refused, err = session:send { counter:increment() }
          assert.is_nil(refused)
          assert.equal("revoked", err.code)
          assert.equal(number(count + 2), number(counter:count()))
        end)
      end)
    end

    it("records how long each step took", function()
      run(function()
        local f = flow.session(net)
        local timing = assert(f.session:send(f.counter:increment())).timing
        for _, step in ipairs { "prepare", "sign", "write", "send", "confirm", "total" } do
          assert.is_true(timing[step] >= 0)
        end
      end)
    end)

    it("keeps a session in a store and takes it up again", function()
      run(function()
        local path = os.tmpname()
        os.remove(path)
        local wallet = flow.connect(net, { store = assert(rise.store.file { path = path, keys = "plaintext" }) })
        local f = flow.session(net, { wallet = wallet })
        assert(f.session:send { f.counter:increment() })
        local id = f.session.id

        local again = flow.connect(net, { store = assert(rise.store.file { path = path, keys = "plaintext" }) })
        local session = assert(again:load_session(id))
        assert.equal("active", session:status())
        assert(session:send { f.counter:increment() })
        assert(session:revoke(f.approver))
        assert.equal("revoked", again:sessions()[1].state)
        assert.is_nil(again:sessions()[1].secret)
        os.remove(path)
      end)
    end)

    it("lets two sessions of one account act side by side", function()
      run(function()
        local f = flow.session(net)
        local other = flow.session(net, { wallet = f.wallet, admin = f.admin, account = f.account })
        local count = assert(f.counter:count())
        for _ = 1, 2 do
          assert(f.session:send { f.counter:increment() })
          assert(other.session:send { f.counter:increment() })
        end
        assert.equal(number(count + 4), number(f.counter:count()))
      end)
    end)
  end)
end

describe("the flow in several tasks #devnet", function()
  local net
  setup(function() net = flow.start() end)
  teardown(function() net:stop() end)

  local function both(name, fn) flow.both(it, name, fn) end

  it("sends what tasks ask of one session in turn, none lost and none twice", function()
    local f = flow.session(net)
    local tasks = {}
    for i = 1, 6 do tasks[i] = rise.spawn(function() return f.session:send { f.counter:increment() } end) end
    for i = 1, 6 do assert(tasks[i]:wait()) end
    assert.equal("6", tostring(assert(f.counter:count())))
  end)

  both("revokes all sessions of an account at once, and no other's", function()
    local f = flow.session(net)
    local more = { flow.session(net, { wallet = f.wallet, admin = f.admin, account = f.account }),
      flow.session(net, { wallet = f.wallet, admin = f.admin, account = f.account, grant = false }) }
    local stranger = flow.session(net, { wallet = f.wallet })
    assert(f.session:send { f.counter:increment() })
    assert(more[1].session:send { f.counter:increment() })
    local reports = assert(f.wallet:revoke_all(f.player, f.approver))
    assert.equal(3, #reports)
    for _, report in ipairs(reports) do assert.is_truthy(report.receipt, tostring(report.err)) end
    for _, session in ipairs { f.session, more[1].session, more[2].session } do
      assert.is_nil(session.key)
      assert.equal("revoked", session:status())
      assert.equal("revoked", select(2, session:send { f.counter:increment() }).code)
    end
    assert.equal(1, #assert(f.account:keys()))
    assert.same({}, assert(f.wallet:revoke_all(f.player, f.approver)))
    assert(stranger.session:send { f.counter:increment() })
  end)

  both("takes plain value transfers, counted against the native limit", function()
    local f = flow.session(net, { permissions = {
      calls = { { to = flow.SHOP, signature = rise.EMPTY_CALLDATA } },
      spend = { { limit = rise.ether "1", period = "year" } },
    } })
    flow.fund(f.wallet, f.player, rise.ether "2")
    local before = assert(f.wallet:balance(flow.SHOP))
    assert(f.session:send { f.wallet:transfer(flow.SHOP, rise.ether "0.75") })
    assert.equal("0.75", rise.format_ether(assert(f.wallet:balance(flow.SHOP)) - before))
    local refused, err = f.session:send({ f.wallet:transfer(flow.SHOP, rise.ether "0.75") }, { preflight = false })
    assert.is_nil(refused)
    assert.equal("spend_limit", err.code)
  end)

  both("knows beforehand what would be refused, and what is left", function()
    local f = flow.session(net)
    local transfer = f.stk:transfer(flow.SHOP, rise.ether "60")
    assert.is_true(f.session:can { transfer })
    assert.is_true(f.session:can({ transfer }, { on_chain = true })) -- the key is not even on chain
    assert.equal("not_allowed", select(2, f.session:can { f.stk:approve(flow.SHOP, 1) }).code)
    assert.equal("spend_limit", select(2, f.session:can { transfer, transfer }).code)

    assert(f.session:send { f.stk:mint(f.player, rise.ether "1000"), transfer })
    local lines = assert(f.session:allowance())
    assert.same({ "60", "40", "hour" }, { rise.format_ether(lines[1].spent), rise.format_ether(lines[1].left),
      lines[1].period })
    assert.equal(0, lines[1].resets_at % 3600)
    assert.equal("1", rise.format_ether(lines[2].left))
    assert.is_true(f.session:can { transfer })
    local can, err = f.session:can({ transfer }, { on_chain = true })
    assert.is_nil(can)
    assert.equal("spend_limit", err.code)
    assert.matches("40 STK left of 100 STK", err.message)

    assert(f.session:revoke(f.approver))
    assert.equal("revoked", select(2, f.session:can { transfer }).code)
  end)

  both("grants what the cookbook page asks for, in its own words", function()
    local STK, COUNTER = net.ready.contracts.stk, net.ready.contracts.counter
    local wallet = flow.connect(net)
    local key = assert(rise.key.generate "p256")
    local admin = assert(rise.key.generate "secp256k1")
    local account = assert(wallet:create_account { admin = admin })
    local now = math.floor(wallet:now()) * 1000
    local session = assert(wallet:new_session {
      account = account,
      key = key,
      expiry = now + 24 * 60 * 60 * 1000,
      signer = { type = "key", data = { id = "0x04" .. tostring(key):match("0x(%x+)") } },
      permissions = {
        { type = "native-token-recurring-allowance",
          data = { allowance = rise.ether "1", start = now, period = 60 * 1000 } },
        { type = "allowed-contract-selector", data = { contract = STK, selector = "0x40c10f19" } },
        { type = "allowed-contract-selector", data = { contract = STK, selector = "0xa9059cbb" } },
        { type = "allowed-contract-selector", data = { contract = COUNTER, selector = "0xd09de08a" } },
      },
    })
    local same = assert(wallet:new_session {
      account = account, expires = session.expiry,
      permissions = {
        calls = { { to = STK, signature = "mint(address,uint256)" },
          { to = STK, signature = "transfer(address,uint256)" }, { to = COUNTER, signature = "increment()" } },
        spend = { { limit = rise.ether "1", period = "minute" } },
      },
    })
    local function shape(grant)
      local lines = {}
      for _, rule in ipairs(grant.calls) do lines[#lines + 1] = rule.to .. rule.selector end
      for _, rule in ipairs(grant.spend) do
        lines[#lines + 1] = rule.token .. tostring(rule.limit) .. rule.period
      end
      return lines
    end
    assert.same(shape(same.permissions), shape(session.permissions))
    assert.equal(same.expiry, session.expiry)
    assert(session:grant(rise.approve.admin(admin)))
    assert(session:send { flow.counter(wallet, net):increment() })
  end)
end)
