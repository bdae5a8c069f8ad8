--- Revert bytes as the relay shows them: the way Rust's debug printer writes the decoded error.
-- @module rise.devnet.revert_text

local contracts = require "rise.contracts"
local core = require "rise.core"

local revert_text = {}

-- The errors of the devnet's own token, which the account system does not know.
local EXAMPLES = {
  "error InsufficientBalance(address account, uint256 balance, uint256 needed)",
  "error InsufficientAllowance(address owner, address spender, uint256 allowance, uint256 needed)",
}

local examples

local function item_of(selector)
  if not examples then
    examples = {}
    for _, line in ipairs(EXAMPLES) do
      local item = assert(core.abi(line))
      examples[core.hex(item:selector())] = item
    end
  end
  return examples[selector] or contracts.error_by_selector(selector)
end

--- `Name(Name { field: value, … })` where the selector is known and the arguments decode, else the bytes.
-- @tparam string data 0x text
-- @treturn string
function revert_text.text(data)
  local bytes = core.unhex(data)
  local item = bytes and #bytes >= 4 and item_of(data:sub(1, 10):lower())
  local values = item and item:decode(bytes:sub(5))
  if not values then return data end
  local fields = {}
  for i, input in ipairs(item:inputs()) do
    local name = input.name ~= nil and input.name ~= "" and input.name or "_" .. (i - 1)
    local value = values[i]
    if input.type == "string" then value = string.format("%q", value) end
    fields[i] = name .. ": " .. tostring(value)
  end
  local name = item:name()
  if #fields == 0 then return string.format("%s(%s)", name, name) end
  return string.format("%s(%s { %s })", name, name, table.concat(fields, ", "))
end

return revert_text
