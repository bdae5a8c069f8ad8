--- Ways to have a session approved by the account's owner.
--
-- An approver has `grant(account, request)` and `revoke(account, request)`, as @{rise.Account} has them but for the
-- key; sessions are given one and ask it.
-- @module rise.approve

return {
  admin = require "rise.approve.admin",
}
