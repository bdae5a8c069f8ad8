--- Private keys under a passphrase, as Web3 Secret Storage version 3.
--
--     assert(rise.keystore.save { path = "keys/bot.json", key = key,
--       passphrase = { prompt = "New passphrase: ", confirm = true } })
--     local key = assert(rise.keystore.open { path = "keys/bot.json", passphrase = { env = "BOT_PASSPHRASE" } })
--
-- secp256k1 keys are written as geth, foundry and ethers have them and read from what those write, scrypt or
-- pbkdf2-hmac-sha256. Session keys (P-256) have a member `rise` and a MAC of their own: other programs call the
-- passphrase wrong instead of taking them for keys of theirs. The bytes of the passphrase count as they are.
--
-- Deriving with the standard cost takes 256 MiB and about a second. It is done in a thread that touches nothing else:
-- in a task these functions yield meanwhile, `step(0)` stays quick; in a script they wait. A key goes from C to C and
-- is never a Lua string. What a file may ask for is bounded: 512 MiB and four times the work of the standard, ten
-- million rounds of PBKDF2, 64 KiB of text.
-- @module rise.keystore

local check = require "rise.check"
local core = require "rise.core"
local errors = require "rise.errors"
local passphrase = require "rise.passphrase"

local keystore = {}

-- n, r, p of scrypt: those of geth.
local COSTS = { standard = { 262144, 8, 1 }, light = { 4096, 8, 6 } }
local MAX_TEXT = 65536
local FIRST_PAUSE, LAST_PAUSE = 0.001, 0.02

-- Waits until a keystore has derived. Without a loop it does so by itself when it is used.
local function wait(box, loop)
  local pause = FIRST_PAUSE
  while loop and not box:ready() do
    local slept, err = loop:sleep(pause)
    if not slept then
      -- Closing it now would wait for the thread.
      loop:spawn(function()
        while not box:ready() do
          if not loop:sleep(LAST_PAUSE) then break end
        end
        box:close()
      end)
      return nil, err
    end
    pause = math.min(pause * 2, LAST_PAUSE)
  end
  return true
end

-- Derives from a passphrase, then calls `use` of the keystore; closes what is not needed any more.
local function derived(box, given, loop, use, content)
  local secret, mine = passphrase.of(given, "rise.keystore")
  if not secret then return nil, mine end
  local ok, err = box:derive(secret)
  if mine then secret:close() end
  if ok then ok, err = wait(box, loop) end
  if not ok then return nil, err end
  local result
  result, err = use(box, content)
  box:close()
  return result, err
end

local function unlock(box) return box:unlock() end
local function seal(box, content) return box:seal(content) end

local function available()
  if core.keystore_read then return true end
  return errors.fail("unsupported", "this build of rise has no libsodium, and so no keystore")
end

local function text_of(options)
  if options.text then return options.text end
  local file, reason = io.open(options.path, "rb")
  if not file then return errors.fail("io", "the keystore cannot be opened: " .. tostring(reason)) end
  local text = file:read(MAX_TEXT + 1)
  file:close()
  if not text then return errors.fail("invalid_data", "the keystore " .. options.path .. " is empty") end
  return text
end

local function one_source(options, what)
  if (options.path == nil) == (options.text == nil) then error(what .. ": one of path and text expected", 3) end
end

local function cost_of(options, what)
  local cost = COSTS[options.cost or "standard"]
  if not cost then error(what .. ": cost must be \"standard\" or \"light\"", 3) end
  return cost
end

-- Names the file in an error.
local function about(options, err)
  if options.path then return errors.within(err, options.path) end
  return nil, err
end

--- A key out of a keystore.
-- @tparam table options `path` or `text`; `passphrase`: text, a table as for @{rise.passphrase.get}, or what that gives
-- @tparam[opt] table loop to wait in; `rise.keystore` brings its own
-- @treturn[1] userdata rise.key
-- @treturn[2] nil
-- @treturn[2] table wrong_passphrase (or damaged: the same MAC tells), invalid_data (damaged, or no keystore),
-- unsupported (another version or cipher), limit, io, canceled
function keystore.open(options, loop)
  check.options(options, { path = "string", text = "string", passphrase = "any!" }, "keystore.open", 3)
  one_source(options, "keystore.open")
  local ok, err = available()
  if not ok then return nil, err end
  local text
  text, err = text_of(options)
  if not text then return nil, err end
  local box
  box, err = core.keystore_read(text)
  if not box then return about(options, err) end
  if box:info() == "vault" then
    box:close()
    return about(options, errors.new("invalid_data", "this is the keystore of a store, and no key"))
  end
  local key
  key, err = derived(box, options.passphrase, loop, unlock)
  if not key then return about(options, err) end
  return key
end

--- What a keystore tells without its passphrase.
-- @tparam table options `path` or `text`
-- @treturn[1] table `type` ("secp256k1", "p256", or "vault" of a store), and where it says so `address` or `public_key`
-- @treturn[2] nil
-- @treturn[2] table invalid_data, unsupported, limit, io
function keystore.inspect(options)
  check.options(options, { path = "string", text = "string" }, "keystore.inspect", 3)
  one_source(options, "keystore.inspect")
  local ok, err = available()
  if not ok then return nil, err end
  local text
  text, err = text_of(options)
  if not text then return nil, err end
  local box
  box, err = core.keystore_read(text)
  if not box then return about(options, err) end
  local kind, public = box:info()
  box:close()
  return { type = kind, address = #public == 20 and core.hex(public) or nil,
    public_key = #public == 64 and core.hex(public) or nil }
end

local SEALING = { key = "userdata!", passphrase = "any!", cost = "string" }

local function sealed(options, loop, what)
  if getmetatable(options.key) ~= "rise.key" or not options.key:is_open() then
    error(what .. ": key: an open rise.key expected", 3)
  end
  local cost = cost_of(options, what)
  local ok, err = available()
  if not ok then return nil, err end
  local box
  box, err = core.keystore_new(cost[1], cost[2], cost[3])
  if not box then return nil, err end
  return derived(box, options.passphrase, loop, seal, options.key)
end

--- The text of a keystore.
-- @tparam table options `key`; `passphrase`; `cost`: "standard", or "light" (4 MiB, a few hundredths of a second) for
-- passphrases that nobody can guess
-- @tparam[opt] table loop
-- @treturn[1] string JSON
-- @treturn[2] nil
-- @treturn[2] table no_memory, no_entropy, canceled
function keystore.seal(options, loop)
  check.options(options, SEALING, "keystore.seal", 3)
  local text, err = sealed(options, loop, "keystore.seal")
  return text, err
end

--- Writes a keystore, for its owner alone (mode 0600; folders that are missing 0700), in one step: a crash leaves the
-- file that was there or the new one. One that is there already is only replaced when that is asked for; of several
-- programs that make the same new file one succeeds.
-- @tparam table options as for @{keystore.seal}, and `path`; `replace = true`
-- @tparam[opt] table loop
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table io, with `exists` when there is one already; as for @{keystore.seal}
function keystore.save(options, loop)
  local known = { path = "string!", replace = "boolean" }
  for name, wanted in pairs(SEALING) do known[name] = wanted end
  check.options(options, known, "keystore.save", 3)
  local folder = options.path:match("^(.+)/[^/]+$")
  local ok, err = true, nil
  if folder then ok, err = core.make_dir(folder) end
  if not ok then return nil, err end
  local text
  text, err = sealed(options, loop, "keystore.save")
  if not text then return nil, err end
  if options.replace then return core.write_file(options.path, text .. "\n") end
  ok, err = core.create_file(options.path, text .. "\n")
  if not ok and err.exists then
    err.hint = "another path, or replace = true, which destroys the key that is in it"
  end
  return ok, err
end

-- ---- the key of a store ----------------------------------------------------------------------------------------

--- A fresh vault and its keystore.
-- @treturn[1] userdata rise.vault
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table
function keystore.new_vault(options, loop)
  local cost = cost_of(options, "store")
  local ok, err = available()
  if not ok then return nil, err end
  local vault, box, text
  vault, err = core.vault_new()
  if not vault then return nil, err end
  box, err = core.keystore_new(cost[1], cost[2], cost[3])
  if not box then return nil, err end
  text, err = derived(box, options.passphrase, loop, seal, vault)
  if not text then return nil, err end
  return vault, text
end

--- The vault out of a keystore.
-- @treturn[1] userdata rise.vault
-- @treturn[2] nil
-- @treturn[2] table wrong_passphrase, invalid_data …
function keystore.open_vault(text, given, loop)
  local ok, err = available()
  if not ok then return nil, err end
  local box
  box, err = core.keystore_read(text)
  if not box then return nil, err end
  if box:info() ~= "vault" then return errors.fail("invalid_data", "the store's keystore is that of a key") end
  return derived(box, given, loop, unlock)
end

return keystore
