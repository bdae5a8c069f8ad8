--- Where a passphrase comes from: the terminal, the environment, a file, a descriptor.
--
--     rise.passphrase { prompt = "Passphrase of the bot's keys: " }
--     rise.passphrase { env = "BOT_PASSPHRASE" }
--
-- It is held in locked memory, never in a Lua string, and wiped when it is closed or collected. Whatever takes a
-- passphrase takes such an object, one of these tables, or text; text stays in Lua's memory, where it cannot be wiped.
-- @module rise.passphrase

local check = require "rise.check"
local core = require "rise.core"
local errors = require "rise.errors"

local passphrase = {}

local SOURCES = { prompt = "string", confirm = "boolean", env = "string", file = "string", fd = "number" }

local function prompt(text, confirm)
  local first, err = core.passphrase_prompt(text)
  if not first or not confirm then return first, err end
  local second
  second, err = core.passphrase_prompt("Again: ")
  if not second then
    first:close()
    return nil, err
  end
  local same = first:equals(second)
  second:close()
  if same then return first end
  first:close()
  return errors.fail("wrong_passphrase", "the two passphrases differ")
end

--- Gets a passphrase.
-- @tparam table source one of
--
-- - `prompt`: what to ask at the terminal, which shows nothing of the answer; `confirm = true` asks twice. The process
--   waits for the answer, all tasks with it. Ctrl-C and other signals do what they always do, after the terminal is
--   itself again;
-- - `env`: the name of a variable, which is taken out of the environment: children do not get it, `ps` does not show
--   it, and a second time it is not there;
-- - `file`: a path, of which the first line counts;
-- - `fd`: the number of an open descriptor, from which one line is read
-- @treturn[1] userdata rise.passphrase, with `close()`
-- @treturn[2] nil
-- @treturn[2] table invalid_value (no such variable), io, canceled, limit (1024 bytes), wrong_passphrase (two that
-- differ), unsupported where rise was built without libsodium
function passphrase.get(source)
  check.options(source, SOURCES, "rise.passphrase", 3)
  local count = 0
  for _, name in ipairs { "prompt", "env", "file", "fd" } do
    if source and source[name] ~= nil then count = count + 1 end
  end
  if count ~= 1 then error("rise.passphrase: one of prompt, env, file and fd expected", 2) end
  if source.confirm and not source.prompt then error("rise.passphrase: confirm goes with prompt", 2) end
  if not core.passphrase then return errors.fail("unsupported", "this build of rise has no libsodium") end
  if source.prompt then return prompt(source.prompt, source.confirm) end
  if source.env then return core.passphrase_env(source.env) end
  if source.file then return core.passphrase_file(source.file) end
  return core.passphrase_fd(source.fd)
end

--- What an option `passphrase` says, as an object; `mine` tells that nobody else closes it.
-- @tparam string|table|userdata value
-- @tparam string what the function, for the message
-- @treturn[1] userdata
-- @treturn[1] boolean mine
-- @treturn[2] nil
-- @treturn[2] table
function passphrase.of(value, what)
  if getmetatable(value) == "rise.passphrase" then return value, false end
  local object, err
  if type(value) == "string" then
    object, err = core.passphrase(value)
  elseif type(value) == "table" then
    object, err = passphrase.get(value)
  else
    error(what .. ": passphrase must be text, a table for rise.passphrase, or what that gives", 4)
  end
  if not object then return nil, err end
  return object, true
end

return passphrase
