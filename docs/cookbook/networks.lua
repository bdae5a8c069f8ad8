-- The same program on a devnet and on the testnet: what differs is data.
--     RISE_NETWORK=testnet lua5.4 docs/cookbook/networks.lua
package.path = "docs/cookbook/?.lua;" .. package.path
local rise = require "rise"
local setup = require "setup"

local network = os.getenv "RISE_NETWORK" or "devnet"
local wallet, err = rise.connect {
  network = network,
  relay = os.getenv "RISE_RELAY", rpc = os.getenv "RISE_RPC", -- nil: the network's own
  max_fee = rise.ether "0.001",
}
if not wallet then
  print(tostring(err))
  os.exit(1)
end
print("network", wallet.network.name, "chain", wallet.chain_id, "explorer", wallet.explorer or "none")

-- On a devnet an administrator's key approves; elsewhere the owner does, in the browser.
local account, approver
if network == "devnet" then
  account, approver = setup.account(wallet)
else
  approver = rise.approve.browser { name = "cookbook" }
end
local session = assert(wallet:new_session { account = account, expires = "1h", permissions = setup.PERMISSIONS })
assert(session:grant(approver))
local receipt = assert(session:send { setup.counter(wallet):increment() })
print("done", receipt.explorer_url or receipt.transaction_hash)
assert(session:revoke(approver))
