-- After a crash: with a store on disk, whatever was under way is settled before anything new is done.
package.path = "docs/cookbook/?.lua;" .. package.path
local rise = require "rise"
local setup = require "setup"

local path = os.tmpname()
os.remove(path)

-- The first life of the program. A bundle is in the journal, synced, before it leaves this machine.
local store = assert(rise.store.sqlite { path = path })
local wallet = setup.connect { store = store }
local session, approver = setup.session(wallet)
local counter = setup.counter(wallet)
local before = assert(counter:count())
local task = rise.spawn(function() return session:send { counter:increment() } end)
while #assert(store:bundles { unfinished = true }) == 0 do rise.step(0.01) end
task:cancel() -- stands for the crash: nobody waits for the answer any more
task:wait()
store:close()

-- The second life: asks the relay, and the chain where the relay does not know; sends nothing twice.
local reports, again = rise.resume { network = "devnet", relay = os.getenv "RISE_RELAY", rpc = os.getenv "RISE_RPC",
  store = assert(rise.store.sqlite { path = path }) }
for _, report in ipairs(assert(reports, again)) do
  print("bundle", report.id, report.state, report.receipt and report.receipt.transaction_hash or report.err)
end
print("counted", tostring(assert(counter:count()) - before))

assert(assert(again:load_session(session.id)):revoke(approver))
os.execute("rm -f '" .. path .. "'*")
