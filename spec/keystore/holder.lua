-- A program that holds keys, for the spec that looks into its memory, its environment and its command line.
--
--     lua holder.lua <folder>
--
-- Goes on whenever the file <folder>/go<n> is there, and says so on standard output.
local rise = require "rise"
local core = require "rise.core"

local folder = arg[1]

local function step(n)
  io.stdout:write("at ", n, "\n")
  io.stdout:flush()
  while true do
    local file = io.open(folder .. "/go" .. n)
    if file then return file:close() end
    rise.sleep(0.005)
  end
end

step(1)
local passphrase = assert(rise.passphrase { env = "HOLDER_PASSPHRASE" })
step(2)
local keys = {}
for i, name in ipairs { "p256", "secp256k1", "slow" } do
  keys[i] = assert(rise.keystore.open { path = folder .. "/" .. name, passphrase = passphrase })
  assert(keys[i]:sign(core.keccak256 "something"))
end
local store = assert(rise.store.file { path = folder .. "/store", keys = "encrypted", cost = "light",
  passphrase = passphrase })
local session = store:list()[1]
keys[#keys + 1] = assert(store.vault:unwrap(core.unhex(session.sealed), core.unhex(session.public_key)))
assert(rise.keystore.save { path = folder .. "/again", key = keys[1], cost = "light", passphrase = passphrase })
step(3)
passphrase:close()
for _, key in ipairs(keys) do key:close() end
store:close()
step(4)
