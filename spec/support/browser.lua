-- What stands in for the owner's browser: an HTTP client that speaks as browsers do, byte by byte, and the owner's
-- wallet behind it, which leaves real grants with the devnet's relay.
local core = require "rise.core"
local json = require "rise.json"
local permissions = require "rise.permissions"
local raw = require "net.raw"
local rise = require "rise"

local browser = {}

-- Lets everything else go on; in a task, by yielding.
function browser.turn()
  if rise.loop.current then coroutine.yield() else rise.step(0.001) end
end

--- Waits for a condition.
function browser.until_true(what, condition)
  local deadline = raw.now() + 60
  while not condition() do
    assert(raw.now() < deadline, what .. " does not come about")
    browser.turn()
  end
end

-- ---- HTTP ------------------------------------------------------------------------------------------------------

local function parse_head(text)
  local head, rest = text:match("^(.-)\r\n\r\n(.*)$")
  if not head then return nil end
  local reply = { status = tonumber(head:match("^HTTP/1%.1 (%d+)")), headers = {} }
  for name, value in head:gmatch("\r\n([^:]+): *([^\r]*)") do reply.headers[name:lower()] = value end
  return reply, rest
end

local function dechunked(text)
  local parts, at = {}, 1
  while true do
    local size, start = text:match("^(%x+)\r\n()", at)
    if not size or #text < start + tonumber(size, 16) - 1 then return table.concat(parts) end
    local count = tonumber(size, 16)
    if count == 0 then return table.concat(parts), true end
    parts[#parts + 1] = text:sub(start, start + count - 1)
    at = start + count + 2
  end
end

local Tab = {}
Tab.__index = Tab

--- A browser that was led to a URL; `origin` of the page that its scripts run on.
function browser.open(url, origin)
  local port, path = url:match("^http://localhost:(%d+)(/.*)$")
  return setmetatable({ port = tonumber(port), path = path:gsub("[^/]*$", ""), host = "localhost:" .. port,
    origin = origin or "http://localhost:" .. port, url = url }, Tab)
end

local function send(tab, method, path, headers, body, step)
  local lines = { string.format("%s %s HTTP/1.1", method, path) }
  local all = { Host = tab.host, Connection = "close" }
  for name, value in pairs(headers or {}) do all[name] = value end
  if body then all["Content-Length"] = #body end
  for name, value in pairs(all) do
    if value then lines[#lines + 1] = name .. ": " .. value end
  end
  local client = raw.connect(tab.port, step or browser.turn)
  client:send(table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or ""))
  return client
end

local function finish(client)
  local text = client:receive_all()
  client:close()
  local reply, rest = parse_head(text)
  reply.body = reply.headers["transfer-encoding"] == "chunked" and dechunked(rest) or rest
  return reply
end

--- One request, its answer read to the end. A header of false is left out.
function Tab:request(method, path, headers, body)
  return finish(send(self, method, path, headers, body))
end

local function posted(tab, headers)
  local all = { Origin = tab.origin, ["Content-Type"] = "application/json" }
  for name, header in pairs(headers or {}) do all[name] = header end
  return all
end

--- What a script of the page posts.
function Tab:post(path, value, headers)
  return self:request("POST", path, posted(self, headers), type(value) == "string" and value or json.encode(value))
end

--- Several such at the same time: their answers, in order.
function Tab:post_at_once(path, values)
  local clients = {}
  for i, value in ipairs(values) do
    clients[i] = send(self, "POST", path, posted(self), json.encode(value), function() end)
  end
  for i, client in ipairs(clients) do
    client.step = browser.turn
    clients[i] = finish(client)
  end
  return clients
end

local Stream = {}
Stream.__index = Stream

--- An EventSource.
function Tab:events(path, headers)
  local all = { Accept = "text/event-stream", Connection = "keep-alive" }
  for name, header in pairs(headers or {}) do all[name] = header end
  local client = send(self, "GET", path, all)
  client:receive(function(text) return text:find("\r\n\r\n", 1, true) ~= nil end)
  return setmetatable({ client = client, taken = 0, reply = parse_head(client.text) }, Stream)
end

function Stream:events()
  local _, rest = parse_head(self.client.text)
  local list = {}
  for data in dechunked(rest):gmatch("data: ([^\n]*)\n\n") do list[#list + 1] = json.decode(data) end
  return list
end

--- The next event.
function Stream:next()
  local wanted = self.taken + 1
  self.client:receive(function() return self:events()[wanted] ~= nil end)
  self.taken = wanted
  return self:events()[wanted]
end

function Stream:close()
  self.client:close()
end

--- The approval page, opened: what it shows, as its script gets it, and its stream of news.
function Tab:page()
  local reply = self:request("GET", self.path)
  assert(reply.status == 200, "the page: " .. reply.status)
  self.document = reply
  self.data = json.decode(reply.body:match('<script type="application/json" id="data">(.-)</script>'))
  self.id = core.hex(core.random(8)):sub(3)
  self.news = self:events(self.path .. "events?page=" .. self.id)
  return self.data
end

--- The page's script hands over the wallet's answer.
function Tab:hand(outcome, headers)
  local body = { page = self.id, id = self.data.request.id }
  for name, value in pairs(outcome) do body[name] = value end
  return self:post(self.path .. "result", body, headers)
end

-- ---- the owner's wallet ------------------------------------------------------------------------------------------

-- What the request asks for, as a grant.
local function asked_of(request)
  local asked = request.params[1].capabilities.grantPermissions
  local list = {}
  for _, rule in ipairs(asked.permissions.calls) do
    list[#list + 1] = { type = "call", to = rule.to or rise.ANY_TARGET, selector = rule.signature or rise.ANY_SELECTOR }
  end
  for _, rule in ipairs(asked.permissions.spend) do
    list[#list + 1] = { type = "spend", token = rule.token, limit = rule.limit, period = rule.period }
  end
  return asked, assert(permissions.from_relay(list, asked.expiry))
end

--- Does what the wallet does when its owner approves: signs the grant, leaves it with the relay, and answers.
-- @tparam table owner `account` and `admin`
-- @tparam table request of JSON-RPC
-- @tparam[opt] table how `key`: grants another one; `grant`: changes what is stored; `answer`: changes what is said;
-- `store = false`: says so without having done it
-- @treturn table the result of wallet_connect
function browser.approve(owner, request, how)
  how = how or {}
  local asked, grant = asked_of(request)
  local public_key = how.key or asked.key.publicKey
  local result_of = json.decode(json.encode(asked))
  if how.grant then how.grant(grant) end
  if how.store ~= false then
    local entry = assert(permissions.authorize_key { type = "p256", public_key = public_key, grant = grant })
    assert(owner.account:grant({ entry = entry, hash = permissions.key_hash("p256", public_key),
      record = function() return true end }, owner.admin))
  end
  local said = {
    address = owner.account.address, chainId = asked.chainId, expiry = asked.expiry, id = public_key,
    key = { type = "p256", publicKey = public_key }, permissions = result_of.permissions,
  }
  local result = {
    accounts = json.array { { address = owner.account.address, capabilities = {
      admins = json.array {}, permissions = json.array { said } } } },
    chainIds = json.array { asked.chainId },
  }
  if how.answer then how.answer(said, result) end
  return result
end

return browser
