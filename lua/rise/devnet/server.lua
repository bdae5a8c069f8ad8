--- JSON-RPC 2.0 over HTTP, as the relay's framework does it: every request a task of the loop.
-- @classmod rise.devnet.Server

local core = require "rise.core"
local json = require "rise.json"
local rpc_error = require "rise.devnet.rpc_error"
local wire = require "rise.devnet.wire"

local Server = {}
Server.__index = Server

local MAX_BODY = 10 * 1024 * 1024
-- What is not much longer is read nevertheless, so that it can be refused in JSON.
local MAX_READ = MAX_BODY + 1024 * 1024

local CORS = {
  ["Access-Control-Allow-Origin"] = "*",
  ["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS",
  ["Access-Control-Allow-Headers"] = "*",
  ["Access-Control-Max-Age"] = "86400",
}

local function headers_with(content_type)
  local headers = { ["Content-Type"] = content_type }
  for name, value in pairs(CORS) do headers[name] = value end
  return headers
end

local JSON_HEADERS = headers_with("application/json")
local TEXT_HEADERS = headers_with("text/plain; charset=utf-8")

local PARSE_ERROR = rpc_error.protocol(-32700, "Parse error")
local INVALID_REQUEST = rpc_error.protocol(-32600, "Invalid request")
local METHOD_NOT_FOUND = rpc_error.protocol(-32601, "Method not found")
local REQUEST_TOO_BIG = rpc_error.protocol(-32007, "Request is too big")
local RESPONSE_TOO_BIG = rpc_error.protocol(-32008, "Response is too big")

-- ---- one request ----------------------------------------------------------------------------------------------

local function error_object(err)
  return json.object { code = err.code, message = err.message, data = err.data }
end

local function envelope(id, result, err)
  local body = err and '"error":' .. json.encode(error_object(err)) or '"result":' .. json.encode(result)
  if #body > MAX_BODY then body = '"error":' .. json.encode(error_object(RESPONSE_TOO_BIG)) end
  return '{"jsonrpc":"2.0","id":' .. id .. "," .. body .. "}"
end

-- An id as JSON text: what came goes back unchanged. Fractions, negative numbers and structures are no ids.
local function id_text(id)
  if id == json.null or type(id) == "string" then return json.encode(id) end
  if type(id) == "number" then return string.format("%.0f", id) end
  if core.is_u256(id) and id:cmp("18446744073709551615") <= 0 then return tostring(id) end
  return nil
end

-- A method's outcome; a method that raises is a fault of ours, which must cost its caller an answer and nobody else
-- anything.
local function perform(server, method, params, options)
  local run = server.methods[method]
  if not run then return nil, METHOD_NOT_FOUND end
  local task = server.loop:spawn(run, params, options)
  local result, err = task:wait()
  if result ~= nil then return result end
  if type(err) == "table" and err.code == "task" then
    server.log("a fault in " .. method .. ": " .. tostring(err.traceback or err.message))
    return rpc_error.trouble("an internal error occurred")
  end
  return rpc_error.from(err)
end

-- The response text, nil without an id; or what a hook put in its place.
local function handle(server, id, method, params, options)
  local hooks = server.hooks
  local replacement = hooks.before and hooks.before(method, params)
  if replacement then return replacement end
  local result, err
  if wire.is_array(params) then
    result, err = perform(server, method, params, options)
  else
    result, err = rpc_error.params("invalid type: map, expected a sequence of parameters")
  end
  if not id then return nil end
  local text = envelope(id, result, err)
  if hooks.intercept then text = hooks.intercept(method, params, text) or text end
  return text
end

-- Whether something else than text is to be answered, for the whole of a batch.
local function is_special(outcome)
  return type(outcome) == "table" or outcome == "drop" or outcome == "hang"
end

-- What one request comes to: see `handle`.
local function answer(server, request)
  if not wire.is_object(request) then return envelope("null", nil, INVALID_REQUEST) end
  local id = request.id ~= nil and id_text(request.id)
  local params = request.params
  if params == nil or params == json.null then params = json.array {} end
  if request.jsonrpc ~= "2.0" or type(request.method) ~= "string" or (request.id ~= nil and not id) then
    return envelope(id or "null", nil, INVALID_REQUEST)
  end
  local method, around = request.method, server.hooks.around
  if not around then return handle(server, id, method, params) end
  return around(method, function(options) return handle(server, id, method, params, options) end)
end

local function answer_batch(server, batch)
  if #batch == 0 then return envelope("null", nil, INVALID_REQUEST) end
  local tasks, texts = {}, {}
  for i, request in ipairs(batch) do tasks[i] = server.loop:spawn(answer, server, request) end
  for _, task in ipairs(tasks) do
    local text = task:wait()
    if is_special(text) then return text end
    texts[#texts + 1] = text
  end
  if #texts == 0 then return nil end
  local text = "[" .. table.concat(texts, ",") .. "]"
  if #text > MAX_BODY then return envelope("null", nil, RESPONSE_TOO_BIG) end
  return text
end

-- ---- HTTP -----------------------------------------------------------------------------------------------------

local function reply(server, request, status, headers, body)
  if not server.httpd then return end -- stopped meanwhile
  server.httpd:reply(request.id, status, headers, body)
  server.httpd:step() -- the answer leaves now, not when the next request wakes the loop
end

local function drop(server, request)
  if not server.httpd then return end
  server.httpd:drop(request.id)
  server.httpd:step()
end

local function accepts(content_type)
  local media, rest = (content_type or ""):lower():match("^%s*([%w/+.-]+)%s*;?%s*(.-)%s*$")
  if media ~= "application/json" and media ~= "application/json-rpc" then return false end
  return rest == "" or rest:gsub('"', "") == "charset=utf-8"
end

-- GET /health gives the bare result.
local function health(server, request)
  local result, err = perform(server, "health", json.array {})
  if err then return reply(server, request, 500, JSON_HEADERS, json.encode(error_object(err))) end
  return reply(server, request, 200, JSON_HEADERS, json.encode(result))
end

local function serve(server, request)
  if request.method == "OPTIONS" then return reply(server, request, 204, CORS, "") end
  if request.method == "GET" and request.path == "/health" then return health(server, request) end
  if request.method ~= "POST" then
    return reply(server, request, 405, TEXT_HEADERS, "Used HTTP Method is not allowed. POST is required\n")
  end
  if not accepts(request.headers["content-type"]) then
    return reply(server, request, 415, TEXT_HEADERS,
      "Supplied content type is not allowed. Content-Type: application/json is required\n")
  end
  if #request.body > MAX_BODY then
    return reply(server, request, 413, JSON_HEADERS, envelope("null", nil, REQUEST_TOO_BIG))
  end
  local value
  if server.recognize then
    value = wire.read(request.body, server.recognize(request.body))
  else
    value = wire.read(request.body)
  end
  if value == nil then
    return reply(server, request, 400, JSON_HEADERS, envelope("null", nil, PARSE_ERROR))
  end
  local text
  if wire.is_array(value) then text = answer_batch(server, value) else text = answer(server, value) end
  if text == "drop" then return drop(server, request) end
  if text == "hang" then return end -- its client waits until it gives up
  if type(text) == "table" then
    return reply(server, request, text.http_status or 200, text.headers or JSON_HEADERS, text.body or "")
  end
  return reply(server, request, 200, JSON_HEADERS, text or "")
end

local function step(server)
  server.httpd:step()
  while true do
    local request = server.httpd:next()
    if not request then return end
    server.loop:spawn(serve, server, request)
  end
end

--- Starts serving.
-- @tparam table options `loop`, `host`, `port` (0: any), `methods` (name to function of the parameters, giving a
-- result or `nil` and an error of @{rise.devnet.rpc_error}), `log`, `recognize(body)`: which part of a request need not
-- be read, as @{rise.devnet.wire.read} takes it, and `hooks`: `before(method, params)` is asked
-- first, `intercept(method, params, response_text)` with the answer in hand. Either may return text to send instead,
-- `{ http_status =, body =, headers = }`, "drop" to end the connection without an answer, or "hang" to leave it open
-- without one; nil changes nothing. `around(method, handle)` stands around both: what it returns is answered, and
-- `handle(options)` does what was asked, as often as it is called, and gives what would be answered; the options are
-- handed to the method.
-- @treturn[1] Server with `port`
-- @treturn[2] nil
-- @treturn[2] table io
function Server.start(options)
  local host = require "rise.host"
  local httpd, err = host.httpd { host = options.host, port = options.port, max_body = MAX_READ }
  if not httpd then return nil, err end
  local server = setmetatable({
    httpd = httpd, loop = options.loop, methods = options.methods, log = options.log, hooks = options.hooks or {},
    recognize = options.recognize,
    port = httpd:port(),
  }, Server)
  server.source = {
    fd = function() return httpd:fd() end,
    timeout = function() return httpd:timeout() end,
    step = function() step(server) end,
  }
  server.loop:add_source(server.source)
  return server
end

--- Stops serving; open requests are cut off.
function Server:stop()
  if not self.httpd then return end
  self.loop:remove_source(self.source)
  self.httpd:close()
  self.httpd = nil
end

return Server
