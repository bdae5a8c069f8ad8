--- `rise resume`: finds out what became of the bundles that a crash or a lost answer left unfinished.
-- @module rise.cli.resume

local Console = require "rise.cli.console"
local connection = require "rise.cli.connection"
local errors = require "rise.errors"
local json = require "rise.json"

local resume = {
  name = "resume",
  summary = "Settle the bundles that a crash left unfinished.",
  epilog = "A bundle is done, reverted, failed (it did not land and cannot any more) or unknown (nobody can tell). One "
    .. "that is still sending or accepted may land: then the exit code is " .. Console.EXIT.pending .. ".",
  output = {
    { "settled", "boolean", "whether none is left that may land" },
    { "bundles", "array", "of {id, session, account, actions, state, transaction_hash, why}" },
  },
  devnet = true,
  examples = { "rise resume --network testnet", "rise resume --network devnet --store bot/rise.db --json" },
}

function resume.add_to_parser(command)
  connection.add_to_parser(command)
  command:option("--patience", "Seconds for each bundle.", "90"):convert(function(text)
    local seconds = tonumber(text)
    if seconds and seconds >= 0 and seconds <= 86400 then return seconds end
    return nil, text .. " is not a number of seconds"
  end)
end

-- The store that is there; none is made. What is in it stays in it, the keys too: they are neither used nor shown.
local function open_store(settings, console)
  local path = settings.store or connection.store_path(console)
  local file, reason = io.open(path, "rb")
  if not file then return errors.fail("store", "the session store cannot be opened: " .. tostring(reason)) end
  local head = file:read(15)
  file:close()
  return require("rise.store")[head == "SQLite format 3" and "sqlite" or "file"] { path = path, keys = "plaintext" }
end

local function plain(report, why)
  local function given(value) return value == nil and json.null or value end
  return { id = report.id, session = given(report.session), account = report.account, state = report.state,
    actions = #(report.actions or {}), why = given(why),
    transaction_hash = given((report.receipt or report.err or {}).transaction_hash) }
end

-- What was looked at, and what is left to another program.
local function list_of(reports, left)
  local list, seen = json.array {}, {}
  for _, report in ipairs(reports) do
    seen[report.id] = true
    list[#list + 1] = plain(report, report.err and tostring(report.err))
  end
  for _, entry in ipairs(left) do
    if not seen[entry.id] then list[#list + 1] = plain(entry, "another program works on it") end
  end
  return list
end

function resume.run(args, console)
  local settings, err = connection.settings(args, console)
  if not settings then return nil, err end
  local store
  store, err = open_store(settings, console)
  if not store then return nil, err end
  local wallet, reports, left
  wallet, err = connection.open(args, console, { store = store })
  if wallet then reports, err = wallet:resume { timeout = args.patience } end
  if reports then left, err = store:bundles { unfinished = true, chain_id = wallet.chain_id } end
  if store.close then store:close() end
  if not left then return nil, err end
  local list = list_of(reports, left)
  console:result({ settled = #left == 0, bundles = list }, function()
    if #list == 0 then return console:note("nothing was left unfinished") end
    local rows = {}
    for i, line in ipairs(list) do
      rows[i] = { line.id, line.state, line.session ~= json.null and line.session or "none", tostring(line.actions),
        line.transaction_hash ~= json.null and line.transaction_hash or line.why ~= json.null and line.why or "none" }
    end
    console:table({ "bundle", "state", "session", "actions", "transaction" }, rows)
  end)
  return #left == 0 and Console.EXIT.ok or Console.EXIT.pending
end

return resume
