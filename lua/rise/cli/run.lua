--- `rise run SCRIPT [ARG…]`: runs a Lua script with `rise` at hand.
-- @module rise.cli.run

local compat = require "rise.compat"
local connection = require "rise.cli.connection"
local errors = require "rise.errors"
local policy = require "rise.policy"
local secrets = require "rise.cli.secrets"
local sessions = require "rise.cli.sessions"

local run = {
  name = "run",
  summary = "Run a Lua script.",
  hands_on = true,
  examples = { "echo 'print(require(\"rise\").VERSION)' | rise run -" },
  epilog = [[With --session or --policy the script has `wallet` and `session`, opened and granted.
A session made by --policy lives as long as the script: when that ends, however it does, the key is wiped and revoked.
After a kill -9 the next `rise run` says so.]],
}

function run.add_to_parser(command)
  command:argument("script", "The script; `-` reads it from standard input.")
  command:argument("args", "Arguments for the script, as `...` and in `arg`."):args("*")
  command:mutex(
    command:option("--session", "A session of the store that the script gets."),
    command:option("--policy", "Make a session of what this policy asks for the script, and revoke it at the end."))
  command:option("--expires", "With --policy: instead of the policy's, 10m for example.")
  command:option("--account", "With --policy: the account's address; else the owner names one in the browser.")
  connection.add_to_parser(command)
  secrets.add_admin(command)
end

local function load_script(path, console)
  if path ~= "-" then return loadfile(path) end
  return compat.load(console.stdin:read "*a", "=stdin")
end

local INSTRUCTIONS = 100000 -- between looks at the signals while the script computes
local GLANCE = 0.25 -- seconds between looks while it waits

-- Signals become an error in the script, wherever it computes or waits, so that what must follow its end does.
local function watch_signals(loop)
  local host = require "rise.host"
  host.trap("INT", "TERM", "HUP")
  local watch = {}
  local function look()
    watch.caught = watch.caught or host.signal()
    if watch.caught and not watch.ended then error("ended by SIG" .. watch.caught, 0) end
  end
  local source = { step = look, timeout = function() return GLANCE end }
  loop:add_source(source)
  debug.sethook(look, "", INSTRUCTIONS)
  -- From here on a signal is noted, and the next one.
  function watch.stop()
    watch.ended = true
    debug.sethook()
    loop:remove_source(source)
  end
  return watch
end

-- Runs the script: an exit code.
local function execute(chunk, args, console)
  local ok, err = xpcall(function() chunk(compat.unpack(args)) end, function(err)
    -- An error object says what to do; a plain message says where it happened.
    if type(err) == "table" then return err end
    return debug.traceback(tostring(err), 2)
  end)
  if ok then return 0 end
  if errors.is(err) then return console:fail(err) end
  console:clear()
  console.stderr:write("rise: ", tostring(err), "\n")
  return 1
end

-- The sessions that runs before left behind when they were killed.
local function tell_of_leftovers(wallet, console)
  for _, record in ipairs(wallet:sessions() or {}) do
    if record.ephemeral and record.state ~= "revoked" and record.chain_id == wallet.chain_id
      and wallet.store:has_ended(record.ephemeral) then
      console:note("rise: the session " .. record.id:sub(1, 18) .. " of a run that was killed is still "
        .. sessions.state_of(record, wallet:now()) .. ": `rise session revoke " .. record.id:sub(1, 18)
        .. "` ends it")
    end
  end
end

-- A session for this run alone.
local function make_session(args, console, wallet, settings)
  local spec, err = policy.spec_of_file(args.policy, console.stdin)
  if not spec then return nil, err end
  local account
  if args.account then
    account, err = connection.address(settings, args.account, "account")
    if not account then return nil, err end
  end
  local approver
  approver, err = secrets.approver(args, console)
  if not approver then return nil, err end
  local session
  session, err = wallet:new_session { account = account, expires = args.expires or spec.expires,
    permissions = spec.permissions, guard = spec.guard, ephemeral = true }
  if not session then return nil, err end
  local granted
  granted, err = session:grant(approver)
  if not granted then
    session:revoke(approver)
    return nil, err
  end
  return session, approver
end

local function end_session(session, approver, console)
  console:note("rise: revoking the session of this run ...")
  local ok, err = session:revoke(approver)
  if ok then return 0 end
  console:fail(err)
  console:note("rise: its key is wiped; `rise session revoke " .. session.id:sub(1, 18) .. "` finishes on chain")
  return console.exit_of(err)
end

function run.run(args, console)
  local chunk, reason = load_script(args.script, console)
  if not chunk then
    console.stderr:write("rise: ", reason, "\n")
    return 2
  end
  local arg = { [0] = args.script }
  for i, value in ipairs(args.args) do arg[i] = value end
  _G.arg = arg -- luacheck: ignore 122
  local folder = args.script:match("^(.*)/[^/]*$") or "."
  package.path = package.path .. ";" .. folder .. "/?.lua"
  if not args.session and not args.policy then return execute(chunk, arg, console) end

  local wallet, settings, session, approver
  if args.session then
    session, wallet = sessions.open(args, console, { keys = true })
    if not session then return nil, wallet end
  else
    wallet, settings = connection.open(args, console, { store = true })
    if not wallet then return nil, settings end
    tell_of_leftovers(wallet, console)
  end
  local watch = watch_signals(wallet.loop)
  if args.policy then
    session, approver = make_session(args, console, wallet, settings)
    if not session then
      watch.stop()
      return nil, approver
    end
  end
  _G.wallet, _G.session = wallet, session -- luacheck: ignore 122
  local code = execute(chunk, arg, console)
  watch.stop()
  if args.policy then
    local ended = end_session(session, approver, console)
    if code == 0 then code = ended end
  end
  return watch.caught and 130 or code
end

return run
