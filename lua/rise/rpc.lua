--- JSON-RPC 2.0 calls over a loop.
-- @classmod rise.Rpc

local check = require "rise.check"
local errors = require "rise.errors"
local json = require "rise.json"

local Rpc = {}
Rpc.__index = Rpc
Rpc.__name = "rise.rpc"

--- A client of one endpoint.
-- @tparam table options `loop`; `url`; `peer`: the error code for answers that are no JSON-RPC ("relay" or "node");
-- `timeout` in seconds (default 30)
-- @treturn Rpc
function Rpc.new(options)
  check.options(options, { loop = "table!", url = "string!", peer = "string", timeout = "number",
    max_reply = "number" }, "rpc.new")
  return setmetatable({
    loop = options.loop,
    url = options.url,
    peer = options.peer or "node",
    timeout = options.timeout or 30,
    max_reply = options.max_reply or 11 * 1024 * 1024, -- the relay's own bound on an answer is 10 MiB
    last_id = 0,
  }, Rpc)
end

-- What an answer that is no proper JSON-RPC response is called.
local function nonsense(self, method, what, fields)
  return errors.fail(self.peer, string.format("%s: the %s answered %s", method, self.peer, what), fields)
end

local MAX_TEXT = 1000

local function rpc_error(method, object, status)
  local message = type(object.message) == "string" and errors.printable(object.message, MAX_TEXT) or "no message"
  return errors.fail("rpc", string.format("%s: %s (%.0f)", method, message, object.code),
    { method = method, rpc_code = object.code, rpc_message = message, data = json.get(object, "data"),
      http_status = status ~= 200 and status or nil })
end

local function is_error(object)
  return type(object) == "table" and type(object.code) == "number" and object.code % 1 == 0
    and math.abs(object.code) < 2 ^ 53
end

--- One call. Blocks in a script, yields in a task.
-- @tparam string method
-- @tparam ?table params an array, encoded by @{rise.json}; nil leaves the member out
-- @tparam[opt] table options `timeout` in seconds; `once = true` for what must not be done twice: a request that a
-- dying connection swallowed is then not sent again
-- @treturn[1] any the result (null as json.null)
-- @treturn[1] string the response text
-- @treturn[1] table the whole response, decoded
-- @treturn[2] nil
-- @treturn[2] table `rpc` with rpc_code, rpc_message and data for an error object; network, timeout, or the code
-- of the peer for anything that is no JSON-RPC response. `err.sent` is false when the request cannot have arrived
function Rpc:call(method, params, options)
  self.last_id = self.last_id + 1
  local id = self.last_id
  local body = '{"jsonrpc":"2.0","id":' .. string.format("%.0f", id) .. ',"method":"' .. method .. '"'
    .. (params ~= nil and ',"params":' .. json.encode(params) or "") .. "}"
  local reply, err = self.loop:fetch {
    url = self.url,
    body = body,
    timeout = options and options.timeout or self.timeout,
    max_reply = self.max_reply,
    repeatable = not (options and options.once),
  }
  if not reply then
    if err.code == "limit" then
      return nonsense(self, method, "with more than " .. self.max_reply .. " bytes", { sent = true })
    end
    return errors.within(err, method)
  end
  local answer = json.decode(reply.body)
  if type(answer) == "table" and is_error(answer.error) then return rpc_error(method, answer.error, reply.status) end
  if reply.status ~= 200 then
    return nonsense(self, method, "with HTTP status " .. reply.status,
      { http_status = reply.status, retryable = reply.status >= 500 or reply.status == 429 })
  end
  if type(answer) ~= "table" then return nonsense(self, method, "something that is not JSON") end
  if answer.id ~= id then
    return nonsense(self, method, "another request (id " .. errors.printable(answer.id, MAX_TEXT) .. ")")
  end
  if answer.result == nil then return nonsense(self, method, "neither a result nor an error") end
  return answer.result, reply.body, answer
end

return Rpc
