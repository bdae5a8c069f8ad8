--- Where session records and the journal of bundles are kept: in memory, in one plain file, or in SQLite.
--
-- *Session records* are plain tables with an `id` (the key hash): `put(record)`, `get(id)`, `delete(id)`, `list()`.
-- What was revoked stays revoked: `put` refuses a record that would say otherwise.
--
-- *The journal* has an entry for each bundle, written and synced before the bundle leaves this machine: `id` (the
-- quote's hash), `session`, `account`, `chain_id`, `nonce` (0x text of 32 bytes), `state`, `payload` (what is sent:
-- `context_text`, `signature`, `key`, `fee_signature`, and `pre_calls`, the digests of those it carries; dropped once
-- the bundle is final), `calls`, `actions`, `ttl`, `created`, `updated`, `outcome`. The states, in their order:
--
-- - (none: prepared and signed, but nothing has left this machine);
-- - `sending`: written down, before the request leaves: the relay may have it or not;
-- - `accepted`: the relay has answered that it has it;
--
-- and then one of those that are final:
--
-- - `done`: landed and succeeded;
-- - `reverted`: landed and failed;
-- - `failed`: did not land and cannot any more;
-- - `unknown`: nobody can tell what became of it.
--
-- In direct mode the `id` is the digest of the Intent, the `payload` has `from` (the gas key's address) and
-- `transactions`: raw ones that all carry this very Intent; one that replaces another is added before it is sent.
--
-- `begin(entry)` writes one; `mark(id, "accepted")`; `amend(id, payload)`; `finish(id, state, outcome)`; `bundle(id)`;
-- `bundles(filter)` with `unfinished`, `session`, `chain_id`, oldest first. Of one account's bundles on a chain only
-- one may hold a nonce: a second is refused with `nonce`. Whoever works on a bundle has a claim on it: `begin` takes
-- one, `finish` and `release(id)` let go, `claim(id)` gives the entry, or false while somebody else, who lives, has it.
--
-- *Lanes* are nonce sequences of an account: `take_lane { chain_id, account, fresh }` gives a `{ sequence, number }`
-- that nobody else uses, one that was used before if there is one, else `fresh`; `give_lane(lane)` puts it back,
-- `drop_lane(lane)` forgets it. `finish` counts them on.
--
-- *Accounts* are those made here that have not been seen on the chain yet: `put_account(record)` with `address`,
-- `chain_id`, `authorization` and `pre_call` as their own key signed them; `account(chain_id, address)`;
-- `drop_account(chain_id, address)`.
--
-- Each function gives `nil, err` with the code `store` when the disk refuses.
-- @module rise.store

local Memory = require "rise.store.memory"

local store = {}

local KEYS = { none = true, plaintext = true, encrypted = true }

local function check_keys(options, what)
  if type(options) ~= "table" then return end
  local keys = options.keys or "none"
  if not KEYS[keys] then error(what .. ": keys must be \"none\", \"encrypted\" or \"plaintext\"", 3) end
  if (keys == "encrypted") ~= (options.passphrase ~= nil) then
    error(what .. ": keys = \"encrypted\" and a passphrase go together", 3)
  end
end

--- A store that lives as long as the program.
function store.memory()
  return Memory.new()
end

--- A store in a file, for one process at a time. What `keys` says becomes of private keys:
--
-- - "none" (default): they are not in it. The records survive a restart, but cannot sign after it;
-- - "encrypted": they are, encrypted, and `passphrase` opens them (text, a table as for @{rise.passphrase.get}, or
--   what that gives). It is derived from once, here, which takes about a second with the standard `cost` (see
--   @{rise.keystore.seal}); in a task of `rise.loop` this yields meanwhile. A store that had them in plain text has
--   them encrypted from then on;
-- - "plaintext": they are, as text: whoever reads the file can act within the sessions' permissions.
-- @tparam table options `path`; `keys`; `passphrase`; `cost`
-- @tparam[opt] table loop to wait in; `rise.store` brings its own
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] table store, wrong_passphrase, unsupported (no libsodium), canceled
function store.file(options, loop)
  check_keys(options, "store.file")
  local opened, err = require("rise.store.file").open(options, loop)
  return opened, err
end

--- A store in a SQLite database, which several processes may use at a time and which keeps pace with many bundles.
-- @tparam table options `path`; `keys`, `passphrase`, `cost` as for @{store.file}; `busy_timeout`: seconds to wait for
-- another process (10); `kept`: how many finished bundles are remembered (10000)
-- @tparam[opt] table loop to wait in; `rise.store` brings its own
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] table as for @{store.file}; unsupported where rise was built without SQLite
function store.sqlite(options, loop)
  check_keys(options, "store.sqlite")
  local opened, err = require("rise.store.sqlite").open(options, loop)
  return opened, err
end

return store
