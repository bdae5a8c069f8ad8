-- The gas key by itself: what nodes say, in their own words, and which nonces are given out.
local Chain = require "rise.chain"
local GasKey = require "rise.gas_key"
local Loop = require "rise.loop"
local Rpc = require "rise.rpc"
local core = require "rise.core"
local json = require "rise.json"
local fake = require "support.fake_transport"

describe("gas_key.meaning", function()
  local function of(code, message, data, http_status)
    return GasKey.meaning { code = "rpc", rpc_code = code, rpc_message = message, data = data,
      http_status = http_status }
  end

  it("knows the words of the nodes", function()
    for message, meaning in pairs {
      ["already known"] = "known",                                            -- geth
      ["transaction already imported"] = "known",                             -- anvil
      ["nonce too low: next nonce 7, tx nonce 5"] = "taken",
      ["replacement transaction underpriced"] = "taken",
      ["Nonce too high"] = "ahead",
      ["insufficient funds for gas * price + value: balance 0"] = "poor",
      ["Insufficient funds for gas * price + value"] = "poor",
      ["max fee per gas less than block base fee: address 0x00"] = "cheap",
      ["transaction underpriced"] = "cheap",
      ["exceeds block gas limit"] = "refused",
    } do
      assert.equal(meaning, of(-32000, message), message)
    end
  end)

  it("takes a hash in the data for a transaction that the node has", function()
    local hash = "0x" .. ("ab"):rep(32)
    for _, code in ipairs { 4, 5, -32002 } do
      assert.equal("known", of(code, "timeout", hash))
      assert.equal("unsure", of(code, "timeout"))
      assert.equal("unsure", of(code, "timeout", "0x12"))
    end
  end)

  it("is sure of nothing that a proxy or the network says", function()
    assert.equal("unsure", of(-32000, "nonce too low", nil, 502))
    assert.equal("unsure", GasKey.meaning { code = "timeout" })
    assert.equal("unsent", GasKey.meaning { code = "network", sent = false })
  end)
end)

describe("gas_key nonces", function()
  local gas, asked, counts

  -- A node that knows nothing but how many transactions there are, by tag.
  before_each(function()
    asked, counts = 0, { pending = 5, latest = 5 }
    local loop = Loop.new { transport = fake.new(function(request)
      local call = assert(json.decode(request.body))
      assert.equal("eth_getTransactionCount", call.method)
      asked = asked + 1
      return json.encode { jsonrpc = "2.0", id = call.id, result = string.format("0x%x", counts[call.params[2]]) }
    end) }
    gas = GasKey.new { loop = loop, chain = Chain.new { rpc = Rpc.new { loop = loop, url = "http://node" } },
      chain_id = 1, key = assert(core.key_generate "secp256k1"), max_in_flight = 4 }
  end)

  local function take() return assert(gas:take()) end

  it("are counted here after one look", function()
    assert.same({ 5, 6, 7 }, { take(), take(), take() })
    assert.equal(1, asked)
  end)

  it("come again when they were not used", function()
    local first, second, third = take(), take(), take()
    gas:give_back(third, "unused")
    gas:give_back(second, "unused")
    assert.same({ 6, 7 }, { take(), take() })
    gas:give_back(first, "unused")
    assert.equal(5, take())
    assert.equal(8, take())
  end)

  it("do not come again when they were used, or may have been", function()
    gas:give_back(take(), "used")
    assert.equal(6, take())
    gas:give_back(6, "unknown")
    counts.pending = 6 -- nobody works on any: the node is asked what became of it
    assert.equal(6, take())
    assert.equal(2, asked)
  end)

  it("are not counted anew under those who work on some", function()
    local first, second = take(), take()
    gas:give_back(second, "unknown")
    assert.equal(7, take())
    assert.equal(1, asked)
    assert.equal(5, first)
  end)

  it("go past what somebody else uses", function()
    take()
    counts.pending = 9
    assert(gas:skip(5))
    assert.equal(9, take())
    assert(gas:skip(9)) -- though the node does not say so
    assert.equal(10, take())
  end)

  it("are counted anew where the node lacks some, without those in work", function()
    local first, second = take(), take()
    gas:recount(second)
    assert.equal(6, take())
    assert.equal(5, first)
    assert.equal(2, asked)
  end)
end)
