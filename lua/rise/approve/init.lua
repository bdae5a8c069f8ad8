--- Ways to have a session approved by the account's owner.
--
-- An approver has `grant(session, request)` and `revoke(session, request)`; sessions are given one and ask it.
-- @module rise.approve

return {
  admin = require "rise.approve.admin",
}
