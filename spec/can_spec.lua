-- What the session says beforehand against what the contracts do: random grants, calls and times, at the borders of
-- windows most of all. RISE_CALLS sets how many, RISE_SEED repeats a run; scripts/soak runs the long form.
local contracts = require "rise.contracts"
local core = require "rise.core"
local intent = require "rise.intent"
local json = require "rise.json"
local permissions = require "rise.permissions"
local revert = require "rise.revert"
local can_cases = require "support.can_cases"
local flow = require "support.flow"

local PER_GRANT = 12
local NO_ERROR = "0x00000000"
local LOW, HIGH = "0x01" .. ("0"):rep(37) .. "1", "0xf1" .. ("0"):rep(37) .. "1"
local CODES = { UnauthorizedCall = "not_allowed", ExceededSpendLimit = "spend_limit",
  NoSpendPermissions = "no_spend_rule", VerificationError = "expired",
  Panic = "refused" } -- none of these targets panics, but the account's sums do where they pass 256 bits
-- The contract names no rule then, and has looked at none: any of them will do.
local RULES = { not_allowed = true, spend_limit = true, no_spend_rule = true }

describe("session:can and the chain #devnet", function()
  local net, wallet, f, world, now, sender

  local function request(method, ...)
    return (assert(wallet.chain:request(method, json.array { ... })))
  end

  setup(function()
    net = flow.start()
    now = 2000000000
    wallet = flow.connect(net, { clock = function() return now end })
    request("evm_setNextBlockTimestamp", now)
    local admin = assert(core.key_import("secp256k1", core.keccak256("rise can administrator")))
    local account = assert(wallet:create_account { admin = admin,
      owner = assert(core.key_import("secp256k1", core.keccak256("rise can owner"))) })
    f = flow.session(net, { wallet = wallet, account = account, admin = admin, grant = false })
    sender = net.ready.accounts[1]
    local stk = net.ready.contracts.stk
    for _, address in ipairs { LOW, HIGH } do
      request("anvil_setCode", address, request("eth_getCode", stk, "latest"))
    end
    -- Permit2 itself is in no package; the account asks nothing of it but to take calls.
    request("anvil_setCode", contracts.PERMIT2, "0x00")
    local holder = net.ready.accounts[2]
    flow.fund(wallet, f.player, core.u256(1):shl(120))
    for _, token in ipairs { stk, LOW, HIGH } do
      for _, owner in ipairs { f.player, holder } do
        request("eth_sendTransaction", { from = sender, to = token,
          data = core.hex(assert(core.abi("function mint(address,uint256)"):encode_call { owner,
            core.u256(1):shl(250) })) })
      end
      request("eth_sendTransaction", { from = holder, to = token,
        data = core.hex(assert(core.abi("function approve(address,uint256)"):encode_call { f.player,
          "0x" .. ("f"):rep(64) })) })
    end
    world = { account = f.player, stk = stk, low = LOW, high = HIGH, counter = net.ready.contracts.counter,
      shop = flow.SHOP, holder = holder }
  end)
  teardown(function() net:stop() end)

  local function at(time)
    now = time
    request("evm_setNextBlockTimestamp", time)
  end

  -- A session whose grant has landed; nil for permissions that no session may have.
  local function granted(questions)
    local wanted = questions:permissions()
    local session, err = wallet:new_session { account = f.account, permissions = wanted,
      expires = questions:one_of { "90s", "2h", "3d", "2w", "60w", "300w" }, allow_root = permissions.ROOT_PHRASE,
      key = assert(core.key_import("p256", questions:secret())) }
    if not session then error(tostring(err)) end
    assert(session:grant(f.approver))
    local place = assert(session:enter())
    local receipt
    receipt, err = session:execute { calls = {} }
    session:leave(place)
    if not receipt then error(tostring(err)) end
    assert.equal("active", session:status())
    return session
  end

  local function signed_intent(session, calls)
    local sequence = core.hex(core.keccak256(session.id .. now):sub(9))
    local fields = { eoa = f.player, executionData = assert(intent.encode_calls(calls)),
      nonce = intent.nonce(sequence, 0), combinedGas = 3000000 }
    local digest = assert(intent.digest(fields, intent.domain(wallet.chain_id, wallet.orchestrator, wallet.version)))
    fields.signature = intent.wrap_signature(core.hex(session.key:sign(core.unhex(digest))), session.id)
    return assert(intent.execute_calldata(fields)), fields
  end

  -- What the real `execute` returns now: nil for success, or the selector of its error. Nothing is kept of it.
  local function tried(data)
    local answer = request("eth_call", { from = sender, to = wallet.orchestrator, data = data, gas = "0x989680" },
      "latest", json.object {}, { time = core.u256(now) })
    local selector = answer:sub(1, 10)
    if selector ~= NO_ERROR then return selector end
  end

  -- The whole revert data, for a token in it.
  local function revert_data(fields)
    local data = assert(contracts.encode_call(contracts.orchestrator.simulateExecute,
      { false, 0, assert(intent.encode(fields)) }))
    local _, err = wallet.chain:request("eth_call", json.array { { from = sender, to = wallet.orchestrator, data = data,
      gas = "0x989680" }, "latest", json.object {}, { time = core.u256(now) } })
    return err.data
  end

  -- Done for good, so that what was spent counts.
  local function executed(data)
    local hash = request("eth_sendTransaction", { from = sender, to = wallet.orchestrator, data = data,
      gas = "0x989680" })
    local deadline, receipt = wallet.loop:now() + 60
    repeat
      receipt = wallet.chain:receipt(hash)
      if not receipt then wallet.loop:sleep(0.002) end
    until receipt or wallet.loop:now() > deadline
    local block = assert(wallet.chain:block(receipt.blockNumber))
    assert.equal(now, core.u256(block.timestamp):number())
  end

  local function text_of(grant, calls)
    local lines = permissions.explain(grant, { account = f.player })
    for i, call in ipairs(calls) do
      lines[#lines + 1] = string.format("call %d: %s to %s, value %s", i, call.data, call.to, tostring(call.value))
    end
    return table.concat(lines, "\n  ")
  end

  it("agree that the zero address is the account, which the contract's view does not know", function()
    at(now + 100)
    local session = assert(wallet:new_session { account = f.account, expires = "1h", permissions = {
      calls = { { to = f.player, signature = "keyCount()" } } } })
    assert(session:grant(f.approver))
    local call = { to = contracts.SELF, data = contracts.selector(contracts.account.keyCount) }
    assert(session:send(call))
    assert.is_true(session:can({ call }, { on_chain = true }))
    call.data = contracts.selector(contracts.account.label)
    local can, err = session:can({ call }, { on_chain = true })
    assert.is_nil(can)
    assert.same({ "not_allowed", f.player }, { err.code, err.to })
  end)

  it("agree", function()
    local wanted = tonumber(os.getenv("RISE_CALLS") or 100)
    local seed = tonumber(os.getenv("RISE_SEED") or 1)
    local questions = can_cases.new(seed, world)
    local decided, undecided, wrong, tally = 0, 0, {}, {}
    local function disagree(label, said, did, session, calls)
      wrong[#wrong + 1] = string.format("%s: said %s, the chain %s, at %s\n  %s", label, tostring(said), tostring(did),
        permissions.time_text(now), text_of(session.permissions, calls))
    end
    local count = 0
    while decided < wanted do
      at(now + questions:pick(100))
      local session = granted(questions)
      local grant, expiry = session.permissions, session.expiry
      for turn = 1, PER_GRANT do
        local infos = assert(f.account:view(contracts.account.spendInfos, { session.id }))
        local spent = permissions.spent_from_chain(infos.infos)
        at(turn == 1 and now + 1 or questions:later(now, grant, spent))
        local calls = questions:calls(grant, spent)
        count = count + 1
        local label = string.format("RISE_SEED=%d, case %d", seed, count)
        local data, fields = signed_intent(session, calls)
        local selector = tried(data)
        local known = selector and contracts.error_by_selector(selector)
        local did = selector and (CODES[known and known:name()] or "reverted") or "allowed"
        local can, err = session:can(calls, { on_chain = true })
        local said = can and "allowed" or err.code
        tally[did] = (tally[did] or 0) + 1
        if did == "reverted" then
          -- What a target refuses is not the session's to know; but it may well know of another reason.
          undecided = undecided + 1
        else
          decided = decided + 1
          local agreed = said == did or (did == "refused" and RULES[said])
          if not agreed then disagree(label, err and tostring(err) or said, did, session, calls) end
        end
        -- Without what was spent it may be too hopeful, never too strict.
        local offline, offline_err = session:can(calls)
        if not offline and (can or did == "allowed") then
          disagree(label .. " offline", tostring(offline_err), did, session, calls)
        end
        -- And what the relay's simulation says comes to the same words.
        if RULES[did] and (questions:chance(10) or did == "spend_limit") then
          local said_after = revert.to_error(revert_data(fields), { account = f.player, grant = grant, calls = calls,
            now = now, spent = spent, granted = true })
          if said_after.code ~= did then disagree(label .. " explained", said_after.code, did, session, calls) end
          if did == "spend_limit" and said == did and err.token ~= said_after.token then
            disagree(label .. " token", err.token, said_after.token, session, calls)
          end
        end
        if not selector and questions:chance(60) or questions:chance(5) then
          executed(data)
          at(now + 1)
        end
        if now > expiry then break end
      end
      session:wipe()
    end
    print(string.format("RISE_SEED=%d: %d cases, %d decided by a target, %s", seed, decided, undecided,
      json.encode(tally)))
    assert.equal("", table.concat(wrong, "\n", 1, math.min(#wrong, 8)), #wrong .. " disagreements")
  end)
end)
