--- `rise status ID`: what became of a bundle.
-- @module rise.cli.status

local connection = require "rise.cli.connection"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"

local status = {
  name = "status",
  summary = "Show what the relay says of a bundle.",
  devnet = true,
  output = { { "id", "string", "of the bundle" }, { "status", "number", "as the relay numbers it" },
    { "state", "string", "pending, done, failed (never mined) or reverted" },
    { "transaction_hash", "string", "or null" }, { "block_number", "string", "0x text, or null" },
    { "explorer_url", "string", "or null" } },
}

function status.add_to_parser(command)
  command:argument("id", "The bundle's id: 0x and 64 hex digits.")
  command:flag("--watch", "Wait until it is final.")
  connection.add_to_parser(command)
end

local FIRST_PAUSE, LAST_PAUSE = 0.2, 2

local function state_of(code)
  if code < 200 then return "pending" end
  if code < 300 then return "done" end
  return code < 400 and "failed" or "reverted"
end

function status.run(args, console)
  local id = core.unhex(args.id)
  if not id or #id ~= 32 then
    return errors.fail("invalid_value", "id " .. errors.printable(args.id, 80) .. ": 0x and 64 hex digits expected")
  end
  local wallet, err = connection.open(args, console)
  if not wallet then return nil, err end
  local answer
  local pause = FIRST_PAUSE
  while true do
    answer, err = wallet.relay:get_calls_status(core.hex(id))
    if not answer then return nil, err end
    if type(answer.status) ~= "number" then return errors.fail("relay", "the relay's answer has no status") end
    if answer.status >= 200 or not args.watch then break end
    console:progress("pending ...")
    local slept
    slept, err = require("rise").sleep(pause)
    if not slept then return nil, err end
    pause = math.min(pause * 1.5, LAST_PAUSE)
  end
  console:clear()
  local hash, block = json.get(answer, "receipts", 1, "transactionHash"), json.get(answer, "receipts", 1, "blockNumber")
  hash = type(hash) == "string" and errors.printable(hash, 66) or nil
  local result = { id = core.hex(id), status = answer.status, state = state_of(answer.status),
    transaction_hash = hash or json.null, block_number = type(block) == "string" and block or json.null,
    explorer_url = hash and wallet:explorer_url(hash) or json.null }
  console:result(result, function()
    console:print(result.state .. " (" .. string.format("%.0f", result.status) .. ")")
    if hash then console:print("transaction " .. hash) end
    if result.explorer_url ~= json.null then console:print("explorer    " .. result.explorer_url) end
  end)
  return ({ pending = 4, done = 0 })[result.state] or 1
end

return status
