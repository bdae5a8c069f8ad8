local Loop = require "rise.loop"
local Rpc = require "rise.rpc"
local fake_transport = require "support.fake_transport"

local function client(answer, peer)
  local transport = fake_transport.new { function() return answer end }
  return Rpc.new { loop = Loop.new { transport = transport }, url = "http://localhost:1", peer = peer or "relay",
    max_reply = 1000 }, transport
end

describe("rpc", function()
  it("sends one JSON-RPC 2.0 request and gives the result and the response text", function()
    local rpc, transport = client '{"jsonrpc":"2.0","id":1,"result":{"a":1}}'
    local result, text = rpc:call("health", { 31337 })
    assert.same({ a = 1 }, result)
    assert.equal('{"jsonrpc":"2.0","id":1,"result":{"a":1}}', text)
    assert.equal('{"jsonrpc":"2.0","id":1,"method":"health","params":[31337]}', transport.requests[1].body)
  end)

  it("leaves params out when there are none", function()
    local rpc, transport = client '{"jsonrpc":"2.0","id":1,"result":true}'
    rpc:call "health"
    assert.equal('{"jsonrpc":"2.0","id":1,"method":"health"}', transport.requests[1].body)
  end)

  it("gives the members of an error object", function()
    local rpc = client '{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"Nope(…)","data":"0x01"}}'
    local _, err = rpc:call("m", {})
    assert.equal("rpc", err.code)
    assert.equal(3, err.rpc_code)
    assert.equal("0x01", err.data)
  end)

  local nonsense = {
    ["malformed JSON"] = '{"jsonrpc":"2.0","id":1,"result":',
    ["another id"] = '{"jsonrpc":"2.0","id":2,"result":1}',
    ["neither result nor error"] = '{"jsonrpc":"2.0","id":1}',
    ["a bare value"] = "7",
    ["an empty body"] = "",
    ["garbage"] = "\0\1\2\255 <html>",
  }
  for what, body in pairs(nonsense) do
    it("calls " .. what .. " the peer's error", function()
      local _, err = client(body):call("m", {})
      assert.equal("relay", err.code)
      local _, node_err = client(body, "node"):call("m", {})
      assert.equal("node", node_err.code)
    end)
  end

  it("takes HTTP 500 for the peer's error that may pass", function()
    local _, err = client({ status = 500, body = "oops" }):call("m", {})
    assert.equal("relay", err.code)
    assert.equal(500, err.http_status)
    assert.is_true(err.retryable)
  end)

  it("reads a JSON-RPC error that comes with another HTTP status", function()
    local _, err = client({ status = 400, body = '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}' })
      :call("m", {})
    assert.equal(-32700, err.rpc_code)
  end)

  it("keeps network errors apart, and whether anything was sent", function()
    local _, err = client({ err = "network", sent = false }):call("m", {})
    assert.equal("network", err.code)
    assert.is_false(err.sent)
    _, err = client({ err = "limit" }):call("m", {})
    assert.equal("relay", err.code)
    assert.matches("more than 1000 bytes", err.message)
  end)
end)
