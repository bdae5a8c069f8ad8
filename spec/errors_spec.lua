-- Every code of rise.errors, produced for real: what a program does, and the world answers. The first table needs
-- nothing but this machine, the second a devnet.
local Console = require "rise.cli.console"
local answer = require "rise.approve.answer"
local connection = require "rise.cli.connection"
local core = require "rise.core"
local errors = require "rise.errors"
local lua = require "support.lua"
local rise = require "rise"
local flow = require "support.flow"

-- Runs a line of Lua in a program of its own; gives the code that it prints.
local function elsewhere(before, line)
  local pipe = assert(io.popen(string.format("%s LUA_PATH='%s' LUA_CPATH='%s' exec %s -e '%s' 2>&1", before,
    package.path, package.cpath, lua.program, line)))
  local said = pipe:read "*a"
  pipe:close()
  return nil, { code = said:match "^code ([%w_]+)\n$" or said, message = said }
end

local HERE = {
  rejected = function() return answer.result { error = { code = 4001 } } end,
  wallet = function() return answer.result {} end,
  grant_mismatch = function()
    return answer.read_grant({ accounts = { { capabilities = {} } } }, { public_key = "0x00" })
  end,
  usage = function() return connection.open({}, Console.new { getenv = function() end }) end,
  network = function() return rise.connect { relay = "http://127.0.0.1:1", chain_id = 1 } end,
  timeout = function() return rise.loop:event():wait(0) end,
  canceled = function()
    local task = rise.spawn(function() return rise.sleep(3600) end)
    rise.step(0)
    task:cancel()
    return task:wait()
  end,
  task = function() return rise.spawn(function() error "a mistake" end):wait() end,
  invalid_value = function() return rise.ether "a lot" end,
  invalid_data = function() return core.abi("function f() returns (uint256)"):decode_outputs "\1" end,
  invalid_abi = function() return core.abi "function (" end,
  invalid_key = function() return rise.key.import("p256", "0x00") end,
  invalid_signature = function()
    local key = assert(rise.key.generate "p256")
    return core.p256_verify(key:public(), ("\1"):rep(32), ("\1"):rep(64))
  end,
  overflow = function() return rise.ether(("9"):rep(80)) end,
  limit = function() return core.abi("function f(uint256" .. ("[1]"):rep(1000) .. ")") end,
  store = function() return rise.store.file { path = "/dev/null/store" } end,
  io = function() return core.write_file("/dev/null/file", "text") end,
  wrong_passphrase = function()
    local key = assert(rise.key.generate "p256")
    local text = assert(rise.keystore.seal { key = key, passphrase = "one", cost = "light" })
    return rise.keystore.open { text = text, passphrase = "another" }
  end,
  no_memory = function()
    return elsewhere("ulimit -v 300000;", [[
      local transport = assert(require("rise.net").transport())
      local body, id, err = ("x"):rep(8 * 1024 * 1024), true, nil
      while id do id, err = transport:submit { url = "http://127.0.0.1:1", body = body } end
      print("code " .. err.code)]])
  end,
  no_entropy = function()
    return elsewhere("LD_PRELOAD=build/csrc/tests/no_entropy.so",
      [[print("code " .. select(2, require("rise.core").key_generate("p256")).code)]])
  end,
}

local NOWHERE = "0x00000000000000000000000000000000000000ee"

-- Each is given a session that has acted once, and its devnet.
local ON_A_DEVNET = {
  guarded = function(f)
    assert(f.session:guard { calls = {} })
    return f.session:send { f.counter:increment() }
  end,
  grant_pending = function(_, net)
    local g = flow.session(net) -- granted at the relay
    local gas_key = assert(rise.key.generate "secp256k1")
    flow.fund(g.wallet, core.hex(gas_key:address()), rise.ether "1")
    assert(g.account:execute({ g.counter:increment() }, g.admin))
    assert(g.wallet:direct { key = gas_key })
    return g.session:send { g.counter:increment() }
  end,
  not_allowed = function(f) return f.session:send { f.stk:approve(flow.SHOP, 1) } end,
  spend_limit = function(f) return f.session:send { f.stk:transfer(flow.SHOP, rise.ether "101") } end,
  no_spend_rule = function(f, net)
    local g = flow.session(net, { wallet = f.wallet,
      permissions = { calls = flow.permissions(net).calls, spend = {} } })
    return g.session:send { g.stk:transfer(flow.SHOP, 1) }
  end,
  expired = function(f, net)
    local now = f.wallet:now()
    local g = flow.session(net, { wallet = flow.connect(net, { clock = function() return now end }) })
    now = now + 7200
    return g.session:send { g.counter:increment() }
  end,
  revoked = function(f)
    assert(f.session:revoke(f.approver))
    return f.session:send { f.counter:increment() }
  end,
  not_granted = function(f, net)
    local g = flow.session(net, { wallet = f.wallet, grant = false })
    return g.session:send { g.counter:increment() }
  end,
  root_access = function(f)
    return f.wallet:new_session { account = f.account, expires = "1h", permissions = {
      calls = { { to = rise.ANY_TARGET, signature = rise.ANY_SELECTOR } } } }
  end,
  unknown_account = function(f, net)
    local session = assert(f.wallet:new_session { account = NOWHERE, expires = "1h",
      permissions = flow.permissions(net) })
    return session:grant(f.approver)
  end,
  unknown_bundle = function(f) return f.session:wait { id = "0x" .. ("ab"):rep(32), nonce = 7 } end,
  reverted = function(f) return f.session:send { f.stk:transfer(flow.SHOP, 1) } end,
  failed = function(f, net)
    assert(net:fault "stuck,wrong-status=300")
    return f.session:send { f.counter:increment() }
  end,
  nonce = function(f)
    local receipt = assert(f.session:send { f.counter:increment() })
    return f.session:send({ f.counter:increment() }, { nonce = receipt.nonce })
  end,
  insufficient_funds = function(f, net)
    local g = flow.session(net, { wallet = f.wallet, permissions = {
      calls = { { to = flow.SHOP, signature = rise.EMPTY_CALLDATA } },
      spend = { { limit = rise.ether "1", period = "minute" } },
    } })
    return g.session:send { g.wallet:transfer(flow.SHOP, rise.ether "1") }
  end,
  fee_too_high = function(f, net)
    flow.fund(f.wallet, f.player, rise.ether "1")
    net.relay.fees.charges = true
    local receipt, err = f.session:send({ f.counter:increment() }, { max_fee = 1 })
    net.relay.fees.charges = false
    return receipt, err
  end,
  quote_expired = function(f, net)
    assert(net:fault "restart@1:wallet_sendPreparedCalls")
    return f.session:send { f.counter:increment() }
  end,
  pending = function(f, net)
    assert(net:fault "stuck")
    return f.session:send({ f.counter:increment() }, { timeout = 0.2 })
  end,
  queue_full = function(f)
    f.session:outbox { max_queued = 1 }
    local handle = assert(f.session:act { f.counter:increment() })
    local more, err = f.session:act { f.counter:increment() }
    assert(handle:wait())
    return more, err
  end,
  relay_tampered = function(f, net)
    assert(net:fault "tamper=nonce")
    return f.session:send { f.counter:increment() }
  end,
  relay = function(f, net)
    assert(net:fault "status-before=503")
    return f.session:send { f.counter:increment() }
  end,
  node = function(f) return flow.counter(f.wallet, { ready = { contracts = { counter = NOWHERE } } }):count() end,
  rpc = function(f) return f.wallet.chain:request("no_such_method", {}) end,
  closed = function(f, net)
    local session = assert(f.wallet:new_session { expires = "1h", permissions = flow.permissions(net) })
    return session:grant(rise.approve.browser { wallet_url = "http://localhost:1/", mode = "paste",
      open = function() end, read = function() end })
  end,
  unsupported = function(f)
    f.wallet.chain = nil
    return f.wallet:balance(f.player)
  end,
}

local function check(code, result, err)
  assert.is_nil(result)
  assert.equal(code, err.code, tostring(err.message))
  assert.is_string(err.message)
  assert.not_equal("", err.message)
end

describe("the code", function()
  for code, produce in pairs(HERE) do
    it(code .. " is what a program gets to see", function() check(code, produce()) end)
  end
end)

describe("the code #devnet", function()
  local net
  setup(function() net = flow.start() end)
  teardown(function() net:stop() end)
  after_each(function() net:fault() end)

  for code, produce in pairs(ON_A_DEVNET) do
    it(code .. " is what a program gets to see", function()
      local f = flow.session(net)
      assert(f.session:send { f.counter:increment() })
      check(code, produce(f, net))
    end)
  end
end)

describe("the list of codes", function()
  it("has no code that no spec produces, and all that they do", function()
    local produced, known = {}, {}
    for _, list in ipairs { HERE, ON_A_DEVNET } do
      for code in pairs(list) do
        assert.is_nil(produced[code], code)
        produced[code] = true
      end
    end
    for code in pairs(errors.CODES) do known[code] = true end
    assert.same(known, produced)
  end)
end)

describe("errors.assert", function()
  it("gives back all that went well", function()
    assert.same({ 1, nil, 3, n = 3 }, { n = select("#", errors.assert(1, nil, 3)), errors.assert(1, nil, 3) })
  end)

  it("raises the error object itself", function()
    local err = errors.new("timeout", "no answer")
    local ok, raised = pcall(errors.assert, nil, err)
    assert.is_false(ok)
    assert.equal(err, raised)
  end)

  it("raises also where nothing says why", function()
    local ok, raised = pcall(errors.assert, false)
    assert.is_false(ok)
    assert.equal("assertion failed!", raised)
  end)
end)
