--- What all stores hold to, whatever they write to.
-- @module rise.store.rules

local errors = require "rise.errors"

local rules = {}

--- States in which a bundle may still land. The others are final.
rules.UNFINISHED = { sending = true, accepted = true }

local FINAL = { done = true, reverted = true, failed = true, unknown = true }

local OVER = { revoking = true, revoked = true }

--- Raises for what is no record of a session.
function rules.check_record(record)
  if type(record) ~= "table" or type(record.id) ~= "string" then
    error("store:put: a record with an id expected", 3)
  end
end

--- Raises for a state that is none.
function rules.check_final(state)
  if not FINAL[state] then error("store: not a final state: " .. tostring(state), 3) end
end

--- Whether a session's record may replace the one before it: what was revoked stays so, whatever another process
-- still believes.
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table revoked
function rules.may_replace(before, record)
  if before and OVER[before.state] and not OVER[record.state] then
    return errors.fail("revoked", "the session was revoked meanwhile")
  end
  return true
end

--- Whether a bundle in this state keeps others from its nonce.
function rules.holds_nonce(state, outcome)
  if state == "failed" then return false end
  if state == "reverted" then return not outcome or outcome.incremented ~= false end
  return true
end

--- The sequence and the number in it of a nonce of 32 bytes.
-- @treturn string 0x text of 24 bytes
-- @treturn number
function rules.split(nonce)
  return nonce:sub(1, 50), tonumber(nonce:sub(51), 16)
end

--- The nonce is taken by another bundle of this journal.
function rules.nonce_taken(entry)
  return errors.fail("nonce", "another bundle of this account has the nonce " .. entry.nonce)
end

function rules.same_bundle(entry)
  return errors.fail("nonce", "bundle " .. entry.id .. " is in the journal already")
end

return rules
