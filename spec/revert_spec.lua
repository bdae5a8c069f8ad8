-- Known answers: vectors/errors.json (revert data of custom errors, Error and Panic) and the failure table of
-- vectors/account.json (what simulation and events of the real contracts said).
local contracts = require "rise.contracts"
local core = require "rise.core"
local permissions = require "rise.permissions"
local revert = require "rise.revert"
local vectors = require "support.vectors"

local cases = vectors.load "errors"
local observed = vectors.load("account").environments[1].observed

local NOW = 1767225600
local ACCOUNT = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
local STK = "0x00000000000000000000000000000000000000aa"
local ZERO = contracts.NATIVE

local function plain(value)
  if core.is_u256(value) then return tostring(value) end
  if type(value) == "number" then return string.format("%.0f", value) end
  if type(value) ~= "table" then return value end
  local list = {}
  for i, member in ipairs(value) do list[i] = plain(member) end
  return list
end

local function data_of(line, ...)
  local item = assert(core.abi(line))
  return core.hex(item:selector() .. assert(item:encode { ... }))
end

describe("revert.decode", function()
  it("gives name, signature and arguments of every recorded error", function()
    for i, case in ipairs(cases.cases) do
      local found = assert(revert.decode(case.data, { assert(core.abi(case.error)) }), "cases[" .. i .. "]")
      assert.equal(case.name, found.name)
      assert.equal(case.signature, found.signature)
      assert.equal(case.data:sub(1, 10), found.selector)
      assert.same(plain(case.args), plain(found.args))
      assert.is_string(found.text)
    end
  end)

  it("knows the account system's errors without being told", function()
    for _, case in ipairs(cases.account) do
      assert.equal(case.signature, assert(revert.decode(case.selector)).signature)
    end
    for _, case in ipairs(observed) do
      local data = case.simulateExecute.reverted
      if data and #data >= 10 and case.simulateExecute.name ~= "Boom(uint256)" then
        assert.equal(case.simulateExecute.name, assert(revert.decode(data)).signature)
      end
    end
  end)

  it("finds nothing in what it does not know", function()
    for _, case in ipairs(cases.unknown) do assert.is_nil(revert.decode(case.data)) end
    assert.is_nil(revert.decode("0x"))
    assert.is_nil(revert.decode("0x08c379"))
    assert.is_nil(revert.decode("nonsense"))
    assert.has_error(function() revert.decode(nil) end)
  end)

  it("gives the name alone where the arguments are cut off or broken", function()
    local found = assert(revert.decode("0x9054c912"))
    assert.equal("ExceededSpendLimit", found.name)
    assert.is_nil(found.args)
    assert.equal("ExceededSpendLimit(address)", found.text)
    found = assert(revert.decode("0x08c379a0ffff"))
    assert.equal("Error", found.name)
    assert.is_nil(found.args)
  end)

  it("does not mind what stands behind the arguments", function()
    assert.equal("NoSpendPermissions()", assert(revert.decode(
      "0x5ee7e5b100000000000000000000000070a08231000000000000000000000000")).text)
  end)

  it("reads reasons, and shows no control characters", function()
    assert.equal("nope", assert(revert.decode(data_of("error Error(string)", "nope"))).text)
    assert.equal("a\\x1b[31mb\\x0a", assert(revert.decode(data_of("error Error(string)", "a\27[31mb\n"))).text)
    assert.is_true(#assert(revert.decode(data_of("error Error(string)", string.rep("x", 5000)))).text < 600)
  end)

  it("says what a panic means", function()
    for code, text in pairs {
      [0x01] = "panic 0x1: assertion failed", [0x11] = "panic 0x11: arithmetic overflow or underflow",
      [0x12] = "panic 0x12: division or modulo by zero", [0x32] = "panic 0x32: array index out of bounds",
      [0x99] = "panic 0x99: unknown code",
    } do
      assert.equal(text, assert(revert.decode(data_of("error Panic(uint256)", code))).text)
    end
    assert.equal("panic 0x1" .. string.rep("0", 60) .. ": unknown code",
      assert(revert.decode(data_of("error Panic(uint256)", core.u256(1):shl(240)))).text)
  end)

  it("names arguments, nested ones too, and shortens long ones", function()
    local item = assert(core.abi("error Odd(uint256[] list, bytes data, string why)"))
    local data = core.hex(item:selector() .. assert(item:encode { { 1, 2 }, "0x" .. string.rep("ab", 200), "no\t" }))
    assert.equal("Odd(list: [1, 2], data: 0x" .. string.rep("ab", 36) .. "... (200 bytes), why: no\\x09)",
      assert(revert.decode(data, { item })).text)
  end)

  it("looks only at errors among the items of a program", function()
    local items = { assert(core.abi("function boom(uint256)")), assert(core.abi("event Boom(uint256 code)")),
      assert(core.abi("error Boom(uint256 code)")) }
    assert.equal("Boom(code: 42)", assert(revert.decode(
      "0x1167d8fb000000000000000000000000000000000000000000000000000000000000002a", items)).text)
  end)

  it("tells simulation's success", function()
    local found = assert(revert.decode("0x4f0c028c00000000000000000000000000000000000000000000000000000000000161c2"))
    assert.equal("SimulationPassed", found.name)
    assert.equal("90562", tostring(found.args[1]))
  end)
end)

describe("revert.to_error", function()
  local grant = assert(permissions.build({ expires = "24h", permissions = {
    calls = {
      { to = STK, signature = "mint(address,uint256)" }, { to = STK, signature = "transfer(address,uint256)" },
    },
    spend = { { limit = "1000000000000000000", period = "minute" } },
  } }, { now = NOW, account = ACCOUNT }))

  local function unauthorized(target, data)
    return data_of("error UnauthorizedCall(bytes32,address,bytes)", "0x" .. string.rep("77", 32), target, data)
  end

  -- The code that each error of the failure table means.
  local CODES = {
    ["UnauthorizedCall(bytes32,address,bytes)"] = "not_allowed", ["ExceededSpendLimit(address)"] = "spend_limit",
    ["NoSpendPermissions()"] = "no_spend_rule", ["KeyDoesNotExist()"] = "not_granted", ["InvalidNonce()"] = "nonce",
    ["PaymentError()"] = "insufficient_funds",
  }

  it("maps what the real contracts answered", function()
    local seen = {}
    for _, case in ipairs(observed) do
      local name = case.simulateExecute.name
      local err = revert.to_error(case.simulateExecute.reverted)
      assert.equal(CODES[name] or "reverted", err.code, case.scenario)
      seen[err.code] = true
      if type(case.intentExecuted) == "table" then
        name = case.intentExecuted.errName
        assert.equal(CODES[name] or "reverted", revert.to_error(case.intentExecuted.err).code, case.scenario)
      end
    end
    for _, code in pairs(CODES) do assert.is_true(seen[code], code) end
  end)

  it("names contract and function of a call that is not allowed", function()
    local mint = "0x40c10f19" .. string.rep("0", 128)
    local err = revert.to_error(unauthorized(ACCOUNT, mint), { grant = grant })
    assert.equal("not_allowed", err.code)
    assert.equal("the session key may not call mint(address,uint256) (0x40c10f19) of " .. ACCOUNT, err.message)
    assert.equal(ACCOUNT, err.to)
    assert.equal("0x40c10f19", err.selector)
    assert.is_false(err.retryable)
    assert.is_string(err.hint)
    assert.equal(unauthorized(ACCOUNT, mint), err.data)
    assert.equal("UnauthorizedCall", err.revert.name)
    err = revert.to_error(unauthorized(STK, "0xd09de08a"), { items = { assert(core.abi("function increment()")) } })
    assert.equal("the session key may not call increment() (0xd09de08a) of " .. STK, err.message)
    err = revert.to_error(unauthorized(STK, "0xd09de08a"))
    assert.equal("the session key may not call function 0xd09de08a of " .. STK, err.message)
    err = revert.to_error(unauthorized(STK, "0x"))
    assert.equal("the session key may not send native currency without data to " .. STK, err.message)
  end)

  it("finds the call in the grant where the event gives the selector alone", function()
    local context = { grant = grant, now = NOW, account = ACCOUNT,
      calls = { { to = STK, data = "0x40c10f19" }, { to = ACCOUNT, data = "0xd09de08a" } } }
    local err = revert.to_error("0xf78c1b53", context)
    assert.equal("not_allowed", err.code)
    assert.equal(2, err.call)
    assert.equal(ACCOUNT, err.to)
    context.calls[2] = nil
    assert.equal("the session key may not make one of the calls", revert.to_error("0xf78c1b53", context).message)
  end)

  it("tells limit and reset of an exceeded limit", function()
    local exceeded = data_of("error ExceededSpendLimit(address)", ZERO)
    local err = revert.to_error(exceeded, { grant = grant, now = NOW + 10 })
    assert.equal("spend_limit", err.code)
    assert.equal(ZERO, err.token)
    assert.equal("1000000000000000000", tostring(err.limit))
    assert.equal("minute", err.period)
    assert.equal(NOW + 60, err.resets_at)
    assert.equal("the spending limit of the session key for native currency would be exceeded "
      .. "(1 ETH per minute, resets at 2026-01-01T00:01:00Z)", err.message)
    assert.is_true(err.retryable)
    err = revert.to_error(exceeded)
    assert.equal("the spending limit of the session key for native currency would be exceeded", err.message)
    assert.is_nil(err.limit)
    err = revert.to_error(data_of("error ExceededSpendLimit(address)", STK), { grant = grant, now = NOW })
    assert.equal("the spending limit of the session key for token " .. STK .. " would be exceeded", err.message)
  end)

  it("tells what was needed where the calls are known", function()
    local err = revert.to_error("0x9054c912", { grant = grant, now = NOW, account = ACCOUNT,
      calls = { { to = STK, data = "0x40c10f19", value = "2000000000000000000" } } })
    assert.equal("spend_limit", err.code)
    assert.equal("2000000000000000000", tostring(err.needed))
    assert.equal(NOW + 60, err.resets_at)
  end)

  it("names the token that has no rule where the calls are known", function()
    local transfer = assert(contracts.encode_call(contracts.erc20.transfer, { ACCOUNT, 5 }))
    local err = revert.to_error("0x5ee7e5b1", { grant = grant, now = NOW, account = ACCOUNT,
      calls = { { to = STK, data = transfer } } })
    assert.equal("no_spend_rule", err.code)
    assert.equal(STK, err.token)
    assert.equal("5", tostring(err.needed))
    assert.equal("no_spend_rule", revert.to_error("0x5ee7e5b1").code)
  end)

  it("tells a revoked key from one that was never granted", function()
    assert.equal("revoked", revert.to_error("0xe57b6304", { granted = true }).code)
    assert.equal("not_granted", revert.to_error("0xe57b6304", { granted = false }).code)
    assert.equal("not_granted", revert.to_error("0xe57b6304").code)
  end)

  it("knows when a refused signature means an expired key", function()
    assert.equal("expired", revert.to_error("0xfbcb0b34", { grant = grant, now = grant.expiry + 1 }).code)
    local err = revert.to_error("0xfbcb0b34", { grant = grant, now = grant.expiry })
    assert.equal("reverted", err.code)
    assert.is_string(err.hint)
  end)

  it("says what to do about the rest", function()
    local err = revert.to_error("0x756688fe")
    assert.equal("nonce", err.code)
    assert.is_true(err.retryable)
    assert.is_true(revert.to_error("0x408b2234").retryable)
    err = revert.to_error(data_of("error Error(string)", "cap reached"))
    assert.equal("reverted", err.code)
    assert.equal("reverted: cap reached", err.message)
    assert.is_false(err.retryable)
    err = revert.to_error("0x")
    assert.equal("reverted without a reason", err.message)
    err = revert.to_error("0xc000fc26")
    assert.equal("reverted with an unknown error 0xc000fc26", err.message)
    assert.is_nil(err.revert)
    local boom = { assert(core.abi("error Boom(uint256 code)")) }
    err = revert.to_error("0x1167d8fb000000000000000000000000000000000000000000000000000000000000002a",
      { items = boom })
    assert.equal("reverted: Boom(code: 42)", err.message)
    assert.equal("Boom", err.revert.name)
  end)

  it("raises for a mistake of the program", function()
    assert.has_error(function() revert.to_error("0x", { item = {} }) end)
    assert.has_error(function() revert.to_error(nil) end)
  end)
end)
