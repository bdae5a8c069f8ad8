--- `rise demo`: the life of a session from its key to its revocation, on a devnet of its own.
-- @module rise.cli.demo

local demo = { name = "demo", summary = "Show a session's whole life on a local devnet." }

function demo.add_to_parser(command)
  command:option("--dir", "The devnet's directory: package.json, contracts, node_modules.")
  command:epilog("Starts a devnet on free ports, creates an account and a session, acts with it, revokes it, and stops "
    .. "what it started.")
end

local function steps(out, rise, ready)
  local number = 0
  local function step(title)
    number = number + 1
    out:write(string.format("\n%2d. %s\n", number, title))
  end
  local function show(label, value)
    out:write(string.format("    %-14s %s\n", label, tostring(value)))
  end
  local function landed(receipt)
    show("transaction", receipt.transaction_hash)
    show("block", receipt.block_number)
    show("took", string.format("%.0f ms", 1000 * receipt.timing.total))
  end

  local wallet = assert(rise.connect { network = "devnet", relay = ready.relay, rpc = ready.rpc,
    chain_id = ready.chain_id })
  local STK, COUNTER = ready.contracts.stk, ready.contracts.counter
  local stk = wallet:contract(STK, {
    "function mint(address to, uint256 amount)",
    "function transfer(address to, uint256 amount) returns (bool)",
    "function balanceOf(address owner) view returns (uint256)",
  })
  local counter = wallet:contract(COUNTER, { "function increment()", "function count() view returns (uint256)" })

  step "The owner's account (an administrator's key stands in for the passkey)"
  local admin = assert(rise.key.generate "secp256k1")
  local account = assert(wallet:create_account { admin = admin })
  local player = account.address
  show("account", rise.checksum(player))
  show("administrator", rise.checksum("0x" .. tostring(admin):match("(%x+)%)$"):sub(-40)))

  local function state(label)
    show(label, rise.format_ether(assert(stk:balanceOf(player))) .. " STK, counter "
      .. tostring(assert(counter:count())))
  end

  step "A P-256 session key, made here"
  local session = assert(wallet:new_session {
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
        { limit = rise.ether "1", period = "minute" },
      },
    },
  })
  show("public key", session.public_key)
  show("key hash", session.id)

  step "The owner grants it permissions, once"
  for _, line in ipairs(session:explain()) do out:write("    ", line, "\n") end
  assert(session:grant(rise.approve.admin(admin)))
  show("state", session:status())

  step "Mint 1000 STK, without a prompt"
  state "before"
  local to = player
  landed(assert(session:send { stk:mint(to, rise.ether "1000") }))
  state "after"

  step "Spend 5 STK"
  local shop = "0x00000000000000000000000000000000000051ab"
  state "before"
  landed(assert(session:send { stk:transfer(shop, rise.ether "5") }))
  state "after"

  step "Increment the counter"
  state "before"
  landed(assert(session:send { counter:increment() }))
  state "after"

  step "All three as one atomic batch"
  state "before"
  landed(assert(session:send {
    stk:mint(to, rise.ether "1000"), stk:transfer(shop, rise.ether "5"), counter:increment(),
  }))
  state "after"

  step "The account's keys, as the relay lists them"
  for _, key in ipairs(assert(account:keys())) do
    show(key.role, key.type .. " " .. key.hash)
    for _, call in ipairs(key.permissions.calls) do show("  may call", call.selector .. " on " .. call.to) end
    for _, rule in ipairs(key.permissions.spend) do
      local token = rule.token == rise.NATIVE and "ETH" or "of " .. rule.token
      show("  may spend", rise.format_ether(rule.limit) .. " " .. token .. " per " .. rule.period)
    end
  end

  step "Outside of its permissions nothing happens"
  local refused, err = session:send { stk:transfer(shop, rise.ether "500") }
  if refused then error("a transfer above the limit went through", 0) end
  show("refused", err)

  step "The owner revokes it"
  landed(assert(session:revoke(rise.approve.admin(admin))))
  show("state", session:status())

  step "The next action is refused"
  refused, err = session:send { counter:increment() }
  if refused then error("a revoked session could act", 0) end
  show("refused", err)
  state "unchanged"
  admin:close()
end

function demo.run(args, console)
  local rise = require "rise"
  local host = require "rise.host"
  host.trap("INT", "TERM", "HUP")
  local ready = false
  local net, err = require("rise.devnet").start {
    loop = rise.loop, port = 0, anvil_port = 0, packages = args.dir,
    log = function(line) if not ready then console.stderr:write("devnet: ", line, "\n") end end,
  }
  ready = true
  if not net then
    console.stderr:write("rise: ", tostring(err), "\n")
    if err.hint then console.stderr:write("hint: ", err.hint, "\n") end
    return 1
  end
  -- The devnet's relay runs in the same loop: a task shows the steps, and a signal ends both.
  local task = rise.spawn(steps, console.stdout, rise, net.ready)
  local code = 0
  while not task.done do
    rise.step(0.25)
    if host.signal() then
      code = 130
      break
    end
  end
  if code == 0 then
    local _, failure = task:wait()
    if failure then
      console.stderr:write("rise: ", tostring(failure.cause or failure), "\n")
      code = 1
    else
      console.stdout:write("\nDone.\n")
    end
  end
  net:stop()
  return code
end

return demo
