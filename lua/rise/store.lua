--- Where session records are kept: in memory, or in one plain file.
--
-- A store has `put(record)`, `get(id)`, `delete(id)` and `list()`; each gives `nil, err` with the code `store` when
-- the disk refuses. A record is a plain table with an `id` (the key hash). The file store writes the whole file anew
-- (mode 0600, synced, replaced in one step) before `put` returns, with the records of other processes as they stand in
-- it; two that write at the very same moment are not kept apart.
-- @module rise.store

local check = require "rise.check"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"

local store = {}

local Store = {}
Store.__index = Store
Store.__name = "rise.store"

local function copy(value)
  if type(value) ~= "table" then return value end
  local result = setmetatable({}, getmetatable(value))
  for key, item in pairs(value) do result[key] = copy(item) end
  return result
end

--- Saves a record under its `id`.
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table store
function Store:put(record)
  if type(record) ~= "table" or type(record.id) ~= "string" then error("store:put: a record with an id expected", 2) end
  local fresh, err = self:refresh()
  if not fresh then return nil, err end
  local before = self.records[record.id]
  self.records[record.id] = copy(record)
  local ok
  ok, err = self:save()
  if not ok then
    self.records[record.id] = before
    return nil, err
  end
  return true
end

--- @treturn table a copy of the record, nil when there is none
function Store:get(id)
  return copy(self.records[id])
end

--- Removes a record, if there is one.
function Store:delete(id)
  local fresh, err = self:refresh()
  if not fresh then return nil, err end
  local before = self.records[id]
  self.records[id] = nil
  local ok
  ok, err = self:save()
  if not ok then
    self.records[id] = before
    return nil, err
  end
  return true
end

--- All records, oldest first, as copies.
function Store:list()
  local list = {}
  for _, record in pairs(self.records) do list[#list + 1] = copy(record) end
  table.sort(list, function(a, b)
    local first, second = tonumber(a.created) or 0, tonumber(b.created) or 0
    if first ~= second then return first < second end
    return a.id < b.id
  end)
  return list
end

function Store:save()
  if not self.path then return true end
  local list = json.array {}
  for i, record in ipairs(self:list()) do list[i] = record end
  local ok, err = core.write_file(self.path, json.encode { format = 1, sessions = list } .. "\n")
  if not ok then return errors.fail("store", "the session store cannot be written: " .. err.message) end
  return true
end

-- Reads the file again: another process may have written it since.
function Store:refresh()
  if not self.path then return true end
  local path = self.path
  local file, reason, number = io.open(path, "rb")
  if not file then
    if number == 2 and not self.was_there then return true end -- ENOENT: the first record makes the file
    return errors.fail("store", "the session store cannot be opened: " .. tostring(reason))
  end
  local text = file:read("*a")
  file:close()
  local content = text and json.decode(text)
  if type(content) ~= "table" or type(content.sessions) ~= "table" then
    return errors.fail("store", "the session store " .. path .. " is damaged: it is not what rise writes")
  end
  if content.format ~= 1 then
    return errors.fail("store", "the session store " .. path .. " has format " .. tostring(content.format)
      .. "; this version reads format 1")
  end
  local records = {}
  for i, record in ipairs(content.sessions) do
    if type(record) ~= "table" or type(record.id) ~= "string" then
      return errors.fail("store", "the session store " .. path .. " is damaged: sessions[" .. i .. "] has no id")
    end
    if not self.plaintext_keys then record.secret = nil end
    records[record.id] = record
  end
  self.records, self.was_there = records, true
  return true
end

--- A store that lives as long as the program.
function store.memory()
  return setmetatable({ records = {} }, Store)
end

--- A store in a file. The private keys are in it only with `keys = "plaintext"`: whoever reads the file can then act
-- within the sessions' permissions. Without it the records survive but cannot sign after a restart.
-- @tparam table options `path`; `keys`: "none" (default) or "plaintext"
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] table store
function store.file(options)
  check.options(options, { path = "string!", keys = "string" }, "store.file")
  if options.keys and options.keys ~= "none" and options.keys ~= "plaintext" then
    error("store.file: keys must be \"none\" or \"plaintext\"", 2)
  end
  local self = setmetatable({ records = {}, path = options.path, plaintext_keys = options.keys == "plaintext" }, Store)
  local folder = options.path:match("^(.+)/[^/]+$")
  if folder then
    local ok, err = core.make_dir(folder)
    if not ok then return errors.fail("store", "the session store cannot be opened: " .. err.message) end
  end
  local read, err = self:refresh()
  if not read then return nil, err end
  return self
end

return store
