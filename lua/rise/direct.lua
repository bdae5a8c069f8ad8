--- Direct mode: the same Intent, built here and handed to the Orchestrator in a transaction of a funded key. No relay.
--
--     assert(wallet:direct { key = gas_key })
--
-- What a relay keeps is kept here: of an account made here, the authorization and the call that installs its
-- administrators (in the store, until the account is on the chain); of a session, the grants its administrator signed
-- (in its record). The first bundle carries them. The id of a bundle is the digest of its Intent.
--
-- An Intent is good for some minutes. Every transaction that carries it is in the journal before it is sent, and
-- whatever becomes of them, the account's nonce lets the Intent happen once.
-- @module rise.direct

local GasKey = require "rise.gas_key"
local contracts = require "rise.contracts"
local core = require "rise.core"
local errors = require "rise.errors"
local intent = require "rise.intent"
local json = require "rise.json"
local landing = require "rise.landing"
local permissions = require "rise.permissions"
local quantity = require "rise.quantity"
local revert = require "rise.revert"
local simulation = require "rise.simulation"

local direct = {}

local ATTEMPTS = 5        -- transactions for one Intent, before its end is waited for
local LIFETIME = 600      -- seconds in which an Intent may land
local MAX_IN_FLIGHT = 16
local STUCK_SECONDS = 10  -- until more is offered for a transaction
local FIRST_TEND, LAST_TEND = 0.25, 2 -- seconds between looks at a transaction that is not mined
local CLOCK_MARGIN = 60   -- how far the chain's clock may be behind this machine's
local DOUBT_SECONDS = 2   -- in which nodes are given the time to agree
local NO_ERROR = "0x00000000"

--- Switches a wallet to direct mode. See @{rise.Wallet:direct}.
function direct.start(wallet, options)
  if not wallet.chain then return errors.fail("unsupported", "direct mode needs an RPC endpoint") end
  if not wallet.simulator then
    return errors.fail("unsupported", "the relay names no simulator, which direct mode needs")
  end
  wallet.gas = GasKey.new {
    loop = wallet.loop, chain = wallet.chain, chain_id = wallet.chain_id, key = options.key,
    max_in_flight = options.max_in_flight or MAX_IN_FLIGHT,
  }
  wallet.lifetime = options.lifetime or LIFETIME
  wallet.delegated = {} -- accounts that were seen on the chain
  wallet.openings = {}  -- locks of those that were not
  return true
end

local function domain_of(wallet)
  return intent.domain(wallet.chain_id, wallet.orchestrator, wallet.version)
end

-- How the contracts know the key; nil for the account's own.
local function signer_of(key, account)
  if key:type() == "secp256k1" and core.hex(key:address()) == account then return nil end
  return { type = key:type(), hash = core.hex(key:hash()), prehash = false }
end

local function wrapped(signature, signer)
  return signer and intent.wrap_signature(signature, signer.hash, signer.prehash) or signature
end

-- ---- accounts --------------------------------------------------------------------------------------------------

local function is_delegated(wallet, address)
  if wallet.delegated[address] then return true end
  local code, err = wallet.chain:get_code(address)
  if not code then return nil, err end
  if not contracts.delegation_of(code) then return false end
  wallet.delegated[address] = true
  return true
end

--- Makes an account here: its own key signs the delegation and the call that installs the administrators.
-- @param wallet
-- @tparam userdata owner the account's own key
-- @tparam table calls that install the administrators
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table store, network, node …
function direct.make_account(wallet, owner, calls)
  local address = core.hex(owner:address())
  local nonce, err = wallet.chain:get_nonce(address)
  if not nonce then return nil, err end
  local authorization
  authorization, err = core.authorization_sign({ chainId = 0, address = wallet.account_proxy, nonce = nonce }, owner)
  if not authorization then return nil, err end
  -- Good on every chain, as the delegation is: 16 bits that say so, the rest random.
  local call = { eoa = address, calls = calls,
    nonce = intent.nonce("0xc1d0" .. core.hex(assert(core.random(22))):sub(3)) }
  local digest
  digest, err = intent.signed_call_digest(call, domain_of(wallet))
  if not digest then return nil, err end
  call.signature = core.hex(owner:sign(core.unhex(digest)))
  return wallet.store:put_account {
    address = address, chain_id = wallet.chain_id, authorization = authorization,
    pre_call = assert(intent.encode_signed_call(call)),
  }
end

--- The keys that an account made here will have, once it is on the chain.
-- @treturn[1] table array of { hash, type, role, public_key, expiry, permissions }; nil, nil for another account
-- @treturn[2] nil
-- @treturn[2] table store
function direct.coming_keys(wallet, address)
  local made, err = wallet.store:account(wallet.chain_id, address)
  if not made then return nil, err end
  local call = assert(intent.decode_signed_call(made.pre_call))
  local keys = {}
  for _, inner in ipairs(assert(intent.decode_calls(call.executionData))) do
    local found = contracts.decode_call(contracts.account.authorize, inner.data)
    if found then keys[#keys + 1] = direct.key_entry(found.key) end
  end
  return keys
end

local TYPE_NAMES = {}
for name, number in pairs(contracts.KEY_TYPES) do TYPE_NAMES[number] = name end

--- A key as the account's contract has it, in the words of @{rise.Account:keys}; nil for one of an external signer.
function direct.key_entry(key)
  local kind = TYPE_NAMES[key.keyType]
  if not kind then return nil end
  return {
    hash = permissions.key_hash(kind, key.publicKey), type = kind, role = key.isSuperAdmin and "admin" or "session",
    public_key = key.publicKey, expiry = key.expiry, permissions = { calls = {}, spend = {} },
  }
end

-- ---- grants ----------------------------------------------------------------------------------------------------

-- Whether a key is an administrator's of the account: on the chain, or where it is not, by what will be.
local function check_admin(wallet, address, signer)
  if not signer then return true end
  local delegated, err = is_delegated(wallet, address)
  if delegated == nil then return nil, err end
  local role
  if delegated then
    local item = contracts.account.getKey
    local result
    result, err = wallet.chain:call { to = address, data = assert(contracts.encode_call(item, { signer.hash })) }
    if result then
      local found
      found, err = contracts.decode_outputs(item, result)
      if not found then return nil, err end
      role = found.key.isSuperAdmin and "admin" or "session"
    else
      local known = err.code == "reverted" and revert.decode(err.data)
      if not known or known.name ~= "KeyDoesNotExist" then return nil, err end
    end
  else
    local keys
    keys, err = direct.coming_keys(wallet, address)
    if err then return nil, err end
    if not keys then return direct.no_account(address) end
    for _, key in ipairs(keys) do
      if key.hash == signer.hash then role = key.role end
    end
  end
  if role == "admin" then return true end
  if role then return errors.fail("not_allowed", "the approving key is no administrator's of " .. address) end
  return errors.fail("not_granted", "the account " .. address .. " does not know the approving key")
end

--- The error for an account that is nowhere.
function direct.no_account(address)
  return errors.fail("unknown_account", "the account " .. address .. " is not on the chain, and was not made here",
    { hint = "let its first bundle go through the relay it was made at" })
end

--- Signs a grant, which rides with a later bundle of its key.
-- @param wallet
-- @tparam table action `account`, `key` (an administrator's), `admin_calls`, `calls` after those, `key_hash`,
-- `pre_calls` (the grants signed for the key before), `record(pre_call)`: told of it
-- @treturn[1] table eoa, execution_data, nonce (u256), digest, encoded (with its signature)
-- @treturn[2] nil
-- @treturn[2] table not_granted or not_allowed, when the key is no administrator's; unknown_account, store, network …
function direct.sign_pre_call(wallet, action)
  local signer = signer_of(action.key, action.account)
  local admitted, err = check_admin(wallet, action.account, signer)
  if not admitted then return nil, err end
  -- One sequence for all of a key's grants: using up its highest nonce makes every one of them void.
  local nonce
  nonce, err = landing.next_nonce(wallet, action.account, intent.nonce(intent.key_sequence(action.key_hash)))
  if not nonce then return nil, err end
  for _, before in ipairs(action.pre_calls or {}) do
    if before.encoded and before.nonce >= nonce then nonce = before.nonce + 1 end
  end
  local call = { eoa = action.account, nonce = nonce,
    executionData = assert(intent.encode_calls(contracts.calls_of(action))) }
  local digest
  digest, err = intent.signed_call_digest(call, domain_of(wallet))
  if not digest then return nil, err end
  call.signature = wrapped(core.hex(action.key:sign(core.unhex(digest))), signer)
  local pre_call = { eoa = action.account, execution_data = call.executionData, nonce = nonce, digest = digest,
    encoded = assert(intent.encode_signed_call(call)) }
  local recorded
  recorded, err = action.record(pre_call)
  if not recorded then return nil, err end
  return pre_call
end

-- ---- what a bundle carries -------------------------------------------------------------------------------------

-- The grants of the key that have not landed. The digests of those that will have when the bundle has are noted: they
-- are forgotten then. One that a relay keeps cannot be carried; a later one that was signed here takes its nonce.
local function add_grants(wallet, action, carried)
  local waiting, pre_calls = not action.granted, {}
  for i, pre_call in ipairs(action.pre_calls or {}) do
    pre_calls[i] = pre_call
    waiting = waiting or pre_call.encoded ~= nil
  end
  if not waiting or #pre_calls == 0 then return true end
  table.sort(pre_calls, function(a, b) return a.nonce < b.nonce end)
  local next_nonce, err = landing.next_nonce(wallet, action.account, pre_calls[1].nonce)
  if not next_nonce then return nil, err end
  local missing = false
  for _, pre_call in ipairs(pre_calls) do
    if pre_call.nonce < next_nonce then
      carried.digests[#carried.digests + 1] = pre_call.digest
    elseif not pre_call.encoded then
      missing = true
    elseif pre_call.nonce == next_nonce then
      carried.digests[#carried.digests + 1] = pre_call.digest
      carried.pre_calls[#carried.pre_calls + 1] = pre_call.encoded
      next_nonce = next_nonce + 1
    end
  end
  if action.granted or not missing or #carried.pre_calls > 0 then return true end
  return errors.fail("grant_pending", "the session's grant is kept by the relay and has not landed on the chain yet",
    { hint = "let the session's first bundle go through the relay, or grant it again in direct mode" })
end

-- The delegation and the administrators of an account that was made here.
local function add_account(wallet, address, carried)
  local delegated, err = is_delegated(wallet, address)
  if delegated == nil then return nil, err end
  local made
  made, err = wallet.store:account(wallet.chain_id, address)
  if err then return nil, err end
  if not made then
    if delegated then return true end
    return direct.no_account(address)
  end
  local call = assert(intent.decode_signed_call(made.pre_call))
  if delegated then
    local next_nonce
    next_nonce, err = landing.next_nonce(wallet, address, call.nonce)
    if not next_nonce then return nil, err end
    if next_nonce > call.nonce then
      wallet.store:drop_account(wallet.chain_id, address) -- a full disk keeps it: it does no harm
      return true
    end
  else
    local nonce
    nonce, err = wallet.chain:get_nonce(address)
    if not nonce then return nil, err end
    if nonce ~= made.authorization.nonce then
      return errors.fail("unknown_account", "the account " .. address
        .. " can no longer be delegated by what was signed: its own key has sent a transaction since")
    end
    carried.authorization = made.authorization
    carried.overrides = { [address] = { code = contracts.DELEGATION_PREFIX .. wallet.account_proxy:sub(3) } }
  end
  table.insert(carried.pre_calls, 1, made.pre_call) -- before the grants, which its administrators signed
  return true
end

-- ---- one Intent ------------------------------------------------------------------------------------------------

-- The gas of an Intent. The simulation runs in the time of the latest block, which on a chain that only makes blocks
-- when there is something to do may be long past: what it refuses is looked at again in the present.
local function measure(wallet, options)
  local gas, err = simulation.combined_gas(function(call) return wallet.chain:call(call) end, options)
  if gas or err.code ~= "reverted" then return gas, err end
  local block = wallet.chain:block("latest")
  local time = block and quantity.number(block.timestamp)
  if not time or time + 1 >= wallet:now() then return nil, err end
  return simulation.combined_gas(function(call)
    local result, now_err = wallet.chain:request("eth_call", { { to = call.to, data = call.data }, "latest",
      json.object(call.overrides), { time = quantity.encode(math.floor(wallet:now())) } })
    if type(result) == "string" then return result end
    if now_err and type(now_err.data) == "string" and now_err.data:find("^0x%x*$") then
      return errors.fail("reverted", "eth_call: " .. now_err.rpc_message, { data = now_err.data })
    end
    return nil, err -- a node that cannot look from another time
  end, options)
end

-- The transaction that executes an Intent, but for its nonce and price.
local function execute_call(wallet, fields, signature, authorization)
  local signed = setmetatable({ signature = signature }, { __index = fields })
  local data, err = intent.execute_calldata(signed)
  if not data then return nil, err end
  return {
    to = wallet.orchestrator, data = data, authorizationList = authorization and { authorization } or nil,
    gas = simulation.transaction_gas(fields.combinedGas, data, authorization ~= nil),
  }
end

local function check_cap(cost, cap)
  if cost:cmp(cap) <= 0 then return true end
  return errors.fail("fee_too_high", string.format("the transaction would cost %s, above the cap of %s",
    permissions.amount_text(contracts.NATIVE, cost), permissions.amount_text(contracts.NATIVE, cap)),
    { fee = cost, max_fee = cap, token = contracts.NATIVE })
end

--- Builds a bundle, and has the chain judge it.
-- @param wallet
-- @tparam table action as for @{rise.bundle.prepare}; `pre_calls`: the grants signed for the key
-- @treturn[1] table as @{rise.bundle.prepare}
-- @treturn[2] nil
-- @treturn[2] table `reverted` with `data` for what the simulation refuses; grant_pending, fee_too_high,
-- unknown_account, network, node …
function direct.prepare(wallet, action)
  local carried = { pre_calls = {}, digests = {} }
  local ok, err = add_grants(wallet, action, carried)
  if ok then ok, err = add_account(wallet, action.account, carried) end
  if not ok then return nil, err end
  if carried.authorization and action.account == wallet.gas.address then
    return errors.fail("unsupported", "an account cannot be delegated by a transaction of its own key here")
  end
  local time
  time, err = wallet.gas:chain_time()
  if not time then return nil, err end
  local expiry = action.grant and action.grant.expiry or 0
  if expiry ~= 0 and time > expiry then -- which the simulation does not look at
    return errors.fail("expired", "the session expired at " .. permissions.time_text(expiry), { expiry = expiry })
  end
  local price
  price, err = wallet.gas:price()
  if not price then return nil, err end

  local ttl = math.floor(math.max(time, wallet:now())) + wallet.lifetime
  local fields
  fields, err = intent.new { eoa = action.account, calls = contracts.calls_of(action), nonce = action.nonce,
    encodedPreCalls = carried.pre_calls, expiry = ttl }
  if not fields then return nil, err end
  local signer = signer_of(action.key, action.account)
  fields.combinedGas, err = measure(wallet, {
    simulator = wallet.simulator, orchestrator = wallet.orchestrator, fields = fields, key = signer,
    overrides = carried.overrides,
  })
  if not fields.combinedGas then return nil, err end
  local call
  call, err = execute_call(wallet, fields, simulation.junk_signature(signer), carried.authorization)
  if not call then return nil, err end
  -- The account pays nothing: a cap in another token says nothing of what the gas key may pay.
  local cap = action.fee_token == contracts.NATIVE and action.max_fee or wallet.max_fee
  local cost = call.gas * price.expected
  ok, err = check_cap(cost, cap)
  if not ok then return nil, err end
  local digest
  digest, err = intent.digest(fields, domain_of(wallet))
  if not digest then return nil, err end
  return {
    id = digest, digest = digest, nonce = action.nonce, ttl = ttl, fee = cost, fee_token = contracts.NATIVE,
    account = action.account, grant = action.grant, calls = action.calls, created = wallet:now(),
    fields = fields, signer = signer, authorization = carried.authorization, price = price, cap = cap,
    pre_calls = carried.digests,
  }
end

-- What the journal keeps of it.
local function payload_of(prepared)
  local raws = json.array {}
  for i, transaction in ipairs(prepared.transactions) do raws[i] = transaction.raw end
  return { from = prepared.transactions[1].from, transactions = raws, pre_calls = json.array(prepared.pre_calls) }
end

--- Puts a signed Intent into a transaction.
-- @param wallet
-- @tparam table action its `sealed` becomes a list of what needs @{direct.in_turn} to give back its nonces
-- @tparam table prepared
-- @tparam string signature of its digest
-- @treturn[1] table what the journal keeps
-- @treturn[2] nil
-- @treturn[2] table network, node …
function direct.seal(wallet, action, prepared, signature)
  local call, err = execute_call(wallet, prepared.fields, wrapped(signature, prepared.signer),
    prepared.authorization)
  if not call then return nil, err end
  local nonce
  nonce, err = wallet.gas:take()
  if not nonce then return nil, err end
  local transaction
  transaction, err = wallet.gas:sign(call, nonce, prepared.price)
  if not transaction then
    wallet.gas:give_back(nonce, "unused")
    return nil, err
  end
  prepared.call, prepared.transactions = call, { transaction }
  action.sealed = action.sealed or {}
  action.sealed[#action.sealed + 1] = prepared
  return payload_of(prepared)
end

local function last_of(prepared)
  return prepared.transactions[#prepared.transactions]
end

-- Signs another transaction with the same Intent and writes it down. Without a nonce it gets one of its own.
local function another(wallet, prepared, nonce, price)
  local gas, err = wallet.gas, nil
  local own = nonce == nil
  if own then nonce, err = gas:take() end
  if not nonce then return nil, err end
  local transaction
  transaction, err = gas:sign(prepared.call, nonce, price)
  if transaction then
    prepared.transactions[#prepared.transactions + 1] = transaction
    local written
    written, err = wallet.store:amend(prepared.written or prepared.id, payload_of(prepared))
    if written then return transaction end
    prepared.transactions[#prepared.transactions] = nil
  end
  if own then gas:give_back(nonce, "unused") end
  return nil, err
end

-- ---- what became of it ----------------------------------------------------------------------------------------

-- What a transaction cost, told by its receipt.
local function paid(receipt)
  local used, price = quantity.decode(json.get(receipt, "gasUsed")),
    quantity.decode(json.get(receipt, "effectiveGasPrice"))
  return used and price and used * price
end

-- The status of a bundle by the receipts of its transactions. Of several that carry the same Intent one can use up its
-- nonce; the others fail.
local function by_receipts(wallet, prepared)
  local failed, reason, used, open = nil, nil, {}, false
  for _, transaction in ipairs(prepared.transactions or {}) do
    if not transaction.receipt then
      local receipt, err = wallet.chain:receipt(transaction.hash)
      if err then return nil, err end
      transaction.receipt = receipt
    end
    local receipt = transaction.receipt
    if receipt then
      local logs = json.get(receipt, "logs")
      local executed = intent.find_executed(type(logs) == "table" and logs or {}, wallet.orchestrator,
        prepared.account, prepared.nonce)
      if executed and executed.incremented then
        prepared.fee, prepared.fee_token = paid(receipt), contracts.NATIVE
        return { status = executed.err == NO_ERROR and 200 or 400, receipts = { receipt } }
      end
      failed, reason, used[transaction.nonce] = receipt, executed and executed.err, true
    end
  end
  for _, transaction in ipairs(prepared.transactions or {}) do
    open = open or not (transaction.void or used[transaction.nonce])
  end
  if not failed or open then return nil end
  local landed, err = landing.status(wallet, prepared)
  if landed then return landed end
  if landed == nil then return nil, err end
  -- Its nonce was used when it was mined, and a node says that it is free: one that lags behind, perhaps.
  local now = wallet.loop:now()
  prepared.doubted = prepared.doubted or now
  local used_up = reason == contracts.selector(contracts.errors.InvalidNonce)
  if used_up and now - prepared.doubted < DOUBT_SECONDS then return nil end
  prepared.fee, prepared.fee_token = paid(failed), contracts.NATIVE
  return { status = 400, receipts = { failed } }
end

-- What the chain says of a bundle: its status; false while it has not landed, and may.
local function find(wallet, prepared)
  local status, err = by_receipts(wallet, prepared)
  if status or err then return status, err end
  status, err = landing.status(wallet, prepared)
  if err and err.code == "unknown_bundle" then err.state = "unknown" end
  return status, err
end

-- ---- sending ---------------------------------------------------------------------------------------------------

-- Hands over a transaction: "landed", or what GasKey.meaning says.
local function submit(wallet, transaction)
  local answer, err = wallet.chain:send_raw_sync(transaction.raw)
  if answer then
    if type(answer) == "table" and answer.transactionHash == transaction.hash then
      transaction.receipt = answer
      return "landed"
    end
    return "known"
  end
  return GasKey.meaning(err), err
end

-- What is done about a transaction that the node does not take. True when there is something to send again.
local REMEDIES = {}

local function anew(wallet, prepared, transaction)
  transaction.void = true
  local price, err = wallet.gas:price()
  if not price then return nil, err end
  return another(wallet, prepared, nil, price)
end

function REMEDIES.taken(wallet, prepared, transaction)
  local skipped, err = wallet.gas:skip(transaction.nonce)
  if not skipped then return nil, err end
  return anew(wallet, prepared, transaction)
end

function REMEDIES.ahead(wallet, prepared, transaction)
  wallet.gas:recount(transaction.nonce)
  return anew(wallet, prepared, transaction)
end

function REMEDIES.cheap(wallet, prepared, transaction)
  local price, err = wallet.gas:bumped(transaction)
  if not price then return nil, err end
  local ok
  ok, err = check_cap(prepared.call.gas * price.expected, prepared.cap)
  if not ok then return nil, err end
  return another(wallet, prepared, transaction.nonce, price)
end

function REMEDIES.unsent()
  return true
end

function REMEDIES.poor(wallet, prepared, transaction)
  return wallet.gas:poor(prepared.call.gas * transaction.max)
end

function REMEDIES.refused(_, _, _, err)
  return errors.fail("node", "the node does not take the transaction: " .. err.message,
    { rpc_code = err.rpc_code, rpc_message = err.rpc_message })
end

--- Sends a bundle that is written down. `prepared.maybe_sent` tells afterwards whether a node may have it.
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table insufficient_funds, fee_too_high, node, network …; with an `id` when it may still land
function direct.send(wallet, prepared)
  local failure
  for attempt = 1, ATTEMPTS do
    local transaction = last_of(prepared)
    local meaning, err = submit(wallet, transaction)
    if err and err.code == "canceled" then
      err.id, prepared.maybe_sent = prepared.id, true
      return nil, err
    end
    if meaning == "landed" or meaning == "known" or meaning == "unsure" then
      prepared.maybe_sent = true
      return true
    end
    if meaning == "taken" or meaning == "ahead" then
      -- By itself perhaps: what stands between can bring a request twice.
      prepared.maybe_sent = true
      local status, find_err = find(wallet, prepared)
      if status or find_err then return true end
    end
    failure = err
    local mended
    mended, err = REMEDIES[meaning](wallet, prepared, transaction, err)
    if not mended then
      failure = err
      break
    end
    if meaning == "unsent" and attempt < ATTEMPTS then
      local slept
      slept, err = wallet.loop:sleep(0.1 * attempt)
      if not slept then
        failure = err
        break
      end
    end
  end
  if not prepared.maybe_sent then return nil, failure end
  prepared.trouble = failure.message -- it waits now, and says so if that leads to nothing
  return true
end

-- ---- the end ---------------------------------------------------------------------------------------------------

-- A transaction as it was written down.
local function read_raw(raw, from)
  local bytes = core.unhex(raw)
  local list = core.rlp_decode(bytes:sub(2))
  local function number(i) return core.u256_from_bytes(list[i]) end
  local call = { gas = number(5), to = core.hex(list[6]), data = core.hex(list[8]) }
  if bytes:byte(1) == 4 then
    call.authorizationList = {}
    for i, entry in ipairs(list[10]) do
      local function member(n) return core.u256_from_bytes(entry[n]) end
      call.authorizationList[i] = { chainId = member(1), address = core.hex(entry[2]), nonce = member(3),
        yParity = member(4), r = member(5):hex(), s = member(6):hex() }
    end
  end
  return { raw = raw, hash = core.hex(core.keccak256(bytes)), from = from, nonce = number(2):number(),
    tip = number(3), max = number(4) }, call
end

--- What is needed to look for a bundle, out of the journal's payload.
-- @tparam table prepared `transactions` and `call` are set
-- @tparam table payload
function direct.restore(prepared, payload)
  prepared.transactions, prepared.maybe_sent = {}, true
  for i, raw in ipairs(payload.transactions) do
    prepared.transactions[i], prepared.call = read_raw(raw, payload.from)
  end
end

-- More is offered for a transaction that is not mined, as far as the cap lets it.
local function raise(wallet, prepared, transaction)
  local price, err = wallet.gas:bumped(transaction)
  if not price then return nil, err end
  if not check_cap(prepared.call.gas * price.max, prepared.cap or wallet.max_fee) then return transaction end
  return another(wallet, prepared, transaction.nonce, price)
end

-- Brings a bundle on that is not on the chain: sends its transaction again, offers more for it, or gives the Intent
-- another one where somebody else took its nonce.
local function tend(wallet, prepared)
  local gas, transaction, now = wallet.gas, last_of(prepared), wallet.loop:now()
  local err
  if gas and gas.address == transaction.from and gas.key:is_open() then
    local count
    count, err = gas:mend(transaction.nonce)
    if not count then return nil, err end
    prepared.sent_at = prepared.sent_at or now
    if count > transaction.nonce then
      if not transaction.missed then -- it may be its own, and the receipt not there yet
        transaction.missed = true
        return true
      end
      gas:give_back(transaction.nonce, "used")
      transaction, err = anew(wallet, prepared, transaction)
    elseif now - prepared.sent_at >= STUCK_SECONDS then
      transaction, err = raise(wallet, prepared, transaction)
      prepared.sent_at = now
    end
    if not transaction then return nil, err end
  end
  wallet.chain:send_raw(transaction.raw) -- most often the node says that it has it
  return true
end

--- Waits until a bundle is on the chain, and sees to it that it gets there.
-- @tparam table prepared `account` and `nonce`; `transactions`, where they are known
-- @tparam number timeout seconds
-- @treturn[1] table its status, in the shape the relay gives it
-- @treturn[2] nil
-- @treturn[2] table pending; unknown_bundle, when its nonce was used by something else
function direct.wait(wallet, prepared, timeout)
  local loop = wallet.loop
  local started = loop:now()
  local tended, patience, pause = started, FIRST_TEND, 0.01
  while true do
    local status, err = by_receipts(wallet, prepared)
    if status then return status end
    local now = loop:now()
    if not err and (now - tended >= patience or not prepared.transactions) then
      tended, patience = now, math.min(2 * patience, LAST_TEND)
      status, err = find(wallet, prepared)
      if status then return status end
      if status == false and prepared.transactions then
        local _
        _, err = tend(wallet, prepared)
      end
    end
    if err and (err.state or err.code == "canceled") then return nil, err end
    if now - started >= timeout then
      local trouble = err and err.message or prepared.trouble
      return errors.fail("pending", string.format("bundle %s is not final after %g s%s", prepared.id, timeout,
        trouble and ": " .. trouble or ""))
    end
    local slept
    slept, err = loop:sleep(math.max(0, math.min(pause, started + timeout - now)))
    if not slept then return nil, err end
    pause = math.min(pause * 1.4, 0.25)
  end
end

--- One look at a bundle that an earlier run left; the same transaction is sent again as long as the Intent may land.
-- @treturn[1] table its status
-- @treturn[2] nil
-- @treturn[2] table with `state` when its end is known: failed (it cannot land any more), unknown_bundle; else pending,
-- network …
function direct.look(wallet, prepared)
  if not wallet.chain then return errors.fail("unsupported", "direct mode needs an RPC endpoint") end
  -- The clock first: what has not landed by a later look cannot land after that time.
  local block, err = wallet.chain:block("latest")
  local time = block and quantity.number(block.timestamp)
  if not time then return nil, err or errors.new("node", "the node has no latest block", { retryable = true }) end
  local status
  status, err = find(wallet, prepared)
  if status ~= false then return status, err end
  if math.max(time, wallet:now() - CLOCK_MARGIN) > prepared.ttl then
    return errors.fail("failed", "bundle " .. prepared.id .. " never reached the chain, and its time is over",
      { state = "failed", incremented = false })
  end
  local _
  _, err = tend(wallet, prepared)
  return nil, err or errors.new("pending", "bundle " .. prepared.id .. " was sent again")
end

-- ---- taking turns ----------------------------------------------------------------------------------------------

--- Gives back the nonces of a bundle's transactions.
function direct.close(wallet, prepared)
  local gas = wallet.gas
  local used = {}
  for _, transaction in ipairs(prepared.transactions or {}) do
    if transaction.receipt then used[transaction.nonce] = true end
  end
  for _, transaction in ipairs(gas and prepared.transactions or {}) do
    if transaction.from == gas.address and not transaction.void then
      gas:give_back(transaction.nonce,
        used[transaction.nonce] and "used" or prepared.maybe_sent and "unknown" or "unused")
    end
  end
end

-- The first bundle of an account goes alone: two that delegate it would collide. A lock, or false where none is needed.
local function opening_of(wallet, address)
  local delegated, err = is_delegated(wallet, address)
  if delegated == nil then return nil, err end
  if delegated then return false end
  local lock = wallet.openings[address] or wallet.loop:mutex()
  wallet.openings[address] = lock
  local held
  held, err = lock:acquire()
  if not held then return nil, err end
  return lock
end

--- Runs a bundle's whole way when there is a place for it.
-- @tparam function run `run(wallet, action)`
-- @return what it returns
function direct.in_turn(wallet, action, run)
  local places = wallet.gas.places
  local place, err = places:acquire()
  if not place then return nil, err end
  local lock, receipt
  lock, err = opening_of(wallet, action.account)
  if lock ~= nil then
    receipt, err = run(wallet, action)
    if lock then lock:release() end
  end
  for _, prepared in ipairs(action.sealed or {}) do direct.close(wallet, prepared) end
  places:release()
  return receipt, err
end

return direct
