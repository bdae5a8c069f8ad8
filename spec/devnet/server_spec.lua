local core = require "rise.core"
local json = require "rise.json"
local support = require "support.devnet"

describe("rise.devnet.server #devnet", function()
  local net

  setup(function() net = support.start() end)
  teardown(function() net:stop() end)

  local function post(body, content_type)
    local reply = net:fetch { body = body, content_type = content_type }
    return reply.status, reply.body
  end

  local function error_of(body)
    return assert(json.decode(body)).error
  end

  it("answers GET /health with the bare result", function()
    local reply = net:fetch { method = "GET", path = "/health" }
    assert.equal(200, reply.status)
    assert.equal("rpc ok", json.decode(reply.body).status)
  end)

  it("refuses other methods than POST", function()
    assert.equal(405, net:fetch({ method = "GET", path = "/" }).status)
    assert.equal(405, net:fetch({ method = "PUT", body = "{}" }).status)
    assert.equal(405, net:fetch({ method = "DELETE" }).status)
  end)

  it("answers the browser's question before a request", function()
    assert.equal(204, net:fetch({ method = "OPTIONS" }).status)
  end)

  it("refuses other content types than JSON", function()
    local request = '{"jsonrpc":"2.0","id":1,"method":"health"}'
    assert.equal(415, (post(request, "text/plain")))
    assert.equal(415, (post(request, "application/json; charset=latin1")))
    assert.equal(200, (post(request, "application/json; charset=utf-8")))
    assert.equal(200, (post(request, "application/json-rpc")))
  end)

  it("takes any path", function()
    local reply = net:fetch { path = "/some/where", body = '{"jsonrpc":"2.0","id":1,"method":"health"}' }
    assert.equal("rpc ok", json.decode(reply.body).result.status)
  end)

  it("says HTTP 400 and -32700 to what is not JSON", function()
    for _, body in ipairs { "", "hello", '{"jsonrpc":"2.0",', '{"a":1}x' } do
      local status, answer = post(body)
      assert.equal(400, status)
      assert.equal(-32700, error_of(answer).code)
    end
  end)

  it("says 413 to more than 10 MiB", function()
    local status, answer = post('{"jsonrpc":"2.0","id":1,"method":"health","x":"' .. ("a"):rep(10485760) .. '"}')
    assert.equal(413, status)
    assert.equal(-32007, error_of(answer).code)
    assert.equal(413, (post(("a"):rep(12000000))))
  end)

  it("goes on after a body of almost 10 MiB", function()
    local status, answer = post('{"jsonrpc":"2.0","id":1,"method":"health","x":"' .. ("a"):rep(10000000) .. '"}')
    assert.equal(200, status)
    assert.equal("rpc ok", json.decode(answer).result.status)
  end)

  it("echoes ids as they came", function()
    for _, id in ipairs { "1", "0", "18446744073709551615", "9007199254740993", '"a b"', "null" } do
      local _, answer = post('{"jsonrpc":"2.0","id":' .. id .. ',"method":"health"}')
      local first, last = core.json_span(answer, "id")
      assert.equal(id, answer:sub(first, last))
    end
  end)

  it("refuses requests that are none", function()
    for _, body in ipairs {
      "1", '"x"', "null", "{}", '{"jsonrpc":"2.0","id":1}', '{"jsonrpc":"1.0","id":1,"method":"health"}',
      '{"jsonrpc":"2.0","id":1.5,"method":"health"}', '{"jsonrpc":"2.0","id":-1,"method":"health"}',
      '{"jsonrpc":"2.0","id":{},"method":"health"}', '{"jsonrpc":"2.0","id":1,"method":5}',
      '{"jsonrpc":"2.0","id":18446744073709551616,"method":"health"}', "[]",
    } do
      local status, answer = post(body)
      assert.equal(200, status)
      assert.equal(-32600, error_of(answer).code, body)
    end
  end)

  it("does not know other methods", function()
    for _, method in ipairs { "wallet_getAccount", "eth_chainId", "", "account_setEmail" } do
      local _, answer = post('{"jsonrpc":"2.0","id":1,"method":"' .. method .. '"}')
      assert.equal(-32601, error_of(answer).code)
    end
  end)

  it("wants parameters in an array", function()
    local _, answer = post '{"jsonrpc":"2.0","id":1,"method":"wallet_getKeys","params":{"address":"0x"}}'
    assert.equal(-32602, error_of(answer).code)
  end)

  it("answers a notification with nothing", function()
    local status, answer = post '{"jsonrpc":"2.0","method":"health"}'
    assert.equal(200, status)
    assert.equal("", answer)
  end)

  it("answers a batch in one go, entry by entry", function()
    local _, answer = post([[[{"jsonrpc":"2.0","id":1,"method":"health"},{"jsonrpc":"2.0","method":"health"},
      {"jsonrpc":"2.0","id":"two","method":"nothing"},3]
    ]])
    local list = assert(json.decode(answer))
    assert.equal(3, #list)
    local by_id = {}
    for _, entry in ipairs(list) do
      by_id[entry.id == json.null and "null" or tostring(entry.id):match("%w+")] = entry
    end
    assert.equal("rpc ok", by_id["1"].result.status)
    assert.equal(-32601, by_id.two.error.code)
    assert.equal(-32600, by_id.null.error.code)
  end)

  it("answers a batch of notifications with nothing", function()
    local status, answer = post '[{"jsonrpc":"2.0","method":"health"}]'
    assert.equal(200, status)
    assert.equal("", answer)
  end)

  it("serves many at once", function()
    local tasks = {}
    for i = 1, 100 do
      tasks[i] = net.loop:spawn(function() return net:call("health") end)
    end
    for _, task in ipairs(tasks) do assert.equal("rpc ok", assert(task:wait()).status) end
  end)
end)

describe("a method of rise.devnet.server #devnet", function()
  local Loop = require "rise.loop"
  local Rpc = require "rise.rpc"
  local Server = require "rise.devnet.server"
  local rpc_error = require "rise.devnet.rpc_error"

  local function call(method)
    local loop, lines = Loop.new(), {}
    local server = assert(Server.start {
      loop = loop, host = "127.0.0.1", port = 0, methods = { it = method },
      log = function(line) lines[#lines + 1] = line end,
    })
    finally(function() server:stop() end)
    local rpc = Rpc.new { loop = loop, url = "http://127.0.0.1:" .. server.port }
    local result, err = rpc:call("it", json.array {})
    return result, err, lines
  end

  it("that raises costs its caller an internal error, and is written down", function()
    local result, err, lines = call(function() error("oh no") end)
    assert.is_nil(result)
    assert.equal(-32603, err.rpc_code)
    assert.equal("an internal error occurred", err.rpc_message)
    assert.matches("a fault in it: .*oh no", lines[1])
  end)

  it("that cannot reach the node says so", function()
    local errors = require "rise.errors"
    local _, err = call(function() return errors.fail("network", "no node") end)
    assert.equal(-32603, err.rpc_code)
    assert.equal("no node", err.rpc_message)
  end)

  it("may give a revert of the node as one", function()
    local errors = require "rise.errors"
    local _, err = call(function() return errors.fail("reverted", "it did", { data = "0xe57b6304" }) end)
    assert.equal(3, err.rpc_code)
    assert.equal("0xe57b6304", err.data)
    assert.equal("KeyDoesNotExist(KeyDoesNotExist)", err.rpc_message)
  end)

  it("may refuse", function()
    local _, err = call(function() return rpc_error.refuse("not %s", "now") end)
    assert.equal(-32602, err.rpc_code)
    assert.equal("not now", err.rpc_message)
  end)

  it("cannot answer with more than 10 MiB", function()
    local _, err = call(function() return ("x"):rep(10 * 1024 * 1024) end)
    assert.equal(-32008, err.rpc_code)
  end)
end)

describe("the hooks of rise.devnet.server #devnet", function()
  local net, before, intercept

  setup(function()
    net = support.start {
      before = function(...) return before and before(...) end,
      intercept = function(...) return intercept and intercept(...) end,
    }
  end)
  teardown(function() net:stop() end)
  before_each(function() before, intercept = nil, nil end)

  it("see the method, its parameters and the answer", function()
    local seen
    intercept = function(method, params, text) seen = { method, params[1].address, text } end
    net:refusal("wallet_getKeys", { address = "0x" .. ("11"):rep(20) })
    assert.equal("wallet_getKeys", seen[1])
    assert.equal("0x" .. ("11"):rep(20), seen[2])
    assert.matches("eoa not delegated", seen[3], 1, true)
  end)

  it("can put another answer in place", function()
    intercept = function(_, _, text) return (text:gsub("rpc ok", "rpc odd")) end
    assert.equal("rpc odd", assert(net:call("health")).status)
  end)

  it("can answer as a broken server does", function()
    intercept = function() return { http_status = 500, body = "oh" } end
    local reply = net:fetch { body = '{"jsonrpc":"2.0","id":1,"method":"health"}' }
    assert.equal(500, reply.status)
    assert.equal("oh", reply.body)
  end)

  it("can answer with more than anybody wants", function()
    intercept = function() return ("x"):rep(20 * 1024 * 1024) end
    local _, err = net:call("health")
    assert.equal("relay", err.code)
  end)

  it("can keep an answer back", function()
    intercept = function() return "hang" end
    local _, err = net.relay:call("health", nil, { timeout = 0.3 })
    assert.equal("timeout", err.code)
    intercept = nil
    assert.equal("rpc ok", assert(net:call("health")).status)
  end)

  it("can end the connection without an answer, also that of a batch", function()
    intercept = function(method) return method == "health" and "drop" or nil end
    local _, err = net:call("health")
    assert.equal("network", err.code)
    local reply
    reply, err = net.loop:fetch { url = net.ready.relay,
      body = '[{"jsonrpc":"2.0","id":1,"method":"nothing"},{"jsonrpc":"2.0","id":2,"method":"health"}]' }
    assert.is_nil(reply)
    assert.equal("network", err.code)
    intercept = nil
    assert.equal("rpc ok", assert(net:call("health")).status)
  end)

  it("can refuse before anything is done", function()
    local account = net:create_account()
    before = function(method) return method == "wallet_upgradeAccount" and { http_status = 503, body = "" } or nil end
    local prepared = assert(net:call("wallet_prepareUpgradeAccount",
      net:upgrade_request(account.address, { support.admin_entry(account.admin) })))
    local _, err = net:call("wallet_upgradeAccount", { context = prepared.context, signatures = {} })
    assert.equal(503, err.http_status)
  end)

  it("can let a client wait", function()
    local delayed
    intercept = function(_, _, text)
      net.loop:sleep(0.2)
      delayed = true
      return text
    end
    assert.equal("rpc ok", assert(net:call("health")).status)
    assert.is_true(delayed)
  end)
end)
