--- What the wallet is asked for, in its own words, and what it answers: read member by member, compared with what was
-- asked. Pure: no network, no clock.
-- @module rise.approve.answer

local contracts = require "rise.contracts"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"
local permissions = require "rise.permissions"
local quantity = require "rise.quantity"

local answer = {}

--- The longest answer that is read, in bytes. 2048 call permissions fit, the most a key can have.
answer.MAX_BYTES = 512 * 1024

local MAX_ACCOUNTS, MAX_PERMISSIONS = 64, 1024
local MAX_TEXT = 300

local function chain_text(chain_id)
  return core.u256(chain_id):hex()
end

local function wallet_rules(grant)
  local calls, spend = json.array {}, json.array {}
  for i, rule in ipairs(grant.calls) do
    local entry = { to = rule.to, signature = rule.signature or rule.selector }
    if rule.selector == contracts.ANY_SELECTOR then entry.signature = nil end
    calls[i] = entry
  end
  for i, rule in ipairs(grant.spend) do
    spend[i] = { limit = rule.limit:hex(), period = rule.period, token = rule.token }
  end
  return { calls = calls, spend = spend }
end

-- The id is a number, as the wallet's page passes it through its URL; that it cannot be guessed costs nothing.
local function new_request(method, object)
  local id = 0
  for byte in assert(core.random(6)):gmatch(".") do id = id * 256 + byte:byte() end
  return { id = id, jsonrpc = "2.0", method = method, params = json.array { object } }
end

--- The request that connects the owner's account and grants in one.
-- @tparam table asked `chain_id`, `public_key`, `permissions` (a grant), `account` where one is expected
-- @treturn table of JSON-RPC
function answer.grant_request(asked)
  local chain = chain_text(asked.chain_id)
  return new_request("wallet_connect", {
    chainIds = json.array { chain },
    capabilities = {
      selectAccount = asked.account and { address = asked.account } or nil,
      grantPermissions = {
        chainId = chain,
        expiry = asked.permissions.expiry,
        feeToken = json.null, -- a required member; fees count against the spend permissions
        key = { type = "p256", publicKey = asked.public_key },
        permissions = wallet_rules(asked.permissions),
      },
    },
  })
end

--- The request that revokes a key.
-- @tparam table asked `public_key`, `account`
-- @treturn table of JSON-RPC
function answer.revoke_request(asked)
  return new_request("wallet_revokePermissions", { id = asked.public_key, address = asked.account })
end

-- Encodes for a query.
local function encoded(text)
  return (text:gsub("[^%w%-._~]", function(character) return string.format("%%%02X", character:byte()) end))
end

--- The wallet's page with a request in it, which leads back to another URL with the answer.
function answer.redirect_url(wallet_url, request, back)
  local query = {}
  for i, name in ipairs { "id", "jsonrpc", "method", "params" } do
    local value = request[name]
    query[i] = name .. "=" .. encoded(type(value) == "string" and value or json.encode(value))
  end
  query[5] = "redirectUri=" .. encoded(back)
  return wallet_url:gsub("/+$", "") .. "/" .. request.method .. "?" .. table.concat(query, "&")
end

--- The wallet's page that fetches its requests from a URL, and posts its answers there.
function answer.relay_url(wallet_url, relay)
  return wallet_url:gsub("/+$", "") .. "/?relayUrl=" .. encoded(relay)
end

-- ---- reading ---------------------------------------------------------------------------------------------------

local function malformed(format, ...)
  return errors.fail("wallet", "the wallet's answer is malformed: " .. string.format(format, ...))
end

local function mismatch(field, asked, got)
  return errors.fail("grant_mismatch", string.format("%s: asked for %s, got %s", field,
    errors.printable(asked, MAX_TEXT), errors.printable(got, MAX_TEXT)), { field = field, asked = asked, got = got })
end

-- The wallet's serializer writes big integers as text with a suffix.
local function plain(value)
  return type(value) == "string" and value:match("^(%d+)#__bigint$") or value
end

local function lower(value)
  return type(value) == "string" and value:lower() or nil
end

local function list_of(value, most)
  if type(value) ~= "table" then return nil end
  local count = #value
  if count > most then return nil end
  return value, count
end

-- An error object. Those that were thrown inside the wallet come over without a code, or without a message.
local function refused(err)
  local code = type(err) == "table" and err.code
  local said = type(err) == "table" and type(err.message) == "string" and errors.printable(err.message, MAX_TEXT)
    or "it gave no reason"
  if code == 4001 then return errors.fail("rejected", "the owner did not approve: " .. said, { wallet_code = code }) end
  return errors.fail("wallet", "the wallet answered with an error: " .. said,
    { wallet_code = type(code) == "number" and code or nil })
end

--- The result in an answer of JSON-RPC, as it comes from the wallet.
-- @tparam any reply decoded: `result` or `error`
-- @treturn[1] any result; json.null for null
-- @treturn[2] nil
-- @treturn[2] table rejected, wallet
function answer.result(reply)
  if type(reply) ~= "table" then return malformed("an object expected, got a %s", type(reply)) end
  if reply.error ~= nil and reply.error ~= json.null then return refused(reply.error) end
  if reply.result == nil then return malformed("it has neither a result nor an error") end
  return reply.result
end

-- The permissions of the dapp level, as a grant.
local function read_rules(value, expiry)
  if type(value) ~= "table" then return malformed("permissions: an object expected") end
  local list = json.array {}
  local calls = list_of(value.calls, permissions.MAX_CALLS)
  if not calls then return malformed("permissions.calls: a list expected") end
  for i, rule in ipairs(calls) do
    if type(rule) ~= "table" then return malformed("permissions.calls[%d]: an object expected", i) end
    list[#list + 1] = { type = "call", to = json.get(rule, "to") or contracts.ANY_TARGET,
      selector = json.get(rule, "signature") or contracts.ANY_SELECTOR }
  end
  local spend = list_of(json.get(value, "spend") or {}, permissions.MAX_CALLS)
  if not spend then return malformed("permissions.spend: a list expected") end
  for i, rule in ipairs(spend) do
    if type(rule) ~= "table" then return malformed("permissions.spend[%d]: an object expected", i) end
    list[#list + 1] = { type = "spend", limit = plain(rule.limit), period = rule.period,
      token = json.get(rule, "token") }
  end
  local grant, err = permissions.from_relay(list, expiry)
  if not grant then return malformed("%s", errors.printable(err.message, MAX_TEXT)) end
  return grant
end

-- The granted permissions of our key in a list of them; false when it is not among them.
local function own_entry(list, public_key)
  local other
  for i = 1, #list do
    local entry = list[i]
    local key = type(entry) == "table" and lower(json.get(entry, "key", "publicKey"))
    if key == public_key then return entry end
    other = other or key
  end
  return false, other
end

local function find_grant(accounts, public_key)
  local other
  for i = 1, #accounts do
    local account = accounts[i]
    local list = list_of(json.get(account, "capabilities", "permissions") or {}, MAX_PERMISSIONS)
    if not list then return malformed("accounts[%d].capabilities.permissions: a list expected", i) end
    local entry, seen = own_entry(list, public_key)
    if entry then return entry, account end
    other = other or seen
  end
  return mismatch("key", public_key, other or "no grant")
end

-- Calls that were asked for keep the text of their signatures, which the wallet may have turned into selectors.
local function keep_signatures(grant, asked)
  local known = {}
  for _, rule in ipairs(asked.calls) do known[rule.selector] = rule.signature end
  for _, rule in ipairs(grant.calls) do rule.signature = rule.signature or known[rule.selector] end
end

-- The wallet adds a rule for the orchestrator to every session key; it is none of ours.
local function without_orchestrator(grant, asked)
  if not asked.orchestrator then return end
  local calls = {}
  for _, rule in ipairs(grant.calls) do
    if rule.to ~= asked.orchestrator or rule.selector ~= contracts.ANY_SELECTOR then calls[#calls + 1] = rule end
  end
  grant.calls = calls
end

--- Reads what the wallet says it granted, and refuses whatever was not asked for.
-- @tparam any result of `wallet_connect`, decoded
-- @tparam table asked as for @{answer.grant_request}, and `orchestrator`, `allow_root`
-- @treturn[1] table `account` and `permissions`: what was granted, which may be less than was asked for
-- @treturn[2] nil
-- @treturn[2] table wallet (malformed), grant_mismatch with `field`, root_access
function answer.read_grant(result, asked)
  local accounts = type(result) == "table" and list_of(result.accounts, MAX_ACCOUNTS)
  if not accounts or #accounts == 0 then return malformed("accounts: a list expected") end
  local entry, holder = find_grant(accounts, asked.public_key)
  if not entry then return nil, holder end

  local bytes = type(holder.address) == "string" and core.address(holder.address:lower())
  if not bytes then return malformed("the account's address is no address") end
  local account = core.hex(bytes)
  if asked.account and account ~= asked.account then return mismatch("account", asked.account, account) end
  local of = json.get(entry, "address")
  if of ~= nil and lower(of) ~= account then return mismatch("permissions.address", account, of) end
  if json.get(entry, "key", "type") ~= "p256" then
    return mismatch("key.type", "p256", json.get(entry, "key", "type"))
  end
  local chain = json.get(entry, "chainId")
  if chain ~= nil and quantity.number(plain(chain)) ~= asked.chain_id then
    return mismatch("chainId", chain_text(asked.chain_id), chain)
  end

  local expiry = quantity.number(plain(json.get(entry, "expiry")))
  if not expiry then return malformed("expiry: unix seconds expected") end
  local grant, err = read_rules(json.get(entry, "permissions"), expiry)
  if not grant then return nil, err end
  local within, wider = permissions.within(grant, asked.permissions, { orchestrator = asked.orchestrator })
  if not within then
    return errors.fail("grant_mismatch", "the wallet granted more than was asked for: " .. wider.message,
      { field = wider.code == "expired" and "expiry" or "permissions" })
  end
  without_orchestrator(grant, asked)
  if #grant.calls == 0 then return mismatch("permissions.calls", #asked.permissions.calls .. " call permissions", 0) end
  keep_signatures(grant, asked.permissions)
  -- Only now is it known which account a rule could turn against.
  local index, reason = permissions.root_access(grant, account)
  if index and not permissions.root_access(asked.permissions) and asked.account == nil then
    return errors.fail("root_access", string.format("call permission %d reaches %s of the account that the owner chose",
      index, reason))
  end
  return { account = account, permissions = grant }
end

--- Whether the answer to a revocation says that it was done.
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table wallet
function answer.read_revocation(result)
  if result ~= json.null then return malformed("wallet_revokePermissions answers null") end
  return true
end

-- ---- what comes back in a URL -----------------------------------------------------------------------------------

local function decoded(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

--- The answer in the query of the URL that the wallet leads back to: `status` with `payload` or `message`.
-- @tparam string query what stands behind the `?`, nothing decoded
-- @treturn[1] table `result` or `error`, as for @{answer.result}
-- @treturn[2] nil
-- @treturn[2] table wallet
function answer.from_query(query)
  local fields = {}
  for pair in query:gmatch("[^&]+") do
    local equals = pair:find("=", 1, true) or #pair + 1
    local name = decoded(pair:sub(1, equals - 1))
    if fields[name] then return malformed("its URL has %s twice", errors.printable(name, 40)) end
    fields[name] = decoded(pair:sub(equals + 1))
  end
  if fields.status == "success" then
    local payload, err = json.decode(fields.payload or "")
    if payload == nil then return malformed("%s", errors.printable(err.message, MAX_TEXT)) end
    return { result = payload }
  elseif fields.status == "cancel" then
    return { error = { code = 4001, message = "canceled in the wallet" } }
  elseif fields.status == "error" then
    return { error = { message = fields.message } }
  end
  return malformed("its URL has no status")
end

--- What a person pastes: the URL that the wallet led to, its query, the JSON of the result, or just the address of the
-- account that approved.
-- @tparam string text
-- @treturn[1] table `result` or `error`; or `address`
-- @treturn[2] nil
-- @treturn[2] table wallet, limit
function answer.from_text(text)
  if #text > answer.MAX_BYTES then
    return errors.fail("limit", string.format("an answer of %d bytes, where %d are read", #text, answer.MAX_BYTES))
  end
  local last = #text
  while last > 0 and text:find("^%s", last) do last = last - 1 end -- a pattern would take the square of a long run
  text = text:sub(text:find("%S") or 1, last)
  if text:find("^0[xX]%x+$") then
    local bytes = core.address(text)
    if not bytes then return malformed("%s is no address", errors.printable(text, 60)) end
    return { address = core.hex(bytes) }
  elseif text:find("^[{%[]") then
    local value, err = json.decode(text)
    if value == nil then return malformed("%s", errors.printable(err.message, MAX_TEXT)) end
    if type(value) == "table" and (value.result ~= nil or value.error ~= nil) then return value end
    return { result = value }
  end
  return answer.from_query(text:match("%?(.*)$") or text)
end

return answer
