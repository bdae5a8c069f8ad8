-- Known answers: vectors/account.json (selectors, calldata, reads: observed on the contracts themselves) and
-- vectors/errors.json (selectors of the account system's errors).
local contracts = require "rise.contracts"
local core = require "rise.core"
local vectors = require "support.vectors"

local account = vectors.load "account"

-- Functions and events of a group as signature -> hex.
local function table_of(group)
  local functions, events, errs = {}, {}, {}
  for _, line in ipairs(contracts.lines[group]) do
    local name = type(line) == "table" and line[1] or line:match("^%l+ ([%w_]+)")
    local item = contracts[group][name]
    if item:kind() == "function" then functions[item:signature()] = core.hex(item:selector()) end
    if item:kind() == "event" then events[item:signature()] = core.hex(item:hash()) end
    if item:kind() == "error" then errs[item:signature()] = core.hex(item:selector()) end
  end
  return functions, events, errs
end

-- Decoded values as the vectors write them: numbers as text, tuples by name alone.
local function plain(value)
  if core.is_u256(value) then return tostring(value) end
  if type(value) == "number" then return string.format("%.0f", value) end
  if type(value) ~= "table" then return value end
  local named = {}
  for name, member in pairs(value) do
    if type(name) == "string" then named[name] = plain(member) end
  end
  if next(named) then return named end
  local list = {}
  for i, member in ipairs(value) do list[i] = plain(member) end
  return list
end

describe("contracts", function()
  for group, name in pairs { account = "IthacaAccount", orchestrator = "Orchestrator", simulator = "Simulator" } do
    it("has the selectors and topics of the " .. group .. "'s bytecode", function()
      local known = account.selectors[name]
      local functions, events = table_of(group)
      for signature, selector in pairs(functions) do
        if signature ~= "eip712Domain()" or known.functions[signature] then
          assert.equal(known.functions[signature], selector, signature)
        end
      end
      for signature, topic in pairs(events) do assert.equal(known.events[signature], topic, signature) end
    end)
  end

  it("knows every error that account and orchestrator declare", function()
    for _, name in ipairs { "IthacaAccount", "Orchestrator" } do
      for signature, selector in pairs(account.selectors[name].errors) do
        local item = contracts.error_by_selector(selector)
        assert.is_truthy(item, signature)
        assert.equal(signature, item:signature())
      end
    end
    for _, case in ipairs(vectors.load "errors".account) do
      assert.equal(case.signature, contracts.error_by_selector(case.selector):signature())
    end
    assert.is_nil(contracts.error_by_selector("0xdeadbeef"))
  end)

  it("has the contract's constants", function()
    local constants = account.constants
    assert.equal(constants.anyTarget, contracts.ANY_TARGET)
    assert.equal(constants.anyFnSel, contracts.ANY_SELECTOR)
    assert.equal(constants.emptyCalldataFnSel, contracts.EMPTY_CALLDATA_SELECTOR)
    assert.equal(constants.executeModePlain, contracts.MODE_BATCH)
    assert.equal(constants.executeModeWithOpData, contracts.MODE_BATCH_SIGNED)
    assert.equal(constants.multichainNoncePrefix, string.format("0x%04x", contracts.MULTICHAIN_PREFIX))
    for name, number in pairs(constants.spendPeriods) do
      assert.equal(number, contracts.PERIODS[name])
      assert.equal(name, contracts.PERIOD_NAMES[number])
    end
    assert.equal(core.hex(contracts.orchestrator.IntentExecuted:hash()), contracts.INTENT_EXECUTED)
  end)

  it("encodes the calls of the account as recorded", function()
    local count = 0
    for _, case in ipairs(account.calldata) do
      if case["function"] ~= "execute" then
        local item = contracts.account[case["function"]]
        assert.equal(case.calldata, assert(contracts.encode_call(item, case.args)), case.signature)
        count = count + 1
      end
    end
    assert.is_true(count >= 20)
  end)

  it("decodes what the account's views returned", function()
    for _, environment in ipairs(account.environments) do
      for _, case in ipairs(environment.reads or {}) do
        local item = contracts.account[case["function"]]
        assert.equal(case.calldata:sub(1, 10), contracts.selector(item))
        local decoded = assert(contracts.decode_outputs(item, case.returned))
        local got = {}
        for i = 1, #item:outputs() do got[i] = plain(decoded[i]) end
        assert.same(plain(case.decoded), #got > 1 and got or got[1], case["function"])
      end
    end
  end)

  it("compiles an item once", function()
    assert.equal(contracts.account.authorize, contracts.account.authorize)
  end)

  it("raises for a name that is not there", function()
    assert.has_error(function() return contracts.account.autorize end, "contracts.account: nothing is called autorize")
  end)

  it("makes calls", function()
    local token = "0x00000000000000000000000000000000000000aa"
    local call = assert(contracts.call(token:upper():gsub("0X", "0x"), contracts.erc20.transfer,
      { token, core.u256("1000000000000000000") }))
    assert.equal(token, call.to)
    assert.is_true(call.value:is_zero())
    assert.equal("0xa9059cbb" .. string.rep("0", 24) .. token:sub(3) .. string.format("%064x", 1000000000000000000),
      call.data)
    local values = assert(contracts.decode_call(contracts.erc20.transfer, call.data))
    assert.equal(token, values.to)
    local none, err = contracts.decode_call(contracts.erc20.approve, call.data)
    assert.is_nil(none)
    assert.equal("invalid_data", err.code)
    none, err = contracts.call(token, contracts.erc20.transfer, { "nobody", 1 })
    assert.is_nil(none)
    assert.equal("invalid_value", err.code)
  end)

  it("completes calls and names what is wrong in them", function()
    local calls = assert(contracts.read_calls { {}, { to = "0x" .. ("AB"):rep(20), value = "5", data = "0xAB" } })
    assert.equal("0x" .. ("ab"):rep(20), calls[2].to)
    assert.equal(contracts.NATIVE, calls[1].to)
    assert.equal("0x", calls[1].data)
    assert.equal("0", tostring(calls[1].value))
    assert.equal("0xab", calls[2].data)
    assert.equal("5", tostring(calls[2].value))
    for field, call in pairs {
      ["calls[1].to"] = { to = "0x12" }, ["calls[1].value"] = { value = -1 }, ["calls[1].data"] = { data = "0x123" },
    } do
      local none, err = contracts.read_calls { call }
      assert.is_nil(none)
      assert.equal(field, err.message:sub(1, #field))
    end
    local value = core.u256("0x" .. string.rep("ff", 32))
    assert.equal(value, assert(contracts.read_call({ value = value }, "call")).value)
    assert.equal("7", tostring(assert(contracts.read_call({ value = 7 }, "call")).value))
    assert.is_nil((contracts.read_calls { { value = {} } }))
    assert.is_nil((contracts.read_bytes("0x1234", "hash", 32)))
    assert.is_nil((contracts.read_calls { { value = 1.5 } }))
    assert.is_nil((contracts.read_calls { { value = 2 ^ 60 } }))
    assert.is_nil((contracts.read_calls { { data = 5 } }))
    assert.is_nil((contracts.read_calls { "call" }))
    assert.is_nil((contracts.read_calls(5)))
  end)

  it("reads where an account delegates to", function()
    local proxy = "0x4f4dde38da9f8abbb96c48ca520b992d4badc3d6"
    assert.equal(proxy, contracts.delegation_of("0xEF0100" .. proxy:sub(3)))
    assert.is_nil(contracts.delegation_of("0x"))
    assert.is_nil(contracts.delegation_of("0xef0100" .. string.rep("00", 20)))
    assert.is_nil(contracts.delegation_of("0xef0100" .. proxy:sub(3) .. "00"))
    assert.is_nil(contracts.delegation_of("0x6080604052" .. string.rep("00", 18)))
  end)
end)
