-- Direct mode against a devnet: the real contracts on a real chain, and a proxy before the node that misbehaves.
local core = require "rise.core"
local json = require "rise.json"
local rise = require "rise"
local Proxy = require "support.node_proxy"
local flow = require "support.flow"

local function number(value) return tostring(assert(value)) end

local function temporary()
  local folder = os.tmpname()
  os.remove(folder)
  return folder
end

describe("direct mode #devnet", function()
  local net, proxy
  setup(function()
    net = flow.start()
    proxy = Proxy.start(net.ready.rpc)
  end)
  teardown(function()
    proxy:stop()
    net:stop()
  end)
  local now = rise.loop.now_
  before_each(function()
    proxy:reset()
    rise.loop.now_ = now
  end)

  -- What a wallet in direct mode may not do at all.
  local function no_relay(wallet)
    wallet.relay = setmetatable({}, { __index = function(_, name) error("the relay is asked for " .. name, 2) end })
  end

  local function funded_key(wallet, amount)
    local key = assert(rise.key.generate "secp256k1")
    flow.fund(wallet, core.hex(key:address()), amount or rise.ether "100")
    return key
  end

  local f, count, gas
  -- A wallet in direct mode whose node is the proxy.
  local function connect(options)
    options = options or {}
    local wallet = flow.connect(net, { rpc = proxy.ready, store = options.store, timeout = options.timeout })
    gas = options.key or funded_key(wallet, options.funds)
    assert(wallet:direct { key = gas, lifetime = options.lifetime, max_in_flight = options.max_in_flight })
    no_relay(wallet)
    return wallet
  end

  local function start(options)
    options = options or {}
    f = flow.session(net, { wallet = options.wallet or connect(options), admin_type = options.admin_type })
    count = assert(f.counter:count())
    if options.fresh then return end
    assert(f.session:send { f.stk:mint(f.player, rise.ether "10") })
    proxy:reset()
  end

  local function counted() return (assert(f.counter:count()) - count):number() end
  local function increment(options) return f.session:send({ f.counter:increment() }, options) end
  local function transaction(hash) return assert(f.wallet.chain:request("eth_getTransactionByHash", { hash })) end
  local function gas_nonce(tag) return assert(f.wallet.chain:get_nonce(core.hex(gas:address()), tag)) end
  local function automine(on) assert(f.wallet.chain:request("evm_setAutomine", json.array { on })) end
  local function mine() assert(f.wallet.chain:request("evm_mine", json.array {})) end

  local function wait_until(condition)
    local deadline = rise.loop:now() + 60
    while not condition() do
      assert(rise.loop:now() < deadline, "it does not come to pass")
      rise.sleep(0.01)
    end
  end

  local function pooled()
    return core.u256(assert(f.wallet.chain:request("txpool_status", json.array {})).pending):number()
  end

  -- A transaction by the gas key that the wallet knows nothing of.
  local function foreign(nonce)
    local raw = assert(core.tx_sign({ type = "eip1559", chainId = net.ready.chain_id, nonce = nonce, gas = 21000,
      maxFeePerGas = rise.gwei "20", maxPriorityFeePerGas = rise.gwei "3", to = flow.SHOP, value = 1 }, gas))
    return assert(f.wallet.chain:send_raw(core.hex(raw)))
  end

  local function unfinished() return #f.wallet.store:bundles { unfinished = true } end

  local function labels()
    local list = {}
    for _, entry in ipairs(f.wallet.store:bundles { session = f.session.id }) do
      if entry.state == "done" then
        for _, action in ipairs(entry.actions) do list[#list + 1] = action.label end
      end
    end
    return list
  end

  local function numbers(to)
    local list = {}
    for i = 1, to do list[i] = i end
    return list
  end

  for _, driver in ipairs { "blocking", "in a task" } do
    for _, admin_type in ipairs { "secp256k1", "p256" } do
      it("goes from nothing to a revoked session, " .. driver .. ", approved by " .. admin_type, function()
        local function run()
          start { fresh = true, admin_type = admin_type }
          local session, stk, counter = f.session, f.stk, f.counter
          assert.equal("pending", session:status())
          assert.equal(1, #assert(f.account:keys())) -- the administrator's, who is not on the chain yet
          assert.equal("0x", assert(f.wallet.chain:get_code(f.player)))

          local receipt = assert(session:send { stk:mint(f.player, rise.ether "1000") })
          assert.equal(200, receipt.status)
          assert.equal("active", session:status())
          assert.equal("0x4", transaction(receipt.transaction_hash).type)
          assert.equal(core.hex(gas:address()), transaction(receipt.transaction_hash).from)
          assert.equal("1000", rise.format_ether(assert(stk:balanceOf(f.player))))
          for _, member in ipairs { "id", "nonce", "block_number", "gas_used", "fee", "fee_token", "logs" } do
            assert.is_truthy(receipt[member], member)
          end
          for _, step in ipairs { "prepare", "sign", "send", "confirm" } do
            assert.is_true(receipt.timing[step] >= 0)
          end
          assert.is_nil(f.wallet.store:get(session.id).pre_calls[1].encoded)

          receipt = assert(session:send { stk:transfer(flow.SHOP, rise.ether "5") })
          assert.equal("0x2", transaction(receipt.transaction_hash).type)
          assert.equal("995", rise.format_ether(assert(stk:balanceOf(f.player))))
          assert.is_nil(f.wallet.store:account(f.wallet.chain_id, f.player))
          assert(session:send { counter:increment() })
          assert.equal(1, counted())
          assert(session:send {
            stk:mint(f.player, rise.ether "1000"), stk:transfer(flow.SHOP, rise.ether "5"), counter:increment(),
          })
          assert.equal("1990", rise.format_ether(assert(stk:balanceOf(f.player))))
          assert.equal(2, counted())
          assert.equal("10", rise.format_ether(assert(session:allowance())[1].spent))
          assert.is_true(session:can({ counter:increment() }, { on_chain = true }))

          local keys = assert(f.account:keys())
          assert.equal(2, #keys)
          local listed = keys[1].role == "session" and keys[1] or keys[2]
          assert.equal(session.id, listed.hash)
          assert.equal(session.public_key, listed.public_key)
          assert.equal(session.expiry, listed.expiry)
          assert.equal(3, #listed.permissions.calls)
          assert.equal(2, #listed.permissions.spend)

          local copy = flow.copy_key(session.key)
          local revoked = assert(session:revoke(f.approver))
          assert.matches("^0x%x+$", revoked.transaction_hash)
          assert.equal(1, #assert(f.account:keys()))
          assert.equal("revoked", select(2, session:send { counter:increment() }).code)
          session.key, session.state = copy, "active" -- a thief with a copy of it
          assert.equal("revoked", select(2, session:send { counter:increment() }).code)
          assert.equal(2, counted())
        end
        if driver == "blocking" then return run() end
        local task = rise.spawn(run)
        while not task.done do rise.step(0.25) end
        local _, err = task:wait()
        if err then error(err.cause, 0) end
      end)
    end
  end

  it("works with an account that was made at a relay and is on the chain", function()
    local relayed = flow.session(net)
    assert(relayed.session:send { relayed.counter:increment() })
    local wallet = connect()
    f = flow.session(net, { wallet = wallet, admin = relayed.admin, account = wallet:account(relayed.player) })
    count = assert(f.counter:count())
    assert(increment())
    assert(increment())
    assert.equal(2, counted())
    assert.equal(3, #assert(f.account:keys()))
    assert(f.session:revoke(f.approver))
    assert.equal(2, #assert(f.account:keys()))
  end)

  it("goes on with a session whose first bundle went through the relay", function()
    f = flow.session(net)
    count = assert(f.counter:count())
    assert(increment())
    assert(f.wallet:direct { key = funded_key(f.wallet) })
    no_relay(f.wallet)
    assert(increment())
    assert.equal(2, counted())
  end)

  it("says that a grant which the relay keeps has not landed, and takes one that is signed here instead", function()
    local other = flow.session(net)
    assert(other.session:send { other.counter:increment() })
    f = flow.session(net, { wallet = other.wallet, admin = other.admin, account = other.account })
    count = assert(f.counter:count())
    assert(f.wallet:direct { key = funded_key(f.wallet) })
    no_relay(f.wallet)
    local receipt, err = increment()
    assert.is_nil(receipt)
    assert.equal("grant_pending", err.code)
    assert.is_true(err.retryable)
    assert(f.session:grant(f.approver))
    assert(increment())
    assert.equal(1, counted())
    assert.equal("active", f.session:status())
  end)

  it("says so when an account is not on the chain and was not made here", function()
    f = flow.session(net)
    assert(f.wallet:direct { key = funded_key(f.wallet) })
    no_relay(f.wallet)
    assert.equal("grant_pending", select(2, increment()).code)
    assert.equal("unknown_account", select(2, f.session:grant(f.approver)).code)
    assert.equal("unknown_account", select(2, f.account:keys()).code)
    assert.equal("unknown_account", select(2, f.account:execute({ f.counter:increment() }, f.admin)).code)
  end)

  it("takes grants of administrators alone", function()
    start()
    local stranger = assert(rise.key.generate "p256")
    local session = assert(f.wallet:new_session { account = f.account, expires = "1h",
      permissions = flow.permissions(net) })
    assert.equal("not_granted", select(2, session:grant(rise.approve.admin(stranger))).code)
    assert.equal("not_allowed", select(2, session:grant(rise.approve.admin(flow.copy_key(f.session.key)))).code)
    assert.equal("new", session:status())
    assert(session:grant(f.approver))
    assert(session:send { f.counter:increment() })
  end)

  it("carries a grant that was widened before it landed, and after", function()
    start { fresh = true }
    assert(f.session:grant(f.approver))
    assert(increment())
    assert(f.session:grant(f.approver))
    assert.is_truthy(f.session.pre_calls[3].encoded)
    assert(increment())
    assert.is_nil(f.session.pre_calls[3].encoded)
    assert(increment())
    assert.equal(3, counted())
  end)

  it("voids a grant that never landed", function()
    start()
    local session = assert(f.wallet:new_session { account = f.account, expires = "1h",
      permissions = flow.permissions(net) })
    assert(session:grant(f.approver))
    local copy, kept = flow.copy_key(session.key), session.pre_calls
    assert.is_truthy(assert(session:revoke(f.approver)).transaction_hash)
    session.key, session.state, session.pre_calls = copy, "pending", kept
    local receipt = session:send { f.counter:increment() }
    assert.is_nil(receipt)
    assert.equal(0, counted())
  end)

  it("puts an account on the chain with a bundle of its administrator, which voids what was granted", function()
    start { fresh = true }
    local copy, kept = flow.copy_key(f.session.key), f.session.pre_calls
    local receipt = assert(f.session:revoke(f.approver))
    assert.equal("0x4", transaction(receipt.transaction_hash).type)
    assert.equal(1, #assert(f.account:keys()))
    assert(f.account:execute({ f.counter:increment() }, f.admin))
    assert.equal(1, counted())
    f.session.key, f.session.state, f.session.pre_calls = copy, "pending", kept
    assert.is_nil((increment()))
    assert.equal(1, counted())
  end)

  it("says that an account can no longer be delegated when its own key has sent a transaction", function()
    local wallet = connect()
    local owner, admin = funded_key(wallet), assert(rise.key.generate "p256")
    local account = assert(wallet:create_account { admin = admin, owner = owner })
    local raw = assert(core.tx_sign({ type = "eip1559", chainId = net.ready.chain_id, nonce = 0, gas = 21000,
      maxFeePerGas = rise.gwei "20", to = flow.SHOP }, owner))
    assert(wallet.chain:wait_receipt(assert(wallet.chain:send_raw(core.hex(raw)))))
    local receipt, err = account:execute({ { to = flow.SHOP } }, admin)
    assert.is_nil(receipt)
    assert.equal("unknown_account", err.code)
    assert(wallet:create_account { admin = admin, owner = owner }) -- signed anew
    assert(account:execute({ { to = flow.SHOP } }, admin))
  end)

  for _, kind in ipairs { "file", "sqlite" } do
    it("keeps what was signed in a store of kind " .. kind .. " until it has landed", function()
      local folder = temporary()
      local options = { path = folder .. "/rise", keys = "plaintext" }
      local first = assert(rise.store[kind](options))
      local key = funded_key(flow.connect(net))
      f = flow.session(net, { wallet = connect { store = first, key = key } })
      local id = f.session.id
      first:close()

      local second = assert(rise.store[kind](options))
      local wallet = connect { store = second, key = key }
      local session = assert(wallet:load_session(id))
      local before = assert(f.counter:count())
      assert(session:send { f.counter:increment() })
      assert(session:send { f.counter:increment() })
      assert.equal(number(before + 2), number(f.counter:count()))
      assert.is_nil(second:get(id).pre_calls[1].encoded)
      assert.is_nil(second:account(wallet.chain_id, f.player))
      second:close()
      os.execute("rm -rf '" .. folder .. "'")
    end)
  end

  it("lets two sessions of a fresh account act at once", function()
    start { fresh = true }
    local other = flow.session(net, { wallet = f.wallet, admin = f.admin, account = f.account })
    local a = rise.spawn(function() return f.session:send { f.counter:increment() } end)
    local b = rise.spawn(function() return other.session:send { f.counter:increment() } end)
    assert(a:wait())
    assert(b:wait())
    assert.equal(2, counted())
  end)

  for _, coalesce in ipairs { true, false } do
    it("brings 100 actions to the chain in order, " .. (coalesce and "gathered" or "each alone"), function()
      start()
      f.session:outbox { coalesce = coalesce }
      local handles, hashes, bundles = {}, {}, 0
      for i = 1, 100 do handles[i] = assert(f.session:act { f.counter:increment(), label = i }) end
      for i = 1, 100 do
        local hash = assert(handles[i]:wait()).transaction_hash
        if not hashes[hash] then hashes[hash], bundles = true, bundles + 1 end
      end
      assert.equal(100, counted())
      assert.same(numbers(100), labels())
      if coalesce then assert.is_true(bundles <= 20, bundles .. " bundles") else assert.equal(100, bundles) end
    end)
  end

  it("reports the actions that fail alone, and sends the others in order", function()
    start()
    local handles = {}
    for i = 1, 10 do
      local call = i % 4 == 0 and f.stk:transfer(flow.SHOP, rise.ether "50") or f.counter:increment()
      handles[i] = assert(f.session:act { call, label = i })
    end
    for i = 1, 10 do
      local receipt, err = handles[i]:wait()
      if i % 4 == 0 then
        assert.equal("reverted", err.code)
        assert.matches("InsufficientBalance", err.message)
      else
        assert(receipt, err)
      end
    end
    assert.equal(8, counted())
    assert.same({ 1, 2, 3, 5, 6, 7, 9, 10 }, labels())
  end)

  it("has a transaction of each lane on its way at a time", function()
    start()
    automine(false)
    local a = assert(f.session:act { f.counter:increment(), lane = "a" })
    local b = assert(f.session:act { f.counter:increment(), lane = "b" })
    wait_until(function() return pooled() == 2 end)
    assert.equal("sending", a.status)
    assert.equal("sending", b.status)
    automine(true)
    mine()
    assert.not_equal(assert(a:wait()).transaction_hash, assert(b:wait()).transaction_hash)
    assert.equal(2, counted())
    for i = 1, 20 do assert(f.session:act { f.counter:increment(), lane = "lane " .. i % 5 }) end
    assert(f.session:outbox():drain())
    assert.equal(22, counted())
  end)

  it("has no more transactions on their way than it was told", function()
    start { max_in_flight = 2 }
    automine(false)
    local handles = {}
    for i = 1, 4 do handles[i] = assert(f.session:act { f.counter:increment(), lane = "lane " .. i }) end
    wait_until(function() return pooled() == 2 end)
    assert.equal(2, unfinished())
    automine(true)
    mine()
    for i = 1, 4 do assert(handles[i]:wait()) end
    assert.equal(4, counted())
  end)

  -- ---- the node ---------------------------------------------------------------------------------------------------

  for _, code in ipairs { 4, 5, -32002 } do
    it("waits for the receipt when the node stops waiting for it (" .. code .. ")", function()
      start()
      local nonce = gas_nonce()
      proxy.before = function(method, params)
        if method ~= "eth_sendRawTransactionSync" then return nil end
        local hash = Proxy.hash(params[1])
        rise.spawn(function()
          rise.sleep(0.05)
          assert(net.chain:send_raw(params[1]))
        end)
        return { code = code, message = "not processed in time", data = hash }
      end
      assert.equal(200, assert(increment()).status)
      assert.equal(1, counted())
      assert.equal(nonce + 1, gas_nonce())
      assert.equal(1, proxy.calls.eth_sendRawTransactionSync)
    end)
  end

  for _, code in ipairs { -32601, -32600, -32004 } do
    it("sends and polls where the node cannot wait (" .. code .. "), and does not ask it again", function()
      start()
      local methods = { sync = 0 }
      proxy.before = function(method)
        if method ~= "eth_sendRawTransactionSync" then return nil end
        methods.sync = methods.sync + 1
        return { code = code, message = "the method does not exist" }
      end
      for _ = 1, 3 do assert.equal(200, assert(increment()).status) end
      assert.equal(3, counted())
      assert.equal(1, methods.sync)
      assert.is_true(proxy.calls.eth_sendRawTransaction >= 3)
    end)
  end

  for _, lost in ipairs { "request", "answer" } do
    it("lands exactly once when the " .. lost .. " is lost", function()
      start()
      local nonce, left = gas_nonce(), 1
      local function cut(method)
        if method ~= "eth_sendRawTransactionSync" or left == 0 then return nil end
        left = left - 1
        return "drop"
      end
      if lost == "request" then proxy.before = cut else proxy.after = cut end
      assert.equal(200, assert(increment()).status)
      assert.equal(0, left)
      assert.equal(1, counted())
      assert.equal(nonce + 1, gas_nonce())
      assert(increment())
      assert.equal(2, counted())
    end)
  end

  -- Has the node say something once to a transaction.
  local function say_once(object, also)
    local said = false
    proxy.before = function(method, params)
      if method ~= "eth_sendRawTransactionSync" or said then return nil end
      said = true
      if also then also(params) end
      return object
    end
  end

  for _, message in ipairs { "max fee per gas less than block base fee", "transaction underpriced" } do
    it("makes another transaction when the node says \"" .. message .. "\"", function()
      start()
      local first
      say_once({ code = -32000, message = message }, function(params) first = params[1] end)
      local receipt = assert(increment())
      assert.not_equal(Proxy.hash(first), receipt.transaction_hash)
      assert.equal(1, counted())
      assert(increment())
      assert.equal(2, counted())
    end)
  end

  it("counts its nonces anew when the node says that one is too high", function()
    start()
    f.wallet.gas.next = gas_nonce() + 3
    say_once { code = -32003, message = "nonce too high" }
    assert(increment())
    assert(increment())
    assert.equal(2, counted())
    assert.equal(f.wallet.gas.next, gas_nonce())
  end)

  it("waits when the node says that it has the transaction already", function()
    start()
    say_once({ code = -32000, message = "already known" }, function(params) assert(net.chain:send_raw(params[1])) end)
    assert(increment())
    assert.equal(1, counted())
    assert.equal(1, proxy.calls.eth_sendRawTransactionSync)
  end)

  it("reports what the node does not take for another reason, and goes on with the same nonce", function()
    start()
    local nonce = gas_nonce()
    say_once { code = -32000, message = "exceeds block gas limit" }
    local receipt, err = increment()
    assert.is_nil(receipt)
    assert.equal("node", err.code)
    assert.matches("exceeds block gas limit", err.message)
    assert.equal("failed", err.state)
    assert(increment())
    assert.equal(nonce + 1, gas_nonce())
    assert.equal(1, counted())
  end)

  it("reads prices from whatever the node offers", function()
    start()
    for _, missing in ipairs { { "eth_maxPriorityFeePerGas" }, { "eth_feeHistory" },
      { "eth_feeHistory", "eth_maxPriorityFeePerGas" } } do
      local without = {}
      for _, method in ipairs(missing) do without[method] = true end
      proxy.before = function(method)
        return without[method] and { code = -32601, message = "the method does not exist" } or nil
      end
      f.wallet.gas:look_again()
      assert(increment())
    end
    assert.equal(3, counted())
    assert.equal(2, proxy.calls.eth_gasPrice)
  end)

  for _, lags in ipairs { false, true } do
    it("is content when somebody else brings the Intent to the chain first"
      .. (lags and ", and a node lags behind" or ""), function()
      start()
      local first
      proxy.before = function(method, params)
        if method == "eth_sendRawTransactionSync" and not first then
          local data = core.hex(core.rlp_decode(core.unhex(params[1]):sub(2))[8])
          first = assert(net.chain:send_transaction { from = net.ready.accounts[1], to = f.wallet.orchestrator,
            data = data, gas = core.u256(2000000) })
          assert(net.chain:wait_receipt(first))
        elseif method == "eth_call" and first and lags then
          lags = false
          return { result = "0x" .. ("0"):rep(64) }
        end
      end
      local receipt = assert(increment())
      assert.equal(first, receipt.transaction_hash)
      assert.is_false(lags)
      assert.equal(1, counted())
      assert(increment())
      assert.equal(2, counted())
    end)
  end

  it("knows its own transaction when a request comes twice, and the node cannot be asked at once", function()
    start()
    local nonce, doubled, cut = gas_nonce(), false, false
    proxy.before = function(method, params)
      if method == "eth_sendRawTransactionSync" and not doubled then
        doubled = true
        assert(net.chain:wait_receipt(assert(net.chain:send_raw(params[1]))))
      elseif doubled and not cut then
        cut = true
        return "drop"
      end
    end
    assert.equal(200, assert(increment()).status)
    assert.is_true(cut)
    assert.equal(1, counted())
    assert.equal(nonce + 1, gas_nonce())
  end)

  it("loses nothing and does nothing twice in foul weather", function()
    start()
    f.session:outbox { max_calls = 3 }
    local turn = 0
    proxy.before = function() turn = turn + 1 return turn % 9 == 0 and "drop" or nil end
    proxy.after = function() turn = turn + 1 return turn % 7 == 0 and "drop" or nil end
    local handles = {}
    for i = 1, 40 do handles[i] = assert(f.session:act { f.counter:increment(), label = i }) end
    for i = 1, 40 do assert(handles[i]:wait()) end
    proxy:reset()
    assert.equal(40, counted())
    assert.same(numbers(40), labels())
  end)

  -- ---- the gas key ------------------------------------------------------------------------------------------------

  it("names address, balance and need of a gas key that cannot pay, and goes on when it can", function()
    start()
    local address = core.hex(gas:address())
    flow.fund(f.wallet, address, 1000)
    local nonce = gas_nonce()
    local receipt, err = increment()
    assert.is_nil(receipt)
    assert.equal("insufficient_funds", err.code)
    assert.equal(address, err.address)
    assert.equal("1000", number(err.balance))
    assert.equal(1, err.need:cmp(1000))
    assert.matches(address, err.message, 1, true)
    assert.equal("failed", err.state)
    assert.equal(0, unfinished())
    assert.equal("insufficient_funds", select(2, assert(f.session:act { f.counter:increment() }):wait()).code)
    flow.fund(f.wallet, address, rise.ether "1")
    assert(increment())
    assert.equal(nonce + 1, gas_nonce())
    assert.equal(1, counted())
  end)

  it("keeps to the cap", function()
    start()
    local nonce = gas_nonce()
    local receipt, err = increment { max_fee = 1000 }
    assert.is_nil(receipt)
    assert.equal("fee_too_high", err.code)
    assert.equal(1, err.fee:cmp(1000))
    assert.equal(nonce, gas_nonce())
    assert(increment())
  end)

  it("notices that somebody else has used the gas key", function()
    start()
    local nonce = gas_nonce()
    foreign(nonce)
    wait_until(function() return gas_nonce() == nonce + 1 end)
    assert.equal(200, assert(increment()).status)
    assert.equal(nonce + 2, gas_nonce())
    assert(increment())
    assert.equal(2, counted())
  end)

  it("makes room for a transaction of somebody else that waits with the same nonce", function()
    start()
    local nonce = gas_nonce()
    automine(false)
    foreign(nonce)
    local handle = assert(f.session:act { f.counter:increment() })
    wait_until(function() return pooled() == 2 end)
    automine(true)
    mine()
    assert.equal(200, assert(handle:wait()).status)
    assert.equal(1, counted())
    assert.equal(nonce + 2, gas_nonce())
  end)

  it("gives the bundle another transaction when somebody else's takes the place of the one that waits", function()
    start()
    local nonce = gas_nonce()
    automine(false)
    local handle = assert(f.session:act { f.counter:increment() })
    wait_until(function() return pooled() == 1 end)
    local entry = f.wallet.store:bundles({ unfinished = true })[1]
    foreign(nonce)
    automine(true)
    mine()
    local receipt = assert(handle:wait())
    assert.not_equal(Proxy.hash(entry.payload.transactions[1]), receipt.transaction_hash)
    assert.equal(entry.id, receipt.id)
    assert.equal(1, counted())
    assert.equal(nonce + 2, gas_nonce())
  end)

  it("offers more for a transaction that is stuck, in the journal before it is sent", function()
    start()
    local nonce = gas_nonce()
    automine(false)
    local handle = assert(f.session:act { f.counter:increment() })
    wait_until(function() return pooled() == 1 end)
    local first = f.wallet.store:bundles({ unfinished = true })[1].payload.transactions[1]
    local second, written
    proxy.before = function(method, params)
      if method ~= "eth_sendRawTransaction" or params[1] == first or second then return nil end
      second = params[1]
      written = f.wallet.store:bundles({ unfinished = true })[1].payload.transactions[2]
    end
    rise.loop.now_ = function() return now() + 8 end -- past the time that the node is left to wait
    wait_until(function() return proxy.calls.eth_sendRawTransaction end)
    rise.loop.now_ = function() return now() + 30 end
    wait_until(function() return second end)
    assert.equal(second, written)
    wait_until(function() return transaction(Proxy.hash(second)) ~= json.null end)
    automine(true)
    mine()
    assert.equal(Proxy.hash(second), assert(handle:wait()).transaction_hash)
    assert.equal(1, counted())
    assert.equal(nonce + 1, gas_nonce())
  end)

  it("fills the gap that an unused nonce leaves before one that waits", function()
    start()
    local nonce = assert(f.wallet.gas:take())
    local handle = assert(f.session:act { f.counter:increment() })
    wait_until(function() return (proxy.calls.eth_sendRawTransactionSync or 0) == 1 end)
    f.wallet.gas:give_back(nonce, "unused")
    assert.equal(200, assert(handle:wait()).status)
    assert.equal(nonce + 2, gas_nonce())
    assert.equal(1, counted())
    assert(increment())
    assert.equal(nonce + 3, gas_nonce())
  end)

  it("sends nothing that cannot be written down, and leaves no gap", function()
    start()
    local nonce, store = gas_nonce(), f.wallet.store
    local begin = store.begin
    store.begin = function() return nil, { code = "store", message = "full" } end
    local receipt, err = increment()
    assert.is_nil(receipt)
    assert.equal("store", err.code)
    assert.is_nil(proxy.calls.eth_sendRawTransactionSync)
    store.begin = begin
    assert(increment())
    assert.equal(nonce + 1, gas_nonce())
    assert.equal(1, counted())
  end)

  -- ---- recovery ---------------------------------------------------------------------------------------------------

  -- What a crash while sending leaves.
  local function interrupted(lost)
    local task
    local function cut(method)
      if method ~= "eth_sendRawTransactionSync" then return nil end
      proxy:reset()
      task:cancel()
      return "drop"
    end
    if lost == "request" then proxy.before = cut else proxy.after = cut end
    task = rise.spawn(increment)
    local receipt, err = task:wait()
    assert.is_nil(receipt)
    assert.equal("canceled", err.code)
    assert.equal(1, unfinished())
    return f.wallet.store:bundles({ unfinished = true })[1]
  end

  local function resumed(state)
    local reports = assert(f.wallet:resume { timeout = 20 })
    assert.equal(1, #reports)
    assert.equal(state, reports[1].state, tostring(reports[1].err))
    assert.equal(0, unfinished())
    assert.same({}, assert(f.wallet:resume()))
    return reports[1]
  end

  it("has the transaction in the journal before it is sent, and its Intent's digest is the id", function()
    start()
    local seen
    proxy.before = function(method, params)
      if method ~= "eth_sendRawTransactionSync" then return nil end
      seen = f.wallet.store:bundles({ unfinished = true })[1]
      assert.equal(params[1], seen.payload.transactions[1])
    end
    local receipt = assert(increment())
    assert.equal(receipt.id, seen.id)
    assert.equal("sending", seen.state)
    assert.equal(core.hex(gas:address()), seen.payload.from)
    local entry = f.wallet.store:bundle(receipt.id)
    assert.equal("done", entry.state)
    assert.equal(receipt.transaction_hash, entry.outcome.transaction_hash)
    assert.is_nil(entry.payload)
  end)

  for _, lost in ipairs { "request", "answer" } do
    for _, mode in ipairs { "direct", "relay" } do
      it("settles what an interruption left when the " .. lost .. " was lost, in " .. mode .. " mode", function()
        start()
        local entry = interrupted(lost)
        local nonce, keep = gas_nonce(), f.wallet.gas
        if mode == "relay" then f.wallet.gas = nil end
        local report = resumed "done"
        assert.equal(Proxy.hash(entry.payload.transactions[1]), report.receipt.transaction_hash)
        assert.is_true(gas_nonce() <= nonce + 1)
        f.wallet.gas = keep
        assert.equal(1, counted())
        assert(increment())
        assert.equal(2, counted())
      end)
    end
  end

  it("settles a bundle whose gas nonce another transaction took, by another transaction", function()
    start()
    local entry = interrupted "request"
    local nonce = gas_nonce()
    foreign(nonce)
    wait_until(function() return gas_nonce() == nonce + 1 end)
    local report = resumed "done"
    assert.equal(entry.id, report.receipt.id)
    assert.not_equal(Proxy.hash(entry.payload.transactions[1]), report.receipt.transaction_hash)
    assert.equal(1, counted())
    assert(increment())
  end)

  it("gives up what has not landed in its time", function()
    start { lifetime = 60 }
    local entry = interrupted "request"
    flow.advance_time(f.wallet, 61)
    assert.equal("failed", resumed("failed").err.code)
    -- Nor does it when its transaction turns up after all.
    assert(net.chain:wait_receipt(assert(net.chain:send_raw(entry.payload.transactions[1]))))
    assert.equal(0, counted())
    f.wallet.gas:look_again()
    assert(increment())
    assert.equal(1, counted())
  end)

  it("waits on for a bundle that was reported as pending", function()
    start()
    automine(false)
    local receipt, err = increment { timeout = 0.2 }
    assert.is_nil(receipt)
    assert.equal("pending", err.code)
    automine(true)
    mine()
    assert.equal(err.id, assert(f.session:wait(err)).id)
    assert.equal(1, counted())
    assert(increment())
    assert.equal(2, counted())
  end)

  it("makes a session active whose first bundle landed unseen", function()
    start { fresh = true }
    interrupted "answer"
    resumed "done"
    assert.equal("active", f.wallet.store:get(f.session.id).state)
    local session = assert(f.wallet:load_session(f.session.id))
    session.key = f.session.key
    assert(session:send { f.counter:increment() })
    assert.equal(2, counted())
  end)

  -- ---- the door ---------------------------------------------------------------------------------------------------

  it("needs a node and a secp256k1 key", function()
    local wallet = flow.connect(net)
    assert.has_error(function() wallet:direct { key = assert(rise.key.generate "p256") } end)
    assert.has_error(function() wallet:direct {} end)
    assert.has_error(function() wallet:direct { key = funded_key(wallet), lifetime = 0.5 } end)
    local key = funded_key(wallet)
    wallet.chain = nil
    assert.equal("unsupported", select(2, wallet:direct { key = key }).code)
  end)

  it("is told in the README by lines that run", function()
    local file = assert(io.open "README.md")
    local text = file:read "*a"
    file:close()
    local code = assert(text:match "\n## Direct mode\n.-```lua\n(.-)```")
    local wallet = flow.connect(net)
    code = "local rise, wallet, gas_key, admin_key, COUNTER = ...\n" .. code .. "\nreturn receipt"
    local chunk = assert((loadstring or load)(code)) -- luacheck: ignore 113
    local receipt = chunk(rise, wallet, funded_key(wallet), assert(rise.key.generate "p256"),
      net.ready.contracts.counter)
    assert.equal(200, receipt.status)
  end)
end)

describe("direct mode when the chain's clock is moved #devnet", function()
  local net, f
  before_each(function()
    net = flow.start()
    local wallet = flow.connect(net)
    local gas = assert(rise.key.generate "secp256k1")
    flow.fund(wallet, core.hex(gas:address()), rise.ether "100")
    assert(wallet:direct { key = gas })
    f = flow.session(net, { wallet = wallet, expires = "5h" })
    assert(f.session:send { f.stk:mint(f.player, rise.ether "1000") })
  end)
  after_each(function() net:stop() end)

  it("judges limits by the present, also where the latest block is long past", function()
    local transfer = f.stk:transfer(flow.SHOP, rise.ether "60")
    assert(f.session:send { transfer })
    assert.equal("spend_limit", select(2, f.session:send { transfer }).code)
    assert(f.wallet.chain:request("evm_increaseTime", { 3600 })) -- and no block
    f.wallet.clock = function() return core.now() + 3600 end
    assert(f.session:send { transfer })
    assert.equal("880", rise.format_ether(assert(f.stk:balanceOf(f.player))))
  end)

  it("pays for nothing that an expired key signs", function()
    flow.advance_time(f.wallet, 6 * 3600)
    f.wallet.gas:look_again()
    local nonce = assert(f.wallet.chain:get_nonce(f.wallet.gas.address))
    local receipt, err = f.session:send { f.counter:increment() }
    assert.is_nil(receipt)
    assert.equal("expired", err.code)
    assert.equal(nonce, assert(f.wallet.chain:get_nonce(f.wallet.gas.address)))
  end)
end)
