--- The node's methods: reads, receipts, logs, raw transactions.
-- @classmod rise.Chain

local check = require "rise.check"
local contracts = require "rise.contracts"
local errors = require "rise.errors"
local json = require "rise.json"
local quantity = require "rise.quantity"

local Chain = {}
Chain.__index = Chain
Chain.__name = "rise.chain"

--- A client of a node.
-- @tparam table options `rpc`: a @{rise.Rpc}
-- @treturn Chain
function Chain.new(options)
  check.options(options, { rpc = "table!" }, "chain.new")
  return setmetatable({ rpc = options.rpc, loop = options.rpc.loop }, Chain)
end

--- Any method of the node.
-- @treturn[1] any its result
-- @treturn[2] nil
-- @treturn[2] table as @{rise.Rpc:call}
function Chain:request(method, params)
  return self.rpc:call(method, params)
end

local function decoded(decode, method, value, err)
  if value == nil then return nil, err end
  local number
  number, err = decode(value)
  if not number then return errors.fail("node", method .. ": " .. err.message) end
  return number
end

local function number_of(self, method, params, options)
  return decoded(quantity.number, method, self.rpc:call(method, params, options))
end

local function bytes_of(self, method, params, options)
  local result, err = self.rpc:call(method, params, options)
  if result == nil then return nil, err end
  if type(result) ~= "string" or not result:find("^0x%x*$") or #result % 2 ~= 0 then
    return errors.fail("node", method .. ": the node answered something that is not 0x text")
  end
  return result
end

-- An object or list; nil, nil for null.
local function object_of(self, method, params, options)
  local result, err = self.rpc:call(method, params, options)
  if result == nil then return nil, err end
  if result == json.null then return nil end
  if type(result) ~= "table" then return errors.fail("node", method .. ": the node answered a " .. type(result)) end
  return result
end

function Chain:chain_id()
  return number_of(self, "eth_chainId", json.array {})
end

--- @tparam[opt] table options `timeout` in seconds
function Chain:block_number(options)
  return number_of(self, "eth_blockNumber", json.array {}, options)
end

--- A block without its transactions' contents; nil, nil when there is none.
function Chain:block(tag)
  return object_of(self, "eth_getBlockByNumber", { tag or "latest", false })
end

--- Balance in wei.
function Chain:get_balance(address, tag)
  return decoded(quantity.decode, "eth_getBalance", self.rpc:call("eth_getBalance", { address, tag or "latest" }))
end

function Chain:get_nonce(address, tag)
  return number_of(self, "eth_getTransactionCount", { address, tag or "latest" })
end

function Chain:get_code(address, tag)
  return bytes_of(self, "eth_getCode", { address, tag or "latest" })
end

--- Runs a call without a transaction.
-- @tparam table call members of `eth_call` (`to`, `data`, `from`, `value`, `gas`, `authorizationList`), and
-- `overrides` (state override set) and `block` (tag)
-- @treturn[1] string what it returned, 0x text
-- @treturn[2] nil
-- @treturn[2] table `reverted` with the revert bytes in `err.data`, or as @{rise.Rpc:call}
function Chain:call(call)
  local params = { {
    to = call.to, data = call.data, from = call.from, value = call.value, gas = call.gas,
    authorizationList = call.authorizationList,
  }, call.block or "latest" }
  params[3] = call.overrides
  local result, err = bytes_of(self, "eth_call", params)
  if result then return result end
  if err.code == "rpc" and type(err.data) == "string" and err.data:find("^0x%x*$") then
    return errors.fail("reverted", "eth_call: " .. err.rpc_message, { data = err.data })
  end
  return nil, err
end

--- What a view function of a contract says.
-- @tparam string address
-- @param item of @{rise.contracts}
-- @tparam table values its arguments
-- @treturn[1] table|boolean the outputs; false when there is no code
-- @treturn[2] nil
-- @treturn[2] table as @{Chain:call}
function Chain:read(address, item, values)
  local result, err = self:call { to = address, data = assert(contracts.encode_call(item, values)) }
  if not result then return nil, err end
  if result == "0x" then return false end
  return contracts.decode_outputs(item, result)
end

--- The receipt of a transaction; nil, nil while there is none.
function Chain:receipt(hash)
  return object_of(self, "eth_getTransactionReceipt", { hash })
end

-- A node that fails for so many seconds on end is given up.
local DEAD_SECONDS = 1

--- Looks for a receipt until it is there.
-- @tparam string hash
-- @tparam[opt=60] number timeout seconds
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] table node, when it has none by then; network, timeout when it cannot be asked; or as @{rise.Rpc:call}
function Chain:wait_receipt(hash, timeout)
  timeout = timeout or 60
  local started = self.loop:now()
  local answered, pause = started, 0.01
  while true do
    local receipt, err = object_of(self, "eth_getTransactionReceipt", { hash },
      { timeout = math.min(self.rpc.timeout, DEAD_SECONDS) })
    if receipt then return receipt end
    local now = self.loop:now()
    if not err then
      answered = now
    elseif not err.retryable or now - answered >= DEAD_SECONDS then
      return nil, err
    end
    if now - started >= timeout then
      return nil, err or errors.new("node", string.format("the node has no receipt of %s after %g s", hash, timeout))
    end
    local slept
    slept, err = self.loop:sleep(pause)
    if not slept then return nil, err end
    pause = math.min(pause * 1.5, 0.5)
  end
end

--- Logs that match a filter (`fromBlock`, `toBlock`, `address`, `topics`).
function Chain:logs(filter)
  return object_of(self, "eth_getLogs", { filter })
end

--- Sends a transaction from an account that the node holds unlocked (a development node).
-- @treturn[1] string its hash
function Chain:send_transaction(transaction)
  return bytes_of(self, "eth_sendTransaction", { transaction }, { once = true })
end

--- Sends a signed transaction.
-- @tparam string raw 0x text
-- @treturn[1] string its hash
function Chain:send_raw(raw)
  return bytes_of(self, "eth_sendRawTransaction", { raw }, { once = true })
end

-- How long a node is left waiting for a receipt. It gives up after some seconds itself, and can be asked again.
local WAIT_SECONDS = 5

-- What nodes call a method that they do not have.
local NO_SUCH_METHOD = { [-32601] = true, [-32600] = true, [-32004] = true }

--- Sends a signed transaction and has the node wait for its receipt (EIP-7966). A node that cannot do that is
-- remembered, and only asked to send.
-- @tparam string raw 0x text
-- @treturn[1] table|string its receipt, or its hash from a node that does not wait
-- @treturn[2] nil
-- @treturn[2] table as @{rise.Rpc:call}
function Chain:send_raw_sync(raw)
  if not self.cannot_wait then
    local result, err = self.rpc:call("eth_sendRawTransactionSync", { raw },
      { once = true, timeout = math.min(self.rpc.timeout, WAIT_SECONDS) })
    if result == nil and not (err.code == "rpc" and NO_SUCH_METHOD[err.rpc_code]) then return nil, err end
    if type(result) == "table" or type(result) == "string" then return result end
    if result ~= nil then
      return errors.fail("node", "eth_sendRawTransactionSync: the node answered a " .. type(result))
    end
    self.cannot_wait = true
  end
  return self:send_raw(raw)
end

return Chain
