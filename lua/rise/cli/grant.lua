--- `rise grant`: a session key that its owner approves in the browser.
-- @module rise.cli.grant

local connection = require "rise.cli.connection"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"
local policy = require "rise.policy"
local secrets = require "rise.cli.secrets"

local grant = {
  name = "grant",
  summary = "Have a session key approved in its owner's wallet.",
  output = {
    { "id", "string", "the session: the hash of its key" },
    { "account", "string", "the account that approved" },
    { "public_key", "string", "0x text of 64 bytes" },
    { "state", "string", "pending until its first bundle, which the grant rides with" },
    { "expiry", "number", "unix seconds" },
    { "chain_id", "number", "" },
    { "permissions", "array", "a line each" },
  },
  epilog = [[
The wallet's own words for permissions are taken as well as a policy:
  {"calls": [{"to": "0x...", "signature": "increment()"}], "spend": [{"limit": "0x2386f26fc10000", "period": "day"}]}

--mode popup shows a page of this machine, which opens the wallet. With relay the wallet's own page talks to this
machine; with redirect it leads back to it. --no-browser needs no browser here: with --account the relay is watched
until the owner has approved; without it the address the wallet led to, or just the account's, is asked for.]],
}

function grant.add_to_parser(command)
  command:option("--permissions", "What to ask for: a file with a policy, `-` for standard input, or JSON.")
    :argname("FILE")
  command:option("--expires", "For how long: 24h, 15m, 7d (default: what the policy says, else 24h).")
  command:option("--account", "The account; without it the owner chooses one in the wallet.")
  command:option("--name", "Who asks, as the owner shall read it (default: the policy's name).")
  command:option("--wallet", "Another wallet page than the network's."):argname("URL")
  command:option("--mode", "How the wallet is reached, see below.", "popup"):choices { "popup", "relay", "redirect" }
  command:option("--keys", "How the store keeps the session's key: under a passphrase, or in plain text, which the "
    .. "file's mode alone protects.", "encrypted"):choices { "encrypted", "plaintext" }
  command:option("--wait", "Seconds for the owner to decide.", "300"):argname("SECONDS")
  command:flag("--no-browser", "Print the page's address for another machine, and take the answer here.")
  command:flag("--qr", "Show that address as a QR code; means --no-browser.")
  connection.add_to_parser(command)
  secrets.add_passphrase(command)
end

-- What is asked for: `permissions`, and where a policy says so `expires` and `name`.
local function read_wanted(text, console)
  if not text then return errors.fail("usage", "--permissions is required") end
  if not text:find("^%s*[{%[]") then
    local err
    text, err = policy.text(text, console.stdin)
    if not text then return errors.fail("usage", "--permissions: " .. err.message) end
  end
  local value = text:find("^%s*[{%[]") and json.decode(text)
  if type(value) == "table" and (value[1] ~= nil or json.get(value, "calls", 1) ~= nil) then
    return { permissions = value }
  end
  local given, err = policy.parse(text)
  local wanted
  if given then wanted, err = policy.spec(given) end
  if not wanted then return errors.within(err, "--permissions") end
  return wanted
end

local function by_hand(args)
  return args.no_browser or args.qr
end

local function options_of(args, console, name)
  local function say(line)
    console:clear()
    console.stderr:write(line, "\n")
    console.stderr:flush()
  end
  local options = { name = name, wallet_url = args.wallet, timeout = tonumber(args.wait), mode = args.mode, say = say }
  if not by_hand(args) then return options end
  options.mode = "paste"
  function options.open(url)
    say("Open this page where your wallet is, and approve:\n" .. url)
    if not args.qr then return end
    local code, err = require("rise.approve.qr").lines(url)
    say(code or "There is no QR code: " .. tostring(err))
  end
  if not args.account then
    function options.read()
      say("Then paste the address that the wallet led to, or your account's:")
      return console.stdin:read("*l")
    end
  end
  return options
end

-- What can be said against the options without asking anybody.
local function check_options(args, name)
  if args.account then
    local bytes, err = core.address(args.account)
    if not bytes then return errors.within(err, "--account") end
  end
  if args.wallet and not args.wallet:find("^https?://[%w%-%.%[%]:]+[^%s?#]*$") then
    return errors.fail("usage", "--wallet: an http or https URL without a query is expected")
  end
  local wait = tonumber(args.wait)
  if not wait or not (wait > 0 and wait <= 86400) then
    return errors.fail("usage", "--wait: some seconds are expected, at most 86400")
  end
  if name == "" or #name > 80 or name:find("%c") then
    return errors.fail("usage", "--name: one line of at most 80 bytes is expected")
  end
  return true
end

local function ask(args, console, wanted, name)
  local wallet, err = connection.open(args, console, { keys = args.keys == "encrypted" or args.keys })
  if not wallet then return nil, err end
  local session
  session, err = wallet:new_session {
    account = args.account, expires = args.expires or wanted.expires or "24h", permissions = wanted.permissions,
  }
  if not session then return nil, err end
  for _, line in ipairs(session:explain()) do console:note("  " .. line) end
  local granted
  granted, err = session:grant(require("rise").approve.browser(options_of(args, console, name)))
  if granted then return session end
  wallet.store:delete(session.id) -- it can do nothing
  return nil, err
end

-- Runs a function as a task until it ends, or until a signal does; where a line is read, that would not hear of it.
local function run_task(reads, fn)
  local rise, host = require "rise", require "rise.host"
  if not reads then host.trap("INT", "TERM", "HUP") end
  local task, caught = rise.spawn(fn), false
  while not task.done do
    rise.step(0.25)
    if not caught and host.signal() then
      caught = true
      task:cancel()
    end
  end
  return task:wait()
end

function grant.run(args, console)
  local wanted, err = read_wanted(args.permissions, console)
  if not wanted then return nil, err end
  local name = args.name or wanted.name or "rise grant"
  local ok
  ok, err = check_options(args, name)
  if not ok then return nil, err end
  local session
  session, err = run_task(by_hand(args) and not args.account, function() return ask(args, console, wanted, name) end)
  if not session then
    if err.code == "task" then error(err.cause, 0) end
    return nil, err
  end
  return console:result({
    id = session.id, account = session.account.address, public_key = session.public_key, state = session:status(),
    expiry = session.expiry, chain_id = session.wallet.chain_id, permissions = json.array(session:explain()),
  }, function(result)
    console:print("session  " .. result.id, "account  " .. result.account, "state    " .. result.state)
    for _, line in ipairs(result.permissions) do console:print("         " .. line) end
  end)
end

return grant
