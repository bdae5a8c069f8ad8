local core = require "rise.core"
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

describe("store", function()
  for _, kind in ipairs { "memory", "file" } do
    describe(kind, function()
      local path, kept
      before_each(function()
        path = temporary()
        kept = kind == "memory" and store.memory() or assert(store.file { path = path .. "/sessions.json" })
      end)
      after_each(function() os.execute("rm -rf '" .. path .. "'") end)

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
