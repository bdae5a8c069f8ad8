-- events.json holds what widely used JavaScript libraries agree on.
local core = require "rise.core"
local cases = require "support.abi_cases"

local vectors = cases.load "events"

local function topics_of(case)
  local topics = {}
  for i, topic in ipairs(case.topics) do topics[i] = core.unhex(topic) end
  return topics
end

local function word(number)
  return core.unhex("0x" .. string.format("%064x", number))
end

local function refusal(value, err)
  assert.is_nil(value)
  return err
end

describe("decode_log", function()
  it("gives the arguments of the vectors", function()
    assert.equal(60, #vectors.cases)
    for _, case in ipairs(vectors.cases) do
      local item = assert(core.abi(case.event))
      assert.equal(case.signature, item:signature())
      assert.equal(case.topic0, core.hex(item:hash()))
      local inputs, shown = item:inputs(), {}
      for i, input in ipairs(inputs) do
        local hashed = input.indexed and (input.type == "string" or input.type == "bytes" or input.type:find("[%]%)]$"))
        shown[i] = hashed and { name = input.name, type = "bytes32" } or input
      end
      local args = assert(item:decode_log(topics_of(case), core.unhex(case.data)))
      assert.same(cases.plain_list(case.args, shown), cases.plain_list(args, shown), case.event)
      for i, input in ipairs(inputs) do
        if input.name ~= "" then assert.equal(args[i], args[input.name], case.event) end
      end
    end
  end)

  it("gives the topic itself for indexed strings, bytes, arrays and tuples", function()
    local item = assert(core.abi "event E(string indexed a, uint8[2] indexed b, (uint8 x) indexed c, (uint8 x) d)")
    local hash = ("\171"):rep(32)
    local args = assert(item:decode_log({ item:hash(), hash, hash, hash }, word(5)))
    local shown = "0x" .. ("ab"):rep(32)
    assert.same({ shown, shown, shown, { 5, x = 5 }, a = shown, b = shown, c = shown, d = { 5, x = 5 } }, args)
  end)

  it("takes the log of an anonymous event, which has up to four indexed parameters", function()
    local item = assert(core.abi "event E(uint8 indexed a, uint8 b, uint8 indexed c) anonymous")
    assert.same({ 1, 2, 3, a = 1, b = 2, c = 3 }, item:decode_log({ word(1), word(3) }, word(2)))
  end)

  it("refuses the log of another event", function()
    local item = assert(core.abi "event Transfer(address indexed from, address indexed to, uint256 value)")
    local err = refusal(item:decode_log({ word(1), word(2), word(3) }, word(4)))
    assert.equal("invalid_data", err.code)
    assert.equal("the log is of another event", err.message)
  end)

  it("refuses another number of topics, as of an event of the same signature with other indexed parameters", function()
    local item = assert(core.abi "event Transfer(address indexed from, address indexed to, uint256 value)")
    local err = refusal(item:decode_log({ item:hash(), word(2), word(3), word(4) }, ""))
    assert.equal("invalid_data", err.code)
    assert.equal("invalid_data", refusal(item:decode_log({ item:hash(), word(2) }, word(3))).code)
    assert.equal("invalid_data", refusal(item:decode_log({}, word(3))).code)
  end)

  it("refuses malformed topics and data", function()
    local item = assert(core.abi "event E(bool indexed a, bytes b)")
    local err = refusal(item:decode_log({ item:hash(), word(2) }, word(32) .. word(0)))
    assert.equal("invalid_data", err.code)
    assert.matches("^topic 2, a: at byte 0: 0x0+2 does not fit bool$", err.message)
    assert.equal("invalid_data", refusal(item:decode_log({ item:hash(), "\1" }, word(32) .. word(0))).code)
    assert.equal("invalid_data", refusal(item:decode_log({ item:hash(), word(1) }, word(32) .. word(1))).code)
    assert.equal("invalid_data", refusal(item:decode_log({ item:hash(), word(1) }, "")).code)
    assert.equal("0x", assert(item:decode_log({ item:hash(), word(1) }, word(32) .. word(0))).b)
  end)

  it("raises for what is no event, no topics or no data", function()
    local item = assert(core.abi "event E()")
    assert.has_error(function() core.abi("f()"):decode_log({}, "") end)
    assert.has_error(function() item:decode_log(item:hash(), "") end)
    assert.has_error(function() item:decode_log({ 5 }, "") end)
    assert.has_error(function() item:decode_log({ item:hash() }) end)
    assert.same({}, item:decode_log({ item:hash() }, ""))
  end)
end)
