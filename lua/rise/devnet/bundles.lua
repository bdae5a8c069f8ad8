--- Bundles on their way to the chain: the queue, the sending, and what became of them.
--
-- One transaction per account is in flight; behind it a few may wait, any more fail at once, without a reason given,
-- as upstream. A bundle is verified by a dry run of the very call before gas is spent on it.
-- @classmod rise.devnet.Bundles

local core = require "rise.core"
local errors = require "rise.errors"
local intent = require "rise.intent"
local json = require "rise.json"

local View = require "rise.devnet.view"

local Bundles = {}
Bundles.__index = Bundles

-- anvil stalls for good at about two thousand unmined transactions.
local MAX_IN_FLIGHT = 100
local MAX_KEPT = 10000
local TRANSACTION_SECONDS = 60
local SUCCESS = "0x" .. string.rep("0", 64) -- what a dry run of `execute` returns: no error
local NO_ERROR = "0x00000000"

--- The way to the chain.
-- @tparam table options `loop`, `chain`, `chain_id`, `orchestrator`, `senders` (unlocked accounts), `max_queued` (per
-- account, behind the one in flight), `find_account(view, address)`, `on_landed(job)`, `log`
-- @treturn Bundles
function Bundles.new(options)
  return setmetatable({
    loop = options.loop, chain = options.chain, chain_id = options.chain_id, orchestrator = options.orchestrator,
    senders = options.senders, max_queued = options.max_queued, find_account = options.find_account,
    on_landed = options.on_landed, log = options.log,
    bundles = {}, order = {}, first = 1,
    queues = {}, ready = {}, in_flight = 0, turn = 0, sending = {},
  }, Bundles)
end

-- ---- what is remembered --------------------------------------------------------------------------------------

local function is_final(bundle)
  for _, transaction in ipairs(bundle.transactions) do
    if transaction.state == "pending" and not transaction.stuck then return false end
  end
  return true
end

local function forget_oldest(self)
  while #self.order - self.first + 1 > MAX_KEPT do
    local id = self.order[self.first]
    if not is_final(self.bundles[id]) then return end
    self.bundles[id] = nil
    self.order[self.first] = nil
    self.first = self.first + 1
  end
end

-- A quote that is sent twice is one bundle with two transactions, as upstream: the second cannot succeed, and spoils
-- the status of the first.
local function remember(self, id)
  local bundle = self.bundles[id]
  if not bundle then
    bundle = { id = id, transactions = {} }
    self.bundles[id] = bundle
    self.order[#self.order + 1] = id
    forget_oldest(self)
  end
  local transaction = { state = "pending" }
  bundle.transactions[#bundle.transactions + 1] = transaction
  return transaction
end

-- ---- sending ---------------------------------------------------------------------------------------------------

-- Runs the transaction's call as it would be mined. Gives nothing when it would succeed, else why not.
local function dry_run(self, job, account, sender)
  local view, err = View.new(self.chain)
  if not view then return err.message end
  local result
  result, err = view:call { from = sender, to = self.orchestrator, data = job.data, gas = job.gas,
    overrides = account.overrides }
  if not result then return err.message end
  if result ~= SUCCESS then return "the orchestrator answers " .. result:sub(1, 10) end
end

local function next_sender(self)
  self.turn = self.turn % #self.senders + 1
  return self.senders[self.turn]
end

-- A sender's transactions are handed over one after the other, since the node gives the nonce.
local function submit(self, sender, transaction)
  transaction.from = sender
  local previous = self.sending[sender]
  local task = self.loop:spawn(function()
    if previous then previous:wait() end
    previous = nil
    return self.chain:send_transaction(transaction)
  end)
  self.sending[sender] = task
  local hash, err = task:wait()
  if self.sending[sender] == task then self.sending[sender] = nil end
  return hash, err
end

-- The outcome in a receipt: the event of this account and this nonce, since pre-calls have events of their own.
local function outcome_of(self, job, receipt)
  local executed = intent.find_executed(receipt.logs, self.orchestrator, job.account, job.nonce)
  if executed and executed.err == NO_ERROR then return "confirmed" end
  return "reverted", executed and executed.err or "no event"
end

-- The receipt of a transaction. Blocks follow in milliseconds here, so the first looks come close together.
local function receipt_of(self, hash)
  local deadline, pause = self.loop:now() + TRANSACTION_SECONDS, 0.002
  while true do
    local receipt, err = self.chain:receipt(hash)
    if receipt or (err and self.loop:now() >= deadline) then return receipt, err end
    if self.loop:now() >= deadline then
      return errors.fail("timeout", "not mined within " .. TRANSACTION_SECONDS .. " s")
    end
    local slept
    slept, err = self.loop:sleep(pause)
    if not slept then return nil, err end
    pause = math.min(pause * 1.5, 0.25)
  end
end

local function run(self, job)
  local function fail(reason)
    self.log(string.format("bundle %s fails: %s", job.id, reason))
    job.transaction.state = "failed"
  end
  local view, err = View.new(self.chain)
  if not view then return fail(err.message) end
  local account
  account, err = self.find_account(view, job.account)
  if not account then return fail(err.message) end
  local sender = next_sender(self)
  job.data = assert(intent.execute_calldata(job.intent))
  local reason = dry_run(self, job, account, sender)
  if reason then return fail(reason) end
  local transaction = { to = self.orchestrator, data = job.data, gas = job.gas }
  if account.upgrade then transaction.authorizationList = { account:authorization() } end
  local hash
  hash, err = submit(self, sender, transaction)
  if not hash then return fail(err.message) end
  local receipt
  receipt, err = receipt_of(self, hash)
  if not receipt then return fail(err.message) end
  job.transaction.receipt = receipt
  job.transaction.state, err = outcome_of(self, job, receipt)
  self.log(string.format("bundle %s: %s in %s%s", job.id, job.transaction.state, hash, err and " " .. err or ""))
  if job.transaction.state == "confirmed" then self.on_landed(job) end
end

--- Sends a transaction of the relay's own.
-- @tparam table transaction `to`, `data`, `gas`
-- @treturn[1] string hash
-- @treturn[2] nil
-- @treturn[2] table
function Bundles:submit(transaction)
  return submit(self, next_sender(self), transaction)
end

-- ---- the queue -------------------------------------------------------------------------------------------------

local pump

local function work(self, queue)
  local job = table.remove(queue.jobs, 1)
  local task = self.loop:spawn(run, self, job)
  local _, err = task:wait()
  if job.transaction.state == "pending" then -- only after a fault of ours
    job.transaction.state = "failed"
    self.log("a fault while sending: " .. tostring(type(err) == "table" and (err.traceback or err.message) or err))
  end
  job.data, job.intent = nil, nil
  self.in_flight = self.in_flight - 1
  queue.size = queue.size - 1
  if queue.size > 0 then
    self.ready[#self.ready + 1] = queue
  else
    self.queues[queue.account] = nil
  end
  pump(self)
end

function pump(self)
  while self.in_flight < MAX_IN_FLIGHT and self.ready[1] do
    self.in_flight = self.in_flight + 1
    self.loop:spawn(work, self, table.remove(self.ready, 1))
  end
end

local function enqueue(self, job)
  local queue = self.queues[job.account]
  if not queue then
    queue = { account = job.account, jobs = {}, size = 0 }
    self.queues[job.account] = queue
    self.ready[#self.ready + 1] = queue
  elseif queue.size > self.max_queued then -- the one in flight counts as well
    self.log("bundle " .. job.id .. " fails: the queue of " .. job.account .. " is full")
    job.transaction.state = "failed"
    return
  end
  queue.size = queue.size + 1
  queue.jobs[#queue.jobs + 1] = job
  pump(self)
end

--- Takes a signed bundle. Whether it gets anywhere is told by @{Bundles:status}.
-- @tparam table job `id`, `account`, `nonce` (u256), `intent` (complete, signed), `gas` (u256); `hold`: seconds until
-- it goes into the queue, or true: it never does, and is pending for good
function Bundles:add(job)
  job.transaction = remember(self, job.id)
  if job.hold == true then
    job.transaction.stuck = true
  elseif job.hold then
    self.loop:spawn(function()
      self.loop:sleep(job.hold)
      enqueue(self, job)
    end)
  else
    enqueue(self, job)
  end
end

-- ---- status ----------------------------------------------------------------------------------------------------

--- The status code of a bundle out of the states of its transactions.
-- @tparam table states "pending", "failed" (never mined), "reverted" or "confirmed"
-- @treturn number 100, 300, 400, 500 or 200
function Bundles.code_of(states)
  local count = {}
  for _, state in ipairs(states) do count[state] = (count[state] or 0) + 1 end
  if count.pending then return 100 end
  if count.failed then return 300 end
  if count.reverted then return count.reverted == #states and 400 or 500 end
  return 200
end

local function receipt_json(self, receipt)
  return {
    chainId = core.u256(self.chain_id), status = receipt.status, blockHash = receipt.blockHash,
    blockNumber = receipt.blockNumber, gasUsed = receipt.gasUsed, transactionHash = receipt.transactionHash,
    logs = json.array(receipt.logs),
  }
end

--- What wallet_getCallsStatus answers.
-- @treturn table|nil nil for a bundle nobody sent
function Bundles:status(id)
  local bundle = self.bundles[id]
  if not bundle then return nil end
  local states, receipts = {}, json.array {}
  for i, transaction in ipairs(bundle.transactions) do
    states[i] = transaction.state
    if transaction.receipt then receipts[#receipts + 1] = receipt_json(self, transaction.receipt) end
  end
  return { id = id, status = Bundles.code_of(states), receipts = receipts }
end

return Bundles
