-- Calls that belong together are one bundle: all of them happen, or none. Many small actions gather by themselves.
package.path = "docs/cookbook/?.lua;" .. package.path
local rise = require "rise"
local setup = require "setup"

local wallet = setup.connect()
local session, approver = setup.session(wallet)
local stk, counter = setup.stk(wallet), setup.counter(wallet)
local player, shop = session.account.address, "0x00000000000000000000000000000000000051ab"

-- One bundle: pay for the coins and count the visit, or do neither.
local receipt = assert(session:send { stk:mint(player, rise.ether "10"), stk:transfer(shop, rise.ether "5"),
  counter:increment() })
print("one bundle", receipt.transaction_hash)

-- A thousand actions, in order. While one bundle is under way the next actions gather into one.
local before = assert(counter:count())
for i = 1, 1000 do
  assert(session:act { counter:increment(), label = "visit " .. i })
end
assert(session:outbox():drain())
print("actions", tostring(assert(counter:count()) - before), "bundles", session:outbox().bundles)

assert(session:revoke(approver))
