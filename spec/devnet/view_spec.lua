local Node = require "rise.devnet.node"
local View = require "rise.devnet.view"
local core = require "rise.core"
local support = require "support.devnet"

local HERE = "0x" .. ("7c"):rep(20)
local TELLS_TIME = "0x4260005260206000f3" -- returns the time of the block

describe("a view of the devnet's chain #devnet", function()
  local net, node

  setup(function()
    net = support.start()
    node = Node.new(net.chain)
  end)
  teardown(function() net:stop() end)

  local clock = { to = HERE, data = "0x", overrides = { [HERE] = { code = TELLS_TIME } } }

  local function looked()
    return assert(View.new(node, function(view) view:expect_call(clock) end))
  end

  it("reads in the time of the next block, also when that was not to be foreseen", function()
    local before = looked()
    for _ = 1, 2 do
      assert(net.chain:request("evm_increaseTime", { 3600 }))
      local view = looked()
      assert.equal(tostring(core.u256(view.time)), tostring(core.u256(assert(view:call(clock)))))
      assert.is_true(view.time >= before.time + 3600)
      before = view
    end
  end)

  it("does not know what an earlier view has read", function()
    local function code(view) return assert(view:code(HERE)) end
    local function expecting() return assert(View.new(node, function(view) view:expect_code(HERE) end)) end
    assert.equal("0x", code(expecting()))
    assert(net.chain:request("anvil_setCode", { HERE, TELLS_TIME }))
    assert.equal(TELLS_TIME, code(expecting()))
    assert.equal(TELLS_TIME, code(assert(View.new(node))))
    assert(net.chain:request("anvil_setCode", { HERE, "0x" }))
  end)

  it("tells the error of one question apart from the answers to the others", function()
    local failing = { to = HERE, data = "0x", overrides = { [HERE] = { code = "0x60206000fd" } } }
    local view = assert(View.new(node, function(view)
      view:expect_call(failing)
      view:expect_call(clock)
    end))
    local _, err = view:call(failing)
    assert.equal("reverted", err.code)
    assert.equal("0x" .. ("0"):rep(64), err.data)
    assert(view:call(clock))
    local _, unknown = view:value("eth_noSuchMethod")
    assert.equal("rpc", unknown.code)
    assert.equal(-32601, unknown.rpc_code)
  end)

  it("is refused where the node is gone", function()
    local Rpc, Chain = require "rise.rpc", require "rise.chain"
    local away = Node.new(Chain.new { rpc = Rpc.new { loop = net.loop, url = "http://127.0.0.1:1", peer = "node" } })
    local view, err = View.new(away)
    assert.is_nil(view)
    assert.equal("network", err.code)
  end)
end)
