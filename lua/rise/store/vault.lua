--- How a store keeps session keys encrypted: one key of its own under a passphrase, the vault, and each session's key
-- under that. So opening a store derives once, however many sessions it has.
-- @module rise.store.vault

local core = require "rise.core"
local errors = require "rise.errors"
local keystore = require "rise.keystore"

local vault = {}

local function fail(err)
  if err.code == "wrong_passphrase" or err.code == "canceled" or err.code == "unsupported" then return nil, err end
  return errors.fail("store", "the keys of the session store: " .. err.message)
end

--- Opens a store's vault, or gives it one.
-- @tparam table options `passphrase`, `cost`
-- @tparam function load gives the text of the store's keystore; false when it has none; nil, err
-- @tparam function keep given a new text, keeps it unless there is one by now; gives the one that is kept, or nil, err
-- @tparam ?table loop to wait in
-- @treturn[1] userdata rise.vault
-- @treturn[2] nil
-- @treturn[2] table wrong_passphrase, store, unsupported, canceled
function vault.open(options, load, keep, loop)
  local text, err = load()
  if text == nil then return nil, err end
  if not text then
    local fresh, new_text = keystore.new_vault(options, loop)
    if not fresh then return fail(new_text) end
    text, err = keep(new_text)
    if text == new_text then return fresh end
    fresh:close()
    if not text then return nil, err end
  end
  local opened
  opened, err = keystore.open_vault(text, options.passphrase, loop)
  if not opened then return fail(err) end
  return opened
end

--- Encrypts the keys that a store kept in plain text before.
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table store
function vault.encrypt_kept(store, records)
  for _, record in ipairs(records) do
    if record.secret then
      local bytes = type(record.secret) == "string" and core.unhex(record.secret)
      local key = bytes and #bytes == 32 and core.key_import("p256", bytes)
      if not key then return errors.fail("store", "session " .. record.id .. ": secret is damaged") end
      local wrapped, err = store.vault:wrap(key)
      key:close()
      if not wrapped then return nil, err end
      record.secret, record.sealed = nil, core.hex(wrapped)
      local ok
      ok, err = store:put(record)
      if not ok then return nil, err end
    end
  end
  return true
end

return vault
