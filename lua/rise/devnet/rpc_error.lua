--- The error objects of JSON-RPC as the relay forms them: `{ code =, message =, data = }`.
--
-- The relay has no codes of its own: -32602 is the caller's doing, -32603 the server's, 3 a revert, and the text
-- tells the rest. Functions of the relay return `nil` and such an object.
-- @module rise.devnet.rpc_error

local errors = require "rise.errors"
local revert = require "rise.devnet.revert_text"

local rpc_error = {}

local metatable = { __tostring = function(err) return err.message end }

local function new(code, message, data)
  return setmetatable({ code = code, message = message, data = data }, metatable)
end

--- Whether a value is such an object.
function rpc_error.is(value)
  return type(value) == "table" and getmetatable(value) == metatable
end

--- An error of the protocol itself: -32700, -32600, -32601, -32007, -32008.
function rpc_error.protocol(code, message)
  return new(code, message)
end

--- Parameters that do not have the method's shape; `complaint` goes into `data`.
function rpc_error.params(complaint)
  return nil, new(-32602, "Invalid params", complaint)
end

--- The caller asked for what cannot be.
function rpc_error.refuse(format, ...)
  return nil, new(-32602, string.format(format, ...))
end

--- The server cannot do it.
function rpc_error.trouble(format, ...)
  return nil, new(-32603, string.format(format, ...))
end

--- A simulation reverted.
-- @tparam string data revert bytes as 0x text
function rpc_error.revert(data)
  return nil, new(3, revert.text(data), data)
end

--- An error of the chain's client as one of ours; one of ours as it is.
function rpc_error.from(err)
  if rpc_error.is(err) then return nil, err end
  if errors.is(err) and err.code == "reverted" then return rpc_error.revert(err.data) end
  if errors.is(err) then return nil, new(-32603, err.message) end
  return nil, new(-32603, "an internal error occurred", tostring(err))
end

return rpc_error
