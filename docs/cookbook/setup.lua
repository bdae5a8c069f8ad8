-- What the recipes share: an account with an administrator's key. In real life the owner's passkey in a browser does
-- what the administrator does here: `rise.approve.browser {}` in place of `rise.approve.admin(key)`.
local rise = require "rise"

local setup = {}

setup.STK = rise.networks.devnet.contracts.stk
setup.COUNTER = rise.networks.devnet.contracts.counter

--- Connects to the devnet that runs beside the script.
function setup.connect(options)
  local settings = { network = "devnet", relay = os.getenv "RISE_RELAY", rpc = os.getenv "RISE_RPC" }
  for name, value in pairs(options or {}) do settings[name] = value end
  return assert(rise.connect(settings))
end

--- An account, and who approves for it.
function setup.account(wallet)
  local admin = assert(rise.key.generate "secp256k1")
  return assert(wallet:create_account { admin = admin }), rise.approve.admin(admin)
end

function setup.counter(wallet)
  return wallet:contract(setup.COUNTER, { "function increment()", "function count() view returns (uint256)" })
end

function setup.stk(wallet)
  return wallet:contract(setup.STK, {
    "function mint(address to, uint256 amount)",
    "function transfer(address to, uint256 amount) returns (bool)",
    "function balanceOf(address owner) view returns (uint256)",
    "event Transfer(address indexed from, address indexed to, uint256 amount)",
  })
end

setup.PERMISSIONS = {
  calls = {
    { to = setup.STK, signature = "mint(address,uint256)" },
    { to = setup.STK, signature = "transfer(address,uint256)" },
    { to = setup.COUNTER, signature = "increment()" },
  },
  spend = {
    { token = setup.STK, limit = rise.ether "100", period = "hour" },
    { limit = rise.ether "1", period = "day" },
  },
}

--- A granted session.
function setup.session(wallet, options)
  local account, approver = setup.account(wallet)
  local session = assert(wallet:new_session {
    account = account, expires = options and options.expires or "1h", permissions = setup.PERMISSIONS,
  })
  assert(session:grant(approver))
  return session, approver
end

return setup
