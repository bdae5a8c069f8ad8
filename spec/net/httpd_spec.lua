-- rise.host's HTTP server over real sockets on the loopback, asked by a raw client: well, badly and rudely.
local has_socket, raw = pcall(require, "net.raw")
local host = require "rise.host"

describe("rise.host.httpd", function()
  local server, clients
  local serve -- what is answered: function of the request -> status, headers, body; nothing: no answer

  before_each(function()
    server = assert(host.httpd { max_body = 1024 * 1024 })
    clients = {}
    serve = function(request) return 200, nil, request.body end
  end)

  after_each(function()
    for _, client in ipairs(clients) do client:close() end
    server:close()
  end)

  local function step()
    server:step()
    for request in server.next, server do
      local status, headers, body = serve(request)
      if status then server:reply(request.id, status, headers, body) end
    end
  end

  local function connect()
    local client = raw.connect(server:port(), step)
    clients[#clients + 1] = client
    return client
  end

  local function step_until(done)
    local give_up = raw.now() + 20
    while not done() do
      assert(raw.now() < give_up, "nothing happened")
      step()
    end
  end

  -- Whether text holds `count` whole answers.
  local function answers(count)
    return function(text)
      local at = 1
      for _ = 1, count do
        local _, last = text:find("\r\n\r\n", at, true)
        if not last then return false end
        local len = tonumber(text:sub(at, last):lower():match("content%-length: *(%d+)"))
        if not len then return true end
        at = last + len + 1
      end
      return #text >= at - 1
    end
  end

  local function exchange(text)
    local client = connect()
    client:send(text)
    local got = client:receive(answers(1))
    return got, client
  end

  local function raw_it(name, run)
    it(name, function()
      if not has_socket then return pending("needs LuaSocket (Debian: lua-socket)") end
      run()
    end)
  end

  raw_it("hands out what was asked, path and query as they were sent", function()
    local seen
    serve = function(request)
      seen = request
      return 200
    end
    exchange("POST /a%20b//c?x=%41&y=+?z HTTP/1.1\r\nHost: x\r\nX-Mixed-CASE:  value \r\nContent-Length: 4\r\n\r\nbody")
    assert.equal("POST", seen.method)
    assert.equal("/a%20b//c", seen.path)
    assert.equal("x=%41&y=+?z", seen.query)
    assert.equal("body", seen.body)
    assert.equal("value", (seen.headers["x-mixed-case"]:gsub("%s+$", "")))
    assert.equal("x", seen.headers.host)
  end)

  raw_it("gives empty texts for what is not there", function()
    local seen
    serve = function(request)
      seen = request
      return 200
    end
    exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert.equal("", seen.query)
    assert.equal("", seen.body)
  end)

  raw_it("joins the values of a header that occurs again", function()
    local seen
    serve = function(request)
      seen = request.headers["x-list"]
      return 200
    end
    exchange("GET / HTTP/1.1\r\nHost: x\r\nX-List: a\r\nx-list: b\r\nX-LIST: c\r\n\r\n")
    assert.equal("a, b, c", seen)
  end)

  raw_it("passes any method on", function()
    for _, method in ipairs { "GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW" } do
      serve = function(request) return 200, nil, request.method end
      assert.matches("\r\n\r\n" .. method .. "$", (exchange(method .. " / HTTP/1.1\r\nHost: x\r\n\r\n")))
    end
  end)

  raw_it("answers HEAD with the length of the body and without the body", function()
    serve = function() return 200, nil, "1234567" end
    local client = connect()
    client:send("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    local text = client:receive_all()
    assert.matches("[Cc]ontent%-[Ll]ength: 7\r\n", text)
    assert.matches("\r\n\r\n$", text)
  end)

  raw_it("sends status and headers", function()
    serve = function() return 418, { ["content-type"] = "text/teapot", ["X-Other"] = "y" }, "short" end
    local text = exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert.matches("^HTTP/1.1 418 ", text)
    assert.matches("\r\n[Cc]ontent%-[Tt]ype: text/teapot\r\n", text)
    assert.matches("\r\nX%-Other: y\r\n", text)
    assert.matches("\r\n\r\nshort$", text)
  end)

  raw_it("keeps the connection, also for requests sent ahead", function()
    local client = connect()
    local one = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"
    client:send(one .. "a" .. one .. "b" .. one .. "c")
    local text = client:receive(answers(3))
    local bodies = {}
    for body in text:gmatch("\r\n\r\n(%l)") do bodies[#bodies + 1] = body end
    assert.same({ "a", "b", "c" }, bodies)
    client.text = ""
    client:send(one .. "d")
    assert.matches("d$", (client:receive(answers(1))))
  end)

  raw_it("takes a chunked body", function()
    local text = exchange("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" ..
      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert.matches("\r\n\r\nabcde$", text)
  end)

  raw_it("takes a request that comes in single bytes", function()
    local client = connect()
    for byte in ("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"):gmatch(".") do client:send(byte) end
    assert.matches("abc$", (client:receive(answers(1))))
  end)

  raw_it("answers in any order, each when it likes", function()
    local held = {}
    serve = function(request) held[#held + 1] = request end
    local waiting = {}
    for i = 1, 40 do
      waiting[i] = connect()
      waiting[i]:send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n" .. (i + 10))
    end
    step_until(function() return #held == 40 end)
    for i = #held, 1, -1 do assert.is_true(server:reply(held[i].id, 200, nil, "re " .. held[i].body)) end
    for i = 1, 40 do assert.matches("re " .. (i + 10) .. "$", (waiting[i]:receive(answers(1)))) end
    assert.is_false(server:reply(held[1].id, 200, nil, "again"))
    assert.is_false(server:reply(999999, 200, nil, "never asked"))
  end)

  raw_it("carries large bodies both ways", function()
    local long = ("0123456789abcdef"):rep(65536) -- as long as it may be
    serve = function(request) return 200, nil, request.body:rep(8) end
    local text = exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " .. #long .. "\r\n\r\n" .. long)
    assert.is_true(text:sub(-#long * 8) == long:rep(8))
  end)

  raw_it("answers 413 to a body that is longer than it may be, and does not hand it out", function()
    serve = function() error("handed out") end
    local long = ("x"):rep(1024 * 1024 + 1)
    assert.matches("^HTTP/1.1 413 ",
      (exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " .. #long .. "\r\n\r\n" .. long)))
    assert.matches("^HTTP/1.1 413 ",
      (exchange(("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"):format(#long,
        long))))
  end)

  raw_it("answers 413 before the body to a peer that asks first", function()
    serve = function() error("handed out") end
    assert.matches("^HTTP/1.1 413 ",
      (exchange("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 999999999999\r\n\r\n")))
  end)

  raw_it("lets a peer that asks first go on", function()
    local client = connect()
    client:send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert.matches("^HTTP/1.1 100 ", (client:receive(answers(1))))
    client.text = ""
    client:send("ok")
    assert.matches("\r\n\r\nok$", (client:receive(answers(1))))
  end)

  raw_it("refuses what is no HTTP, and goes on serving", function()
    serve = function() error("handed out") end
    for _, text in ipairs {
      "nonsense\r\n\r\n", "GET\r\n\r\n", "\255\1\2\3\r\n\r\n", "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
      "GET / HTTP/1.1\r\nno colon here\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nX: " .. ("x"):rep(200000) .. "\r\n\r\n",
      "GET /" .. ("x"):rep(200000) .. " HTTP/1.1\r\nHost: x\r\n\r\n",
    } do
      local client = connect()
      client:send(text)
      local got = client:receive_all()
      assert.is_true(got == "" or got:match("^HTTP/1.%d [45]%d%d ") ~= nil, got:sub(1, 100))
    end
    serve = function() return 200, nil, "still here" end
    assert.matches("still here$", (exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n")))
  end)

  raw_it("gets over peers that hang up at any moment", function()
    local request = "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345"
    for cut = 0, #request do
      local client = connect()
      client:send(request:sub(1, cut))
      step()
      client:close()
    end
    for _ = 1, 50 do step() end
    assert.matches("12345$", (exchange(request)))
  end)

  raw_it("ignores an answer to a peer that is gone", function()
    local held
    serve = function(request) held = request end
    local client = connect()
    client:send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    step_until(function() return held end)
    client:close()
    server:reply(held.id, 200, nil, ("x"):rep(1000000))
    for _ = 1, 50 do step() end
    serve = function() return 200, nil, "next" end
    assert.matches("next$", (exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n")))
  end)

  raw_it("forgets requests whose peer hung up before they were answered", function()
    local held = {}
    serve = function(request) held[#held + 1] = request end
    for _ = 1, 20 do
      local client = connect()
      client:send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
      step_until(function() return #held > 0 end)
      client:close()
    end
    step_until(function() return #held == 20 end)
    -- It looks every second; the clock is not ours to turn.
    step_until(function()
      return server:timeout() == nil or server:timeout() > 2
    end)
    for _, request in ipairs(held) do assert.is_false(server:reply(request.id, 200)) end
  end)

  raw_it("answers a peer that has closed its sending side", function()
    local client = connect()
    client:send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    client:half_close()
    serve = function() return 200, nil, "heard" end
    assert.matches("heard$", (client:receive_all()))
  end)

  raw_it("cuts off what is unanswered or half sent when it is closed", function()
    local held, sent = 0, 0
    serve = function() held = held + 1 end
    local waiting = {}
    for i = 1, 8 do
      waiting[i] = connect()
      waiting[i]:send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n" .. (i > 4 and "ok" or "o"))
      sent = sent + (i > 4 and 1 or 0)
    end
    step_until(function() return held == sent end)
    server:close()
    for _, client in ipairs(waiting) do
      client.step = function() end
      assert.equal("", client:receive_all())
    end
  end)

  raw_it("drops a request: the connection ends without a byte, the others go on", function()
    local held = {}
    serve = function(request) held[#held + 1] = request end
    local waiting = {}
    for i = 1, 40 do
      waiting[i] = connect()
      waiting[i]:send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n" .. (i + 10))
    end
    step_until(function() return #held == 40 end)
    for i, request in ipairs(held) do
      if i % 2 == 1 then assert.is_true(server:drop(request.id)) else server:reply(request.id, 200, nil, "answer") end
    end
    for _, request in ipairs(held) do
      assert.is_false(server:drop(request.id))
      assert.is_false(server:reply(request.id, 200))
    end
    for i = 1, 40 do
      local got, hung_up = waiting[i]:receive(answers(1))
      assert.equal(i % 2 == 1, hung_up)
      if hung_up then assert.equal("", got) else assert.matches("answer$", got) end
    end
    assert.is_false(server:drop(999999))
  end)

  raw_it("drops only what was handed out, also when more was sent ahead, and whose peer is gone", function()
    local held
    serve = function(request) held = request end
    local client = connect()
    client:send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n")
    client.step = function() server:step() end
    step_until(function() return held end)
    assert.equal("/1", held.path)
    assert.is_true(server:drop(held.id))
    assert.equal("", client:receive_all())
    step()
    assert.equal("/1", held.path)

    held = nil
    local gone = connect()
    gone:send("GET /3 HTTP/1.1\r\nHost: x\r\n\r\n")
    step_until(function() return held end)
    gone:close()
    assert.is_true(server:drop(held.id))
    serve = function() return 200, nil, "next" end
    assert.matches("next$", (exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n")))
  end)

  raw_it("has a descriptor that is readable when there is work, and says when it cannot wait", function()
    local net = require "rise.net"
    local transport = assert(net.transport())
    local client = connect()
    client.step = function() end
    client:send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    local started = raw.now()
    local seen
    while not seen do
      transport:step(math.min(server:timeout() or 20, 20), server:fd())
      server:step()
      seen = server:next()
    end
    assert.is_true(raw.now() - started < 15)
    transport:close()
  end)

  -- Begins a stream for a client that reads it, and gives the id.
  local function streaming(client, headers)
    local id
    serve = function(request)
      id = request.id
      server:stream(id, 200, headers or { ["Content-Type"] = "text/event-stream" })
    end
    client:send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    client:receive(function(text) return text:find("\r\n\r\n", 1, true) ~= nil end)
    return id
  end

  raw_it("streams: headers at once, then every piece as it is written, then the end", function()
    local client = connect()
    local id = streaming(client)
    assert.matches("^HTTP/1.1 200 OK\r\n", client.text)
    assert.matches("\r\nContent%-Type: text/event%-stream\r\n", client.text)
    assert.matches("\r\n\r\n$", client.text)
    for _, piece in ipairs { "one", "two", ("long"):rep(5000) } do
      assert.is_true(server:write(id, piece))
      client:receive(function(text) return text:find(piece:sub(-3) .. "\r\n$") ~= nil end)
    end
    assert.is_true(server:write(id, ""))
    assert.is_true(server:write(id, "end"))
    assert.is_true(server:finish(id))
    client:receive(function(text) return text:find("end\r\n0\r\n\r\n$") ~= nil end)
    assert.is_false(server:finish(id))
    assert.is_false(server:write(id, "more"))
    -- The connection serves the next request.
    serve = function() return 204 end
    client.text = ""
    client:send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert.matches("^HTTP/1.1 204", (client:receive(function(text) return text:find("\r\n\r\n", 1, true) end)))
  end)

  raw_it("streams to several at a time, and answers others meanwhile", function()
    local first, second = connect(), connect()
    local a, b = streaming(first), streaming(second)
    serve = function() return 200, nil, "plain" end
    assert.matches("plain$", (exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n")))
    server:write(b, "for b")
    server:write(a, "for a")
    first:receive(function(text) return text:find("for a", 1, true) end)
    second:receive(function(text) return text:find("for b", 1, true) end)
  end)

  raw_it("notices that the reader of a stream is gone", function()
    local client = connect()
    local id = streaming(client)
    server:write(id, "one")
    client:close()
    step_until(function() return not server:write(id, "") end)
    assert.is_false(server:finish(id))
  end)

  raw_it("cuts off a reader that does not read", function()
    local client = connect()
    local id = streaming(client)
    local piece, written = ("x"):rep(65536), 0
    step_until(function()
      if not server:write(id, piece) then return true end
      written = written + 1
      return false
    end)
    assert.is_true(written >= 4) -- so much waits for any reader
    assert.is_false(server:write(id, ""))
  end)

  raw_it("can be closed over streams that are open", function()
    for _ = 1, 3 do streaming(connect()) end
    server:close()
  end)

  it("has no streams for requests that are not open", function()
    assert.is_false(server:stream(1, 200))
    assert.is_false(server:write(1, "x"))
    assert.is_false(server:finish(1))
  end)

  it("takes a free port, tells it, and gives it back", function()
    local port = server:port()
    assert.is_true(port > 0)
    local second, err = host.httpd { port = port }
    assert.is_nil(second)
    assert.equal("io", err.code)
    assert.matches("127.0.0.1:" .. port, err.message, 1, true)
    server:close()
    second = assert(host.httpd { host = "localhost", port = port })
    assert.equal(port, second:port())
    second:close()
  end)

  it("serves on loopback addresses and no others", function()
    for _, address in ipairs { "0.0.0.0", "::", "192.0.2.1", "example.org", "", "127.0.0.1.", "2001:db8::1" } do
      local other, err = host.httpd { host = address }
      assert.is_nil(other)
      assert.equal("invalid_value", err.code)
    end
    for _, address in ipairs { "127.0.0.1", "127.0.0.2", "::1", "localhost" } do
      local other, err = host.httpd { host = address }
      if other then
        other:close()
      else
        assert.equal("io", err.code) -- a machine without that address
      end
    end
  end)

  it("raises for a caller's mistake", function()
    assert.has_error(function() host.httpd { prot = 1 } end)
    assert.has_error(function() host.httpd { port = -1 } end)
    assert.has_error(function() host.httpd { port = 65536 } end)
    assert.has_error(function() host.httpd { port = "80" } end)
    assert.has_error(function() host.httpd { host = 1 } end)
    assert.has_error(function() host.httpd { max_body = 0.5 } end)
    assert.has_error(function() server:reply(1, 100) end)
    assert.has_error(function() server:reply(1, 600) end)
    assert.has_error(function() server:reply(1, 200, { ["X"] = "a\r\nY: b" }) end)
    assert.has_error(function() server:reply(1, 200, { ["X\r\nY"] = "b" }) end)
    assert.has_error(function() server:reply(1, 200, { X = 1 }) end)
    assert.has_error(function() server:reply(1, 200, { "x" }) end)
    assert.has_error(function() server:reply(1, 200, {}, 1) end)
    assert.has_error(function() server:reply("1", 200) end)
    assert.has_error(function() server:stream(1, 100) end)
    assert.has_error(function() server:stream(1, 200, { ["X\r\nY"] = "b" }) end)
    assert.has_error(function() server:write(1) end)
    assert.has_error(function() server:write(1, 2) end)
    assert.has_error(function() server:finish() end)
    assert.has_error(function() server:drop("1") end)
    assert.has_error(function() server:drop() end)
    server:close()
    server:close()
    assert.has_error(function() server:step() end)
  end)
end)
