-- A proxy between client and relay that changes one thing in an answer: whatever changes what would be signed or
-- charged is refused before anything is signed, and nothing else is. The changes are made out of the genuine answer; an
-- oracle that knows none of the wallet's checks says which is which.
local bundle = require "rise.bundle"
local contracts = require "rise.contracts"
local core = require "rise.core"
local intent = require "rise.intent"
local json = require "rise.json"
local typed_data = require "rise.devnet.typed_data"
local wire = require "rise.devnet.wire"
local Quotes = require "rise.devnet.quotes"
local rise = require "rise"
local flow = require "support.flow"
local oracle = require "support.tamper_oracle"
local tamper_proxy = require "support.tamper_proxy"

local REFUSED = '{"jsonrpc":"2.0","id":%.0f,"error":{"code":-32602,"message":"the proxy keeps this to itself"}}'
local OTHER = "0x00000000000000000000000000000000000000cc"

describe("a proxy that tampers #devnet", function()
  local net, proxy, f
  local signed = {} -- how often each key object signed
  local sign

  setup(function()
    net = flow.start { fees = "native" }
    proxy = tamper_proxy.start(rise.loop, net.ready.relay)
    local meta = debug.getmetatable(assert(core.key_generate("p256")))
    sign = meta.__index.sign
    meta.__index.sign = function(key, ...)
      signed[key] = (signed[key] or 0) + 1
      return sign(key, ...)
    end
    f = flow.session(net, { wallet = flow.connect(net, { relay = proxy.url }) })
    flow.fund(f.wallet, f.player, rise.ether "5")
  end)
  teardown(function()
    debug.getmetatable(assert(core.key_generate("p256"))).__index.sign = sign
    proxy:stop()
    net:stop()
  end)
  before_each(function() proxy.change, proxy.instead, proxy.replay, proxy.seen = nil, nil, nil, {} end)

  -- Runs an action with one answer changed, and no request of the method `last` reaching the relay.
  local function attempt(key, method, text, last, action)
    signed[key], proxy.seen = 0, {}
    proxy.change = function(called, was)
      if called ~= method then return nil end
      return (text:gsub('"id":%d+', '"id":' .. was:match('"id":(%d+)'), 1))
    end
    proxy.instead = function(called, call) return called == last and REFUSED:format(call.id) or nil end
    local result, err = action()
    proxy.change, proxy.instead = nil, nil
    assert.is_nil(result)
    local count, request = proxy:count(last)
    return err, signed[key], count, request and request.params[1], request
  end

  local function text_of(answer) return json.encode(answer) end

  local function recorded_answer(method, action)
    local genuine
    proxy.replay = true
    proxy.change = function(called, text)
      if called == method then genuine = text end
    end
    proxy.instead = function(called, call)
      return (called == "wallet_sendPreparedCalls" or called == "wallet_upgradeAccount") and REFUSED:format(call.id)
        or nil
    end
    action()
    proxy.change, proxy.instead = nil, nil
    return assert(wire.read(assert(genuine)))
  end

  local function tally(counts, verdict) counts[verdict] = (counts[verdict] or 0) + 1 end

  -- ---- a bundle ------------------------------------------------------------------------------------------------

  local function calls() return { f.stk:mint(f.player, rise.ether "3"), f.counter:increment() } end
  local function send() return f.session:send(calls()) end

  -- The variants of an answer, all there are of these members; of the others, which nobody reads, the uppermost.
  local function variants_of(genuine, deep)
    local list = {}
    for name in pairs(genuine.result) do
      for _, variant in ipairs(tamper_proxy.variants(genuine, { "result", name })) do
        if deep[name] or #variant.path <= 3 then list[#list + 1] = variant end
      end
    end
    return list
  end

  -- Puts a variant to the client and compares with the verdict.
  local function judge_bundle(genuine, variant, options)
    local text = text_of(variant.tree)
    local other = assert(wire.read(text))
    options.repeats, options.now, options.max_fee = variant.repeats, f.wallet:now(), f.wallet.max_fee
    local verdict, why = oracle.bundle(genuine, other, options)
    local err, signatures, sent, params, request = attempt(f.session.key, "wallet_prepareCalls", text,
      "wallet_sendPreparedCalls", send)
    local label = variant.name .. " (" .. verdict .. (why and ": " .. why or "") .. "): " .. tostring(err)
    if verdict == "tampered" then
      assert.equal("relay_tampered", err.code, label)
    elseif verdict ~= "pass" then
      assert.equal(verdict, err.code, label)
    end
    if verdict ~= "pass" then
      assert.same({ 0, 0 }, { signatures, sent }, label)
      return verdict
    end
    assert.equal("relay", err.code, label) -- the proxy's own word: it was sent
    assert.same({ 1, 1 }, { signatures, sent }, label)
    local digest = options.digest_of and options.digest_of(other) or genuine.result.digest
    assert.is_true(core.p256_verify(f.session.key:public(), core.unhex(digest), core.unhex(params.signature)), label)
    local first, last = core.json_span(text, "result", "context")
    assert.truthy(request.text:find(text:sub(first, last), 1, true), label) -- byte for byte
    return verdict
  end

  it("with any one part of the prepared bundle", function()
    local genuine = recorded_answer("wallet_prepareCalls", send)
    assert.equal(2, #genuine.result.context.quote.quotes[1].intent.encodedPreCalls) -- the account's, and the grant
    assert.not_equal("0x0", genuine.result.context.quote.quotes[1].intent.paymentMaxAmount)
    local counts = {}
    for name in pairs(genuine.result) do
      for _, variant in ipairs(tamper_proxy.variants(genuine, { "result", name })) do
        tally(counts, judge_bundle(genuine, variant, {}))
      end
    end
    assert.is_true(counts.tampered >= 400 and counts.pass >= 400, json.encode(counts))
  end)

  -- The digest of the typed data, hashed by the part of the core that reads documents and knows no Intent.
  local function digest_of(answer)
    local document = answer.result.typedData
    return core.hex(assert(core.eip712_json(json.encode(document))))
  end

  -- A relay that lies thoroughly: digest, typed data and its own signature fit the lie. Nil where the lie is no Intent.
  local function with_everything_fitting(tree)
    local copy = tamper_proxy.copied(tree)
    local quote = wire.is_object(copy.result.context) and copy.result.context.quote
    local read = Quotes.shape(quote, "quote")
    local one = read and read.quotes[1]
    if not one then return nil end
    local domain = { chain_id = one.chainId, orchestrator = one.orchestrator, version = f.wallet.version }
    local fine, digest = pcall(intent.digest, one.intent, domain)
    if not fine or not digest then return nil end
    copy.result.digest, copy.result.typedData = digest, typed_data.intent(one.intent, domain)
    if #read.quotes == 1 then
      local _, ours = net.relay.quotes:sign(one, core.now())
      for _, name in ipairs { "r", "s", "v", "yParity", "ttl", "hash" } do quote[name] = ours[name] end
    end
    return assert(wire.read(json.encode(copy)))
  end

  local function inner_calls(data, change)
    local list = assert(intent.decode_calls(data))
    change(list)
    return assert(intent.encode_calls(list))
  end

  local CALL_CHANGES = {
    ["another target"] = function(list) list[1].to = OTHER end,
    ["the account as target"] = function(list) list[1].to = contracts.SELF end,
    ["one wei more"] = function(list) list[1].value = core.u256(list[1].value) + 1 end,
    ["another last digit"] = function(list) list[#list].data = list[#list].data:sub(1, -2) .. "f" end,
    ["a byte more"] = function(list) list[1].data = list[1].data .. "00" end,
    ["a byte less"] = function(list) list[1].data = list[1].data:sub(1, -3) end,
    ["no data"] = function(list) list[1].data = "0x" end,
    ["another order"] = function(list) table.insert(list, 1, table.remove(list)) end,
    ["the first call twice"] = function(list) table.insert(list, 1, list[1]) end,
    ["the last call dropped"] = function(list) list[#list] = nil end,
    ["no call"] = function(list) for i = #list, 1, -1 do list[i] = nil end end,
    ["a call that makes somebody an administrator"] = function(list)
      list[#list + 1] = contracts.self_call(contracts.account.authorize, { { expiry = 0, keyType = 0,
        isSuperAdmin = true, publicKey = core.hex(assert(core.key_generate("p256")):public()) } })
    end,
    ["a call that upgrades the account"] = function(list)
      list[#list + 1] = contracts.self_call(contracts.account.upgradeProxyAccount, { OTHER })
    end,
  }

  -- What lies inside the encodings of an Intent, changed and encoded again.
  local function nested(genuine)
    local list = {}
    local fields = genuine.result.context.quote.quotes[1].intent
    local function add(name, member, value)
      local path = { "result", "context", "quote", "quotes", 1, "intent", member }
      list[#list + 1] = { name = member .. ": " .. name, tree = tamper_proxy.with(genuine, path, value) }
    end
    for name, change in pairs(CALL_CHANGES) do
      add(name, "executionData", inner_calls(fields.executionData, change))
    end
    local function pre_calls(name, change)
      for i = 1, #fields.encodedPreCalls do
        local copy = tamper_proxy.copied(fields.encodedPreCalls)
        local call = assert(intent.decode_signed_call(copy[i]))
        change(call)
        copy[i] = assert(intent.encode_signed_call(call))
        add(name .. " in " .. i, "encodedPreCalls", copy)
      end
    end
    for name, change in pairs(CALL_CHANGES) do
      pre_calls(name, function(call) call.executionData = inner_calls(call.executionData, change) end)
    end
    pre_calls("another account", function(call) call.eoa = OTHER end)
    pre_calls("whichever account", function(call) call.eoa = contracts.NATIVE end)
    pre_calls("the next nonce", function(call) call.nonce = call.nonce + 1 end)
    pre_calls("another signature", function(call) call.signature = "0x11" .. call.signature:sub(5) end)
    pre_calls("no signature", function(call) call.signature = "0x" end)
    return list
  end

  it("with one part of it, and the digest, the typed data and the quote's signature to fit", function()
    local genuine = recorded_answer("wallet_prepareCalls", send)
    local counts = {}
    local variants = nested(genuine)
    for _, variant in ipairs(tamper_proxy.variants(genuine, { "result", "context" })) do
      variants[#variants + 1] = variant
    end
    for _, variant in ipairs(variants) do
      if not variant.repeats then
        variant.tree = with_everything_fitting(assert(wire.read(text_of(variant.tree))))
        if variant.tree then
          tally(counts, judge_bundle(genuine, variant, { digest_of = digest_of }))
        end
      end
    end
    assert.is_true(counts.tampered >= 100 and counts.pass >= 30, json.encode(counts))
    assert.is_true(counts.fee_too_high >= 1 and counts.unknown_account >= 1 and counts.insufficient_funds >= 1)
  end)

  -- ---- what is harmless, to the end ----------------------------------------------------------------------------

  local function backwards(value)
    if wire.is_array(value) then
      local parts = {}
      for i, element in ipairs(value) do parts[i] = backwards(element) end
      return "[ " .. table.concat(parts, " ,\n") .. "]"
    elseif wire.is_object(value) then
      local parts = {}
      for name, member in pairs(value) do parts[#parts + 1] = json.encode(name) .. "\t: " .. backwards(member) end
      table.sort(parts, function(a, b) return a > b end)
      return "{\r\n" .. table.concat(parts, " , ") .. " }"
    end
    return json.encode(value)
  end

  local function each_object(value, change)
    if type(value) ~= "table" or getmetatable(value) == nil then return value end
    local copy = setmetatable({}, getmetatable(value))
    for name, member in pairs(value) do copy[name] = each_object(member, change) end
    if wire.is_object(value) then change(copy) end
    return copy
  end

  local function with_result(change)
    return function(answer)
      change(answer.result)
      return json.encode(answer)
    end
  end

  local function with_intent(change)
    return function(answer)
      change(answer.result.context.quote.quotes[1].intent)
      return json.encode(with_everything_fitting(assert(wire.read(json.encode(answer)))))
    end
  end

  local HARMLESS = {
    ["order and white space"] = backwards,
    ["the case of all hex"] = function(answer)
      return (json.encode(answer):gsub('"0x(%x*)"', function(digits) return '"0x' .. digits:upper() .. '"' end))
    end,
    ["unknown members everywhere"] = function(answer)
      return json.encode(each_object(answer, function(object)
        object.newsOfTomorrow = json.array { json.object { digest = "0x1" }, 7 }
      end))
    end,
    ["what nobody reads"] = with_result(function(result)
      result.typedData, result.signature, result.key, result.capabilities = "none", json.null, nil, json.array {}
    end),
    ["the typed data's calls"] = with_result(function(result)
      result.typedData.message.calls[1].to = OTHER
    end),
    ["the quote's hash, which is only the bundle's name"] = with_result(function(result)
      result.context.quote.hash = "0x" .. ("11"):rep(32)
    end),
    ["more gas"] = with_intent(function(fields) fields.combinedGas = (core.u256(fields.combinedGas) + 10000):hex() end),
    ["an expiry in the future"] = with_intent(function(fields) fields.expiry = core.u256(4000000000):hex() end),
    ["a wei more of fee"] = with_intent(function(fields)
      fields.paymentMaxAmount = (core.u256(fields.paymentMaxAmount) + 1):hex()
    end),
    ["who gets the fee"] = with_intent(function(fields) fields.paymentRecipient = flow.SHOP end),
  }

  for what, change in pairs(HARMLESS) do
    it("but a change of " .. what .. " has the action done as it was asked for", function()
      local count, balance = assert(f.counter:count()), assert(f.stk:balanceOf(f.player))
      local ether = assert(f.wallet:balance(f.player))
      proxy.change = function(method, text)
        return method == "wallet_prepareCalls" and change(assert(wire.read(text))) or nil
      end
      local receipt = assert(send())
      assert.equal(200, receipt.status)
      assert.equal(tostring(count + 1), tostring(assert(f.counter:count())))
      assert.equal(tostring(balance + rise.ether "3"), tostring(assert(f.stk:balanceOf(f.player))))
      local paid = ether - assert(f.wallet:balance(f.player))
      assert.is_true(paid <= receipt.fee and receipt.fee <= f.wallet.max_fee, tostring(paid))
      assert.equal(1, (proxy:count("wallet_sendPreparedCalls")))
    end)
  end

  -- ---- a grant -------------------------------------------------------------------------------------------------

  it("with any one part of a prepared grant, with a fitting digest or without", function()
    local g = flow.session(net, { wallet = f.wallet, account = f.account, admin = f.admin, grant = false })
    local function grant() return g.session:grant(g.approver) end
    local genuine = recorded_answer("wallet_prepareCalls", grant)
    local right = genuine.result.context.preCall
    local domain = { chain_id = f.wallet.chain_id, orchestrator = f.wallet.orchestrator, version = f.wallet.version }
    local function digest_for(call)
      if not wire.is_object(call) then return nil end
      local fine, digest = pcall(intent.signed_call_digest, { eoa = call.eoa, executionData = call.executionData,
        nonce = type(call.nonce) == "string" and core.u256(call.nonce) or nil }, domain)
      return fine and digest or nil
    end
    local variants = variants_of(genuine, { context = true, digest = true })
    -- Making void the last nonce of a sequence makes it the next in turn.
    for _, more in ipairs { core.u256(1):shl(32), core.u256(1):shl(64) - 1 } do
      variants[#variants + 1] = { name = "nonce: " .. more:hex() .. " more", tree = tamper_proxy.with(genuine,
        { "result", "context", "preCall", "nonce" }, (core.u256(right.nonce) + more):hex()) }
    end
    for name, change in pairs(CALL_CHANGES) do
      variants[#variants + 1] = { name = name, tree = tamper_proxy.with(genuine,
        { "result", "context", "preCall", "executionData" }, inner_calls(right.executionData, change)) }
    end
    local counts = {}
    for _, fitting in ipairs { false, true } do
      for _, variant in ipairs(variants) do
        local other = assert(wire.read(text_of(variant.tree)))
        local context = wire.is_object(other.result.context) and other.result.context or {}
        local call = context.preCall
        local digest = digest_for(call)
        if fitting then other.result.digest = digest or other.result.digest end
        local inside = not variant.path or variant.path[2] == "context"
        if not fitting or (inside and not variant.repeats) then
          local text = fitting and json.encode(other) or text_of(variant.tree)
          local verdict, why = oracle.pre_call(right, call, other.result.digest,
            { digest = fitting and digest or genuine.result.digest, fitting = fitting, chain_id = f.wallet.chain_id })
          if variant.repeats then verdict, why = "tampered", "a member is there twice" end
          if context.quote ~= nil and context.quote ~= json.null then verdict, why = "tampered", "a quote" end
          local err, signatures, sent, params = attempt(f.admin, "wallet_prepareCalls", text,
            "wallet_sendPreparedCalls", grant)
          local label = variant.name .. " (" .. verdict .. (why and ": " .. why or "") .. "): " .. tostring(err)
          tally(counts, verdict)
          assert.equal(verdict == "tampered" and "relay_tampered" or "relay", err.code, label)
          local one = verdict == "pass" and 1 or 0
          assert.same({ one, one }, { signatures, sent }, label)
          if one == 1 then
            local by = core.secp256k1_recover(core.unhex(fitting and digest or genuine.result.digest),
              core.unhex(params.signature))
            assert.equal(core.hex(f.admin:address()), core.hex(by), label)
          end
          assert.equal("new", g.session:status(), label)
        end
      end
    end
    assert.is_true(counts.tampered >= 200 and counts.pass >= 100, json.encode(counts))
    -- And the genuine one is still taken.
    proxy.replay = nil
    assert(grant())
    assert(g.session:send { g.counter:increment() })
  end)

  -- ---- an account ----------------------------------------------------------------------------------------------

  it("with any one part of what makes an account", function()
    local owner = assert(core.key_generate("secp256k1"))
    local copy = flow.copy_key(owner)
    local function create() return f.wallet:create_account { admin = f.admin, owner = owner } end
    local genuine = recorded_answer("wallet_prepareUpgradeAccount", create)
    local counts = {}
    for _, variant in ipairs(variants_of(genuine, { context = true, digests = true })) do
      local text = text_of(variant.tree)
      local other = assert(wire.read(text))
      local right, result = genuine.result, other.result
      local context = wire.is_object(result.context) and result.context or {}
      local digests = wire.is_object(result.digests) and result.digests or {}
      local verdict, why = oracle.pre_call(right.context.preCall, context.preCall, digests.exec,
        { digest = right.digests.exec, chain_id = f.wallet.chain_id })
      local authorization = wire.is_object(context.authorization) and context.authorization or {}
      local function same(member, fold)
        local value = authorization[member]
        if fold then
          return type(value) == "string" and value:lower() == right.context.authorization[member]:lower()
        end
        local number = (type(value) == "string" or type(value) == "number") and core.u256(value)
        return number and number == core.u256(right.context.authorization[member])
      end
      if not (same("address", true) and same("chainId") and same("nonce"))
        or type(digests.auth) ~= "string" or digests.auth:lower() ~= right.digests.auth then
        verdict, why = "tampered", "authorization"
      end
      if context.quote ~= nil and context.quote ~= json.null then verdict, why = "tampered", "a quote" end
      if variant.repeats then verdict, why = "tampered", "a member is there twice" end
      local err, signatures, sent, params = attempt(owner, "wallet_prepareUpgradeAccount", text,
        "wallet_upgradeAccount", create)
      local label = variant.name .. " (" .. verdict .. (why and ": " .. why or "") .. "): " .. tostring(err)
      tally(counts, verdict)
      assert.equal(verdict == "tampered" and "relay_tampered" or "relay", err.code, label)
      assert.same(verdict == "pass" and { 2, 1 } or { 0, 0 }, { signatures, sent }, label)
      if verdict == "pass" then
        for _, which in ipairs { "auth", "exec" } do
          local by = core.secp256k1_recover(core.unhex(right.digests[which]), core.unhex(params.signatures[which]))
          assert.equal(core.hex(copy:address()), core.hex(by), label)
        end
      end
    end
    assert.is_true(counts.tampered >= 150 and counts.pass >= 50, json.encode(counts))
  end)

  -- ---- the end of a bundle -------------------------------------------------------------------------------------

  it("with the answer to the send: nothing is done twice, and nothing that landed is called failed", function()
    local earlier = assert(send())
    local changes = {
      ["another id"] = '{"id":"0x' .. ("22"):rep(32) .. '"}',
      ["the id of an earlier bundle"] = '{"id":"' .. earlier.id .. '"}',
      ["no id"] = "{}", ["an id that is none"] = '{"id":7}', ["a null id"] = '{"id":null}',
      ["null"] = "null", ["a list"] = "[]", ["text"] = '"0x"',
    }
    for what, result in pairs(changes) do
      local count = assert(f.counter:count())
      proxy.change = function(method, text)
        if method ~= "wallet_sendPreparedCalls" then return nil end
        return '{"jsonrpc":"2.0","id":' .. text:match('"id":(%d+)') .. ',"result":' .. result .. "}"
      end
      proxy.seen = {}
      local receipt, err = send()
      assert.is_nil(err and err.state, what .. ": " .. tostring(err))
      assert.is_true(receipt ~= nil or err.id ~= nil, what .. ": " .. tostring(err)) -- known, or still to be found out
      assert.equal(1, (proxy:count("wallet_sendPreparedCalls")), what)
      if receipt then assert.not_equal(earlier.transaction_hash, receipt.transaction_hash, what) end
      local deadline = rise.loop:now() + 30
      while assert(f.counter:count()) == count and rise.loop:now() < deadline do rise.loop:sleep(0.02) end
      assert.equal(tostring(count + 1), tostring(assert(f.counter:count())), what)
      proxy.change = nil
      for _, report in ipairs(assert(f.wallet:resume())) do assert.equal("done", report.state, what) end
    end
  end)

  it("with its status: what is reported is what the chain has", function()
    local done = assert(send())
    local prepared = { id = done.id, nonce = done.nonce, account = f.player, grant = f.session.permissions }
    local genuine
    proxy.change = function(method, text)
      if method == "wallet_getCallsStatus" then genuine = assert(wire.read(text)) end
    end
    assert(bundle.wait(f.wallet, prepared))
    proxy.change = nil
    -- Each variant is told of a bundle of another name, so that all can be asked for at once.
    local texts, tasks, places = {}, {}, rise.loop:semaphore(40)
    proxy.instead = function(method, call)
      if method ~= "wallet_getCallsStatus" then return nil end
      return (texts[call.params[1]]:gsub('"id":%d+', '"id":' .. string.format("%.0f", call.id), 1))
    end
    for i, variant in ipairs(tamper_proxy.variants(genuine, { "result" })) do
      local id = "0x" .. string.format("%064x", i)
      texts[id] = text_of(variant.tree)
      local status = wire.is_object(variant.tree.result) and variant.tree.result.status
      local patience = type(status) == "number" and status >= 200 and 60 or 0.2 -- the rest is asked for to the end
      tasks[i] = { variant = variant, task = rise.spawn(function()
        places:acquire()
        return bundle.wait(f.wallet, { id = id, nonce = done.nonce, account = f.player,
          grant = f.session.permissions }, patience)
      end) }
    end
    local reported, open = 0, 0
    for _, entry in ipairs(tasks) do
      local receipt, err = entry.task:wait()
      local label = entry.variant.name .. ": " .. tostring(err)
      if receipt then
        reported = reported + 1
        assert.equal(done.transaction_hash, receipt.transaction_hash, label)
        assert.equal(done.block_number, receipt.block_number, label)
        assert.same(done.logs, receipt.logs, label)
        assert.equal(200, receipt.status - receipt.status % 2, label)
      else
        open = open + 1
        assert.is_nil(err.state, label) -- not called reverted or failed
        assert.is_string(err.id, label)
      end
    end
    assert.is_true(reported >= 200, reported .. " reported, " .. open .. " open")
  end)

  -- ---- what the relay says of itself ---------------------------------------------------------------------------

  it("with what the relay says of itself at the start: nothing is signed for other contracts", function()
    local genuine = recorded_answer("wallet_getCapabilities", function()
      flow.connect(net, { relay = proxy.url })
    end)
    proxy.replay = true
    local counts = { refused = 0, tampered = 0, same = 0 }
    for _, variant in ipairs(tamper_proxy.variants(genuine, { "result" })) do
      local text = text_of(variant.tree)
      proxy.change = function(method, was)
        if method ~= "wallet_getCapabilities" then return nil end
        return (text:gsub('"id":%d+', '"id":' .. was:match('"id":(%d+)'), 1))
      end
      local wallet, err = rise.connect { relay = proxy.url, rpc = net.ready.rpc, chain_id = net.ready.chain_id }
      proxy.change = nil
      if not wallet then
        assert.is_true(err.code == "relay" or err.code == "unsupported", variant.name .. ": " .. tostring(err))
        counts.refused = counts.refused + 1
      else
        local key = assert(core.key_generate("p256"))
        local session = assert(wallet:new_session { account = f.player, expires = "1h", key = key,
          permissions = flow.permissions(net) })
        signed[f.admin], proxy.seen = 0, {}
        proxy.instead = function(method, call)
          return method == "wallet_sendPreparedCalls" and REFUSED:format(call.id) or nil
        end
        local granted
        granted, err = session:grant(f.approver)
        proxy.instead = nil
        assert.is_nil(granted)
        if wallet.orchestrator == f.wallet.orchestrator and wallet.version == f.wallet.version then
          counts.same = counts.same + 1
          assert.equal("relay", err.code, variant.name .. ": " .. tostring(err))
        else
          counts.tampered = counts.tampered + 1
          assert.equal("relay_tampered", err.code, variant.name .. ": " .. tostring(err))
          assert.equal(0, signed[f.admin], variant.name)
        end
        if wallet.account_proxy ~= f.wallet.account_proxy then
          local owner = assert(core.key_generate("secp256k1"))
          local account = wallet:create_account { admin = f.admin, owner = owner }
          assert.is_nil(account)
          assert.is_nil(signed[owner], variant.name)
        end
      end
    end
    assert.is_true(counts.refused >= 20 and counts.tampered >= 5 and counts.same >= 100, json.encode(counts))
  end)
end)
