-- A session against a relay that misbehaves: what is asked for is done, and done once.
local rise = require "rise"
local flow = require "support.flow"

describe("a session under faults #devnet", function()
  local net, f
  local lines = {}

  setup(function() net = flow.start { log = function(line) lines[#lines + 1] = line end } end)
  teardown(function() net:stop() end)

  before_each(function()
    lines = {}
    f = flow.session(net)
    f.wallet.timeout = 5
  end)
  after_each(function() assert(net:fault()) end)

  -- As a careful user does it: what may still land is waited for, what may be tried again is tried again.
  local function increment()
    local receipt, err
    for _ = 1, 20 do
      receipt, err = f.session:send { f.counter:increment() }
      while not receipt and err.code == "pending" do receipt, err = f.session:wait(err, 10) end
      if receipt then return receipt end
      if not err.retryable and err.code ~= "unknown_bundle" then return nil, err end
    end
    return nil, err
  end

  local function strikes(pattern)
    local count = 0
    for _, line in ipairs(lines) do
      if line:find("^fault: " .. pattern) then count = count + 1 end
    end
    return count
  end

  local function count() return assert(f.counter:count()) end

  for _, seed in ipairs { 1, 2 } do
    it("completes 50 increments, each once, with requests dropped, late and doubled; seed " .. seed, function()
      local before = count()
      assert(net:fault("drop=0.1,delay=1ms-10ms,dup,seed=" .. seed))
      local hashes = {}
      for i = 1, 50 do
        local receipt = assert(increment())
        assert.is_nil(hashes[receipt.transaction_hash])
        hashes[receipt.transaction_hash] = true
        assert.equal(tostring(before + i), tostring(count())) -- asked of the node, which has no faults
      end
      for _, pattern in ipairs { "drop%-before", "drop%-after", "delay%-before", "delay%-after",
        "dup of wallet_sendPreparedCalls" } do
        assert.is_true(strikes(pattern) > 0, pattern .. " never struck")
      end
    end)
  end

  it("never does anything twice, whatever the relay is up to, and knows what it is not sure of", function()
    local before = count()
    assert(net:fault("drop=0.05,delay=1ms-10ms,dup@0.2,reorder=5ms@0.1,status@0.05,garbage@0.05,truncate@0.05,"
      .. "tamper@0.2,restart@0.05,wrong-status@0.05,seed=3"))
    local done, unsure = 0, 0
    for _ = 1, 50 do
      local receipt, err = increment()
      if receipt then
        done = done + 1
      elseif err.id then
        unsure = unsure + 1
      end
    end
    local landed = tonumber(tostring(count() - before))
    assert.is_true(done >= 20, "only " .. done .. " done")
    assert.is_true(landed >= done and landed <= done + unsure,
      string.format("%d landed, %d reported as done, %d not sure", landed, done, unsure))
    for _, name in ipairs { "drop", "delay", "dup", "status", "garbage", "truncate", "tamper", "restart" } do
      assert.is_true(strikes(name) > 0, name .. " never struck")
    end
  end)

  it("gets over a relay that comes back with another key between quote and send", function()
    local before = count()
    assert(net:fault "restart@0.5:wallet_sendPreparedCalls,seed=1")
    for _ = 1, 10 do assert(increment()) end
    assert.equal(tostring(before + 10), tostring(count()))
    assert.is_true(strikes "restart" > 0)
  end)

  it("signs nothing that was tampered with", function()
    local before = count()
    for _, member in ipairs { "nonce", "eoa", "executionData", "paymentMaxAmount", "payer", "digest" } do
      -- The seed picks a digit of executionData that means something: the padding behind the calls does not, and is not
      -- signed.
      assert(net:fault("tamper=" .. member .. ",seed=1"))
      local receipt, err = f.session:send { f.counter:increment() }
      assert.is_nil(receipt)
      assert.is_true(err.code == "relay_tampered" or err.code == "fee_too_high", member .. ": " .. tostring(err))
      assert.equal(1, strikes "tamper", member)
      lines = {}
    end
    assert.equal(tostring(before), tostring(count()))
  end)

  it("reports a stuck bundle as pending, and has it when it lands after all", function()
    local before = count()
    assert(net:fault "stuck=500ms")
    local receipt, err = f.session:send({ f.counter:increment() }, { timeout = 0.1 })
    assert.is_nil(receipt)
    assert.equal("pending", err.code)
    assert.equal(tostring(before), tostring(count()))
    assert.equal(err.id, assert(f.session:wait(err, 10)).id)
    assert.equal(tostring(before + 1), tostring(count()))
    assert(net:fault())
    assert(f.session:send { f.counter:increment() })
    assert.equal(tostring(before + 2), tostring(count()))
  end)

  it("does the same in tasks", function()
    local before = count()
    assert(net:fault "drop=0.1:wallet_prepareCalls,delay=1ms-20ms,reorder=5ms@0.3,seed=4")
    local tasks = {}
    for i = 1, 10 do tasks[i] = rise.spawn(increment) end
    for i = 1, 10 do assert(tasks[i]:wait()) end
    assert.equal(tostring(before + 10), tostring(count()))
  end)
end)
