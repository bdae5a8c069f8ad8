-- Events of a contract as they come: logs from where the last look ended, decoded.
package.path = "docs/cookbook/?.lua;" .. package.path
local core = require "rise.core"
local json = require "rise.json"
local rise = require "rise"
local setup = require "setup"

local wallet = setup.connect()
local session, approver = setup.session(wallet)
local stk = setup.stk(wallet)
local player = session.account.address

local transfer = assert(core.abi "event Transfer(address indexed from, address indexed to, uint256 amount)")

-- Calls `seen` for each transfer to an address, until it says stop.
local function watch(to, seen)
  local from_block = assert(wallet.chain:block_number())
  while true do
    local latest = assert(wallet.chain:block_number())
    if latest >= from_block then
      local logs = assert(wallet.chain:logs {
        address = setup.STK, fromBlock = string.format("0x%x", from_block), toBlock = string.format("0x%x", latest),
        topics = { core.hex(transfer:hash()), json.null, "0x" .. ("0"):rep(24) .. to:sub(3) },
      })
      for _, log in ipairs(logs) do
        local topics = {}
        for i, topic in ipairs(log.topics) do topics[i] = assert(core.unhex(topic)) end
        if seen(assert(transfer:decode_log(topics, assert(core.unhex(log.data))))) == "stop" then return end
      end
      from_block = latest + 1
    end
    rise.sleep(0.1)
  end
end

local watcher = rise.spawn(watch, player, function(event)
  print("received", rise.format_ether(event.amount), "STK from", event.from)
  return "stop"
end)
assert(session:send { stk:mint(player, rise.ether "7") })
watcher:wait()
assert(session:revoke(approver))
