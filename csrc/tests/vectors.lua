-- Turns the JSON files of spec/vectors into the lines that test_vectors.c reads: lua vectors.lua <folder> <output>
--
-- A line is a case: its kind, where it is from, and fields, all with one space between. A field is text in which what
-- could be mistaken is written as %xx. Values lie in pre-order; what is a list or a struct begins with "#" and the
-- number of its parts. The last line is "end" and the number of the lines before it.
local cjson = require "cjson"

local folder, path = assert(arg[1]), assert(arg[2])

local lines, where = {}, nil

local function escape(char)
  return ("%%%02x"):format(char:byte())
end

local function text_of(value)
  if type(value) == "number" then return ("%.0f"):format(value) end
  return (tostring(value):gsub("[^!-$&-~]", escape))
end

-- Appends the fields of a value: a list of values, text, a number or a boolean.
local function flatten(fields, value)
  if type(value) == "table" then
    fields[#fields + 1] = "#" .. #value
    for _, part in ipairs(value) do flatten(fields, part) end
  else
    fields[#fields + 1] = text_of(value)
  end
end

-- A line of this kind; each argument is a field, or the fields of a list.
local function line(kind, ...)
  local fields = { kind, where }
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    assert(value ~= nil and value ~= cjson.null, where)
    flatten(fields, value)
  end
  lines[#lines + 1] = table.concat(fields, " ")
end

local function load(name)
  local file = assert(io.open(folder .. "/" .. name .. ".json", "rb"))
  local text = file:read("*a")
  file:close()
  return cjson.decode(text)
end

-- Calls the writer of each list of a file for each of its cases.
local function each(name, writers)
  local vectors, lists = load(name), {}
  for list in pairs(writers) do lists[#lists + 1] = list end
  table.sort(lists)
  for _, list in ipairs(lists) do
    for i, case in ipairs(assert(vectors[list], list)) do
      where = name .. ".json/" .. list .. "/" .. i
      writers[list](case)
    end
  end
end

local function hex(text)
  return "0x" .. text:gsub(".", function(char) return ("%02x"):format(char:byte()) end)
end

-- The 65 bytes r || s || v of a case that has the parity.
local function signature(case)
  return case.r .. case.s:sub(3) .. ("%02x"):format(27 + case.yParity)
end

local function map(list, convert)
  local made = {}
  for i, item in ipairs(list) do made[i] = convert(item) end
  return made
end

-- ---- hashes, keys, addresses ----

each("keccak256", {
  cases = function(case) line("keccak256", case.input, case.length, case.hash) end,
  text = function(case) line("keccak256", hex(case.text), #case.text, case.hash) end,
  repeated = function(case) line("keccak256-repeated", case.byte, case.length, case.hash) end,
})

each("p256", {
  cases = function(case)
    line("p256", case.privateKey, case.publicKey, case.keyHash, case.payload, case.sha256, signature(case),
      case.signature)
  end,
  verify = function(case) line("p256-verify", case.publicKey, case.payload, case.r, case.s, case.valid) end,
  -- A key of another length has no form in C.
  badPrivateKeys = function(case) if #case.privateKey == 66 then line("p256-bad-key", case.privateKey) end end,
})

each("secp256k1", {
  cases = function(case)
    line("secp256k1", case.privateKey, case.publicKey, case.address, case.payload, signature(case), case.signature)
  end,
  personal = function(case)
    line("personal", case.privateKey, case.address, case.message, case.hash, case.signature)
  end,
  badPrivateKeys = function(case) line("secp256k1-bad-key", case.privateKey) end,
})

each("keys", {
  hashes = function(case)
    -- An address stands for a secp256k1 key; the contract has it padded to a word.
    local key = case.publicKey
    if case.type == "secp256k1" then key = "0x" .. ("0"):rep(66 - #key) .. key:sub(3) end
    line("key-hash", case.type, key, case.hash)
  end,
  keys = function(case) line("key", case.type, case.privateKey, case.serialized.publicKey, case.hash) end,
  signatures = function(case)
    -- What a WebAuthn key signs is no payload of 32 bytes.
    if case.type ~= "webauthn-p256" then line("key-signature", case.type, case.privateKey, case.payload, case.inner) end
  end,
})

each("address", {
  checksum = function(case) line("address-checksum", case.address, case.checksum) end,
  valid = function(case) line("address-valid", case.address, case.valid) end,
  create = function(case) line("address-create", case.from, case.nonce, case.address) end,
  create2 = function(case) line("address-create2", case.from, case.salt, case.bytecode, case.address) end,
})

-- ---- numbers ----

local function decimals(case)
  if case.op:match("Ether$") then return 18 end
  if case.op:match("Gwei$") then return 9 end
  return case.args[2]
end

each("units", {
  parse = function(case)
    if case.error then
      line("units-refused", case.args[1], decimals(case))
    else
      line("units-parse", case.args[1], decimals(case), case.result)
    end
  end,
  format = function(case) line("units-format", case.args[1], decimals(case), case.result) end,
})

-- ---- RLP, transactions ----

each("rlp", {
  cases = function(case) line("rlp", case.value, case.encoded) end,
  decodeErrors = function(case) line("rlp-refused", case.data) end,
})

each("transactions", {
  authorizations = function(case)
    line("authorization", case.chainId, case.address, case.nonce, case.digest, case.privateKey, case.authority,
      signature(case), case.signature)
  end,
  transactions = function(case)
    local tx = case.tx
    local access = map(tx.accessList or {}, function(entry)
      return { entry.address, "0x" .. table.concat(entry.storageKeys):gsub("0x", "") }
    end)
    local authorizations = map(tx.authorizationList or {}, function(entry)
      return { entry.chainId, entry.address, entry.nonce, signature(entry) }
    end)
    line("transaction", tx.type, tx.chainId, tx.nonce, tx.gas, tx.gasPrice or 0, tx.maxFeePerGas or 0,
      tx.maxPriorityFeePerGas or 0, type(tx.to) == "string" and tx.to or "", tx.value or 0, tx.data or "0x", access,
      authorizations, case.privateKey, case.from, case.unsigned, case.sighash, case.raw, case.hash,
      case.r .. case.s:sub(3))
  end,
})

-- ---- ABI ----

-- "(address to, (uint256 a)[2] b)" of ABI parameter objects.
local function parameters(inputs)
  return "(" .. table.concat(map(inputs, function(input)
    local text = input.type
    if input.components then text = text:gsub("^tuple", function() return parameters(input.components) end) end
    if input.indexed then text = text .. " indexed" end
    if (input.name or "") ~= "" then text = text .. " " .. input.name end
    return text
  end), ", ") .. ")"
end

local function canonical(input)
  if not input.components then return input.type end
  return (input.type:gsub("^tuple", function()
    return "(" .. table.concat(map(input.components, canonical), ",") .. ")"
  end))
end

-- Type, name and parts of each parameter, as the types of an item are compared.
local function shape(inputs)
  return map(inputs or {}, function(input)
    return { canonical(input), input.name or "", input.indexed or false, shape(input.components) }
  end)
end

-- What the types of C leave no room for: a bool that is neither, and bytesN that are too few.
local function only_in_text(case)
  local size = case.type:match("^bytes(%d+)$")
  return case.type == "bool" or size and #case.value < 2 + 2 * size
end

each("abi", {
  cases = function(case)
    line("abi", parameters(case.inputs), case.values, case.encoded, case.signature, case.selector)
  end,
  encodeErrors = function(case)
    if not only_in_text(case) then line("abi-unencodable", "(" .. case.type .. ")", { case.value }) end
  end,
  decodeErrors = function(case) line("abi-undecodable", parameters(case.inputs), case.data) end,
})

each("abi-packed", {
  cases = function(case)
    line("abi-packed", "(" .. table.concat(case.types, ",") .. ")", case.values, case.encoded, case.keccak256)
  end,
})

each("errors", {
  cases = function(case)
    line("error", case.error, case.name, case.signature, shape(case.inputs), case.args, case.data)
  end,
  account = function(case) line("selector", "error " .. case.signature, case.signature, case.selector) end,
})

do
  -- Data that must not begin as one of the errors does.
  local vectors = load "errors"
  local known = {}
  for _, list in ipairs { vectors.cases, vectors.account } do
    for _, case in ipairs(list) do known[#known + 1] = "error " .. case.signature end
  end
  for i, case in ipairs(vectors.unknown) do
    where = "errors.json/unknown/" .. i
    line("error-unknown", case.data, known)
  end
end

each("events", {
  cases = function(case)
    line("event", case.event, case.signature, case.topic0, shape(case.inputs), case.topics, case.args, case.data)
  end,
})

local function human(text, structs, item, names)
  line("human-abi", text, structs, item.type, item.name or "", item.stateMutability or "", names.signature or "",
    names.selector or names.topic0 or "", shape(item.inputs), shape(item.outputs))
end

each("human-abi", {
  items = function(case) human(case.text, "", case.item, case) end,
  rejected = function(case) line("human-abi-refused", case.text) end,
  selectors = function(case) line("selector", case.signature, case.signature, case.selector) end,
  sets = function(case)
    local structs, texts = {}, {}
    for _, text in ipairs(case.texts) do table.insert(text:find("^struct ") and structs or texts, text) end
    assert(#texts == #case.abi)
    for i, text in ipairs(texts) do human(text, table.concat(structs, "\n"), case.abi[i], case.signatures[i]) end
  end,
})

-- ---- EIP-712 ----

local DOMAIN = {
  { name = "name", type = "string" }, { name = "version", type = "string" }, { name = "chainId", type = "uint256" },
  { name = "verifyingContract", type = "address" }, { name = "salt", type = "bytes32" },
}

-- The members of EIP712Domain that this domain has, and its encodeType.
local function domain_type(domain)
  local members, parts = {}, {}
  for _, member in ipairs(DOMAIN) do
    if domain[member.name] ~= nil then
      members[#members + 1] = member
      parts[#parts + 1] = member.type .. " " .. member.name
    end
  end
  return members, "EIP712Domain(" .. table.concat(parts, ",") .. ")"
end

-- A value of typed data, whose structs go by names, as the list of its parts.
local function ordered(value, type_name, types)
  local element = type_name:match("^(.*)%[%d*%]$")
  if element then
    return map(value, function(part) return ordered(part, element, types) end)
  elseif types[type_name] then
    return map(types[type_name], function(member) return ordered(value[member.name], member.type, types) end)
  end
  return value
end

local function quote(text)
  return '"' .. text:gsub('[%c"\\]', function(char) return ("\\u%04x"):format(char:byte()) end) .. '"'
end

-- The same as JSON. Numbers go as text where they could not be written otherwise.
local function json(value, type_name, types)
  local element = type_name:match("^(.*)%[%d*%]$")
  if element then
    return "[" .. table.concat(map(value, function(part) return json(part, element, types) end), ",") .. "]"
  elseif types[type_name] then
    return "{" .. table.concat(map(types[type_name], function(member)
      return quote(member.name) .. ":" .. json(value[member.name], member.type, types)
    end), ",") .. "}"
  elseif type(value) == "string" then
    return quote(value)
  end
  return text_of(value)
end

local function types_json(types)
  local parts = {}
  for name, members in pairs(types) do
    parts[#parts + 1] = quote(name) .. ":[" .. table.concat(map(members, function(member)
      return '{"name":' .. quote(member.name) .. ',"type":' .. quote(member.type) .. "}"
    end), ",") .. "]"
  end
  table.sort(parts)
  return "{" .. table.concat(parts, ",") .. "}"
end

each("eip712", {
  cases = function(case)
    local members, domain_text = domain_type(case.domain)
    local domain_types = { EIP712Domain = members }
    local text = '{"types":' .. types_json(case.types) .. ',"primaryType":' .. quote(case.primaryType) ..
      ',"domain":' .. json(case.domain, "EIP712Domain", domain_types) ..
      ',"message":' .. json(case.message, case.primaryType, case.types) .. "}"
    local signer = case.signer
    line("eip712", text, domain_text, ordered(case.domain, "EIP712Domain", domain_types), case.domainSeparator,
      case.encodeType, ordered(case.message, case.primaryType, case.types), case.structHash, case.digest,
      signer and { signer.privateKey, signer.address, signer.signature } or {})
  end,
})

-- ---- intents ----

-- "type name" lists of the account contracts' structs, as the ABI has them.
local function members(text)
  local list = {}
  for type_name, name in text:gmatch("([%w%[%]]+) (%w+)") do
    list[#list + 1] = { type = type_name, name = name }
  end
  return list
end

local CALL = "address to, uint256 value, bytes data"
local STRUCTS = {
  Intent = members [[
    address eoa, bytes executionData, uint256 nonce, address payer, address paymentToken, uint256 paymentMaxAmount,
    uint256 combinedGas, bytes[] encodedPreCalls, bytes[] encodedFundTransfers, address settler, uint256 expiry,
    bool isMultichain, address funder, bytes funderSignature, bytes settlerContext, uint256 paymentAmount,
    address paymentRecipient, bytes signature, bytes paymentSignature, address supportedAccountImplementation]],
  SignedCall = members "address eoa, bytes executionData, uint256 nonce, bytes signature",
}
local encode_types = load("account").constants.typeStrings

local function intent(kind, name, case, fields, execute)
  local domain_members, domain_text = domain_type(case.domain)
  local message = { multichain = case.domain.chainId == nil, calls = case.calls }
  for key, value in pairs(fields) do message[key] = value end
  local encode_type = encode_types[name]
  local types = { Call = members(CALL), [name] = members(encode_type:match("%((.-)%)")) }
  line(kind, "((" .. CALL .. ")[])", { ordered(case.calls, "Call[]", types) }, fields.executionData,
    "(" .. parameters(STRUCTS[name]) .. ")", { ordered(fields, name, STRUCTS) }, case.encoded, execute,
    domain_text, ordered(case.domain, "EIP712Domain", { EIP712Domain = domain_members }),
    encode_type, ordered(message, name, types), case.digest)
end

each("intents", {
  intents = function(case) intent("intent", "Intent", case, case.intent, case.execute) end,
  preCalls = function(case) intent("pre-call", "SignedCall", case, case.preCall, "") end,
})

lines[#lines + 1] = "end " .. #lines .. "\n"
local file = assert(io.open(path, "wb"))
assert(file:write(table.concat(lines, "\n")))
assert(file:close())
