--- Which network, relay, node and store a command uses: options before environment before configuration file.
--
-- The file is `config.json` in `$XDG_CONFIG_HOME/rise` (or what `RISE_CONFIG` names), with the members of
-- `connection.SETTINGS` and `contracts`, names for addresses. The store is `rise.db` in `$XDG_DATA_HOME/rise`.
-- @module rise.cli.connection

local compat = require "rise.compat"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"
local networks = require "rise.networks"
local secrets = require "rise.cli.secrets"

local connection = {}

--- The settings: name, type, option, meaning. The environment's names are `RISE_` and the name in capitals.
connection.SETTINGS = {
  { "network", "string", "--network", "devnet or testnet." },
  { "relay", "string", "--relay", "URL of the relay." },
  { "rpc", "string", "--rpc", "URL of the node." },
  { "chain_id", "number", "--chain-id", "Chain id, for a network of your own." },
  { "timeout", "number", "--timeout", "Seconds that a request may take." },
  { "store", "string", "--store", "File that keeps sessions and the journal." },
}

local function folder(console, variable, fallback)
  local path = console.getenv(variable)
  if path and path:sub(1, 1) == "/" then return path .. "/rise" end -- XDG: a relative path is to be ignored
  local home = console.getenv "HOME"
  return (home or "") .. fallback .. "/rise"
end

--- Where the configuration file is looked for.
function connection.config_path(console)
  return console.getenv "RISE_CONFIG" or folder(console, "XDG_CONFIG_HOME", "/.config") .. "/config.json"
end

--- Where sessions are kept when nothing else is said.
function connection.store_path(console)
  return folder(console, "XDG_DATA_HOME", "/.local/share") .. "/rise.db"
end

--- Adds the options of @{connection.SETTINGS} to a command.
function connection.add_to_parser(command)
  local options = {}
  for i, setting in ipairs(connection.SETTINGS) do
    options[i] = command:option(setting[3], setting[4]):target(setting[1])
  end
  command:group("Connection", compat.unpack(options))
end

local function read_config(console)
  local path = connection.config_path(console)
  local file = io.open(path, "rb")
  if not file then
    if console.getenv "RISE_CONFIG" then return errors.fail("io", "RISE_CONFIG: " .. path .. " cannot be read") end
    return {}
  end
  local text = file:read(1024 * 1024)
  file:close()
  local config, err = json.decode(text or "")
  if type(config) ~= "table" then
    return errors.fail("invalid_value", path .. ": " .. (err and err.message or "a JSON object expected"))
  end
  local known = { contracts = "table" }
  for _, setting in ipairs(connection.SETTINGS) do known[setting[1]] = setting[2] end
  for name, value in pairs(config) do
    if type(value) ~= known[name] then
      return errors.fail("invalid_value", string.format("%s: %s %s", path, errors.printable(name, 60),
        known[name] and "must be a " .. known[name] or "is no setting"))
    end
  end
  return config
end

-- A setting's value out of text.
local function typed(setting, text, from)
  if setting[2] == "string" then return text end
  local number = tonumber(text)
  if not number then
    return errors.fail("invalid_value", from .. ": " .. errors.printable(text, 60) .. " is no number")
  end
  return number
end

--- What holds for this run.
-- @tparam table args of the parser
-- @tparam table console
-- @treturn[1] table a member for each setting that is known, and `contracts`
-- @treturn[2] nil
-- @treturn[2] table invalid_value, io
function connection.settings(args, console)
  local config, err = read_config(console)
  if not config then return nil, err end
  local settings = { contracts = {} }
  for _, setting in ipairs(connection.SETTINGS) do
    local name = setting[1]
    local variable = "RISE_" .. name:upper()
    local text, from = args[name], setting[3]
    if text == nil then text, from = console.getenv(variable), variable end
    if text ~= nil and text ~= "" then
      settings[name], err = typed(setting, text, from)
      if settings[name] == nil then return nil, err end
    else
      settings[name] = config[name]
    end
  end
  local known = networks[settings.network or ""] or {}
  for _, names in ipairs { known.contracts or {}, config.contracts or {} } do
    for name, address in pairs(names) do settings.contracts[name:lower()] = address end
  end
  return settings
end

--- Opens the store: to look at it, or with its keys to sign.
-- @tparam table settings
-- @tparam table console
-- @tparam[opt] boolean|string keys true: they are encrypted, and the passphrase is asked for as `args` say; "plaintext"
-- @tparam[opt] table args of the parser
-- @treturn[1] table see @{rise.store}
-- @treturn[2] nil
-- @treturn[2] table store, wrong_passphrase
function connection.store(settings, console, keys, args)
  local path = settings.store or connection.store_path(console)
  local store = require "rise.store"
  if not keys or keys == "plaintext" then return store.sqlite { path = path, keys = keys or nil } end
  local file = io.open(path, "rb")
  if file then file:close() end
  local passphrase, err = secrets.passphrase(args, console, "Passphrase of " .. path .. ": ", not file)
  if not passphrase then return nil, err end
  console:progress("opening " .. path .. " ...")
  local opened
  opened, err = store.sqlite { path = path, keys = "encrypted", passphrase = passphrase }
  console:clear()
  return opened, err
end

--- Connects as the options, the environment and the configuration say.
-- @tparam table args of the parser
-- @tparam table console
-- @tparam[opt] table options `store = true` where the command needs it, or the store that it has opened; `keys` where
-- it signs, as for @{connection.store}
-- @treturn[1] rise.Wallet
-- @treturn[1] table the settings
-- @treturn[2] nil
-- @treturn[2] table usage, invalid_value, network, relay …
function connection.open(args, console, options)
  local settings, err = connection.settings(args, console)
  if not settings then return nil, err end
  if not settings.network and not settings.relay then
    return errors.fail("usage", "no network is named: --network devnet or testnet, or RISE_NETWORK")
  end
  if settings.network and not networks[settings.network] then
    return errors.fail("usage", "unknown network " .. errors.printable(settings.network, 60) .. ": devnet or testnet")
  end
  if not settings.network and not settings.chain_id then
    return errors.fail("usage", "a relay of your own needs --chain-id as well")
  end
  for _, name in ipairs { "relay", "rpc" } do
    if settings[name] and not settings[name]:find "^https?://[^%s]+$" then
      return errors.fail("usage", name .. " must be an http or https URL: " .. errors.printable(settings[name], 100))
    end
  end
  for name, most in pairs { chain_id = 2 ^ 53, timeout = 86400 } do
    local value = settings[name]
    if value and not (value > 0 and value < most and (name == "timeout" or value % 1 == 0)) then
      return errors.fail("usage", name .. " " .. value .. " is out of range")
    end
  end
  local kept
  if options and (options.store == true or options.keys) then
    kept, err = connection.store(settings, console, options.keys, args)
    if not kept then return nil, err end
  elseif options then
    kept = options.store
  end
  console:progress("connecting ...")
  local wallet
  wallet, err = require("rise").connect { network = settings.network, relay = settings.relay, rpc = settings.rpc,
    chain_id = settings.chain_id, timeout = settings.timeout, store = kept }
  console:clear()
  if not wallet then return nil, err end
  return wallet, settings
end

--- An address out of a word: 0x text (the checksum is verified where there is one), or a name of a contract.
-- @treturn[1] string 0x text in lower case
-- @treturn[2] nil
-- @treturn[2] table invalid_value
function connection.address(settings, word, what)
  local known = settings.contracts[word:lower()]
  local bytes, err = core.address(known or word)
  if bytes then return core.hex(bytes) end
  return errors.within(err, what .. " " .. errors.printable(word, 60))
end

return connection
