local contracts = require "rise.contracts"
local permissions = require "rise.permissions"
local policy = require "rise.policy"

local NOW = 1767225600
local STK = "0xb9aee5c72120eb21161df9b724c700aa8b1a6861"

local TEXT = [[
return {
  name = "arcade bot",
  expires = "24h",
  contracts = { STK = "]] .. STK .. [[" },
  decimals = { STK = 18 },
  calls = {
    STK = { "mint(address,uint256)", "erc20-transfer" },
    ["0xde1b982fd26fea93497f9fd3775e79fc6989da6e"] = { "increment()" },
  },
  spend = { "100.5 STK / hour", "1 ether / minute" },
}]]

local function lint(text, options)
  local settings = { now = NOW }
  for name, value in pairs(options or {}) do settings[name] = value end
  return policy.lint(text, settings)
end

describe("a policy", function()
  it("becomes a grant: names, presets, amounts and periods as people write them", function()
    local grant = assert(policy.grant(assert(policy.parse(TEXT)), { now = NOW }))
    assert.equal(NOW + 86400, grant.expiry)
    assert.equal(3, #grant.calls)
    assert.equal("increment()", grant.calls[1].signature)
    assert.same({ to = STK, selector = "0xa9059cbb", signature = "transfer(address,uint256)" }, grant.calls[3])
    assert.equal("100500000000000000000", tostring(grant.spend[1].limit))
    assert.same({ STK, "hour" }, { grant.spend[1].token, grant.spend[1].period })
    assert.same({ contracts.NATIVE, "minute" }, { grant.spend[2].token, grant.spend[2].period })
  end)

  it("says the same in JSON", function()
    local text = '{"expires":"1h","contracts":{"T":"' .. STK
      .. '"},"calls":{"T":["increment()"]},"spend":["5 gwei/day"]}'
    local grant = assert(policy.grant(assert(policy.parse(text)), { now = NOW }))
    assert.equal("5000000000", tostring(grant.spend[1].limit))
    assert.equal(STK, grant.calls[1].to)
  end)

  it("takes only functions that stand for something in its presets", function()
    for name in pairs(policy.PRESETS) do
      local grant = assert(policy.grant({ expires = "1h", calls = { [STK] = { name } } }, { now = NOW }))
      assert.is_true(#grant.calls >= 1, name)
    end
  end)

  it("in Lua sees nothing, runs no longer than it must, and is no compiled code", function()
    for _, text in ipairs { "return os", "return { x = print }", "while true do end", "return 7", "return {",
      string.dump(function() end), "coroutine.yield()", "error('x')", "" } do
      local findings = lint(text)
      assert.equal("error", (findings[1] or {}).level, text)
    end
  end)

  local wrong = {
    { '"increment()"', '"incr"', "calls.0x", 8 },
    { "/ hour", "/ fortnight", "spend[1]", 10 },
    { '"24h"', '"24 parsecs"', "expires", 3 },
    { "0xb9ae", "0xB9ae", "contracts.STK", 4 },
    { "spend =", "spned =", "spned", 10 },
    { "100.5 STK", "1.0000000000000000001 STK", "spend[1]", 10 },
    { "1 ether", "1 STONE", "spend[2]", 10 },
    { "mint(address", "mint(addres", "calls.STK[1]", 7 },
    { "STK = { \"mint", "KTS = { \"mint", "calls.KTS", 7 },
    { "decimals = { STK = 18 }", "decimals = { }", "spend[1]", 10 },
  }
  for _, case in ipairs(wrong) do
    it("with " .. case[2] .. " is refused by line and field", function()
      local at = assert(TEXT:find(case[1], 1, true))
      local findings = lint(TEXT:sub(1, at - 1) .. case[2] .. TEXT:sub(at + #case[1]))
      assert.equal(1, #findings)
      assert.equal("error", findings[1].level)
      assert.equal(case[3], findings[1].field:sub(1, #case[3]))
      assert.equal(case[4], findings[1].line)
    end)
  end

  it("names the line of a syntax error", function()
    assert.equal(3, lint("return {\n  expires = '1h',\n  calls = = {} }")[1].line)
  end)

  it("is warned about for every wildcard", function()
    local function warnings(calls, spend)
      local grant = assert(policy.grant({ expires = "1h", calls = calls, spend = spend },
        { now = NOW, allow_root = permissions.ROOT_PHRASE }))
      return table.concat(policy.warnings(grant, { now = NOW }), "\n")
    end
    assert.equal("", warnings { [STK] = { "increment()" } })
    assert.matches("every function of " .. STK, warnings { [STK] = "any" })
    assert.matches("on every contract there is", warnings { any = "increment()" })
    assert.matches("root access", warnings { any = "any" })
    assert.matches("to any address there is", warnings { any = "receive" })
    assert.matches("no approval will pass", warnings { [STK] = "erc20-spend" })
    assert.matches("hands out everything", warnings { [STK] = "setApprovalForAll(address,bool)" })
    assert.matches("1440 ETH in a day", warnings({ [STK] = "increment()" }, { "1 ether / minute" }))
    local long = assert(policy.grant({ expires = "60d", calls = { [STK] = "f()" } }, { now = NOW }))
    assert.matches("30 days", policy.warnings(long, { now = NOW })[1])
  end)

  it("is compared with another", function()
    local function grant(calls, spend)
      return assert(policy.grant({ expires = "1h", calls = { [STK] = calls }, spend = { spend } }, { now = NOW }))
    end
    local old, new = grant({ "f()", "g()" }, "1 ether / day"), grant({ "f()" }, "2 ether / day")
    local found = policy.diff(old, new)
    assert.equal(1, #found.added)
    assert.matches("2 ETH", found.added[1])
    assert.equal(2, #found.removed)
    assert.matches("1 ETH", found.wider)
    assert.same({ added = {}, removed = {} }, policy.diff(old, old))
  end)
end)
