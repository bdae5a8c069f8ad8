--- A store that lives as long as the program, and what the file store stands on.
-- @module rise.store.memory

local rules = require "rise.store.rules"

local Memory = {}
Memory.__index = Memory
Memory.__name = "rise.store"

local KEPT = 1000 -- finished bundles

local function copy(value)
  if type(value) ~= "table" then return value end
  local result = setmetatable({}, getmetatable(value))
  for key, item in pairs(value) do result[key] = copy(item) end
  return result
end

--- An empty store.
-- @tparam[opt] number kept how many finished bundles are remembered
function Memory.new(kept)
  return setmetatable({
    records = {},
    bundles_by_id = {}, order = {}, count = 0, kept = kept or KEPT, unfinished = {}, nonces = {}, busy = {},
    lanes = {}, -- by account, then by sequence
    accounts = {}, -- by chain and address
    taken = {}, -- sequences in use
  }, Memory)
end

--- Where a store writes: nothing here. Every change is undone when it fails.
function Memory:save() -- luacheck: no unused args
  return true
end

--- Takes up what others wrote meanwhile: nobody does here.
function Memory:refresh() -- luacheck: no unused args
  return true
end

-- Changes one member of a table, undone when it cannot be saved.
local function change(self, where, key, value)
  local before = where[key]
  where[key] = value
  local ok, err = self:save()
  if ok then return true end
  where[key] = before
  return nil, err
end

-- ---- sessions --------------------------------------------------------------------------------------------------

function Memory:put(record)
  rules.check_record(record)
  local ok, err = self:refresh()
  if not ok then return nil, err end
  ok, err = rules.may_replace(self.records[record.id], record)
  if not ok then return nil, err end
  return change(self, self.records, record.id, copy(record))
end

function Memory:get(id)
  return copy(self.records[id])
end

function Memory:delete(id)
  local ok, err = self:refresh()
  if not ok then return nil, err end
  return change(self, self.records, id, nil)
end

function Memory:list()
  local list = {}
  for _, record in pairs(self.records) do list[#list + 1] = copy(record) end
  table.sort(list, function(a, b)
    local first, second = tonumber(a.created) or 0, tonumber(b.created) or 0
    if first ~= second then return first < second end
    return a.id < b.id
  end)
  return list
end

-- ---- accounts --------------------------------------------------------------------------------------------------

local function account_key(chain_id, address)
  return string.format("%.0f/%s", chain_id, address)
end

function Memory:put_account(record)
  local ok, err = self:refresh()
  if not ok then return nil, err end
  return change(self, self.accounts, account_key(record.chain_id, record.address), copy(record))
end

function Memory:account(chain_id, address)
  return copy(self.accounts[account_key(chain_id, address)])
end

function Memory:drop_account(chain_id, address)
  local ok, err = self:refresh()
  if not ok then return nil, err end
  return change(self, self.accounts, account_key(chain_id, address), nil)
end

-- ---- the journal -----------------------------------------------------------------------------------------------

local function nonce_key(entry)
  return string.format("%.0f/%s/%s", entry.chain_id, entry.account, entry.nonce)
end

-- The lanes of an account.
local function lanes_of(self, entry)
  local key = string.format("%.0f/%s", entry.chain_id, entry.account)
  local lanes = self.lanes[key]
  if not lanes then
    lanes = {}
    self.lanes[key] = lanes
  end
  return lanes
end

local function insert(self, entry)
  if not self.bundles_by_id[entry.id] then self.order[#self.order + 1] = entry.id end
  self.bundles_by_id[entry.id] = entry
  self.unfinished[entry.id] = rules.UNFINISHED[entry.state] and entry or nil
  if rules.holds_nonce(entry.state, entry.outcome) then self.nonces[nonce_key(entry)] = entry.id end
end

function Memory:begin(entry)
  local ok, err = self:refresh()
  if not ok then return nil, err end
  local before = self.bundles_by_id[entry.id]
  if before and before.state ~= "failed" then return rules.same_bundle(entry) end
  local key = nonce_key(entry)
  if self.nonces[key] then return rules.nonce_taken(entry) end
  entry = copy(entry)
  entry.state = "sending"
  insert(self, entry)
  ok, err = self:save()
  if not ok then
    self.bundles_by_id[entry.id], self.unfinished[entry.id], self.nonces[key] = before, nil, nil
    if not before then self.order[#self.order] = nil end
    return nil, err
  end
  self.busy[entry.id] = true
  return true
end

function Memory:mark(id, state)
  if not rules.UNFINISHED[state] then error("store: not an unfinished state: " .. tostring(state), 2) end
  local ok, err = self:refresh()
  if not ok then return nil, err end
  local entry = self.bundles_by_id[id]
  if not entry or not rules.UNFINISHED[entry.state] then return true end
  return change(self, entry, "state", state)
end

function Memory:amend(id, payload)
  local ok, err = self:refresh()
  if not ok then return nil, err end
  local entry = self.bundles_by_id[id]
  if not entry or not rules.UNFINISHED[entry.state] then return true end
  return change(self, entry, "payload", copy(payload))
end

-- Drops the oldest finished bundles. The list is gone through as a whole, but only once in so many bundles.
local function prune(self)
  self.count = self.count + 1
  if self.count < 2 * self.kept then return end
  local order, finished = {}, 0
  for _, id in ipairs(self.order) do
    if not rules.UNFINISHED[self.bundles_by_id[id].state] then finished = finished + 1 end
  end
  for _, id in ipairs(self.order) do
    local entry = self.bundles_by_id[id]
    if finished > self.kept and not rules.UNFINISHED[entry.state] then
      finished = finished - 1
      self.bundles_by_id[id] = nil
      if self.nonces[nonce_key(entry)] == id then self.nonces[nonce_key(entry)] = nil end
    else
      order[#order + 1] = id
    end
  end
  self.order, self.count = order, finished
end

function Memory:finish(id, state, outcome)
  rules.check_final(state)
  self.busy[id] = nil
  local ok, err = self:refresh()
  if not ok then return nil, err end
  local before = self.bundles_by_id[id]
  if not before then return true end
  local entry = copy(before)
  entry.state, entry.outcome, entry.payload = state, copy(outcome), nil
  local key, sequence, number = nonce_key(entry), rules.split(entry.nonce)
  local lanes = lanes_of(self, entry)
  local lane = lanes[sequence]
  local lane_number = lane and lane.number
  self.bundles_by_id[id], self.unfinished[id] = entry, nil
  if not rules.holds_nonce(state, outcome) then
    if self.nonces[key] == id then self.nonces[key] = nil end
  elseif lane and state ~= "unknown" then
    lane.number = math.max(lane.number, number + 1)
  end
  if state == "unknown" then lanes[sequence] = nil end
  ok, err = self:save()
  if not ok then
    self.bundles_by_id[id], self.unfinished[id], self.nonces[key] = before, before, id
    if lane then lane.number, lanes[sequence] = lane_number, lane end
    return nil, err
  end
  prune(self)
  return true
end

function Memory:bundle(id)
  return copy(self.bundles_by_id[id])
end

function Memory:bundles(filter)
  filter = filter or {}
  local list = {}
  for _, id in ipairs(self.order) do
    local entry = self.bundles_by_id[id]
    if (not filter.unfinished or rules.UNFINISHED[entry.state])
      and (not filter.session or entry.session == filter.session)
      and (not filter.chain_id or entry.chain_id == filter.chain_id) then
      list[#list + 1] = copy(entry)
    end
  end
  return list
end

function Memory:claim(id)
  local entry = self.bundles_by_id[id]
  if not entry or self.busy[id] or not rules.UNFINISHED[entry.state] then return false end
  self.busy[id] = true
  return copy(entry)
end

function Memory:release(id)
  self.busy[id] = nil
  return true
end

-- ---- lanes -----------------------------------------------------------------------------------------------------

-- The sequences of an account that have an unfinished bundle: what becomes of it decides their next number.
local function waiting_sequences(self, request)
  local waiting = {}
  for _, entry in pairs(self.unfinished) do
    if entry.chain_id == request.chain_id and entry.account == request.account then
      waiting[rules.split(entry.nonce)] = true
    end
  end
  return waiting
end

function Memory:take_lane(request)
  local ok, err = self:refresh()
  if not ok then return nil, err end
  local waiting, lanes = waiting_sequences(self, request), lanes_of(self, request)
  local lane
  for sequence, kept in pairs(lanes) do
    if not self.taken[sequence] and not waiting[sequence] then
      lane = kept
      break
    end
  end
  if not lane then
    lane = { chain_id = request.chain_id, account = request.account, sequence = request.fresh, number = 0 }
    ok, err = change(self, lanes, lane.sequence, lane)
    if not ok then return nil, err end
  end
  self.taken[lane.sequence] = true
  return { chain_id = lane.chain_id, account = lane.account, sequence = lane.sequence, number = lane.number }
end

function Memory:give_lane(lane)
  self.taken[lane.sequence] = nil
  return true
end

function Memory:drop_lane(lane)
  local ok, err = self:refresh()
  if not ok then return nil, err end
  return change(self, lanes_of(self, lane), lane.sequence, nil)
end

--- Takes up what was saved, in the place of what is here: `sessions`, `bundles`, `lanes`, `accounts`.
function Memory:restore(content)
  self.records, self.bundles_by_id, self.order, self.unfinished, self.nonces, self.lanes = {}, {}, {}, {}, {}, {}
  self.accounts = {}
  for _, record in ipairs(content.sessions) do self.records[record.id] = record end
  for _, record in ipairs(content.accounts or {}) do
    self.accounts[account_key(record.chain_id, record.address)] = record
  end
  for _, entry in ipairs(content.bundles or {}) do insert(self, entry) end
  for _, lane in ipairs(content.lanes or {}) do
    lanes_of(self, lane)[lane.sequence] = { chain_id = lane.chain_id, account = lane.account,
      sequence = lane.sequence, number = lane.number }
  end
end

--- Nothing to close.
function Memory:close() -- luacheck: no unused args
  return true
end

return Memory
