local Loop = require "rise.loop"
local Chain = require "rise.chain"
local Contract = require "rise.contract"
local Rpc = require "rise.rpc"
local core = require "rise.core"
local fake_transport = require "support.fake_transport"

local ADDRESS = "0x00000000000000000000000000000000000000aa"
local PLAYER = "0x00000000000000000000000000000000000000bb"
local ABI = {
  "struct Pair { uint256 a; string b; }",
  "function mint(address to, uint256 amount)",
  "function pay(uint256 id) payable",
  "function pairOf(address owner) view returns (Pair pair)",
  "function both() view returns (uint256, bool)",
  "function set(uint256 x)",
  "function set(string x)",
  "error Broke(uint256 have, uint256 need)",
}

local function contract_over(result)
  local body = type(result) == "table" and result.body
    or '{"jsonrpc":"2.0","id":1,"result":"' .. tostring(result) .. '"}'
  local loop = Loop.new { transport = fake_transport.new { function() return body end } }
  local wallet = { abi_items = {}, chain = Chain.new { rpc = Rpc.new { loop = loop, url = "http://localhost:1" } } }
  return assert(Contract.new(wallet, ADDRESS, ABI)), wallet
end

local function raised(fn, ...)
  local ok, message = pcall(fn, ...)
  assert.is_false(ok)
  return tostring(message)
end

describe("contract", function()
  it("makes calls ready to send", function()
    local contract = contract_over()
    local call = contract:mint(PLAYER, 5)
    assert.equal(ADDRESS, call.to)
    assert.equal("0", tostring(call.value))
    assert.equal("0x40c10f19" .. ("0"):rep(62) .. "bb" .. ("0"):rep(63) .. "5", call.data)
    assert.equal("7", tostring(contract:pay(1, { value = 7 }).value))
  end)

  it("raises at the caller's line when the arguments do not fit", function()
    local contract = contract_over()
    assert.matches("contract_spec.lua:%d+: mint%(address,uint256%) takes 2 arguments, got 1",
      raised(function() contract:mint(PLAYER) end))
    assert.matches("contract_spec.lua:%d+: mint%(address,uint256%)",
      raised(function() contract:mint("0x12", 1) end))
    assert.matches("not payable", raised(function() contract:mint(PLAYER, 1, { value = 1 }) end))
    assert.matches("has no function burn", raised(function() contract:burn(1) end))
    assert.matches("overloaded", raised(function() contract:set(1) end))
  end)

  it("reaches an overloaded function by its signature", function()
    local contract = contract_over()
    assert.equal("0x60fe47b1", contract["set(uint256)"](contract, 1).data:sub(1, 10))
    assert.equal("0x4ed3885e", contract["set(string)"](contract, "x").data:sub(1, 10))
  end)

  it("reads views and gives each output", function()
    local contract = contract_over("0x" .. ("0"):rep(63) .. "7" .. ("0"):rep(63) .. "1")
    local number, flag = contract:both()
    assert.equal("7", tostring(number))
    assert.is_true(flag)
  end)

  it("gives tuples with their names", function()
    local item = core.abi "(uint256 a, string b)"
    local data = assert(item:encode { 7, "seven" })
    local word = ("0"):rep(62) .. "20"
    local pair = assert(contract_over("0x" .. word .. core.hex(data):sub(3)):pairOf(PLAYER))
    assert.equal("7", tostring(pair.a))
    assert.equal("seven", pair.b)
  end)

  it("says that there is no contract when nothing comes back", function()
    local value, err = contract_over("0x"):both()
    assert.is_nil(value)
    assert.equal("node", err.code)
    assert.matches("no such contract", err.message)
  end)

  it("decodes a revert with the errors of its own ABI", function()
    local broke = core.abi "error Broke(uint256 have, uint256 need)"
    local data = core.hex(broke:encode_call { 1, 2 })
    local contract = contract_over { body = '{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"reverted","data":"'
      .. data .. '"}}' }
    local value, err = contract:both()
    assert.is_nil(value)
    assert.equal("reverted", err.code)
    assert.matches("Broke%(have: 1, need: 2%)", err.message)
  end)

  it("reads a JSON ABI as it reads lines", function()
    local wallet = { abi_items = {} }
    local contract = assert(Contract.new(wallet, ADDRESS, [=[[
      {"type":"function","name":"put","stateMutability":"nonpayable","outputs":[],
       "inputs":[{"name":"list","type":"tuple[]","components":[{"name":"a","type":"uint256"},
         {"name":"b","type":"bytes"}]}]},
      {"type":"event","name":"Ran","inputs":[{"name":"who","type":"address","indexed":true}],"anonymous":false},
      {"type":"error","name":"Nope","inputs":[]}, {"type":"receive","stateMutability":"payable"}, {"type":"constructor",
       "inputs":[{"name":"x","type":"uint8"}],"stateMutability":"nonpayable"}]]=]))
    assert.equal("put((uint256,bytes)[])", contract.items[1]:signature())
    assert.equal("Ran(address)", contract.items[2]:signature())
    assert.equal(1, #wallet.abi_items)
    assert.equal("0x", contract:put({ { a = 1, b = "0x01" } }).data:sub(1, 2))
  end)

  it("names the entry of an ABI that is wrong", function()
    local contract, err = Contract.new({ abi_items = {} }, ADDRESS, { "function ok()", "function f(uint7 x)" })
    assert.is_nil(contract)
    assert.equal("invalid_abi", err.code)
    assert.matches("abi%[2%]", err.message)
  end)
end)
