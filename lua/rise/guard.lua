--- A session's local rules: narrower than its grant, kept here, looked at before anything is prepared, signed or sent.
--
--     session:guard {
--       calls = { { to = STK, signature = "transfer(address to, uint256 amount)",
--                   args = { to = { one_of = { SHOP, BANK } }, amount = { max = rise.units("5", 18) } } },
--                 { to = COUNTER, signature = "increment()" } },
--       per_minute = 30,
--       max_actions = 1000,
--       total = { { token = STK, limit = rise.units("100", 18) }, { limit = rise.ether "0.5" } },
--       confirm = function(calls, session) return ask_the_player(calls) end,
--     }
--
-- The chain enforces the grant, whoever holds the key. These rules bind this program alone: they are for its own
-- mistakes, and for what it is told by others. What they refuse is `guarded`; the error has `rule`, and where it
-- applies `call`, `argument`, `value` and `bound`.
--
-- An action (a `send`, an `act`) counts when it is let through, whatever becomes of it. Its calls are judged again by
-- the rules of that moment right before the bundle is signed; `confirm` is not asked again.
--
-- Rules and counts are data and are kept in the session's record; with `max_actions` or `total` it is written anew for
-- each action. The actions of the last minute are counted in this process alone. The hook is code and is not kept: a
-- session that had one refuses to act when it is loaded until it is given one again. Several processes that act by one
-- session count each for themselves.
-- @classmod rise.Guard

local check = require "rise.check"
local contracts = require "rise.contracts"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"
local permissions = require "rise.permissions"

local Guard = {}
Guard.__index = Guard
Guard.__name = "rise.guard"

local MINUTE = 60

-- ---- rules -----------------------------------------------------------------------------------------------------

-- The bytes of a value as an argument of this type: one notation to compare in.
local function encoded(codec, value)
  local bytes, err = codec:encode { value }
  if not bytes then return nil, err end
  return core.hex(bytes)
end

-- A number of two's complement moved up by 2^255, so that it compares as it is meant.
local function ordered(word, signed)
  if not signed then return core.u256(word) end
  local first = (tonumber(word:sub(3, 4), 16) + 128) % 256
  return core.u256(string.format("0x%02x%s", first, word:sub(5)))
end

local function compile_bounds(given, input, field)
  check.options(given, { min = "any", max = "any", one_of = "table" }, field, 6)
  local codec = assert(core.abi("(" .. input.type .. ")"))
  local signed = input.type:find "^int%d*$" ~= nil
  local bounds = { codec = codec, signed = signed }
  for _, name in ipairs { "min", "max" } do
    if given[name] ~= nil then
      if not signed and not input.type:find "^uint%d*$" then
        error(string.format("%s: %s goes with numbers, not with %s", field, name, input.type), 6)
      end
      local word, err = encoded(codec, given[name])
      if not word then error(string.format("%s.%s: %s", field, name, err.message), 6) end
      bounds[name] = word
    end
  end
  if given.one_of then
    bounds.one_of = json.array {}
    for i, value in ipairs(given.one_of) do
      local bytes, err = encoded(codec, value)
      if not bytes then error(string.format("%s.one_of[%d]: %s", field, i, err.message), 6) end
      bounds.one_of[i] = bytes
    end
  end
  return bounds
end

local function compile_call(rule, account, field)
  check.options(rule, { to = "string!", signature = "string", max_value = "u256|number|string", args = "table" },
    field, 5)
  local compiled = { to = check.address(rule.to, field .. ".to", 5), args = {} }
  if compiled.to == contracts.SELF then compiled.to = account end
  if rule.max_value ~= nil then compiled.max_value = check.amount(rule.max_value, field .. ".max_value", 5) end
  if rule.args and not rule.signature then error(field .. ": args go with a signature", 5) end
  if not rule.signature then return compiled end
  local item, err = core.abi(rule.signature)
  if not item then error(field .. ".signature: " .. err.message, 5) end
  if item:kind() ~= "function" then error(field .. ".signature: " .. rule.signature .. " is not a function", 5) end
  compiled.signature, compiled.item, compiled.selector = rule.signature, item, core.hex(item:selector())
  local place = {}
  for i, input in ipairs(item:inputs()) do
    place[i] = i
    if input.name and input.name ~= "" then place[input.name] = i end
  end
  for name, given in pairs(rule.args or {}) do
    local i = place[name]
    if not i then error(string.format("%s.args: %s has no argument %s", field, rule.signature, tostring(name)), 5) end
    if compiled.args[i] then error(string.format("%s.args: argument %d has two rules", field, i), 5) end
    local bounds = compile_bounds(given, item:inputs()[i], field .. ".args." .. tostring(name))
    bounds.name = tostring(name)
    compiled.args[i] = bounds
  end
  return compiled
end

local function whole(options, name)
  local number = options[name]
  if number and (number < 0 or number % 1 ~= 0 or number > 1e9) then
    error("session:guard: " .. name .. " must be a whole number, at most a billion", 5)
  end
  return number
end

local OPTIONS = { calls = "table", per_minute = "number", max_actions = "number", total = "table",
  confirm = "callable" }

-- Raises for mistakes, blaming whoever called the function that called Guard.new.
local function compile(options, account)
  check.options(options, OPTIONS, "session:guard", 4)
  local rules = { per_minute = whole(options, "per_minute"), max_actions = whole(options, "max_actions"),
    confirm = options.confirm, total = {} }
  if options.calls then
    rules.calls = {}
    for i, rule in ipairs(options.calls) do
      rules.calls[i] = compile_call(rule, account, "session:guard: calls[" .. i .. "]")
    end
  end
  for i, rule in ipairs(options.total or {}) do
    local field = "session:guard: total[" .. i .. "]"
    check.options(rule, { token = "string", limit = "u256|number|string!" }, field, 4)
    rules.total[i] = { token = check.address(rule.token or contracts.NATIVE, field .. ".token", 4),
      limit = check.amount(rule.limit, field .. ".limit", 4) }
  end
  return rules
end

--- Rules for a session.
-- @tparam table options all optional:
--
-- - `calls`: what may be called, a list of `{ to, signature, max_value, args }`. Without `signature` anything of that
--   contract. `args`: by name or position, `{ min=, max=, one_of= }`; numbers for the first two, any type for the last.
--   `max_value`: the most native currency with the call, in wei. One rule that lets a call pass is enough;
-- - `per_minute`: actions in any 60 seconds;
-- - `max_actions`: actions in all;
-- - `total`: a list of `{ token, limit }` (native without token): the most that calls may spend in all, as far as that
--   can be told from them (see @{rise.permissions.spending});
-- - `confirm`: a function that is given the calls and the session and must return true. In a task it may wait
-- @tparam string account the session's
-- @tparam[opt] table before the guard that these rules replace: its counts go on
function Guard.new(options, account, before)
  return setmetatable({ rules = compile(options, account), account = account, recent = before and before.recent or {},
    counted = before and before.counted or { actions = 0, totals = {} } }, Guard)
end

-- ---- the record ------------------------------------------------------------------------------------------------

--- As the session's record keeps it.
function Guard:record()
  local rules, calls = self.rules, nil
  if rules.calls then
    calls = json.array {}
    for i, rule in ipairs(rules.calls) do
      local args = json.array {}
      for place, bounds in pairs(rule.args) do
        args[#args + 1] = { place = place, name = bounds.name, min = bounds.min, max = bounds.max,
          one_of = bounds.one_of }
      end
      table.sort(args, function(a, b) return a.place < b.place end)
      calls[i] = { to = rule.to, signature = rule.signature, max_value = rule.max_value and rule.max_value:hex(),
        args = args }
    end
  end
  local total, totals = json.array {}, json.object {}
  for i, rule in ipairs(rules.total) do total[i] = { token = rule.token, limit = rule.limit:hex() } end
  for token, amount in pairs(self.counted.totals) do totals[token] = amount:hex() end
  return { calls = calls, per_minute = rules.per_minute, max_actions = rules.max_actions, total = total,
    confirm = (rules.confirm ~= nil or self.lacks_hook) and true or nil, actions = self.counted.actions,
    totals = totals }
end

-- A value as it was encoded, for compile to encode again: one word for what has a fixed size.
local function decoded(input, bytes)
  local codec = assert(core.abi("(" .. input.type .. ")"))
  return assert(codec:decode(assert(core.unhex(bytes))))[1]
end

local function options_of(record)
  local options = { per_minute = record.per_minute, max_actions = record.max_actions, total = record.total }
  if record.calls then
    options.calls = {}
    for i, rule in ipairs(record.calls) do
      local args
      for _, kept in ipairs(rule.args) do
        local input = assert(core.abi(rule.signature)):inputs()[kept.place]
        local bounds = { min = kept.min and decoded(input, kept.min), max = kept.max and decoded(input, kept.max) }
        if kept.one_of then
          bounds.one_of = {}
          for j, bytes in ipairs(kept.one_of) do bounds.one_of[j] = decoded(input, bytes) end
        end
        args = args or {}
        args[tonumber(kept.name) or kept.name] = bounds
      end
      options.calls[i] = { to = rule.to, signature = rule.signature, max_value = rule.max_value, args = args }
    end
  end
  return options
end

--- Out of a session's record.
-- @treturn[1] Guard
-- @treturn[2] nil what is there is damaged
function Guard.restore(record, account, confirm)
  local fine, guard = pcall(function()
    local kept = Guard.new(options_of(record), account)
    kept.counted.actions = assert(record.actions >= 0 and record.actions)
    for token, amount in pairs(record.totals) do kept.counted.totals[token] = assert(core.u256(amount)) end
    return kept
  end)
  if not fine then return nil end
  guard.rules.confirm = confirm
  guard.lacks_hook = record.confirm and not confirm or nil
  return guard
end

-- ---- judging ---------------------------------------------------------------------------------------------------

local function refuse(rule, message, fields)
  fields = fields or {}
  fields.rule = rule
  return errors.new("guarded", message, fields)
end

local function call_text(rule, call, i)
  return string.format("call %d, %s of %s,", i, rule and rule.signature or call.data:sub(1, 10), call.to)
end

local function value_text(value)
  if type(value) == "table" then return "a value" end
  return errors.printable(value, 80)
end

-- What a rule for this very function says against a call.
local function against(rule, call, i)
  if rule.max_value and rule.max_value < call.value then
    return refuse("max_value", string.format("the guard refuses %s its value is %s wei, at most %s is allowed",
      call_text(rule, call, i), tostring(call.value), tostring(rule.max_value)),
      { call = i, value = call.value, bound = rule.max_value })
  end
  if next(rule.args) == nil then return nil end
  local values = rule.item:decode(core.unhex("0x" .. call.data:sub(11)))
  if not values then
    return refuse("args", string.format("the guard refuses %s its arguments are malformed", call_text(rule, call, i)),
      { call = i })
  end
  for place, bounds in pairs(rule.args) do
    local bytes = assert(encoded(bounds.codec, values[place]))
    local function outside(bound, words)
      return refuse("args", string.format("the guard refuses %s argument %s is %s, %s", call_text(rule, call, i),
        bounds.name, value_text(values[place]), words),
        { call = i, argument = bounds.name, value = values[place], bound = bound })
    end
    for _, name in ipairs { "min", "max" } do
      if bounds[name] then
        local value, bound = ordered(bytes, bounds.signed), ordered(bounds[name], bounds.signed)
        if (name == "max" and bound < value) or (name == "min" and value < bound) then
          local shown = bounds.codec:decode(core.unhex(bounds[name]))[1]
          return outside(shown, (name == "max" and "at most " or "at least ") .. value_text(shown) .. " is allowed")
        end
      end
    end
    if bounds.one_of then
      local found = false
      for _, allowed in ipairs(bounds.one_of) do found = found or allowed == bytes end
      if not found then return outside(nil, "which is none of the " .. #bounds.one_of .. " allowed") end
    end
  end
end

local function judge_call(self, call, i)
  local to, first = call.to == contracts.SELF and self.account or call.to, nil
  for _, rule in ipairs(self.rules.calls) do
    if rule.to == to and (not rule.selector or rule.selector == call.data:sub(1, 10)) then
      local err = against(rule, call, i)
      if not err then return nil end
      first = first or err
    end
  end
  return first or refuse("calls", "the guard refuses " .. call_text(nil, call, i) .. " which is not on its list",
    { call = i, value = call.to })
end

local function judge_totals(self, spending, tokens)
  for _, rule in ipairs(self.rules.total) do
    local spent = self.counted.totals[rule.token] or core.u256(0)
    local more = core.u256(0)
    for _, entry in ipairs(spending) do
      if entry.token == rule.token then more = entry.amount end
    end
    -- Never added up: the sum need not fit.
    if rule.limit < spent or rule.limit - spent < more then
      return refuse("total", string.format("the guard's total is %s: %s was let through already, %s more is asked for",
        permissions.amount_text(rule.token, rule.limit, tokens), permissions.amount_text(rule.token, spent, tokens),
        permissions.amount_text(rule.token, more, tokens)),
        { token = rule.token, value = more, bound = rule.limit, spent = spent })
    end
  end
end

local function judge_pace(self, now)
  local most = self.rules.per_minute
  if not most then return nil end
  local oldest = self.recent[#self.recent - most + 1]
  if most > 0 and (not oldest or now - oldest >= MINUTE) then return nil end
  return refuse("per_minute", string.format("the guard lets %d actions a minute through", most),
    { value = most + 1, bound = most, retryable = most > 0, resets_at = oldest and oldest + MINUTE or nil })
end

-- What speaks against calls that count already, right before they are signed.
-- @treturn ?table guarded
function Guard:recheck(calls, tokens)
  if self.lacks_hook then
    return refuse("confirm", "the guard had a confirm hook, which is code and was not kept: load the session with one")
  end
  if self.rules.calls then
    for i, call in ipairs(calls) do
      local err = judge_call(self, call, i)
      if err then return err end
    end
  end
  if self.rules.max_actions and self.counted.actions > self.rules.max_actions then
    return refuse("max_actions", string.format("the guard lets %d actions through in all", self.rules.max_actions),
      { value = self.counted.actions, bound = self.rules.max_actions })
  end
  return judge_totals(self, {}, tokens)
end

--- What speaks against a new action. Nothing is counted and nobody is asked.
-- @tparam table calls
-- @tparam table context `now`, `tokens`
-- @treturn ?table guarded
function Guard:judge(calls, context)
  local err = self:recheck(calls, context.tokens)
  if err then return err end
  local rules, counted = self.rules, self.counted
  if rules.max_actions and counted.actions >= rules.max_actions then
    return refuse("max_actions", string.format("the guard lets %d actions through in all", rules.max_actions),
      { value = counted.actions + 1, bound = rules.max_actions })
  end
  if rules.total[1] then
    local spending
    spending, err = permissions.spending(calls, self.account)
    err = spending and judge_totals(self, spending, context.tokens) or err
    if err then return err end
  end
  return judge_pace(self, context.now)
end

--- Judges an action, asks the hook, and counts it.
-- @tparam table calls
-- @tparam table context `now`: a function, `tokens`, `session`, `save`: called where counts are kept
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table guarded; store
function Guard:admit(calls, context)
  local rules, counted = self.rules, self.counted
  local function judged()
    return self:judge(calls, { now = context.now(), tokens = context.tokens })
  end
  local err = judged()
  if err then return nil, err end
  if rules.confirm then
    if rules.confirm(calls, context.session) ~= true then
      return nil, refuse("confirm", "the guard's confirm hook said no")
    end
    err = judged() -- it may have taken its time
    if err then return nil, err end
  end
  local spending
  spending, err = permissions.spending(calls, self.account)
  if not spending then return nil, err end
  counted.actions = counted.actions + 1
  for _, entry in ipairs(spending) do
    local spent = counted.totals[entry.token] or core.u256(0)
    local room = core.u256("0x" .. string.rep("f", 64)) - spent
    counted.totals[entry.token] = spent + (room < entry.amount and room or entry.amount)
  end
  local most, recent = rules.per_minute, self.recent
  if most then
    recent[#recent + 1] = context.now()
    while #recent > most do table.remove(recent, 1) end
  end
  if rules.max_actions or rules.total[1] then return context.save() end
  return true
end

return Guard
