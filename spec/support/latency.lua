-- How long an action takes from `session:send` to its receipt, through the relay and in direct mode, side by side: one
-- devnet, turn by turn. Run from the root of the tree, built:
--
--     LUA_PATH="./lua/?.lua;./lua/?/init.lua;./spec/?.lua;;" LUA_CPATH="./build/lib/?.so;;" \
--       lua5.4 -e 'require("support.latency").print()'
local core = require "rise.core"
local rise = require "rise"
local flow = require "support.flow"

local latency = {}

local function figures(samples)
  table.sort(samples)
  return { median = samples[math.ceil(#samples / 2)], best = samples[1], worst = samples[#samples] }
end

--- Measures on a devnet that runs.
-- @tparam table net of `flow.start`
-- @tparam[opt=100] number actions in each mode
-- @treturn table `relay` and `direct`: `{ median, best, worst }` in seconds
function latency.measure(net, actions)
  local relayed = flow.session(net)
  local wallet = flow.connect(net)
  local gas = assert(rise.key.generate "secp256k1")
  flow.fund(wallet, core.hex(gas:address()), rise.ether "1000")
  assert(wallet:direct { key = gas })
  local modes = { relay = relayed, direct = flow.session(net, { wallet = wallet }) }
  for _, f in pairs(modes) do -- the grant lands, connections are made
    for _ = 1, 3 do assert(f.session:send(f.counter:increment())) end
  end
  local samples = { relay = {}, direct = {} }
  for i = 1, actions or 100 do
    for mode, f in pairs(modes) do
      local started = core.monotonic()
      assert(f.session:send(f.counter:increment()))
      samples[mode][i] = core.monotonic() - started
    end
  end
  return { relay = figures(samples.relay), direct = figures(samples.direct) }
end

--- Starts a devnet, measures and prints a line for each mode.
function latency.print(actions)
  local net = flow.start()
  local found = latency.measure(net, actions)
  net:stop()
  for _, mode in ipairs { "relay", "direct" } do
    local line = found[mode]
    print(string.format("%-7s median %6.2f ms, best %6.2f ms, worst %6.2f ms", mode, 1000 * line.median,
      1000 * line.best, 1000 * line.worst))
  end
  print(string.format("direct takes %.2f of relay mode (medians)", found.direct.median / found.relay.median))
end

return latency
