--- What the chain itself says of a bundle: whether its nonce is used, and by what.
--
-- The relay's word is not the last one: a bundle that was sent twice is reported as failed though it landed, and a
-- relay that was restarted has forgotten it.
-- @module rise.landing

local contracts = require "rise.contracts"
local core = require "rise.core"
local errors = require "rise.errors"
local intent = require "rise.intent"
local json = require "rise.json"
local quantity = require "rise.quantity"

local landing = {}

-- How far the chain's clock may be behind this machine's, in seconds.
local CLOCK_MARGIN = 600

-- How long a node may take to tell the latest block's number.
local NUMBER_SECONDS = 5
-- A block's number is as good as this machine's clock for so many seconds.
local FRESH_SECONDS = 60

--- The next nonce of a sequence on chain.
-- @param wallet a @{rise.Wallet}
-- @tparam string account
-- @param nonce u256: any of the sequence
-- @treturn[1] u256
-- @treturn[2] nil
-- @treturn[2] table unsupported, node, network …
function landing.next_nonce(wallet, account, nonce)
  if not wallet.chain then return errors.fail("unsupported", "asking the chain needs an RPC endpoint") end
  local sequence = intent.split_nonce(nonce)
  local values, err = wallet.chain:read(account, contracts.account.getNonce, { sequence })
  if values == nil then return nil, err end
  if not values then return intent.nonce(sequence, 0) end -- no account there yet: nothing has landed
  return values[1]
end

-- The number of a block that is certainly older than a point in time, found by halving: nodes refuse to search
-- through all there is.
local function block_before(wallet, time)
  local latest, err = wallet.chain:block("latest")
  local high = latest and quantity.number(latest.number)
  if not high then return nil, err or errors.new("node", "the node has no latest block") end
  local low = 0
  while low < high do
    local middle = math.floor((low + high) / 2)
    local block
    block, err = wallet.chain:block(string.format("0x%x", middle))
    local timestamp = block and quantity.number(block.timestamp)
    if not timestamp then return nil, err or errors.new("node", "the node lacks block " .. middle) end
    if timestamp < time then low = middle + 1 else high = middle end
  end
  return math.max(low - 1, 0)
end

local function logs_of(wallet, account, nonce, from_block)
  return wallet.chain:logs {
    address = wallet.orchestrator,
    fromBlock = string.format("0x%x", from_block),
    toBlock = "latest",
    topics = { contracts.INTENT_EXECUTED, "0x" .. string.rep("0", 24) .. account:sub(3), core.hex(nonce:bytes()) },
  }
end

-- The transaction that used the nonce up, else the last that tried; second, whether it did.
local function transaction_in(wallet, logs, account, nonce)
  local hash
  for _, log in ipairs(logs) do
    local executed = intent.find_executed({ log }, wallet.orchestrator, account, nonce)
    if executed and type(json.get(log, "transactionHash")) == "string" then
      hash = log.transactionHash
      if executed.incremented then return hash, true end
    end
  end
  return hash, false
end

-- The status of the bundle in a transaction; nil, nil while there is no receipt of it.
local function status_in(wallet, bundle, hash)
  local receipt, err = wallet.chain:receipt(hash)
  if not receipt then return nil, err end
  local executed = intent.find_executed(receipt.logs or {}, wallet.orchestrator, bundle.account, bundle.nonce)
  return { status = executed and executed.err == "0x00000000" and 200 or 400, receipts = { receipt } }
end

--- Takes note of a block that is there.
-- @tparam ?number number
function landing.note_block(wallet, number)
  if not number then return end
  wallet.seen_block = { number = number, at = wallet.loop:now() }
end

--- From which block on to look for what is sent from now on. Known from a bundle that landed just before, else asked
-- for meanwhile.
-- @treturn function gives the number, waits for it if need be; nil when the node does not tell
function landing.since(wallet)
  local seen = wallet.seen_block
  if not wallet.chain or seen and wallet.loop:now() - seen.at < FRESH_SECONDS then
    return function() return seen and seen.number end
  end
  local task = wallet.loop:spawn(function()
    local number = wallet.chain:block_number { timeout = math.min(wallet.timeout, NUMBER_SECONDS) }
    landing.note_block(wallet, number)
    return number
  end)
  return function() return (task:wait()) end
end

--- Looks for the event with which a bundle used up its nonce. One that left its nonce free does not count: the event
-- may be that of an earlier attempt.
-- @param wallet
-- @tparam table bundle `account`, `nonce`
-- @tparam number from_block
-- @treturn[1] table as @{landing.status}
-- @treturn[2] boolean false when there is none yet
-- @treturn[3] nil
-- @treturn[3] table
function landing.find(wallet, bundle, from_block)
  local logs, err = logs_of(wallet, bundle.account, bundle.nonce, from_block)
  if not logs then return nil, err or errors.new("node", "eth_getLogs: the node answered null") end
  local hash, used = transaction_in(wallet, logs, bundle.account, bundle.nonce)
  if not used then return false end
  local status
  status, err = status_in(wallet, bundle, hash)
  if status or err then return status, err end
  return false
end

--- The status of a bundle out of the chain alone, in the shape the relay gives it.
-- @param wallet a @{rise.Wallet}
-- @tparam table bundle `account`, `nonce` (u256), and where known `created` (unix seconds, before it was sent)
-- @treturn[1] table `{ status = 200 | 400, receipts = { … } }` when it landed
-- @treturn[2] boolean false when its nonce is still free
-- @treturn[3] nil
-- @treturn[3] table unknown_bundle when the nonce is used, but no event says by what; unsupported, network …
function landing.status(wallet, bundle)
  local next_nonce, err = landing.next_nonce(wallet, bundle.account, bundle.nonce)
  if not next_nonce then return nil, err end
  if next_nonce <= bundle.nonce then return false end
  local from_block = 0
  if bundle.created then
    from_block, err = block_before(wallet, bundle.created - CLOCK_MARGIN)
    if not from_block then return nil, err end
  end
  while true do
    local logs
    logs, err = logs_of(wallet, bundle.account, bundle.nonce, from_block)
    if not logs then return nil, err or errors.new("node", "eth_getLogs: the node answered null") end
    local hash = transaction_in(wallet, logs, bundle.account, bundle.nonce)
    if hash then
      local status
      status, err = status_in(wallet, bundle, hash)
      return status, err or not status and errors.new("node", "the node has no receipt of " .. hash) or nil
    end
    if from_block == 0 then
      return errors.fail("unknown_bundle", "the nonce " .. bundle.nonce:hex() .. " of " .. bundle.account
        .. " is used, but no event says by what")
    end
    from_block = 0
  end
end

return landing
