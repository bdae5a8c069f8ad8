local cli = require "rise.cli"
local compat = require "rise.compat"
local console = require "support.console"
local core = require "rise.core"
local errors = require "rise.errors"
local lua = require "support.lua"

local function run(...)
  local io = console()
  local code = cli.main({ ... }, io)
  return code, io.stdout.text(), io.stderr.text()
end

local function script(text)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return path
end

describe("rise", function()
  it("shows its version", function()
    assert.same({ 0, "rise " .. core.VERSION .. "\n", "" }, { run "--version" })
  end)

  it("shows help without being asked for anything", function()
    local code, out = run()
    assert.equal(0, code)
    for _, command in ipairs { "run", "devnet", "demo", "resume", "help" } do
      assert.matches("\n   " .. command, out)
    end
  end)

  it("shows the same help for `help X`, `X --help` and `X -h`", function()
    for _, command in ipairs { "run", "devnet", "demo", "resume" } do
      local _, by_command = run("help", command)
      local _, by_option = run(command, "--help")
      local _, by_flag = run(command, "-h")
      assert.matches("^Usage: rise " .. command, by_command)
      assert.equal(by_command, by_option)
      assert.equal(by_command, by_flag)
    end
  end)

  local wrong = {
    { "nope" }, { "--nope" }, { "devnet", "--nope" }, { "devnet", "--port", "x" }, { "devnet", "--port", "70000" },
    { "devnet", "--port", "-1" }, { "devnet", "--fees", "some" }, { "devnet", "--chain-id", "0" }, { "run" },
    { "help", "nope" }, { "devnet", "--port" }, { "devnet", "--fault", "drpo" }, { "devnet", "--fault", "drop@2" },
    { "devnet", "--fault", "drop", "--fault", "dup:nope" }, { "resume", "--patience", "-1" }, { "resume", "more" },
  }
  for _, argv in ipairs(wrong) do
    it("refuses `" .. table.concat(argv, " ") .. "` with code 2 and one clear line", function()
      local code, out, err = run(compat.unpack(argv))
      assert.equal(2, code)
      assert.equal("", out)
      assert.matches("^rise: [^\n]+\n", err)
    end)
  end
end)

describe("rise run", function()
  it("gives a script its arguments and ends with 0", function()
    local path = script [[ RESULT = { arg[0], arg[1], (...), select("#", ...) } ]]
    assert.equal(0, (run("run", path, "a", "-b")))
    assert.same({ path, "a", "a", 2 }, RESULT) -- luacheck: ignore 113
    RESULT = nil -- luacheck: ignore 111
    os.remove(path)
  end)

  it("says what the world answered, with the hint, and ends with 1", function()
    local path = script [[
      local rise = require "rise"
      rise.assert(rise.connect { relay = "http://127.0.0.1:1", chain_id = 1 })
    ]]
    local code, _, err = run("run", path)
    assert.equal(1, code)
    assert.matches("^rise: network: ", err)
    assert.matches("\nhint: ", err)
    os.remove(path)
  end)

  it("shows where a script went wrong", function()
    local path = script "local x = nil\nreturn x.y"
    local code, _, err = run("run", path)
    assert.equal(1, code)
    assert.matches(":2: attempt to index", err)
    os.remove(path)
  end)

  it("ends with 2 when there is no such script, or it does not parse", function()
    assert.equal(2, (run("run", "/nonexistent.lua")))
    local path = script "this is not Lua"
    assert.equal(2, (run("run", path)))
    os.remove(path)
  end)
end)

describe("rise resume #devnet", function()
  local flow = require "support.flow"
  local json = require "rise.json"
  local rise = require "rise"
  local net, before, folder, path, f
  setup(function()
    net = flow.start { before = function(method, params) return before and before(method, params) end }
  end)
  teardown(function() net:stop() end)
  before_each(function()
    before = nil
    folder = os.tmpname()
    os.remove(folder)
  end)
  after_each(function() os.execute("rm -rf '" .. folder .. "'") end)

  local function resume(...)
    return run("resume", "--store", path, "--relay", net.ready.relay, "--rpc", net.ready.rpc, "--chain-id",
      tostring(net.ready.chain_id), ...)
  end

  -- A bundle whose request was lost with the program that sent it.
  local function crash()
    local task
    before = function(method)
      if method ~= "wallet_sendPreparedCalls" then return nil end
      before = nil
      task:cancel()
      return "drop"
    end
    task = rise.spawn(function() return f.session:send { f.counter:increment() } end)
    assert.equal("canceled", select(2, task:wait()).code)
    local left = f.wallet.store:bundles { unfinished = true }
    assert.equal(1, #left)
    return left[1]
  end

  for _, kind in ipairs { "sqlite", "file" } do
    it("settles what is left in a store of kind " .. kind .. ", and leaves the keys in it", function()
      path = folder .. "/store"
      local store = assert(rise.store[kind] { path = path, keys = "plaintext" })
      f = flow.session(net, { wallet = flow.connect(net, { store = store }) })
      assert(f.session:send { f.counter:increment() })
      local count = assert(f.counter:count())
      local entry = crash()
      local id = f.session.id
      if store.close then store:close() end

      local code, out, err = resume "--json"
      assert.equal("", err)
      assert.equal(0, code)
      local answer = assert(json.decode(out))
      assert.is_true(answer.settled)
      assert.equal(1, #answer.bundles)
      assert.equal(entry.id, answer.bundles[1].id)
      assert.equal(id, answer.bundles[1].session)
      assert.equal("done", answer.bundles[1].state)
      assert.equal(1, answer.bundles[1].actions)
      assert.matches("^0x%x+$", answer.bundles[1].transaction_hash)
      assert.equal(tostring(count + 1), tostring(assert(f.counter:count())))

      assert.same({ 0, "", "nothing was left unfinished\n" }, { resume() })
      local again = flow.connect(net, { store = assert(rise.store[kind] { path = path, keys = "plaintext" }) })
      assert(assert(again:load_session(id)):send { f.counter:increment() })
      if again.store.close then again.store:close() end
    end)
  end

  it("ends with 4 while a bundle may still land, and says which", function()
    path = folder .. "/store"
    local store = assert(rise.store.sqlite { path = path, keys = "plaintext" })
    f = flow.session(net, { wallet = flow.connect(net, { store = store }) })
    local entry = crash()
    assert(store:claim(entry.id)) -- it is being worked on
    local code, out = resume()
    assert.equal(4, code)
    assert.matches("\n" .. entry.id .. " +sending +" .. f.session.id .. " +1 +another program", out)
    store:close()
    code, out = resume()
    assert.equal(0, code)
    assert.matches("\n" .. entry.id .. " +done +" .. f.session.id .. " +1 +0x%x+\n$", out)
  end)

  it("ends with 2 where no network is named", function()
    path = folder .. "/store"
    assert(core.make_dir(folder))
    local file = assert(io.open(path, "w"))
    file:write '{"format":1,"sessions":[]}'
    file:close()
    local code, _, err = run("resume", "--store", path)
    assert.equal(2, code)
    assert.matches("^rise: usage: no network is named", err)
  end)

  it("ends with 1 where there is no store or no relay, and makes no store", function()
    path = folder .. "/store"
    local code, _, err = resume()
    assert.equal(1, code)
    assert.matches("^rise: store: the session store cannot be opened", err)
    assert.is_nil(io.open(path))
    assert(core.make_dir(folder))
    local file = assert(io.open(path, "w"))
    file:write '{"format":1,"sessions":[]}'
    file:close()
    code, _, err = run("resume", "--store", path, "--relay", "http://127.0.0.1:1", "--chain-id", "1")
    assert.equal(1, code)
    assert.matches("^rise: network: ", err)
  end)
end)

describe("the README", function()
  it("lists every error code with its meaning and hint, and no other", function()
    local file = assert(io.open "README.md")
    local text = file:read "*a"
    file:close()
    local listed = {}
    for code, meaning, retryable, hint in text:gmatch "\n| `([%w_]+)` | ([^|]+) | (%a*) ?| ([^|\n]-) ?|" do
      listed[code] = { meaning, retryable == "yes", hint }
    end
    local known = {}
    for code, entry in pairs(errors.CODES) do known[code] = { entry.text, entry.retryable, entry.hint or "" } end
    assert.same(known, listed)
  end)
end)

describe("the runner #devnet", function()
  local RISE = lua.build .. "/rise"

  local function shell(command)
    local pipe = assert(io.popen(command .. " 2>&1; echo \"exit $?\""))
    local text = pipe:read "*a"
    pipe:close()
    return tonumber(text:match "exit (%d+)%s*$"), text
  end

  -- The whole of the quickstart, under both hosts.
  for _, host in ipairs { lua.program, RISE .. " run" } do
    it("runs the quickstart with " .. host, function()
      local code, text = shell("LUA_PATH='lua/?.lua;lua/?/init.lua;;' LUA_CPATH='" .. lua.build .. "/lib/?.so;;' "
        .. RISE .. " devnet --port 0 --anvil-port 0 -q -- " .. host .. " examples/quickstart.lua")
      assert.equal(0, code, text)
      for _, step in ipairs { "mint", "spend", "increment", "all three", "revoked" } do
        assert.matches(step .. " +0x%x+", text)
      end
      assert.equal(64, #text:match "mint +0x(%x+)")
      assert.matches("1990 STK, counter 2", text)
      assert.matches("afterwards +revoked: ", text)
    end)
  end

  it("shows a session's whole life", function()
    local code, text = shell(RISE .. " demo")
    assert.equal(0, code, text)
    local hashes = {}
    for hash in text:gmatch "transaction +(0x%x+)" do hashes[hash] = true end
    local count = 0
    for _ in pairs(hashes) do count = count + 1 end
    assert.equal(5, count)
    for _, words in ipairs { "public key +0x%x+", "may spend up to 1 ETH per minute",
      "may spend up to 100 STK per hour", "expires at", "refused +spend_limit", "refused +revoked",
      "unchanged +1990 STK, counter 2" } do
      assert.matches(words, text)
    end
  end)

  it("ends with the command it ran, and with its exit code", function()
    local code, text = shell(RISE .. " devnet --port 0 --anvil-port 0 -q -- "
      .. "sh -c 'echo $RISE_RELAY $RISE_WALLET; exit 7'")
    assert.equal(7, code)
    assert.matches("http://127.0.0.1:%d+ http://localhost:%d+/dialog\n", text)
  end)

  it("misbehaves when told to, and says so", function()
    local code, text = shell(RISE .. " devnet --port 0 --anvil-port 0 --fault delay-before=1ms,dup:wallet_prepareCalls "
      .. "--fault delay-after=1ms,seed=5 -- " .. RISE .. " run examples/quickstart.lua")
    assert.equal(0, code, text)
    assert.matches("devnet: faults: delay-before=1ms,dup:wallet_prepareCalls,delay-after=1ms,seed=5\n", text, 1, true)
    assert.matches("devnet: fault: dup of wallet_prepareCalls\n", text, 1, true)
    assert.matches("devnet: fault: delay-after of wallet_sendPreparedCalls: 0.001 s\n", text, 1, true)
    assert.matches("1990 STK, counter 2", text)
  end)

  it("puts the example contracts where scripts look for them", function()
    local networks = require "rise.networks"
    local net = require("support.flow").start()
    for name, address in pairs(networks.devnet.contracts) do assert.equal(address, net.ready.contracts[name]) end
    net:stop()
  end)
end)
