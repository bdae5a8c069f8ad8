local core = require "rise.core"
local lua = require "support.lua"
local store = require "rise.store"

local function temporary()
  local path = os.tmpname()
  os.remove(path)
  return path
end

local function shell(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("*a")
  pipe:close()
  return (text:gsub("%s+$", ""))
end

-- The nonce sequence number n, and a bundle in the first.
local function sequence(n) return string.format("0x%048x", n) end

local function bundle(i, options)
  local entry = {
    id = string.format("0x%02x", i), account = "0xac", chain_id = 1, nonce = i, ttl = 1700000000,
    payload = { context_text = '{"a":[]}', signature = "0x02" },
    calls = { { to = "0x03", value = "0x0", data = "0x" } }, actions = { { calls = 1, label = "first" } },
  }
  for name, value in pairs(options or {}) do entry[name] = value end
  entry.nonce = sequence(1) .. string.format("%016x", entry.nonce)
  return entry
end

describe("store", function()
  for _, kind in ipairs { "memory", "file", "sqlite" } do
    describe(kind, function()
      local path, kept
      before_each(function()
        path = temporary()
        if kind == "memory" then
          kept = store.memory()
        else
          kept = assert(store[kind] { path = path .. "/sessions" })
        end
      end)
      after_each(function()
        kept:close()
        os.execute("rm -rf '" .. path .. "'")
      end)

      it("keeps records apart from what the caller goes on changing", function()
        local record = { id = "0x01", state = "new", list = { 1 } }
        assert(kept:put(record))
        record.state, record.list[1] = "changed", 2
        assert.same({ id = "0x01", state = "new", list = { 1 } }, kept:get "0x01")
        kept:get("0x01").state = "changed"
        assert.equal("new", kept:get("0x01").state)
      end)

      it("lists the oldest first and forgets what is deleted", function()
        for i, id in ipairs { "0x0b", "0x0a", "0x0c" } do assert(kept:put { id = id, created = i }) end
        assert(kept:delete "0x0a")
        local ids = {}
        for _, record in ipairs(kept:list()) do ids[#ids + 1] = record.id end
        assert.same({ "0x0b", "0x0c" }, ids)
        assert.is_nil(kept:get "0x0a")
      end)

      it("lets nobody undo a revocation", function()
        assert(kept:put { id = "0x01", state = "revoking" })
        assert.equal("revoked", select(2, kept:put { id = "0x01", state = "active" }).code)
        assert(kept:put { id = "0x01", state = "revoked" })
        assert.equal("revoked", kept:get("0x01").state)
      end)

      it("keeps accounts that are not on the chain yet, by chain", function()
        local record = { address = "0x0a", chain_id = 1, authorization = { chainId = 0, nonce = 7 }, pre_call = "0x01" }
        assert(kept:put_account(record))
        record.authorization.nonce = 8
        assert.equal(7, kept:account(1, "0x0a").authorization.nonce)
        assert.is_nil(kept:account(2, "0x0a"))
        assert.is_nil(kept:account(1, "0x0b"))
        if kind ~= "memory" then
          assert.equal("0x01", assert(store[kind] { path = path .. "/sessions" }):account(1, "0x0a").pre_call)
        end
        assert(kept:put_account(record))
        assert.equal(8, kept:account(1, "0x0a").authorization.nonce)
        assert(kept:drop_account(1, "0x0a"))
        assert.is_nil(kept:account(1, "0x0a"))
      end)

      describe("its journal", function()
        it("takes another payload for a bundle as long as it is not final", function()
          assert(kept:begin(bundle(1)))
          assert(kept:amend(bundle(1).id, { transactions = { "0x01", "0x02" } }))
          assert.same({ "0x01", "0x02" }, kept:bundle(bundle(1).id).payload.transactions)
          assert.equal("sending", kept:bundle(bundle(1).id).state)
          assert(kept:finish(bundle(1).id, "done", {}))
          assert(kept:amend(bundle(1).id, { transactions = { "0x03" } }))
          assert.is_nil(kept:bundle(bundle(1).id).payload)
        end)

        it("keeps a bundle from before it is sent until it is final", function()
          assert(kept:begin(bundle(1)))
          local entry = kept:bundle "0x01"
          assert.equal("sending", entry.state)
          assert.same({ context_text = '{"a":[]}', signature = "0x02" }, entry.payload)
          assert.same({ { to = "0x03", value = "0x0", data = "0x" } }, entry.calls)
          assert.same({ { calls = 1, label = "first" } }, entry.actions)
          assert.equal(1700000000, entry.ttl)
          assert(kept:mark("0x01", "accepted"))
          assert.equal("accepted", kept:bundle("0x01").state)
          assert(kept:finish("0x01", "done", { incremented = true, transaction_hash = "0x04" }))
          entry = kept:bundle "0x01"
          assert.equal("done", entry.state)
          assert.equal("0x04", entry.outcome.transaction_hash)
          assert.is_nil(entry.payload)
          assert(kept:mark("0x01", "accepted"))
          assert.equal("done", kept:bundle("0x01").state)
        end)

        it("lists bundles in the order they began, and the unfinished alone", function()
          for i = 1, 3 do assert(kept:begin(bundle(i, { session = i == 2 and "0xaa" or "0xbb" }))) end
          assert(kept:finish("0x01", "failed"))
          local function ids(filter)
            local list = {}
            for _, entry in ipairs(kept:bundles(filter)) do list[#list + 1] = entry.id end
            return table.concat(list, " ")
          end
          assert.equal("0x01 0x02 0x03", ids())
          assert.equal("0x02 0x03", ids { unfinished = true })
          assert.equal("0x02", ids { session = "0xaa" })
          assert.equal("", ids { chain_id = 5 })
        end)

        it("gives a nonce to one bundle only, until that has failed", function()
          assert(kept:begin(bundle(1)))
          assert.equal("nonce", select(2, kept:begin(bundle(2, { nonce = 1 }))).code)
          assert.equal("nonce", select(2, kept:begin(bundle(1))).code)
          assert(kept:begin(bundle(3, { nonce = 1, account = "0xcc" })))
          assert(kept:finish("0x01", "failed"))
          assert(kept:begin(bundle(2, { nonce = 1 })))
          assert(kept:finish("0x02", "reverted", { incremented = false }))
          assert(kept:begin(bundle(1))) -- the same quote again
          assert(kept:finish("0x01", "done", { incremented = true }))
          assert.equal("nonce", select(2, kept:begin(bundle(4, { nonce = 1 }))).code)
        end)

        it("lets one at a time work on a bundle", function()
          assert(kept:begin(bundle(1)))
          assert.is_false(kept:claim "0x01")
          assert(kept:release "0x01")
          assert.equal("0x01", kept:claim("0x01").id)
          assert.is_false(kept:claim "0x01")
          assert(kept:finish("0x01", "done"))
          assert.is_false(kept:claim "0x01")
          assert.is_false(kept:claim "0x02")
        end)

        it("raises for a state that is none", function()
          assert.has_error(function() kept:finish("0x01", "sending") end)
          assert.has_error(function() kept:mark("0x01", "done") end)
        end)
      end)

      describe("its lanes", function()
        local function take(fresh, account)
          return assert(kept:take_lane { chain_id = 1, account = account or "0xac", fresh = sequence(fresh) })
        end

        it("are used by one at a time and again later, counted on by what lands", function()
          local first = take(1)
          assert.same({ sequence(1), 0 }, { first.sequence, first.number })
          assert.equal(sequence(2), take(2).sequence)
          assert.equal(sequence(3), take(3, "0xcc").sequence)
          assert(kept:begin(bundle(1, { nonce = 0 })))
          assert(kept:finish("0x01", "done", { incremented = true }))
          assert(kept:begin(bundle(2, { nonce = 1 })))
          assert(kept:finish("0x02", "failed"))
          assert(kept:give_lane(first))
          local again = take(4)
          assert.same({ sequence(1), 1 }, { again.sequence, again.number })
        end)

        it("wait while a bundle on them is unfinished, and are forgotten when nobody knows its end", function()
          local lane = take(1)
          assert(kept:begin(bundle(1, { nonce = 0 })))
          assert(kept:give_lane(lane))
          assert.equal(sequence(2), take(2).sequence)
          assert(kept:finish("0x01", "unknown"))
          assert.equal(sequence(3), take(3).sequence)
        end)

        it("are forgotten when dropped", function()
          local lane = take(1)
          assert(kept:drop_lane(lane))
          assert.equal(sequence(2), take(2).sequence)
        end)
      end)
    end)
  end

  it("is read back from its file, which only the owner may read", function()
    local folder = temporary()
    local path = folder .. "/deep/sessions.json"
    local first = assert(store.file { path = path })
    assert(first:put { id = "0x01", permissions = { { type = "call", to = "0x02" } } })
    local second = assert(store.file { path = path })
    assert.same({ { type = "call", to = "0x02" } }, second:get("0x01").permissions)
    assert.equal("600", shell("stat -c %a '" .. path .. "'"))
    assert.equal("700", shell("stat -c %a '" .. folder .. "'"))
    assert.equal("sessions.json", shell("ls -A '" .. folder .. "/deep'"))
    os.execute("rm -rf '" .. folder .. "'")
  end)

  it("says what is wrong with a file that it did not write", function()
    for content, word in pairs {
      ["nonsense"] = "damaged", ["{}"] = "damaged", ['{"format":2,"sessions":[]}'] = "format 2",
      ['{"format":1,"sessions":[{}]}'] = "sessions%[1%]",
    } do
      local path = temporary()
      assert(core.write_file(path, content))
      local opened, err = store.file { path = path }
      assert.is_nil(opened)
      assert.equal("store", err.code)
      assert.matches(word, err.message)
      os.remove(path)
    end
  end)

  it("in SQLite is the owner's alone, and takes up what another process left", function()
    local folder = temporary()
    local options = { path = folder .. "/deep/rise.db" }
    local first = assert(store.sqlite(options))
    assert.equal("600 600 600 600", shell("stat -c %a '" .. folder .. "'/deep/* | paste -sd ' '"))
    assert.equal("700", shell("stat -c %a '" .. folder .. "/deep'"))
    assert(first:put { id = "0x01", permissions = { { type = "call", to = "0x02" } } })
    assert(first:begin(bundle(1)))
    assert(first:take_lane { chain_id = 1, account = "0xac", fresh = sequence(7) })

    local second = assert(store.sqlite(options))
    assert.same({ { type = "call", to = "0x02" } }, second:get("0x01").permissions)
    assert.equal("sending", second:bundle("0x01").state)
    assert.is_false(second:claim "0x01") -- the first still lives
    assert.equal("nonce", select(2, second:begin(bundle(2, { nonce = 1 }))).code)
    assert.equal(sequence(8), second:take_lane({ chain_id = 1, account = "0xac", fresh = sequence(8) }).sequence)
    first:close()
    assert.equal("0x01", second:claim("0x01").id)
    assert.equal(sequence(7), second:take_lane({ chain_id = 1, account = "0xac", fresh = sequence(9) }).sequence)
    second:close()
    os.execute("rm -rf '" .. folder .. "'")
  end)

  it("in SQLite lets eight processes write at a time, and loses nothing", function()
    local folder = temporary()
    local script = [[
      local core, store = require "rise.core", require "rise.store"
      local kept = assert(store.sqlite { path = arg[1], busy_timeout = 60 })
      local lane = assert(kept:take_lane { chain_id = 1, account = "0xac", fresh = core.hex(core.random(24)) })
      for i = 0, 9 do
        local id = core.hex(core.random(32))
        assert(kept:begin { id = id, account = "0xac", chain_id = 1, payload = {},
          nonce = lane.sequence .. string.format("%016x", lane.number + i) })
        assert(kept:finish(id, "done", { incremented = true }))
      end
    ]]
    assert(core.make_dir(folder))
    assert(core.write_file(folder .. "/worker.lua", script))
    local command = string.format("LUA_PATH=%q LUA_CPATH=%q %s %s/worker.lua %s/rise.db 2>&1", package.path,
      package.cpath, lua.program, folder, folder)
    local workers = {}
    for i = 1, 8 do workers[i] = assert(io.popen(command)) end
    for _, worker in ipairs(workers) do
      assert.equal("", worker:read("*a"))
      worker:close()
    end
    local kept = assert(store.sqlite { path = folder .. "/rise.db" })
    assert.equal(80, #kept:bundles())
    local numbers = 0
    for _ = 1, 8 do
      numbers = numbers + kept:take_lane({ chain_id = 1, account = "0xac", fresh = core.hex(core.random(24)) }).number
    end
    assert.equal(80, numbers)
    kept:close()
    os.execute("rm -rf '" .. folder .. "'")
  end)

  it("in SQLite can be made by eight processes in the same moment", function()
    local folder = temporary()
    assert(core.make_dir(folder))
    local script = [[
      local core, store = require "rise.core", require "rise.store"
      for round = 1, 25 do
        while core.now() < tonumber(arg[3]) + round * 0.05 do end -- all at once
        local kept = assert(store.sqlite { path = arg[1] .. "/" .. round, busy_timeout = 60 })
        assert(kept:put { id = arg[2] })
        kept:close()
      end
    ]]
    assert(core.write_file(folder .. "/worker.lua", script))
    local workers = {}
    for i = 1, 8 do
      workers[i] = assert(io.popen(string.format("LUA_PATH=%q LUA_CPATH=%q %s %s/worker.lua %s %d %f 2>&1",
        package.path, package.cpath, lua.program, folder, folder, i, core.now() + 0.2)))
    end
    for _, worker in ipairs(workers) do
      assert.equal("", worker:read("*a"))
      worker:close()
    end
    for round = 1, 25 do
      local kept = assert(store.sqlite { path = folder .. "/" .. round })
      assert.equal(8, #kept:list())
      kept:close()
    end
    os.execute("rm -rf '" .. folder .. "'")
  end)

  it("in SQLite reads a database that was written before accounts were kept", function()
    local path = temporary() .. "/rise.db"
    assert(store.sqlite { path = path }):close()
    local sqlite = require "rise.sqlite"
    local db = assert(sqlite.open(path))
    assert(db:exec "DROP TABLE accounts")
    db:close()
    local kept = assert(store.sqlite { path = path })
    assert(kept:put_account { address = "0x0a", chain_id = 1 })
    assert.equal("0x0a", kept:account(1, "0x0a").address)
    kept:close()
    os.execute("rm -rf '" .. path:match "^(.*)/" .. "'")
  end)

  it("in SQLite says what is wrong with a file that it did not write", function()
    local folder = temporary()
    assert(core.make_dir(folder))
    assert(core.write_file(folder .. "/a", ("nonsense "):rep(1000)))
    assert(core.write_file(folder .. "/b", ""))
    local sqlite = require "rise.sqlite"
    assert(assert(sqlite.open(folder .. "/c")):exec("CREATE TABLE t (x); "))
    assert(assert(sqlite.open(folder .. "/d")):exec("PRAGMA user_version = 7"))
    assert(store.sqlite { path = folder .. "/b" }) -- an empty file is an empty database
    for name, word in pairs { a = "not a database", c = "another program", d = "format 7" } do
      local opened, err = store.sqlite { path = folder .. "/" .. name }
      assert.is_nil(opened)
      assert.equal("store", err.code)
      assert.matches(word, err.message)
    end
    local opened, err = store.sqlite { path = folder .. "/a/b" }
    assert.is_nil(opened)
    assert.equal("store", err.code)
    os.execute("rm -rf '" .. folder .. "'")
  end)

  it("in SQLite forgets the oldest finished bundles", function()
    local folder = temporary()
    local kept = assert(store.sqlite { path = folder .. "/rise.db", kept = 5 })
    assert(kept.db:exec("PRAGMA synchronous = OFF"))
    for i = 1, 500 do
      assert(kept:begin(bundle(i)))
      if i > 1 then assert(kept:finish(string.format("0x%02x", i), "done")) end
    end
    assert(kept:finish("0x01", "done"))
    local list = kept:bundles()
    assert.equal(5, #list)
    assert.equal("0x1f4", list[5].id)
    kept:close()
    os.execute("rm -rf '" .. folder .. "'")
  end)

  it("in memory forgets the oldest finished bundles", function()
    local kept = store.memory()
    for i = 1, 2500 do
      assert(kept:begin(bundle(i)))
      if i > 1 then assert(kept:finish(string.format("0x%02x", i), "done")) end
    end
    local list = kept:bundles()
    assert.is_true(#list <= 2001)
    assert.equal("0x01", list[1].id)
    assert.equal("0x9c4", list[#list].id)
  end)

  it("keeps the journal in its file", function()
    local path = temporary()
    local first = assert(store.file { path = path })
    local lane = assert(first:take_lane { chain_id = 1, account = "0xac", fresh = sequence(1) })
    assert(first:begin(bundle(1, { nonce = 0 })))
    assert(first:finish("0x01", "done"))
    assert(first:begin(bundle(2, { nonce = 1 })))
    local second = assert(store.file { path = path })
    assert.equal("0x02", second:bundles({ unfinished = true })[1].id)
    assert.equal("nonce", select(2, second:begin(bundle(3, { nonce = 1 }))).code)
    assert.equal("0x02", second:claim("0x02").id)
    assert(second:finish("0x02", "done"))
    local again = assert(second:take_lane { chain_id = 1, account = "0xac", fresh = sequence(2) })
    assert.same({ lane.sequence, 2 }, { again.sequence, again.number })
    os.remove(path)
  end)

  it("keeps the old record when the disk refuses the new one", function()
    local folder = temporary()
    local kept = assert(store.file { path = folder .. "/sessions.json" })
    assert(kept:put { id = "0x01", state = "old" })
    os.execute("rm -rf '" .. folder .. "'")
    local saved, err = kept:put { id = "0x01", state = "new" }
    assert.is_nil(saved)
    assert.equal("store", err.code)
    assert.equal("old", kept:get("0x01").state)
  end)

  it("wants the explicit word before it keeps keys in the clear", function()
    assert.is_false(assert(store.file { path = temporary() }).plaintext_keys)
    assert.is_true(assert(store.file { path = temporary(), keys = "plaintext" }).plaintext_keys)
    assert.has_error(function() store.file { path = temporary(), keys = "yes" } end)
  end)
end)
