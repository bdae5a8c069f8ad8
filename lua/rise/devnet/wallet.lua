--- The devnet's wallet: a page that plays the owner's, with a passkey, at `http://localhost:PORT/dialog`.
--
-- It is served under the name `localhost`, since passkeys belong to a name, and takes nothing from elsewhere. What it
-- does, it does in the browser; this only hands out its files.
-- @classmod rise.devnet.Wallet

local json = require "rise.json"

local Wallet = {}
Wallet.__index = Wallet

local PATH = "/dialog"
local MAX_BODY = 4096 -- nobody has anything to post here

-- The program that asked for approval waits at any port of this machine, and pages of such ports may show this one
-- inside theirs, as they may the real wallet's. `Cross-Origin-Opener-Policy` would cut the page off from its opener.
local function policy(settings)
  return table.concat({
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src data:",
    "connect-src 'self' " .. settings.relay .. " " .. settings.rpc .. " http://localhost:* http://127.0.0.1:*",
    "base-uri 'none'", "form-action 'none'", "frame-ancestors http://localhost:* http://127.0.0.1:*",
  }, "; ")
end

local function reply(self, request, status, content_type, body, location)
  request.server:reply(request.id, status, {
    ["Content-Type"] = content_type, ["Content-Security-Policy"] = self.policy, ["Location"] = location,
    ["X-Content-Type-Options"] = "nosniff", ["Referrer-Policy"] = "no-referrer", ["Cache-Control"] = "no-store",
  }, body)
end

local function serve(self, request)
  if request.method ~= "GET" then
    return reply(self, request, 405, "text/plain; charset=utf-8", "GET is all there is\n")
  end
  local path = request.path
  if request.headers.host ~= self.host_name or path == "/" then
    return reply(self, request, 307, "text/plain; charset=utf-8", "", self.url)
  end
  -- the method of a redirect is the last part of the path
  if path:find("^" .. PATH .. "/?[%w_]*$") then
    return reply(self, request, 200, "text/html; charset=utf-8", self.files.html)
  end
  local file = self.by_path[path]
  if not file then return reply(self, request, 404, "text/plain; charset=utf-8", "not found\n") end
  return reply(self, request, 200, file[1], file[2])
end

-- A browser may look for `localhost` at either loopback address, so none is left to another program; where there is no
-- IPv6 the first is all there is.
local function listen(port)
  local host = require "rise.host"
  local err
  for _ = 1, port == 0 and 20 or 1 do
    local first, second
    first, err = host.httpd { host = "127.0.0.1", port = port, max_body = MAX_BODY }
    if not first then return nil, err end
    second, err = host.httpd { host = "::1", port = first:port(), max_body = MAX_BODY }
    if second or not err.message:find("in use", 1, true) then return { first, second } end
    first:close()
  end
  return nil, err
end

local function source_of(self, server)
  return {
    fd = function() return server:fd() end,
    timeout = function() return server:timeout() end,
    step = function()
      server:step()
      for request in function() return server:next() end do
        request.server = server
        serve(self, request)
      end
      server:step()
    end,
  }
end

--- Starts serving.
-- @tparam table options `loop`, `port` (0: any; nil: 5175, where the wallet's SDK looks for a local wallet, or any when
-- that is taken), `files` (see @{rise.devnet.artifacts}), `settings`: what the page is told of the devnet (`relay`,
-- `rpc`, `chain_id`, `contracts`)
-- @treturn[1] Wallet with `url`
-- @treturn[2] nil
-- @treturn[2] table io
function Wallet.start(options)
  local servers, err = listen(options.port or 5175)
  if not servers and not options.port then servers, err = listen(0) end
  if not servers then return nil, err end
  local files = options.files
  local self = setmetatable({
    servers = servers, sources = {}, loop = options.loop, files = files, policy = policy(options.settings),
    host_name = "localhost:" .. servers[1]:port(),
    by_path = {
      ["/wallet.js"] = { "text/javascript; charset=utf-8", files.js },
      ["/wallet.css"] = { "text/css; charset=utf-8", files.css },
      ["/settings.json"] = { "application/json", json.encode(options.settings) },
    },
  }, Wallet)
  self.url = "http://" .. self.host_name .. PATH
  for i, server in ipairs(servers) do
    self.sources[i] = source_of(self, server)
    self.loop:add_source(self.sources[i])
  end
  return self
end

--- Stops serving. May be called again.
function Wallet:stop()
  for _, source in ipairs(self.sources) do self.loop:remove_source(source) end
  for _, server in ipairs(self.servers) do server:close() end
  self.servers, self.sources = {}, {}
end

return Wallet
