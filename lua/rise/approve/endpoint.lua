--- Where the answer of the owner's browser arrives: an HTTP server on this machine, for one request.
--
-- It listens on `localhost` alone, on a port nobody knows, below a path nobody can guess. A page in the browser that
-- finds the port all the same gets nowhere: the Host must be ours, which a rebound name is not, and so must the Origin,
-- or be the wallet's where the wallet itself talks to us. The first answer to the request counts, and is only kept
-- here: whether it is true is judged elsewhere.
--
-- Below the path: `/` the page; `/events` what becomes of the request, for the page; `/result` its answer;
-- `/callback` where the wallet leads back to in redirect mode; `/wallet` for a wallet that talks to us by itself
-- (events by GET, messages by POST).
-- @classmod rise.approve.Endpoint

local answer = require "rise.approve.answer"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"
local page = require "rise.approve.page"

local Endpoint = {}
Endpoint.__index = Endpoint
Endpoint.__name = "rise.approve.endpoint"

-- What is a little too long is still taken in, so that it can be refused in words.
local MAX_BODY = 4 * 1024 * 1024
local PING_SECONDS = 15
local GRACE_SECONDS = 5 -- in which a page that was reloaded, or a wallet that reconnects, is back
local MAX_STREAMS = 16
-- Ports that wallets treat in ways of their own.
local AVOIDED = { [3009] = true, [5173] = true, [5174] = true }

local TEXT = { ["Content-Type"] = "text/plain; charset=utf-8", ["Cache-Control"] = "no-store",
  ["X-Content-Type-Options"] = "nosniff" }

local function random_hex(count)
  return core.hex(assert(core.random(count))):sub(3)
end

-- A message id as the wallet's messages have one: a random UUID.
local function uuid()
  local hex = random_hex(16)
  return string.format("%s-%s-4%s-8%s-%s", hex:sub(1, 8), hex:sub(9, 12), hex:sub(14, 16), hex:sub(18, 20), hex:sub(21))
end

-- `http://localhost:PORT` is asked for on either of the two loopback addresses, so none may be left to another program.
local function listen()
  local host = require "rise.host"
  local err
  for _ = 1, 20 do
    local first, second
    first, err = host.httpd { host = "127.0.0.1", max_body = MAX_BODY }
    if not first then return nil, err end
    local port = first:port()
    second, err = host.httpd { host = "::1", port = port, max_body = MAX_BODY }
    local taken = not second and err.message:find("in use", 1, true)
    if not AVOIDED[port] and not taken then return { first, second } end -- without IPv6 the first alone
    first:close()
    if second then second:close() end
  end
  return errors.fail("io", "no port is free on both loopback addresses")
end

-- ---- answering -------------------------------------------------------------------------------------------------

local function reply(request, status, headers, body)
  request.server:reply(request.id, status, headers or TEXT, body or "")
end

local function event_text(value)
  return "data: " .. json.encode(value) .. "\n\n"
end

local EVENT_HEADERS = { ["Content-Type"] = "text/event-stream", ["Cache-Control"] = "no-cache",
  ["X-Content-Type-Options"] = "nosniff" }

local function with(headers, more)
  local all = {}
  for name, value in pairs(headers) do all[name] = value end
  for name, value in pairs(more) do all[name] = value end
  return all
end

-- Begins a stream and keeps it among the open ones.
local function begin_stream(self, request, kind, headers)
  if #self.streams >= MAX_STREAMS then return reply(request, 429, headers, "too many connections\n") end
  if not request.server:stream(request.id, 200, with(EVENT_HEADERS, headers or {})) then return end
  local stream = { server = request.server, id = request.id, kind = kind, pinged = self.loop:now() }
  self.streams[#self.streams + 1] = stream
  self.seen, self.gone_since = true, nil
  stream.server:write(stream.id, ": here\n\n")
  return stream
end

local function tell(stream, value)
  return stream.server:write(stream.id, event_text(value))
end

-- Nothing more is taken after this.
local function take(self, outcome)
  self.outcome = outcome
  self.event:fire()
end

-- The answer to the request, from wherever it came; false when it is none.
local function answered(self, message)
  if type(message) ~= "table" or message.id ~= self.request.id then return false end
  take(self, { result = message.result, error = message.error })
  return true
end

local function over(self, request, headers)
  if self.outcome or self.state then
    reply(request, 409, headers, "this request has been answered already, or is over\n")
    return true
  end
end

-- A body as JSON; what cannot be read is the answer too, so that nobody waits for a better one.
local function read_body(self, request, headers)
  if #request.body > answer.MAX_BYTES then
    take(self, { failure = errors.new("limit", string.format("the wallet's answer has %d bytes, more than %d",
      #request.body, answer.MAX_BYTES)) })
    reply(request, 413, headers, "this is too long\n")
    return nil
  end
  local value, err = json.decode(request.body)
  if type(value) == "table" then return value end
  take(self, { failure = errors.new("wallet", "the wallet's answer is malformed: "
    .. errors.printable(err and err.message or "no object", 200)) })
  reply(request, 400, headers, "Invalid JSON")
  return nil
end

local function is_json(request)
  return (request.headers["content-type"] or ""):lower():find("^application/json%s*;?") ~= nil
end

-- ---- our own page ----------------------------------------------------------------------------------------------

-- What a browser says of itself may be missing, but not be something else.
local function same_origin(self, request)
  local site = request.headers["sec-fetch-site"]
  if site and site ~= "same-origin" then return false end
  local origin = request.headers.origin
  return origin == nil and request.method == "GET" or origin == self.origin
end

local function get_page(self, request)
  local text, headers = page.render(self.view)
  reply(request, 200, headers, text)
end

-- The tab that came first is the one that may answer, as long as it is there.
local function owner_stream(self)
  for _, stream in ipairs(self.streams) do
    if stream.page and stream.page == self.page then return stream end
  end
end

local function get_events(self, request)
  local id = request.query:match("^page=([%w%-]+)$")
  if not id or #id > 64 then return reply(request, 400, nil, "which page?\n") end
  local stream = begin_stream(self, request, "page")
  if not stream then return end
  if self.page and self.page ~= id and owner_stream(self) then
    tell(stream, { state = "elsewhere" })
    stream.waits = id
    return
  end
  self.page, stream.page = id, id
  tell(stream, { state = "waiting" })
end

-- A second tab takes over when the first is gone.
local function hand_over(self)
  if owner_stream(self) then return end
  for _, stream in ipairs(self.streams) do
    if stream.waits then
      self.page, stream.page, stream.waits = stream.waits, stream.waits, nil
      tell(stream, { state = "waiting" })
      return
    end
  end
end

local function post_result(self, request)
  if not same_origin(self, request) then return reply(request, 403, nil, "not from this page\n") end
  if not is_json(request) then return reply(request, 415, nil, "application/json is required\n") end
  if over(self, request) then return end
  local message = read_body(self, request)
  if not message then return end
  if message.page ~= self.page or not self.page then
    return reply(request, 409, nil, "this request is open in another tab\n")
  end
  if not answered(self, message) then return reply(request, 409, nil, "this is the answer to another request\n") end
  reply(request, 200, nil, "ok")
end

-- The wallet leads back here, and the tab goes along: what is only fetched, or shown inside of another page, comes from
-- elsewhere. The browser waits until it is known what came of it.
local function get_callback(self, request)
  local mode, dest = request.headers["sec-fetch-mode"], request.headers["sec-fetch-dest"]
  if mode and mode ~= "navigate" or dest and dest ~= "document" then
    return reply(request, 403, nil, "the wallet leads back here\n")
  end
  if over(self, request) then return end
  local outcome, err = answer.from_query(request.query)
  self.callback = request
  if outcome then take(self, outcome) else take(self, { failure = err }) end
end

-- ---- the wallet itself -----------------------------------------------------------------------------------------

local function cors(self)
  return {
    ["Access-Control-Allow-Origin"] = self.wallet_origin,
    ["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS",
    ["Access-Control-Allow-Headers"] = "Content-Type",
    ["Access-Control-Allow-Private-Network"] = "true",
    ["Vary"] = "Origin",
  }
end

local function send_request(self)
  for _, stream in ipairs(self.streams) do
    if stream.kind == "wallet" and not stream.asked then
      stream.asked = true
      tell(stream, { id = uuid(), topic = "rpc-requests", payload = json.array { {
        status = "pending", request = self.request, account = self.view.account,
      } } })
    end
  end
end

local function post_message(self, request)
  local headers = with(TEXT, cors(self))
  if not is_json(request) then return reply(request, 415, headers, "application/json is required\n") end
  if over(self, request, headers) then return end
  local message = read_body(self, request, headers)
  if not message then return end
  if message.topic == "ready" then
    -- Every time, and to whoever has connected by then: a page that was reloaded has forgotten it.
    self.wallet_ready = true
    for _, stream in ipairs(self.streams) do stream.asked = nil end
    send_request(self)
  elseif message.topic == "rpc-response" and not answered(self, message.payload) then
    return reply(request, 409, headers, "this is the answer to another request\n")
  end
  reply(request, 200, headers, "ok")
end

local function serve_wallet(self, request)
  local headers = cors(self)
  if request.headers.origin ~= self.wallet_origin then return reply(request, 403, nil, "not from the wallet\n") end
  if request.method == "OPTIONS" then return reply(request, 200, with(TEXT, headers), "") end
  if request.method == "POST" then return post_message(self, request) end
  if request.method ~= "GET" then return reply(request, 405, with(TEXT, headers), "GET or POST\n") end
  if over(self, request, with(TEXT, headers)) then return end
  if begin_stream(self, request, "wallet", headers) and self.wallet_ready then send_request(self) end
end

-- ---- dispatch --------------------------------------------------------------------------------------------------

local function get_only(serve)
  return function(self, request)
    if request.method ~= "GET" then return reply(request, 405, nil, "GET is required\n") end
    return serve(self, request)
  end
end

local function own_get(serve)
  return get_only(function(self, request)
    if not same_origin(self, request) then return reply(request, 403, nil, "not from this page\n") end
    return serve(self, request)
  end)
end

local function routes(self, mode, bare)
  local map = {
    [self.path .. "/"] = get_only(get_page),
    [self.path .. "/events"] = own_get(get_events),
    [self.path .. "/result"] = function(_, request)
      if request.method ~= "POST" then return reply(request, 405, nil, "POST is required\n") end
      return post_result(self, request)
    end,
  }
  if mode == "redirect" then map[self.path .. "/callback"] = get_only(get_callback) end
  map[bare and "/" or self.path .. "/wallet"] = serve_wallet
  return map
end

local function serve(self, request)
  if request.headers.host ~= self.host then return reply(request, 403, nil, "wrong host\n") end
  local route = self.routes[request.path]
  if not route then return reply(request, 404, nil, "not found\n") end
  return route(self, request)
end

-- Streams whose peer has gone fall out; when none is left for a while, the owner has closed the page.
local function look_after(self)
  local now, left = self.loop:now(), {}
  for _, stream in ipairs(self.streams) do
    local ping = now - stream.pinged >= PING_SECONDS
    if ping then stream.pinged = now end
    if stream.server:write(stream.id, ping and ": ping\n\n" or "") then left[#left + 1] = stream end
  end
  if #left < #self.streams then
    self.streams = left
    hand_over(self)
  end
  if not self.watched or not self.seen or self.outcome or left[1] then
    self.gone_since = nil
  elseif not self.gone_since then
    self.gone_since = now
  elseif now - self.gone_since >= GRACE_SECONDS then
    take(self, { failure = errors.new("closed", "the approval page was closed before there was an answer") })
  end
end

local function step(self)
  for _, server in ipairs(self.servers) do
    server:step()
    while true do
      local request = server:next()
      if not request then break end
      request.server = server
      serve(self, request)
    end
  end
  look_after(self)
  for _, server in ipairs(self.servers) do server:step() end -- what was answered leaves now
end

-- A loop waits for the descriptor of each server.
local function add_sources(self)
  self.sources = {}
  for i, server in ipairs(self.servers) do
    self.sources[i] = {
      fd = function() return server:fd() end,
      timeout = function()
        local wish = server:timeout()
        if self.streams[1] then wish = math.min(wish or PING_SECONDS, PING_SECONDS) end
        if self.gone_since then wish = math.min(wish or 1, 1) end
        return wish
      end,
      step = function() if i == 1 then step(self) end end,
    }
    self.loop:add_source(self.sources[i])
  end
end

--- Opens an endpoint for one request.
-- @tparam table options `loop`; `request` as @{rise.approve.answer} makes it; `view` for the page; `wallet_url`;
-- `mode` (popup, relay, redirect); `bare`: the wallet is told no path to talk to, only the port
-- @treturn[1] Endpoint with `url` (the page), `wallet_url` (of a wallet that talks to us), `redirect_url`, `event`
-- (fires with the first answer) and `outcome` (then: `result`, `error` or `failure`)
-- @treturn[2] nil
-- @treturn[2] table io
function Endpoint.open(options)
  local servers, err = listen()
  if not servers then return nil, err end
  local self = setmetatable({
    loop = options.loop, servers = servers, streams = {}, event = options.loop:event(), view = options.view,
    path = "/" .. random_hex(24), watched = options.mode ~= "redirect",
  }, Endpoint)
  local port = servers[1]:port()
  self.host = "localhost:" .. port
  self.origin = "http://" .. self.host
  self.url = self.origin .. self.path .. "/"
  self.wallet_origin = options.wallet_url:match("^(https?://[^/?#]+)"):lower()
  self.request = options.request
  self.redirect_url = answer.redirect_url(options.wallet_url, self.request, self.url .. "callback")
  self.wallet_url = answer.relay_url(options.wallet_url, options.bare and self.origin or self.url .. "wallet")

  self.routes = routes(self, options.mode, options.bare)
  local view = options.view
  view.request, view.mode = self.request, options.mode
  view.wallet = { url = options.wallet_url, origin = self.wallet_origin, relay = self.wallet_url,
    redirect = self.redirect_url }
  add_sources(self)
  return self
end

--- Tells the pages what came of the request, and closes.
-- @tparam string state approved, revoked, rejected, expired, canceled or error
-- @tparam[opt] string message
function Endpoint:finish(state, message)
  if not self.servers then return end
  self.state = state
  for _, stream in ipairs(self.streams) do
    if stream.kind == "page" then
      tell(stream, { state = state, message = message })
    elseif state == "approved" or state == "revoked" then
      tell(stream, { id = uuid(), topic = "success",
        payload = { title = "Done", content = "You can close this window and return to the program." } })
    end
    stream.server:finish(stream.id)
  end
  if self.callback then
    self.view.final = { state = state, message = message }
    get_page(self, self.callback)
  end
  for _, source in ipairs(self.sources) do self.loop:remove_source(source) end
  -- What a socket has taken is delivered, also when it is closed then.
  for _, server in ipairs(self.servers) do
    for _ = 1, 8 do server:step() end
    server:close()
  end
  self.servers = nil
end

return Endpoint
