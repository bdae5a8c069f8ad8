-- Bundles that cost something: the fee is checked, charged to the account, and counts against the session's limits.
local rise = require "rise"
local flow = require "support.flow"

describe("fees #devnet", function()
  local net
  setup(function() net = flow.start { fees = "native" } end)
  teardown(function() net:stop() end)

  it("are paid by the account and reported", function()
    local f = flow.session(net)
    flow.fund(f.wallet, f.player, rise.ether "1")
    local receipt = assert(f.session:send { f.counter:increment() })
    assert.is_false(receipt.fee:is_zero())
    assert.equal(rise.NATIVE, receipt.fee_token)
    local paid = rise.ether "1" - assert(f.wallet:balance(f.player))
    assert.equal(tostring(receipt.fee), tostring(paid))
  end)

  it("of an account without funds are insufficient_funds, and nothing is sent", function()
    local f = flow.session(net)
    local count = assert(f.counter:count())
    local receipt, err = f.session:send { f.counter:increment() }
    assert.is_nil(receipt)
    assert.equal("insufficient_funds", err.code, err.message)
    assert.equal(tostring(count), tostring(assert(f.counter:count())))
  end)

  it("above the cap are fee_too_high, before anything is signed", function()
    local f = flow.session(net)
    flow.fund(f.wallet, f.player, rise.ether "1")
    local count = assert(f.counter:count())
    local receipt, err = f.session:send({ f.counter:increment() }, { max_fee = 1 })
    assert.is_nil(receipt)
    assert.equal("fee_too_high", err.code, err.message)
    assert.equal(tostring(count), tostring(assert(f.counter:count())))
  end)

  it("need a spend rule for their token", function()
    local f = flow.session(net, { permissions = { calls = flow.permissions(net).calls, spend = {} } })
    flow.fund(f.wallet, f.player, rise.ether "1")
    local receipt, err = f.session:send { f.counter:increment() }
    assert.is_nil(receipt)
    assert.equal("no_spend_rule", err.code, err.message)
  end)

  it("count against the limit of their token", function()
    local f = flow.session(net, { permissions = {
      calls = flow.permissions(net).calls, spend = { { limit = rise.gwei "1", period = "year" } },
    } })
    flow.fund(f.wallet, f.player, rise.ether "1")
    local receipt, err = f.session:send { f.counter:increment() }
    assert.is_nil(receipt)
    assert.equal("spend_limit", err.code, err.message)
  end)

  it("are paid by the account for its administrator's bundles too", function()
    local f = flow.session(net)
    flow.fund(f.wallet, f.player, rise.ether "1")
    assert(f.session:send { f.counter:increment() })
    local receipt = assert(f.session:revoke(f.approver))
    assert.is_false(receipt.fee:is_zero())
  end)
end)
