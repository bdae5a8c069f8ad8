--- The account contracts as data: human-readable ABI lines, compiled when first asked for, and their constants.
--
-- `contracts.account.authorize`, `contracts.orchestrator.execute`, `contracts.erc20.transfer` and so on are compiled
-- items of `rise.core`; `contracts.lines` has the same lines as text, for a program that builds a contract of its own.
-- Orchestrator 0.5.x, IthacaAccount 0.5.x.
-- @module rise.contracts

local core = require "rise.core"
local errors = require "rise.errors"

local contracts = {}

--- The zero address: the native currency where a token is meant, the account itself where a call's target is meant.
contracts.NATIVE = "0x" .. string.rep("0", 40)
--- The same word under the name it has as a target.
contracts.SELF = contracts.NATIVE
--- Permission wildcards of the account: any contract, any function, and the stand-in for calls without data.
contracts.ANY_TARGET = "0x" .. string.rep("32", 20)
contracts.ANY_SELECTOR = "0x32323232"
contracts.EMPTY_CALLDATA_SELECTOR = "0xe0e0e0e0"
--- What the wallet's own code writes for "the account" before it knows the address; the contract does not know it.
contracts.SELF_STUB = "0x" .. string.rep("23", 20)
--- Uniswap's Permit2, whose `approve` the account counts as spending.
contracts.PERMIT2 = "0x000000000022d473030f116ddee9f6b43ac78ba3"
--- The upper 16 bits of a nonce that is signed without a chain id.
contracts.MULTICHAIN_PREFIX = 0xc1d0
--- Topic 0 of IntentExecuted.
contracts.INTENT_EXECUTED = "0x23a3c1343409f01965611c9c4c8b99e36d7b09ca22516507d5486ce0584379b8"
--- What stands before the 20 bytes of the delegate in the code of a delegated account (EIP-7702).
contracts.DELEGATION_PREFIX = "0xef0100"
--- Execution modes of a direct `execute`: a batch by the account itself, a batch with nonce and signature.
contracts.MODE_BATCH = "0x01" .. string.rep("00", 31)
contracts.MODE_BATCH_SIGNED = "0x01000000000078210001" .. string.rep("00", 22)

--- Spending periods: name to the contract's number. The relay knows all but `forever`.
contracts.PERIODS = { minute = 0, hour = 1, day = 2, week = 3, month = 4, year = 5, forever = 6 }
--- And back, by number.
contracts.PERIOD_NAMES = {}
for name, number in pairs(contracts.PERIODS) do
  contracts.PERIOD_NAMES[number] = name
end

--- Key types as the relay writes them, to the contract's number.
contracts.KEY_TYPES = { p256 = 0, webauthnp256 = 1, secp256k1 = 2 }

local STRUCTS = [[
struct Call { address to; uint256 value; bytes data; }
struct Key { uint40 expiry; uint8 keyType; bool isSuperAdmin; bytes publicKey; }
struct SignedCall { address eoa; bytes executionData; uint256 nonce; bytes signature; }
struct SpendInfo { address token; uint8 period; uint256 limit; uint256 spent; uint256 lastUpdated;
  uint256 currentSpent; uint256 current; }
struct CallCheckerInfo { address target; address checker; }
struct Intent { address eoa; bytes executionData; uint256 nonce; address payer; address paymentToken;
  uint256 paymentMaxAmount; uint256 combinedGas; bytes[] encodedPreCalls; bytes[] encodedFundTransfers;
  address settler; uint256 expiry; bool isMultichain; address funder; bytes funderSignature; bytes settlerContext;
  uint256 paymentAmount; address paymentRecipient; bytes signature; bytes paymentSignature;
  address supportedAccountImplementation; }
]]

--- The structs the lines below refer to.
contracts.STRUCTS = STRUCTS

local DOMAIN_LINE = "function eip712Domain() view returns (bytes1 fields, string name, string version, "
  .. "uint256 chainId, address verifyingContract, bytes32 salt, uint256[] extensions)"

--- The ABI as text, by contract. An overloaded function stands as `{ name, line }`.
-- @table contracts.lines
contracts.lines = {
  account = {
    "function authorize(Key key) returns (bytes32 keyHash)",
    "function revoke(bytes32 keyHash)",
    "function setCanExecute(bytes32 keyHash, address target, bytes4 fnSel, bool can)",
    "function setSpendLimit(bytes32 keyHash, address token, uint8 period, uint256 limit)",
    "function removeSpendLimit(bytes32 keyHash, address token, uint8 period)",
    "function setCallChecker(bytes32 keyHash, address target, address checker)",
    "function setSignatureCheckerApproval(bytes32 keyHash, address checker, bool isApproved)",
    "function setLabel(string newLabel)",
    "function invalidateNonce(uint256 nonce)",
    "function upgradeProxyAccount(address newImplementation)",
    "function execute(bytes32 mode, bytes executionData) payable",
    "function label() view returns (string)",
    "function keyCount() view returns (uint256)",
    "function keyAt(uint256 i) view returns (Key key)",
    "function getKey(bytes32 keyHash) view returns (Key key)",
    "function getKeys() view returns (Key[] keys, bytes32[] keyHashes)",
    "function hash(Key key) pure returns (bytes32)",
    "function canExecute(bytes32 keyHash, address target, bytes data) view returns (bool)",
    "function canExecutePackedInfos(bytes32 keyHash) view returns (bytes32[])",
    "function spendInfos(bytes32 keyHash) view returns (SpendInfo[] infos)",
    "function spendAndExecuteInfos(bytes32[] keyHashes) view returns (SpendInfo[][] spends, bytes32[][] executes)",
    "function callCheckerInfos(bytes32 keyHash) view returns (CallCheckerInfo[] infos)",
    "function approvedSignatureCheckers(bytes32 keyHash) view returns (address[])",
    "function startOfSpendPeriod(uint256 unixTimestamp, uint8 period) pure returns (uint256)",
    "function getNonce(uint192 seqKey) view returns (uint256)",
    "function getContextKeyHash() view returns (bytes32)",
    "function ORCHESTRATOR() view returns (address)",
    "function supportsExecutionMode(bytes32 mode) view returns (bool)",
    "function computeDigest(Call[] calls, uint256 nonce) view returns (bytes32)",
    "function unwrapAndValidateSignature(bytes32 digest, bytes signature) view returns (bool isValid, bytes32 keyHash)",
    "function isValidSignature(bytes32 digest, bytes signature) view returns (bytes4)",
    DOMAIN_LINE,
    "event Authorized(bytes32 indexed keyHash, Key key)",
    "event Revoked(bytes32 indexed keyHash)",
    "event CanExecuteSet(bytes32 keyHash, address target, bytes4 fnSel, bool can)",
    "event SpendLimitSet(bytes32 keyHash, address token, uint8 period, uint256 limit)",
    "event SpendLimitRemoved(bytes32 keyHash, address token, uint8 period)",
    "event CallCheckerSet(bytes32 keyHash, address target, address checker)",
    "event SignatureCheckerApprovalSet(bytes32 indexed keyHash, address indexed checker, bool isApproved)",
    "event NonceInvalidated(uint256 nonce)",
    "event LabelSet(string newLabel)",
  },
  orchestrator = {
    "function execute(bytes encodedIntent) payable returns (bytes4 err)",
    { "executeMany", "function execute(bytes[] encodedIntents) payable returns (bytes4[] errs)" },
    "function simulateExecute(bool isStateOverride, uint256 combinedGasOverride, bytes encodedIntent) payable "
      .. "returns (uint256 gasUsed)",
    "function executePreCalls(address parentEOA, SignedCall[] preCalls)",
    "function accountImplementationOf(address eoa) view returns (address)",
    "function withdrawTokens(address token, address recipient, uint256 amount)",
    DOMAIN_LINE,
    "event IntentExecuted(address indexed eoa, uint256 indexed nonce, bool incremented, bytes4 err)",
  },
  simulator = {
    "function simulateGasUsed(address oc, bool overrideCombinedGas, bytes encodedIntent) payable "
      .. "returns (uint256 gasUsed)",
    "function simulateCombinedGas(address oc, uint8 paymentPerGasPrecision, uint256 paymentPerGas, "
      .. "uint256 combinedGasIncrement, bytes encodedIntent) payable returns (uint256 gasUsed, uint256 combinedGas)",
    "function simulateV1Logs(address oc, uint8 paymentPerGasPrecision, uint256 paymentPerGas, "
      .. "uint256 combinedGasIncrement, uint256 combinedGasVerificationOffset, bytes encodedIntent) payable "
      .. "returns (uint256 gasUsed, uint256 combinedGas)",
    DOMAIN_LINE,
  },
  proxy = {
    "function implementation() view returns (address)",
    "function admin() view returns (address)",
  },
  erc20 = {
    "function transfer(address to, uint256 amount) returns (bool)",
    "function transferFrom(address from, address to, uint256 amount) returns (bool)",
    "function approve(address spender, uint256 amount) returns (bool)",
    "function allowance(address owner, address spender) view returns (uint256)",
    "function balanceOf(address owner) view returns (uint256)",
    "function totalSupply() view returns (uint256)",
    "function decimals() view returns (uint8)",
    "function symbol() view returns (string)",
    "function name() view returns (string)",
    "event Transfer(address indexed from, address indexed to, uint256 amount)",
    "event Approval(address indexed owner, address indexed spender, uint256 amount)",
  },
  permit2 = {
    "function approve(address token, address spender, uint160 amount, uint48 expiration)",
  },
  -- Account, Orchestrator, Simulator and the libraries they are built on; last, those that tokens commonly use.
  errors = {
    "error Error(string message)",
    "error Panic(uint256 code)",
    "error UnauthorizedCall(bytes32 keyHash, address target, bytes data)",
    "error ExceededSpendLimit(address token)",
    "error NoSpendPermissions()",
    "error KeyDoesNotExist()",
    "error KeyHashIsZero()",
    "error KeyTypeCannotBeSuperAdmin()",
    "error InvalidPublicKey()",
    "error CannotSelfExecute()",
    "error SuperAdminCanExecuteEverything()",
    "error SuperAdminCanSpendAnything()",
    "error Unauthorized()",
    "error UnauthorizedCallContext()",
    "error InvalidNonce()",
    "error NewSequenceMustBeLarger()",
    "error NewImplementationIsZero()",
    "error OpDataError()",
    "error PaymasterNonceError()",
    "error UnsupportedExecutionMode()",
    "error BatchOfBatchesDecodingError()",
    "error FnSelectorNotRecognized()",
    "error ExceedsCapacity()",
    "error IndexOutOfBounds()",
    "error VerificationError()",
    "error CallError()",
    "error VerifiedCallError()",
    "error PaymentError()",
    "error IntentExpired()",
    "error InsufficientGas()",
    "error PreCallError()",
    "error PreCallVerificationError()",
    "error InvalidPreCallEOA()",
    "error UnsupportedAccountImplementation()",
    "error SimulationPassed(uint256 gUsed)",
    "error SimulateExecuteFailed()",
    "error StateOverrideError()",
    "error OrderAlreadyFilled()",
    "error Reentrancy()",
    "error Paused()",
    "error DecodingError()",
    "error InvalidSignature()",
    "error TransferFailed()",
    "error ETHTransferFailed()",
    "error TransferFromFailed()",
    "error ApproveFailed()",
    "error Permit2LockdownFailed()",
    "error OnlyOrchestrator()",
    "error InvalidFunderSignature()",
    "error InsufficientBalance()",
    "error InsufficientAllowance()",
    "error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed)",
    "error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed)",
    "error ERC20InvalidSender(address sender)",
    "error ERC20InvalidReceiver(address receiver)",
    "error OwnableUnauthorizedAccount(address account)",
  },
  -- Bare parameter lists: what `abi.encode` is given.
  params = {
    { "calls", "(Call[] calls)" },
    { "calls_with_op_data", "(Call[] calls, bytes opData)" },
    { "signed_call", "(SignedCall signedCall)" },
    { "intent", "(Intent intent)" },
    { "key", "(Key key)" },
  },
}

local function lazy(group)
  local lines = {}
  for _, line in ipairs(contracts.lines[group]) do
    if type(line) == "table" then
      lines[line[1]] = line[2]
    else
      lines[line:match("^%l+ ([%w_]+)%(")] = line
    end
  end
  return setmetatable({}, { __index = function(items, name)
    local line = lines[name]
    if not line then error("contracts." .. group .. ": nothing is called " .. tostring(name), 2) end
    local item = assert(core.abi(line, STRUCTS))
    rawset(items, name, item)
    return item
  end })
end

for group in pairs(contracts.lines) do
  contracts[group] = lazy(group)
end

local function each(group, visit)
  for _, line in ipairs(contracts.lines[group]) do
    local name = type(line) == "table" and line[1] or line:match("^%l+ ([%w_]+)%(")
    visit(contracts[group][name])
  end
end

--- The first four bytes of a function's or error's signature hash.
-- @param item a compiled item
-- @treturn string 0x text
function contracts.selector(item)
  return core.hex(item:selector())
end

local errors_by_selector

--- The account system's error that begins with this selector.
-- @tparam string selector 0x text of four bytes, lower case
-- @return a compiled item, or nil
function contracts.error_by_selector(selector)
  if not errors_by_selector then
    errors_by_selector = {}
    each("errors", function(item)
      errors_by_selector[contracts.selector(item)] = item
    end)
  end
  return errors_by_selector[selector]
end

local functions_by_selector

--- The signature of a function of the account, an ERC-20 or Permit2, for messages.
-- @tparam string selector 0x text of four bytes, lower case
-- @treturn string|nil "transfer(address,uint256)"
function contracts.signature_of(selector)
  if not functions_by_selector then
    functions_by_selector = {}
    for _, group in ipairs { "permit2", "erc20", "account" } do
      each(group, function(item)
        if item:kind() == "function" then functions_by_selector[contracts.selector(item)] = item:signature() end
      end)
    end
  end
  return functions_by_selector[selector]
end

--- The call data of a function with its arguments.
-- @param item a compiled function
-- @tparam table values the arguments, in order or by name
-- @treturn[1] string 0x text
-- @treturn[2] nil
-- @treturn[2] table invalid_value
function contracts.encode_call(item, values)
  return item:calldata(values or {})
end

--- A call as bundles hold it.
-- @tparam string to the contract; the zero address is the account itself
-- @param item a compiled function
-- @tparam[opt] table values its arguments
-- @param[opt] value native currency sent along: a u256, an integer or text
-- @treturn[1] table `{ to=, value=, data= }`
-- @treturn[2] nil
-- @treturn[2] table invalid_value
function contracts.call(to, item, values, value)
  local data, err = contracts.encode_call(item, values)
  if not data then return nil, err end
  return contracts.read_call({ to = to, value = value, data = data }, item:signature())
end

--- A call of the account on itself.
-- @param item a compiled function of `contracts.account`
-- @tparam table values its arguments
-- @treturn table `{ to=, value=, data= }` with the zero address as target
function contracts.self_call(item, values)
  return assert(contracts.call(contracts.SELF, item, values))
end

--- Everything that a bundle does, in order: what an administrator installs, the calls, what is revoked.
-- @tparam table action `admin_calls`, `calls`, `revoke_calls`, each a list or left out
-- @treturn table
function contracts.calls_of(action)
  local calls = {}
  for _, list in ipairs { action.admin_calls or {}, action.calls or {}, action.revoke_calls or {} } do
    for _, call in ipairs(list) do calls[#calls + 1] = call end
  end
  return calls
end

--- What a function returned.
-- @param item a compiled function
-- @tparam string data 0x text
-- @treturn[1] table the values, by position and name
-- @treturn[2] nil
-- @treturn[2] table invalid_value, invalid_data
function contracts.decode_outputs(item, data)
  local bytes, err = core.unhex(data)
  if not bytes then return nil, err end
  return item:decode_outputs(bytes)
end

--- The arguments in a call's data.
-- @param item a compiled function
-- @tparam string data 0x text that begins with the function's selector
-- @treturn[1] table the values, by position and name
-- @treturn[2] nil
-- @treturn[2] table invalid_value, invalid_data
function contracts.decode_call(item, data)
  local bytes, err = core.unhex(data)
  if not bytes then return nil, err end
  if bytes:sub(1, 4) ~= item:selector() then
    return errors.fail("invalid_data", "not a call of " .. item:signature() .. ": " .. data:sub(1, 10))
  end
  return item:decode(bytes:sub(5))
end

--- A number that may come as a u256, a non-negative integer or text.
-- @param value nil counts as zero
-- @tparam string field for the message
-- @return[1] a u256
-- @treturn[2] nil
-- @treturn[2] table invalid_value, overflow
function contracts.read_amount(value, field)
  if core.is_u256(value) then return value end
  if value == nil then return core.u256(0) end
  if type(value) == "number" then
    if value >= 0 and value % 1 == 0 and value <= 9007199254740991 then return core.u256(value) end
    return errors.fail("invalid_value", field .. ": not a whole number of at most 2^53: " .. tostring(value))
  end
  if type(value) ~= "string" then
    return errors.fail("invalid_value", field .. ": an amount expected, got " .. type(value))
  end
  local number, err = core.u256(value)
  if not number then return errors.within(err, field) end
  return number
end

--- An address as lower-case 0x text.
-- @tparam string value
-- @tparam string field for the message
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table invalid_value
function contracts.read_address(value, field)
  if type(value) ~= "string" then
    return errors.fail("invalid_value", field .. ": an address expected, got " .. type(value))
  end
  local bytes, err = core.address(value)
  if not bytes then return errors.within(err, field) end
  return core.hex(bytes)
end

--- Bytes as lower-case 0x text.
-- @tparam string value 0x text
-- @tparam string field for the message
-- @tparam[opt] number size how many bytes it must be
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table invalid_value
function contracts.read_bytes(value, field, size)
  if type(value) ~= "string" then
    return errors.fail("invalid_value", field .. ": 0x text expected, got " .. type(value))
  end
  if not value:find("^0[xX]%x*$") or #value % 2 ~= 0 then
    return errors.fail("invalid_value", field .. ": not 0x text of whole bytes")
  end
  if size and #value ~= 2 + 2 * size then
    return errors.fail("invalid_value", string.format("%s: %d bytes expected, got %d", field, size, #value / 2 - 1))
  end
  return value:lower()
end

--- A call as given by a program or a peer, completed: no target means the account, no value none, no data none.
-- Other members are ignored.
-- @tparam table call
-- @tparam string field for the message
-- @treturn[1] table `{ to=, value=, data= }` with lower-case text and a u256
-- @treturn[2] nil
-- @treturn[2] table invalid_value naming the member
function contracts.read_call(call, field)
  if type(call) ~= "table" then
    return errors.fail("invalid_value", field .. ": a call { to=, value=, data= } expected, got " .. type(call))
  end
  local to, value, data, err
  to, err = contracts.read_address(call.to or contracts.SELF, field .. ".to")
  if not to then return nil, err end
  value, err = contracts.read_amount(call.value, field .. ".value")
  if not value then return nil, err end
  data, err = contracts.read_bytes(call.data or "0x", field .. ".data")
  if not data then return nil, err end
  return { to = to, value = value, data = data }
end

--- A list of calls, each completed as @{contracts.read_call} does.
-- @tparam table calls
-- @tparam[opt="calls"] string field for the message
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] table invalid_value naming call and member
function contracts.read_calls(calls, field)
  field = field or "calls"
  if type(calls) ~= "table" then
    return errors.fail("invalid_value", field .. ": a list of calls expected, got " .. type(calls))
  end
  local list = {}
  for i = 1, #calls do
    local call, err = contracts.read_call(calls[i], field .. "[" .. i .. "]")
    if not call then return nil, err end
    list[i] = call
  end
  return list
end

--- Where the code of an account delegates to.
-- @tparam string code 0x text
-- @treturn string|nil the delegate's address; nil for code that is no delegation, or one to the zero address
function contracts.delegation_of(code)
  local address = type(code) == "string" and #code == 48 and code:lower():match("^0xef0100(%x+)$")
  if not address or not address:find("[^0]") then return nil end
  return "0x" .. address
end

return contracts
