-- The other end of a connection, byte by byte (LuaSocket): a server that may answer as no server should, and a client
-- that may ask so. Both take turns with what is tested, in one thread.
local socket = require "socket"

local raw = {}

local Connection = {}
Connection.__index = Connection

-- Gives the turn to the others.
function Connection.wait()
  coroutine.yield()
end

function Connection:receive()
  while true do
    local text, why, part = self.socket:receive(65536)
    text = text or part
    if text and text ~= "" then return text end
    if why == "closed" then return nil end
    coroutine.yield()
  end
end

-- One request: its head and its body, nil when the peer hangs up.
function Connection:request()
  local text = self.rest or ""
  local last
  repeat
    local _, stop = text:find("\r\n\r\n", 1, true)
    last = stop
    if not last then
      local more = self:receive()
      if not more then return nil end
      text = text .. more
    end
  until last
  local head = text:sub(1, last)
  local len = tonumber(head:lower():match("content%-length: *(%d+)")) or 0
  while #text < last + len do
    local more = self:receive()
    if not more then return nil end
    text = text .. more
  end
  self.rest = text:sub(last + len + 1)
  return head, text:sub(last + 1, last + len)
end

function Connection:send(text)
  local sent = 0
  while sent < #text do
    local last, why, part = self.socket:send(text, sent + 1)
    if why == "closed" then return nil end
    sent = last or part
    if not last then coroutine.yield() end
  end
  return true
end

function Connection:answer(body, head)
  return self:send(("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s"):format(head or "", #body, body))
end

function Connection:close()
  self.socket:close()
end

local Server = {}
Server.__index = Server

-- Serves each connection in a coroutine that runs `handler(connection, number)`.
function raw.listen(handler)
  local listener = assert(socket.bind("127.0.0.1", 0, 64))
  listener:settimeout(0)
  local _, port = listener:getsockname()
  return setmetatable({
    listener = listener, handler = handler, port = tonumber(port), connections = 0, running = {},
    url = "http://127.0.0.1:" .. port,
  }, Server)
end

function Server:step()
  local accepted = self.listener:accept()
  while accepted do
    accepted:settimeout(0)
    self.connections = self.connections + 1
    local connection = setmetatable({ socket = accepted }, Connection)
    local number = self.connections
    self.running[#self.running + 1] = coroutine.create(function()
      self.handler(connection, number)
      connection:close()
    end)
    accepted = self.listener:accept()
  end
  local left = {}
  for _, thread in ipairs(self.running) do
    local ok, err = coroutine.resume(thread)
    if not ok then error(err) end
    if coroutine.status(thread) ~= "dead" then left[#left + 1] = thread end
  end
  self.running = left
end

function Server:close()
  self.listener:close()
end

local Client = {}
Client.__index = Client

-- A connection to a server of ours; `step` is called while it waits.
function raw.connect(port, step)
  local connected = assert(socket.connect("127.0.0.1", port))
  connected:settimeout(0)
  return setmetatable({ socket = connected, step = step, text = "" }, Client)
end

function Client:send(text)
  local sent = 0
  while sent < #text do
    local last, why, part = self.socket:send(text, sent + 1)
    if why == "closed" then return nil, why end
    sent = last or part
    self.step()
  end
  return true
end

-- Reads until `enough(text)` is true or the server hangs up; gives what came so far and whether it hung up.
function Client:receive(enough)
  local give_up = socket.gettime() + 20
  while not enough(self.text) do
    local text, why, part = self.socket:receive(65536)
    self.text = self.text .. (text or part or "")
    if why == "closed" then return self.text, true end
    if socket.gettime() > give_up then error("nothing more came after: " .. self.text:sub(1, 500)) end
    self.step()
  end
  return self.text, false
end

-- Reads until the server hangs up.
function Client:receive_all()
  return (self:receive(function() return false end))
end

function Client:half_close()
  self.socket:shutdown("send")
end

function Client:close()
  self.socket:close()
end

raw.now = socket.gettime

return raw
