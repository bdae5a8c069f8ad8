--- `rise doctor`: looks over everything that a session depends on, and says what to do.
-- @module rise.cli.doctor

local compat = require "rise.compat"
local connection = require "rise.cli.connection"
local core = require "rise.core"
local json = require "rise.json"
local quantity = require "rise.quantity"

local doctor = {
  name = "doctor",
  summary = "Check network, relay, node, clock, versions and files, and say what to do.",
  devnet = true,
  output = { { "ok", "boolean", "no check failed" },
    { "checks", "array", "of {name, ok, message, hint}; ok is null where a check does not apply" } },
}

function doctor.add_to_parser(command)
  connection.add_to_parser(command)
end

local MAX_SKEW = 30 -- seconds: quotes live about as long

local function collector()
  local checks = json.array {}
  local function add(name, ok, message, hint)
    checks[#checks + 1] = { name = name, ok = ok == nil and json.null or ok, message = message,
      hint = hint or json.null }
  end
  return checks, add
end

-- Nobody but the owner may read what may hold keys.
local function check_file(add, name, path)
  local file = io.open(path, "rb")
  if not file then return add(name, nil, path .. " is not there yet") end
  file:close()
  local mode = core.file_mode(path)
  if mode and mode % 64 ~= 0 then
    return add(name, false, string.format("%s may be read by others (mode %o)", path, mode), "chmod 600 " .. path)
  end
  add(name, true, path)
end

local function check_clock(add, wallet)
  if not wallet.chain then return add("clock", nil, "no node to compare the clock with") end
  local before = core.now()
  local block, err = wallet.chain:block "latest"
  local timestamp = block and quantity.number(block.timestamp)
  if not timestamp then
    return add("clock", false, "the node has no latest block" .. (err and ": " .. err.message or ""))
  end
  local skew = before - timestamp
  if skew < -MAX_SKEW then
    return add("clock", false, string.format("this machine's clock is %.0f s behind the chain's", -skew),
      "set the clock: sessions and quotes expire by it")
  end
  -- A chain that mines only when there is something to mine is behind by itself.
  add("clock", true, string.format("the chain's latest block is %.0f s old", math.max(skew, 0)))
end

function doctor.run(args, console)
  local checks, add = collector()
  add("rise", true, core.VERSION .. ", " .. compat.VERSION)
  for _, name in ipairs { "net", "sqlite", "host" } do
    local found, reason = pcall(require, "rise." .. name)
    add("rise." .. name, found, found and "loads" or tostring(reason):match "[^\n]+",
      not found and "install the library that it names" or nil)
  end
  local settings, err = connection.settings(args, console)
  if settings then
    check_file(add, "configuration", connection.config_path(console))
    check_file(add, "store", settings.store or connection.store_path(console))
  else
    add("configuration", false, err.message, "mend or remove the file")
  end
  local wallet
  if settings then
    wallet, err = connection.open(args, console)
    if wallet then
      add("relay", true, wallet.network.relay .. " serves chain " .. string.format("%.0f", wallet.chain_id)
        .. ", orchestrator " .. wallet.version)
      local health
      health, err = wallet.relay:health()
      local status = json.get(health or {}, "version")
      add("relay version", health ~= nil, health and tostring(status) or err.message)
      if wallet.chain then
        add("node", true, wallet.network.rpc .. " is on the same chain")
      else
        add("node", nil, "no node is named: the relay's word on outcomes cannot be checked",
          "name one with --rpc")
      end
      check_clock(add, wallet)
    else
      add("network", false, err.message, err.hint)
    end
  end
  local ok = true
  for _, check in ipairs(checks) do ok = ok and check.ok ~= false end
  console:result({ ok = ok, checks = checks }, function()
    for _, check in ipairs(checks) do
      local mark = check.ok == true and console:style("green", "ok  ") or check.ok == false
        and console:style("red", "FAIL") or "-   "
      console:print(mark .. " " .. check.name .. ": " .. check.message)
      if check.hint ~= json.null then console:print("     " .. check.hint) end
    end
  end)
  return ok and 0 or 1
end

return doctor
