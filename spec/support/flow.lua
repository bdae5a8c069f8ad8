-- What the specs of the flow share: a devnet in this process, an account, a granted session, the example contracts.
local rise = require "rise"
local core = require "rise.core"
local json = require "rise.json"
local secrets = require "support.secrets"

local flow = {}

flow.SHOP = "0x00000000000000000000000000000000000051ab"

-- The same program as a script that blocks, and in a task that yields.
flow.DRIVERS = { "blocking", "in a task" }

function flow.run(driver, fn)
  if driver == "blocking" then return fn() end
  local task = rise.spawn(fn)
  while not task.done do rise.step(0.25) end
  local _, err = task:wait()
  if err then error(err.cause, 0) end
end

-- Runs a spec both ways; `it` is busted's.
function flow.both(it, name, fn)
  for _, driver in ipairs(flow.DRIVERS) do
    it(name .. ", " .. driver, function() flow.run(driver, fn) end)
  end
end

-- Starts a devnet on free ports in the loop that the specs run in.
function flow.start(options)
  local settings = { loop = rise.loop, port = 0, anvil_port = 0 }
  for name, value in pairs(options or {}) do settings[name] = value end
  return assert(require("rise.devnet").start(settings))
end

function flow.connect(net, options)
  local settings = { network = "devnet", relay = net.ready.relay, rpc = net.ready.rpc, chain_id = net.ready.chain_id }
  for name, value in pairs(options or {}) do settings[name] = value end
  return assert(rise.connect(settings))
end

function flow.stk(wallet, net)
  return wallet:contract(net.ready.contracts.stk, {
    "function mint(address to, uint256 amount)",
    "function transfer(address to, uint256 amount) returns (bool)",
    "function approve(address spender, uint256 amount) returns (bool)",
    "function balanceOf(address owner) view returns (uint256)",
    "error InsufficientBalance(address from, uint256 have, uint256 need)",
  })
end

function flow.counter(wallet, net)
  return wallet:contract(net.ready.contracts.counter,
    { "function increment()", "function count() view returns (uint256)" })
end

-- The page's permissions: three selectors, 100 STK an hour, 1 ETH a minute.
function flow.permissions(net)
  local STK, COUNTER = net.ready.contracts.stk, net.ready.contracts.counter
  return {
    calls = {
      { to = STK, signature = "mint(address,uint256)" },
      { to = STK, signature = "transfer(address,uint256)" },
      { to = COUNTER, signature = "increment()" },
    },
    spend = {
      { token = STK, limit = rise.units("100", 18), period = "hour" },
      { limit = rise.ether "1", period = "minute" },
    },
  }
end

-- An account with an administrator's key, and a session that was granted but not used yet.
function flow.session(net, options)
  options = options or {}
  local wallet = options.wallet or flow.connect(net)
  local admin = options.admin or assert(rise.key.generate(options.admin_type or "secp256k1"))
  local account = options.account or assert(wallet:create_account { admin = admin })
  local session = assert(wallet:new_session {
    account = account, expires = options.expires or "1h",
    permissions = options.permissions or flow.permissions(net), key = options.key,
  })
  secrets.note(session.key)
  secrets.note(admin)
  if options.grant ~= false then assert(session:grant(rise.approve.admin(admin))) end
  return {
    wallet = wallet, admin = admin, approver = rise.approve.admin(admin), account = account, session = session,
    player = account.address, stk = flow.stk(wallet, net), counter = flow.counter(wallet, net),
  }
end

-- A second key object with the same secret: what a thief of a key would hold.
function flow.copy_key(key)
  return assert(core.key_import(key:type(), key:export()))
end

-- Gives an address this much native currency.
function flow.fund(wallet, address, amount)
  assert(wallet.chain:request("anvil_setBalance", { address, amount }))
end

-- Moves the chain's clock forward.
function flow.advance_time(wallet, seconds)
  assert(wallet.chain:request("evm_increaseTime", { seconds }))
  assert(wallet.chain:request("evm_mine", json.array {}))
end

return flow
