local core = require "rise.core"
local host = require "rise.host"
local json = require "rise.json"
local devnet = require "rise.devnet"
local lua = require "support.lua"
local support = require "support.devnet"

-- Whether a process runs; one that ended and was not collected by its parent does not.
local function runs(pid)
  local file = io.open(string.format("/proc/%d/stat", pid))
  if not file then return false end
  local state = file:read("*a"):match("%) (%a)")
  file:close()
  return state ~= "Z" and state ~= "X"
end

local function wait_until(condition, seconds)
  local deadline = core.monotonic() + (seconds or 5)
  while not condition() do
    if core.monotonic() > deadline then return false end
    os.execute("sleep 0.02")
  end
  return true
end

describe("rise.devnet #devnet", function()
  local net

  after_each(function()
    if net then net:stop() end
    net = nil
  end)

  it("puts the account contracts where RISE testnet has them, and the examples where they always are", function()
    net = support.start()
    assert.equal("0xcb5cef3c54aa90e9a7ad602a258d3d360cc862b9", net.contracts.orchestrator)
    assert.equal("0x33ad2f49ab9f122f5f0fdf579f575724eff353de", net.contracts.account_implementation)
    assert.equal("0x2b568a69868f44e1e4ac077ad6de228169f9d2ae", net.contracts.account_proxy)
    assert.equal("0xb100dc6e1ba9e54965fbb865f65ac42b28bc25e8", net.contracts.simulator)
    assert.equal("0x19e13f4cf8efac2e6d5bec7a4052a37ffbbfc576", net.contracts.funder)
    assert.equal("0xb9aee5c72120eb21161df9b724c700aa8b1a6861", net.contracts.stk)
    assert.equal("0xde1b982fd26fea93497f9fd3775e79fc6989da6e", net.contracts.counter)
    for name, address in pairs(net.contracts) do
      assert.is_true(#assert(net.chain:get_code(address)) > 100, name .. " has no code")
    end
  end)

  it("describes itself in a line of JSON", function()
    net = support.start()
    local line = assert(json.decode(json.encode(net.ready)))
    assert.matches("^http://127%.0%.0%.1:%d+$", line.relay)
    assert.matches("^http://127%.0%.0%.1:%d+$", line.rpc)
    assert.equal(31337, line.chain_id)
    assert.equal(10, #line.accounts)
    assert.equal("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266", line.accounts[1])
    assert.equal(line.quote_signer, assert(net:call("health")).quoteSigner)
    assert.equal("0x692f4eaeb3fc1a2c9a876b5eb52ed53cfc62dcb8", line.fee_recipient)
  end)

  it("leaves the accounts for people untouched", function()
    net = support.start()
    local account = net:landed_account()
    assert(net:keys(account))
    for _, address in ipairs(net.ready.accounts) do assert.equal(0, net.chain:get_nonce(address)) end
  end)

  it("runs more than once at a time, on free ports", function()
    net = support.start()
    local other = support.start { chain_id = 31338 }
    local rpc, chain_id = other.ready.rpc, other.chain:chain_id()
    other:stop()
    assert.are_not.equal(net.ready.rpc, rpc)
    assert.equal(31338, chain_id)
    assert.equal(31337, net.chain:chain_id())
  end)

  it("ends anvil when it stops, and may be stopped again", function()
    net = support.start()
    assert.is_true(runs(net.ready.anvil_pid))
    net:stop()
    assert.is_false(runs(net.ready.anvil_pid))
    net:stop()
  end)

  it("keeps the chain in a state file", function()
    local path = os.tmpname()
    os.remove(path)
    net = support.start { state = path }
    local account = net:landed_account()
    assert.equal(200, assert(net:execute(account, account.admin, { calls = { net:increment() } })).status)
    net:stop()
    net = support.start { state = path }
    os.remove(path)
    assert.equal("1", tostring(net:count()))
    assert.is_table(net:keys(account)[support.hash_of(account.admin)])
  end)

  it("works where blocks come by the clock", function()
    net = support.start { block_time = 1 }
    local account = net:landed_account()
    assert.equal("admin", net:keys(account)[support.hash_of(account.admin)].role)
  end)

  it("says that the chain's port is taken", function()
    local blocker = assert(host.httpd { port = 0 })
    local made, err = devnet.start { port = 0, anvil_port = blocker:port() }
    blocker:close()
    assert.is_nil(made)
    assert.equal("io", err.code)
    assert.matches("in use", err.message, 1, true)
    assert.matches("--anvil-port", err.hint, 1, true)
  end)

  it("says that the relay's port is taken, and leaves no chain behind", function()
    local blocker = assert(host.httpd { port = 0 })
    local lines = {}
    local made, err = devnet.start { port = blocker:port(), anvil_port = 0,
      log = function(line) lines[#lines + 1] = line end }
    blocker:close()
    assert.is_nil(made)
    assert.equal("io", err.code)
    assert.matches("--port", err.hint, 1, true)
    assert.equal("deploying 7 contracts", lines[#lines])
  end)

  it("says what to do when the packages are not installed", function()
    local made, err = devnet.start { packages = "/nowhere", port = 0, anvil_port = 0 }
    assert.is_nil(made)
    assert.equal("io", err.code)
    assert.matches("RISE_DEVNET_DIR", err.hint, 1, true)
  end)

  it("raises on options it does not know", function()
    assert.error_matches(function() devnet.start { prot = 1 } end, "unknown option \"prot\"", 1, true)
    assert.error_matches(function() devnet.start { fees = "some" } end, "fees must be", 1, true)
  end)

  it("notices that anvil has ended", function()
    net = support.start()
    assert.is_true(net.devnet:alive())
    os.execute("kill -KILL " .. net.ready.anvil_pid)
    local alive, err
    wait_until(function()
      alive, err = net.devnet:alive()
      return not alive
    end)
    assert.is_nil(alive)
    assert.equal("io", err.code)
    assert.matches("anvil ended", err.message, 1, true)
  end)

  describe("as a process of its own", function()
    local PROGRAM = [[
      local devnet = assert(require("rise.devnet").start { port = 0, anvil_port = 0 })
      print(require("rise.json").encode(devnet.ready))
      io.stdout:flush()
      print(devnet:run())
      devnet:stop()
    ]]
    local child, output

    before_each(function()
      child = assert(host.spawn { lua.program, "-e", PROGRAM, stdout = "pipe",
        env = { LUA_PATH = package.path, LUA_CPATH = package.cpath } })
      output = ""
      assert.is_true(wait_until(function()
        output = output .. (child:read() or "")
        return output:find("\n")
      end, 20), "no ready line")
    end)

    after_each(function() child:close() end)

    it("ends with a signal, and anvil with it", function()
      local ready = assert(json.decode(output))
      child:kill("TERM")
      assert.equal(0, child:wait(10))
      assert.equal("TERM\n", child:read())
      assert.is_false(runs(ready.anvil_pid))
    end)

    it("leaves no anvil behind when it is killed", function()
      local ready = assert(json.decode(output))
      assert.is_true(runs(ready.anvil_pid))
      child:kill("KILL")
      assert.equal(137, child:wait(10))
      assert.is_true(wait_until(function() return not runs(ready.anvil_pid) end), "anvil is still there")
    end)
  end)
end)
