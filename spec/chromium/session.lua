-- What a program does with a session that `rise grant` left in a store: `rise run session.lua VERB STORE ID READY`,
-- where READY is the devnet's line. Prints a line of JSON.
local json = require "rise.json"
local rise = require "rise"

local verb, path, id, ready = arg[1], arg[2], arg[3], assert(json.decode(arg[4]))

local store = assert(rise.store.sqlite { path = path, keys = "plaintext" })
local wallet = assert(rise.connect { network = "devnet", relay = ready.relay, rpc = ready.rpc, store = store })
local session = assert(wallet:load_session(id))

local result, err
if verb == "act" then
  local counter = wallet:contract(ready.contracts.counter, { "function increment()" })
  result, err = session:send { counter:increment() }
  result = result and { transaction = result.transaction_hash }
else
  result, err = session:revoke(rise.approve.browser { wallet_url = ready.wallet, name = "a script" })
  result = result and { revoked = true }
end
print(json.encode(result or { error = err.code, message = err.message }))
