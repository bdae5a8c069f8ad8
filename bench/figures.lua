--- The figures: what stands beside what, and how much faster the first side has to be.
--
-- `candidate` names who does the work (bench/*.c, candidates.lua, peers.cjs). What the first side is held to stands at
-- the peers: `target` at least, or at most where a figure is an overhead; `goal` is what it should come to.

local function side(name, candidate, target, goal)
  return { name = name, candidate = candidate, target = target, goal = goal }
end

local function uncompared(entry)
  entry.compare = false
  return entry
end

local function of_input(name)
  return function(inputs, i)
    local value = inputs[name]
    return type(value) == "table" and value[i % #value + 1] or value
  end
end

local function keccak(name, size)
  local function hash(inputs)
    return require "rise.core".keccak256(inputs["keccak_" .. size])
  end
  local figure = {
    name = "Keccak-256, " .. name, expected = hash,
    sides = {
      side("rise, C", ("keccak %s: rise"):format(size)),
      side("rise, Lua", ("keccak %s: rise, Lua"):format(size)),
      uncompared(side("OpenSSL SHA3-256", ("keccak %s: OpenSSL"):format(size), 1)),
      uncompared(side("libgcrypt SHA3-256", ("keccak %s: libgcrypt"):format(size), 1)),
      side("noble", ("keccak %s: noble"):format(size)),
      side("viem", ("keccak %s: viem"):format(size)),
    },
  }
  return figure
end

return {
  {
    name = "P-256 sign", inputs = 16, expected = of_input "p256_sig",
    sides = {
      side("rise, C", "p256 sign: rise"),
      side("rise, Lua", "p256 sign: rise, Lua"),
      side("rise, plain C", "p256 sign: plain"),
      uncompared(side("OpenSSL", "p256 sign: OpenSSL", function(cpu) return cpu.adx and cpu.bmi2 and 1.5 or 1 end)),
      side("BearSSL", "p256 sign: BearSSL", 14),
      side("ox", "p256 sign: ox", 14),
    },
  },
  {
    name = "P-256 sign, least x86-64", inputs = 16, expected = of_input "p256_sig",
    sides = {
      side("rise, C", "p256 sign: least"),
      uncompared(side("OpenSSL (all it has)", "p256 sign: OpenSSL", 1)),
    },
  },
  {
    name = "P-256 public key", inputs = 16, expected = of_input "p256_public",
    sides = {
      side("rise, C", "p256 public: rise"),
      side("rise, least x86-64", "p256 public: least"),
      side("rise, plain C", "p256 public: plain"),
      side("OpenSSL", "p256 public: OpenSSL", 0.7, 1),
      side("BearSSL", "p256 public: BearSSL"),
      side("ox", "p256 public: ox"),
    },
  },
  {
    name = "P-256 verify", inputs = 16,
    sides = {
      side("rise, C", "p256 verify: rise"),
      side("rise, Lua", "p256 verify: rise, Lua"),
      side("rise, least x86-64", "p256 verify: least"),
      side("rise, plain C", "p256 verify: plain"),
      side("OpenSSL", "p256 verify: OpenSSL", 0.5, 1),
      side("BearSSL", "p256 verify: BearSSL"),
      side("ox", "p256 verify: ox"),
    },
  },
  {
    name = "secp256k1 sign", inputs = 16, expected = of_input "k1_sig",
    sides = {
      side("rise, C", "secp256k1 sign: rise"),
      side("rise, Lua", "secp256k1 sign: rise, Lua"),
      side("libsecp256k1", "secp256k1 sign: libsecp256k1", 0.97),
      side("viem", "secp256k1 sign: viem"),
    },
  },
  {
    name = "secp256k1 recover", inputs = 16, expected = of_input "k1_public",
    sides = {
      side("rise, C", "secp256k1 recover: rise"),
      side("rise, Lua", "secp256k1 recover: rise, Lua"),
      side("libsecp256k1", "secp256k1 recover: libsecp256k1", 0.97),
      side("viem", "secp256k1 recover: viem"),
    },
  },
  keccak("32 B", "32"),
  keccak("136 B", "136"),
  keccak("1 MiB", "1m"),
  {
    name = "ABI encode transfer", expected = of_input "transfer_encoded",
    sides = {
      side("rise, Lua", "transfer: rise, Lua"),
      side("rise, Lua, as bytes", "transfer: rise, Lua, bytes"),
      side("rise, C", "transfer: rise, C"),
      side("viem", "transfer: viem", 7),
      side("viem, prepared", "transfer: viem, prepared"),
    },
  },
  {
    name = "ABI encode Intent", expected = of_input "intent_encoded",
    sides = {
      side("rise, Lua", "intent encode: rise, Lua"),
      side("rise, C", "intent encode: rise, C"),
      side("viem", "intent encode: viem", 8),
    },
  },
  {
    name = "ABI decode Intent", expected = of_input "intent_encoded",
    sides = {
      side("rise, Lua", "intent decode: rise, Lua"),
      uncompared(side("rise, C", "intent decode: rise, C")),
      side("viem", "intent decode: viem", 10),
    },
  },
  {
    name = "Intent digest (EIP-712), 3 calls", expected = of_input "intent_digest",
    sides = {
      side("rise, C", "intent digest: rise, C"),
      side("rise, Lua", "intent digest: rise, Lua"),
      side("viem", "intent digest: viem", 25, 60),
    },
  },
  {
    name = "digest and context of a reply", expected = of_input "reply_parts",
    sides = {
      side("rise, Lua", "json: rise, Lua"),
      side("rise, C", "json: rise, C"),
      uncompared(side("lua-cjson", "json: cjson", 4, 11)),
      side("JSON.parse", "json: JSON.parse"),
    },
  },
  {
    name = "call of the binding", overhead = true,
    sides = {
      side("rise.core, a method", "call: rise"),
      side("a plain C function", "call: plain", 200e-9),
    },
  },
}
