-- The life of a session, headless: run with `rise run examples/quickstart.lua` or `lua5.4 examples/quickstart.lua`
-- beside a running `rise devnet`, or in one go: `rise devnet -- lua5.4 examples/quickstart.lua`.
local rise = require "rise"

local wallet = assert(rise.connect { network = "devnet", relay = os.getenv "RISE_RELAY", rpc = os.getenv "RISE_RPC" })
local STK, COUNTER = rise.networks.devnet.contracts.stk, rise.networks.devnet.contracts.counter

local stk = wallet:contract(STK, {
  "function mint(address to, uint256 amount)",
  "function transfer(address to, uint256 amount) returns (bool)",
  "function balanceOf(address owner) view returns (uint256)",
})
local counter = wallet:contract(COUNTER, { "function increment()", "function count() view returns (uint256)" })

-- The owner. In real life a passkey in a browser; here an administrator's key of this script.
local admin_key = assert(rise.key.generate "secp256k1")
local account = assert(wallet:create_account { admin = admin_key })
local player = account.address

local session = assert(wallet:new_session { -- P-256 key pair made here, stays here
  account = player,
  expires = "24h",
  permissions = {
    calls = {
      { to = STK, signature = "mint(address,uint256)" },
      { to = STK, signature = "transfer(address,uint256)" },
      { to = COUNTER, signature = "increment()" },
    },
    spend = {
      { token = STK, limit = rise.units("100", 18), period = "hour" },
      { limit = rise.ether "1", period = "minute" }, -- native token
    },
  },
})
assert(session:grant(rise.approve.admin(admin_key)))
print("session key  " .. session.public_key)

local function act(name, calls)
  local receipt = assert(session:send(calls))
  print(string.format("%-12s %s  %s STK, counter %s", name, receipt.transaction_hash,
    rise.format_ether(assert(stk:balanceOf(player))), tostring(assert(counter:count()))))
end

local shop = "0x00000000000000000000000000000000000051ab"
act("mint", { stk:mint(player, rise.ether "1000") })
act("spend", { stk:transfer(shop, rise.ether "5") })
act("increment", { counter:increment() })
act("all three", { stk:mint(player, rise.ether "1000"), stk:transfer(shop, rise.ether "5"), counter:increment() })

for _, key in ipairs(assert(account:keys())) do print("key", key.role, key.hash) end

local receipt = assert(session:revoke(rise.approve.admin(admin_key))) -- key wiped first, then revoked on chain
print("revoked      " .. receipt.transaction_hash)
print("afterwards   " .. tostring(select(2, session:send { counter:increment() })))
