--- What commands print of bundles that landed.
-- @module rise.cli.receipts

local core = require "rise.core"
local json = require "rise.json"

local receipts = {}

--- The members of a receipt as --json prints it.
receipts.OUTPUT = {
  { "id", "string", "of the bundle" },
  { "status", "number", "200: it succeeded" },
  { "transaction_hash", "string", "0x text" },
  { "block_number", "number", "" },
  { "gas_used", "number", "" },
  { "fee", "string", "at most, in base units of the fee's token" },
  { "explorer_url", "string", "or null" },
  { "seconds", "number", "from prepare to confirmation, or null" },
}

local function given(value)
  if value == nil then return json.null end
  return value
end

--- A receipt as a plain table.
function receipts.plain(receipt)
  return {
    id = receipt.id, status = receipt.status, transaction_hash = given(receipt.transaction_hash),
    block_number = given(receipt.block_number), gas_used = given(receipt.gas_used),
    fee = receipt.fee and tostring(receipt.fee) or json.null, explorer_url = given(receipt.explorer_url),
    seconds = given(receipt.timing and receipt.timing.total),
  }
end

--- Prints a receipt for people, its own or one that `plain` gave.
function receipts.show(console, receipt)
  console:print("transaction " .. tostring(receipt.transaction_hash))
  if receipt.block_number ~= json.null then console:print(string.format("block       %.0f", receipt.block_number)) end
  if receipt.fee ~= json.null and receipt.fee ~= "0" then
    console:print("fee         at most " .. core.units_format(core.u256(receipt.fee), 18))
  end
  if receipt.seconds ~= json.null then console:print(string.format("took        %.0f ms", 1000 * receipt.seconds)) end
  if receipt.explorer_url ~= json.null then console:print("explorer    " .. receipt.explorer_url) end
end

--- Sends calls with a session, and prints the receipt.
-- @treturn[1] number exit code
-- @treturn[2] nil
-- @treturn[2] table as @{rise.Session:send}
function receipts.of_sending(console, session, calls, progress)
  console:progress(progress)
  local receipt, err = session:send(calls)
  console:clear()
  if not receipt then return nil, err end
  return console:result(receipts.plain(receipt), function(shown) receipts.show(console, shown) end)
end

return receipts
