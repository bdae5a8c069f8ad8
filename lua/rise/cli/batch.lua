--- `rise batch FILE`: several calls as one atomic bundle.
-- @module rise.cli.batch

local connection = require "rise.cli.connection"
local errors = require "rise.errors"
local json = require "rise.json"
local receipts = require "rise.cli.receipts"
local secrets = require "rise.cli.secrets"
local sessions = require "rise.cli.sessions"

local batch = {
  name = "batch",
  summary = "Make several calls with a session as one bundle: all of them happen, or none.",
  epilog = [[The file is a JSON array of calls:
  [ { "to": "stk", "signature": "mint(address,uint256)", "arguments": ["0x…", "5ether"] },
    { "to": "counter", "signature": "increment()" },
    { "to": "0x…", "value": "0.1ether" } ]
"signature" may be calldata as 0x text.]],
  devnet = true,
  output = receipts.OUTPUT,
}

function batch.add_to_parser(command)
  command:argument("file", "The calls as JSON; `-` reads standard input.")
  command:option("-s --session", "The session's name or id; without it the only one in the store.")
  connection.add_to_parser(command)
  secrets.add_passphrase(command)
end

local MAX_BYTES = 4 * 1024 * 1024
local MEMBERS = { to = "string", signature = "string", value = "string", arguments = "table" }

local function read(path, console)
  local file, reason = console.stdin, nil
  if path ~= "-" then file, reason = io.open(path, "rb") end
  local text = file and (file:read(MAX_BYTES + 1) or "")
  if file and path ~= "-" then file:close() end
  if not text then return errors.fail("io", reason) end
  if #text > MAX_BYTES then return errors.fail("limit", path .. " has more than 4 MiB") end
  local list, err = json.decode(text)
  if type(list) ~= "table" or #list == 0 then
    return errors.fail("invalid_value", path .. ": " .. (err and err.message or "an array of calls expected"))
  end
  return list
end

-- The words of a call's arguments: as on a command line, arrays and tuples as JSON.
local function words_of(arguments)
  local words = {}
  for i = 1, #(arguments or {}) do
    local word = arguments[i]
    if type(word) == "number" then
      if word % 1 ~= 0 or math.abs(word) >= 2 ^ 53 then
        return errors.fail("invalid_value", "argument " .. i .. ": write large and broken numbers as text")
      end
      word = string.format("%.0f", word)
    end
    words[i] = type(word) == "string" and word or json.encode(word)
  end
  return words
end

function batch.run(args, console)
  local list, err = read(args.file, console)
  if not list then return nil, err end
  local session, wallet, settings = sessions.open(args, console, { keys = true })
  if not session then return nil, wallet end
  local calls = {}
  for i = 1, #list do
    local entry, where = list[i], args.file .. ": call " .. i
    if type(entry) ~= "table" then return errors.fail("invalid_value", where .. ": an object expected") end
    for name, value in pairs(entry) do
      if type(value) ~= MEMBERS[name] then
        return errors.fail("invalid_value", where .. ": " .. errors.printable(name, 60)
          .. (MEMBERS[name] and " must be a " .. MEMBERS[name] or " is no member of a call"))
      end
    end
    if not entry.to then return errors.fail("invalid_value", where .. ": to is missing") end
    local words
    words, err = words_of(entry.arguments)
    if not words then return errors.within(err, where) end
    calls[i], err = sessions.call({ to = entry.to, signature = entry.signature, arguments = words,
      value = entry.value or "0" }, settings)
    if not calls[i] then return errors.within(err, where) end
  end
  return receipts.of_sending(console, session, calls, "sending " .. #calls .. " calls ...")
end

return batch
