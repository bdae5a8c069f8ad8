-- The commands that speak to a relay and a node, run as a person would: the executable, its environment, a devnet.
local cjson = require "cjson"
local core = require "rise.core"
local flow = require "support.flow"
local host = require "rise.host"
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
  local function run(words, env)
    local errors = folder .. "/stderr"
    local command = { "sh", "-c", 'errors=$1; shift; exec "$@" 2>"$errors"', "sh", errors,
      (os.getenv "RISE_BUILD" or "build") .. "/rise", (table.unpack or unpack)(words) } -- luacheck: ignore 113 143
    command.env, command.stdout = env or environment(), "pipe"
    local child = assert(host.spawn(command))
    local out, code = {}, nil
    while not code do
      rise.step(0.01)
      local text = child:read()
      if text then out[#out + 1] = text end
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

  local wrong = {
    { "call", "nobody", "count()(uint256)" }, { "call", "counter", "count()" },
    { "call", "0x52908400098527886E0F7030069857D2E4169Ee7", "count()(uint256)" },
    { "account", "show", "0x12" }, { "account", "fund", "0x12" }, { "account", "fund", flow.SHOP, "1parsec" },
    { "call", "counter", "count()(uint256)", "--network", "nowhere" },
    { "call", "counter", "count()(uint256)", "--relay", "ftp://x" },
    { "call", "counter", "count()(uint256)", "--timeout", "soon" },
    { "call", "counter", "count()(uint256)", "--timeout", "-1" },
    { "call", "counter", "count()(uint256)", "--chain-id", "1.5" },
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
