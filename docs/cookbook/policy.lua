-- Permissions from a file that others can read, check (`rise policy lint`) and understand (`rise policy explain`).
package.path = "docs/cookbook/?.lua;" .. package.path
local policy = require "rise.policy"
local rise = require "rise"
local setup = require "setup"

local text = [[return {
  name = "arcade",
  expires = "12h",
  contracts = { STK = "]] .. setup.STK .. [[", COUNTER = "]] .. setup.COUNTER .. [[" },
  decimals = { STK = 18 },
  calls = { STK = { "mint(address,uint256)", "erc20-transfer" }, COUNTER = { "increment()" } },
  spend = { "20 STK / hour", "0.1 ether / day" },
}]]

for _, finding in ipairs(policy.lint(text, { now = os.time() })) do
  print(finding.level, finding.message)
end
local spec = assert(policy.spec(assert(policy.parse(text))))

local wallet = setup.connect()
local account, approver = setup.account(wallet)
local session = assert(wallet:new_session { account = account, expires = spec.expires, permissions = spec.permissions })
for _, line in ipairs(session:explain()) do print(line) end
assert(session:grant(approver))
print("done", assert(session:send { setup.counter(wallet):increment() }).transaction_hash)
print(select(2, session:can { setup.stk(wallet):transfer(setup.COUNTER, rise.ether "21") }))
assert(session:revoke(approver))
