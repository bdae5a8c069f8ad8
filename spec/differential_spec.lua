-- rise.core and rise.intent against viem and ox: random cases with their answers, made by
-- spec/differential/cases.mjs from a seed. RISE_DIFF says how many of each kind (20000 for a long run), RISE_SEED
-- which.
local core = require "rise.core"
local intent = require "rise.intent"
local json = require "rise.json"

local COUNT = tonumber(os.getenv("RISE_DIFF") or "") or 500
local SEED = tonumber(os.getenv("RISE_SEED") or "") or 1
local FOLDER = os.getenv("RISE_DEVNET_DIR") or "devnet"
-- Node has nothing to do with a sanitizer that this process runs under.
local NODE = "env -u LD_PRELOAD node spec/differential/"

local function missing()
  if not os.execute("node --version >/dev/null 2>&1") then return "no node here" end
  local package = io.open(FOLDER .. "/node_modules/viem/package.json")
  if not package then return "no packages here: run `npm ci` in " .. FOLDER end
  package:close()
end

local why_not = missing()

-- Runs `check` on every case of a kind; what it raises is told with the case.
local function each(kind, check)
  local command = string.format("%scases.mjs %s %d %d", NODE, kind, COUNT, SEED)
  local pipe, seen = io.popen(command), 0
  for line in pipe:lines() do
    seen = seen + 1
    local ok, complaint = pcall(check, assert(json.decode(line)))
    if not ok then
      pipe:close()
      error(string.format("case %d of `%s`: %s\n%s", seen, command, tostring(complaint), line), 0)
    end
  end
  if not pipe:close() or seen ~= COUNT then error("`" .. command .. "` ended after " .. seen .. " cases", 0) end
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, item in pairs(a) do
    if not same(item, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local function show(value)
  local ok, text = pcall(json.encode, value)
  return ok and text or tostring(value)
end

-- As assert.same, which is too slow for this and changes what it shows.
local function expect(what, wanted, got, err)
  if not same(wanted, got) then
    error(string.format("%s: %s expected, got %s", what, show(wanted), got == nil and tostring(err) or show(got)), 0)
  end
end

local function refused(what, code, value, err)
  if value ~= nil then error(what .. " was taken: " .. show(value), 0) end
  expect(what, code, err.code)
end

local function bytes(text)
  return assert(core.unhex(text))
end

local function map(list, fn)
  local result = {}
  for i, item in ipairs(list) do result[i] = fn(item, i) end
  return result
end

-- A value as a caller may write it: numbers as text, u256 or integer, addresses with their checksum, tuples by name.
local turn = 0
local function written(parameter, value)
  turn = turn + 1
  local element = parameter.type:match("^(.*)%[%d*%]$")
  if element then
    local inner = { type = element, components = parameter.components }
    return map(value, function(item) return written(inner, item) end)
  elseif parameter.components then
    local by_position = map(value, function(item, i) return written(parameter.components[i], item) end)
    local by_name = {}
    for i, component in ipairs(parameter.components) do
      if component.name == "" then return by_position end
      by_name[component.name] = by_position[i]
    end
    return turn % 2 == 0 and by_name or by_position
  elseif parameter.type:find("^u?int") then
    if turn % 3 == 0 and not value:find("^-") then return (assert(core.u256(value))) end
    if turn % 3 == 1 and #value <= 15 then return tonumber(value) end
  elseif parameter.type == "address" and turn % 2 == 0 then
    return core.checksum(bytes(value))
  end
  return value
end

-- A decoded value as cases have it, having looked at the kind of each number and at the names.
local function plain(parameter, value, text_as_bytes)
  local element = parameter.type:match("^(.*)%[%d*%]$")
  if element then
    local inner = { type = element, components = parameter.components }
    return map(value, function(item) return plain(inner, item, text_as_bytes) end)
  elseif parameter.components then
    return map(parameter.components, function(component, i)
      if component.name ~= "" then assert(rawequal(value[i], value[component.name]), component.name) end
      return plain(component, value[i], text_as_bytes)
    end)
  end
  local sign, size = parameter.type:match("^(u?)int(%d+)$")
  if size then
    if tonumber(size) <= 48 then
      assert(type(value) == "number", "a small number is one of Lua's")
      return string.format("%.0f", value)
    end
    assert(core.is_u256(value) or sign == "" and value:find("^%-"), "a large number is a u256")
    return tostring(value)
  end
  if text_as_bytes and parameter.type == "string" then return core.hex(value) end
  return value
end

local function plain_list(parameters, values, text_as_bytes)
  return plain({ type = "", components = parameters }, values, text_as_bytes)
end

local ORDER = core.u256 "0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"

-- r and n - s
local function other_s(signature)
  return signature:sub(1, 32) .. (ORDER - core.u256_from_bytes(signature:sub(33))):bytes()
end

local function flip(text, at)
  return text:sub(1, at - 1) .. string.char((text:byte(at) + 128) % 256) .. text:sub(at + 1)
end

local function outline(item)
  local kind = item:kind()
  local named = kind == "function" or kind == "event" or kind == "error"
  return {
    kind = kind, name = item:name(), mutability = item:mutability(), inputs = item:inputs(), outputs = item:outputs(),
    signature = named and item:signature() or nil, hash = named and core.hex(item:hash()) or nil,
  }
end

local checks = {}

function checks.hash(case)
  local data = bytes(case.data)
  expect("keccak256", case.keccak256, core.hex(core.keccak256(data)))
  expect("sha256", case.sha256, core.hex(core.sha256(data)))
  local pieces = core.keccak():update(data:sub(1, case.cut)):update(data:sub(case.cut + 1))
  expect("keccak in pieces", case.keccak256, core.hex(pieces:final()))
end

function checks.u256(case)
  local a, b = assert(core.u256(case.a)), assert(core.u256(case.b))
  expect("text", case.a, tostring(a))
  expect("hex", case.hex, a:hex())
  expect("from hex", true, core.u256(case.hex) == a)
  expect("bytes", case.bytes, core.hex(a:bytes()))
  expect("from bytes", true, core.u256_from_bytes(bytes(case.bytes)) == a)
  for _, name in ipairs { "add", "sub", "mul", "div", "mod" } do
    local ok, result = pcall(a[name], a, b)
    expect(name, case[name], ok and tostring(result) or json.null)
  end
  expect("shl", case.shl, tostring(a:shl(case.bits)))
  expect("shr", case.shr, tostring(a:shr(case.bits)))
  expect("cmp", case.cmp, a:cmp(b))
  expect("<, <=, ==", { case.cmp < 0, case.cmp <= 0, case.cmp == 0 }, { a < b, a <= b, a == b })
end

function checks.units(case)
  expect("format", case.formatted, core.units_format(core.u256(case.amount), case.decimals))
  local amount, negative = core.units_parse(case.formatted, case.decimals)
  expect("parse what was formatted", { case.amount, false }, { tostring(amount), negative })
  amount, negative = core.units_parse(case.text, case.precision)
  expect("parse", case.parsed, (negative and not amount:is_zero() and "-" or "") .. tostring(amount))
end

function checks.address(case)
  local address = bytes(case.bytes)
  expect("checksum", case.checksum, core.checksum(address))
  expect("read", address, core.address(case.checksum))
  expect("read without checksum", address, core.address(case.bytes))
  if case.valid then
    expect("read a changed one", address, core.address(case.changed))
  else
    refused("a wrong checksum", "invalid_value", core.address(case.changed))
  end
  expect("create", case.create, core.hex(core.create_address(address, case.nonce)))
  expect("create2", case.create2, core.hex(core.create2_address(address, bytes(case.salt), bytes(case.hash))))
end

function checks.p256(case)
  local key = assert(core.key_import("p256", bytes(case.privateKey)))
  local public, digest = key:public(), bytes(case.digest)
  expect("public key", case.publicKey, core.hex(public))
  expect("hash", case.hash, core.hex(key:hash()))
  expect("hash as a WebAuthn key", case.webauthn_hash, core.hex(core.key_hash("webauthnp256", public)))
  local signature = key:sign(digest)
  expect("signature", case.signature, core.hex(signature))
  expect("signature of the SHA-256", case.prehashed, core.hex(key:sign(core.sha256(digest))))
  key:close()

  local random = bytes(case.random)
  expect("verify", true, core.p256_verify(public, digest, signature))
  expect("verify another nonce's", true, core.p256_verify(public, digest, random))
  expect("the lower s", random, core.p256_low_s(other_s(random)))
  expect("the lower s stays", random, core.p256_low_s(random))
  refused("a high s", "invalid_signature", core.p256_verify(public, digest, other_s(random)))
  refused("another digest", "invalid_signature", core.p256_verify(public, flip(digest, 32), random))
  refused("another r", "invalid_signature", core.p256_verify(public, digest, flip(random, 32)))
  refused("junk", "invalid_signature", core.p256_verify(public, digest, bytes(case.other)))
  refused("a point that is none", "invalid_key", core.p256_verify(flip(public, 64), digest, random))
end

function checks.secp256k1(case)
  local key = assert(core.key_import("secp256k1", bytes(case.privateKey)))
  local digest = bytes(case.digest)
  expect("address", case.address, core.hex(key:address()))
  expect("point", case.point, core.hex(key:point()))
  expect("hash", case.hash, core.hex(key:hash()))
  local signature = key:sign(digest)
  expect("signature", case.signature, core.hex(signature))
  key:close()

  local address, point = core.secp256k1_recover(digest, signature)
  expect("recover", { case.address, case.point }, { core.hex(address), core.hex(point) })
  expect("recover another's", case.signer, core.hex((core.secp256k1_recover(digest, bytes(case.foreign)))))
  local nobody, err = core.secp256k1_recover(digest, bytes(case.junk))
  if case.recovered == json.null then
    refused("junk", "invalid_signature", nobody, err)
  else
    expect("recover whatever it is", case.recovered, nobody and core.hex(nobody), err)
  end
end

function checks.abi(case)
  local item = assert(core.abi(case.text))
  expect("signature", case.signature, item:signature())
  expect("selector", case.selector, core.hex(item:selector()))
  expect("inputs", case.inputs, item:inputs())
  local values = map(case.values, function(value, i) return written(case.inputs[i], value) end)
  local encoded, err = item:encode(values)
  expect("encoded", case.encoded, encoded and core.hex(encoded), err)
  expect("a call", case.selector .. case.encoded:sub(3), core.hex(item:encode_call(values)))
  local decoded
  decoded, err = item:decode(encoded)
  expect("decoded", case.values, decoded and plain_list(case.inputs, decoded), err)

  local returning = assert(core.abi("function f() returns " .. case.text:match("%b()$")))
  expect("outputs", case.inputs, returning:outputs())
  expect("encoded as outputs", encoded, returning:encode_outputs(values))
  decoded, err = returning:decode_outputs(encoded)
  expect("decoded as outputs", case.values, decoded and plain_list(case.inputs, decoded), err)
end

function checks.abi_damaged(case)
  local item = assert(core.abi(case.text))
  local values, err = item:decode(bytes(case.data))
  if values then
    expect("decoded", case.values, plain_list(item:inputs(), values, true))
  else
    -- viem is more lenient; but what is encoded as the standard has it must be taken.
    if err.code ~= "invalid_data" and err.code ~= "limit" then error(tostring(err), 0) end
    if case.canonical then error("refused a canonical encoding: " .. tostring(err), 0) end
  end
end

function checks.packed(case)
  local item = assert(core.abi(case.text))
  local inputs = item:inputs()
  local values = map(case.values, function(value, i) return written(inputs[i], value) end)
  local encoded, err = item:encode_packed(values)
  expect("encoded", case.encoded, encoded and core.hex(encoded), err)
end

function checks.event(case)
  local item = assert(core.abi(case.text))
  expect("topic 0", case.topics[1], core.hex(item:hash()))
  local values, err = item:decode_log(map(case.topics, bytes), bytes(case.data))
  if not values then error(tostring(err), 0) end
  -- What is only known by its hash is given as text.
  local inputs = map(item:inputs(), function(input)
    local hashed = input.indexed
      and (input.type == "string" or input.type == "bytes" or input.type:find("[%])]$") ~= nil)
    if hashed then return { name = input.name, type = "bytes32" } end
    return { name = input.name, type = input.type, components = input.components }
  end)
  expect("decoded", case.values, plain_list(inputs, values))
end

function checks.eip712(case)
  local typed = assert(core.eip712(case.encode_type))
  expect("type hash", core.keccak256(case.encode_type), typed:type_hash())
  local hash, err = typed:hash(case.values)
  expect("struct hash", case.struct_hash, hash and core.hex(hash), err)
  local separator = assert(core.eip712(case.domain_type)):hash(case.domain)
  expect("domain separator", case.separator, core.hex(separator))
  expect("digest", case.digest, core.hex(core.eip712_digest(separator, hash)))
end

local function rlp_item(item)
  if type(item) == "string" then return bytes(item) end
  return map(item, rlp_item)
end

function checks.rlp(case)
  local item = rlp_item(case.item)
  expect("encoded", case.encoded, core.hex(core.rlp_encode(item)))
  expect("decoded", item, core.rlp_decode(bytes(case.encoded)))
  local read, err = core.rlp_decode(bytes(case.damaged))
  if case.canonical then
    expect("damaged, but canonical", rlp_item(case.read), read, err)
  else
    refused("a damaged one", "invalid_data", read, err)
  end
end

function checks.authorization(case)
  local digest = core.authorization_digest(case.chainId, bytes(case.address), case.nonce)
  expect("digest", case.digest, core.hex(digest))
  local key = assert(core.key_import("secp256k1", bytes(case.privateKey)))
  expect("signature", case.signature, core.hex(key:sign(digest)))
end

function checks.transaction(case)
  local number = core.u256
  local fields = {
    number(case.chainId), number(case.nonce), number(case.maxPriorityFeePerGas), number(case.maxFeePerGas),
    number(case.gas), bytes(case.to), number(case.value), bytes(case.data), {},
  }
  local kind = "\2"
  if #case.authorizations > 0 then
    kind = "\4"
    fields[10] = map(case.authorizations, function(entry)
      return { number(entry.chainId), bytes(entry.address), number(entry.nonce), number(entry.yParity),
        number(entry.r), number(entry.s) }
    end)
  end
  local sighash = core.keccak256(kind .. core.rlp_encode(fields))
  expect("signing hash", case.sighash, core.hex(sighash))
  local signature = assert(core.key_import("secp256k1", bytes(case.privateKey))):sign(sighash)
  fields[#fields + 1] = signature:byte(65) - 27
  fields[#fields + 1] = core.u256_from_bytes(signature:sub(1, 32))
  fields[#fields + 1] = core.u256_from_bytes(signature:sub(33, 64))
  local raw = kind .. core.rlp_encode(fields)
  expect("raw", case.raw, core.hex(raw))
  expect("hash", case.hash, core.hex(core.keccak256(raw)))
end

function checks.intent(case)
  local domain = intent.domain(case.chainId, case.orchestrator, "0.5.5")
  local fields, data_fields = { calls = case.calls }, { executionData = case.executionData }
  for name, value in pairs(case.fields) do
    fields[name], data_fields[name] = value, value
  end
  local call = { eoa = fields.eoa, nonce = fields.nonce, calls = case.calls }
  expect("execution data", case.executionData, intent.encode_calls(case.calls))
  local calls = map(assert(intent.decode_calls(case.executionData)), function(entry)
    return { to = entry.to, value = tostring(entry.value), data = entry.data }
  end)
  expect("calls", case.calls, calls)
  expect("digest", case.intent, intent.digest(fields, domain))
  expect("digest of execution data", case.intent, intent.digest(data_fields, domain))
  expect("digest of a pre-call", case.signed_call, intent.signed_call_digest(call, domain))
  expect("digest of the account's own", case.execute, intent.execute_digest(case.calls, fields.nonce,
    { chain_id = case.chainId, account = fields.eoa, version = "0.5.10" }))
  expect("digest for apps", case.erc1271, intent.erc1271_digest(fields.eoa, case.intent))
  local again = assert(intent.decode(assert(intent.encode(fields))))
  expect("digest once encoded and decoded", case.intent, intent.digest(again, domain))
end

function checks.human(case)
  local item, err = core.abi(case.text, case.structs)
  expect("item", case.item, item and outline(item), err)
  -- Each is lenient in its own way; but where both take a damaged line they must understand the same.
  item, err = core.abi(case.damaged, case.structs)
  if item and case.read ~= json.null then
    expect("damaged line", case.read, outline(item))
  elseif not item then
    expect("refusal", "invalid_abi", err.code)
  end
end

describe("#diff rise agrees with viem and ox", function()
  local names = {
    hash = "on hashes",
    u256 = "on 256-bit arithmetic",
    units = "on amounts with a decimal point",
    address = "on addresses",
    p256 = "on P-256 keys and signatures",
    secp256k1 = "on secp256k1 keys, signatures and who signed",
    abi = "on ABI encodings",
    abi_damaged = "on damaged ABI data",
    packed = "on packed encodings",
    event = "on logs",
    eip712 = "on typed data",
    rlp = "on RLP",
    authorization = "on EIP-7702 authorizations",
    transaction = "on transactions, from RLP, Keccak and a signature",
    intent = "on intents, pre-calls and what else is signed for an account",
    human = "on human-readable ABI lines",
  }
  local kinds = {}
  for kind in pairs(checks) do kinds[#kinds + 1] = kind end
  table.sort(kinds)
  for _, kind in ipairs(kinds) do
    it(assert(names[kind]), function()
      if why_not then return pending(why_not) end
      each(kind, checks[kind])
    end)
  end

  it("the other way round: ox verifies what our own keys sign", function()
    if why_not then return pending(why_not) end
    local path = os.tmpname()
    local file = assert(io.open(path, "wb"))
    for i = 1, COUNT do
      local digest = core.keccak256("digest " .. i)
      local p256, secp256k1 = assert(core.key_generate "p256"), assert(core.key_generate "secp256k1")
      file:write(json.encode {
        digest = core.hex(digest),
        p256 = { public = core.hex(p256:public()), signature = core.hex(p256:sign(digest)) },
        secp256k1 = { address = core.hex(secp256k1:address()), signature = core.hex(secp256k1:sign(digest)) },
      }, "\n")
      p256:close()
      secp256k1:close()
    end
    file:close()
    local pipe = io.popen(NODE .. "verify.mjs " .. path)
    local report = pipe:read("*a")
    pipe:close()
    os.remove(path)
    assert.same({ verified = COUNT, wrong = 0 }, json.decode(report))
  end)
end)
