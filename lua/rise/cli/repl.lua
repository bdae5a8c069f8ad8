--- `rise repl`: Lua with rise at hand, line by line.
-- @module rise.cli.repl

local compat = require "rise.compat"
local connection = require "rise.cli.connection"
local core = require "rise.core"

local repl = {
  name = "repl",
  summary = "Lua with rise at hand, line by line.",
  examples = { "echo 'rise.format_ether(\"1500000000000000000\")' | rise repl -q" },
  epilog = "`rise` is there, and `wallet` where a network is named. The value of an expression is shown.\n"
    .. "Ctrl-D ends it.",
}

function repl.add_to_parser(command)
  command:flag("-q --quiet", "No greeting, no prompt.")
  connection.add_to_parser(command)
end

local MAX_DEPTH = 4

-- A value as text that reads like Lua.
local function shown(value, depth)
  if type(value) == "string" then return depth == 0 and value or string.format("%q", value) end
  if type(value) ~= "table" or (getmetatable(value) or {}).__tostring or depth >= MAX_DEPTH then
    return tostring(value)
  end
  local parts, seen = {}, {}
  for i, inner in ipairs(value) do
    parts[i], seen[i] = shown(inner, depth + 1), true
  end
  local names = {}
  for name in pairs(value) do
    if not seen[name] then names[#names + 1] = name end
  end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for _, name in ipairs(names) do
    local head = type(name) == "string" and name:find "^[%a_][%w_]*$" and name or "[" .. shown(name, depth + 1) .. "]"
    parts[#parts + 1] = head .. " = " .. shown(value[name], depth + 1)
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function complain(console, err)
  if type(err) == "table" then return console:fail(err) end
  console.stderr:write(tostring(err), "\n")
end

-- The chunk in some lines; nil and whether more lines may mend it.
local function compiled(text)
  local chunk = compat.load("return " .. text, "=repl")
  if chunk then return chunk end
  local reason
  chunk, reason = compat.load(text, "=repl")
  if chunk then return chunk end
  return nil, reason:find("<eof>", 1, true) ~= nil, reason
end

local function pack(...)
  return { n = select("#", ...), ... }
end

function repl.run(args, console)
  local rise = require "rise"
  _G.rise = rise -- luacheck: ignore 122
  if args.network or args.relay or console.getenv "RISE_NETWORK" or console.getenv "RISE_RELAY" then
    local wallet, err = connection.open(args, console)
    if not wallet then return nil, err end
    _G.wallet = wallet -- luacheck: ignore 122
  end
  local prompt = not args.quiet and console.columns
  if prompt then console:note("rise " .. core.VERSION .. ", " .. compat.VERSION .. ". Ctrl-D ends it.") end
  local text = ""
  while true do
    if prompt then
      console.stdout:write(text == "" and "> " or ">> ")
      console.stdout:flush()
    end
    local line = console.stdin:read "*l"
    if not line then break end
    text = text == "" and line or text .. "\n" .. line
    local chunk, more, reason = compiled(text)
    if chunk then
      text = ""
      local results = pack(pcall(chunk))
      if results[1] then
        for i = 2, results.n do console:print(shown(results[i], 0)) end
      else
        complain(console, results[2])
      end
    elseif not more then
      text = ""
      complain(console, reason)
    end
  end
  if prompt then console:print "" end
  return 0
end

return repl
