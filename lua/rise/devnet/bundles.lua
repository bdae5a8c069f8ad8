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
-- @tparam table options `loop`, `chain`, `node`, `chain_id`, `orchestrator`, `senders` (unlocked accounts),
-- `max_queued` (per account, behind the one in flight), `find_account(view, address)`,
-- `expect_account(view, address)`, `on_landed(job)`, `log`
-- @treturn Bundles
function Bundles.new(options)
  return setmetatable({
    loop = options.loop, chain = options.chain, node = options.node, chain_id = options.chain_id,
    orchestrator = options.orchestrator, senders = options.senders, max_queued = options.max_queued,
    find_account = options.find_account, expect_account = options.expect_account, on_landed = options.on_landed,
    log = options.log,
    bundles = {}, order = {}, first = 1,
    queues = {}, ready = {}, in_flight = 0, turn = 0, sending = {},
    looking = setmetatable({}, { __mode = "v" }), -- by account: the bundle whose view nothing has passed yet
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

local function next_sender(self)
  self.turn = self.turn % #self.senders + 1
  return self.senders[self.turn]
end

-- The call of a bundle's transaction. It has its sender once and for all.
local function call_of(self, job, overrides)
  if not job.call then
    job.call = { from = next_sender(self), to = self.orchestrator, gas = job.gas,
      data = assert(intent.execute_calldata(job.intent)) }
  end
  job.call.overrides = overrides
  return job.call
end

-- Runs the transaction's call as it would be mined. Gives nothing when it would succeed, else why not.
local function dry_run(self, job, view, account)
  local result, err = view:call(call_of(self, job, account.overrides))
  if not result then return err.message end
  if result ~= SUCCESS then return "the orchestrator answers " .. result:sub(1, 10) end
end

--- Expects what a bundle's sending reads. When nobody of the same account came in between it is then sent out of that
-- view.
-- @param view a @{rise.devnet.View}
-- @tparam table job as for @{Bundles:add}
function Bundles:expect(view, job)
  if job.hold or self.queues[job.account] then return end
  self.looking[job.account] = job
  view:expect_call(call_of(self, job))
  view:expect_value("anvil_getAutomine")
end

-- A sender's transactions are handed over one after the other, since the node gives the nonce.
local function submit(self, transaction, send)
  local lock = self.sending[transaction.from]
  if not lock then
    lock = self.loop:mutex()
    self.sending[transaction.from] = lock
  end
  local ok, err = lock:acquire()
  if not ok then return nil, err end
  local result
  result, err = send(self, transaction)
  lock:release()
  return result, err
end

local function send_only(self, transaction)
  return self.chain:send_transaction(transaction)
end

-- Where each transaction is mined at once, the node answers with the receipt.
local function send_and_wait(self, transaction)
  local answers, err = self.node:ask({
    '"method":"eth_sendTransactionSync","params":' .. json.encode { transaction },
  }, { once = true, timeout = TRANSACTION_SECONDS })
  if not answers then return nil, err end
  local receipt
  receipt, err = answers[1][1], answers[1][2]
  if receipt == nil then return nil, err end
  if type(receipt) ~= "table" or type(receipt.logs) ~= "table" then
    return errors.fail("node", "eth_sendTransactionSync: the node answered something that is no receipt")
  end
  local first, last = core.json_span(answers.text, "result", "logs")
  return receipt, first and answers.text:sub(first, last)
end

-- The outcome in a receipt: the event of this account and this nonce, since pre-calls have events of their own.
local function outcome_of(self, job, receipt)
  local executed = intent.find_executed(receipt.logs, self.orchestrator, job.account, job.nonce)
  if executed and executed.err == NO_ERROR then return "confirmed" end
  return "reverted", executed and executed.err or "no event"
end

-- A receipt as JSON text, since it is asked for more than once; its logs as the node wrote them, when that is known.
local function receipt_json(self, receipt, logs)
  return json.raw(json.encode {
    chainId = core.u256(self.chain_id), status = receipt.status, blockHash = receipt.blockHash,
    blockNumber = receipt.blockNumber, gasUsed = receipt.gasUsed, transactionHash = receipt.transactionHash,
    logs = logs and json.raw(logs) or json.array(receipt.logs),
  })
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

-- Brings a transaction on the chain: its receipt, and where it is at hand the JSON text of its logs.
local function land(self, view, transaction)
  if view:value("anvil_getAutomine") == true then return submit(self, transaction, send_and_wait) end
  local hash, err = submit(self, transaction, send_only)
  if not hash then return nil, err end
  return receipt_of(self, hash)
end

-- The chain and the account as they are now; as they were a moment ago for one that did not have to wait.
local function look(self, job)
  if job.fresh then return job.view, job.found end
  local view, err = View.new(self.node, function(view)
    self.expect_account(view, job.account)
    view:expect_call(call_of(self, job))
    view:expect_value("anvil_getAutomine")
  end)
  if not view then return nil, err end
  local account
  account, err = self.find_account(view, job.account)
  if not account then return nil, err end
  return view, account
end

local function run(self, job)
  local function fail(reason)
    self.log(string.format("bundle %s fails: %s", job.id, reason))
    job.transaction.state = "failed"
  end
  local view, account = look(self, job)
  if not view then return fail(account.message) end
  local reason = dry_run(self, job, view, account)
  if reason then return fail(reason) end
  local call = job.call
  local receipt, logs = land(self, view, { from = call.from, to = call.to, data = call.data, gas = call.gas,
    authorizationList = account.upgrade and { account:authorization() } or nil })
  if not receipt then return fail(logs.message) end
  job.transaction.receipt = receipt_json(self, receipt, logs)
  local err
  job.transaction.state, err = outcome_of(self, job, receipt)
  self.log(string.format("bundle %s: %s in %s%s", job.id, job.transaction.state, tostring(receipt.transactionHash),
    err and " " .. err or ""))
  if job.transaction.state == "confirmed" then self.on_landed(job) end
end

--- Sends a transaction of the relay's own.
-- @tparam table transaction `to`, `data`, `gas`
-- @treturn[1] string hash
-- @treturn[2] nil
-- @treturn[2] table
function Bundles:submit(transaction)
  transaction.from = next_sender(self)
  return submit(self, transaction, send_only)
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
  job.call, job.intent, job.view, job.found = nil, nil, nil, nil
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
    job.fresh = self.looking[job.account] == job and self.in_flight < MAX_IN_FLIGHT
    self.looking[job.account] = nil
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
-- it goes into the queue, or true: it never does, and is pending for good; `view` and `found`, the account, if
-- @{Bundles:expect} was asked
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

--- What wallet_getCallsStatus answers.
-- @treturn table|nil nil for a bundle nobody sent
function Bundles:status(id)
  local bundle = self.bundles[id]
  if not bundle then return nil end
  local states, receipts = {}, json.array {}
  for i, transaction in ipairs(bundle.transactions) do
    states[i] = transaction.state
    receipts[#receipts + 1] = transaction.receipt
  end
  return { id = id, status = Bundles.code_of(states), receipts = receipts }
end

return Bundles
