-- The commands that speak to a relay and a node, run as a person would: the executable, its environment, a devnet.
local cjson = require "cjson"
local core = require "rise.core"
local flow = require "support.flow"
local host = require "rise.host"
local lua = require "support.lua"
local rise = require "rise"

describe("the executable #devnet", function()
  local net, folder
  setup(function()
    net = flow.start()
    folder = os.tmpname()
    os.remove(folder)
    assert(core.make_dir(folder))
  end)
  teardown(function()
    net:stop()
    os.execute("rm -rf '" .. folder .. "'")
  end)

  local function environment()
    return { RISE_NETWORK = "devnet", RISE_RELAY = net.ready.relay, RISE_RPC = net.ready.rpc,
      RISE_CHAIN_ID = tostring(net.ready.chain_id), HOME = folder, XDG_CONFIG_HOME = "", XDG_DATA_HOME = "" }
  end

  -- Runs a command line while the devnet goes on serving: exit code, standard output, standard error.
  -- `look` is shown the child and what it has printed so far, as it prints.
  local function run(words, env, look)
    local errors = folder .. "/stderr"
    local command = { "sh", "-c", 'errors=$1; shift; exec "$@" 2>"$errors"', "sh", errors,
      lua.build .. "/rise", (table.unpack or unpack)(words) } -- luacheck: ignore 113 143
    command.env, command.stdout = env or environment(), "pipe"
    local child = assert(host.spawn(command))
    local out, code = {}, nil
    while not code do
      rise.step(0.01)
      local text = child:read()
      if text and text ~= "" then
        out[#out + 1] = text
        if look then look(child, table.concat(out)) end
      end
      code = child:wait(0)
    end
    local text = child:read()
    while text and text ~= "" do
      out[#out + 1] = text
      text = child:read()
    end
    child:close()
    local file = assert(io.open(errors))
    local err = file:read "*a"
    file:close()
    return code, table.concat(out), err
  end

  it("reads contracts by name and by address", function()
    local code, out, err = run { "call", "counter", "count()(uint256)" }
    assert.same({ 0, "" }, { code, err })
    assert.matches("^%d+\n$", out)
    code, out = run { "call", net.ready.contracts.stk, "balanceOf(address)(uint256)", flow.SHOP, "--json" }
    assert.same({ 0, { values = { "0" } } }, { code, cjson.decode(out) })
  end)

  it("funds an account and shows it, with its keys", function()
    local f = flow.session(net)
    assert(f.session:send { f.counter:increment() })
    assert.equal(0, (run { "account", "fund", f.player, "1.5ether" }))
    assert.equal(0, (run { "account", "fund", f.player, "2ether", "--token", "stk" }))
    assert.equal("2", rise.format_ether(assert(f.stk:balanceOf(f.player))))
    local code, out = run { "account", "show", f.player, "--json" }
    local shown = cjson.decode(out)
    assert.equal(0, code)
    assert.equal("1500000000000000000", shown.balance)
    local roles = {}
    for _, key in ipairs(shown.keys) do roles[key.role] = key end
    assert.equal(f.session.id, roles.session.hash)
    assert.is_true(#roles.session.permissions >= 5)
    code, out = run { "account", "show", f.player }
    assert.equal(0, code)
    assert.matches("may call transfer", out)
  end)

  it("finds nothing wrong with a devnet, and says what is wrong with anything else", function()
    local code, out = run { "doctor", "--json" }
    local report = cjson.decode(out)
    assert.same({ 0, true }, { code, report.ok })
    local env = environment()
    env.RISE_RELAY = "http://127.0.0.1:1"
    code, out = run({ "doctor" }, env)
    assert.equal(1, code)
    assert.matches("FAIL network", out)
    assert(core.write_file(folder .. "/config.json", '{"netwrok":"devnet"}'))
    env.RISE_CONFIG = folder .. "/config.json"
    code, out = run({ "doctor" }, env)
    assert.equal(1, code)
    assert.matches("FAIL configuration: .*netwrok is no setting", out)
  end)

  it("takes options before the environment, and the environment before the configuration", function()
    local env = environment()
    assert(core.write_file(folder .. "/config.json", cjson.encode {
      network = "devnet", relay = net.ready.relay, rpc = net.ready.rpc, chain_id = net.ready.chain_id,
      contracts = { mine = net.ready.contracts.counter },
    }))
    env.RISE_CONFIG = folder .. "/config.json"
    env.RISE_NETWORK, env.RISE_RELAY, env.RISE_RPC, env.RISE_CHAIN_ID = "", "", "", ""
    assert.equal(0, (run({ "call", "mine", "count()(uint256)" }, env)))
    env.RISE_RPC = "http://127.0.0.1:1"
    assert.equal(1, (run({ "call", "mine", "count()(uint256)" }, env)))
    assert.equal(0, (run({ "call", "mine", "count()(uint256)", "--rpc", net.ready.rpc }, env)))
  end)

  -- ---- a session's whole life at a shell ---------------------------------------------------------------------------

  local POLICY = cjson.encode {
    expires = "1h", contracts = { STK = rise.networks.devnet.contracts.stk,
      COUNTER = rise.networks.devnet.contracts.counter }, decimals = { STK = 18 },
    calls = { STK = { "mint(address,uint256)", "erc20-transfer" }, COUNTER = { "increment()" } },
    spend = { "100 STK / year", "1 ether / year" },
  }

  -- A home of its own with an administrator's keystore, an account, a policy.
  local function home()
    local place = { folder = folder .. "/home" .. tostring(math.random(1e9)) }
    assert(core.make_dir(place.folder))
    place.env = environment()
    place.env.HOME, place.env.RISE_PASSPHRASE = place.folder, "correct horse"
    place.admin, place.policy = place.folder .. "/admin.json", place.folder .. "/policy.json"
    assert(core.write_file(place.policy, POLICY))
    function place.run(...) return run({ ... }, place.env) end
    function place.json(...)
      local words = { ... }
      words[#words + 1] = "--json"
      local code, out, err = run(words, place.env)
      assert.equal(0, code, table.concat(words, " ") .. ": " .. err)
      return cjson.decode(out)
    end
    place.key = place.json("key", "new", place.admin, "--light")
    place.account = place.json("account", "new", "--admin", place.admin).address
    return place
  end

  it("leads a session through its whole life", function()
    local at = home()
    assert.equal("600", io.popen("stat -c %a " .. at.admin):read "*l")
    assert.equal(at.key.address, at.json("key", "show", at.admin).address)
    local made = at.json("session", "new", "bot", "--policy", at.policy, "--account", at.account)
    assert.same({ "new", "bot", at.account }, { made.state, made.name, made.account })
    assert.equal("600", io.popen("stat -c %a " .. at.folder .. "/.local/share/rise/rise.db"):read "*l")
    assert.equal(3, (at.run("send", "counter", "increment()")))
    assert.equal("pending", at.json("session", "grant", "bot", "--admin", at.admin).state)
    local before = at.json("call", "counter", "count()(uint256)").values[1]
    local receipt = at.json("send", "counter", "increment()")
    assert.equal("done", at.json("status", receipt.id).state)
    assert.equal(tostring(before + 1), at.json("call", "counter", "count()(uint256)").values[1])

    local calls = at.folder .. "/calls.json"
    assert(core.write_file(calls, cjson.encode {
      { to = "stk", signature = "mint(address,uint256)", arguments = { at.account, "30ether" } },
      { to = "stk", signature = "transfer(address,uint256)", arguments = { flow.SHOP, "20ether" } },
    }))
    assert.equal(200, at.json("batch", calls, "-s", "bot").status)
    local limits = at.json("session", "allowance", "bot").limits
    assert.equal(rise.format_ether(limits[1].left), "80")
    assert.equal(0, (at.run("session", "can", "bot", "stk", "transfer(address,uint256)", flow.SHOP, "80ether")))
    local code, out = at.run("session", "can", "bot", "stk", "transfer(address,uint256)", flow.SHOP, "81ether",
      "--on-chain", "--json")
    assert.same({ 3, "spend_limit" }, { code, cjson.decode(out).code })
    code, out = at.run("send", "stk", "transfer(address,uint256)", flow.SHOP, "101ether")
    assert.same({ 3, "" }, { code, out })

    local renewed = at.json("session", "renew", "bot", "--expires", "2h", "--admin", at.admin)
    assert.is_true(renewed.expiry >= made.expiry)
    at.json("send", "counter", "increment()")
    assert.is_true(at.json("session", "show", "bot").expiry > made.expiry)
    assert.equal(3, #at.json("history").bundles)
    assert.is_true(at.json("resume").settled)

    local revoked = at.json("session", "revoke", "bot", "--admin", at.admin).revoked[1]
    assert.equal(made.id, revoked.id)
    assert.matches("^0x", revoked.transaction_hash)
    assert.equal(3, (at.run("send", "counter", "increment()", "-s", "bot")))
    assert.equal("revoked", at.json("session", "list").sessions[1].state)
  end)

  it("wants the passphrase of the store, and the right one", function()
    local at = home()
    at.json("session", "new", "bot", "--policy", at.policy, "--account", at.account)
    at.env.RISE_PASSPHRASE = "wrong"
    local code, out, err = at.run("send", "counter", "increment()")
    assert.same({ 1, "" }, { code, out })
    assert.matches("wrong_passphrase", err)
    at.env.RISE_PASSPHRASE = false
    code, out, err = at.run("send", "counter", "increment()")
    assert.same({ 1, "" }, { code, out })
    assert.matches("terminal", err)
    assert(core.write_file(at.folder .. "/pass", "correct horse\nsecond line\n"))
    assert.equal(3, (at.run("send", "counter", "increment()", "--passphrase-file", at.folder .. "/pass")))
  end)

  local SCRIPT = [[
    local at = rise and rise.networks or require("rise").networks
    local counter = wallet:contract(at.devnet.contracts.counter, { "function increment()" })
    assert(session:send { counter:increment() })
    print("landed")
    io.stdout:flush()
    %s
  ]]

  local function sessions_of(at)
    local shown = at.json("session", "list").sessions
    assert.equal(1, #shown)
    return shown[1]
  end

  for name, case in pairs {
    ["ends well"] = { "", nil, 0 },
    ["fails"] = { "error('no')", nil, 1 },
    ["is interrupted while it waits"] = { "while true do require('rise').sleep(1) end", "INT", 130 },
    ["is told to end while it computes"] = { "while true do end", "TERM", 130 },
  } do
    it("revokes the session that a policy made for a script that " .. name, function()
      local at = home()
      local script = at.folder .. "/script.lua"
      assert(core.write_file(script, SCRIPT:format(case[1])))
      local words = { "run", "--policy", at.policy, "--account", at.account, "--admin", at.admin, script }
      local code, out, err
      if case[2] then
        code, out, err = run(words, at.env, function(child, text)
          if text:find "landed" then child:kill(case[2]) end
        end)
      else
        code, out, err = run(words, at.env)
      end
      assert.equal(case[3], code, err)
      assert.equal("landed\n", out)
      local left = sessions_of(at)
      assert.equal("revoked", left.state)
      local keys = at.json("account", "show", at.account).keys
      assert.equal(1, #keys) -- the administrator alone
    end)
  end

  it("says so at the next start when a script with a session of its own was killed", function()
    local at = home()
    local script, next_one = at.folder .. "/script.lua", at.folder .. "/next.lua"
    assert(core.write_file(script, SCRIPT:format("while true do require('rise').sleep(1) end")))
    assert(core.write_file(next_one, ""))
    local options = { "--policy", at.policy, "--account", at.account, "--admin", at.admin }
    local function words(path)
      local list = { "run", (table.unpack or unpack)(options) } -- luacheck: ignore 113 143
      list[#list + 1] = path
      return list
    end
    run(words(script), at.env, function(child, text)
      if text:find "landed" then child:kill "KILL" end
    end)
    local left = sessions_of(at)
    assert.equal("active", left.state)
    local code, _, err = run(words(next_one), at.env)
    assert.equal(0, code, err)
    assert.matches("session " .. left.id:sub(1, 18) .. " of a run that was killed is still active", err)
    assert.equal(0, (at.run("session", "revoke", left.id, "--admin", at.admin)))
    assert.is_nil(select(3, run(words(next_one), at.env)):find("was killed", 1, true))
  end)

  local wrong = {
    { "call", "nobody", "count()(uint256)" }, { "call", "counter", "count()" },
    { "call", "0x52908400098527886E0F7030069857D2E4169Ee7", "count()(uint256)" },
    { "account", "show", "0x12" }, { "account", "fund", "0x12" }, { "account", "fund", flow.SHOP, "1parsec" },
    { "call", "counter", "count()(uint256)", "--network", "nowhere" },
    { "call", "counter", "count()(uint256)", "--relay", "ftp://x" },
    { "call", "counter", "count()(uint256)", "--timeout", "soon" },
    { "call", "counter", "count()(uint256)", "--timeout", "-1" },
    { "call", "counter", "count()(uint256)", "--chain-id", "1.5" },
    { "status", "0x12" }, { "session", "revoke", "--all" }, { "session", "renew", "bot" },
    { "batch", "/dev/null" }, { "session", "new", "0xbot", "--policy", "/dev/null" },
    { "key", "new" }, { "account", "new" }, { "send" },
  }
  for _, words in ipairs(wrong) do
    it("refuses `" .. table.concat(words, " ") .. "` with code 2 and one line", function()
      local code, out, err = run(words)
      assert.same({ 2, "" }, { code, out })
      assert.matches("^rise: [^\n]+\n", err)
      assert.is_nil(err:find("traceback", 1, true))
    end)
  end
end)
