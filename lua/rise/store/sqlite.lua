--- A store in a SQLite database: safe against crashes, and shared by processes.
--
-- Every opening of the database has a number of its own and holds the lock of that number in a file beside the
-- database as long as it lives. A claim on a bundle or a lane is worth as much as its holder's lock: what a killed
-- process leaves behind is free at once.
-- @module rise.store.sqlite

local check = require "rise.check"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"
local rules = require "rise.store.rules"
local vault = require "rise.store.vault"

local Sqlite = {}
Sqlite.__index = Sqlite
Sqlite.__name = "rise.store"

local FORMAT = 1
local KEPT = 10000
local PRUNE_EVERY = 500 -- bundles
local BUSY_TIMEOUT = 10 -- seconds
local OPENING = 0 -- the lock of whoever is opening the store

local SCHEMA = [[
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  created REAL NOT NULL,
  record TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE owners (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  since REAL NOT NULL
);
CREATE TABLE bundles (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  session TEXT,
  account TEXT NOT NULL,
  chain_id INTEGER NOT NULL,
  nonce TEXT NOT NULL,
  holds_nonce INTEGER NOT NULL,
  state TEXT NOT NULL,
  unfinished INTEGER NOT NULL,
  payload TEXT,
  calls TEXT,
  actions TEXT,
  ttl INTEGER,
  created REAL NOT NULL,
  updated REAL NOT NULL,
  outcome TEXT,
  owner INTEGER
);
CREATE UNIQUE INDEX bundles_nonce ON bundles (chain_id, account, nonce) WHERE holds_nonce = 1;
CREATE INDEX bundles_unfinished ON bundles (number) WHERE unfinished = 1;
CREATE TABLE lanes (
  chain_id INTEGER NOT NULL,
  account TEXT NOT NULL,
  sequence TEXT NOT NULL,
  number INTEGER NOT NULL,
  owner INTEGER,
  PRIMARY KEY (chain_id, account, sequence)
) WITHOUT ROWID;
]]

-- Made where it is missing: databases of this format were written before there were accounts in it.
local ACCOUNTS = [[
CREATE TABLE IF NOT EXISTS accounts (
  chain_id INTEGER NOT NULL,
  address TEXT NOT NULL,
  record TEXT NOT NULL,
  PRIMARY KEY (chain_id, address)
) WITHOUT ROWID;
]]

local function complaint(self, err)
  local fields
  if err.reason == "busy" then fields = { retryable = true } end
  return errors.fail("store", "the session store " .. self.path .. ": " .. err.message, fields)
end

-- ---- statements ------------------------------------------------------------------------------------------------

-- A compiled statement with its values.
local function bound(self, sql, ...)
  if not self.statements[sql] then
    local statement, err = self.db:prepare(sql)
    if not statement then return nil, err end
    self.statements[sql] = statement
  end
  return self.statements[sql]:bind(...)
end

-- The first row, false when there is none; `nil, err` as SQLite says it.
local function first(self, sql, ...)
  local statement, err = bound(self, sql, ...)
  if not statement then return nil, err end
  local row
  row, err = statement:step()
  if row then statement:reset() end
  return row, err
end

-- All rows.
local function all(self, sql, ...)
  local statement, err = bound(self, sql, ...)
  if not statement then return nil, err end
  local rows = {}
  while true do
    local row
    row, err = statement:step()
    if row == nil then return nil, err end
    if not row then return rows end
    rows[#rows + 1] = row
  end
end

-- Runs a function as one transaction that holds off other writers. It gives a value other than nil to commit, or nil
-- and an error of SQLite's, or of ours, which stays as it is.
local function transaction(self, fn, ...)
  local ok, err = self.db:exec("BEGIN IMMEDIATE")
  if not ok then return complaint(self, err) end
  local result
  result, err = fn(self, ...)
  if result ~= nil then
    ok, err = self.db:exec("COMMIT")
    if ok then return result end
  end
  self.db:exec("ROLLBACK") -- may have been done by SQLite itself
  if err.reason then return complaint(self, err) end
  return nil, err
end

-- One writing statement, which is a transaction in itself.
local function write(self, sql, ...)
  local row, err = first(self, sql, ...)
  if row == nil then return complaint(self, err) end
  return true
end

local function decoded(text)
  return text and assert(json.decode(text)) or nil
end

-- ---- opening ---------------------------------------------------------------------------------------------------

local function prepare_database(self)
  local ok, err = self.db:exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;")
  if not ok then return nil, err end
  return transaction(self, function()
    local row
    row, err = first(self, "PRAGMA user_version")
    if not row then return nil, err end
    if row.user_version == FORMAT then return self.db:exec(ACCOUNTS) end
    if row.user_version ~= 0 then
      return errors.fail("store", string.format("the session store %s has format %d; this version reads format %d",
        self.path, row.user_version, FORMAT))
    end
    local tables
    tables, err = first(self, "SELECT count(*) AS count FROM sqlite_master")
    if not tables then return nil, err end
    if tables.count ~= 0 then
      return errors.fail("store", "the session store " .. self.path .. " is another program's database")
    end
    return self.db:exec(SCHEMA .. ACCOUNTS .. "PRAGMA user_version = " .. FORMAT .. ";")
  end)
end

-- Whether the opening with this number still lives. Asked inside of a transaction, so that nobody else tries the lock
-- at the same time.
local function alive(self, owner)
  if owner == self.owner then return true end
  local locked, err = self.locks:lock(owner)
  if locked == nil then return nil, err end
  if locked then self.locks:unlock(owner) end
  return not locked
end

local function enter(self)
  local row, err = first(self, "INSERT INTO owners (since) VALUES (?)", core.now())
  if row == nil then return nil, err end
  self.owner = self.db:last_id()
  local locked
  locked, err = self.locks:lock(self.owner)
  if locked == nil then return nil, err end
  if not locked then return errors.fail("store", "the lock file of the session store is in use by another program") end
  row, err = first(self, "DELETE FROM owners WHERE id < ?", self.owner) -- AUTOINCREMENT never gives a number again
  if row == nil then return nil, err end
  return true
end

-- One opening at a time: SQLite does not wait for its busy timeout while another connection goes over to WAL.
local function open_alone(self, busy_timeout)
  local locked, err = self.locks:lock(OPENING, busy_timeout)
  if locked == nil then return nil, err end
  if not locked then return nil, { message = "another process is opening it", reason = "busy" } end
  local ok
  ok, err = prepare_database(self)
  if ok then ok, err = transaction(self, enter) end
  self.locks:unlock(OPENING)
  return ok, err
end

local function load_keystore(self)
  local row, err = first(self, "SELECT text FROM keystore WHERE id = 1")
  if row == nil then return complaint(self, err) end
  return row and row.text
end

-- The vault, and under it what was kept in plain text before.
local function open_vault(self, options, loop)
  local ok, err = self.db:exec("CREATE TABLE IF NOT EXISTS keystore (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
  if not ok then return nil, err end
  self.vault, err = vault.open(options, function() return load_keystore(self) end, function(text)
    ok, err = write(self, "INSERT INTO keystore (id, text) VALUES (1, ?) ON CONFLICT (id) DO NOTHING", text)
    if not ok then return nil, err end
    return load_keystore(self)
  end, loop)
  if not self.vault then return nil, err end
  self.plaintext_keys = true -- seen only while this is set
  local kept, list_err = self:list()
  local plain = {}
  for _, record in ipairs(kept or {}) do
    if record.secret then plain[#plain + 1] = record end
  end
  ok, err = kept, list_err
  if ok then ok, err = vault.encrypt_kept(self, plain) end
  self.plaintext_keys = false
  if not ok or not plain[1] then return ok, err end
  return first(self, "PRAGMA wal_checkpoint(TRUNCATE)") -- what it wrote over is gone from its log as well
end

--- Opens or makes a store. See @{rise.store.sqlite}.
function Sqlite.open(options, loop)
  check.options(options, { path = "string!", keys = "string", busy_timeout = "number", kept = "number",
    passphrase = "any", cost = "string" }, "store.sqlite", 3)
  local found, sqlite = pcall(require, "rise.sqlite")
  if not found then return errors.fail("unsupported", "this build of rise has no SQLite: " .. tostring(sqlite)) end
  local self = setmetatable({ path = options.path, plaintext_keys = options.keys == "plaintext", statements = {},
    busy = {}, kept = options.kept or KEPT, finished = 0 }, Sqlite)
  local ok, err
  local folder = options.path:match("^(.+)/[^/]+$")
  if folder then
    ok, err = core.make_dir(folder)
    if not ok then return complaint(self, err) end
  end
  local busy_timeout = options.busy_timeout or BUSY_TIMEOUT
  self.db, err = sqlite.open(options.path, busy_timeout)
  if not self.db then return complaint(self, err) end
  self.locks, err = sqlite.lockfile(options.path .. "-locks")
  if not self.locks then return complaint(self, err) end
  ok, err = open_alone(self, busy_timeout)
  if ok and options.keys == "encrypted" then ok, err = open_vault(self, options, loop) end
  if ok then return self end
  self:close()
  if err.reason then return complaint(self, err) end
  return nil, err
end

--- Whether the opening with a number (`store.owner`) has ended, however it did.
-- @treturn[1] boolean
-- @treturn[2] nil
-- @treturn[2] table store
function Sqlite:has_ended(owner)
  check.type(owner, "number", "store:has_ended")
  local answer, err = transaction(self, function()
    local lives, reason = alive(self, owner)
    if lives == nil then return nil, reason end
    return { ended = not lives }
  end)
  if not answer then return nil, err end
  return answer.ended
end

--- Closes the database and lets go of every claim.
function Sqlite:close()
  for _, statement in pairs(self.statements) do statement:close() end
  self.statements = {}
  if self.vault then self.vault:close() end
  self.vault = nil
  if self.db then self.db:close() end
  if self.locks then self.locks:close() end
  return true
end

-- ---- sessions --------------------------------------------------------------------------------------------------

local function put(self, record)
  local row, err = first(self, "SELECT record FROM sessions WHERE id = ?", record.id)
  if row == nil then return nil, err end
  local ok
  ok, err = rules.may_replace(row and decoded(row.record), record)
  if not ok then return nil, err end
  row, err = first(self, "INSERT INTO sessions (id, created, record) VALUES (?1, ?2, ?3) "
    .. "ON CONFLICT (id) DO UPDATE SET created = ?2, record = ?3", record.id, record.created or 0, json.encode(record))
  if row == nil then return nil, err end
  return true
end

function Sqlite:put(record)
  rules.check_record(record)
  return transaction(self, put, record)
end

-- Keys are given out only where they were asked for.
local function record_of(self, row)
  local record = decoded(row.record)
  if not self.plaintext_keys then record.secret = nil end
  return record
end

function Sqlite:get(id)
  local row, err = first(self, "SELECT record FROM sessions WHERE id = ?", id)
  if row == nil then return complaint(self, err) end
  return row and record_of(self, row) or nil
end

function Sqlite:delete(id)
  return write(self, "DELETE FROM sessions WHERE id = ?", id)
end

function Sqlite:list()
  local rows, err = all(self, "SELECT record FROM sessions ORDER BY created, id")
  if not rows then return complaint(self, err) end
  for i, row in ipairs(rows) do rows[i] = record_of(self, row) end
  return rows
end

-- ---- accounts --------------------------------------------------------------------------------------------------

function Sqlite:put_account(record)
  return write(self, "INSERT OR REPLACE INTO accounts (chain_id, address, record) VALUES (?, ?, ?)", record.chain_id,
    record.address, json.encode(record))
end

function Sqlite:account(chain_id, address)
  local row, err = first(self, "SELECT record FROM accounts WHERE chain_id = ? AND address = ?", chain_id, address)
  if row == nil then return complaint(self, err) end
  return row and decoded(row.record) or nil
end

function Sqlite:drop_account(chain_id, address)
  return write(self, "DELETE FROM accounts WHERE chain_id = ? AND address = ?", chain_id, address)
end

-- ---- the journal -----------------------------------------------------------------------------------------------

local BEGIN = [[
INSERT INTO bundles (id, session, account, chain_id, nonce, holds_nonce, state, unfinished, payload, calls, actions,
  ttl, created, updated, owner)
VALUES (?1, ?2, ?3, ?4, ?5, 1, 'sending', 1, ?6, ?7, ?8, ?9, ?10, ?10, ?11)
ON CONFLICT (id) DO UPDATE SET session = ?2, nonce = ?5, holds_nonce = 1, state = 'sending', unfinished = 1,
  payload = ?6, calls = ?7, actions = ?8, ttl = ?9, created = ?10, updated = ?10, owner = ?11, outcome = NULL
WHERE state = 'failed'
]]

function Sqlite:begin(entry)
  local now = core.now()
  local row, err = first(self, BEGIN, entry.id, entry.session, entry.account, entry.chain_id, entry.nonce,
    json.encode(entry.payload), json.encode(json.array(entry.calls)), json.encode(json.array(entry.actions)), entry.ttl,
    entry.created or now, self.owner)
  if row == nil then
    if err.reason == "constraint" then return rules.nonce_taken(entry) end
    return complaint(self, err)
  end
  if self.db:changes() == 0 then return rules.same_bundle(entry) end
  self.busy[entry.id] = true
  return true
end

function Sqlite:mark(id, state)
  if not rules.UNFINISHED[state] then error("store: not an unfinished state: " .. tostring(state), 2) end
  return write(self, "UPDATE bundles SET state = ?, updated = ? WHERE id = ? AND unfinished = 1", state, core.now(), id)
end

function Sqlite:amend(id, payload)
  return write(self, "UPDATE bundles SET payload = ?, updated = ? WHERE id = ? AND unfinished = 1",
    json.encode(payload), core.now(), id)
end

local function prune(self)
  return first(self, "DELETE FROM bundles WHERE unfinished = 0 AND number <= (SELECT max(number) FROM bundles) - ?",
    self.kept)
end

local function finish(self, id, state, outcome)
  local row, err = first(self, "SELECT chain_id, account, nonce FROM bundles WHERE id = ?", id)
  if row == nil then return nil, err end
  if not row then return true end
  local holds = rules.holds_nonce(state, outcome)
  local sequence, number = rules.split(row.nonce)
  local done
  done, err = first(self, "UPDATE bundles SET state = ?, unfinished = 0, holds_nonce = ?, payload = NULL, outcome = ?, "
    .. "updated = ?, owner = NULL WHERE id = ?", state, holds, outcome and json.encode(json.object(outcome)),
    core.now(), id)
  if done == nil then return nil, err end
  if state == "unknown" then
    done, err = first(self, "DELETE FROM lanes WHERE chain_id = ? AND account = ? AND sequence = ?", row.chain_id,
      row.account, sequence)
  elseif holds then
    done, err = first(self, "UPDATE lanes SET number = max(number, ?) WHERE chain_id = ? AND account = ? "
      .. "AND sequence = ?", number + 1, row.chain_id, row.account, sequence)
  end
  if done == nil then return nil, err end
  self.finished = self.finished + 1
  if self.finished % PRUNE_EVERY == 0 then
    done, err = prune(self)
    if done == nil then return nil, err end
  end
  return true
end

function Sqlite:finish(id, state, outcome)
  rules.check_final(state)
  self.busy[id] = nil
  return transaction(self, finish, id, state, outcome)
end

local COLUMNS = "id, session, account, chain_id, nonce, state, payload, calls, actions, ttl, created, updated, "
  .. "outcome, owner"

local function entry_of(row)
  for _, name in ipairs { "payload", "calls", "actions", "outcome" } do row[name] = decoded(row[name]) end
  row.owner = nil
  return row
end

function Sqlite:bundle(id)
  local row, err = first(self, "SELECT " .. COLUMNS .. " FROM bundles WHERE id = ?", id)
  if row == nil then return complaint(self, err) end
  return row and entry_of(row) or nil
end

function Sqlite:bundles(filter)
  filter = filter or {}
  local where = filter.unfinished and " WHERE unfinished = 1 AND" or " WHERE"
  local rows, err = all(self, "SELECT " .. COLUMNS .. " FROM bundles" .. where
    .. " (?1 IS NULL OR session = ?1) AND (?2 IS NULL OR chain_id = ?2) ORDER BY number", filter.session,
    filter.chain_id)
  if not rows then return complaint(self, err) end
  for i, row in ipairs(rows) do rows[i] = entry_of(row) end
  return rows
end

local function claim(self, id)
  local row, err = first(self, "SELECT " .. COLUMNS .. " FROM bundles WHERE id = ? AND unfinished = 1", id)
  if not row then return row, err end
  if row.owner and row.owner ~= self.owner then
    local lives
    lives, err = alive(self, row.owner)
    if lives == nil then return nil, err end
    if lives then return false end
  end
  local done
  done, err = first(self, "UPDATE bundles SET owner = ? WHERE id = ?", self.owner, id)
  if done == nil then return nil, err end
  return entry_of(row)
end

function Sqlite:claim(id)
  if self.busy[id] then return false end
  local entry, err = transaction(self, claim, id)
  if entry then self.busy[id] = true end
  return entry, err
end

function Sqlite:release(id)
  self.busy[id] = nil
  return write(self, "UPDATE bundles SET owner = NULL WHERE id = ? AND owner = ?", id, self.owner)
end

-- ---- lanes -----------------------------------------------------------------------------------------------------

-- A sequence with an unfinished bundle waits until it is known what becomes of that.
local FREE_LANES = [[
SELECT sequence, number, owner FROM lanes AS lane
WHERE chain_id = ?1 AND account = ?2 AND (owner IS NULL OR owner <> ?3) AND NOT EXISTS (
  SELECT 1 FROM bundles WHERE unfinished = 1 AND chain_id = ?1 AND account = ?2
    AND substr(nonce, 1, 50) = lane.sequence)
]]

local function take_lane(self, request)
  local rows, err = all(self, FREE_LANES, request.chain_id, request.account, self.owner)
  if not rows then return nil, err end
  local lane = { chain_id = request.chain_id, account = request.account }
  for _, row in ipairs(rows) do
    local lives = false
    if row.owner then
      lives, err = alive(self, row.owner)
      if lives == nil then return nil, err end
    end
    if not lives then
      lane.sequence, lane.number = row.sequence, row.number
      break
    end
  end
  local done
  if lane.sequence then
    done, err = first(self, "UPDATE lanes SET owner = ? WHERE chain_id = ? AND account = ? AND sequence = ?",
      self.owner, lane.chain_id, lane.account, lane.sequence)
  else
    lane.sequence, lane.number = request.fresh, 0
    done, err = first(self, "INSERT INTO lanes (chain_id, account, sequence, number, owner) VALUES (?, ?, ?, 0, ?)",
      lane.chain_id, lane.account, lane.sequence, self.owner)
  end
  if done == nil then return nil, err end
  return lane
end

function Sqlite:take_lane(request)
  return transaction(self, take_lane, request)
end

function Sqlite:give_lane(lane)
  return write(self, "UPDATE lanes SET owner = NULL WHERE chain_id = ? AND account = ? AND sequence = ? AND owner = ?",
    lane.chain_id, lane.account, lane.sequence, self.owner)
end

function Sqlite:drop_lane(lane)
  return write(self, "DELETE FROM lanes WHERE chain_id = ? AND account = ? AND sequence = ?", lane.chain_id,
    lane.account, lane.sequence)
end

return Sqlite
