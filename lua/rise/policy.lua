--- Policies: permissions as people write them down, in a file of Lua or JSON.
--
--     return {
--       name = "arcade bot",
--       expires = "24h",
--       contracts = { STK = "0xb9ae…", COUNTER = "0xde1b…" },        -- names for what follows
--       decimals = { STK = 18 },                                     -- of the tokens among them
--       calls = {
--         STK = { "mint(address,uint256)", "erc20-transfer" },       -- functions, or presets
--         COUNTER = { "increment()" },
--       },
--       spend = { "100 STK / hour", "1 ether / minute" },
--     }
--
-- A file in Lua is data: it sees nothing and may do nothing but return its table.
-- @module rise.policy

local check = require "rise.check"
local compat = require "rise.compat"
local contracts = require "rise.contracts"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"
local permissions = require "rise.permissions"

local policy = {}

local MAX_BYTES = 1024 * 1024
local MAX_STEPS = 100000 -- of a file in Lua
local LONG = 30 * 86400 -- an expiry further off is worth a warning

--- Words for functions that many contracts have.
policy.PRESETS = {
  ["erc20-transfer"] = { "transfer(address,uint256)" },
  ["erc20-spend"] = { "transfer(address,uint256)", "approve(address,uint256)" },
  ["erc721-transfer"] = { "transferFrom(address,address,uint256)", "safeTransferFrom(address,address,uint256)" },
  ["erc1155-transfer"] = { "safeTransferFrom(address,address,uint256,uint256,bytes)" },
  ["weth"] = { "deposit()", "withdraw(uint256)" },
  ["receive"] = { contracts.EMPTY_CALLDATA_SELECTOR }, -- plain native currency
  ["any"] = { contracts.ANY_SELECTOR },
}

local PERIODS = { minute = true, hour = true, day = true, week = true, month = true, year = true }
local MEMBERS = { name = "string", expires = "string", contracts = "table", decimals = "table", calls = "table",
  spend = "table", guard = "table" }

-- An error about a field: `value` is how the text of the file shows where it stands.
local function refuse(field, value, message)
  return errors.fail("invalid_value", field .. ": " .. message, { field = field, value = value })
end

local function shown(value)
  return type(value) == "string" and string.format("%q", errors.printable(value, 100)) or type(value)
end

-- ---- reading a file ----------------------------------------------------------------------------------------------

-- Runs a chunk that may only build a table, for so many steps.
local function evaluate(text)
  local chunk, reason = compat.load_alone(text, "=policy")
  if not chunk then return nil, reason end
  local thread = coroutine.create(chunk)
  local ok, value = compat.resume_for(MAX_STEPS, thread)
  if not ok then return nil, tostring(value) end
  if coroutine.status(thread) ~= "dead" then return nil, "it yields" end
  return value
end

local function line_in(reason)
  return tonumber(reason:match "policy:(%d+):")
end

-- The line where a value, or else the last name of a field, stands in the text.
local function line_of(text, err)
  local wanted = { err.value, err.field and err.field:match "([%w_]+)[%]%[%d]*$" }
  for i = 1, 2 do
    local at = type(wanted[i]) == "string" and wanted[i] ~= "" and text:find(wanted[i], 1, true)
    if at then
      local _, breaks = text:sub(1, at):gsub("\n", "")
      return breaks + 1
    end
  end
end

--- Reads the text of a policy.
-- @tparam string text JSON when it begins with `{`, else Lua
-- @treturn[1] table the policy as written
-- @treturn[2] nil
-- @treturn[2] table invalid_value with `line` where it is known
function policy.parse(text)
  check.type(text, "string", "policy.parse: text")
  if #text > MAX_BYTES then return errors.fail("invalid_value", "a policy has at most 1 MiB") end
  local value, reason
  if text:find "^%s*{" then
    local err
    value, err = json.decode(text)
    reason = err and err.message
  else
    value, reason = evaluate(text)
  end
  if type(value) == "table" then return value end
  reason = reason or "it gives a " .. type(value) .. ", not a table"
  return errors.fail("invalid_value", errors.printable(reason:gsub("^policy:%d+: ", ""), 300),
    { line = line_in(reason) })
end

--- The text of a policy's file, for @{policy.parse} and @{policy.lint}.
-- @tparam string path `-` reads standard input
-- @tparam[opt] file stdin
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table io
function policy.text(path, stdin)
  local file, reason = stdin or io.stdin, nil
  if path ~= "-" then file, reason = io.open(path, "rb") end
  if not file then return errors.fail("io", reason) end
  local text
  text, reason = file:read(MAX_BYTES + 1)
  if path ~= "-" then file:close() end
  if reason then return errors.fail("io", path .. ": " .. reason) end -- a folder, for one
  return text or ""
end

--- The policy in a file.
-- @tparam string path `-` reads standard input
-- @tparam[opt] file stdin
-- @treturn[1] table as written
-- @treturn[2] nil
-- @treturn[2] table io, invalid_value
function policy.read(path, stdin)
  local text, err = policy.text(path, stdin)
  if not text then return nil, err end
  local given
  given, err = policy.parse(text)
  if not given then return errors.within(err, path) end
  return given
end

-- ---- making sense of it ------------------------------------------------------------------------------------------

local function read_contracts(given)
  local named = {}
  for name, address in pairs(given.contracts or {}) do
    local field = "contracts." .. tostring(name)
    if type(name) ~= "string" then return refuse("contracts", nil, "names for addresses expected") end
    local bytes, err = core.address(type(address) == "string" and address or "")
    if not bytes then return refuse(field, address, shown(address) .. " is no address: " .. err.message) end
    named[name] = core.hex(bytes)
  end
  return named
end

local function target_of(name, named, field)
  if name == "any" then return contracts.ANY_TARGET end
  if named[name] then return named[name] end
  local bytes, err = core.address(type(name) == "string" and name or "")
  if bytes then return core.hex(bytes) end
  if type(name) == "string" and name:find "^0x" then return refuse(field, name, shown(name) .. ": " .. err.message) end
  return refuse(field, name, shown(name) .. " is no address and no name in contracts")
end

local function read_calls(given, named)
  local calls, fields = {}, {}
  local names = {}
  for name in pairs(given.calls or {}) do names[#names + 1] = name end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for _, name in ipairs(names) do
    local field = "calls." .. tostring(name)
    local to, err = target_of(name, named, field)
    if not to then return nil, err end
    local list = given.calls[name]
    if type(list) == "string" then list = { list } end
    if type(list) ~= "table" then return refuse(field, nil, "a list of functions expected, got " .. shown(list)) end
    for i = 1, #list do
      local at = field .. "[" .. i .. "]"
      local signatures = policy.PRESETS[list[i]] or { list[i] }
      if type(list[i]) ~= "string" then return refuse(at, nil, "a function expected, got " .. shown(list[i])) end
      if signatures[1] == list[i] and not list[i]:find "[%(x]" then
        return refuse(at, list[i], shown(list[i]) .. " is no function like transfer(address,uint256), and no preset")
      end
      for _, signature in ipairs(signatures) do
        calls[#calls + 1] = { to = to, signature = signature }
        fields[#calls] = { at, list[i] }
      end
    end
  end
  return calls, fields
end

-- "100 STK / hour"
local function read_spending(text, named, decimals, field)
  local number, token, period = tostring(text):match "^%s*([%d.]+)%s*([%w_]+)%s*/%s*(%a+)%s*$"
  if type(text) ~= "string" or not number then
    return refuse(field, text, shown(text) .. " does not read like \"5 STK / hour\"")
  end
  if not PERIODS[period] then
    return refuse(field, text, shown(period) .. " is none of minute, hour, day, week, month, year")
  end
  local rule = { period = period }
  local places = ({ ether = 18, eth = 18, gwei = 9, wei = 0 })[token:lower()]
  if not named[token] and not places and not token:find "^0x" then
    return refuse(field, text, shown(token) .. " is no unit of native currency and no name in contracts")
  end
  if named[token] or not places then
    rule.token = named[token] or token
    places = decimals[token]
    if type(places) ~= "number" or places % 1 ~= 0 or places < 0 or places > 77 then
      return refuse(field, text, "decimals." .. token .. " must say how many decimals " .. token .. " has")
    end
  end
  local fraction = number:match "%.(%d*)"
  if fraction and #fraction:gsub("0+$", "") > places then
    return refuse(field, text, number .. " has more than the " .. places .. " decimals of " .. token)
  end
  local err
  rule.limit, err = core.units_parse(number, places)
  if not rule.limit then return refuse(field, text, err.message) end
  return rule
end

--- What `wallet:new_session` takes: `expires`, `permissions`, and `guard` where the policy has one.
-- @tparam table given as @{policy.parse} gives it
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] table invalid_value with `field`
function policy.spec(given)
  check.type(given, "table", "policy.spec: policy")
  for name, value in pairs(given) do
    if not MEMBERS[name] then return refuse(tostring(name), name, "is no member of a policy") end
    if type(value) ~= MEMBERS[name] then
      return refuse(name, nil, "a " .. MEMBERS[name] .. " expected, got " .. shown(value))
    end
  end
  local named, err = read_contracts(given)
  if not named then return nil, err end
  local calls, fields = read_calls(given, named)
  if not calls then return nil, fields end
  local spend = {}
  for i = 1, #(given.spend or {}) do
    spend[i], err = read_spending(given.spend[i], named, given.decimals or {}, "spend[" .. i .. "]")
    if not spend[i] then return nil, err end
  end
  return { expires = given.expires, permissions = { calls = calls, spend = spend }, guard = given.guard,
    name = given.name }, fields
end

--- The same of a policy's file.
-- @tparam string path `-` reads standard input
-- @tparam[opt] file stdin
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] table io, invalid_value with `field`
function policy.spec_of_file(path, stdin)
  local given, err = policy.read(path, stdin)
  if not given then return nil, err end
  local spec
  spec, err = policy.spec(given)
  if not spec then return errors.within(err, path) end
  return spec
end

--- The tokens that a policy names, as messages about amounts want them.
-- @tparam table given that @{policy.spec} takes
-- @treturn table address to `{ symbol =, decimals = }`
function policy.tokens(given)
  local tokens = {}
  for name, address in pairs(read_contracts(given) or {}) do
    local decimals = (given.decimals or {})[name]
    if decimals then tokens[address] = { symbol = name, decimals = decimals } end
  end
  return tokens
end

--- The grant that a policy comes to.
-- @tparam table given as @{policy.parse} gives it
-- @tparam table options `now` (unix seconds), `account`, `allow_root`; `expires` in place of the policy's own
-- @treturn[1] table grant, see @{rise.permissions}
-- @treturn[2] nil
-- @treturn[2] table invalid_value with `field`, root_access
function policy.grant(given, options)
  options = check.options(options, { now = "number!", account = "string", allow_root = "string",
    expires = "string|number" }, "policy.grant")
  local spec, fields = policy.spec(given)
  if not spec then return nil, fields end
  local grant, err = permissions.build({ expires = options.expires or spec.expires, permissions = spec.permissions },
    { now = options.now, account = options.account, allow_root = options.allow_root })
  if grant then return grant end
  -- The wallet's words for a field, in those of the policy.
  local n = tostring(err.field):match "^permissions%.calls%[(%d+)%]"
  if n and fields[tonumber(n)] then
    err.message = fields[tonumber(n)][1] .. err.message:gsub("^permissions%.calls%[%d+%][%w_.]*", "")
    err.field, err.value = fields[tonumber(n)][1], fields[tonumber(n)][2]
  end
  return nil, err
end

--- What is wrong with the text of a policy, and what is worth a second look.
-- @tparam string text
-- @tparam table options as for @{policy.grant}
-- @treturn table a list of `{ level = "error" or "warning", message, field, line }`, empty when all is well
function policy.lint(text, options)
  local given, err = policy.parse(text)
  if not given then return { { level = "error", message = err.message, line = err.line } } end
  local settings = { allow_root = permissions.ROOT_PHRASE }
  for name, value in pairs(options) do settings[name] = value end
  local grant
  grant, err = policy.grant(given, settings)
  if not grant then
    return { { level = "error", message = err.message, field = err.field, line = line_of(text, err) } }
  end
  local found = {}
  settings.tokens = policy.tokens(given)
  for _, warning in ipairs(policy.warnings(grant, settings)) do
    found[#found + 1] = { level = "warning", message = warning }
  end
  return found
end

--- What a holder of the key could do at worst that its owner may not expect.
-- @tparam table grant
-- @tparam table options `now`, `account`, `tokens`
-- @treturn table a list of sentences
function policy.warnings(grant, options)
  local list = {}
  local function warn(...) list[#list + 1] = string.format(...) end
  local root, reason = permissions.root_access(grant, options.account)
  if root then warn("this is root access to the account: it reaches %s", reason) end
  local spends = {}
  for _, rule in ipairs(grant.spend) do spends[rule.token] = true end
  for _, rule in ipairs(grant.calls) do
    local contract = rule.to == contracts.ANY_TARGET and "any contract" or rule.to
    if rule.selector == contracts.ANY_SELECTOR then
      warn("every function of %s may be called, also those that you do not know of", contract)
    elseif rule.selector == contracts.EMPTY_CALLDATA_SELECTOR and rule.to == contracts.ANY_TARGET then
      warn("native currency may be sent to any address there is")
    elseif rule.to == contracts.ANY_TARGET then
      warn("%s may be called on every contract there is", rule.signature or rule.selector)
    end
    if rule.signature == "approve(address,uint256)" and not spends[rule.to] then
      warn("approve of %s without a spend limit for it: no approval will pass", contract)
    elseif rule.signature and rule.signature:find "^setApprovalForAll%(" then
      warn("setApprovalForAll of %s hands out everything of it, and no spend limit counts it", contract)
    elseif rule.signature and rule.signature:find "[tT]ransferFrom%(" then
      warn("%s of %s is not counted by spend limits where it moves tokens without amounts", rule.signature, contract)
    end
  end
  for _, rule in ipairs(grant.spend) do
    if rule.period == "minute" then
      local a_day = permissions.amount_text(rule.token, rule.limit:mul(1440), options.tokens)
      warn("a limit per minute comes to %s in a day", a_day)
    end
  end
  if (grant.expiry or 0) == 0 then
    warn("it never expires")
  elseif grant.expiry - options.now > LONG then
    warn("it lives for more than 30 days")
  end
  return list
end

-- A rule as a line, and what makes it the same rule.
local function rules_of(grant)
  local lines, order = {}, {}
  local bare = { calls = {}, spend = {}, expiry = 1 }
  local function note(line)
    if not lines[line] then order[#order + 1] = line end
    lines[line] = true
  end
  for _, rule in ipairs(grant.calls) do
    bare.calls, bare.spend = { { to = rule.to, selector = rule.selector } }, {}
    note(permissions.explain(bare)[1])
  end
  for _, rule in ipairs(grant.spend) do
    bare.calls, bare.spend = {}, { rule }
    note(permissions.explain(bare)[1])
  end
  return lines, order
end

--- What one grant has that another has not.
-- @tparam table old
-- @tparam table new
-- @treturn table `{ added = lines, removed = lines, wider = why or nil }`: `wider` says why the new grant allows more
function policy.diff(old, new)
  local old_lines, old_order = rules_of(old)
  local new_lines, new_order = rules_of(new)
  local diff = { added = {}, removed = {} }
  for _, line in ipairs(new_order) do
    if not old_lines[line] then table.insert(diff.added, line) end
  end
  for _, line in ipairs(old_order) do
    if not new_lines[line] then table.insert(diff.removed, line) end
  end
  local within, err = permissions.within(new, old)
  if not within then diff.wider = err.message end
  return diff
end

return policy
