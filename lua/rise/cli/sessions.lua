--- Sessions on a command line: found by name, opened with their keys, given calls to make.
-- @module rise.cli.sessions

local connection = require "rise.cli.connection"
local core = require "rise.core"
local errors = require "rise.errors"
local values = require "rise.cli.values"

local sessions = {}

--- Where a record stands at a moment, without asking anybody.
function sessions.state_of(record, now)
  if (record.state == "pending" or record.state == "active") and now > record.expiry then return "expired" end
  return record.state
end

-- The records that a word may mean.
local function matching(records, word)
  local found = {}
  for _, record in ipairs(records) do
    if record.id == word or record.name == word then return { record } end
    if word:find "^0x" and record.id:sub(1, #word) == word:lower() then found[#found + 1] = record end
  end
  return found
end

--- Whether a name for a new session is free and can be told from an id.
function sessions.check_name(wallet, name)
  if not name:find "^[%w_][%w_.-]*$" or #name > 64 or name:find "^0x" then
    return errors.fail("invalid_value", "name " .. errors.printable(name, 80)
      .. ": up to 64 letters, digits, '_', '.' and '-' expected")
  end
  local records, err = wallet:sessions()
  if not records then return nil, err end
  for _, record in ipairs(records) do
    if record.name == name and record.state ~= "revoked" then
      return errors.fail("invalid_value", "there is a session " .. name .. " already")
    end
  end
  return true
end

--- The id that a word means in a wallet's store; without a word the only session that is not revoked.
function sessions.find(wallet, word)
  local records, err = wallet:sessions()
  if not records then return nil, err end
  local found = {}
  if word then
    found = matching(records, word)
  else
    for _, record in ipairs(records) do
      if record.state ~= "revoked" and record.chain_id == wallet.chain_id then found[#found + 1] = record end
    end
  end
  if #found == 1 then return found[1].id end
  if #found == 0 then
    return errors.fail("not_granted", word and "the store has no session " .. errors.printable(word, 80)
      or "the store has no session", { hint = "`rise session new` makes one, `rise session list` lists them" })
  end
  return errors.fail("usage", (word and errors.printable(word, 80) .. " may be one of " or "name one of ") .. #found
    .. " sessions", { hint = "`rise session list` lists them" })
end

--- Connects and opens the session that the arguments name.
-- @tparam table args `session`
-- @tparam table console
-- @tparam[opt] table options `keys = true` where it has to sign
-- @treturn[1] rise.Session
-- @treturn[1] rise.Wallet
-- @treturn[1] table settings
-- @treturn[2] nil
-- @treturn[2] table
function sessions.open(args, console, options)
  local wallet, settings = connection.open(args, console, { store = true, keys = options and options.keys })
  if not wallet then return nil, settings end
  local id, err = sessions.find(wallet, args.session)
  if not id then return nil, err end
  local session
  session, err = wallet:load_session(id)
  if not session then return nil, err end
  return session, wallet, settings
end

--- Adds `TO SIGNATURE ARG… --value` to a command.
function sessions.add_call_arguments(command)
  command:argument("to", "The contract's address, or its name in the network or the configuration.")
  command:argument("signature", "'mint(address,uint256)'; without it native currency alone is sent."):args "?"
  command:argument("arguments", "Arrays and tuples as JSON; amounts may have a unit, `5ether`."):args "*"
  command:option("--value", "Native currency to send along, as in 0.1ether.", "0")
end

--- The call that those arguments come to.
-- @treturn[1] table `{ to, value, data }`
-- @treturn[2] nil
-- @treturn[2] table
function sessions.call(args, settings)
  local to, err = connection.address(settings, args.to, "to")
  if not to then return nil, err end
  local value
  value, err = values.amount(args.value)
  if not value then return errors.within(err, "--value") end
  if not args.signature then
    if value:is_zero() then return errors.fail("usage", "a signature, or a --value to send, is missing") end
    return { to = to, value = value, data = "0x" }
  end
  if args.signature:find "^0x" then
    local bytes
    bytes, err = core.unhex(args.signature)
    if not bytes then return errors.within(err, "calldata") end
    return { to = to, value = value, data = args.signature:lower() }
  end
  local item
  item, err = core.abi(args.signature)
  if not item then return errors.within(err, "signature") end
  if item:kind() ~= "function" then
    return errors.fail("invalid_value", "signature " .. errors.printable(args.signature, 100) .. " is no function")
  end
  local list
  list, err = values.read(args.arguments or {}, item:inputs())
  if not list then return nil, err end
  local data
  data, err = item:calldata(list)
  if not data then return nil, err end
  return { to = to, value = value, data = data }
end

return sessions
