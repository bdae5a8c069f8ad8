--- The candidates in Lua: `run(n)` does the work n times, `result(i)` gives what comes out for input i.

local cjson = require "cjson"
local contracts = require "rise.contracts"
local core = require "rise.core"

return function(inputs, bench)
  local candidates = {}

  local function add(name, run, result)
    candidates[name] = { run = run, result = result }
  end

  -- Work that takes the place of an input: `work(i)`.
  local function indexed(name, work)
    add(name, function(n)
      for i = 0, n - 1 do
        work(i % 16 + 1)
      end
    end, function(i) return work(i % 16 + 1) end)
  end

  local p256, k1 = {}, {}
  for i = 1, 16 do
    p256[i] = assert(core.key_import("p256", inputs.p256_secret[i]))
    k1[i] = assert(core.key_import("secp256k1", inputs.k1_secret[i]))
  end
  indexed("p256 sign: rise, Lua", function(i) return p256[i]:sign(inputs.p256_digest[i]) end)
  indexed("p256 verify: rise, Lua", function(i)
    return core.p256_verify(inputs.p256_public[i], inputs.p256_digest[i], inputs.p256_sig[i]) and ""
  end)
  indexed("secp256k1 sign: rise, Lua", function(i) return k1[i]:sign(inputs.k1_digest[i]) end)
  indexed("secp256k1 recover: rise, Lua", function(i)
    local _, point = core.secp256k1_recover(inputs.k1_digest[i], inputs.k1_sig[i])
    return point
  end)

  local keccak256, hex, unhex = core.keccak256, core.hex, core.unhex
  for _, size in ipairs { "32", "136", "1m" } do
    local data = inputs["keccak_" .. size]
    add(("keccak %s: rise, Lua"):format(size), function(n)
      for _ = 1, n do
        keccak256(data)
      end
    end, function() return keccak256(data) end)
  end

  -- As text, which is what the peers take and give.
  local transfer = assert(core.abi(inputs.transfer_line))
  local to, amount = inputs.lua.to, inputs.lua.amount
  add("transfer: rise, Lua", function(n)
    for _ = 1, n do
      transfer:calldata { to, amount }
    end
  end, function() return core.unhex(transfer:calldata { to, amount }) end)

  add("transfer: rise, Lua, bytes", function(n)
    for _ = 1, n do
      transfer:encode_call { to, amount }
    end
  end, function() return transfer:encode_call { to, amount } end)

  local intent, fields = contracts.params.intent, inputs.lua.fields
  add("intent encode: rise, Lua", function(n)
    for _ = 1, n do
      hex(intent:encode { fields })
    end
  end, function() return intent:encode { fields } end)
  local encoded = hex(inputs.intent_encoded)
  add("intent decode: rise, Lua", function(n)
    for _ = 1, n do
      intent:decode(unhex(encoded))
    end
  end, function() return intent:encode(intent:decode(unhex(encoded))) end)

  local typed, separator, message = assert(core.eip712(inputs.intent_type)), inputs.intent_separator, inputs.lua.typed
  add("intent digest: rise, Lua", function(n)
    for _ = 1, n do
      hex(core.eip712_digest(separator, typed:hash(message)))
    end
  end, function() return core.eip712_digest(separator, typed:hash(message)) end)

  local reply, json_span = inputs.reply, core.json_span
  local function parts()
    local digest = reply:sub(json_span(reply, "result", "digest"))
    return digest, reply:sub(json_span(reply, "result", "context"))
  end
  add("json: rise, Lua", function(n)
    for _ = 1, n do
      parts()
    end
  end, function()
    local digest, context = parts()
    return digest .. context
  end)
  add("json: cjson", function(n)
    for _ = 1, n do
      cjson.decode(reply)
    end
  end)

  local key, plain = p256[1], bench.plain
  add("call: rise", function(n)
    for _ = 1, n do
      key:type()
    end
  end, function() return "" end)
  add("call: plain", function(n)
    for _ = 1, n do
      plain(key)
    end
  end, function() return "" end)
  return candidates
end
