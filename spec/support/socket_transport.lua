-- HTTP as a host might bring it: a transport over LuaSocket, without TLS and with a connection for each request. It
-- shows what the seam of rise.loop takes to carry a real session (see rise.Loop:use).
local errors = require "rise.errors"
local socket = require "socket"

local DEFAULT_TIMEOUT, DEFAULT_MAX_REPLY = 30, 16 * 1024 * 1024

local Transport = {}
Transport.__index = Transport

local function new()
  return setmetatable({ last_id = 0, open = {}, finished = {}, submitted = 0 }, Transport)
end

local function finish(self, exchange, reply, code, message)
  exchange.socket:close()
  self.open[exchange.id] = nil
  -- Nothing can have reached the peer before the first byte was taken by the socket.
  local err = code and errors.new(code, exchange.host .. ": " .. message, { sent = exchange.sent > 0 })
  self.finished[#self.finished + 1] = { exchange.id, reply, err }
end

function Transport:submit(request)
  local host, port, path = request.url:match("^http://([%w.%-]+):?(%d*)(.*)$")
  if not host then return errors.fail("invalid_value", "not an http URL: " .. request.url) end
  local body = request.body or ""
  local exchange = {
    host = host, socket = assert(socket.tcp()), sent = 0, received = {}, size = 0,
    max_reply = request.max_reply or DEFAULT_MAX_REPLY,
    deadline = socket.gettime() + (request.timeout or DEFAULT_TIMEOUT),
    text = ("%s %s HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s")
      :format(request.method or (request.body and "POST" or "GET"), path == "" and "/" or path, host,
        port == "" and "80" or port, request.content_type or "application/json", #body, body),
  }
  self.last_id = self.last_id + 1
  self.submitted = self.submitted + 1
  exchange.id = self.last_id
  self.open[exchange.id] = exchange
  exchange.socket:settimeout(0)
  local connected, why = exchange.socket:connect(host, port == "" and 80 or tonumber(port))
  if not connected and why ~= "timeout" and why ~= "Operation already in progress" then
    finish(self, exchange, nil, "network", why)
  end
  return exchange.id
end

local function send(self, exchange)
  local last, why, part = exchange.socket:send(exchange.text, exchange.sent + 1)
  exchange.sent = last or part or exchange.sent
  if not last and why ~= "timeout" then finish(self, exchange, nil, "network", why) end
end

-- The reply, once all of it is there; nil before.
local function reply_of(text, closed)
  local head, rest = text:match("^(.-\r\n\r\n)(.*)$")
  if not head then return nil end
  local status = tonumber(head:match("^HTTP/1%.[01] (%d%d%d)"))
  local length = tonumber(head:lower():match("\r\ncontent%-length: *(%d+)"))
  if status and length and #rest >= length then return { status = status, body = rest:sub(1, length) } end
  if status and not length and closed then return { status = status, body = rest } end
end

local function receive(self, exchange)
  local data, why, part = exchange.socket:receive(65536)
  data = data or part
  exchange.received[#exchange.received + 1] = data
  exchange.size = exchange.size + #data
  if exchange.size > exchange.max_reply then return finish(self, exchange, nil, "limit", "the reply is too long") end
  local reply = reply_of(table.concat(exchange.received), why == "closed")
  if reply then return finish(self, exchange, reply) end
  if why and why ~= "timeout" then finish(self, exchange, nil, "network", "no complete answer: " .. why) end
end

function Transport:step(seconds, fd)
  local readers, writers, now = {}, {}, socket.gettime()
  if self.finished[1] then seconds = 0 end
  if fd and fd >= 0 then readers[1] = { getfd = function() return fd end } end
  for _, exchange in pairs(self.open) do
    local list = exchange.sent < #exchange.text and writers or readers
    list[#list + 1] = exchange.socket
    list[exchange.socket] = exchange
    seconds = math.max(0, math.min(seconds, exchange.deadline - now))
  end
  local readable, writable = socket.select(readers, writers, seconds)
  for _, ready in ipairs(writable) do send(self, writers[ready]) end
  for _, ready in ipairs(readable) do
    if readers[ready] then receive(self, readers[ready]) end
  end
  local count = 0
  now = socket.gettime()
  for _, exchange in pairs(self.open) do
    if now >= exchange.deadline then
      finish(self, exchange, nil, "timeout", "no complete answer in time")
    else
      count = count + 1
    end
  end
  return count
end

function Transport:next()
  local entry = table.remove(self.finished, 1)
  if entry then return entry[1], entry[2], entry[3] end
end

function Transport:cancel(id)
  local exchange = self.open[id]
  if not exchange then return end
  exchange.socket:close()
  self.open[id] = nil
end

return { new = new }
