local Loop = require "rise.loop"
local Relay = require "rise.relay"
local Rpc = require "rise.rpc"
local fake_transport = require "support.fake_transport"
local json = require "rise.json"

local function relay_that_answers(body)
  local transport = fake_transport.new(function() return body end)
  return Relay.new { rpc = Rpc.new { loop = Loop.new { transport = transport }, url = "http://localhost:1",
    peer = "relay" } }, transport
end

local function relay_that_refuses(code, message, data)
  return relay_that_answers(json.encode { jsonrpc = "2.0", id = 1,
    error = { code = code, message = message, data = data } })
end

describe("relay", function()
  -- The relay's texts, reference section 1.4, and the word of rise for each.
  local meanings = {
    { -32602, "quote expired", "quote_expired" },
    { -32602, "invalid quote signer", "quote_expired" },
    { -32602, "key hash 0xabcd is unknown", "not_granted" },
    { -32602, "eoa not delegated: 0xabcd", "unknown_account" },
    { -32602, "quotes for unknown accounts are not accepted", "unknown_account" },
    { -32602, "Account with address 0xabcd does not exist in storage.", "unknown_account" },
    { -32602, "Bundle 0xabcd does not exist", "unknown_bundle" },
    { -32602, "quote has asset deficits and is expected to fail", "insufficient_funds" },
    { -32603, "unsupported chain 7", "unsupported" },
    { -32601, "Method not found", "unsupported" },
    { -32602, "Invalid params", "relay" },
    { -32603, "an internal error occurred", "relay" },
    { 3, "UnauthorizedCall(…)", "reverted" },
  }
  for _, case in ipairs(meanings) do
    it("calls \"" .. case[2] .. "\" " .. case[3], function()
      local relay = relay_that_refuses(case[1], case[2], "0x01")
      local result, err = relay:prepare_calls {}
      assert.is_nil(result)
      assert.equal(case[3], err.code)
      assert.equal(case[1], err.rpc_code)
      assert.equal(case[2], err.rpc_message)
      assert.equal("0x01", err.data)
    end)
  end

  it("takes an internal error for one that may pass, a refusal for final", function()
    assert.is_true(select(2, relay_that_refuses(-32603, "an internal error occurred"):health()).retryable)
    assert.is_false(select(2, relay_that_refuses(-32602, "Invalid params"):health()).retryable)
  end)

  it("keeps the context byte for byte and sends it back so", function()
    local context = '{ "quote" : {"ttl":1767225600,"n":12345678901234567,"e":[],"o":{}, "x":"\\u0041/"} }'
    local relay = relay_that_answers('{"jsonrpc":"2.0","id":1,"result":{"digest":"0x","context":' .. context .. '}}')
    local prepared = assert(relay:prepare_calls {})
    assert.equal(context, prepared.context_text)

    local sender, transport = relay_that_answers '{"jsonrpc":"2.0","id":1,"result":{"id":"0x01"}}'
    assert(sender:send_prepared_calls { context_text = prepared.context_text, signature = "0x00" })
    assert.is_truthy(transport.requests[1].body:find(context, 1, true))
  end)

  it("says so when a prepared answer has no context", function()
    for result, code in pairs { ["{}"] = "relay_tampered", ["7"] = "relay" } do
      local prepared, err = relay_that_answers('{"jsonrpc":"2.0","id":1,"result":' .. result .. "}"):prepare_calls {}
      assert.is_nil(prepared)
      assert.equal(code, err.code)
    end
  end)

  it("does not take a prepared answer that names a member twice: others may read the other one", function()
    local honest = '{"jsonrpc":"2.0","id":1,"result":{"context":{"a\\\\":"\\":","b":[{"c":null},{"c":"x\\":"}]}}}'
    assert(relay_that_answers(honest):prepare_calls {})
    for _, body in ipairs {
      '{"jsonrpc":"2.0","id":1,"result":{"context":{"a":1,"a":1}}}',
      '{"jsonrpc":"2.0","id":1,"result":{"context":{"a":1,"\\u0061" :2}}}',
      '{"jsonrpc":"2.0","id":1,"result":{"context":{}},"result":{"context":{}}}',
      '{"jsonrpc":"2.0","id":1,"result":{"context":{"b":[{"c\\\\":1,"c\\\\":[]}]}}}',
    } do
      local prepared, err = relay_that_answers(body):prepare_calls {}
      assert.is_nil(prepared)
      assert.equal("relay_tampered", err.code, body)
    end
  end)

  it("nests the chain ids of wallet_getCapabilities twice", function()
    local relay, transport = relay_that_answers '{"jsonrpc":"2.0","id":1,"result":{}}'
    relay:get_capabilities { 31337 }
    assert.is_truthy(transport.requests[1].body:find('"params":[[31337]]', 1, true))
  end)
end)
