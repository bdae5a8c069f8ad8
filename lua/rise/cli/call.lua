--- `rise call TO SIGNATURE [ARG…]`: reads from a contract.
-- @module rise.cli.call

local connection = require "rise.cli.connection"
local core = require "rise.core"
local errors = require "rise.errors"
local values = require "rise.cli.values"

local call = {
  name = "call",
  summary = "Read from a contract, without a transaction.",
  devnet = true,
  examples = {
    "rise call stk 'balanceOf(address)(uint256)' 0x00000000000000000000000000000000000051ab --json",
    "rise call counter 'count()(uint256)'",
  },
  output = { { "values", "array", "what it returned: numbers as decimal text, bytes as 0x text" } },
}

function call.add_to_parser(command)
  command:argument("to", "The contract's address, or its name in the network or the configuration.")
  command:argument("signature", "With what it returns: 'balanceOf(address)(uint256)'.")
  command:argument("arguments", "Arrays and tuples as JSON."):args("*")
  connection.add_to_parser(command)
end

-- 'f(a)(b)' as the codec reads it.
local function compiled(text)
  local head, returns = text:match "^%s*(.-%))%s*(%(.*%))%s*$"
  local item, err
  if head then
    item, err = core.abi("function " .. head .. " view returns " .. returns)
  else
    item, err = core.abi(text)
  end
  if not item then return errors.within(err, "signature") end
  if item:kind() ~= "function" or #item:outputs() == 0 then
    return errors.fail("invalid_value", "signature " .. errors.printable(text, 100)
      .. " does not say what is returned, as in 'count()(uint256)'")
  end
  return item
end

function call.run(args, console)
  local item, err = compiled(args.signature)
  if not item then return nil, err end
  local list
  list, err = values.read(args.arguments, item:inputs())
  if not list then return nil, err end
  local data
  data, err = item:calldata(list)
  if not data then return nil, err end
  local wallet, settings = connection.open(args, console)
  if not wallet then return nil, settings end
  local to
  to, err = connection.address(settings, args.to, "to")
  if not to then return nil, err end
  if not wallet.chain then return errors.fail("usage", "reading from a contract needs --rpc") end
  local answer
  answer, err = wallet.chain:call { to = to, data = data }
  if not answer then
    if err.data then return nil, require("rise.revert").to_error(err.data) end
    return nil, err
  end
  if answer == "0x" then return errors.fail("node", "there is no contract at " .. to .. ", or it returned nothing") end
  list, err = item:decode_outputs(core.unhex(answer))
  if not list then return errors.within(err, "what " .. to .. " returned") end
  return console:result({ values = values.plain(list, item:outputs()) }, function(result)
    for _, value in ipairs(result.values) do console:print(values.text(value)) end
  end)
end

return call
