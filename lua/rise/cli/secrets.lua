--- Where a command gets passphrases and administrators' keys from; never from its arguments.
-- @module rise.cli.secrets

local secrets = {}

--- Adds the ways to give a passphrase to a command.
function secrets.add_passphrase(command)
  command:group("Passphrase (or RISE_PASSPHRASE, or the terminal)",
    command:option("--passphrase-file", "File whose first line is the passphrase."),
    command:option("--passphrase-env", "Name of the variable that has it."),
    command:option("--passphrase-fd", "Number of an open descriptor to read it from."):convert(tonumber))
end

-- A descriptor and a variable can be read once; what they gave serves the whole command.
local function once(console, source)
  if not console.given_passphrase then
    local given, err = require("rise.passphrase").get(source)
    if not given then return nil, err end
    console.given_passphrase = given
  end
  return console.given_passphrase
end

--- A passphrase, from where the options say, else from RISE_PASSPHRASE, else from the terminal. It is wiped when it is
-- collected.
-- @tparam table args
-- @tparam table console
-- @tparam string prompt what to ask at the terminal
-- @tparam[opt] boolean confirm whether to ask twice
-- @treturn[1] userdata rise.passphrase
-- @treturn[2] nil
-- @treturn[2] table
function secrets.passphrase(args, console, prompt, confirm)
  if args.passphrase_file then return once(console, { file = args.passphrase_file }) end
  if args.passphrase_env then return once(console, { env = args.passphrase_env }) end
  if args.passphrase_fd then return once(console, { fd = args.passphrase_fd }) end
  local found = once(console, { env = "RISE_PASSPHRASE" })
  if found then return found end
  console:clear()
  return require("rise.passphrase").get { prompt = prompt, confirm = confirm }
end

--- Adds the option for an administrator's key.
function secrets.add_admin(command)
  command:option("--admin", "Keystore of the account's administrator; without it the owner is asked in the browser.")
  secrets.add_passphrase(command)
end

--- Who approves: the key of `--admin`, or the wallet in a browser.
-- @treturn[1] table approver
-- @treturn[2] nil
-- @treturn[2] table
function secrets.approver(args, console)
  local rise = require "rise"
  if not args.admin then
    return rise.approve.browser { name = "rise", say = function(line) console:note(line) end }
  end
  local key, err = secrets.open_key(args.admin, args, console)
  if not key then return nil, err end
  return rise.approve.admin(key)
end

--- A key out of a keystore.
function secrets.open_key(path, args, console)
  local secret, err = secrets.passphrase(args, console, "Passphrase of " .. path .. ": ")
  if not secret then return nil, err end
  console:progress("opening " .. path .. " ...")
  local key
  key, err = require("rise").keystore.open { path = path, passphrase = secret }
  console:clear()
  if not key then return nil, err end
  return key
end

return secrets
