-- The wallet page's server, and the bundling of the page; browser_e2e_spec.lua tries the page itself.
local Loop = require "rise.loop"
local artifacts = require "rise.devnet.artifacts"
local host = require "rise.host"
local json = require "rise.json"
local raw = require "net.raw"
local support = require "support.devnet"

describe("the wallet's page #devnet", function()
  local net

  setup(function() net = support.start { wallet = 0 } end)
  teardown(function() net:stop() end)

  -- By hand, since what counts here is the Host a browser sends.
  local function get(path, options)
    options = options or {}
    local port = net.ready.wallet:match ":(%d+)/"
    local client = raw.connect(tonumber(port), function() net.loop:step(0.01) end)
    client:send(table.concat({
      (options.method or "GET") .. " " .. path .. " HTTP/1.1", "Host: " .. (options.host or "localhost:" .. port),
      "Content-Length: " .. #(options.body or ""), "Connection: close", "", options.body or "",
    }, "\r\n"))
    local reply = client:receive_all()
    client:close()
    local head, body = reply:match "^(.-)\r\n\r\n(.*)$"
    local headers = {}
    for name, value in head:gmatch "\r\n([^:]+): ([^\r]*)" do headers[name:lower()] = value end
    return { status = tonumber(head:match "^HTTP/1.1 (%d+)"), headers = headers, body = body }
  end

  it("is at a name, since passkeys belong to one", function()
    assert.matches("^http://localhost:%d+/dialog$", net.ready.wallet)
    for _, path in ipairs { "/dialog", "/dialog/", "/dialog/wallet_connect", "/dialog?relayUrl=x" } do
      local answer = get(path)
      assert.equal(200, answer.status)
      assert.matches("text/html", answer.headers["content-type"], 1, true)
    end
  end)

  it("sends whoever comes under another name to its own", function()
    for _, name in ipairs { "127.0.0.1", "evil.example", "localhost.evil.example:1" } do
      local answer = get("/dialog", { host = name })
      assert.equal(307, answer.status)
      assert.equal(net.ready.wallet, answer.headers.location)
      assert.equal("", answer.body)
    end
    assert.equal(net.ready.wallet, get("/").headers.location)
  end)

  it("runs nothing but its own script, keeps its opener, and is stored nowhere", function()
    local headers = get("/dialog").headers
    local policy = headers["content-security-policy"]
    for _, rule in ipairs { "default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'" } do
      assert.matches(rule, policy, 1, true)
    end
    assert.is_nil(policy:find("unsafe", 1, true))
    assert.equal("nosniff", headers["x-content-type-options"])
    assert.equal("no-referrer", headers["referrer-policy"])
    assert.equal("no-store", headers["cache-control"])
    assert.is_nil(headers["cross-origin-opener-policy"])
    assert.is_nil(get("/dialog").body:find("<script>", 1, true))
  end)

  it("is told of its devnet", function()
    local settings = json.decode(get("/settings.json").body)
    assert.equal(net.ready.relay, settings.relay)
    assert.equal(net.ready.rpc, settings.rpc)
    assert.equal(net.ready.chain_id, settings.chain_id)
    assert.same(net.ready.contracts, settings.contracts)
  end)

  it("has its script and style, and no other files", function()
    assert.matches("javascript", get("/wallet.js").headers["content-type"], 1, true)
    assert.matches("text/css", get("/wallet.css").headers["content-type"], 1, true)
    for _, path in ipairs { "/main.js", "/dialog/../package.json", "/dialog/a/b", "/wallet.js/", "/%2e%2e/x" } do
      assert.equal(404, get(path).status, path)
    end
    assert.equal(405, get("/dialog", { method = "POST", body = "{}" }).status)
  end)

  it("takes the port it is known at, or any other when that is taken", function()
    local taken = host.httpd { host = "127.0.0.1", port = 5175, max_body = 100 } -- or by somebody else
    local other = support.start { wallet = true }
    assert.not_equal("http://localhost:5175/dialog", other.ready.wallet)
    other:stop()
    if taken then taken:close() end
  end)

  it("is not served where nobody asked for it", function()
    local plain = support.start()
    assert.is_nil(plain.ready.wallet)
    plain:stop()
  end)
end)

describe("the wallet's page, when it is bundled #devnet", function()
  local dir

  local function run(command)
    assert(os.execute(command))
  end

  local function write(path, text)
    local file = assert(io.open(dir .. "/" .. path, "wb"))
    file:write(text)
    file:close()
  end

  setup(function()
    dir = os.tmpname()
    os.remove(dir)
    local source = assert(artifacts.locate())
    run("mkdir " .. dir .. " && cp -r " .. source .. "/wallet " .. source .. "/package.json " .. dir
      .. " && cp " .. source .. "/compile.js " .. dir .. ' && ln -s "$(cd ' .. source .. '/node_modules && pwd)" '
      .. dir .. "/node_modules")
  end)
  teardown(function() run("rm -r " .. dir) end)

  it("is bundled once, and again when a source or the bundle changed", function()
    local loop, lines = Loop.new(), 0
    local function made()
      return assert(artifacts.wallet(loop, dir, function() lines = lines + 1 end))
    end
    local first = made()
    assert.equal(1, lines)
    assert.equal(first.js, made().js)
    assert.equal(1, lines)
    write("cache/wallet.js", "not the bundle")
    assert.equal(first.js, made().js)
    assert.equal(2, lines)
    write("wallet/view.js", 'throw new Error("a new source");\nexport const el = 0, button = 0, short = 0, show = 0;\n')
    assert.matches("a new source", made().js, 1, true)
    assert.equal(3, lines)
  end)

  it("says why it cannot be", function()
    write("wallet/main.js", "this is no program")
    local page, err = artifacts.wallet(Loop.new(), dir, function() end)
    assert.is_nil(page)
    assert.equal("io", err.code)
    assert.matches("bundling the wallet's page failed: .*main%.js:1:", err.message)
    assert.matches("node wallet/build.js", err.hint, 1, true)
  end)
end)
