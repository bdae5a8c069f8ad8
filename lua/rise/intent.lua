--- The Intent: built, encoded, hashed, and compared with what was asked for. Pure: no network, no clock.
--
-- *Fields* are the twenty members of the contract's struct under their own names (`eoa`, `executionData`, `nonce`, …):
-- 0x text for addresses and bytes, u256 for numbers, lists for `encodedPreCalls` and `encodedFundTransfers`. Where
-- fields are taken, `calls` may stand for `executionData`, and what is left out is zero or empty.
--
-- A *domain* is `{ chain_id=, orchestrator=, version= }`.
-- @module rise.intent

local check = require "rise.check"
local contracts = require "rise.contracts"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"
local permissions = require "rise.permissions"

local intent = {}

local ZERO = contracts.NATIVE

-- name, kind, and whether the signature covers it. The relay may set or change the others after signing.
local FIELDS = {
  { "eoa", "address", true },
  { "executionData", "bytes", true },
  { "nonce", "uint", true },
  { "payer", "address", true },
  { "paymentToken", "address", true },
  { "paymentMaxAmount", "uint", true },
  { "combinedGas", "uint", true },
  { "encodedPreCalls", "list", true },
  { "encodedFundTransfers", "list", true },
  { "settler", "address", true },
  { "expiry", "uint", true },
  { "isMultichain", "bool" },
  { "funder", "address" },
  { "funderSignature", "bytes" },
  { "settlerContext", "bytes" },
  { "paymentAmount", "uint" },
  { "paymentRecipient", "address" },
  { "signature", "bytes" },
  { "paymentSignature", "bytes" },
  { "supportedAccountImplementation", "address" },
}

local SIGNED_CALL_FIELDS = {
  { "eoa", "address", true },
  { "executionData", "bytes", true },
  { "nonce", "uint", true },
  { "signature", "bytes" },
}

local DEFAULTS = { address = ZERO, bytes = "0x", uint = 0, bool = false }

-- Bounds on what a peer may send: bytes of one member, elements of one list.
local MAX_BYTES = 8 * 1024 * 1024
local MAX_LIST = 256

-- ---- reading --------------------------------------------------------------------------------------------------

local function absent(value)
  return value == nil or value == json.null
end

local function invalid(field, message)
  return errors.fail("invalid_value", field .. ": " .. message, { field = field })
end

local READ = {}

-- Checksums are not looked at: the relay's hex may come in any case.
function READ.address(value, field)
  if type(value) ~= "string" or #value ~= 42 or not value:find("^0[xX]%x+$") then
    return invalid(field, "not an address")
  end
  return value:lower()
end

function READ.bytes(value, field)
  if type(value) ~= "string" or #value % 2 ~= 0 or not value:find("^0[xX]%x*$") then
    return invalid(field, "not 0x text of whole bytes")
  end
  if #value > 2 + 2 * MAX_BYTES then return invalid(field, "longer than " .. MAX_BYTES .. " bytes") end
  return value:lower()
end

function READ.uint(value, field)
  if core.is_u256(value) then return value end
  local number
  if type(value) == "string" and #value <= 200 then
    number = core.u256(value)
  elseif type(value) == "number" and value >= 0 and value % 1 == 0 and value <= 9007199254740991 then
    number = core.u256(value)
  end
  if not number then return invalid(field, "not a number of at most 256 bits") end
  return number
end

function READ.bool(value, field)
  if type(value) ~= "boolean" then return invalid(field, "neither true nor false") end
  return value
end

function READ.list(value, field)
  if type(value) ~= "table" then return invalid(field, "not a list") end
  local count = 0
  for _ in pairs(value) do
    count = count + 1
    if count > MAX_LIST then return invalid(field, "more than " .. MAX_LIST .. " elements") end
  end
  if count ~= #value then return invalid(field, "not a list") end
  local list = {}
  for i = 1, count do
    local element, err = READ.bytes(value[i], field .. "[" .. i .. "]")
    if not element then return nil, err end
    list[i] = element
  end
  return list
end

-- `strict`: members under the signature must be there, as in a peer's JSON.
local function read_fields(value, fields, prefix, strict)
  local result = {}
  for _, field in ipairs(fields) do
    local name, kind, signed = field[1], field[2], field[3]
    local given = value[name]
    if absent(given) then
      if strict and signed then return invalid(prefix .. name, "missing") end
      if kind == "list" then given = {} else given = DEFAULTS[kind] end
    end
    local err
    result[name], err = READ[kind](given, prefix .. name)
    if result[name] == nil then return nil, err end
  end
  return result
end

-- ---- calls ----------------------------------------------------------------------------------------------------

--- Calls as the contract takes them: abi.encode((address to, uint256 value, bytes data)[]).
-- @tparam table calls `{ to=, value=, data= }`; no target means the account, no value none, no data none
-- @treturn[1] string 0x text
-- @treturn[2] nil
-- @treturn[2] table invalid_value naming the member
function intent.encode_calls(calls)
  local list, err = contracts.read_calls(calls)
  if not list then return nil, err end
  local bytes
  bytes, err = contracts.params.calls:encode { list }
  if not bytes then return nil, err end
  return core.hex(bytes)
end

--- The calls in execution data.
-- @tparam string data 0x text
-- @treturn[1] table `{ to=, value=, data= }` each
-- @treturn[2] nil
-- @treturn[2] table invalid_value, invalid_data
function intent.decode_calls(data)
  local bytes, err = core.unhex(data)
  if not bytes then return nil, err end
  local decoded
  decoded, err = contracts.params.calls:decode(bytes)
  if not decoded then return nil, err end
  local calls = {}
  for i, call in ipairs(decoded[1]) do
    calls[i] = { to = call.to, value = call.value, data = call.data }
  end
  return calls
end

-- ---- struct and encoding ----------------------------------------------------------------------------------------

local function complete(fields, kinds, what)
  check.type(fields, "table", what, 3)
  local known = { calls = true }
  for _, field in ipairs(kinds) do
    known[field[1]] = true
  end
  for name in pairs(fields) do
    if not known[name] then error(what .. ": unknown field " .. tostring(name), 3) end
  end
  if fields.calls and fields.executionData then error(what .. ": calls and executionData are both given", 3) end
  local given = fields
  if not fields.executionData then
    local data, err = intent.encode_calls(fields.calls or {})
    if not data then return nil, err end
    given = setmetatable({ executionData = data }, { __index = fields })
  end
  return read_fields(given, kinds, "", false)
end

--- All twenty fields, normalized: lower-case text, u256 numbers, zero or empty where nothing was given.
-- @tparam table fields
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] table invalid_value with `field`
function intent.new(fields)
  return complete(fields, FIELDS, "intent.new")
end

local function encode(item, fields)
  local bytes, err = item:encode { fields }
  if not bytes then return nil, err end
  return core.hex(bytes)
end

--- abi.encode(Intent).
-- @tparam table fields
-- @treturn[1] string 0x text
-- @treturn[2] nil
-- @treturn[2] table invalid_value with `field`
function intent.encode(fields)
  local full, err = complete(fields, FIELDS, "intent.encode")
  if not full then return nil, err end
  return encode(contracts.params.intent, full)
end

local function decode(item, data, kinds)
  local bytes, err = core.unhex(data)
  if not bytes then return nil, err end
  local decoded
  decoded, err = item:decode(bytes)
  if not decoded then return nil, err end
  return read_fields(decoded[1], kinds, "", true)
end

--- The fields of an encoded Intent.
-- @tparam string data 0x text
-- @treturn[1] table fields
-- @treturn[2] nil
-- @treturn[2] table invalid_value, invalid_data
function intent.decode(data)
  return decode(contracts.params.intent, data, FIELDS)
end

--- The call data of `Orchestrator.execute(bytes)` for an Intent.
-- @tparam table fields with `signature` wrapped
-- @treturn[1] string 0x text
-- @treturn[2] nil
-- @treturn[2] table invalid_value with `field`
function intent.execute_calldata(fields)
  local encoded, err = intent.encode(fields)
  if not encoded then return nil, err end
  return contracts.encode_call(contracts.orchestrator.execute, { encoded })
end

--- abi.encode(SignedCall): an element of `encodedPreCalls`.
-- @tparam table call `eoa`, `executionData` or `calls`, `nonce`, `signature`
-- @treturn[1] string 0x text
-- @treturn[2] nil
-- @treturn[2] table invalid_value with `field`
function intent.encode_signed_call(call)
  local full, err = complete(call, SIGNED_CALL_FIELDS, "intent.encode_signed_call")
  if not full then return nil, err end
  return encode(contracts.params.signed_call, full)
end

--- The fields of an encoded SignedCall.
-- @tparam string data 0x text
-- @treturn[1] table `eoa`, `executionData`, `nonce`, `signature`
-- @treturn[2] nil
-- @treturn[2] table invalid_value, invalid_data
function intent.decode_signed_call(data)
  return decode(contracts.params.signed_call, data, SIGNED_CALL_FIELDS)
end

--- The fields of an Intent in the relay's JSON. What the signature covers must be there; unknown members pass.
-- @tparam table value decoded JSON
-- @treturn[1] table fields
-- @treturn[2] nil
-- @treturn[2] table invalid_value with `field`
function intent.from_json(value)
  if type(value) ~= "table" then return invalid("intent", "an object expected, got " .. type(value)) end
  if not absent(value.totalPaymentMaxAmount) or not absent(value.prePaymentMaxAmount) then
    return errors.fail("unsupported", "intent: of an orchestrator before 0.5", { field = "intent" })
  end
  return read_fields(value, FIELDS, "intent.", true)
end

-- ---- nonces ---------------------------------------------------------------------------------------------------

--- A nonce out of its sequence key (192 bits) and its number in the sequence (64 bits).
-- @param sequence_key u256, integer or text
-- @param[opt=0] sequence u256, integer or text
-- @treturn u256
function intent.nonce(sequence_key, sequence)
  local key = check.amount(sequence_key, "intent.nonce: sequence_key")
  local number = check.amount(sequence or 0, "intent.nonce: sequence")
  if not key:shr(192):is_zero() then error("intent.nonce: sequence_key has more than 192 bits", 2) end
  if not number:shr(64):is_zero() then error("intent.nonce: sequence has more than 64 bits", 2) end
  return key:shl(64) + number
end

--- The sequence key and the number in it of a nonce.
-- @param nonce u256, integer or text
-- @treturn u256 sequence key
-- @treturn u256 number in the sequence
function intent.split_nonce(nonce)
  nonce = check.amount(nonce, "intent.split_nonce: nonce")
  local key = nonce:shr(64)
  return key, nonce - key:shl(64)
end

--- The sequence key of the pre-calls that concern a key: the upper 192 bits of its hash.
-- @tparam string key_hash 0x text
-- @treturn u256
function intent.key_sequence(key_hash)
  return core.u256(check.hex(key_hash, "intent.key_sequence: key_hash", 32)):shr(64)
end

--- Whether a nonce makes what it signs valid on every chain: its upper 16 bits are 0xc1d0.
-- @param nonce u256, integer or text
-- @treturn boolean
function intent.is_multichain(nonce)
  return check.amount(nonce, "intent.is_multichain: nonce"):shr(240):cmp(contracts.MULTICHAIN_PREFIX) == 0
end

-- ---- digests --------------------------------------------------------------------------------------------------

local CALL_TYPE = "Call(address to,uint256 value,bytes data)"

local TYPES = {
  intent = "Intent(bool multichain,address eoa,Call[] calls,uint256 nonce,address payer,address paymentToken,"
    .. "uint256 paymentMaxAmount,uint256 combinedGas,bytes[] encodedPreCalls,bytes[] encodedFundTransfers,"
    .. "address settler,uint256 expiry)" .. CALL_TYPE,
  signed_call = "SignedCall(bool multichain,address eoa,Call[] calls,uint256 nonce)" .. CALL_TYPE,
  execute = "Execute(bool multichain,Call[] calls,uint256 nonce)" .. CALL_TYPE,
  erc1271 = "ERC1271Sign(bytes32 digest)",
  domain = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
  domain_any_chain = "EIP712Domain(string name,string version,address verifyingContract)",
  domain_account = "EIP712Domain(address verifyingContract)",
}

local typed = setmetatable({}, { __index = function(compiled, name)
  local item = assert(core.eip712(TYPES[name]))
  rawset(compiled, name, item)
  return item
end })

--- A domain, checked.
-- @param chain_id integer or u256
-- @tparam string orchestrator
-- @tparam string version as the orchestrator's `eip712Domain` says: "0.5.5"
-- @treturn table
function intent.domain(chain_id, orchestrator, version)
  return {
    chain_id = check.amount(chain_id, "intent.domain: chain_id"),
    orchestrator = check.address(orchestrator, "intent.domain: orchestrator"),
    version = check.type(version, "string", "intent.domain: version"),
  }
end

local function separator(name, version, chain_id, contract, multichain)
  local kind = multichain and "domain_any_chain" or "domain"
  return assert(typed[kind]:hash {
    name = name, version = version, chainId = not multichain and chain_id or nil, verifyingContract = contract,
  })
end

local DOMAIN = { chain_id = "number|u256|string!", orchestrator = "string!", version = "string!" }

local function digest_of(struct_hash, domain, multichain)
  return core.hex(core.eip712_digest(
    separator("Orchestrator", domain.version, domain.chain_id, domain.orchestrator, multichain), struct_hash))
end

-- Of complete fields, with their calls decoded.
local function intent_digest(fields, calls, domain)
  local multichain = intent.is_multichain(fields.nonce)
  local hash, err = typed.intent:hash {
    multichain = multichain, eoa = fields.eoa, calls = calls, nonce = fields.nonce, payer = fields.payer,
    paymentToken = fields.paymentToken, paymentMaxAmount = fields.paymentMaxAmount, combinedGas = fields.combinedGas,
    encodedPreCalls = fields.encodedPreCalls, encodedFundTransfers = fields.encodedFundTransfers,
    settler = fields.settler, expiry = fields.expiry,
  }
  if not hash then return nil, err end
  return digest_of(hash, domain, multichain)
end

local function signed_call_digest(fields, calls, domain)
  local multichain = intent.is_multichain(fields.nonce)
  local hash, err = typed.signed_call:hash {
    multichain = multichain, eoa = fields.eoa, calls = calls, nonce = fields.nonce,
  }
  if not hash then return nil, err end
  return digest_of(hash, domain, multichain)
end

--- The digest of an Intent that its key signs (EIP-712). The nonce alone decides whether the domain has a chain id.
-- @tparam table fields
-- @tparam table domain
-- @treturn[1] string 0x text
-- @treturn[2] nil
-- @treturn[2] table invalid_value, invalid_data
function intent.digest(fields, domain)
  check.options(domain, DOMAIN, "intent.digest: domain")
  local full, err = complete(fields, FIELDS, "intent.digest")
  if not full then return nil, err end
  local calls
  calls, err = intent.decode_calls(full.executionData)
  if not calls then return nil, err end
  return intent_digest(full, calls, domain)
end

--- The digest of a SignedCall (a pre-call) that its key signs.
-- @tparam table call `eoa`, `executionData` or `calls`, `nonce`
-- @tparam table domain
-- @treturn[1] string 0x text
-- @treturn[2] nil
-- @treturn[2] table invalid_value, invalid_data
function intent.signed_call_digest(call, domain)
  check.options(domain, DOMAIN, "intent.signed_call_digest: domain")
  local full, err = complete(call, SIGNED_CALL_FIELDS, "intent.signed_call_digest")
  if not full then return nil, err end
  local calls
  calls, err = intent.decode_calls(full.executionData)
  if not calls then return nil, err end
  return signed_call_digest(full, calls, domain)
end

--- What a key signs so that an account's `isValidSignature` accepts it for a digest.
-- @tparam string account
-- @tparam string digest 0x text
-- @treturn string 0x text
function intent.erc1271_digest(account, digest)
  account = check.address(account, "intent.erc1271_digest: account")
  digest = check.hex(digest, "intent.erc1271_digest: digest", 32)
  return core.hex(core.eip712_digest(assert(typed.domain_account:hash { verifyingContract = account }),
    assert(typed.erc1271:hash { digest = digest })))
end

--- The digest of a batch executed on the account itself, without the Orchestrator.
-- @tparam table calls
-- @param nonce u256, integer or text
-- @tparam table domain `chain_id`, `account`, `version` (of the account: "0.5.10")
-- @treturn[1] string 0x text
-- @treturn[2] nil
-- @treturn[2] table invalid_value
function intent.execute_digest(calls, nonce, domain)
  check.options(domain, { chain_id = "number|u256|string!", account = "string!", version = "string!" },
    "intent.execute_digest: domain")
  local list, err = contracts.read_calls(calls)
  if not list then return nil, err end
  nonce = check.amount(nonce, "intent.execute_digest: nonce")
  local multichain = intent.is_multichain(nonce)
  local hash
  hash, err = typed.execute:hash { multichain = multichain, calls = list, nonce = nonce }
  if not hash then return nil, err end
  return core.hex(core.eip712_digest(
    separator("IthacaAccount", domain.version, domain.chain_id, domain.account, multichain), hash))
end

--- The call data of the account's own `execute`: signed with `nonce` and `signature`, or, without them, for the
-- account to send to itself.
-- @tparam table calls
-- @param[opt] nonce u256, integer or text
-- @tparam[opt] string signature wrapped, or of the root key
-- @treturn[1] string 0x text
-- @treturn[2] nil
-- @treturn[2] table invalid_value
function intent.account_execute_calldata(calls, nonce, signature)
  local list, err = contracts.read_calls(calls)
  if not list then return nil, err end
  local mode = contracts.MODE_BATCH
  local data
  if nonce == nil then
    data, err = contracts.params.calls:encode { list }
  else
    mode = contracts.MODE_BATCH_SIGNED
    local op_data = core.hex(check.amount(nonce, "intent.account_execute_calldata: nonce"):bytes())
      .. check.hex(signature, "intent.account_execute_calldata: signature"):sub(3)
    data, err = contracts.params.calls_with_op_data:encode { list, op_data }
  end
  if not data then return nil, err end
  return contracts.encode_call(contracts.account.execute, { mode, core.hex(data) })
end

-- ---- signatures -------------------------------------------------------------------------------------------------

--- A stored key's signature as the contract takes it: `inner || keyHash || prehash`. Root signatures stay bare.
-- @tparam string inner 0x text
-- @tparam string key_hash 0x text
-- @tparam[opt=false] boolean prehash whether the key signed sha256(digest)
-- @treturn string 0x text
function intent.wrap_signature(inner, key_hash, prehash)
  return check.hex(inner, "intent.wrap_signature: inner")
    .. check.hex(key_hash, "intent.wrap_signature: key_hash", 32):sub(3) .. (prehash and "01" or "00")
end

--- The parts of a signature, told apart by its length as the contract does.
-- @tparam string signature 0x text
-- @treturn string|nil inner; nil when it is too short to be anything
-- @treturn string|nil key hash; nil for a root signature
-- @treturn boolean|nil prehash
function intent.unwrap_signature(signature)
  local hex = check.hex(signature, "intent.unwrap_signature: signature")
  local size = #hex / 2 - 1
  if size < 33 then return nil end
  if size == 64 or size == 65 then return hex end
  return hex:sub(1, -67), "0x" .. hex:sub(-66, -3), hex:sub(-2) ~= "00"
end

-- ---- outcome --------------------------------------------------------------------------------------------------

--- What became of an Intent, out of its transaction's logs. Pre-calls emit events of their own before it, so account
-- and nonce must match.
-- @tparam table logs of a receipt, as JSON has them
-- @tparam string orchestrator
-- @tparam string account
-- @param nonce u256, integer or text
-- @treturn table|nil `{ incremented=, err= }`: `err` is a selector, "0x00000000" for success; nil: no such event
function intent.find_executed(logs, orchestrator, account, nonce)
  check.type(logs, "table", "intent.find_executed: logs")
  orchestrator = check.address(orchestrator, "intent.find_executed: orchestrator")
  local account_topic = "0x" .. string.rep("0", 24) .. check.address(account, "intent.find_executed: account"):sub(3)
  local nonce_topic = core.hex(check.amount(nonce, "intent.find_executed: nonce"):bytes())
  local found
  for _, log in ipairs(logs) do
    local topics = type(log) == "table" and log.topics
    if type(topics) == "table" and log.removed ~= true
      and type(log.address) == "string" and log.address:lower() == orchestrator
      and type(topics[1]) == "string" and topics[1]:lower() == contracts.INTENT_EXECUTED
      and type(topics[2]) == "string" and topics[2]:lower() == account_topic
      and type(topics[3]) == "string" and topics[3]:lower() == nonce_topic
      and type(log.data) == "string" and #log.data >= 130 and log.data:find("^0[xX]%x+$") then
      local executed = {
        incremented = log.data:sub(3, 66):find("[^0]") ~= nil,
        err = "0x" .. log.data:sub(67, 74):lower(),
      }
      -- A nonce can be tried again after a failure that left it free; what used it up is the outcome.
      if not found or executed.incremented then found = executed end
    end
  end
  return found
end

-- ---- verification -----------------------------------------------------------------------------------------------

local function brief(value)
  if value == nil or value == json.null then return "nothing" end
  local text = tostring(value)
  if type(value) == "table" then text = "a table" end
  if #text <= 140 then return text end
  return string.format("%s... (%d bytes)", text:sub(1, 74), #text / 2 - 1)
end

local function tampered(field, asked, got, hint)
  return errors.fail("relay_tampered", string.format("%s is not what was asked for: asked %s, got %s", field,
    brief(asked), brief(got)), { field = field, asked = brief(asked), got = brief(got), hint = hint })
end

-- A malformed member of the answer is as good as a wrong one: nothing is signed.
local function malformed(err)
  if err.code == "unsupported" then return nil, err end
  return errors.fail("relay_tampered", "the relay's answer is malformed: " .. err.message, { field = err.field })
end

-- The account goes by its own address or by the zero address.
local function same_target(a, b, account)
  if a == ZERO then a = account end
  if b == ZERO then b = account end
  return a == b
end

local function compare_calls(asked, got, account)
  for i = 1, math.max(#asked, #got) do
    local field = "calls[" .. i .. "]"
    local a, g = asked[i], got[i]
    if not g then return tampered(field, a.data .. " to " .. a.to, nil) end
    if not a then
      local hint
      if g.data:sub(1, 10) == contracts.selector(contracts.account.upgradeProxyAccount) then
        hint = "the account runs an outdated implementation: let an administrator send a bundle first"
      end
      return tampered(field, nil, g.data .. " to " .. g.to, hint)
    end
    if not same_target(a.to, g.to, account) then return tampered(field .. ".to", a.to, g.to) end
    if a.value:cmp(g.value) ~= 0 then return tampered(field .. ".value", a.value, g.value) end
    if a.data ~= g.data then return tampered(field .. ".data", a.data, g.data) end
  end
  return true
end

local function check_nonce(expected, nonce)
  if expected.nonce then
    local asked = check.amount(expected.nonce, "expected.nonce", 4)
    if asked:cmp(nonce) ~= 0 then return tampered("nonce", asked:hex(), nonce:hex()) end
  elseif intent.is_multichain(nonce) and not expected.multichain then
    return tampered("nonce", "one for this chain only", nonce:hex(),
      "a nonce that begins with c1d0 makes the signature valid on every chain")
  end
  return true
end

local function check_digest(asked, prepared, field)
  local got = prepared[field]
  if type(got) ~= "string" or got:lower() ~= asked then return tampered(field, asked, got) end
  return asked
end

-- ---- pre-calls

local MANAGEMENT = { "authorize", "revoke", "setCanExecute", "setSpendLimit", "removeSpendLimit",
  "upgradeProxyAccount" }
local management

-- The management function a call makes on the account and its arguments.
local function managed(call, account)
  if not same_target(call.to, account, account) or not call.value:is_zero() then return nil end
  if not management then
    management = {}
    for _, name in ipairs(MANAGEMENT) do
      management[contracts.selector(contracts.account[name])] = name
    end
  end
  local name = management[call.data:sub(1, 10)]
  if not name then return nil end
  local args = contracts.decode_call(contracts.account[name], call.data)
  if not args then return nil end
  return name, args
end

local KIND_NAMES = { [0] = "p256", [1] = "webauthnp256", [2] = "secp256k1" }

-- The key a management call is about; nil where it is about none that has a name here.
local function key_of(name, args)
  if name ~= "authorize" then return name ~= "upgradeProxyAccount" and args[1] or nil end
  local key = args[1]
  local kind = KIND_NAMES[key.keyType]
  -- A key of a length that its type does not have is nobody's: nothing is ever signed with it.
  return kind and permissions.key_hash(kind, key.publicKey) or nil
end

local function known_digests(list, what)
  local known = {}
  for i, entry in ipairs(list or {}) do
    local text = type(entry) == "table" and entry.digest or entry
    known[check.hex(text, what .. "[" .. i .. "]", nil, 4)] = true
  end
  return known
end

local function within_grant(name, args, options)
  local grant = options.grant
  if name == "authorize" then
    local key = args[1]
    return (grant.expiry or 0) == 0 or (key.expiry ~= 0 and key.expiry <= grant.expiry)
  elseif name == "setCanExecute" and args[4] then
    return permissions.within({ calls = { { to = args[2], selector = args[3] } }, spend = {}, expiry = grant.expiry },
      grant, { orchestrator = options.orchestrator })
  elseif name == "setSpendLimit" then
    for _, rule in ipairs(grant.spend) do
      if rule.token == args[2] and contracts.PERIODS[rule.period] == args[3] and args[4] <= rule.limit then
        return true
      end
    end
    return false
  end
  return true
end

-- Whether the account's own key signed it.
local function root_signed(call, account)
  local signature = call.signature and core.unhex(call.signature)
  if not signature or #signature ~= 65 then return false end
  local address = core.secp256k1_recover(core.unhex(call.digest), signature)
  return address ~= nil and core.hex(address) == account
end

--- Decides which pre-calls a bundle may carry, for @{intent.verify}: those known by digest, those that the account's
-- own key signed (what made the account), and those about this session key alone. None may make the session key an
-- administrator, and all of them may only manage keys of this account.
-- @tparam table options `account`; `key_hash` of the session key, or `any_key = true` for an administrator's bundle;
-- optionally `known` (digests, or tables with a `digest`), `calls` (lists of calls that are known word for word),
-- `grant` (nothing wider than it) and `orchestrator` (any function of it is added by the wallet to every key)
-- @treturn function for `pre_call_allowed`
function intent.grant_pre_call_checker(options)
  check.options(options, { account = "string!", key_hash = "string", any_key = "boolean", known = "table",
    calls = "table", grant = "table", orchestrator = "string" }, "intent.grant_pre_call_checker")
  local account = check.address(options.account, "intent.grant_pre_call_checker: account")
  local key_hash = options.key_hash and check.hex(options.key_hash, "intent.grant_pre_call_checker: key_hash", 32)
  local known = known_digests(options.known, "intent.grant_pre_call_checker: known")
  local stored = {}
  for i, calls in ipairs(options.calls or {}) do
    stored[assert(intent.encode_calls(calls), "intent.grant_pre_call_checker: calls[" .. i .. "]")] = true
  end
  return function(call)
    if call.digest and known[call.digest] then return true end
    if call.eoa ~= account and call.eoa ~= ZERO then return nil, "it is for the account " .. call.eoa end
    if call.executionData and stored[call.executionData] then return true end
    if #call.calls == 0 then return nil, "it does nothing" end
    local by_root = call.digest and root_signed(call, account)
    call.about_key = false
    for i, inner in ipairs(call.calls) do
      local name, args = managed(inner, account)
      if not name then
        return nil, string.format("its call %d (%s to %s) does not manage a key of the account", i,
          inner.data:sub(1, 10), inner.to)
      end
      local own = key_hash ~= nil and key_of(name, args) == key_hash
      if not by_root and not options.any_key and not own then
        return nil, string.format("its call %d (%s) is not about this session key", i, name)
      end
      if own then
        call.about_key = not by_root -- what made the account is no grant that waits by itself
        if name == "authorize" and args[1].isSuperAdmin then
          return nil, string.format("its call %d makes the session key an administrator", i)
        end
        if options.grant and not within_grant(name, args, options) then
          return nil, string.format("its call %d (%s) gives the session key more than was granted", i, name)
        end
      end
    end
    return true
  end
end

local function check_pre_calls(list, expected, account, domain)
  local known = known_digests(expected.known_pre_calls, "expected.known_pre_calls")
  for i, encoded in ipairs(list) do
    local field = "encodedPreCalls[" .. i .. "]"
    local call, err = intent.decode_signed_call(encoded)
    if not call then return tampered(field, "a SignedCall", err.message) end
    call.calls, err = intent.decode_calls(call.executionData)
    if not call.calls then return tampered(field, "a list of calls", err.message) end
    call.encoded = encoded
    call.digest, err = signed_call_digest(call, call.calls, domain)
    if not call.digest then return nil, err end
    if not known[encoded] and not known[call.digest] then
      if call.eoa ~= account and call.eoa ~= ZERO then return tampered(field .. ".eoa", account, call.eoa) end
      local allowed, reason = nil, "nothing is known of it"
      if expected.pre_call_allowed then allowed, reason = expected.pre_call_allowed(call) end
      if not allowed then return tampered(field, "no such pre-call", reason or "one that is not allowed") end
    end
  end
  return true
end

-- ---- quotes

local function read_quantity(value, field)
  local number, err = READ.uint(value, field)
  if not number then return malformed(err) end
  return number
end

-- What the account lacks, as the relay says: such a quote would be refused when sent.
local function check_deficits(quote, fields)
  local lacking = {}
  if not absent(quote.feeTokenDeficit) then
    local missing, err = read_quantity(quote.feeTokenDeficit, "feeTokenDeficit")
    if not missing then return nil, err end
    if not missing:is_zero() then
      lacking[1] = { token = fields.paymentToken, missing = missing, fee = true }
    end
  end
  if not absent(quote.assetDeficits) then
    if type(quote.assetDeficits) ~= "table" then return tampered("assetDeficits", "a list", quote.assetDeficits) end
    for i, entry in ipairs(quote.assetDeficits) do
      local field = "assetDeficits[" .. i .. "]"
      if type(entry) ~= "table" then return tampered(field, "an object", entry) end
      local token = ZERO
      local missing, required, err
      if not absent(entry.address) then
        token, err = READ.address(entry.address, field .. ".address")
        if not token then return malformed(err) end
      end
      missing, err = read_quantity(entry.deficit, field .. ".deficit")
      if not missing then return nil, err end
      if not absent(entry.required) then
        required, err = read_quantity(entry.required, field .. ".required")
        if not required then return nil, err end
      end
      lacking[#lacking + 1] = { token = token, missing = missing, required = required,
        symbol = type(entry.symbol) == "string" and entry.symbol or nil,
        decimals = type(entry.decimals) == "number" and entry.decimals or nil }
    end
  end
  if #lacking == 0 then return true end
  local parts = {}
  for i, entry in ipairs(lacking) do
    local tokens
    if entry.symbol and entry.decimals and entry.decimals % 1 == 0 and entry.decimals >= 0 and entry.decimals <= 77 then
      tokens = { [entry.token] = { symbol = entry.symbol:gsub("%c", "?"):sub(1, 32), decimals = entry.decimals } }
    end
    parts[i] = permissions.amount_text(entry.token, entry.missing, tokens) .. (entry.fee and " for the fee" or "")
  end
  return errors.fail("insufficient_funds", "the account lacks " .. table.concat(parts, " and "),
    { token = lacking[1].token, missing = lacking[1].missing, lacking = lacking })
end

local function check_payment(fields, expected)
  local payer = expected.payer and expected.payer ~= "any" and check.address(expected.payer, "expected.payer", 4)
    or ZERO
  if expected.payer ~= "any" and fields.payer ~= payer then return tampered("payer", payer, fields.payer) end
  local fee = fields.paymentMaxAmount
  if expected.fee_token then
    local token = check.address(expected.fee_token, "expected.fee_token", 4)
    -- Where nothing is paid the contract does not look at the token.
    if fields.paymentToken ~= token and not (fee:is_zero() and fields.paymentToken == ZERO) then
      return tampered("paymentToken", token, fields.paymentToken)
    end
  end
  if fields.paymentAmount:cmp(fee) > 0 then
    return tampered("paymentAmount", "at most " .. tostring(fee), fields.paymentAmount)
  end
  return true
end

-- Judged behind the digest: a fee that was changed under it is tampering, one that is honestly high is not.
local function check_fee_cap(fields, expected)
  if not expected.max_fee then return true end
  local fee, cap = fields.paymentMaxAmount, check.amount(expected.max_fee, "expected.max_fee", 4)
  if fee:cmp(cap) <= 0 then return true end
  return errors.fail("fee_too_high", string.format("the fee is %s, above the cap of %s",
    permissions.amount_text(fields.paymentToken, fee), permissions.amount_text(fields.paymentToken, cap)),
    { field = "paymentMaxAmount", fee = fee, max_fee = cap, token = fields.paymentToken })
end

local VERIFY = { account = "string!", chain_id = "number|u256!", orchestrator = "string!", version = "string!",
  calls = "table!", nonce = "u256|number|string", multichain = "boolean", payer = "string", fee_token = "string",
  max_fee = "u256|number|string", known_pre_calls = "table", pre_call_allowed = "function", now = "number" }

local function only_quote(prepared, expected, chain_id)
  local context = prepared.context
  if type(context) ~= "table" then return tampered("context", "a quote", context) end
  if not absent(context.preCall) then return tampered("context", "a quote", "a pre-call") end
  if type(context.quote) ~= "table" then return tampered("context.quote", "a quote", context.quote) end
  local outer = context.quote
  if not absent(outer.multiChainRoot) then return tampered("multiChainRoot", nil, outer.multiChainRoot) end
  if not absent(outer.feePayerQuote) and not expected.payer then return tampered("feePayerQuote", nil, "one") end
  local quotes = outer.quotes
  if type(quotes) ~= "table" or type(quotes[1]) ~= "table" or quotes[2] ~= nil then
    return tampered("quotes", "one quote", type(quotes) == "table" and #quotes or quotes)
  end
  local quote = quotes[1]
  local got, err = read_quantity(quote.chainId, "chainId")
  if not got then return nil, err end
  if got:cmp(chain_id) ~= 0 then return tampered("chainId", chain_id, got) end
  local asked = check.address(expected.orchestrator, "expected.orchestrator", 4)
  got, err = READ.address(quote.orchestrator, "orchestrator")
  if not got then return malformed(err) end
  if got ~= asked then return tampered("orchestrator", asked, got) end
  return quote
end

--- Checks the relay's answer to `wallet_prepareCalls` against what was asked for, field by field, and rebuilds the
-- digest. Only the digest returned here may be signed.
--
-- What the signature does not cover (funder, paymentRecipient, supportedAccountImplementation, the inner signatures,
-- gas prices) is not judged: the relay could change it afterwards anyway, and it cannot make the account do or pay
-- more.
-- @tparam table prepared the decoded answer
-- @tparam table expected
--
-- - `account`, `chain_id`, `orchestrator`, `version`, `calls` (all in order, the calls that a grant or a revocation
--   adds included): required;
-- - `nonce`: the one asked for; without it any but a multichain one, unless `multichain = true`;
-- - `payer`: default none, so that the account pays; "any" lets anyone else pay;
-- - `fee_token`, `max_fee`: not checked when left out;
-- - `known_pre_calls`: digests or encodings; `pre_call_allowed(signed_call)`: true, or nil and a reason. Without both
--   no pre-call is accepted;
-- - `now`: unix seconds; an Intent that has expired is refused when it is given
-- @treturn[1] string the digest, 0x text
-- @treturn[2] nil
-- @treturn[2] table relay_tampered (with `field`, `asked`, `got`), fee_too_high, insufficient_funds, unknown_account,
-- unsupported
function intent.verify(prepared, expected)
  check.type(prepared, "table", "intent.verify: prepared")
  check.options(expected, VERIFY, "intent.verify: expected")
  if not expected.version:find("^0%.5%.") then
    return errors.fail("unsupported", "orchestrator version " .. expected.version .. ", where 0.5 is known")
  end
  local account = check.address(expected.account, "intent.verify: expected.account")
  local chain_id = check.amount(expected.chain_id, "intent.verify: expected.chain_id")
  local domain = intent.domain(chain_id, expected.orchestrator, expected.version)
  local asked, err = contracts.read_calls(expected.calls)
  if not asked then error("intent.verify: expected." .. err.message, 2) end

  local quote
  quote, err = only_quote(prepared, expected, chain_id)
  if not quote then return nil, err end
  local fields
  fields, err = intent.from_json(quote.intent)
  if not fields then return malformed(err) end

  if fields.eoa ~= account then return tampered("eoa", account, fields.eoa) end
  local ok
  ok, err = check_nonce(expected, fields.nonce)
  if not ok then return nil, err end
  if fields.isMultichain then return tampered("isMultichain", false, true) end
  if fields.settler ~= ZERO then return tampered("settler", ZERO, fields.settler) end
  if #fields.encodedFundTransfers > 0 then
    return tampered("encodedFundTransfers", "none", #fields.encodedFundTransfers)
  end
  if expected.now and not fields.expiry:is_zero() and fields.expiry:cmp(math.floor(expected.now)) < 0 then
    return tampered("expiry", "0 or later than " .. permissions.time_text(expected.now), fields.expiry)
  end
  local calls
  calls, err = intent.decode_calls(fields.executionData)
  if not calls then return tampered("executionData", "a list of calls", err.message) end
  ok, err = compare_calls(asked, calls, account)
  if not ok then return nil, err end
  local canonical = intent.encode_calls(calls)
  if canonical ~= fields.executionData then return tampered("executionData", canonical, fields.executionData) end
  ok, err = check_pre_calls(fields.encodedPreCalls, expected, account, domain)
  if not ok then return nil, err end
  ok, err = check_payment(fields, expected)
  if not ok then return nil, err end

  local digest
  digest, err = intent_digest(fields, calls, domain)
  if not digest then return nil, err end
  digest, err = check_digest(digest, prepared, "digest")
  if not digest then return nil, err end
  ok, err = check_fee_cap(fields, expected)
  if not ok then return nil, err end
  if not absent(quote.authorizationAddress) then
    local delegate
    delegate, err = READ.address(quote.authorizationAddress, "authorizationAddress")
    if not delegate then return malformed(err) end
    if delegate == ZERO then
      return errors.fail("unknown_account", "the relay does not know the account " .. account)
    end
  end
  ok, err = check_deficits(quote, fields)
  if not ok then return nil, err end
  return digest
end

local VERIFY_PRE_CALL = { account = "string!", chain_id = "number|u256!", orchestrator = "string!",
  version = "string!", calls = "table!", nonce = "u256|number|string", multichain = "boolean" }

-- The last nonces of a sequence cannot be made void: invalidating one makes the very last the next in turn. Counting
-- never leads near them.
local MAX_PRE_CALLS = 4294967296

-- The sequence of a key whose hash happens to begin with c1d0 is a multichain one; the relay has no other for it.
local function sequence_of_a_key(nonce, calls, account)
  for _, call in ipairs(calls) do
    local name, args = managed(call, account)
    local key_hash = name and key_of(name, args)
    if key_hash and intent.key_sequence(key_hash):cmp(nonce:shr(64)) == 0 then return true end
  end
  return false
end

--- Checks a pre-call that the relay prepared (`capabilities.preCall`) as @{intent.verify} does a quote.
-- @tparam table prepared the decoded answer: `context.preCall` and `digest`
-- @tparam table expected `account`, `chain_id`, `orchestrator`, `version`, `calls`; `nonce` if one was asked for;
-- `multichain = true` where the pre-call is meant for every chain (what makes an account)
-- @treturn[1] string the digest, 0x text
-- @treturn[2] nil
-- @treturn[2] table relay_tampered (with `field`, `asked`, `got`), unsupported
function intent.verify_pre_call(prepared, expected)
  check.type(prepared, "table", "intent.verify_pre_call: prepared")
  check.options(expected, VERIFY_PRE_CALL, "intent.verify_pre_call: expected")
  if not expected.version:find("^0%.5%.") then
    return errors.fail("unsupported", "orchestrator version " .. expected.version .. ", where 0.5 is known")
  end
  local account = check.address(expected.account, "intent.verify_pre_call: expected.account")
  local domain = intent.domain(expected.chain_id, expected.orchestrator, expected.version)
  local asked, err = contracts.read_calls(expected.calls)
  if not asked then error("intent.verify_pre_call: expected." .. err.message, 2) end

  local context = prepared.context
  if type(context) ~= "table" then return tampered("context", "a pre-call", context) end
  if not absent(context.quote) then return tampered("context", "a pre-call", "a quote") end
  if type(context.preCall) ~= "table" then return tampered("context.preCall", "a pre-call", context.preCall) end
  local call
  call, err = read_fields(context.preCall, SIGNED_CALL_FIELDS, "preCall.", true)
  if not call then return malformed(err) end
  if call.eoa ~= account then return tampered("eoa", account, call.eoa) end
  if not absent(context.preCall.chainId) then
    local chain_id
    chain_id, err = read_quantity(context.preCall.chainId, "chainId")
    if not chain_id then return nil, err end
    if chain_id:cmp(domain.chain_id) ~= 0 then return tampered("chainId", domain.chain_id, chain_id) end
  end
  local ok
  if not sequence_of_a_key(call.nonce, asked, account) or expected.nonce then
    ok, err = check_nonce(expected, call.nonce)
    if not ok then return nil, err end
  end
  local _, number = intent.split_nonce(call.nonce)
  if number:cmp(MAX_PRE_CALLS) >= 0 then
    return tampered("nonce", "one of the first " .. MAX_PRE_CALLS .. " of its sequence", call.nonce:hex())
  end
  local calls
  calls, err = intent.decode_calls(call.executionData)
  if not calls then return tampered("executionData", "a list of calls", err.message) end
  ok, err = compare_calls(asked, calls, account)
  if not ok then return nil, err end
  local digest
  digest, err = signed_call_digest(call, calls, domain)
  if not digest then return nil, err end
  return check_digest(digest, prepared, "digest")
end

return intent
