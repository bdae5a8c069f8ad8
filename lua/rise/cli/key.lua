--- `rise key`: private keys in keystores.
-- @module rise.cli.key

local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"
local secrets = require "rise.cli.secrets"

-- What may be known of a key.
local function public_half(key)
  local half = { type = key:type(), public_key = core.hex(key:public()), hash = core.hex(key:hash()),
    address = json.null }
  if half.type == "secp256k1" then half.address = core.checksum(key:address()) end
  return half
end

local OUTPUT = {
  { "type", "string", "p256 or secp256k1" },
  { "public_key", "string", "0x text: x and y of a p256 key, the padded address of a secp256k1 key" },
  { "hash", "string", "how an account names the key" },
  { "address", "string", "of a secp256k1 key, with checksum; else null" },
}

local function show_half(console)
  return function(half)
    console:print("type       " .. half.type, "public key " .. half.public_key, "key hash   " .. half.hash)
    if half.address ~= json.null then console:print("address    " .. half.address) end
  end
end

local function with(output, field)
  local list = { field }
  for _, other in ipairs(output) do list[#list + 1] = other end
  return list
end

local function save(key, args, console)
  local secret, err = secrets.passphrase(args, console, "New passphrase for " .. args.file .. ": ", true)
  if not secret then
    key:close()
    return nil, err
  end
  console:progress("deriving from the passphrase ...")
  local ok
  ok, err = require("rise").keystore.save { path = args.file, key = key, replace = args.replace,
    cost = args.light and "light" or nil, passphrase = secret }
  console:clear()
  local half = public_half(key)
  key:close()
  if not ok then return nil, err end
  half.file = args.file
  return console:result(half, function()
    console:print("file       " .. half.file)
    show_half(console)(half)
  end)
end

local function add_new_options(command)
  command:argument("file", "The keystore to write.")
  command:option("--type", "p256 for a session's key, secp256k1 for an account's or a gas key.", "secp256k1")
    :choices { "p256", "secp256k1" }
  command:flag("--light", "A cheaper derivation, for passphrases that nobody can guess.")
  command:flag("--replace", "Replace a keystore that is there, and the key in it.")
  secrets.add_passphrase(command)
end

local new = {
  name = "new",
  summary = "Make a key, and keep it in a keystore.",
  examples = { "echo correct horse > pass; rise key new bot.json --light --passphrase-file pass --json" },
  output = with(OUTPUT, { "file", "string", "where it is kept" }),
  add_to_parser = add_new_options,
}

function new.run(args, console)
  local key, err = core.key_generate(args.type)
  if not key then return nil, err end
  return save(key, args, console)
end

local import = {
  name = "import",
  summary = "Put a key that is on standard input, as 0x text, into a keystore.",
  examples = {
    "export PASS=secret; head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n' | sed s/^/0x/ "
      .. "| rise key import k.json --light --passphrase-env PASS --json",
  },
  output = with(OUTPUT, { "file", "string", "where it is kept" }),
  add_to_parser = add_new_options,
}

function import.run(args, console)
  local text = console.stdin:read(80) or ""
  local bytes = core.unhex((text:gsub("%s+$", "")))
  if not bytes or #bytes ~= 32 then
    return errors.fail("invalid_key", "0x and 64 hex digits expected on standard input")
  end
  local key, err = core.key_import(args.type, bytes)
  if not key then return nil, err end
  return save(key, args, console)
end

local show = {
  name = "show",
  summary = "Show the public half of a key in a keystore.",
  examples = { "echo correct horse > pass; rise key new k.json --light --passphrase-file pass > /dev/null; "
    .. "rise key show k.json --passphrase-file pass --json" },
  output = OUTPUT,
}

function show.add_to_parser(command)
  command:argument("file", "The keystore.")
  secrets.add_passphrase(command)
end

function show.run(args, console)
  local key, err = secrets.open_key(args.file, args, console)
  if not key then return nil, err end
  local half = public_half(key)
  key:close()
  return console:result(half, show_half(console))
end

return {
  name = "key",
  summary = "Make, import and show private keys, kept in keystores.",
  commands = { new, import, show },
}
