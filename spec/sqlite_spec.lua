local sqlite = require "rise.sqlite"

describe("sqlite", function()
  local path, db
  before_each(function()
    path = os.tmpname()
    db = assert(sqlite.open(path))
    assert(db:exec("CREATE TABLE t (a, b); CREATE UNIQUE INDEX t_a ON t (a);"))
  end)
  after_each(function()
    db:close()
    os.remove(path)
  end)

  local function rows(sql, ...)
    local statement, list = assert(assert(db:prepare(sql)):bind(...)), {}
    while true do
      local row = statement:step()
      if not row then return list end
      list[#list + 1] = row
    end
  end

  it("takes values through parameters, whatever is in them", function()
    local nasty = "'); DROP TABLE t; --\0\255"
    rows("INSERT INTO t VALUES (?, ?)", nasty, 1)
    rows("INSERT INTO t VALUES (?, ?)", 2, nil)
    rows("INSERT INTO t VALUES (?, ?)", 1.5, true)
    rows("INSERT INTO t VALUES (?, ?)", 9007199254740992, "")
    assert.same({ { a = nasty, b = 1 }, { a = 2 }, { a = 1.5, b = 1 }, { a = 9007199254740992, b = "" } },
      rows("SELECT * FROM t ORDER BY rowid"))
    assert.same({ { b = 1 } }, rows("SELECT b FROM t WHERE a = ?", nasty))
  end)

  it("says what failed, and why", function()
    rows("INSERT INTO t VALUES (?, ?)", 1, 1)
    local ok, err = assert(db:prepare("INSERT INTO t VALUES (?, ?)")):bind(1, 2):step()
    assert.is_nil(ok)
    assert.same({ "store", "constraint" }, { err.code, err.reason })
    local statement
    statement, err = db:prepare("SELECT nosuch")
    assert.is_nil(statement)
    assert.matches("no such column", err.message)
    assert.same({ "store", "other" }, { err.code, err.reason })
  end)

  it("tells that another writes", function()
    local other = assert(sqlite.open(path, 0))
    assert(db:exec("BEGIN IMMEDIATE"))
    local ok, err = other:exec("BEGIN IMMEDIATE")
    assert.is_nil(ok)
    assert.equal("busy", err.reason)
    assert(db:exec("COMMIT"))
    assert(other:exec("BEGIN IMMEDIATE"))
    other:close()
  end)

  it("keeps the locks of an open database when it is opened once more", function()
    local inode = assert(io.popen("stat -c %i '" .. path .. "'")):read("*l")
    local function locks()
      local file, count = assert(io.open("/proc/locks")), 0
      for line in file:lines() do
        if line:find("POSIX", 1, true) and line:find(":" .. inode .. " ", 1, true) then count = count + 1 end
      end
      file:close()
      return count
    end
    assert(db:exec("BEGIN IMMEDIATE"))
    local held = locks()
    assert.is_true(held > 0)
    assert(sqlite.open(path)):close()
    assert.equal(held, locks())
    assert(db:exec("COMMIT"))
  end)

  it("waits for a lock as long as it is told", function()
    local held, other = assert(sqlite.lockfile(path .. "-locks")), assert(sqlite.lockfile(path .. "-locks"))
    assert.is_true(held:lock(0))
    assert.is_false(other:lock(0))
    assert.is_false(other:lock(0, 0.01))
    assert.is_true(other:lock(1, 600))
    held:unlock(0)
    assert.is_true(other:lock(0, 600))
    assert.has_error(function() other:lock(0, -1) end)
    assert.has_error(function() other:lock(0, 0 / 0) end)
    held:close()
    other:close()
    os.remove(path .. "-locks")
  end)

  it("counts what changed", function()
    for i = 1, 3 do rows("INSERT INTO t VALUES (?, 0)", i) end
    assert.equal(3, db:last_id())
    rows("UPDATE t SET b = 1 WHERE a > ?", 1)
    assert.equal(2, db:changes())
  end)

  it("raises for a caller's mistakes", function()
    local statement = assert(db:prepare("SELECT ?"))
    for _, wrong in ipairs {
      function() statement:bind() end, function() statement:bind(1, 2) end, function() statement:bind({}) end,
      function() db:prepare("SELECT 1; SELECT 2") end, function() db:prepare("") end, function() db:exec("a\0b") end,
      function() sqlite.open("a\0b") end, function() sqlite.open(path, -1) end,
    } do
      assert.has_error(wrong)
    end
  end)

  it("refuses what is closed, in any order", function()
    local statement = assert(db:prepare("SELECT 1 AS one"))
    local other = assert(db:prepare("SELECT 2 AS two"))
    statement:close()
    statement:close()
    assert.has_error(function() statement:step() end)
    db:close()
    db:close()
    assert.has_error(function() other:step() end)
    assert.has_error(function() db:exec("SELECT 1") end)
    other:close()
  end)

  it("holds numbered locks that nobody else gets", function()
    local locks = path .. "-locks"
    local mine, other = assert(sqlite.lockfile(locks)), assert(sqlite.lockfile(locks))
    assert.is_true(mine:lock(1))
    assert.is_false(other:lock(1))
    assert.is_true(other:lock(2))
    mine:unlock(1)
    assert.is_true(other:lock(1))
    other:close()
    assert.is_true(mine:lock(1))
    assert.is_true(mine:lock(2))
    assert.has_error(function() other:lock(1) end)
    mine:close()
    os.remove(locks)
  end)
end)
