-- A proxy before a node, in the spec's own loop: it may answer itself, lose a request, or lose an answer.
local core = require "rise.core"
local json = require "rise.json"
local rise = require "rise"

local Proxy = {}
Proxy.__index = Proxy

local JSON_HEADERS = { ["Content-Type"] = "application/json" }

local function answer(proxy, request, text)
  if not proxy.httpd then return end
  if text == "drop" then
    proxy.httpd:drop(request.id)
  else
    proxy.httpd:reply(request.id, 200, JSON_HEADERS, text)
  end
  proxy.httpd:step()
end

-- What a hook says, as the text of an answer.
local function text_of(id, said)
  if type(said) ~= "table" then return said end
  local member = said.result ~= nil and '"result":' .. json.encode(said.result) or '"error":' .. json.encode(said)
  return '{"jsonrpc":"2.0","id":' .. string.format("%.0f", id) .. "," .. member .. "}"
end

local function serve(proxy, request)
  local call = assert(json.decode(request.body))
  proxy.calls[call.method] = (proxy.calls[call.method] or 0) + 1
  local said = text_of(call.id, proxy.before and proxy.before(call.method, call.params))
  if said then return answer(proxy, request, said) end
  local reply = rise.loop:fetch { url = proxy.url, body = request.body, timeout = 120 }
  local text = reply and reply.body or "drop"
  said = text_of(call.id, proxy.after and proxy.after(call.method, call.params, text))
  answer(proxy, request, said or text)
end

--- Starts a proxy. `before(method, params)` and `after(method, params, text)` may give "drop", an error object, or
-- `{ result = … }`.
-- `calls` counts the requests of each method.
function Proxy.start(url)
  local httpd = assert(require("rise.host").httpd { host = "127.0.0.1", port = 0, max_body = 16 * 1024 * 1024 })
  local proxy = setmetatable({ url = url, httpd = httpd, calls = {} }, Proxy)
  proxy.ready = "http://127.0.0.1:" .. string.format("%d", httpd:port())
  proxy.source = {
    -- One source may have a descriptor to wait for, and the devnet's relay does.
    timeout = function() return 0.002 end,
    step = function()
      httpd:step()
      while true do
        local request = httpd:next()
        if not request then return end
        rise.loop:spawn(serve, proxy, request)
      end
    end,
  }
  rise.loop:add_source(proxy.source)
  return proxy
end

function Proxy:reset()
  self.before, self.after, self.calls = nil, nil, {}
end

--- The hash of a raw transaction.
function Proxy.hash(raw)
  return core.hex(core.keccak256(core.unhex(raw)))
end

function Proxy:stop()
  rise.loop:remove_source(self.source)
  self.httpd:close()
  self.httpd = nil
end

return Proxy
