-- A session that lives on: more time for the same key, asked for before the old time is over.
package.path = "docs/cookbook/?.lua;" .. package.path
local rise = require "rise"
local setup = require "setup"

-- The wallet's clock is this program's: here it can be put forward.
local ahead = 0
local wallet = setup.connect { clock = function() return os.time() + ahead end }
local session, approver = setup.session(wallet, { expires = "1h" })
local counter = setup.counter(wallet)
assert(session:send { counter:increment() })
print("state", session:status(), "until", session.expiry)

-- The last tenth of a session's life is `expiring`: a good moment to ask.
ahead = 3600 - 300
print("state", session:status())
if session:status() == "expiring" then
  ahead = 0
  assert(session:renew(approver, { expires = "2h" }))
end
-- The renewal lands with the next bundle.
assert(session:send { counter:increment() })
print("state", session:status(), "until", session.expiry)
assert(session:revoke(approver))
