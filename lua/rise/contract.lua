--- A contract by its ABI: reads, and calls ready to send.
--
--     local stk = wallet:contract(STK, { "function mint(address,uint256)",
--                                        "function balanceOf(address) view returns (uint256)" })
--     local balance = assert(stk:balanceOf(player))     -- view and pure functions are read at once
--     session:send { stk:mint(player, amount) }         -- others give a call to be sent
--
-- A function whose name is taken or overloaded is reached by its signature: `stk["mint(address,uint256)"](stk, …)`.
-- Arguments that do not fit raise; what the chain answers comes back as `nil, err`.
-- @classmod rise.Contract

local check = require "rise.check"
local compat = require "rise.compat"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"
local quantity = require "rise.quantity"
local revert = require "rise.revert"

local Contract = {}

-- JSON ABI to the human-readable line that the core compiles.

local function json_parameter(parameter)
  local kind = parameter.type
  if type(kind) ~= "string" then error("a JSON ABI parameter has no type", 0) end
  if kind:sub(1, 5) == "tuple" then
    local parts = {}
    for i, component in ipairs(parameter.components or {}) do parts[i] = json_parameter(component) end
    kind = "(" .. table.concat(parts, ",") .. ")" .. kind:sub(6)
  end
  return kind .. (parameter.indexed == true and " indexed" or "")
    .. (type(parameter.name) == "string" and parameter.name ~= "" and " " .. parameter.name or "")
end

local function json_parameters(list)
  local parts = {}
  for i, parameter in ipairs(type(list) == "table" and list or {}) do parts[i] = json_parameter(parameter) end
  return "(" .. table.concat(parts, ",") .. ")"
end

local function json_line(item)
  local kind = item.type or "function"
  local line = kind .. (item.name and kind ~= "constructor" and " " .. item.name or "") .. json_parameters(item.inputs)
  if kind == "event" and item.anonymous == true then line = line .. " anonymous" end
  if kind == "receive" or kind == "fallback" then line = line .. " external" end
  if item.stateMutability and item.stateMutability ~= "nonpayable" then line = line .. " " .. item.stateMutability end
  if kind == "function" and item.outputs and #item.outputs > 0 then
    line = line .. " returns " .. json_parameters(item.outputs)
  end
  return line
end

--- Compiles an ABI: human-readable lines, a JSON ABI text, or its decoded array.
-- @tparam table|string abi
-- @treturn[1] table array of compiled items
-- @treturn[2] nil
-- @treturn[2] table invalid_abi, naming the entry
function Contract.compile(abi)
  if type(abi) == "string" then
    local decoded, err = json.decode(abi)
    if not decoded then return nil, err end
    abi = decoded
  end
  if type(abi) ~= "table" then return errors.fail("invalid_abi", "an ABI is an array of lines or of JSON items") end
  if type(abi.abi) == "table" then abi = abi.abi end -- a compiler's artifact
  local structs, lines = {}, {}
  for i, entry in ipairs(abi) do
    local line = entry
    if type(entry) == "table" then
      local ok
      ok, line = pcall(json_line, entry)
      if not ok then return errors.fail("invalid_abi", "abi[" .. i .. "]: " .. tostring(line)) end
    end
    if type(line) ~= "string" then return errors.fail("invalid_abi", "abi[" .. i .. "] is no text and no table") end
    if line:find("^%s*struct%s") then
      structs[#structs + 1] = line
    else
      lines[#lines + 1] = { line, i }
    end
  end
  local definitions = table.concat(structs, " ")
  local items = {}
  for _, entry in ipairs(lines) do
    local item, err = core.abi(entry[1], definitions)
    if not item then return errors.within(err, "abi[" .. entry[2] .. "]") end
    items[#items + 1] = item
  end
  return items
end

local function is_read(item)
  local mutability = item:mutability()
  return mutability == "view" or mutability == "pure"
end

-- Positional arguments of a method call; one more table behind them holds options.
local function arguments(item, ...)
  local count, given = #item:inputs(), select("#", ...)
  local args = { ... }
  local options
  if given == count + 1 and type(args[given]) == "table" then
    options = args[given]
    args[given] = nil
  elseif given ~= count then
    error(string.format("%s takes %d arguments, got %d", item:signature(), count, given), 3)
  end
  return args, options
end

-- The call data, or an error that blames who called the method.
local function encoded(item, args)
  local data, err = item:calldata(args)
  if not data then error(item:signature() .. ": " .. err.message, 3) end
  return data
end

local function read(contract, item, data, options)
  local chain = contract.wallet.chain
  if not chain then
    return errors.fail("unsupported", "reading a contract needs an RPC endpoint: connect with rpc = \"http://…\"")
  end
  local block = options.block
  if type(block) == "number" then block = quantity.encode(block) end
  local result, err = chain:call { to = contract.address, data = data, from = options.from, block = block }
  if not result then
    if err.code ~= "reverted" then return nil, err end
    return nil, revert.to_error(err.data, { items = contract.wallet.abi_items })
  end
  if result == "0x" and #item:outputs() > 0 then
    return errors.fail("node", string.format("%s: there is no such contract at %s", item:signature(), contract.address))
  end
  local values
  values, err = item:decode_outputs(core.unhex(result))
  if not values then return errors.within(err, item:signature() .. " returned") end
  if #item:outputs() == 0 then return true end
  return compat.unpack(values, 1, #item:outputs())
end

local READ_OPTIONS = { from = "string", block = "string|number" }
local CALL_OPTIONS = { value = "u256|number|string" }

-- What blames the caller counts stack frames: no tail calls to what raises.
local function method_of(item)
  if is_read(item) then
    return function(contract, ...)
      local args, options = arguments(item, ...)
      options = check.options(options, READ_OPTIONS, item:signature())
      if options.from then check.address(options.from, item:signature() .. ": from") end
      local data = encoded(item, args)
      return read(contract, item, data, options)
    end
  end
  return function(contract, ...)
    local args, options = arguments(item, ...)
    options = check.options(options, CALL_OPTIONS, item:signature())
    if options.value and item:mutability() ~= "payable" then
      error(item:signature() .. " is not payable: it takes no value", 2)
    end
    return {
      to = contract.address,
      value = check.amount(options.value or 0, "value"),
      data = encoded(item, args),
      signature = item:signature(),
    }
  end
end

local metatable = {
  __name = "rise.contract",
  __index = function(contract, name)
    local method = rawget(contract, "methods")[name]
    if method == nil and type(name) == "string" then
      error(string.format("the ABI of %s has no function %s", contract.address, name), 2)
    end
    return method
  end,
  __tostring = function(contract) return "rise.contract: " .. contract.address end,
}

--- A contract at an address. Made by @{rise.Wallet:contract}.
-- @treturn[1] Contract
-- @treturn[2] nil
-- @treturn[2] table invalid_abi
function Contract.new(wallet, address, abi)
  local items, err = Contract.compile(abi)
  if not items then return nil, err end
  local methods, seen = {}, {}
  for _, item in ipairs(items) do
    local kind = item:kind()
    if kind == "function" then
      local name, method = item:name(), method_of(item)
      methods[item:signature()] = method
      if seen[name] then
        methods[name] = function()
          error(string.format("%s is overloaded: name it by its signature, contract[%q]", name, item:signature()), 2)
        end
      else
        methods[name] = method
      end
      seen[name] = true
    elseif kind == "error" then
      local known = false
      for _, other in ipairs(wallet.abi_items) do known = known or other:signature() == item:signature() end
      if not known then wallet.abi_items[#wallet.abi_items + 1] = item end
    end
  end
  return setmetatable({ wallet = wallet, address = address, items = items, methods = methods }, metatable)
end

return Contract
