--- `rise session`: session keys in the store, from their making to their end.
-- @module rise.cli.session

local connection = require "rise.cli.connection"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"
local permissions = require "rise.permissions"
local policy = require "rise.policy"
local secrets = require "rise.cli.secrets"
local sessions = require "rise.cli.sessions"

local NAME = "The session's name, its id, or the beginning of its id; without it the only one there is."

-- What is known of a session, as --json prints it.
local OUTPUT = {
  { "id", "string", "the key hash" },
  { "name", "string", "or null" },
  { "account", "string", "with checksum; null while the owner has not named one" },
  { "public_key", "string", "0x text" },
  { "state", "string", "new, pending, active, expiring, expired, revoking or revoked" },
  { "expiry", "number", "unix seconds" },
  { "permissions", "array", "a line each" },
}

local function given(value)
  if value == nil then return json.null end
  return value
end

local function plain(session)
  local account = session.account and session.account.address
  return {
    id = session.id, name = given(session.name), account = given(account and core.checksum(core.unhex(account))),
    public_key = session.public_key, state = session:status(), expiry = session.expiry,
    permissions = json.array(session:explain()),
  }
end

local function show_one(console)
  return function(shown)
    console:print(console:style("bold", shown.name ~= json.null and shown.name or shown.id))
    console:print("id         " .. shown.id, "account    " .. tostring(shown.account ~= json.null and shown.account
      or "not named yet"), "public key " .. shown.public_key, "state      " .. shown.state,
      "expires    " .. permissions.time_text(shown.expiry))
    for _, line in ipairs(shown.permissions) do console:print("  " .. line) end
  end
end

-- ---- new and grant -----------------------------------------------------------------------------------------------

local new = {
  name = "new",
  summary = "Make a session key for what a policy asks; `session grant` has it approved.",
  devnet = true,
  output = OUTPUT,
}

function new.add_to_parser(command)
  command:argument("name", "A name for it.")
  command:option("--policy", "The policy file."):count(1)
  command:option("--account", "The account's address; without it the owner names one in the browser.")
  command:option("--expires", "Instead of the policy's: 24h, 15m, 7d ….")
  command:option("--allow-root", "The sentence that the refusal of root access asks for."):argname("<sentence>")
  connection.add_to_parser(command)
  secrets.add_passphrase(command)
end

function new.run(args, console)
  local spec, err = policy.spec_of_file(args.policy, console.stdin)
  if not spec then return nil, err end
  local wallet, settings = connection.open(args, console, { keys = true })
  if not wallet then return nil, settings end
  local account
  if args.account then
    account, err = connection.address(settings, args.account, "account")
    if not account then return nil, err end
  end
  local ok
  ok, err = sessions.check_name(wallet, args.name)
  if not ok then return nil, err end
  local session
  session, err = wallet:new_session { name = args.name, account = account, expires = args.expires or spec.expires,
    permissions = spec.permissions, guard = spec.guard, allow_root = args.allow_root }
  if not session then return nil, err end
  return console:result(plain(session), show_one(console))
end

local grant = {
  name = "grant",
  summary = "Have a session approved: by the owner in the browser, or by an administrator's key.",
  devnet = true,
  output = OUTPUT,
}

function grant.add_to_parser(command)
  command:argument("session", NAME):args "?"
  connection.add_to_parser(command)
  secrets.add_admin(command)
end

function grant.run(args, console)
  local session, wallet = sessions.open(args, console, { keys = true })
  if not session then return nil, wallet end
  local approver, err = secrets.approver(args, console)
  if not approver then return nil, err end
  console:progress("granting ...")
  local granted
  granted, err = session:grant(approver)
  console:clear()
  if not granted then return nil, err end
  return console:result(plain(session), show_one(console))
end

-- ---- looking -----------------------------------------------------------------------------------------------------

local list = {
  name = "list",
  summary = "List the sessions in the store.",
  output = { { "sessions", "array", "of {id, name, account, chain_id, state, expiry}" } },
  examples = { "rise session list --store fresh.db --json" },
}

function list.add_to_parser(command)
  command:option("--store", "File that keeps sessions and the journal.")
end

function list.run(args, console)
  local settings, err = connection.settings(args, console)
  if not settings then return nil, err end
  local store
  store, err = connection.store(settings, console)
  if not store then return nil, err end
  local records
  records, err = store:list()
  store:close()
  if not records then return nil, err end
  local shown = json.array {}
  for i, record in ipairs(records) do
    shown[i] = { id = record.id, name = given(record.name), account = given(record.account),
      chain_id = record.chain_id, state = sessions.state_of(record, core.now()), expiry = record.expiry }
  end
  return console:result({ sessions = shown }, function()
    if #shown == 0 then return console:note("the store has no sessions") end
    local rows = {}
    for i, record in ipairs(shown) do
      rows[i] = { record.name ~= json.null and record.name or record.id:sub(1, 18), record.state,
        permissions.time_text(record.expiry), record.account ~= json.null and record.account or "-" }
    end
    console:table({ "session", "state", "expires", "account" }, rows)
  end)
end

local show = {
  name = "show",
  summary = "Show a session: its key's public half, its state, what it may do.",
  devnet = true,
  output = OUTPUT,
}

function show.add_to_parser(command)
  command:argument("session", NAME):args "?"
  connection.add_to_parser(command)
end

function show.run(args, console)
  local session, err = sessions.open(args, console)
  if not session then return nil, err end
  return console:result(plain(session), show_one(console))
end

local can = {
  name = "can",
  summary = "Say whether the session may make a call, and which rule speaks against it.",
  devnet = true,
  output = { { "allowed", "boolean", "" }, { "code", "string", "of the rule that speaks against it, or null" },
    { "message", "string", "a sentence, or null" } },
}

function can.add_to_parser(command)
  command:argument("session", "The session's name or id.")
  sessions.add_call_arguments(command)
  command:flag("--on-chain", "Have the account's contract judge too: it knows what was spent.")
  connection.add_to_parser(command)
  secrets.add_passphrase(command)
end

function can.run(args, console)
  local session, wallet, settings = sessions.open(args, console, { keys = true })
  if not session then return nil, wallet end
  local call, err = sessions.call(args, settings)
  if not call then return nil, err end
  local allowed
  allowed, err = session:can({ call }, { on_chain = args.on_chain })
  if not allowed and console.exit_of(err) ~= 3 then return nil, err end
  console:result({ allowed = allowed == true, code = given(err and err.code), message = given(err and err.message) },
    function() console:print(allowed and "yes" or "no: " .. err.message) end)
  return allowed and 0 or 3
end

local allowance = {
  name = "allowance",
  summary = "Show what is left of each spending limit.",
  devnet = true,
  output = { { "limits", "array", "of {token, period, limit, spent, left, resets_at}: amounts in base units" } },
}

function allowance.add_to_parser(command)
  command:argument("session", NAME):args "?"
  connection.add_to_parser(command)
end

function allowance.run(args, console)
  local session, wallet = sessions.open(args, console)
  if not session then return nil, wallet end
  local lines, err = session:allowance()
  if not lines then return nil, err end
  local limits = json.array {}
  for i, line in ipairs(lines) do
    limits[i] = { token = line.token, period = line.period, limit = tostring(line.limit), spent = tostring(line.spent),
      left = tostring(line.left), resets_at = given(line.resets_at) }
  end
  return console:result({ limits = limits }, function()
    local rows = {}
    for i, line in ipairs(lines) do
      local function text(amount) return permissions.amount_text(line.token, amount, wallet.tokens) end
      rows[i] = { text(line.left), "of " .. text(line.limit), "per " .. line.period,
        line.resets_at and "resets " .. permissions.time_text(line.resets_at) or "" }
    end
    if #rows == 0 then return console:note("the session may spend nothing") end
    console:table({ "left", "limit", "period", "" }, rows)
  end)
end

-- ---- renewing and ending -----------------------------------------------------------------------------------------

local renew = {
  name = "renew",
  summary = "Ask for more time for the same key, and for other permissions with --policy.",
  devnet = true,
  output = OUTPUT,
}

function renew.add_to_parser(command)
  command:argument("session", NAME):args "?"
  command:option("--expires", "From now: 24h, 15m, 7d …."):count(1)
  command:option("--policy", "A policy file with what it may do from then on.")
  connection.add_to_parser(command)
  secrets.add_admin(command)
end

function renew.run(args, console)
  local spec, err
  if args.policy then
    spec, err = policy.spec_of_file(args.policy, console.stdin)
    if not spec then return nil, err end
  end
  local session, wallet = sessions.open(args, console, { keys = true })
  if not session then return nil, wallet end
  local approver
  approver, err = secrets.approver(args, console)
  if not approver then return nil, err end
  console:progress("renewing ...")
  local renewed
  renewed, err = session:renew(approver, { expires = args.expires, permissions = spec and spec.permissions })
  console:clear()
  if not renewed then return nil, err end
  return console:result(plain(session), show_one(console))
end

local revoke = {
  name = "revoke",
  summary = "Wipe a session's key, revoke it on chain, and make sure of it.",
  devnet = true,
  output = { { "revoked", "array", "of {id, transaction_hash, code, message}: code is null where it succeeded" } },
}

function revoke.add_to_parser(command)
  command:argument("session", NAME):args "?"
  command:flag("--all", "Every session of the account that the store knows.")
  command:option("--account", "With --all: the account.")
  connection.add_to_parser(command)
  secrets.add_admin(command)
end

function revoke.run(args, console)
  if args.all and not args.account then return errors.fail("usage", "--all needs --account") end
  local reports, wallet, err
  if args.all then
    local settings
    wallet, settings = connection.open(args, console, { store = true })
    if not wallet then return nil, settings end
    local account
    account, err = connection.address(settings, args.account, "account")
    if not account then return nil, err end
    local approver
    approver, err = secrets.approver(args, console)
    if not approver then return nil, err end
    console:progress("revoking ...")
    reports, err = wallet:revoke_all(account, approver)
    if not reports then return nil, err end
  else
    local session
    session, wallet = sessions.open(args, console)
    if not session then return nil, wallet end
    local approver
    approver, err = secrets.approver(args, console)
    if not approver then return nil, err end
    console:progress("revoking ...")
    local receipt
    receipt, err = session:revoke(approver)
    reports = { { id = session.id, receipt = receipt, err = err } }
  end
  console:clear()
  local failure
  local shown = json.array {}
  for i, report in ipairs(reports) do
    failure = failure or report.err
    local receipt = type(report.receipt) == "table" and report.receipt or {}
    shown[i] = { id = report.id, transaction_hash = given(receipt.transaction_hash),
      code = given(report.err and report.err.code), message = given(report.err and report.err.message) }
  end
  console:result({ revoked = shown }, function()
    for _, report in ipairs(shown) do
      local hash = report.transaction_hash ~= json.null and ", transaction " .. report.transaction_hash or ""
      console:print(report.id .. (report.code ~= json.null and " is wiped, but not revoked: " .. report.message
        or " is revoked" .. hash))
    end
    if #shown == 0 then console:note("there was nothing to revoke") end
  end)
  return failure and console.exit_of(failure) or 0
end

return {
  name = "session",
  summary = "Make, grant, look at, renew and revoke sessions.",
  commands = { new, grant, list, show, can, allowance, renew, revoke },
}
