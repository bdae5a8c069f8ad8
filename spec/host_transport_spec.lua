-- A whole session with the host's own HTTP in the place of libcurl.
local rise = require "rise"
local flow = require "support.flow"
local socket_transport = require "support.socket_transport"

describe("a transport of the host #devnet", function()
  local transport = socket_transport.new()
  local ours, net

  setup(function()
    ours = package.preload["rise.net"]
    package.preload["rise.net"] = function() error("libcurl is not wanted here") end
    package.loaded["rise.net"] = nil
    rise.use { transport = transport }
    net = flow.start()
  end)

  teardown(function()
    net:stop()
    package.preload["rise.net"] = ours
  end)

  local function whole_session()
    local f = flow.session(net)
    assert(f.session:send { f.stk:mint(f.player, rise.ether "1000") })
    local receipt = assert(f.session:send { f.stk:transfer(flow.SHOP, rise.ether "5"), f.counter:increment() })
    assert.equal(200, receipt.status)
    assert.equal("995", rise.format_ether(assert(f.stk:balanceOf(f.player))))
    local none, err = f.session:send { f.stk:transfer(flow.SHOP, rise.ether "96") }
    assert.is_nil(none)
    assert.equal("spend_limit", err.code)
    assert(f.session:revoke(f.approver))
    none, err = f.session:send { f.counter:increment() }
    assert.is_nil(none)
    assert.equal("revoked", err.code)
    return receipt
  end

  it("carries a session from its grant to its end, in a script", function()
    local before = transport.submitted
    assert.matches("^0x%x+$", whole_session().transaction_hash)
    assert.is_true(transport.submitted - before > 10)
  end)

  it("carries two sessions side by side, in tasks", function()
    local tasks = { rise.spawn(whole_session), rise.spawn(whole_session) }
    while not (tasks[1].done and tasks[2].done) do rise.step(0.25) end
    for _, task in ipairs(tasks) do
      local receipt, err = task:wait()
      assert.is_nil(err, err and err.traceback)
      assert.matches("^0x%x+$", receipt.transaction_hash)
    end
  end)

  it("says that nobody answered, and that nothing was sent", function()
    local wallet, err = rise.connect { relay = "http://127.0.0.1:1", chain_id = 1 }
    assert.is_nil(wallet)
    assert.equal("network", err.code)
    assert.is_false(err.sent)
  end)
end)

describe("loop:use", function()
  it("raises while requests are under way, which would never be answered", function()
    local fake = require "support.fake_transport"
    local loop = require("rise.loop").new { transport = fake.new { function() return { body = "x", delay = 100 } end } }
    local task = loop:spawn(function() return loop:fetch { url = "http://a" } end)
    loop:step(0)
    assert.error_matches(function() loop:use { transport = fake.new {} } end, "requests are under way")
    task:cancel()
    loop:step(0)
    assert.equal(loop, loop:use { transport = fake.new {} })
  end)

  it("takes a clock and an ear for failures", function()
    local heard
    local loop = require("rise.loop").new()
    loop:use { clock = function() return 42 end, on_error = function(_, err) heard = err.cause end,
      transport = require("support.fake_transport").new {} }
    assert.equal(42, loop:now())
    loop:spawn(function() error("boom", 0) end)
    loop:run()
    assert.equal("boom", heard)
  end)
end)
