-- Approval in the owner's browser, against a devnet: the browser and the wallet in it are played over HTTP, byte by
-- byte, and the grants they make are real ones at the relay.
local has_socket = pcall(require, "socket")
local browser = has_socket and require "support.browser"
local core = require "rise.core"
local flow = require "support.flow"
local host = require "rise.host"
local json = require "rise.json"
local lua = require "support.lua"
local rise = require "rise"

local WALLET = "https://wallet.example/dialog"
local ORIGIN = "https://wallet.example"
local STRANGER = "https://evil.example"

describe("rise.approve.browser #devnet", function()
  local net, wallet, owner, other

  local function new_owner()
    local admin = assert(rise.key.generate "p256")
    return { admin = admin, account = assert(wallet:create_account { admin = admin }) }
  end

  setup(function()
    if not has_socket then return end
    net = flow.start()
    wallet = flow.connect(net)
    owner, other = new_owner(), new_owner()
  end)

  teardown(function()
    if net then net:stop() end
  end)

  local function new_session(options)
    local settings = { expires = "1h", permissions = flow.permissions(net) }
    for name, value in pairs(options or {}) do settings[name] = value end
    return assert(wallet:new_session(settings))
  end

  local function socket_it(name, run)
    it(name, function()
      if not has_socket then return pending("needs LuaSocket (Debian: lua-socket)") end
      run()
    end)
  end

  -- A session that is asking its owner in a task, and the URL that was to be opened.
  local function asking(options)
    options = options or {}
    local visit = { session = options.session or new_session { account = options.account } }
    local settings = { wallet_url = WALLET, name = "my bot", open = function(url) visit.url = url end, timeout = 120 }
    for name, value in pairs(options.browser or {}) do settings[name] = value end
    local verb = options.verb or "grant"
    visit.task = rise.spawn(function() return visit.session[verb](visit.session, rise.approve.browser(settings)) end)
    browser.until_true("a page to open", function() return visit.url or visit.task.done end)
    return visit
  end

  -- The same, with the page open in a browser.
  local function on_page(options)
    local visit = asking(options)
    visit.tab = browser.open(visit.url)
    visit.request = visit.tab:page().request
    assert.equal("waiting", visit.tab.news:next().state)
    return visit
  end

  local function refused(visit, code, pattern)
    local done, err = visit.task:wait()
    assert.is_nil(done)
    assert.equal(code, err.code)
    if pattern then assert.matches(pattern, err.message) end
    assert.equal("new", visit.session:status())
    assert.same({}, visit.session.pre_calls)
    local call = { to = net.ready.contracts.counter, data = "0xd09de08a" }
    assert.equal("not_granted", select(2, visit.session:can(call)).code)
    return err
  end

  local function granted(visit)
    assert(visit.task:wait())
    assert.equal(owner.account.address, visit.session.account.address)
    assert.equal("pending", visit.session:status())
    local receipt = assert(visit.session:send { flow.counter(wallet, net):increment() })
    assert.matches("^0x", receipt.transaction_hash)
    assert.equal("active", visit.session:status())
  end

  local function decoded(text)
    return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
  end

  -- ---- the ways -------------------------------------------------------------------------------------------------

  socket_it("grants through our page, for the account that the owner chooses", function()
    local visit = on_page()
    assert.is_nil(visit.session.account.address)
    assert.equal("wallet_connect", visit.request.method)
    assert.equal(200, visit.tab:hand({ result = browser.approve(owner, visit.request) }).status)
    assert.equal("approved", visit.tab.news:next().state)
    granted(visit)
    assert.equal(1, #visit.session.pre_calls)
  end)

  socket_it("grants for the account that was named", function()
    local visit = on_page { account = owner.account }
    assert.same({ address = owner.account.address }, visit.request.params[1].capabilities.selectAccount)
    assert.same({ address = owner.account.address }, visit.tab.data.account)
    visit.tab:hand { result = browser.approve(owner, visit.request) }
    granted(visit)
  end)

  socket_it("grants to a wallet in direct mode, which carries the grant itself", function()
    local gas_key = assert(rise.key.generate "secp256k1")
    local direct = flow.connect(net)
    flow.fund(direct, "0x" .. gas_key:address():gsub(".", function(c) return string.format("%02x", c:byte()) end),
      rise.ether "1")
    assert(direct:direct { key = gas_key })
    local landed = new_owner()
    assert(landed.account:execute({ { to = flow.SHOP, data = "0x" } }, landed.admin)) -- direct mode makes no accounts
    local session = assert(direct:new_session { expires = "1h", permissions = flow.permissions(net) })
    local visit = on_page { session = session }
    visit.tab:hand { result = browser.approve(landed, visit.request) }
    assert(visit.task:wait())
    assert(session:send { flow.counter(direct, net):increment() })
    assert.equal("active", session:status())
  end)

  socket_it("blocks in a script as it yields in a task", function()
    local session, url = new_session(), nil
    rise.spawn(function()
      browser.until_true("a page to open", function() return url end)
      local tab = browser.open(url)
      local request = tab:page().request
      tab:hand { result = browser.approve(owner, request) }
    end)
    assert.equal(session, session:grant(rise.approve.browser { wallet_url = WALLET, open = function(u) url = u end }))
    assert.equal("pending", session:status())
    rise.run()
  end)

  socket_it("talks to a wallet that talks to us", function()
    local visit = asking { browser = { mode = "relay" } }
    assert.matches("^https://wallet%.example/dialog/%?relayUrl=http%%3A%%2F%%2Flocalhost%%3A%d+%%2F", visit.url)
    local relay = decoded(visit.url:match("relayUrl=(.*)"))
    local tab = browser.open(relay, ORIGIN)
    local path = relay:match("localhost:%d+(/.*)$")
    local preflight = tab:request("OPTIONS", path, { Origin = ORIGIN })
    assert.equal(200, preflight.status)
    assert.equal(ORIGIN, preflight.headers["access-control-allow-origin"])
    assert.equal("true", preflight.headers["access-control-allow-private-network"])
    assert.equal("Content-Type", preflight.headers["access-control-allow-headers"])

    local stream = tab:events(path, { Origin = ORIGIN })
    assert.equal("text/event-stream", stream.reply.headers["content-type"])
    assert.equal(ORIGIN, stream.reply.headers["access-control-allow-origin"])
    local ready = { id = "1", topic = "ready", payload = { chainIds = { 31337 } } }
    assert.same({ 200, "ok" }, { tab:post(path, ready).status, tab:post(path, ready).body })
    local first, again = stream:next(), stream:next()
    assert.equal("rpc-requests", first.topic)
    assert.same(first.payload, again.payload) -- every `ready` is answered: a page that was reloaded has forgotten
    assert.equal("pending", first.payload[1].status)
    local late = tab:events(path, { Origin = ORIGIN })
    local request = late:next().payload[1].request
    assert.same(first.payload[1].request, request)

    tab:post(path, { id = "2", topic = "__internal", payload = { type = "resize", height = 1 } })
    assert.equal(200, tab:post(path, { id = "3", topic = "rpc-response",
      payload = { id = request.id, jsonrpc = "2.0", result = browser.approve(owner, request) } }).status)
    assert.equal("success", stream:next().topic)
    granted(visit)
  end)

  socket_it("waits for the stream when the wallet says first that it is ready", function()
    local visit = asking { browser = { mode = "relay", bare = true } }
    local relay = "http://localhost:" .. visit.url:match("localhost%%3A(%d+)$")
    local tab = browser.open(relay .. "/", ORIGIN)
    assert.equal(200, tab:post("/", { id = "1", topic = "ready", payload = { chainIds = { 31337 } } }).status)
    local request = tab:events("/", { Origin = ORIGIN }):next().payload[1].request
    tab:post("/", { id = "3", topic = "rpc-response",
      payload = { id = request.id, jsonrpc = "2.0", error = { code = 4001, message = "no" } } })
    refused(visit, "rejected")
  end)

  -- The wallet that the npm package rise-wallet is, with its own messenger.
  local function by_sdk(decision)
    local visit = asking { browser = { mode = "relay" } }
    local child = assert(host.spawn { "node", "spec/sdk/wallet.mjs", json.encode(net.ready),
      decoded(visit.url:match("relayUrl=(.*)")), ORIGIN, decision, stdout = "pipe", stderr = "pipe",
      env = { LD_PRELOAD = false } })
    local output, code = "", nil
    browser.until_true("the end of the SDK's program", function()
      output = output .. (child:read() or "")
      code = child:wait(0)
      return code
    end)
    output = output .. (child:read() or "")
    child:close()
    assert.equal(0, code, output)
    return visit, json.decode(output:match('{"step":[^\n]*'))
  end

  socket_it("is understood by the wallet's own code, and understands it", function()
    local visit, said = by_sdk()
    assert(visit.task:wait())
    assert.equal(said.address:lower(), visit.session.account.address)
    assert.equal("pending", visit.session:status()) -- granted in what makes the account
    assert(visit.session:send { flow.counter(wallet, net):increment() })
    assert.equal("active", visit.session:status())
  end)

  socket_it("understands its refusal", function()
    refused(by_sdk "reject", "rejected")
  end)

  local function encoded(value)
    return (json.encode(value):gsub("[^%w]", function(c) return string.format("%%%02X", c:byte()) end))
  end

  socket_it("is led back to", function()
    local visit = asking { browser = { mode = "redirect" } }
    visit.tab = browser.open(visit.url)
    local data = visit.tab:page()
    local start = "^https://wallet%.example/dialog/wallet_connect%?id=%d+&jsonrpc=2%.0&method=wallet_connect&params=%%"
    assert.matches(start, data.wallet.redirect)
    visit.tab.news:close() -- the wallet opens in the same tab
    local reply = visit.tab:request("GET", visit.tab.path .. "callback?status=success&payload="
      .. encoded(browser.approve(owner, data.request)))
    assert.equal(200, reply.status)
    assert.matches('"final":{"state":"approved"}', reply.body, 1, true)
    granted(visit)
  end)

  socket_it("is led back to by a page that is left for it alone", function()
    local visit = asking { browser = { mode = "redirect" } }
    visit.tab = browser.open(visit.url)
    visit.tab:page()
    for _, fetched in ipairs { { "no-cors", "empty" }, { "no-cors", "image" }, { "cors", "empty" },
      { "navigate", "iframe" } } do
      assert.equal(403, visit.tab:request("GET", visit.tab.path .. "callback?status=cancel",
        { ["Sec-Fetch-Mode"] = fetched[1], ["Sec-Fetch-Dest"] = fetched[2] }).status)
    end
    assert.is_false(visit.task.done)
    assert.equal(200, visit.tab:request("GET", visit.tab.path .. "callback?status=cancel",
      { ["Sec-Fetch-Site"] = "cross-site", ["Sec-Fetch-Mode"] = "navigate", ["Sec-Fetch-Dest"] = "document" }).status)
    refused(visit, "rejected")
  end)

  for query, code in pairs { ["status=cancel"] = "rejected", ["status=error&message=no+luck"] = "wallet",
    ["status=success&payload=%7B"] = "wallet", ["status=success"] = "wallet", [""] = "wallet",
    ["status=success&status=cancel"] = "wallet" } do
    socket_it("is led back to with " .. (query == "" and "nothing" or query), function()
      local visit = asking { browser = { mode = "redirect" } }
      local tab = browser.open(visit.url)
      local reply = tab:request("GET", tab.path .. "callback?" .. query)
      assert.matches(code == "rejected" and '"state":"rejected"' or '"state":"error"', reply.body, 1, true)
      refused(visit, code)
    end)
  end

  -- What the owner would paste, out of the page that was shown.
  local function pasting(text_of, account)
    local session = new_session { account = account }
    local shown
    local done, err = session:grant(rise.approve.browser {
      wallet_url = WALLET, mode = "paste", open = function(url) shown = url end,
      read = function()
        local params = json.decode(decoded(shown:match("params=([^&]*)")))
        return text_of { id = tonumber(shown:match("id=(%d+)")), params = params }
      end,
    })
    return session, done, err
  end

  socket_it("reads an answer that was pasted: a URL, JSON, or the account that approved", function()
    for _, text_of in ipairs {
      function(request)
        return "http://localhost/approval?status=success&payload=" .. encoded(browser.approve(owner, request)) .. "\n"
      end,
      function(request) return "  " .. json.encode(browser.approve(owner, request)) end,
      function(request) return json.encode { id = request.id, result = browser.approve(owner, request) } end,
      function(request)
        browser.approve(owner, request)
        return rise.checksum(owner.account.address)
      end,
    } do
      local session, done, err = pasting(text_of)
      assert.is_truthy(done, tostring(err))
      assert.equal("pending", session:status())
      assert.equal(owner.account.address, session.account.address)
      assert.equal(1, #session.pre_calls)
    end
  end)

  socket_it("believes no account that was pasted", function()
    for _, case in ipairs {
      { "not_granted", function() return owner.account.address end },
      { "grant_mismatch", function() return other.account.address end, owner.account },
      { "grant_mismatch", function(request)
        browser.approve(owner, request, { grant = function(grant) grant.spend[1].limit = rise.ether "101" end })
        return owner.account.address
      end },
      { "wallet", function() return "0x12" end }, { "wallet", function() return "yes" end },
      { "wallet", function() return "{" end }, { "closed", function() return nil end },
      { "limit", function() return ("x"):rep(600000) end },
    } do
      local session, done, err = pasting(case[2], case[3])
      assert.is_nil(done)
      assert.equal(case[1], err.code)
      assert.equal("new", session:status())
    end
  end)

  socket_it("watches the relay where nothing leads back and the account is known", function()
    local visit = asking { account = owner.account, browser = { mode = "paste" } }
    browser.approve(owner, { params = json.decode(decoded(visit.url:match("params=([^&]*)"))) })
    granted(visit)
  end)

  -- ---- what the page shows ---------------------------------------------------------------------------------------

  socket_it("shows who asks, for what and until when", function()
    local visit = on_page()
    local data = visit.tab.data
    assert.equal("my bot", data.name)
    assert.matches("my bot asks to act for you", visit.tab.document.body)
    assert.equal(visit.session.expiry, data.expires)
    assert.matches("may call increment%(%)", table.concat(data.lines, "\n"))
    assert.matches("may spend up to 1 ETH per minute", table.concat(data.lines, "\n"))
    assert.equal(visit.session.public_key, data.key)
    visit.task:cancel()
    assert.equal("canceled", visit.tab.news:next().state)
    refused(visit, "canceled")
  end)

  socket_it("lets the page load nothing and be framed by nobody", function()
    local visit = on_page()
    local headers = visit.tab.document.headers
    local policy, nonce = headers["content-security-policy"], visit.tab.document.body:match('<script nonce="(%x+)">')
    assert.matches("default%-src 'none'", policy)
    assert.matches("frame%-ancestors 'none'", policy)
    assert.matches("script-src 'nonce-" .. nonce .. "';", policy, 1, true)
    assert.equal("no-store", headers["cache-control"])
    assert.equal("no-referrer", headers["referrer-policy"])
    assert.is_nil(headers["access-control-allow-origin"])
    assert.is_nil(visit.tab.document.body:find("https?://[^\"]*%.js"))
    local again = visit.tab:request("GET", visit.tab.path).body:match('<script nonce="(%x+)">')
    assert.not_equal(nonce, again)
    visit.task:cancel()
  end)

  socket_it("shows a name as text, whatever is in it", function()
    local name = [[</script><script>alert("1")</script>&]]
    local visit = on_page { browser = { name = name } }
    assert.equal(name, visit.tab.data.name)
    assert.is_nil(visit.tab.document.body:find("<script>alert", 1, true))
    visit.task:cancel()
  end)

  -- ---- what must not pass ---------------------------------------------------------------------------------------

  socket_it("ends when the owner refuses, with the wallet's words", function()
    local visit = on_page()
    visit.tab:hand { error = { code = 4001, message = "The user rejected the request." } }
    assert.equal("rejected", visit.tab.news:next().state)
    refused(visit, "rejected", "The user rejected the request")
  end)

  socket_it("tells errors of the wallet from refusals, also those that lost their code or message", function()
    for _, said in ipairs { { code = -32603, message = "relay\27[31m down" }, { message = "chain" }, { code = 4900 },
      json.object {}, "text", json.array { 1 } } do
      local visit = on_page()
      visit.tab:hand { error = said }
      local err = refused(visit, "wallet")
      assert.is_nil(err.message:find("%c"))
    end
  end)

  local function wrong_answer(code, pattern, how, field, who)
    local visit = on_page { account = owner.account }
    visit.tab:hand { result = browser.approve(who or owner, visit.request, how) }
    local news = visit.tab.news:next()
    assert.equal("error", news.state)
    local err = refused(visit, code, pattern)
    if field then assert.equal(field, err.field) end
    assert.equal(err.message:sub(-20), news.message:sub(-20))
  end

  socket_it("takes no other account", function()
    wrong_answer("grant_mismatch", "account: asked for", nil, "account", other)
  end)

  socket_it("takes no other key", function()
    local key = assert(rise.key.generate "p256")
    local public = "0x" .. key:public():gsub(".", function(c) return string.format("%02x", c:byte()) end)
    wrong_answer("grant_mismatch", "key: asked for", { key = public }, "key")
  end)

  for name, case in pairs {
    ["a higher limit"] = { function(said) said.permissions.spend[1].limit = "0xffffffffffffffffff" end, "permissions" },
    ["a longer life"] = { function(said) said.expiry = said.expiry + 1 end, "expiry" },
    ["no end"] = { function(said) said.expiry = 0 end, "expiry" },
    ["another call"] = { function(said)
      table.insert(said.permissions.calls, { to = flow.SHOP, signature = "0x12345678" })
    end, "permissions" },
    ["any call"] = { function(said) said.permissions.calls[1].signature = nil end, "permissions" },
    ["another token"] = { function(said)
      table.insert(said.permissions.spend, { token = flow.SHOP, limit = "0x1", period = "day" })
    end, "permissions" },
    ["no calls"] = { function(said) said.permissions.calls = json.array {} end },
    ["another chain"] = { function(said) said.chainId = "0x1" end, "chainId" },
    ["another type of key"] = { function(said) said.key.type = "secp256k1" end, "key.type" },
    ["permissions of another account"] = { function(said) said.address = flow.SHOP end, "permissions.address" },
  } do
    socket_it("takes no grant with " .. name, function()
      wrong_answer("grant_mismatch", nil, { answer = case[1], store = false }, case[2])
    end)
  end

  socket_it("takes less than it asked for, and goes by that", function()
    local visit = on_page()
    visit.tab:hand { result = browser.approve(owner, visit.request, {
      grant = function(grant)
        table.remove(grant.calls, 2)
        grant.expiry = grant.expiry - 60
      end,
      answer = function(said)
        table.remove(said.permissions.calls, 2)
        said.expiry = said.expiry - 60
        table.insert(said.permissions.calls, { to = wallet.orchestrator, signature = rise.ANY_SELECTOR })
      end,
    }) }
    assert(visit.task:wait())
    assert.equal(2, #visit.session.permissions.calls)
    assert.equal(visit.request.params[1].capabilities.grantPermissions.expiry - 60, visit.session.expiry)
    local stk = flow.stk(wallet, net)
    assert.equal("not_allowed", select(2, visit.session:can { stk:transfer(flow.SHOP, 1) }).code)
  end)

  socket_it("does not count a grant that the relay knows nothing of", function()
    wrong_answer("not_granted", nil, { store = false })
  end)

  socket_it("does not count a grant that is wider at the relay than the wallet says", function()
    for _, widen in ipairs {
      function(grant) grant.spend[1].limit = rise.ether "1000" end,
      function(grant) grant.expiry = grant.expiry + 3600 end,
      function(grant) grant.calls[#grant.calls + 1] = { to = flow.SHOP, selector = "0x12345678" } end,
    } do
      wrong_answer("grant_mismatch", "gives the session key more than was granted", { grant = widen })
    end
  end)

  socket_it("does not count a grant that the relay has for another account than the wallet says", function()
    local visit = on_page()
    local result = browser.approve(owner, visit.request)
    result.accounts[1].address, result.accounts[1].capabilities.permissions[1].address = other.account.address,
      other.account.address
    visit.tab:hand { result = result }
    refused(visit, "not_granted")
  end)

  socket_it("takes the first answer to a request, and no second", function()
    local visit = on_page()
    local yes = { page = visit.tab.id, id = visit.request.id, result = browser.approve(owner, visit.request) }
    local no = { page = visit.tab.id, id = visit.request.id, error = { code = 4001, message = "no" } }
    local replies = visit.tab:post_at_once(visit.tab.path .. "result", { no, yes, yes })
    assert.same({ 200, 409, 409 }, { replies[1].status, replies[2].status, replies[3].status })
    refused(visit, "rejected")
  end)

  socket_it("takes no answer to another request", function()
    local visit = on_page()
    local result = browser.approve(owner, visit.request)
    assert.equal(409, visit.tab:hand({ id = visit.request.id + 1, result = result }).status)
    assert.equal(409, visit.tab:hand({ id = tostring(visit.request.id), result = result }).status)
    assert.is_false(visit.task.done)
    assert.equal(200, visit.tab:hand({ result = result }).status)
    granted(visit)
  end)

  socket_it("takes no answer that comes late", function()
    local visit = on_page { browser = { timeout = 0.5 } }
    assert.equal("expired", visit.tab.news:next().state)
    local err = refused(visit, "timeout")
    assert.is_true(err.retryable)
    local reached = pcall(visit.tab.hand, visit.tab, { result = browser.approve(owner, visit.request) })
    assert.is_false(reached)
    assert.equal("new", visit.session:status())
  end)

  socket_it("ends when the page is closed", function()
    local visit = on_page()
    visit.tab.news:close()
    refused(visit, "closed")
  end)

  socket_it("does not end when the page is reloaded", function()
    local visit = on_page()
    visit.tab.news:close()
    visit.tab.news = visit.tab:events(visit.tab.path .. "events?page=" .. visit.tab.id)
    assert.equal("waiting", visit.tab.news:next().state)
    visit.tab:hand { result = browser.approve(owner, visit.request) }
    granted(visit)
  end)

  socket_it("lets a second tab wait until the first is gone", function()
    local visit = on_page()
    local second = browser.open(visit.url)
    second:page()
    assert.equal("elsewhere", second.news:next().state)
    local result = browser.approve(owner, visit.request)
    assert.equal(409, second:hand({ result = result }).status)
    visit.tab.news:close()
    assert.equal("waiting", second.news:next().state)
    assert.equal(200, second:hand({ result = result }).status)
    granted(visit)
  end)

  socket_it("answers nobody who comes from elsewhere", function()
    local visit = on_page()
    local tab = visit.tab
    local result = browser.approve(owner, visit.request)
    local body = { page = tab.id, id = visit.request.id, result = result }
    local function status(method, path, headers, text)
      return tab:request(method, path, headers, text).status
    end
    for _, origin in ipairs { STRANGER, "null", "http://localhost", "http://127.0.0.1:" .. tab.port, ORIGIN, false } do
      assert.equal(403, tab:post(tab.path .. "result", body, { Origin = origin }).status)
    end
    for _, name in ipairs { "evil.example", "127.0.0.1:" .. tab.port, "localhost", "localhost:1",
      "localhost:" .. tab.port .. ".evil.example" } do
      assert.equal(403, status("GET", tab.path, { Host = name }))
      assert.equal(403, tab:post(tab.path .. "result", body, { Host = name }).status)
    end
    for _, site in ipairs { "cross-site", "same-site", "none" } do
      assert.equal(403, tab:post(tab.path .. "result", body, { ["Sec-Fetch-Site"] = site }).status)
      assert.equal(403, status("GET", tab.path .. "events?page=1", { ["Sec-Fetch-Site"] = site }))
    end
    assert.equal(415, tab:post(tab.path .. "result", body, { ["Content-Type"] = "text/plain" }).status)
    assert.equal(409, tab:post(tab.path .. "result", { page = "other", id = body.id, result = result }).status)
    for _, path in ipairs { "/", "/result", "/favicon.ico", "/" .. ("0"):rep(48) .. "/", tab.path:sub(1, -3) .. "/",
      tab.path .. "x", tab.path .. "../", tab.path:upper(), tab.path .. "callback?status=cancel" } do
      assert.equal(404, status("GET", path))
    end
    for _, method in ipairs { "POST", "PUT", "DELETE" } do assert.equal(405, status(method, tab.path, nil, "")) end
    assert.equal(405, status("GET", tab.path .. "result"))
    assert.equal(403, status("OPTIONS", tab.path .. "wallet", { Origin = STRANGER }))
    for _, origin in ipairs { STRANGER, tab.origin, false } do
      assert.equal(403, status("GET", tab.path .. "wallet", { Origin = origin }))
      assert.equal(403, tab:post(tab.path .. "wallet", { id = "1", topic = "rpc-response",
        payload = { id = body.id, result = result } }, { Origin = origin }).status)
    end
    assert.is_false(visit.task.done)
    visit.tab:hand { result = result }
    granted(visit)
  end)

  for name, case in pairs {
    ["that is no JSON"] = { "wallet", "{", 400 },
    ["that is no object"] = { "wallet", "[1,2", 400 },
    ["that is just a number"] = { "wallet", "7", 400 },
    ["nested without end"] = { "wallet", ("["):rep(5000), 400 },
    ["that is too long"] = { "limit", '{"a":"' .. ("x"):rep(600000) .. '"}', 413 },
  } do
    socket_it("takes no answer " .. name, function()
      local visit = on_page()
      assert.equal(case[3], visit.tab:post(visit.tab.path .. "result", case[2]).status)
      assert.equal("error", visit.tab.news:next().state)
      refused(visit, case[1])
    end)
  end

  for name, result in pairs {
    ["nothing"] = json.null, ["text"] = "yes", ["no accounts"] = json.object {},
    ["an empty list of accounts"] = { accounts = json.array {} }, ["accounts that are none"] = { accounts = { 1, 2 } },
    ["an account without permissions"] = { accounts = { { address = flow.SHOP } } },
  } do
    socket_it("takes no result that is " .. name, function()
      local visit = on_page()
      visit.tab:hand { result = result }
      local done, err = visit.task:wait()
      assert.is_nil(done)
      assert.is_true(err.code == "wallet" or err.code == "grant_mismatch")
      assert.equal("new", visit.session:status())
    end)
  end

  socket_it("refuses an account that a rule would turn against", function()
    local calls = { { to = owner.account.address, signature = "authorize((uint40,uint8,bool,bytes))" } }
    local session = new_session { permissions = { calls = calls } }
    local visit = on_page { session = session }
    visit.tab:hand { result = browser.approve(owner, visit.request, { store = false }) }
    refused(visit, "root_access")
  end)

  socket_it("gives its port back, and can be asked again", function()
    local visit = on_page()
    visit.tab:hand { error = { code = 4001, message = "no" } }
    refused(visit, "rejected")
    assert.is_false(pcall(visit.tab.request, visit.tab, "GET", visit.tab.path))
    local again = on_page { session = visit.session }
    again.tab:hand { result = browser.approve(owner, again.request) }
    granted(again)
  end)

  -- ---- revoking -------------------------------------------------------------------------------------------------

  local function active_session()
    local session = new_session { account = owner.account }
    assert(session:grant(rise.approve.admin(owner.admin)))
    assert(session:send { flow.counter(wallet, net):increment() })
    return session
  end

  socket_it("revokes by the owner's word, once the relay agrees", function()
    local session = active_session()
    local visit = on_page { session = session, verb = "revoke" }
    assert.is_nil(session.key) -- wiped before anybody is asked
    assert.same({ "wallet_revokePermissions", { id = session.public_key, address = owner.account.address } },
      { visit.request.method, visit.request.params[1] })
    assert(owner.account:revoke({ hash = session.id }, owner.admin))
    visit.tab:hand { result = json.null }
    assert.equal("revoked", visit.tab.news:next().state)
    assert(visit.task:wait())
    assert.equal("revoked", session:status())
  end)

  socket_it("does not believe a revocation that did not happen", function()
    local session = active_session()
    local visit = on_page { session = session, verb = "revoke" }
    visit.tab:hand { result = json.null }
    local done, err = visit.task:wait()
    assert.is_nil(done)
    assert.equal("grant_pending", err.code)
    assert.equal("revoking", session:status())
    assert(session:revoke(rise.approve.admin(owner.admin)))
  end)

  -- ---- the caller ------------------------------------------------------------------------------------------------

  socket_it("needs a wallet's page", function()
    local _, err = new_session():grant(rise.approve.browser { open = false, say = function() end, wallet_url = nil,
      timeout = 0.1 })
    assert.is_true(err.code == "timeout" or err.code == "unsupported")
  end)

  it("is needed where the account is not known", function()
    if not net then return end
    assert.has_error(function() new_session():grant(rise.approve.admin(owner.admin)) end,
      "session:grant: the session has no account, which this approver cannot name")
  end)
end)

describe("rise grant #devnet", function()
  local net, wallet, owner, folder

  setup(function()
    net = flow.start()
    wallet = flow.connect(net)
    local admin = assert(rise.key.generate "p256")
    owner = { admin = admin, account = assert(wallet:create_account { admin = admin }) }
    folder = os.tmpname()
    os.remove(folder)
    assert(core.make_dir(folder))
    local file = assert(io.open(folder .. "/rise.lua", "w"))
    file:write("os.exit(require('rise.cli').main { ... })\n")
    file:close()
    -- A browser that writes down how it was called.
    file = assert(io.open(folder .. "/browser", "w"))
    file:write("#!/bin/sh\ncd ", folder, " && printf '%s\\n' \"$#\" \"$@\" > part && mv part called\n")
    file:close()
    assert(os.execute("chmod 700 " .. folder .. "/browser"))
  end)

  teardown(function()
    if folder then os.execute("rm -r " .. folder) end
    if net then net:stop() end
  end)

  local function contents(path)
    local file = io.open(path, "rb")
    local text = file and file:read("*a")
    if file then file:close() end
    return text
  end

  -- Starts the command; its output goes into files.
  local function start(options)
    os.remove(folder .. "/called")
    local run = { out = folder .. "/out", err = folder .. "/err", store = os.tmpname() }
    for _, path in ipairs { run.store, run.out, run.err } do os.remove(path) end
    local words = { "sh", "-c", 'exec "$@" > ' .. run.out .. " 2> " .. run.err, "sh",
      lua.program, folder .. "/rise.lua", "grant", "--network", "devnet",
      "--relay", net.ready.relay, "--rpc", net.ready.rpc, "--permissions", json.encode {
        calls = { { to = net.ready.contracts.counter, signature = "increment()" } },
        spend = { { limit = "0x2386f26fc10000", period = "day" } },
      }, "--store", run.store, "--keys", "plaintext", "--wait", "120" }
    for _, word in ipairs(options) do words[#words + 1] = word end
    words.env = { LUA_PATH = package.path, LUA_CPATH = package.cpath, DISPLAY = false, WAYLAND_DISPLAY = false,
      BROWSER = options.browser or false }
    run.process = assert(host.spawn(words))
    return run
  end

  local function finish(run)
    local code
    browser.until_true("the end of the command", function()
      code = run.process:wait(0)
      return code
    end)
    run.process:close()
    os.execute("rm -f " .. run.store .. " " .. run.store .. "-*")
    return code, contents(run.out), contents(run.err)
  end

  local function socket_it(name, run)
    it(name, function()
      if not has_socket then return pending("needs LuaSocket (Debian: lua-socket)") end
      run()
    end)
  end

  socket_it("opens the browser, and keeps the session that was approved", function()
    local run = start { "--json", "--wallet", WALLET,
      browser = "/nonexistent:" .. folder .. "/browser a;b %s $(id)" }
    browser.until_true("the browser", function() return contents(folder .. "/called") end)
    local called = {}
    for line in contents(folder .. "/called"):gmatch("[^\n]+") do called[#called + 1] = line end
    assert.same({ "3", "a;b", called[3], "$(id)" }, called) -- words, and no shell that reads them
    local tab = browser.open(called[3])
    local request = tab:page().request
    assert.equal("rise grant", tab.data.name)
    tab:hand { result = browser.approve(owner, request) }
    local store
    browser.until_true("the store", function() return run.process:wait(0) end)
    store = assert(rise.store.sqlite { path = run.store, keys = "plaintext" })
    local kept = assert(flow.connect(net, { store = store })):load_session(store:list()[1].id)
    assert(kept:send { flow.counter(wallet, net):increment() })
    store:close()
    local code, out, err = finish(run)
    assert.equal(0, code, err)
    local result = json.decode(out)
    assert.equal(owner.account.address, result.account)
    assert.equal("pending", result.state)
    assert.equal(kept.id, result.id)
    assert.matches("may call increment%(%)", err)
  end)

  socket_it("prints the page where none can be opened, and keeps nothing that the owner refused", function()
    local run = start { "--wallet", WALLET }
    local url
    browser.until_true("the page's address", function()
      url = (contents(run.err) or ""):match("(http://localhost:%d+/%x+/)\n")
      return url
    end)
    assert.matches("The browser could not be opened", contents(run.err))
    local tab = browser.open(url)
    tab:page()
    tab:hand { error = { code = 4001, message = "no" } }
    browser.until_true("the end", function() return run.process:wait(0) end)
    local store = assert(rise.store.sqlite { path = run.store, keys = "plaintext" })
    assert.same({}, store:list())
    store:close()
    local code, out, err = finish(run)
    assert.same({ 1, "" }, { code, out })
    assert.matches("rejected: granting the session: the owner did not approve: no", err, 1, true)
  end)

  socket_it("watches the relay with --qr and an account", function()
    local run = start { "--wallet", WALLET, "--qr", "--account", owner.account.address }
    local params
    browser.until_true("the page's address", function()
      params = (contents(run.err) or ""):match("&params=([^&]*)&redirectUri=[^\n]*\n.*\n")
      return params
    end)
    params = params:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
    browser.approve(owner, { params = json.decode(params) })
    local code, out, err = finish(run)
    assert.equal(0, code, err)
    assert.matches("account  " .. owner.account.address, out)
    if pcall(require, "rise.qr") then assert.matches("\27%[30;107m", err) end
  end)

  socket_it("ends when it is interrupted, and tells the page", function()
    local run = start { "--wallet", WALLET }
    local url
    browser.until_true("the page's address", function()
      url = (contents(run.err) or ""):match("(http://localhost:%d+/%x+/)\n")
      return url
    end)
    local tab = browser.open(url)
    tab:page()
    assert.equal("waiting", tab.news:next().state)
    run.process:kill("INT")
    assert.equal("canceled", tab.news:next().state)
    assert.equal(130, (finish(run)))
  end)

  socket_it("ends with 2 when it is called wrongly", function()
    for _, words in ipairs { { "--account", "0x12" }, { "--wallet", "ftp://x" }, { "--permissions", "/nonexistent" },
      { "--permissions", "{" }, { "--permissions", "{}" }, { "--expires", "soon" }, { "--wait", "-1" },
      { "--name", "two\nlines" }, { "--mode", "pigeon" } } do
      local code, _, err = finish(start(words))
      assert.equal(2, code, table.concat(words, " ") .. ": " .. err)
      assert.matches("^rise: ", err)
    end
  end)
end)

describe("rise.approve.browser", function()
  it("raises for options that are none", function()
    for _, options in ipairs { { mode = "carrier pigeon" }, { wallet_url = "javascript:alert(1)" }, { timeout = 0 },
      { wallet_url = "https://x.example/?a=1" }, { name = "two\nlines" }, { name = "" }, { unknown = 1 },
      { wallet_url = "http://x y" }, { timeout = 1e9 } } do
      assert.has_error(function() rise.approve.browser(options) end)
    end
  end)
end)
