--- `rise send TO SIGNATURE [ARG…]`: one call by a session.
-- @module rise.cli.send

local connection = require "rise.cli.connection"
local receipts = require "rise.cli.receipts"
local secrets = require "rise.cli.secrets"
local sessions = require "rise.cli.sessions"

local send = {
  name = "send",
  summary = "Make a call with a session, and wait until it is final.",
  devnet = true,
  output = receipts.OUTPUT,
}

function send.add_to_parser(command)
  sessions.add_call_arguments(command)
  command:option("-s --session", "The session's name or id; without it the only one in the store.")
  connection.add_to_parser(command)
  secrets.add_passphrase(command)
end

function send.run(args, console)
  local session, wallet, settings = sessions.open(args, console, { keys = true })
  if not session then return nil, wallet end
  local call, err = sessions.call(args, settings)
  if not call then return nil, err end
  return receipts.of_sending(console, session, { call }, "sending ...")
end

return send
