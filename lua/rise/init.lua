--- RISE Wallet session keys: approve once, act without popups.
--
--     local rise = require "rise"
--     local wallet = assert(rise.connect { network = "devnet" })
--
-- Amounts are `rise.u256`, addresses, hashes, call data and signatures `0x` text. What the world answers badly comes
-- back as `nil, err` (see @{rise.errors}); a caller's mistake raises.
-- @module rise

local core = require "rise.core"
local errors = require "rise.errors"

local rise = {
  --- The version of this library.
  VERSION = core.VERSION,
  --- Every error code with its meaning. See @{rise.errors.CODES}.
  errors = errors.CODES,
  --- `assert` for what may return `nil, err`, on every Lua. See @{rise.errors.assert}.
  assert = errors.assert,
  --- A 256-bit number from an integer or text.
  u256 = core.u256,
}

-- The functions of a module, those named with the loop to wait in.
local function on_loop(module, names)
  local bound = setmetatable({}, { __index = module })
  for _, name in ipairs(names) do
    bound[name] = function(options)
      local result, err = module[name](options, rise.loop)
      return result, err
    end
  end
  return bound
end

-- What is made when it is first asked for: a script that only signs or encodes starts without the wallet, and without
-- the libraries that the wallet needs.
local later = {
  --- The loop that everything here runs on.
  loop = function() return require("rise.loop").new() end,
  --- Known networks, as data.
  networks = function() return require "rise.networks" end,
  --- Ways to have a session approved.
  approve = function() return require "rise.approve" end,
  --- Places to keep session records. See @{rise.store}.
  store = function() return on_loop(require "rise.store", { "file", "sqlite" }) end,
  --- Private keys under a passphrase: `open`, `save`, `seal`, `inspect`. See @{rise.keystore}.
  keystore = function() return on_loop(require "rise.keystore", { "open", "save", "seal" }) end,
  --- A passphrase from the terminal, the environment, a file or a descriptor. See @{rise.passphrase.get}.
  passphrase = function() return require("rise.passphrase").get end,
  --- What `allow_root` must say.
  ROOT_PHRASE = function() return require("rise.permissions").ROOT_PHRASE end,
}
--- Wildcards and constants of the account contracts.
for name, constant in pairs { ANY_TARGET = "ANY_TARGET", ANY_SELECTOR = "ANY_SELECTOR", NATIVE = "NATIVE",
  EMPTY_CALLDATA = "EMPTY_CALLDATA_SELECTOR" } do
  later[name] = function() return require("rise.contracts")[constant] end
end

setmetatable(rise, { __index = function(_, name)
  local make = later[name]
  if not make then return nil end
  local value = make()
  rawset(rise, name, value)
  return value
end })

--- What the host brings of its own: transport, clock, ear for failed tasks. See @{rise.Loop:use}.
function rise.use(options)
  rise.loop:use(options)
end

--- Connects to a relay.
-- @tparam table options `network`: "devnet", "testnet" or a table like those of @{rise.networks}; `relay`, `rpc`,
-- `chain_id`, `explorer` replace single members; `timeout` of a request in seconds (30); `max_fee` of a bundle in wei
-- (0.01 ether); `store` (memory, see @{rise.store}); `max_unfinished` bundles of an account at a time (2)
-- @treturn[1] Wallet
-- @treturn[2] nil
-- @treturn[2] table network, timeout, relay, unsupported
function rise.connect(options)
  local wallet, err = require("rise.wallet").connect(rise.loop, options)
  return wallet, err
end

--- Connects, and finds out what became of the bundles that an earlier run left unfinished in the store. See
-- @{rise.Wallet:resume}.
-- @tparam table options as for @{rise.connect}, with the `store`
-- @treturn[1] table the reports
-- @treturn[1] Wallet
-- @treturn[2] nil
-- @treturn[2] table
function rise.resume(options)
  local wallet, err = rise.connect(options)
  if not wallet then return nil, err end
  local reports
  reports, err = wallet:resume()
  if not reports then return nil, err end
  return reports, wallet
end

--- Starts a task: calls in it yield instead of blocking. See @{rise.Loop:spawn}.
function rise.spawn(fn, ...)
  return rise.loop:spawn(fn, ...)
end

--- One turn of the loop; `step(0)`, once a frame, never waits.
-- @treturn boolean whether tasks are left
function rise.step(seconds)
  return rise.loop:step(seconds)
end

--- Runs until no task is left.
function rise.run()
  return rise.loop:run()
end

--- Waits; other tasks go on meanwhile.
function rise.sleep(seconds)
  return rise.loop:sleep(seconds)
end

--- Keys: `rise.key.generate("p256" | "secp256k1")`, `rise.key.import(type, "0x…")`.
rise.key = {}

--- A fresh private key.
-- @tparam[opt="p256"] string type "p256" or "secp256k1"
-- @treturn[1] userdata rise.key
-- @treturn[2] nil
-- @treturn[2] table no_entropy
function rise.key.generate(type)
  return core.key_generate(type or "p256")
end

--- A private key out of 0x text. The text stays in Lua's memory, where it cannot be wiped.
-- @tparam string type "p256" or "secp256k1"
-- @tparam string secret 0x text of 32 bytes
-- @treturn[1] userdata rise.key
-- @treturn[2] nil
-- @treturn[2] table invalid_key
function rise.key.import(type, secret)
  local bytes = core.unhex(secret)
  if not bytes or #bytes ~= 32 then return errors.fail("invalid_key", "a private key is 0x and 64 hex digits") end
  return core.key_import(type, bytes)
end

--- A decimal amount as an integer of 10^-decimals units: `units("1.5", 6)` is 1500000.
-- @treturn[1] u256
-- @treturn[2] nil
-- @treturn[2] table invalid_value, overflow
function rise.units(text, decimals)
  local number, negative = core.units_parse(tostring(text), decimals)
  if not number then return nil, negative end
  if negative then return errors.fail("invalid_value", "an amount cannot be negative: " .. tostring(text)) end
  return number
end

--- `units` with 18 decimals, and with 9.
function rise.ether(text)
  return rise.units(text, 18)
end

function rise.gwei(text)
  return rise.units(text, 9)
end

--- An amount of 10^-decimals units as decimal text.
function rise.format_units(amount, decimals)
  return core.units_format(core.u256(amount), decimals)
end

--- The same with 18 decimals.
function rise.format_ether(amount)
  return rise.format_units(amount, 18)
end

--- An address with its EIP-55 checksum.
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table invalid_value
function rise.checksum(address)
  local bytes, err = core.address(address)
  if not bytes then return nil, err end
  return core.checksum(bytes)
end

--- Keccak-256 of a byte string, as 0x text.
function rise.keccak256(bytes)
  return core.hex(core.keccak256(bytes))
end

return rise
