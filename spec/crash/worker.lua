-- The program that gets killed: brings the counter to a number, one labelled action for each step, and says what the
-- journal has of it. Started by spec/support/crash.lua.
--
--     lua worker.lua <relay> <rpc> <chain id> <database> <session id> <counter> <goal> <timeout> [<point> <count>]
--
-- With RISE_GAS_KEY in its environment it works in direct mode, and comes to other points.
--
-- It kills itself when it comes to a point for the nth time: before or after the journal or the relay is told.
local rise = require "rise"

local relay, rpc, chain_id, path, id, counter_address, goal, timeout, point, nth =
  require("rise.compat").unpack(arg)

local function die()
  os.execute("kill -KILL $PPID")
  while true do end -- luacheck: ignore 542
end

-- Dies before or after the nth call of a method of an object.
local count = 0
local function trap(object, method, name)
  local inner = object[method]
  object[method] = function(...)
    local counts = name == point or "after " .. name == point
    if counts then count = count + 1 end
    local due = counts and count == tonumber(nth)
    if due and name == point then die() end
    local a, b = inner(...)
    if due then die() end
    return a, b
  end
end

local store = assert(rise.store.sqlite { path = path, keys = "plaintext" })
local wallet
repeat
  local err
  wallet, err = rise.connect { relay = relay, rpc = rpc, chain_id = tonumber(chain_id), timeout = tonumber(timeout),
    store = store }
  if not wallet and not err.retryable then error(tostring(err)) end
until wallet

local gas_secret = os.getenv "RISE_GAS_KEY"
if gas_secret then
  -- What an earlier life left is settled without the gas key every other time.
  if tonumber(goal) % 8 == 0 then assert(wallet:resume { timeout = 5 }) end
  assert(wallet:direct { key = assert(rise.key.import("secp256k1", gas_secret)) })
  trap(wallet.chain, "call", "measure")
  trap(wallet.chain, "send_raw_sync", "submit")
  trap(wallet.chain, "receipt", "receipt")
end

trap(store, "begin", "begin")
trap(store, "mark", "mark")
trap(store, "finish", "finish")
trap(wallet.relay, "prepare_calls", "prepare")
trap(wallet.relay, "send_prepared_calls", "send")
trap(wallet.relay, "get_calls_status", "status")
trap(wallet.chain, "logs", "logs")

repeat
  assert(wallet:resume { timeout = 20 })
  local unfinished = assert(store:bundles { unfinished = true })
until #unfinished == 0

local done = 0
for _, entry in ipairs(assert(store:bundles { session = id })) do
  if entry.state == "done" then
    for _, action in ipairs(entry.actions) do done = math.max(done, action.label) end
  end
end

local session = assert(wallet:load_session(id))
session:outbox { max_calls = 3, patience = 60 }
local counter = wallet:contract(counter_address, { "function increment()" })
local handles = {}
for label = done + 1, tonumber(goal) do
  handles[#handles + 1] = assert(session:act { counter:increment(), label = label })
end
for _, handle in ipairs(handles) do assert(handle:wait()) end
store:close()
