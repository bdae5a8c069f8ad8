-- A bot: acts on its own, keeps going through bad weather, and stops where going on makes no sense.
package.path = "docs/cookbook/?.lua;" .. package.path
local rise = require "rise"
local setup = require "setup"

local wallet = setup.connect()
local session, approver = setup.session(wallet)
local counter = setup.counter(wallet)

-- What to do is decided by `err.code`; `err.retryable` says whether the same may work later.
local function act(calls)
  for attempt = 1, 5 do
    local receipt, err = session:send(calls)
    if receipt then return receipt end
    if err.code == "pending" then
      -- It may still land: wait for it. Sending again would do it twice.
      receipt, err = session:wait(err)
      if receipt then return receipt end
    end
    -- A limit is fresh again when its window ends: `err.resets_at`. This bot has something better to do.
    if not err.retryable or err.code == "spend_limit" then return nil, err end
    rise.sleep(0.2 * attempt)
  end
  error("five attempts failed")
end

for _ = 1, 3 do
  local receipt = assert(act { counter:increment() })
  print("done", receipt.transaction_hash)
end

-- Nothing is sent that the permissions forbid: the answer comes before anything leaves this machine.
local stk = setup.stk(wallet)
local receipt, err = act { stk:transfer("0x00000000000000000000000000000000000051ab", rise.ether "500") }
print(receipt, err.code, err.message)

assert(session:revoke(approver))
