-- Testing a program of your own: busted starts a devnet once and speaks to it in the same process.
--     busted docs/cookbook/counter_spec.lua
local rise = require "rise"

describe("a program that counts", function()
  local net, wallet, counter, admin
  setup(function()
    net = assert(require("rise.devnet").start { loop = rise.loop, port = 0, anvil_port = 0 })
    wallet = assert(rise.connect { network = "devnet", relay = net.ready.relay, rpc = net.ready.rpc })
    counter = wallet:contract(net.ready.contracts.counter,
      { "function increment()", "function count() view returns (uint256)" })
    admin = assert(rise.key.generate "secp256k1")
  end)
  teardown(function() net:stop() end)

  it("counts with a session, and not without", function()
    local session = assert(wallet:new_session {
      account = assert(wallet:create_account { admin = admin }), expires = "1h",
      permissions = { calls = { { to = net.ready.contracts.counter, signature = "increment()" } },
        spend = { { limit = rise.ether "1", period = "day" } } },
    })
    assert.equal("not_granted", select(2, session:send { counter:increment() }).code)
    assert(session:grant(rise.approve.admin(admin)))
    assert(session:send { counter:increment() })
    assert.equal("1", tostring(assert(counter:count())))
    assert(session:revoke(rise.approve.admin(admin)))
    assert.equal("revoked", select(2, session:send { counter:increment() }).code)
  end)
end)
