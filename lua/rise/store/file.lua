--- A store in one plain file, written anew and synced with every change, with what other processes wrote as it stands
-- in it; two that write at the very same moment are not kept apart.
-- @module rise.store.file

local Memory = require "rise.store.memory"
local check = require "rise.check"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"
local vault = require "rise.store.vault"

local File = setmetatable({}, { __index = Memory })
File.__index = File
File.__name = "rise.store"

local KEPT = 100 -- finished bundles: each change writes them all

local function sorted_lanes(lanes)
  local list = json.array {}
  for _, of_account in pairs(lanes) do
    for _, lane in pairs(of_account) do
      list[#list + 1] = { chain_id = lane.chain_id, account = lane.account, sequence = lane.sequence,
        number = lane.number }
    end
  end
  table.sort(list, function(a, b) return a.sequence < b.sequence end)
  return list
end

local function sorted_accounts(accounts)
  local list = json.array {}
  for _, record in pairs(accounts) do list[#list + 1] = record end
  table.sort(list, function(a, b) return a.address < b.address end)
  return list
end

function File:save()
  local content = { format = 1, sessions = json.array(self:list()), bundles = json.array(self:bundles()),
    lanes = sorted_lanes(self.lanes), accounts = sorted_accounts(self.accounts), keystore = self.keystore }
  local ok, err = core.write_file(self.path, json.encode(content) .. "\n")
  if not ok then return errors.fail("store", "the session store cannot be written: " .. err.message) end
  self.was_there = true
  return true
end

local function read(path, was_there)
  local file, reason, number = io.open(path, "rb")
  if not file then
    -- ENOENT: the first record makes the file
    if number == 2 and not was_there then return { sessions = {}, missing = true } end
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
  for name, member in pairs { sessions = "id", bundles = "nonce", lanes = "sequence", accounts = "address" } do
    for i, record in ipairs(type(content[name]) == "table" and content[name] or {}) do
      if type(record) ~= "table" or type(record[member]) ~= "string" then
        return errors.fail("store", string.format("the session store %s is damaged: %s[%d] has no %s", path, name, i,
          member))
      end
    end
  end
  return content
end

--- Reads the file again: another process may have written it since.
function File:refresh()
  local content, err = read(self.path, self.was_there)
  if not content then return nil, err end
  if not self.plaintext_keys then
    for _, record in ipairs(content.sessions) do record.secret = nil end
  end
  self:restore(content)
  self.keystore = type(content.keystore) == "string" and content.keystore or nil
  self.was_there = self.was_there or not content.missing
  return true
end

local function open_vault(self, options, loop)
  local err
  self.vault, err = vault.open(options, function() return self.keystore or false end, function(text)
    local ok
    ok, err = self:refresh()
    if not ok then return nil, err end
    if not self.keystore then
      self.keystore = text
      ok, err = self:save()
      if not ok then return nil, err end
    end
    return self.keystore
  end, loop)
  if not self.vault then return nil, err end
  local ok
  ok, err = vault.encrypt_kept(self, self:list())
  self.plaintext_keys = false
  return ok, err
end

--- Opens or makes a store in a file. See @{rise.store.file}.
function File.open(options, loop)
  check.options(options, { path = "string!", keys = "string", passphrase = "any", cost = "string" }, "store.file", 3)
  local folder = options.path:match("^(.+)/[^/]+$")
  if folder then
    local ok, err = core.make_dir(folder)
    if not ok then return errors.fail("store", "the session store cannot be opened: " .. err.message) end
  end
  local self = setmetatable(Memory.new(KEPT), File)
  self.path, self.plaintext_keys = options.path, options.keys == "plaintext"
  -- Keys in plain text are seen, and so written again, until they are encrypted.
  if options.keys == "encrypted" then self.plaintext_keys = true end
  local ok, err = self:refresh()
  if ok and options.keys == "encrypted" then ok, err = open_vault(self, options, loop) end
  if not ok then return nil, err end
  return self
end

--- Wipes the key that the sessions' keys are under.
function File:close()
  if self.vault then self.vault:close() end
  self.vault = nil
  return true
end

return File
