-- One of several programs that act by one session at a time: sends so many increments and says how many were done.
--
--     lua sender.lua <relay> <rpc> <chain id> <database> <session id> <counter> <actions>
local rise = require "rise"

local relay, rpc, chain_id, path, id, counter_address, actions = require("rise.compat").unpack(arg)
local store = assert(rise.store.sqlite { path = path, keys = "plaintext", busy_timeout = 30 })
local wallet = assert(rise.connect { relay = relay, rpc = rpc, chain_id = tonumber(chain_id), store = store })
local session = assert(wallet:load_session(id))
session:outbox { max_calls = 2 }
local increment = wallet:contract(counter_address, { "function increment()" }):increment()
local handles, done = {}, 0
for i = 1, tonumber(actions) do handles[i] = assert(session:act { increment }) end
for _, handle in ipairs(handles) do
  local receipt, err = handle:wait()
  if receipt then done = done + 1 else io.stderr:write(tostring(err), "\n") end
end
io.stdout:write(done, "\n")
store:close()
