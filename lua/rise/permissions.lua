--- What a session key may do: building, translating, checking, comparing and explaining permissions. Pure data.
--
-- A *grant* is the canonical form everything here works on:
--
--     { calls = { { to = "0x…", selector = "0x40c10f19", signature = "mint(address,uint256)" }, … },
--       spend = { { token = "0x…", limit = rise.u256, period = "hour" }, … },
--       expiry = 1767225600 }                                        -- unix seconds; 0 means never
--
-- `signature` is there when the permission was given as one; `public_key` and `notes` when @{permissions.build} found
-- a key in the page's vocabulary or dropped something harmless from it.
-- @module rise.permissions

local check = require "rise.check"
local contracts = require "rise.contracts"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"

local permissions = {}

--- What `allow_root` must say.
permissions.ROOT_PHRASE = "I understand this is root access"

--- Capacities of the account contract.
permissions.MAX_CALLS = 2048
permissions.MAX_TOKENS = 64
permissions.MAX_EXPIRY = 1099511627775

local ANY_TARGET, ANY_SELECTOR = contracts.ANY_TARGET, contracts.ANY_SELECTOR
local EMPTY_CALLDATA, NATIVE = contracts.EMPTY_CALLDATA_SELECTOR, contracts.NATIVE
local MAX_AMOUNT = "0x" .. string.rep("ff", 32)

-- The periods of relay and wallet, from short to long.
local PERIOD_ORDER = { "minute", "hour", "day", "week", "month", "year" }

-- Every window of the first lies inside one window of the second. A week is inside neither month nor year.
local NESTED = {
  minute = { minute = true, hour = true, day = true, week = true, month = true, year = true, forever = true },
  hour = { hour = true, day = true, week = true, month = true, year = true, forever = true },
  day = { day = true, week = true, month = true, year = true, forever = true },
  week = { week = true, forever = true },
  month = { month = true, year = true, forever = true },
  year = { year = true, forever = true },
  forever = { forever = true },
}

local function refuse(field, message, fields)
  fields = fields or {}
  fields.field = field
  return errors.fail("invalid_value", field .. ": " .. message, fields)
end

-- null of lua-cjson is a userdata, as a u256 is.
local function absent(value)
  return value == nil or value == json.null
end

local function show(value)
  if type(value) == "string" then return string.format("%q", #value > 60 and value:sub(1, 57) .. "..." or value) end
  if type(value) == "number" and value % 1 == 0 and math.abs(value) < 1e15 then return string.format("%.0f", value) end
  return tostring(value)
end

local function known_members(value, names, field)
  for name in pairs(value) do
    if not names[name] then
      local list = {}
      for known in pairs(names) do list[#list + 1] = known end
      table.sort(list)
      local where = type(name) == "number" and string.format("%s[%d]", field, name) or field .. "." .. tostring(name)
      return refuse((where:gsub("^%.", "")), "cannot be represented (known: " .. table.concat(list, ", ") .. ")")
    end
  end
  return true
end

-- ---- time ----------------------------------------------------------------------------------------------------

-- Days since 1970-01-01 of a civil date and back, in the proleptic Gregorian calendar.
local function days_of(year, month, day)
  if month <= 2 then year = year - 1 end
  local era = math.floor(year / 400)
  local of_era = year - era * 400
  local of_year = math.floor((153 * (month + (month > 2 and -3 or 9)) + 2) / 5) + day - 1
  return era * 146097 + of_era * 365 + math.floor(of_era / 4) - math.floor(of_era / 100) + of_year - 719468
end

local function date_of(days)
  days = days + 719468
  local era = math.floor(days / 146097)
  local rest = days - era * 146097
  local of_era = math.floor((rest - math.floor(rest / 1460) + math.floor(rest / 36524) - math.floor(rest / 146096))
    / 365)
  local of_year = rest - (365 * of_era + math.floor(of_era / 4) - math.floor(of_era / 100))
  local shifted = math.floor((5 * of_year + 2) / 153)
  local month = shifted + (shifted < 10 and 3 or -9)
  local year = of_era + era * 400 + (month <= 2 and 1 or 0)
  return year, month, of_year - math.floor((153 * shifted + 2) / 5) + 1
end

--- A unix time as text, in UTC.
-- @tparam number time unix seconds
-- @treturn string "2026-01-01T00:00:00Z"
function permissions.time_text(time)
  time = math.floor(time)
  local year, month, day = date_of(math.floor(time / 86400))
  local second = time % 86400
  return string.format("%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day, math.floor(second / 3600),
    math.floor(second / 60) % 60, second % 60)
end

local function period_name(period)
  local name = contracts.PERIOD_NAMES[period] or (contracts.PERIODS[period] and period)
  if not name then error("not a period: " .. tostring(period), 3) end
  return name
end

--- When the spending window that holds a moment began. Windows follow the calendar in UTC, as in the contract:
-- weeks begin on Monday, months on the 1st, `forever` always at 1.
-- @tparam number time unix seconds
-- @tparam string|number period a name or the contract's number
-- @treturn number unix seconds
function permissions.period_start(time, period)
  period = period_name(period)
  time = math.floor(time)
  if period == "minute" then return time - time % 60 end
  if period == "hour" then return time - time % 3600 end
  if period == "forever" then return 1 end
  local days = math.floor(time / 86400)
  if period == "week" then days = days - (days + 3) % 7 end
  if period == "month" or period == "year" then
    local year, month = date_of(days)
    days = days_of(year, period == "month" and month or 1, 1)
  end
  return math.max(days * 86400, 0)
end

--- When the spending window that holds a moment ends and the limit is fresh again.
-- @tparam number time unix seconds
-- @tparam string|number period a name or the contract's number
-- @treturn number|nil unix seconds; nil for `forever`
function permissions.period_end(time, period)
  period = period_name(period)
  time = math.floor(time)
  if period == "minute" then return time - time % 60 + 60 end
  if period == "hour" then return time - time % 3600 + 3600 end
  if period == "forever" then return nil end
  local days = math.floor(time / 86400)
  if period == "day" then return (days + 1) * 86400 end
  if period == "week" then return (days - (days + 3) % 7 + 7) * 86400 end
  local year, month = date_of(days)
  if period == "year" then return days_of(year + 1, 1, 1) * 86400 end
  return days_of(year, month + 1, 1) * 86400 -- a month 13 is the next January
end

local UNITS = { s = 1, m = 60, h = 3600, d = 86400, w = 604800 }

-- `now` is whole seconds.
local function read_expiry(value, field, now, milliseconds)
  local expiry
  if type(value) == "string" then
    local count, unit = value:match("^(%d+)([smhdw])$")
    if not count then return refuse(field, show(value) .. " is not like 90s, 15m, 24h, 7d or 2w") end
    expiry = now + tonumber(count) * UNITS[unit]
  elseif type(value) == "number" and value >= 0 then
    -- The page writes milliseconds. A unix time of today in seconds is below 10^11, in milliseconds above it.
    expiry = math.floor(milliseconds and value >= 1e11 and value / 1000 or value)
  else
    return refuse(field, "a duration such as \"24h\" or a unix time in seconds expected, got " .. type(value))
  end
  if expiry > permissions.MAX_EXPIRY then
    return refuse(field, show(expiry) .. " does not fit the contract's 40 bits",
      { hint = "a number is a unix time in seconds, not milliseconds" })
  end
  if expiry <= now then
    return refuse(field, string.format("%s (%s) is not in the future", show(expiry), permissions.time_text(expiry)),
      { hint = "a number is a unix time in seconds; a time from now is text: \"24h\"" })
  end
  return expiry
end

-- ---- reading single permissions ----------------------------------------------------------------------------------

-- A selector out of 4 bytes of hex, a signature or a whole function line. Gives the canonical signature if known.
local function read_selector(value, field)
  if type(value) ~= "string" then
    return refuse(field, "a function signature or a selector of four bytes expected, got " .. type(value))
  end
  if value:find("^0[xX]") then
    local bytes, err = contracts.read_bytes(value, field, 4)
    if not bytes then
      err.field = field
      return nil, err
    end
    return bytes
  end
  local item, err = core.abi(value)
  if not item then return refuse(field, err.message) end
  if item:kind() == "receive" then return EMPTY_CALLDATA, "receive()" end
  if item:kind() ~= "function" then return refuse(field, show(value) .. " is not a function") end
  return core.hex(item:selector()), item:signature()
end

local function read_target(value, field, account)
  local to, err = contracts.read_address(value, field)
  if not to then
    err.field = field
    return nil, err
  end
  if to == contracts.SELF_STUB and account then return account end
  if to == NATIVE or to == contracts.SELF_STUB then
    return refuse(field, "a permission for " .. to .. " matches no call; the account itself goes by its address")
  end
  return to
end

local CALL_MEMBERS = { to = true, signature = true, selector = true }

local function read_call_rule(rule, field, account)
  if type(rule) ~= "table" then return refuse(field, "{ to=, signature= } expected, got " .. type(rule)) end
  local ok, err = known_members(rule, CALL_MEMBERS, field)
  if not ok then return nil, err end
  if absent(rule.to) and absent(rule.signature) and absent(rule.selector) then
    return refuse(field, "at least one of to and signature is needed")
  end
  local entry = { to = ANY_TARGET, selector = ANY_SELECTOR }
  if not absent(rule.to) then
    entry.to, err = read_target(rule.to, field .. ".to", account)
    if not entry.to then return nil, err end
  end
  for _, name in ipairs { "signature", "selector" } do
    if not absent(rule[name]) then
      local selector, signature = read_selector(rule[name], field .. "." .. name)
      if not selector then return nil, signature end
      if name == "selector" and not absent(rule.signature) and selector ~= entry.selector then
        return refuse(field .. ".selector", selector .. " is not the selector of " .. show(rule.signature))
      end
      entry.selector = selector
      entry.signature = entry.signature or signature
    end
  end
  return entry
end

local function read_token(value, field)
  if absent(value) or value == "native" then return NATIVE end
  local token, err = contracts.read_address(value, field)
  if not token then
    err.field = field
    return nil, err
  end
  return token
end

local function read_limit(value, field)
  if absent(value) then return refuse(field, "an amount is needed") end
  local limit, err = contracts.read_amount(value, field)
  if not limit then
    err.field = field
    return nil, err
  end
  return limit
end

local function read_period(value, field)
  for _, name in ipairs(PERIOD_ORDER) do
    if value == name then return name end
  end
  return refuse(field, show(value) .. " is none of " .. table.concat(PERIOD_ORDER, ", "))
end

local SPEND_MEMBERS = { token = true, limit = true, period = true }

local function read_spend_rule(rule, field)
  if type(rule) ~= "table" then return refuse(field, "{ token=, limit=, period= } expected, got " .. type(rule)) end
  local ok, err = known_members(rule, SPEND_MEMBERS, field)
  if not ok then return nil, err end
  local entry = {}
  entry.token, err = read_token(rule.token, field .. ".token")
  if not entry.token then return nil, err end
  entry.limit, err = read_limit(rule.limit, field .. ".limit")
  if not entry.limit then return nil, err end
  entry.period, err = read_period(rule.period, field .. ".period")
  if not entry.period then return nil, err end
  return entry
end

-- ---- collecting --------------------------------------------------------------------------------------------------

-- Entries that are met twice count once; two limits for one token and period contradict each other.
local function new_collector()
  local grant = { calls = {}, spend = {} }
  local calls, spends, tokens, token_count = {}, {}, {}, 0
  local collector = { grant = grant }

  function collector.call(entry, field)
    local name = entry.to .. entry.selector
    local old = calls[name]
    if old then
      old.signature = old.signature or entry.signature
      return true
    end
    if #grant.calls == permissions.MAX_CALLS then
      return refuse(field, "the account takes at most " .. permissions.MAX_CALLS .. " call permissions for a key")
    end
    calls[name] = entry
    grant.calls[#grant.calls + 1] = entry
    return true
  end

  function collector.spend(entry, field)
    local name = entry.token .. entry.period
    local old = spends[name]
    if old then
      if old.limit:cmp(entry.limit) == 0 then return true end
      return refuse(field, string.format("a second limit for the same token per %s: %s and %s", entry.period,
        tostring(old.limit), tostring(entry.limit)))
    end
    if not tokens[entry.token] then
      if token_count == permissions.MAX_TOKENS then
        return refuse(field, "the account takes limits for at most " .. permissions.MAX_TOKENS .. " tokens for a key")
      end
      tokens[entry.token] = true
      token_count = token_count + 1
    end
    spends[name] = entry
    grant.spend[#grant.spend + 1] = entry
    return true
  end

  return collector
end

local function read_wallet_permissions(given, collector, account)
  local ok, err = known_members(given, { calls = true, spend = true }, "permissions")
  if not ok then return nil, err end
  for _, part in ipairs {
    { "calls", read_call_rule, collector.call },
    { "spend", read_spend_rule, collector.spend },
  } do
    local name, read, collect = part[1], part[2], part[3]
    local list = given[name]
    if not absent(list) then
      if type(list) ~= "table" then return refuse("permissions." .. name, "a list expected, got " .. type(list)) end
      for i = 1, #list do
        local field = string.format("permissions.%s[%d]", name, i)
        local entry
        entry, err = read(list[i], field, account)
        if not entry then return nil, err end
        ok, err = collect(entry, field)
        if not ok then return nil, err end
      end
    end
  end
  return true
end

-- ---- the page's vocabulary ------------------------------------------------------------------------------------

local MILLISECONDS = { [60000] = "minute", [3600000] = "hour", [86400000] = "day", [604800000] = "week" }

local PAGE = {}

PAGE["native-token-recurring-allowance"] = function(data, field, collector, now)
  local ok, err = known_members(data, { allowance = true, start = true, period = true }, field)
  if not ok then return nil, err end
  local limit, period
  limit, err = read_limit(data.allowance, field .. ".allowance")
  if not limit then return nil, err end
  period = MILLISECONDS[data.period]
  if not period then
    return refuse(field .. ".period", show(data.period) .. " ms is none of minute, hour, day, week",
      { hint = "windows follow the calendar; a month or a year has no exact length in milliseconds" })
  end
  if not absent(data.start) then
    local start = data.start
    if type(start) ~= "number" or not (start >= 0 and start < 1e16) then
      return refuse(field .. ".start", "a time in milliseconds expected, got " .. show(start))
    end
    start = math.floor(start >= 1e11 and start / 1000 or start)
    if start > now then
      return refuse(field .. ".start", permissions.time_text(start)
        .. " is in the future: a limit holds from the moment the key is granted")
    end
    local notes = collector.grant.notes or {}
    collector.grant.notes = notes
    notes[#notes + 1] = field .. ".start was dropped: windows follow the calendar in UTC"
  end
  return collector.spend({ token = NATIVE, limit = limit, period = period }, field)
end

PAGE["allowed-contract-selector"] = function(data, field, collector, _, account)
  local ok, err = known_members(data, { contract = true, selector = true }, field)
  if not ok then return nil, err end
  local to, selector, signature
  to, err = read_target(data.contract, field .. ".contract", account)
  if not to then return nil, err end
  selector, signature = read_selector(data.selector, field .. ".selector")
  if not selector then return nil, signature end
  return collector.call({ to = to, selector = selector, signature = signature }, field)
end

local function read_page_permissions(given, collector, now, account)
  for name in pairs(given) do
    if type(name) ~= "number" then
      return refuse("permissions." .. tostring(name), "not part of a list of permissions")
    end
  end
  for i = 1, #given do
    local field = string.format("permissions[%d]", i)
    local entry = given[i]
    if type(entry) ~= "table" then return refuse(field, "{ type=, data= } expected, got " .. type(entry)) end
    local ok, err = known_members(entry, { type = true, data = true }, field)
    if not ok then return nil, err end
    local read = PAGE[entry.type]
    if not read then
      return refuse(field .. ".type", show(entry.type)
        .. " is neither native-token-recurring-allowance nor allowed-contract-selector")
    end
    field = field .. ".data"
    if type(entry.data) ~= "table" then return refuse(field, "a table expected, got " .. type(entry.data)) end
    ok, err = read(entry.data, field, collector, now, account)
    if not ok then return nil, err end
  end
  return true
end

-- Whether 64 bytes are a point of the curve: verification says so before it looks at the signature.
local PROBE_SIGNATURE = string.rep("\0", 31) .. "\1" .. string.rep("\0", 31) .. "\1"
local function on_curve(bytes)
  local ok, err = core.p256_verify(bytes, string.rep("\0", 32), PROBE_SIGNATURE)
  return ok or err.code ~= "invalid_key"
end

local function read_page_signer(signer)
  if type(signer) ~= "table" then return refuse("signer", "{ type=, data= } expected, got " .. type(signer)) end
  if signer.type ~= "key" then return refuse("signer.type", show(signer.type) .. " is not \"key\"") end
  local id = type(signer.data) == "table" and signer.data.id
  local hex, err = contracts.read_bytes(id or nil, "signer.data.id")
  if not hex then
    err.field = "signer.data.id"
    return nil, err
  end
  local size = #hex / 2 - 1
  if size ~= 65 then
    return refuse("signer.data.id", string.format(
      "%d bytes; an uncompressed P-256 public key has 65 and begins with 04", size))
  end
  if hex:sub(3, 4) ~= "04" then
    return refuse("signer.data.id", "begins with " .. hex:sub(3, 4) .. ", not with 04")
  end
  if not on_curve(core.unhex("0x" .. hex:sub(5))) then return refuse("signer.data.id", "not a point of P-256") end
  return "0x" .. hex:sub(5)
end

-- ---- root access ----------------------------------------------------------------------------------------------

local ADMIN_FUNCTIONS = { "authorize", "revoke", "setCanExecute", "setSpendLimit", "removeSpendLimit",
  "setCallChecker", "setSignatureCheckerApproval", "upgradeProxyAccount", "execute", "invalidateNonce", "setLabel" }
local admin_selectors

local function admin_signature(selector)
  if not admin_selectors then
    admin_selectors = {}
    for _, name in ipairs(ADMIN_FUNCTIONS) do
      local item = contracts.account[name]
      admin_selectors[contracts.selector(item)] = item:signature()
    end
  end
  return admin_selectors[selector]
end

--- Whether a grant amounts to full control: any function of any contract, or anything that reaches the account's
-- own admin functions, with which a session key can authorize an admin key.
-- @tparam table grant
-- @tparam[opt] string account the account's address; without it only wildcards can be judged
-- @treturn[1] nil nothing of the kind
-- @treturn[2] number which of `grant.calls`
-- @treturn[2] string a sentence
function permissions.root_access(grant, account)
  account = account and account:lower()
  for i, rule in ipairs(grant.calls) do
    if rule.to == ANY_TARGET and rule.selector == ANY_SELECTOR then
      return i, "any function of any contract"
    elseif rule.to == account and rule.selector == ANY_SELECTOR then
      return i, "any function of the account itself"
    elseif rule.to == ANY_TARGET or rule.to == account then
      local signature = admin_signature(rule.selector)
      if signature then return i, "the account's own " .. signature end
    end
  end
  return nil
end

-- ---- building -------------------------------------------------------------------------------------------------

-- The last ones concern the session, not its permissions.
local SPEC_MEMBERS = { account = true, expires = true, expiry = true, permissions = true, signer = true,
  feeToken = true, key = true, allow_root = true, fee_token = true,
  guard = true, name = true, ephemeral = true }

--- A grant out of what a program asks for: the wallet's vocabulary
--
--     { expires = "24h",
--       permissions = { calls = { { to = STK, signature = "mint(address,uint256)" } },
--                       spend = { { token = STK, limit = rise.units("100", 18), period = "hour" } } } }
--
-- or the page's (`native-token-recurring-allowance`, `allowed-contract-selector`, `signer`, milliseconds). What has no
-- exact counterpart in the account contract is refused, and the message names the field.
--
-- A call permission without `to` means any contract, one without `signature` any function; `receive()` stands for
-- sending native currency without data. A spend permission without `token` is for the native currency.
-- @tparam table spec `permissions`, and `expires` (text such as "90s", "15m", "24h", "7d", "2w", or a unix time in
-- seconds) or the page's `expiry` (a number; milliseconds in the page's vocabulary)
-- @tparam table options `now` (unix seconds, required), `account`, `allow_root` (@{permissions.ROOT_PHRASE})
-- @treturn[1] table grant
-- @treturn[2] nil
-- @treturn[2] table invalid_value with `field`, or root_access
function permissions.build(spec, options)
  check.type(spec, "table", "permissions.build: spec")
  check.options(options, { now = "number!", account = "string", orchestrator = "string", allow_root = "string" },
    "permissions.build")
  local now = math.floor(options.now)
  local account = options.account and check.address(options.account, "permissions.build: account")
  local ok, err = known_members(spec, SPEC_MEMBERS, "")
  if not ok then return nil, err end
  if type(spec.account) == "string" then
    local given
    given, err = contracts.read_address(spec.account, "account")
    if not given then return nil, err end
    if account and given ~= account then return refuse("account", given .. " is not " .. account) end
    account = given
  end
  if not absent(spec.feeToken) then
    return refuse("feeToken", "add a spend permission for the fee token instead")
  end
  local given = spec.permissions
  if type(given) ~= "table" then return refuse("permissions", "a table expected, got " .. type(given)) end
  local page = given[1] ~= nil or not absent(spec.signer)

  local collector = new_collector()
  local grant = collector.grant
  if page then
    ok, err = read_page_permissions(given, collector, now, account)
  else
    ok, err = read_wallet_permissions(given, collector, account)
  end
  if not ok then return nil, err end
  if #grant.calls == 0 then
    return refuse(page and "permissions" or "permissions.calls", "a key that may call nothing is of no use")
  end
  if not absent(spec.signer) then
    grant.public_key, err = read_page_signer(spec.signer)
    if not grant.public_key then return nil, err end
  end

  if not absent(spec.expires) and not absent(spec.expiry) then
    return refuse("expiry", "expires is given as well")
  end
  local field = absent(spec.expires) and "expiry" or "expires"
  if absent(spec[field]) then
    return refuse("expires", "a session key must expire: \"24h\", or a unix time in seconds")
  end
  grant.expiry, err = read_expiry(spec[field], field, now, page)
  if not grant.expiry then return nil, err end

  local index, reason = permissions.root_access(grant, account)
  if index and options.allow_root ~= permissions.ROOT_PHRASE then
    return errors.fail("root_access", string.format("call permission %d reaches %s: whoever holds the key could take "
      .. "over the account", index, reason), { index = index,
      hint = "name the contracts and functions, or say allow_root = \"" .. permissions.ROOT_PHRASE .. "\"" })
  end
  return grant
end

--- The same grant with another end.
-- @tparam table grant
-- @param expires as for @{permissions.build}
-- @tparam number now whole unix seconds
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] table invalid_value
function permissions.prolonged(grant, expires, now)
  local expiry, err = read_expiry(expires, "expires", now)
  if not expiry then return nil, err end
  local copy = {}
  for name, value in pairs(grant) do copy[name] = value end
  copy.expiry = expiry
  return copy
end

-- ---- the relay's form -----------------------------------------------------------------------------------------

--- The grant as the relay's permission objects: calls first, then spend limits; selectors as hex and tokens always
-- named, because the relay refuses `null` and escapes.
-- @tparam table grant
-- @treturn table an array for @{rise.json}
function permissions.to_relay(grant)
  local list = json.array {}
  for _, rule in ipairs(grant.calls) do
    list[#list + 1] = { type = "call", selector = rule.selector, to = rule.to }
  end
  for _, rule in ipairs(grant.spend) do
    list[#list + 1] = { type = "spend", limit = rule.limit, period = rule.period, token = rule.token }
  end
  return list
end

-- One permission object. Unknown members pass, as they do at the relay.
local function read_relay_permission(entry, field)
  if type(entry) ~= "table" then return refuse(field, "an object expected, got " .. type(entry)) end
  local err
  if entry.type == "call" then
    local to, selector, signature
    to, err = contracts.read_address(entry.to, field .. ".to")
    if not to then return nil, err end
    selector, signature = read_selector(entry.selector, field .. ".selector")
    if not selector then return nil, signature end
    return "call", { to = to, selector = selector, signature = signature }
  elseif entry.type == "spend" then
    local rule = {}
    rule.token, err = read_token(entry.token, field .. ".token")
    if not rule.token then return nil, err end
    rule.limit, err = read_limit(entry.limit, field .. ".limit")
    if not rule.limit then return nil, err end
    rule.period, err = read_period(entry.period, field .. ".period")
    if not rule.period then return nil, err end
    return "spend", rule
  end
  return refuse(field .. ".type", show(entry.type) .. " is neither call nor spend")
end

--- A grant out of the relay's permission objects.
-- @tparam table list
-- @tparam[opt=0] number expiry unix seconds
-- @treturn[1] table grant
-- @treturn[2] nil
-- @treturn[2] table invalid_value with `field`
function permissions.from_relay(list, expiry)
  if type(list) ~= "table" then return refuse("permissions", "a list expected, got " .. type(list)) end
  local collector = new_collector()
  for i = 1, #list do
    local field = string.format("permissions[%d]", i)
    local kind, rule = read_relay_permission(list[i], field)
    if not kind then return nil, rule end
    local ok, err = collector[kind](rule, field)
    if not ok then return nil, err end
  end
  collector.grant.expiry = expiry or 0
  return collector.grant
end

-- ---- keys -----------------------------------------------------------------------------------------------------

local KEY_TYPES = { p256 = "p256", webauthnp256 = "webauthnp256", ["webauthn-p256"] = "webauthnp256",
  secp256k1 = "secp256k1", address = "secp256k1" }
local ROLES = { admin = "admin", normal = "normal", session = "normal" }

local function read_public_key(kind, value)
  local hex, err = contracts.read_bytes(value, "publicKey")
  if not hex then return nil, err end
  local size = #hex / 2 - 1
  if kind == "secp256k1" then
    if size == 20 then hex = "0x" .. string.rep("00", 12) .. hex:sub(3) end
    if #hex ~= 66 or hex:sub(3, 26) ~= string.rep("0", 24) then
      return refuse("publicKey", "a secp256k1 key is an address, or one padded to 32 bytes")
    end
    return hex
  end
  if size ~= 64 then
    return refuse("publicKey", string.format("%d bytes; a P-256 key has 64 (x and y without the 04 in front)", size))
  end
  return hex
end

--- How the account names a key: keccak256(abi.encode(type, keccak256(publicKey))).
-- @tparam string kind p256, webauthnp256, secp256k1; the wallet's `webauthn-p256` and `address` too
-- @tparam string public_key 0x text: 64 bytes, or an address for secp256k1
-- @treturn[1] string 0x text
-- @treturn[2] nil
-- @treturn[2] table invalid_value with `field`
function permissions.key_hash(kind, public_key)
  local name = KEY_TYPES[kind]
  if not name then return refuse("type", show(kind) .. " is none of p256, webauthnp256, secp256k1") end
  local hex, err = read_public_key(name, public_key)
  if not hex then return nil, err end
  return core.hex(core.key_hash(name, core.unhex(hex)))
end

-- A key as a program (`public_key`), the wallet or the relay (`publicKey`) describes it.
local function read_key(key)
  if type(key) ~= "table" then return refuse("key", "a table expected, got " .. type(key)) end
  local kind = KEY_TYPES[key.type]
  if not kind then return refuse("type", show(key.type) .. " is none of p256, webauthnp256, secp256k1") end
  local public_key, err = read_public_key(kind, key.public_key or key.publicKey)
  if not public_key then return nil, err end
  -- The contract would store any bytes, and never accept a signature by them.
  if kind ~= "secp256k1" and not on_curve(core.unhex(public_key)) then
    return errors.fail("invalid_key", "publicKey: not a point of P-256", { field = "publicKey" })
  end
  local role = ROLES[absent(key.role) and "normal" or key.role]
  if not role then return refuse("role", show(key.role) .. " is neither admin nor normal") end
  local expiry = key.expiry
  if absent(expiry) then
    expiry = type(key.grant) == "table" and key.grant.expiry or 0
  end
  expiry, err = contracts.read_amount(expiry, "expiry")
  if not expiry then return nil, err end
  if expiry:cmp(permissions.MAX_EXPIRY) > 0 then return refuse("expiry", "does not fit 40 bits") end
  return {
    type = kind, public_key = public_key, role = role, expiry = expiry:number(),
    hash = assert(permissions.key_hash(kind, public_key)),
  }
end

--- An entry of the relay's `authorizeKeys`.
-- @tparam table key `type`, `public_key`, `role` ("admin", or "normal", the default), and `grant` or `expiry`
-- @treturn[1] table `{ type, publicKey, role, expiry, permissions }`
-- @treturn[2] nil
-- @treturn[2] table invalid_value with `field`, invalid_key
function permissions.authorize_key(key)
  local read, err = read_key(key)
  if not read then return nil, err end
  local list = key.grant and permissions.to_relay(key.grant) or json.array {}
  if read.role == "admin" and #list > 0 then return refuse("permissions", "an admin key takes no permissions") end
  return {
    type = read.type, publicKey = read.public_key, role = read.role,
    expiry = core.u256(read.expiry):hex(), permissions = list,
  }
end

--- A key as the relay lists it (`wallet_getKeys`, an entry of `authorizeKeys`).
-- @tparam table entry
-- @treturn[1] table `{ type, public_key, role, expiry, hash, grant }`
-- @treturn[2] nil
-- @treturn[2] table invalid_value with `field`, invalid_key
function permissions.key_from_relay(entry)
  local key, err = read_key(entry)
  if not key then return nil, err end
  key.grant, err = permissions.from_relay(absent(entry.permissions) and {} or entry.permissions, key.expiry)
  if not key.grant then return nil, err end
  return key
end

--- The calls of the account on itself that authorize a key: `authorize`, then `setCanExecute` and `setSpendLimit` for
-- each permission in the order given. The relay makes them out of `authorizeKeys`; verification expects them.
-- @tparam table key as for @{permissions.authorize_key}, or an entry of `authorizeKeys`
-- @tparam[opt] table grant a grant or a list of relay permissions; default: what `key` carries
-- @treturn[1] table calls, with the zero address as target
-- @treturn[2] nil
-- @treturn[2] table invalid_value with `field`, invalid_key
function permissions.admin_calls(key, grant)
  local read, err = read_key(key)
  if not read then return nil, err end
  grant = grant or key.grant or (not absent(key.permissions) and key.permissions) or {}
  if type(grant) ~= "table" then return refuse("permissions", "a list expected, got " .. type(grant)) end
  local list = grant
  if grant.calls then
    list = permissions.to_relay(grant)
    if absent(key.expiry) then read.expiry = grant.expiry or 0 end
  end
  if read.role == "admin" and #list > 0 then return refuse("permissions", "an admin key takes no permissions") end
  local account = contracts.account
  local calls = { contracts.self_call(account.authorize, { {
    expiry = read.expiry, keyType = contracts.KEY_TYPES[read.type], isSuperAdmin = read.role == "admin",
    publicKey = read.public_key,
  } }) }
  for i = 1, #list do
    local kind, rule = read_relay_permission(list[i], string.format("permissions[%d]", i))
    if not kind then return nil, rule end
    if kind == "call" then
      calls[#calls + 1] = contracts.self_call(account.setCanExecute, { read.hash, rule.to, rule.selector, true })
    else
      calls[#calls + 1] = contracts.self_call(account.setSpendLimit,
        { read.hash, rule.token, contracts.PERIODS[rule.period], rule.limit })
    end
  end
  return calls
end

--- The call of the account on itself that revokes a key.
-- @tparam string key_hash 0x text
-- @treturn table a list of one call, with the zero address as target
function permissions.revoke_calls(key_hash)
  check.hex(key_hash, "permissions.revoke_calls: key_hash", 32)
  return { contracts.self_call(contracts.account.revoke, { key_hash }) }
end

--- The calls of the account on itself that take back what a renewed key may not do any more.
-- @tparam string key_hash 0x text
-- @tparam table before the grants that held, or may have held, until now
-- @tparam table grant what it may do from now on
-- @treturn table calls, with the zero address as target
function permissions.removal_calls(key_hash, before, grant)
  check.hex(key_hash, "permissions.removal_calls: key_hash", 32)
  local function name_of(rule)
    return rule.selector and rule.to .. rule.selector or rule.token .. rule.period
  end
  local done, calls = {}, {}
  for _, kind in ipairs { "calls", "spend" } do
    for _, rule in ipairs(grant[kind]) do done[name_of(rule)] = true end
    for _, former in ipairs(before) do
      for _, rule in ipairs(former[kind]) do
        if not done[name_of(rule)] then
          done[name_of(rule)] = true
          calls[#calls + 1] = kind == "calls"
            and contracts.self_call(contracts.account.setCanExecute, { key_hash, rule.to, rule.selector, false })
            or contracts.self_call(contracts.account.removeSpendLimit,
              { key_hash, rule.token, contracts.PERIODS[rule.period] })
        end
      end
    end
  end
  return calls
end

-- ---- what the chain says ----------------------------------------------------------------------------------------

--- A grant out of the account's own views.
-- @tparam table packed what `canExecutePackedInfos` returned: 32-byte words
-- @tparam[opt] table infos what `spendInfos` returned
-- @tparam[opt=0] number expiry unix seconds
-- @treturn[1] table grant; a period may be `forever`
-- @treturn[2] nil
-- @treturn[2] table invalid_data
function permissions.from_chain(packed, infos, expiry)
  local grant = { calls = {}, spend = {}, expiry = expiry or 0 }
  for _, word in ipairs(packed) do
    if type(word) ~= "string" or not word:find("^0x%x+$") or #word ~= 66 then
      return errors.fail("invalid_data", "canExecutePackedInfos: not a word of 32 bytes: " .. show(word))
    end
    grant.calls[#grant.calls + 1] = { to = word:sub(1, 42):lower(), selector = "0x" .. word:sub(59):lower() }
  end
  for _, info in ipairs(infos or {}) do
    local period = contracts.PERIOD_NAMES[info.period]
    if not period then return errors.fail("invalid_data", "spendInfos: unknown period " .. show(info.period)) end
    grant.spend[#grant.spend + 1] = { token = info.token, limit = info.limit, period = period }
  end
  return grant
end

--- What has been spent, out of the account's `spendInfos`, for @{permissions.evaluate}.
-- @tparam table infos decoded SpendInfo tuples
-- @treturn table a list of `{ token=, period=, spent=, window= }`; `window` is when the counted window began
function permissions.spent_from_chain(infos)
  local list = {}
  for i, info in ipairs(infos) do
    list[i] = {
      token = info.token, period = period_name(info.period), spent = info.currentSpent,
      window = info.current:number(),
    }
  end
  return list
end

-- ---- evaluation -------------------------------------------------------------------------------------------------

-- Counts an amount in. What passes 2^256 - 1 is over any limit: there the contract's own sum overflows.
local function count(entry, amount)
  if core.u256(MAX_AMOUNT) - entry.amount < amount then
    entry.amount, entry.overflow = core.u256(MAX_AMOUNT), true
  else
    entry.amount = entry.amount + amount
  end
end

-- The four words that the contract may read as arguments of a call. It does not look at the length: behind data that
-- is cut short lies what the encoding of the batch has there, the following call or the hash of the signing key.
local function arguments(list, i, key_hash)
  local data = list[i].data
  if #data < 10 + 4 * 64 then
    local bytes = contracts.params.calls_with_op_data:encode { list, key_hash or "0x" .. string.rep("00", 32) }
    if not bytes then return data:sub(11) .. string.rep("0", 4 * 64) end -- a batch that is none fails in any case
    local function offset(at) return core.u256_from_bytes(bytes:sub(at + 1, at + 32)):number() end
    local calls = offset(0) + 32
    local first = calls + offset(calls + 32 * (i - 1)) + 4 * 32
    data = core.hex(bytes:sub(first + 1, first + 4 + 4 * 32)) .. string.rep("0", 4 * 64)
  end
  return data:sub(11)
end

local function word(text, n)
  return text:sub(1 + 64 * n, 64 + 64 * n)
end

local TRANSFER, TRANSFER_FROM, APPROVE, PERMIT2_APPROVE = "0xa9059cbb", "0x23b872dd", "0x095ea7b3", "0x87517c45"
local COUNTED = { [TRANSFER] = true, [TRANSFER_FROM] = true, [APPROVE] = true, [PERMIT2_APPROVE] = true }

local function effective_selector(data)
  if #data == 2 then return EMPTY_CALLDATA end
  if #data < 10 then return ANY_SELECTOR end
  return data:sub(1, 10)
end

-- The token and amount the account counts as declared spending in a call. Amounts of zero need no permission.
local function declared(list, i, account, key_hash)
  local call = list[i]
  local selector = #call.data >= 10 and call.data:sub(1, 10)
  if not COUNTED[selector] then return nil end
  local given = arguments(list, i, key_hash)
  local token = call.to
  local amount
  if selector == TRANSFER or selector == APPROVE then
    amount = word(given, 1)
  elseif selector == TRANSFER_FROM then
    if account and word(given, 1):sub(25) == account:sub(3) then return nil end
    amount = word(given, 2)
  elseif call.to == contracts.PERMIT2 then
    token = "0x" .. word(given, 0):sub(25)
    amount = string.rep("0", 24) .. word(given, 2):sub(25)
  else
    return nil
  end
  return token, core.u256("0x" .. amount)
end

--- What calls would spend, as far as it can be told from them: native currency sent, and the amounts of `transfer`,
-- `transferFrom` (unless to the account), `approve` and Permit2 `approve`. What a contract moves by itself is not
-- in it.
-- @tparam table calls
-- @tparam[opt] string account
-- @tparam[opt] string key_hash of the key that signs: the contract reads it as an argument where call data is cut short
-- @treturn[1] table a list of `{ token=, amount= }` without zeros, in the order in which the account looks at them:
-- native currency, then tokens by address; `overflow` is set where the sum does not fit 256 bits
-- @treturn[2] nil
-- @treturn[2] table invalid_value
function permissions.spending(calls, account, key_hash)
  local list, err = contracts.read_calls(calls)
  if not list then return nil, err end
  account = account and check.address(account, "permissions.spending: account")
  key_hash = key_hash and check.hex(key_hash, "permissions.spending: key_hash", 32)
  local spending, entries = {}, {}
  local function spend(token, amount)
    if amount:is_zero() then return end
    if not entries[token] then
      entries[token] = { token = token, amount = core.u256(0) }
      spending[#spending + 1] = entries[token]
    end
    count(entries[token], amount)
  end
  for i, call in ipairs(list) do
    spend(NATIVE, call.value)
    local token, amount = declared(list, i, account, key_hash)
    if token == contracts.SELF and account and call.to == token then token = account end
    if token then spend(token, amount) end
  end
  table.sort(spending, function(a, b) return a.token < b.token end)
  return spending
end

--- An amount of a token as text: with symbol where it is known, else in base units.
-- @tparam string token
-- @tparam u256 amount
-- @tparam[opt] table tokens address to `{ symbol=, decimals= }`
-- @treturn string "1.5 ETH"
function permissions.amount_text(token, amount, tokens)
  local known = tokens and tokens[token]
  if token == NATIVE then known = known or { symbol = "ETH", decimals = 18 } end
  if known then return core.units_format(amount, known.decimals) .. " " .. known.symbol end
  return tostring(amount) .. " base units of " .. token
end

local amount_text = permissions.amount_text

local function function_text(rule, selector)
  if selector == EMPTY_CALLDATA then return "plain transfer" end
  local signature = rule and rule.signature or contracts.signature_of(selector)
  return signature and signature .. " (" .. selector .. ")" or "function " .. selector
end

-- The signature a grant, or the account system, knows for a selector.
local function signature_in(grant, selector)
  for _, rule in ipairs(grant and grant.calls or {}) do
    if rule.selector == selector and rule.signature then return rule.signature end
  end
  return contracts.signature_of(selector)
end

--- The refusal of one call, as @{permissions.evaluate} and the decoding of reverts word it.
-- @tparam table|nil grant
-- @tparam string to
-- @tparam string data the call's data
-- @tparam[opt] table fields further members of the error; `signature` is used in the message
-- @treturn nil
-- @treturn table not_allowed with `to`, `selector` and, where known, `signature`
function permissions.refusal(grant, to, data, fields)
  fields = fields or {}
  local selector = effective_selector(data)
  local signature = fields.signature or signature_in(grant, selector)
  fields.to, fields.selector, fields.signature = to, selector, signature
  local what
  if selector == EMPTY_CALLDATA then
    what = "send native currency without data to " .. to
  elseif selector == ANY_SELECTOR then
    what = "send less than four bytes of data to " .. to
  else
    what = "call " .. function_text(signature and { signature = signature }, selector) .. " of " .. to
  end
  return errors.fail("not_allowed", "the session key may not " .. what, fields)
end

local function allowance_line(rule, spent, now)
  local used, window = core.u256(0), permissions.period_start(now, rule.period)
  for _, entry in ipairs(spent or {}) do
    if entry.token == rule.token and period_name(entry.period) == rule.period
      and (not entry.window or entry.window >= window) then
      used = entry.spent
    end
  end
  local left = core.u256(0)
  if used < rule.limit then left = rule.limit - used end
  return { token = rule.token, period = rule.period, limit = rule.limit, spent = used, left = left,
    resets_at = permissions.period_end(now, rule.period) }
end

--- What is left of every spend permission at a moment.
-- @tparam table grant
-- @tparam table options `now` (unix seconds, required), `spent` (as of @{permissions.spent_from_chain})
-- @treturn table a list of `{ token=, period=, limit=, spent=, left=, resets_at= }`
function permissions.allowance(grant, options)
  check.options(options, { now = "number!", spent = "table" }, "permissions.allowance")
  local list = {}
  for i, rule in ipairs(grant.spend) do
    list[i] = allowance_line(rule, options.spent, options.now)
  end
  return list
end

-- The fee is charged to the signing key like any other spending.
local function add_fee(spending, fee)
  if not fee then return end
  local token = check.address(fee.token, "permissions.evaluate: fee.token", 3)
  local amount = check.amount(fee.amount, "permissions.evaluate: fee.amount", 3)
  if amount:is_zero() then return end
  for _, entry in ipairs(spending) do
    if entry.token == token then return count(entry, amount) end
  end
  table.insert(spending, 1, { token = token, amount = amount, fee = true })
end

local function over_limit(line, needed, tokens)
  line.needed = needed
  return errors.fail("spend_limit", string.format("%s needed, %s left of %s per %s%s",
    amount_text(line.token, needed, tokens), amount_text(line.token, line.left, tokens),
    amount_text(line.token, line.limit, tokens), line.period,
    line.resets_at and "; resets at " .. permissions.time_text(line.resets_at) or ""), line)
end

local EVALUATE_OPTIONS = { now = "number!", account = "string", key_hash = "string", fee = "table", spent = "table",
  tokens = "table" }

--- Whether the account would let a session key make these calls: which rule would fail, from the grant alone.
-- Balances, and what contracts move by themselves, are not known here.
-- @tparam table grant
-- @tparam table calls `{ to=, value=, data= }` in order
-- @tparam table options `now` (unix seconds, required), `account`, `key_hash` (of the key that signs), `fee`
-- (`{ token=, amount= }` the account pays), `spent` (as of @{permissions.spent_from_chain}), `tokens` (address to
-- `{ symbol=, decimals= }`, for messages)
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table expired, not_allowed, no_spend_rule, spend_limit with figures; invalid_value for a bad call
function permissions.evaluate(grant, calls, options)
  check.options(options, EVALUATE_OPTIONS, "permissions.evaluate")
  local account = options.account and check.address(options.account, "permissions.evaluate: account")
  local list, err = contracts.read_calls(calls)
  if not list then return nil, err end
  if grant.expiry and grant.expiry ~= 0 and options.now >= grant.expiry + 1 then
    return errors.fail("expired", "the session key expired at " .. permissions.time_text(grant.expiry),
      { expiry = grant.expiry })
  end

  local rules = {}
  for _, rule in ipairs(grant.calls) do
    rules[rule.to .. rule.selector] = rule
  end
  local execute = contracts.selector(contracts.account.execute)
  for i, call in ipairs(list) do
    local to = call.to == contracts.SELF and account or call.to
    local selector = effective_selector(call.data)
    local allowed = rules[to .. selector] or rules[to .. ANY_SELECTOR]
      or rules[ANY_TARGET .. selector] or rules[ANY_TARGET .. ANY_SELECTOR]
    -- The contract bans the account's own `execute` whatever was granted.
    if not allowed or (to == account and selector == execute) then
      return permissions.refusal(grant, to, call.data, { call = i })
    end
  end

  local spending
  spending, err = permissions.spending(list, account, options.key_hash)
  if not spending then return nil, err end
  add_fee(spending, options.fee)

  for _, entry in ipairs(spending) do
    local found = false
    for _, rule in ipairs(grant.spend) do
      if rule.token == entry.token then
        found = true
        local line = allowance_line(rule, options.spent, options.now)
        if entry.overflow or entry.amount > line.left then return over_limit(line, entry.amount, options.tokens) end
      end
    end
    if not found then
      return errors.fail("no_spend_rule", string.format("%s%s needed, and the session key has no spend permission "
        .. "for this token", entry.fee and "a fee of " or "", amount_text(entry.token, entry.amount, options.tokens)),
        { token = entry.token, needed = entry.amount, fee = entry.fee })
    end
  end
  return true
end

-- ---- comparing and explaining -----------------------------------------------------------------------------------

--- Whether one grant allows nothing that another does not: what came back from a wallet against what was asked.
-- @tparam table narrow
-- @tparam table wide
-- @tparam[opt] table options `orchestrator`: its address, any function of which the wallet adds to every session key
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] table not_allowed, spend_limit, no_spend_rule or expired, naming what is wider
function permissions.within(narrow, wide, options)
  options = check.options(options, { orchestrator = "string" }, "permissions.within")
  local orchestrator = options.orchestrator and check.address(options.orchestrator, "permissions.within: orchestrator")
  if wide.expiry and wide.expiry ~= 0 and (not narrow.expiry or narrow.expiry == 0 or narrow.expiry > wide.expiry) then
    return errors.fail("expired", string.format("expires %s, later than %s",
      (narrow.expiry or 0) == 0 and "never" or "at " .. permissions.time_text(narrow.expiry),
      permissions.time_text(wide.expiry)), { expiry = narrow.expiry })
  end
  local rules = {}
  for _, rule in ipairs(wide.calls) do
    rules[rule.to .. rule.selector] = true
  end
  for i, rule in ipairs(narrow.calls) do
    if not (rules[rule.to .. rule.selector] or rules[rule.to .. ANY_SELECTOR] or rules[ANY_TARGET .. rule.selector]
      or rules[ANY_TARGET .. ANY_SELECTOR] or (rule.to == orchestrator and rule.selector == ANY_SELECTOR)) then
      return errors.fail("not_allowed", string.format("call permission %d (%s of %s) is not covered", i,
        rule.selector == ANY_SELECTOR and "any function" or function_text(rule, rule.selector),
        rule.to == ANY_TARGET and "any contract" or rule.to), { call = i, to = rule.to, selector = rule.selector })
    end
  end
  local limits = {}
  for _, rule in ipairs(wide.spend) do
    limits[rule.token] = limits[rule.token] or {}
    table.insert(limits[rule.token], rule)
  end
  for _, rule in ipairs(narrow.spend) do
    if not limits[rule.token] and not rule.limit:is_zero() then
      return errors.fail("no_spend_rule", amount_text(rule.token, rule.limit) .. " per " .. rule.period
        .. " may be spent, where nothing of this token may", { token = rule.token, limit = rule.limit })
    end
  end
  -- Each limit of the wide grant must follow from one of the narrow grant.
  for token, list in pairs(limits) do
    for _, outer in ipairs(list) do
      local spends, held = false, false
      for _, inner in ipairs(narrow.spend) do
        if inner.token == token then
          spends = true
          held = held or (inner.limit <= outer.limit and NESTED[outer.period][inner.period] == true)
        end
      end
      if spends and not held then
        return errors.fail("spend_limit", "more than " .. amount_text(token, outer.limit) .. " per " .. outer.period
          .. " could be spent", { token = token, limit = outer.limit, period = outer.period })
      end
    end
  end
  return true
end

local WINDOWS = {
  minute = "per minute, counted by the clock", hour = "per hour, counted by the clock",
  day = "per day, counted from midnight UTC", week = "per week, counted from Monday midnight UTC",
  month = "per month, counted from the 1st UTC", year = "per year, counted from 1 January UTC",
  forever = "in all",
}

local function explain_call(rule)
  local contract = rule.to == ANY_TARGET and "any contract" or rule.to
  if rule.selector == EMPTY_CALLDATA then
    return "may send native currency to " .. (rule.to == ANY_TARGET and "any address" or rule.to)
  elseif rule.selector == ANY_SELECTOR then
    return "may call any function of " .. contract
  end
  return "may call " .. function_text(rule, rule.selector) .. " of " .. contract
end

--- A grant in plain language, a line for each permission.
-- @tparam table grant
-- @tparam[opt] table options `tokens` (address to `{ symbol=, decimals= }`), `account` (to point out root access)
-- @treturn table an array of lines
function permissions.explain(grant, options)
  options = check.options(options, { tokens = "table", account = "string" }, "permissions.explain")
  local lines = {}
  local root, reason = permissions.root_access(grant, options.account)
  if root then lines[1] = "has full control of the account, because it reaches " .. reason end
  for _, rule in ipairs(grant.calls) do
    lines[#lines + 1] = explain_call(rule)
  end
  for _, rule in ipairs(grant.spend) do
    if rule.limit:is_zero() then
      lines[#lines + 1] = "may not spend " .. (rule.token == NATIVE and "native currency" or rule.token)
    else
      lines[#lines + 1] = "may spend up to " .. amount_text(rule.token, rule.limit, options.tokens) .. " "
        .. WINDOWS[rule.period]
    end
  end
  if #grant.spend == 0 then lines[#lines + 1] = "may spend nothing, not even for fees" end
  lines[#lines + 1] = (grant.expiry or 0) == 0 and "never expires"
    or "expires at " .. permissions.time_text(grant.expiry)
  for _, note in ipairs(grant.notes or {}) do
    lines[#lines + 1] = note
  end
  return lines
end

return permissions
