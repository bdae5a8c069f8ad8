--- Approval by an administrator's key that this program holds.
--
--     assert(session:grant(rise.approve.admin(key)))
--
-- @module rise.approve.admin

local Admin = {}
Admin.__index = Admin
Admin.__name = "rise.approve.admin"

--- Signs the grant.
-- @treturn[1] table the pre-call that was left with the relay
-- @treturn[2] nil
-- @treturn[2] table
function Admin:grant(account, request)
  return account:grant(request, self.key)
end

--- Revokes on chain.
-- @treturn[1] table receipt, or true when there was nothing to revoke
-- @treturn[2] nil
-- @treturn[2] table
function Admin:revoke(account, request)
  return account:revoke(request, self.key)
end

--- An approver that signs with an administrator's key of the account: a `rise.key` of type secp256k1 or p256, or
-- the account's own EOA key.
-- @tparam userdata key
-- @treturn table
return function(key)
  if getmetatable(key) ~= "rise.key" then error("rise.approve.admin: a rise.key expected, got " .. type(key), 2) end
  return setmetatable({ key = key }, Admin)
end
