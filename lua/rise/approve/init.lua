--- Ways to have a session approved by the account's owner.
--
-- An approver has `grant(account, request)` and `revoke(account, request)`, as @{rise.Account} has them but for the
-- key; sessions are given one and ask it. One that has no word of its own to give, but another's to pass on, hands it
-- to `request.adopt`, where it is proved; with `names_account` it can also tell the account.
-- @module rise.approve

return {
  admin = require "rise.approve.admin",
  browser = require "rise.approve.browser",
}
