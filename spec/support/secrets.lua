-- What must be found nowhere once the tests are done: where RISE_TEST_SECRETS names a file, each secret that a spec
-- makes is written to it, a line each, and scripts/test looks for them in everything that was logged.
local core = require "rise.core"

local secrets = {}

--- Notes a key, or text such as a passphrase.
-- @return what was given
function secrets.note(secret)
  local path = os.getenv("RISE_TEST_SECRETS")
  if path and path ~= "" then
    local file = assert(io.open(path, "a"))
    file:write(type(secret) == "userdata" and core.hex(secret:export()):sub(3) or secret, "\n")
    file:close()
  end
  return secret
end

--- A passphrase that nothing else contains.
function secrets.passphrase()
  return secrets.note("pass phrase " .. core.hex(core.random(16)):sub(3))
end

return secrets
