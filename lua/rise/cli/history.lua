--- `rise history`: what the store knows of bundles that were sent.
-- @module rise.cli.history

local connection = require "rise.cli.connection"
local json = require "rise.json"
local permissions = require "rise.permissions"

local history = {
  name = "history",
  summary = "List the bundles in the store, newest last.",
  output = { { "bundles", "array",
    "of {id, session, account, chain_id, state, actions, created, transaction_hash, code, message}" } },
  examples = { "rise history --store fresh.db --json" },
}

function history.add_to_parser(command)
  command:option("--session", "Only those of this session's id.")
  command:option("--store", "File that keeps sessions and the journal.")
  command:option("-n --limit", "At most so many, the newest.", "50"):convert(function(text)
    local number = tonumber(text)
    if number and number >= 1 and number % 1 == 0 then return number end
    return nil, text .. " is no whole number from 1"
  end)
end

-- An entry of the journal as --json prints it.
local function plain(entry)
  local outcome = entry.outcome or {}
  local function given(value) return value == nil and json.null or value end
  return {
    id = entry.id, session = given(entry.session), account = entry.account, chain_id = entry.chain_id,
    state = entry.state, actions = #(entry.actions or {}), created = entry.created,
    transaction_hash = given(outcome.transaction_hash), code = given(outcome.code), message = given(outcome.message),
  }
end

function history.run(args, console)
  local settings, err = connection.settings(args, console)
  if not settings then return nil, err end
  local store
  store, err = connection.store(settings, console)
  if not store then return nil, err end
  local entries
  entries, err = store:bundles { session = args.session }
  store:close()
  if not entries then return nil, err end
  local list = json.array {}
  for i = math.max(1, #entries - args.limit + 1), #entries do list[#list + 1] = plain(entries[i]) end
  return console:result({ bundles = list }, function()
    if #list == 0 then return console:note("the store has no bundles") end
    local rows = {}
    for i, entry in ipairs(list) do
      rows[i] = { permissions.time_text(entry.created), entry.state, tostring(entry.actions), entry.id:sub(1, 18),
        entry.transaction_hash ~= json.null and entry.transaction_hash
          or entry.message ~= json.null and entry.message or "" }
    end
    console:table({ "sent", "state", "actions", "bundle", "transaction" }, rows)
  end)
end

return history
