--- A funded key that pays for transactions: its nonces, what it offers for gas, and what nodes say to it.
--
-- Nonces are counted here, so that several transactions can be on their way at a time. One program at a time should
-- use a key; what others send by it all the same is noticed, and the nonces are counted anew.
-- @classmod rise.GasKey

local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"
local quantity = require "rise.quantity"

local GasKey = {}
GasKey.__index = GasKey
GasKey.__name = "rise.gas_key"
GasKey.__tostring = function(gas) return "rise.gas_key: " .. gas.address end

local PRICE_SECONDS = 10 -- how long a look at prices and at the chain's clock is good for
local FILLER_GAS = 21000

--- @tparam table options `loop`, `chain`, `chain_id`, `key` (secp256k1), `max_in_flight`
-- @treturn GasKey
function GasKey.new(options)
  return setmetatable({
    loop = options.loop, chain = options.chain, chain_id = options.chain_id, key = options.key,
    max_in_flight = options.max_in_flight,
    address = core.hex(options.key:address()),
    places = options.loop:semaphore(options.max_in_flight),
    lock = options.loop:mutex(),
    next = nil,       -- the nonce after the highest given out; nil: not known yet
    free = {},        -- nonces below it that were given back unused
    held = {},        -- nonces that somebody here works on
    doubtful = false, -- whether a transaction was left whose end is not known
  }, GasKey)
end

-- ---- nonces ----------------------------------------------------------------------------------------------------

local function lowest(free)
  local found
  for nonce in pairs(free) do
    if not found or nonce < found then found = nonce end
  end
  return found
end

-- Runs a function that may wait, alone.
local function alone(gas, fn, ...)
  local held, err = gas.lock:acquire()
  if not held then return nil, err end
  local result
  result, err = fn(gas, ...)
  gas.lock:release()
  return result, err
end

local function take(gas)
  if not gas.next or (gas.doubtful and next(gas.held) == nil) then
    local count, err = gas.chain:get_nonce(gas.address, "pending")
    if not count then return nil, err end
    gas.next, gas.free, gas.doubtful = count, {}, false
  end
  local nonce = lowest(gas.free)
  if nonce then
    gas.free[nonce] = nil
  else
    while gas.held[gas.next] do gas.next = gas.next + 1 end
    nonce, gas.next = gas.next, gas.next + 1
  end
  gas.held[nonce] = true
  return nonce
end

--- A nonce for a transaction. @{GasKey:give_back} must follow.
-- @treturn[1] number
-- @treturn[2] nil
-- @treturn[2] table network, node …
function GasKey:take()
  return alone(self, take)
end

-- A nonce below others in flight that nobody works on holds them all up: an empty transaction takes it.
local function fill(gas, nonce)
  if gas.held[nonce] or nonce >= (gas.next or 0) then return true end
  gas.free[nonce] = nil
  local price, err = gas:price()
  if not price then return nil, err end
  local filler
  filler, err = gas:sign({ to = gas.address, gas = core.u256(FILLER_GAS) }, nonce, price)
  if not filler then return nil, err end
  local sent
  sent, err = gas.chain:send_raw(filler.raw)
  local meaning = sent and "known" or GasKey.meaning(err)
  if meaning ~= "known" and meaning ~= "taken" then gas.free[nonce] = true end
  return true
end

--- Ends the work on a nonce.
-- @tparam number nonce
-- @tparam string what became of it: "used"; "unused", when no node can have a transaction with it; "unknown"
function GasKey:give_back(nonce, what)
  if not self.held[nonce] then return end
  self.held[nonce] = nil
  if what == "unused" then
    self.free[nonce] = true
    while self.next > 0 and self.free[self.next - 1] do
      self.next = self.next - 1
      self.free[self.next] = nil
    end
    if self.free[nonce] and next(self.held) ~= nil then self.loop:spawn(alone, self, fill, nonce) end
  elseif what == "unknown" then
    self.doubtful = true
  end
end

local function skip(gas, nonce)
  local count, err = gas.chain:get_nonce(gas.address, "pending")
  if not count then return nil, err end
  gas.next = math.max(gas.next or 0, count, nonce + 1)
  for free in pairs(gas.free) do
    if free <= nonce then gas.free[free] = nil end
  end
  return true
end

--- The node lacks transactions before this nonce: the next are counted from what it knows.
function GasKey:recount(nonce)
  self.held[nonce] = nil
  self.next = nil
end

--- Somebody else has used this nonce, or is about to: the next are counted from what the node knows.
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table network, node …
function GasKey:skip(nonce)
  self.held[nonce] = nil
  return alone(self, skip, nonce)
end

--- Lets the transaction with this nonce go on where an earlier one is missing.
-- @treturn[1] number how many transactions of the key the chain has
-- @treturn[2] nil
-- @treturn[2] table network, node …
function GasKey:mend(nonce)
  local count, err = self.chain:get_nonce(self.address, "latest")
  if not count then return nil, err end
  if count < nonce and not self.held[count] then
    local filled
    filled, err = alone(self, fill, count)
    if not filled then return nil, err end
  end
  return count
end

-- ---- prices ----------------------------------------------------------------------------------------------------

local function amount(value, err)
  if value == nil then return nil, err end
  return quantity.decode(value)
end

-- What the next block asks for at least, and what its makers want on top.
local function ask_prices(gas)
  local history, err = gas.chain:request("eth_feeHistory", { "0x5", "latest", json.array { 50 } })
  if not history and err.code ~= "rpc" then return nil, err end
  local fees, rewards = json.get(history or {}, "baseFeePerGas"), json.get(history or {}, "reward")
  local base = type(fees) == "table" and amount(fees[#fees])
  local tip = amount(gas.chain:request("eth_maxPriorityFeePerGas", json.array {}))
  for _, reward in ipairs(not tip and type(rewards) == "table" and rewards or {}) do
    local median = amount(json.get(reward, 1))
    if median and (not tip or median > tip) then tip = median end
  end
  if base then return { base = base, tip = tip or core.u256(0) } end
  base, err = amount(gas.chain:request("eth_gasPrice", json.array {}))
  if not base then return nil, err end
  return { base = base, tip = tip and tip < base and tip or core.u256(0) }
end

-- Prices and the clock of the chain, looked at now and then.
local function look(gas)
  local now = gas.loop:now()
  if gas.seen and now - gas.seen.at < PRICE_SECONDS then return gas.seen end
  local block, err = gas.chain:block("latest")
  local seen = block and { at = now }
  if block then seen.time, err = quantity.number(block.timestamp) end
  if seen and seen.time then
    local price
    price, err = ask_prices(gas)
    if price then
      seen.price = price
      gas.seen = seen
      return seen
    end
  end
  return nil, err or errors.new("node", "the node has no latest block")
end

--- What a transaction offers for gas: room for the base fee to double.
-- @treturn[1] table `max` and `tip` (of a unit of gas), `expected` (what it comes to if it is mined now), u256
-- @treturn[2] nil
-- @treturn[2] table network, node …
function GasKey:price()
  local seen, err = look(self)
  if not seen then return nil, err end
  local price = seen.price
  return { max = price.base + price.base + price.tip, tip = price.tip, expected = price.base + price.tip }
end

--- Forgets what was seen of prices.
function GasKey:look_again()
  self.seen = nil
end

--- What a transaction must offer to take the place of another: a quarter more, or what is asked now if that is more.
-- Nodes want a tenth.
function GasKey:bumped(transaction)
  self:look_again()
  local price, err = self:price()
  if not price then return nil, err end
  for _, name in ipairs { "max", "tip" } do
    local raised = transaction[name] + transaction[name]:div(4) + 1
    if price[name] < raised then price[name] = raised end
  end
  if price.max < price.tip then price.max = price.tip end
  return price
end

--- The clock of the chain, not more than some seconds ago.
-- @treturn[1] number unix seconds
-- @treturn[2] nil
-- @treturn[2] table network, node …
function GasKey:chain_time()
  local seen, err = look(self)
  if not seen then return nil, err end
  return seen.time
end

-- ---- transactions ----------------------------------------------------------------------------------------------

--- Signs a transaction.
-- @tparam table call `to`, `data`, `gas`, `authorizationList`
-- @tparam number nonce
-- @tparam table price `max`, `tip`
-- @treturn[1] table `raw`, `hash` (0x text), `from`, `nonce`, `max`, `tip`
-- @treturn[2] nil
-- @treturn[2] table invalid_key when the key was wiped
function GasKey:sign(call, nonce, price)
  if not self.key:is_open() then return errors.fail("invalid_key", "the gas key was wiped") end
  local raw, hash = core.tx_sign({
    type = call.authorizationList and "eip7702" or "eip1559", chainId = self.chain_id, nonce = nonce, gas = call.gas,
    maxFeePerGas = price.max, maxPriorityFeePerGas = price.tip, to = call.to, data = call.data,
    authorizationList = call.authorizationList,
  }, self.key)
  if not raw then return nil, hash end
  return { raw = core.hex(raw), hash = core.hex(hash), from = self.address, nonce = nonce, max = price.max,
    tip = price.tip }
end

-- What nodes say of a transaction that they do not take, or took already. Geth's words, reth's, anvil's and others';
-- the first that is found decides.
local SAYINGS = {
  { "already known", "known" }, { "already imported", "known" }, { "known transaction", "known" },
  { "already in mempool", "known" }, { "already exists", "known" },
  { "replacement", "taken" }, { "could not replace", "taken" },
  { "nonce too low", "taken" }, { "nonce is too low", "taken" }, { "already been used", "taken" },
  { "old nonce", "taken" },
  { "nonce too high", "ahead" }, { "nonce gap", "ahead" }, { "gapped", "ahead" },
  { "insufficient funds", "poor" }, { "insufficient balance", "poor" }, { "not enough funds", "poor" },
  { "less than block base fee", "cheap" }, { "underpriced", "cheap" }, { "fee too low", "cheap" },
  { "below base fee", "cheap" }, { "tip too low", "cheap" }, { "gas price too low", "cheap" },
}

-- EIP-7966: sent, but not mined while the node waited; or not ready to be.
local WAITS = { [4] = true, [5] = true, [-32002] = true }

--- What an error means that a node answered to a transaction.
-- @tparam table err of @{rise.Chain:send_raw_sync}
-- @treturn string "known": the node has it; "taken": its nonce belongs to another transaction; "ahead": earlier ones
-- are missing; "poor", "cheap", "refused": not taken; "unsent": it never arrived; "unsure": it may have arrived
function GasKey.meaning(err)
  if err.sent == false then return "unsent" end
  if err.rpc_code == nil or (err.http_status or 0) >= 500 then return "unsure" end
  if WAITS[err.rpc_code] then
    local hash = type(err.data) == "string" and err.data:find("^0x%x+$") and #err.data == 66
    return hash and "known" or "unsure"
  end
  local said = err.rpc_message:lower()
  for _, saying in ipairs(SAYINGS) do
    if said:find(saying[1], 1, true) then return saying[2] end
  end
  return "refused"
end

local function ether(number)
  return core.units_format(number, 18) .. " ether"
end

--- The key cannot pay: says how much is missing.
-- @tparam u256 need
-- @treturn nil
-- @treturn table insufficient_funds, with `address`, `balance` and `need`
function GasKey:poor(need)
  local balance = self.chain:get_balance(self.address)
  return errors.fail("insufficient_funds", string.format("the gas key %s has %s and needs %s for this transaction",
    self.address, balance and ether(balance) or "too little", ether(need)),
    { address = self.address, balance = balance, need = need, hint = "send native currency to " .. self.address })
end

return GasKey
