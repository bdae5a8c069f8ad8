-- rise.net over real sockets on the loopback: rise.host serves, or a raw peer that behaves as it likes. How the C
-- part takes worse peers and thousands of requests is in csrc/tests/test_transport.c.
local has_socket, raw = pcall(require, "net.raw")
local host = require "rise.host"
local net = require "rise.net"

-- Steps everything until `done()`; fails instead of hanging.
local function pump(transport, done, ...)
  for _ = 1, 20000 do
    if done() then return end
    assert(transport:step(0.001))
    for i = 1, select("#", ...) do select(i, ...):step() end
  end
  error("nothing happened for 20,000 steps")
end

describe("rise.net", function()
  local transport

  before_each(function()
    transport = assert(net.transport())
  end)

  after_each(function()
    transport:close()
  end)

  describe("with a server", function()
    local server, url
    local serve -- what the server answers: function of the request -> status, headers, body

    before_each(function()
      server = assert(host.httpd())
      url = "http://127.0.0.1:" .. server:port()
      serve = function(request) return 200, nil, request.body end
    end)

    after_each(function()
      server:close()
    end)

    local peer = {}
    function peer.step()
      server:step()
      for request in server.next, server do
        local status, headers, body = serve(request)
        if status then server:reply(request.id, status, headers, body) end
      end
    end

    -- Submits one and waits for its reply.
    local function fetch(options)
      local id = assert(transport:submit(options))
      local got, reply, err
      pump(transport, function()
        if not got then got, reply, err = transport:next() end
        return got
      end, peer)
      assert.equal(id, got)
      return reply, err
    end

    it("posts a body and gives status and body of the reply", function()
      serve = function(request)
        return 201, nil, table.concat({ request.method, request.path, request.query, request.headers["content-type"],
          request.body }, " ")
      end
      local reply, err = fetch { url = url .. "/a/b?c=d", body = '{"x":1}' }
      assert.is_nil(err)
      assert.same({ status = 201, body = 'POST /a/b c=d application/json {"x":1}' }, reply)
    end)

    it("gets without a body", function()
      serve = function(request) return 200, nil, request.method .. #request.body end
      assert.equal("GET0", fetch({ url = url }).body)
    end)

    it("uses the method and content type that are asked for", function()
      serve = function(request) return 200, nil, request.method .. " " .. request.headers["content-type"] end
      local reply = fetch { url = url, method = "PATCH", body = "x", content_type = "text/plain; charset=utf-8" }
      assert.equal("PATCH text/plain; charset=utf-8", reply.body)
    end)

    it("carries any byte both ways", function()
      local bytes = {}
      for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
      local text = table.concat(bytes):rep(4096)
      assert.is_true(fetch({ url = url, body = text }).body == text)
    end)

    it("gives a reply whatever its status is", function()
      for _, status in ipairs { 204, 302, 400, 404, 429, 500, 503 } do
        serve = function() return status, nil, "" end
        assert.same({ status = status, body = "" }, (fetch { url = url, body = "x" }))
      end
    end)

    it("has 32 requests in flight and gives each its own answer", function()
      local held = {}
      serve = function(request) held[#held + 1] = request end
      local bodies = {}
      for i = 1, 32 do bodies[assert(transport:submit { url = url, body = "body " .. i })] = "body " .. i end
      pump(transport, function() return #held == 32 end, peer)
      for i = #held, 1, -1 do assert.is_true(server:reply(held[i].id, 200, nil, held[i].body)) end
      local got, count = {}, 0
      pump(transport, function()
        for id, reply in transport.next, transport do got[id], count = reply.body, count + 1 end
        return count == 32
      end, peer)
      assert.same(bodies, got)
    end)

    it("counts what is under way and gives nothing before it is finished", function()
      assert.equal(0, transport:step(0))
      assert.is_nil(transport:next())
      transport:submit { url = url }
      transport:submit { url = url }
      assert.equal(2, transport:step(0))
      assert.is_nil(transport:next())
    end)

    it("waits for a descriptor too", function()
      local started = os.time()
      for _ = 1, 10 do
        transport:submit { url = url }
        repeat
          transport:step(math.min(server:timeout() or 20, 20), server:fd())
          peer.step()
        until transport:next()
      end
      assert.is_true(os.time() - started < 15)
    end)

    it("gives a timeout for an answer that does not come", function()
      serve = function() end
      local reply, err = fetch { url = url .. "/?key=secret", body = "x", timeout = 0.05 }
      assert.is_nil(reply)
      assert.equal("timeout", err.code)
      assert.is_true(err.sent)
      assert.is_nil(err.message:find("secret"))
    end)

    it("stays silent about what was canceled", function()
      local late
      serve = function(request) late = request end
      local id = transport:submit { url = url, body = "x" }
      pump(transport, function() return late end, peer)
      transport:cancel(id)
      assert.equal(0, transport:step(0))
      server:reply(late.id, 200, nil, "too late")
      for _ = 1, 20 do peer.step() transport:step(0.001) end
      assert.is_nil(transport:next())
      transport:cancel(id)
      transport:cancel(12345)
    end)

    it("gives up a reply that is longer than it may be", function()
      local long = ("x"):rep(20 * 1024 * 1024)
      serve = function() return 200, nil, long end
      local reply, err = fetch { url = url, max_reply = 1024 * 1024 }
      assert.is_nil(reply)
      assert.equal("limit", err.code)
      assert.is_true(err.sent)
      assert.matches("1048576", err.message)
      assert.equal(#long, #fetch({ url = url, max_reply = #long }).body)
    end)

    it("forgets what is under way when it is closed, and may be closed again", function()
      transport:submit { url = url }
      transport:step(0)
      transport:close()
      transport:close()
      assert.has_error(function() transport:step(0) end)
      assert.matches("closed", tostring(transport))
    end)
  end)

  describe("with a peer that misbehaves", function()
    local peer

    after_each(function()
      if peer then peer:close() end
      peer = nil
    end)

    local function fetch(options)
      local id = assert(transport:submit(options))
      local got, reply, err
      pump(transport, function()
        if not got then got, reply, err = transport:next() end
        return got
      end, peer)
      assert.equal(id, got)
      return reply, err
    end

    local function raw_it(name, handler, check)
      it(name, function()
        if not has_socket then return pending("needs LuaSocket (Debian: lua-socket)") end
        peer = raw.listen(handler)
        check()
      end)
    end

    raw_it("keeps its connection", function(connection)
      while connection:request() do connection:answer("kept") end
    end, function()
      for _ = 1, 10 do assert.equal("kept", fetch({ url = peer.url, body = "x" }).body) end
      assert.equal(1, peer.connections)
    end)

    raw_it("opens a new connection when the kept one was closed meanwhile", function(connection)
      connection:request()
      connection:answer("once")
    end, function()
      for i = 1, 3 do
        assert.equal("once", fetch({ url = peer.url, body = "x" }).body)
        assert.equal(i, peer.connections)
      end
    end)

    raw_it("calls garbage a network error", function(connection)
      connection:request()
      connection:send("\0\1\2 something else entirely\r\n\r\n")
    end, function()
      local reply, err = fetch { url = peer.url, body = "x" }
      assert.is_nil(reply)
      assert.equal("network", err.code)
      assert.is_true(err.sent)
    end)

    raw_it("calls a body that ends early a network error", function(connection)
      connection:request()
      connection:send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"result\":")
    end, function()
      local reply, err = fetch { url = peer.url, body = "x" }
      assert.is_nil(reply)
      assert.equal("network", err.code)
      assert.is_true(err.sent)
    end)

    raw_it("calls a peer that hangs up without a word a network error, and says that the request left", function(c)
      c:request()
    end, function()
      local _, err = fetch { url = peer.url, body = "x" }
      assert.equal("network", err.code)
      assert.is_true(err.sent)
    end)

    -- The first request of a connection is answered, the second swallowed.
    local seen
    local function swallow(connection, number)
      if number == 1 then seen = {} end
      for i = 1, 2 do
        local _, body = connection:request()
        seen[#seen + 1] = body
        if i == 2 then return end
        connection:answer("answered")
      end
    end

    raw_it("does not send a request twice that a kept connection swallowed", swallow, function()
      assert.equal("answered", fetch({ url = peer.url, body = "one" }).body)
      local reply, err = fetch { url = peer.url, body = "two" }
      assert.is_nil(reply)
      assert.equal("network", err.code)
      assert.is_true(err.sent)
      assert.same({ "one", "two" }, seen)
    end)

    raw_it("sends it again when it may be repeated", swallow, function()
      assert.equal("answered", fetch({ url = peer.url, body = "one" }).body)
      assert.equal("answered", fetch({ url = peer.url, body = "two", repeatable = true }).body)
      assert.same({ "one", "two", "two" }, seen)
    end)

    raw_it("takes an answer that comes in single bytes", function(connection)
      connection:request()
      for byte in ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nslow\r\n0\r\n\r\n"):gmatch(".") do
        connection:send(byte)
        connection.wait()
      end
    end, function()
      assert.same({ status = 200, body = "slow" }, (fetch { url = peer.url }))
    end)
  end)

  it("knows that nothing left when nobody listens", function()
    local server = assert(host.httpd())
    local where = "127.0.0.1:" .. server:port()
    server:close()
    local id = assert(transport:submit { url = "http://user:pass@" .. where .. "/secret?secret", body = "x" })
    while transport:step(1) > 0 do end -- luacheck: ignore 542
    local got, reply, err = transport:next()
    assert.equal(id, got)
    assert.is_nil(reply)
    assert.equal("network", err.code)
    assert.is_false(err.sent)
    assert.equal(1, err.message:find(where, 1, true))
    assert.is_nil(err.message:find("secret"))
    assert.is_nil(err.message:find("pass"))
    assert.equal("network: " .. err.message, tostring(err))
  end)

  it("answers nil and an error for what is no http or https URL", function()
    for _, url in ipairs { "", "x", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http://a b/" } do
      local id, err = transport:submit { url = url }
      assert.is_nil(id)
      assert.equal("invalid_value", err.code)
    end
    local id, err = transport:submit { url = "http://127.0.0.1/", method = "GET /x HTTP/1.1\r\nX:" }
    assert.is_nil(id)
    assert.equal("invalid_value", err.code)
    id, err = transport:submit { url = "http://127.0.0.1/", content_type = "a\r\nX: y" }
    assert.is_nil(id)
    assert.equal("invalid_value", err.code)
  end)

  it("raises for a caller's mistake", function()
    local url = "http://127.0.0.1/"
    for _, options in ipairs {
      {}, { url = 1 }, { url = url, uri = 1 }, { url }, { url = url, body = 1 }, { url = url, timeout = -1 },
      { url = url, timeout = "1" }, { url = url, timeout = 0 / 0 }, { url = url, max_reply = -1 },
      { url = url, method = 1 }, { url = url .. "\0" },
    } do
      assert.has_error(function() transport:submit(options) end)
    end
    assert.has_error(function() transport:submit() end)
    assert.has_error(function() transport:step() end)
    assert.has_error(function() transport:step(-1) end)
    assert.has_error(function() transport:step(0, "x") end)
    assert.has_error(function() transport:cancel("x") end)
    assert.has_error(function() transport.step({}, 0) end)
    assert.equal(0, transport:step(0))
  end)

  it("is collected with requests under way", function()
    local other = assert(net.transport())
    other:submit { url = "http://127.0.0.1:1/" }
    other:step(0)
    other = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    assert.equal(0, transport:step(0))
  end)
end)
