-- Keystores against those of foundry and ethers; what is left of a secret in memory, in the environment and on disk.
local core = require "rise.core"
local json = require "rise.json"
local keystore = require "rise.keystore"
local lfs = require "lfs"
local lua = require "support.lua"
local rise = require "rise"
local secrets = require "support.secrets"

local FOLDER = os.getenv("RISE_DEVNET_DIR") or "devnet"
-- Neither node nor cast has to do with a sanitizer that this process runs under.
local CLEAN = "env -u LD_PRELOAD "

local function shell(command)
  local pipe = assert(io.popen(command .. "; echo $?"))
  local text = pipe:read("*a")
  pipe:close()
  local out, code = text:match "^(.-)(%d+)%s*$"
  return out, tonumber(code)
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

local function mode(path)
  return lfs.attributes(path, "permissions")
end

local function missing(package)
  if not os.execute("node --version >/dev/null 2>&1") then return "no node here" end
  local file = io.open(FOLDER .. "/node_modules/" .. package .. "/package.json")
  if not file then return "no " .. package .. ": run `npm ci` in " .. FOLDER end
  file:close()
end

local function key_of(kind)
  return secrets.note(assert(rise.key.generate(kind)))
end

describe("keystore", function()
  local folder
  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(core.make_dir(folder))
  end)
  after_each(function() os.execute("rm -rf '" .. folder .. "'") end)

  describe("of ethers", function()
    local function ethers(request)
      write(folder .. "/request", json.encode(request))
      local out, code = shell(CLEAN .. "node spec/keystore/ethers.mjs " .. folder .. "/request 2>&1")
      assert.equal(0, code, out)
      return assert(json.decode(out))
    end

    it("opens here, and ours opens there", function()
      local why = missing "ethers"
      if why then return pending(why) end
      local passphrase = secrets.passphrase()
      for _, n in ipairs { 1024, false } do
        local made = ethers { make = passphrase, n = n or nil }
        local key = assert(rise.keystore.open { text = made.json, passphrase = passphrase })
        assert.equal(secrets.note(made.secret:sub(3)), core.hex(key:export()):sub(3))
        assert.equal(made.address:lower(), core.hex(key:address()))
      end
      local key = key_of "secp256k1"
      for _, cost in ipairs { "light", "standard" } do
        local text = assert(rise.keystore.seal { key = key, passphrase = passphrase, cost = cost })
        local opened = ethers { open = text, password = passphrase }
        assert.equal(core.hex(key:export()), opened.secret)
      end
    end)

    it("calls the passphrase of a session key wrong, instead of opening it", function()
      local why = missing "ethers"
      if why then return pending(why) end
      local passphrase = secrets.passphrase()
      local text = assert(rise.keystore.seal { key = key_of "p256", passphrase = passphrase, cost = "light" })
      local opened = ethers { open = text, password = passphrase }
      assert.is_nil(opened.secret)
      assert.matches("password", opened.error)
    end)
  end)

  describe("of foundry", function()
    local CAST = FOLDER .. "/node_modules/.bin/cast"

    -- The passphrase goes by the environment, as it should.
    local function cast(passphrase, arguments)
      write(folder .. "/passphrase", passphrase)
      local out, code = shell(string.format("P=$(cat %s/passphrase) && %s CAST_PASSWORD=\"$P\" "
        .. "CAST_UNSAFE_PASSWORD=\"$P\" HOME=%s %s wallet %s 2>&1", folder, CLEAN, folder, CAST, arguments))
      return out, code
    end

    it("opens here, and ours opens there", function()
      local why = missing "@foundry-rs/cast"
      if why then return pending(why) end
      local passphrase = secrets.passphrase()
      local out, code = cast(passphrase, "new " .. folder .. " made")
      assert.equal(0, code, out)
      local from = { file = folder .. "/passphrase" }
      local key = assert(rise.keystore.open { path = folder .. "/made", passphrase = from })
      assert.truthy(out:lower():find(core.hex(key:address()), 1, true), out)

      key = key_of "secp256k1"
      assert(rise.keystore.save { path = folder .. "/ours", key = key, passphrase = passphrase })
      out, code = cast(passphrase, "decrypt-keystore ours --keystore-dir " .. folder)
      assert.equal(0, code)
      assert.truthy(out:find(core.hex(key:export()), 1, true))
    end)

    it("does not open a session key", function()
      local why = missing "@foundry-rs/cast"
      if why then return pending(why) end
      local passphrase = secrets.passphrase()
      local key = key_of "p256"
      assert(rise.keystore.save { path = folder .. "/ours", key = key, passphrase = passphrase, cost = "light" })
      local out = cast(passphrase, "decrypt-keystore ours --keystore-dir " .. folder)
      assert.matches("Mac Mismatch", out) -- npm's wrapper of it ends with 0 all the same
      assert.is_nil(out:find(core.hex(key:export()):sub(3), 1, true))
    end)
  end)

  it("of a session key tells its public half without the passphrase, and gives the key with it", function()
    local key, passphrase = key_of "p256", secrets.passphrase()
    assert(rise.keystore.save { path = folder .. "/deep/down/key", key = key, passphrase = passphrase, cost = "light" })
    assert.same({ type = "p256", public_key = core.hex(key:public()) },
      assert(rise.keystore.inspect { path = folder .. "/deep/down/key" }))
    local opened = assert(rise.keystore.open { path = folder .. "/deep/down/key", passphrase = passphrase })
    assert.equal("p256", opened:type())
    assert.equal(key:hash(), opened:hash())
    assert.equal("rw-------", mode(folder .. "/deep/down/key"))
    assert.equal("rwx------", mode(folder .. "/deep"))
    assert.equal("rwx------", mode(folder .. "/deep/down"))
  end)

  it("says what is wrong: the passphrase, the file, its version, what it asks for", function()
    local passphrase = secrets.passphrase()
    local text = assert(rise.keystore.seal { key = key_of "secp256k1", passphrase = passphrase, cost = "light" })
    local function code(changed, given)
      local key, err = rise.keystore.open { text = changed, passphrase = given or passphrase }
      assert.is_nil(key)
      assert.is_nil(tostring(err):find(passphrase, 1, true))
      return err.code
    end
    assert.equal("wrong_passphrase", code(text, "another"))
    assert.equal("invalid_data", code(text:sub(1, -2)))
    assert.equal("invalid_data", code((text:gsub('"iv":"(.)', function(c)
      return '"iv":"' .. (c == "0" and "1" or "0")
    end))))
    assert.equal("unsupported", code((text:gsub('"version":3', '"version":4'))))
    assert.equal("limit", code((text:gsub('"n":4096', '"n":1073741824'))))
    assert.equal("io", select(2, rise.keystore.open { path = folder .. "/none", passphrase = "x" }).code)
    assert.has_error(function() rise.keystore.open { passphrase = "x" } end,
      "keystore.open: one of path and text expected")
    assert.has_error(function() rise.keystore.seal { key = key_of(), passphrase = "x", cost = "free" } end)
  end)

  it("with any bit changed gives no other key", function()
    local passphrase = secrets.passphrase()
    math.randomseed(7)
    for _, kind in ipairs { "p256", "secp256k1" } do
      local key = key_of(kind)
      local box = assert(core.keystore_new(2, 1, 1)) -- the least scrypt, for so many
      local secret = assert(core.passphrase(passphrase))
      assert(box:derive(secret))
      local text = assert(box:seal(key))
      local refused = 0
      for _ = 1, 1000 do
        local at, bit = math.random(#text), 2 ^ math.random(0, 7)
        local byte = text:byte(at)
        local flipped = math.floor(byte / bit) % 2 == 1 and byte - bit or byte + bit
        local changed = text:sub(1, at - 1) .. string.char(flipped) .. text:sub(at + 1)
        local opened = core.keystore_read(changed)
        -- What a flipped bit makes it ask for is bounded, but not worth waiting for a thousand times.
        local n = tonumber(changed:match '"n":(%d+)')
        if opened and (n or 0) <= 4096 and opened:derive(secret) then
          local found = opened:unlock()
          if found then
            assert.equal(key:hash(), found:hash())
            -- It says the same as before in everything that counts.
            local function essence(t)
              return (t:lower():gsub('"id":"[^"]*"', ""):gsub('"address"', ""):gsub('.id":"[^"]*"', ""))
            end
            local same = essence(changed) == essence(text) or changed:match '"crypto.-}' :lower()
              == text:match '"crypto.-}' :lower()
            assert.is_true(same, changed)
          else
            refused = refused + 1
          end
        else
          refused = refused + 1
        end
      end
      assert.is_true(refused > 700, kind .. ": " .. refused)
    end
  end)

  it("replaces no file unless that is said, and of two writers of a new one lets one win", function()
    local path, passphrase = folder .. "/key", secrets.passphrase()
    local key, other = key_of "p256", key_of "p256"
    local results, tasks = {}, {}
    for i, one in ipairs { key, other } do
      tasks[i] = rise.spawn(function()
        results[i] = { rise.keystore.save { path = path, key = one, passphrase = passphrase, cost = "light" } }
      end)
    end
    for _, task in ipairs(tasks) do task:wait() end
    local won = results[1][1] and 1 or 2
    assert.is_true(results[won][1])
    local err = results[3 - won][2]
    assert.equal("io", err.code)
    assert.is_true(err.exists)
    assert.matches("replace = true", err.hint)
    local opened = assert(rise.keystore.open { path = path, passphrase = passphrase })
    assert.equal(({ key, other })[won]:hash(), opened:hash())
    assert(rise.keystore.save { path = path, key = other, passphrase = passphrase, cost = "light", replace = true })
    assert.equal(other:hash(), assert(rise.keystore.open { path = path, passphrase = passphrase }):hash())
    assert.equal("rw-------", mode(path))
    for name in lfs.dir(folder) do assert.is_true(name == "." or name == ".." or name == "key", name) end
  end)

  it("derives in a task while the loop goes on", function()
    local key, passphrase = key_of "p256", secrets.passphrase()
    local text
    local task = rise.spawn(function() text = assert(rise.keystore.seal { key = key, passphrase = passphrase }) end)
    local steps = 0
    while not text and not task.done do
      rise.step(0)
      steps = steps + 1
    end
    -- Had a step waited for it there would have been two or three.
    assert.is_true(steps > 20, steps)
    local opened
    task = rise.spawn(function() opened = assert(rise.keystore.open { text = text, passphrase = passphrase }) end)
    task:wait()
    assert.equal(key:hash(), opened:hash())
  end)

  it("given up by a canceled task leaves nothing behind that hangs", function()
    local text = assert(keystore.seal { key = key_of "p256", passphrase = "x" })
    local key, err
    local task = rise.spawn(function() key, err = rise.keystore.open { text = text, passphrase = "x" } end)
    rise.step(0)
    task:cancel()
    task:wait()
    assert.is_nil(key)
    assert.equal("canceled", err.code)
    rise.run()
  end)

  it("killed while it is written is the old one or the new one", function()
    local host = require "rise.host"
    local passphrase, path = secrets.passphrase(), folder .. "/key"
    local keys, texts = { key_of "p256", key_of "secp256k1" }, {}
    for i, key in ipairs(keys) do
      texts[i] = assert(rise.keystore.seal { key = key, passphrase = passphrase, cost = "light" }) .. "\n"
      write(folder .. "/text" .. i, texts[i])
    end
    write(path, texts[1])
    for _ = 1, 25 do
      local process = assert(host.spawn { lua.program, "spec/keystore/writer.lua", path, folder .. "/text1",
        folder .. "/text2", env = { LUA_PATH = package.path, LUA_CPATH = package.cpath, LD_PRELOAD = false },
        stdout = "pipe" })
      while not (process:read() or ""):find "writing" do rise.step(0.001) end
      rise.sleep(math.random() * 0.01)
      process:kill("KILL")
      assert.equal(128 + 9, process:wait(60))
      process:close()
      local text = read(path)
      assert.is_true(text == texts[1] or text == texts[2])
    end
    assert(rise.keystore.open { path = path, passphrase = passphrase })
  end)
end)

describe("a passphrase", function()
  it("comes from a file, a descriptor or the environment, from which it is taken", function()
    local path = os.tmpname()
    write(path, "one line\r\nanother\n")
    local key = assert(rise.key.generate())
    local text = assert(rise.keystore.seal { key = key, passphrase = "one line", cost = "light" })
    assert(rise.keystore.open { text = text, passphrase = { file = path } })
    local passphrase = assert(rise.passphrase { file = path })
    assert.equal("rise.passphrase", tostring(passphrase))
    assert(rise.keystore.open { text = text, passphrase = passphrase })
    assert(rise.keystore.open { text = text, passphrase = passphrase })
    passphrase:close()
    passphrase:close()
    assert.has_error(function() rise.keystore.open { text = text, passphrase = passphrase } end)
    os.remove(path)
    assert.equal("io", select(2, rise.passphrase { file = path }).code)
    assert.equal("invalid_value", select(2, rise.passphrase { env = "RISE_NO_SUCH_VARIABLE" }).code)
    assert.has_error(function() rise.passphrase {} end, "rise.passphrase: one of prompt, env, file and fd expected")
    assert.has_error(function() rise.keystore.open { text = text, passphrase = 5 } end)
  end)
end)

describe("a store with encrypted keys", function()
  for _, kind in ipairs { "file", "sqlite" } do
    describe("in " .. kind, function()
      local folder, path, passphrase
      before_each(function()
        folder = os.tmpname()
        os.remove(folder)
        path, passphrase = folder .. "/sub/sessions", secrets.passphrase()
      end)
      after_each(function() os.execute("rm -rf '" .. folder .. "'") end)

      local function open(options)
        local settings = { path = path, keys = "encrypted", passphrase = passphrase, cost = "light" }
        for name, value in pairs(options or {}) do settings[name] = value or nil end
        return rise.store[kind](settings)
      end

      -- Everything in the store's files, and what their modes are.
      local function on_disk()
        local all = {}
        for name in lfs.dir(folder .. "/sub") do
          local file = folder .. "/sub/" .. name
          if lfs.attributes(file, "mode") == "file" then
            assert.equal("rw-------", mode(file), file)
            all[#all + 1] = read(file)
          end
        end
        assert.equal("rwx------", mode(folder .. "/sub"))
        return table.concat(all)
      end

      local function holds(text, key)
        local secret = core.hex(key:export()):sub(3)
        return text:find(secret, 1, true) ~= nil or text:find(secret:upper(), 1, true) ~= nil
          or text:find(key:export(), 1, true) ~= nil
      end

      it("gives them again to whoever has the passphrase, and to nobody else", function()
        local store = assert(open())
        local key = key_of "p256"
        assert(store:put { id = "0x01", public_key = core.hex(key:public()), sealed = core.hex(store.vault:wrap(key)) })
        assert.is_false(holds(on_disk(), key))
        store:close()
        local other, err = open { passphrase = "not that" }
        assert.is_nil(other)
        assert.equal("wrong_passphrase", err.code)
        other = assert(open { keys = "none", passphrase = false, cost = false })
        assert.is_nil(other.vault)
        other:close()
        store = assert(open())
        local record = store:get "0x01"
        local opened = assert(store.vault:unwrap(core.unhex(record.sealed), core.unhex(record.public_key)))
        assert.equal(key:hash(), opened:hash())
        store:close()
        assert.is_nil(store.vault)
      end)

      it("is opened by two at a time with the same key of its own", function()
        local stores, tasks = {}, {}
        for i = 1, 2 do tasks[i] = rise.spawn(function() stores[i] = assert(open()) end) end
        for _, task in ipairs(tasks) do assert.is_nil(select(2, task:wait())) end
        local key = key_of "p256"
        assert(stores[2].vault:unwrap(assert(stores[1].vault:wrap(key)), key:public()))
        for _, store in ipairs(stores) do store:close() end
      end)

      it("encrypts what was there in plain text", function()
        local store = assert(open { keys = "plaintext", passphrase = false, cost = false })
        local key = key_of "p256"
        assert(store:put { id = "0x01", state = "active", public_key = core.hex(key:public()),
          secret = core.hex(key:export()) })
        store:close()
        assert.is_true(holds(on_disk(), key))
        store = assert(open())
        local record = store:get "0x01"
        assert.is_nil(record.secret)
        assert(store.vault:unwrap(core.unhex(record.sealed), key:public()))
        store:close()
        assert.is_false(holds(on_disk(), key))
      end)

      it("wants a passphrase, and only then", function()
        assert.has_error(function() open { passphrase = false } end,
          "store." .. kind .. ": keys = \"encrypted\" and a passphrase go together")
        assert.has_error(function() open { keys = "none" } end)
      end)
    end)
  end
end)

describe("a program's secrets", function()
  -- Where the secrets are in the memory of a process that has been stopped, all of it that can be written.
  local function found_in(pid, needles)
    local found = {}
    local memory = assert(io.open("/proc/" .. pid .. "/mem", "rb"))
    memory:setvbuf("no")
    for line in io.lines("/proc/" .. pid .. "/maps") do
      local first, last, rights = line:match "^(%x+)%-(%x+) (%S+)"
      if rights:find "^rw" then
        local at, ends = tonumber(first, 16), tonumber(last, 16)
        local tail = ""
        while at < ends do
          local size = math.min(1048576, ends - at)
          local chunk = memory:seek("set", at) and memory:read(size)
          if not chunk then break end -- guard pages
          at, chunk = at + #chunk, tail .. chunk
          for name, needle in pairs(needles) do
            if chunk:find(needle, 1, true) then found[name] = line end
          end
          tail = chunk:sub(-128)
        end
      end
    end
    memory:close()
    return found
  end

  it("are neither in its environment nor on its command line, and once closed nowhere in its memory", function()
    if not io.open("/proc/self/maps") then return pending("no /proc here") end
    local host = require "rise.host"
    local folder = os.tmpname()
    os.remove(folder)
    assert(core.make_dir(folder))
    local passphrase, needles = secrets.passphrase(), {}
    local function watch(name, key)
      local bytes = key:export()
      -- In parts: what was given back is soon written over at its beginning.
      for part = 1, 3 do
        local piece = bytes:sub(10 * part - 8, 10 * part + 1)
        needles[name .. " " .. part] = piece
        needles[name .. " " .. part .. ", reversed"] = piece:reverse()
        needles[name .. " " .. part .. " as hex"] = core.hex(piece):sub(3)
      end
    end
    for name, kind in pairs { p256 = "p256", secp256k1 = "secp256k1", slow = "p256" } do
      local key = key_of(kind)
      watch(name, key)
      assert(rise.keystore.save { path = folder .. "/" .. name, key = key, passphrase = passphrase,
        cost = name ~= "slow" and "light" or nil })
    end
    local store = assert(rise.store.file { path = folder .. "/store", keys = "encrypted", passphrase = passphrase,
      cost = "light" })
    local key = key_of "p256"
    watch("session", key)
    assert(store:put { id = "0x01", public_key = core.hex(key:public()), sealed = core.hex(store.vault:wrap(key)) })
    store:close()
    needles.passphrase = passphrase

    local process = assert(host.spawn { lua.program, "spec/keystore/holder.lua", folder, stdout = "pipe",
      env = { LUA_PATH = package.path, LUA_CPATH = package.cpath, LD_PRELOAD = false,
        HOLDER_PASSPHRASE = passphrase } })
    local pid, said = process:pid(), ""
    local function at(n)
      while not said:find("at " .. n .. "\n", 1, true) do
        local text = process:read()
        if text == nil then error("the program ended: " .. said) end
        said = said .. text
        rise.step(0.002)
      end
    end
    local function go(n) write(folder .. "/go" .. n, "") end
    local function shown()
      return read("/proc/" .. pid .. "/environ") .. read("/proc/" .. pid .. "/cmdline")
        .. shell("ps -ww -o args= -p " .. pid)
    end
    at(1)
    assert.truthy(shown():find(passphrase, 1, true)) -- so it would be seen
    go(1)
    at(2)
    assert.is_nil(shown():find(passphrase, 1, true))
    go(2)
    at(3)
    os.execute("kill -STOP " .. pid)
    local held = found_in(pid, needles)
    for part = 1, 3 do
      for _, name in ipairs { "p256", "secp256k1", "slow", "session" } do
        assert.truthy(held[name .. " " .. part], name)
      end
    end
    assert.truthy(held.passphrase)
    os.execute("kill -CONT " .. pid)
    go(3)
    at(4)
    assert.is_nil(shown():find(passphrase, 1, true))
    os.execute("kill -STOP " .. pid)
    local left = found_in(pid, needles)
    os.execute("kill -CONT " .. pid)
    go(4)
    assert.equal(0, process:wait(60))
    process:close()
    os.execute("rm -rf '" .. folder .. "'")
    assert.same({}, left)
    assert.is_nil(said:find(passphrase, 1, true))
  end)
end)
