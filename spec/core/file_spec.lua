local core = require "rise.core"
local lfs = require "lfs"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read("*a")
  file:close()
  return bytes
end

describe("core files", function()
  local folder

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(core.make_dir(folder))
  end)

  after_each(function()
    os.execute("rm -r '" .. folder .. "'")
  end)

  local function entries()
    local names = {}
    for name in lfs.dir(folder) do
      if name ~= "." and name ~= ".." then names[#names + 1] = name end
    end
    table.sort(names)
    return names
  end

  it("are written whole and for the owner alone", function()
    local path = folder .. "/key"
    assert.is_true(core.write_file(path, "a\0b"))
    assert.equal("a\0b", read(path))
    assert.equal("rw-------", lfs.attributes(path, "permissions"))
    assert.same({ "key" }, entries())
  end)

  it("are replaced, whatever mode they had", function()
    local path = folder .. "/key"
    local file = assert(io.open(path, "wb"))
    file:write "a longer text that was there before"
    file:close()
    assert.is_true(core.write_file(path, "new"))
    assert.equal("new", read(path))
    assert.equal("rw-------", lfs.attributes(path, "permissions"))
  end)

  it("stay as they were when they cannot be replaced, and no temporary file is left", function()
    assert(core.make_dir(folder .. "/taken/inside"))
    local ok, err = core.write_file(folder .. "/taken", "x")
    assert.is_nil(ok)
    assert.equal("io", err.code)
    assert.same({ "taken" }, entries())
  end)

  it("cannot be written where there is no folder", function()
    local ok, err = core.write_file(folder .. "/none/key", "x")
    assert.is_nil(ok)
    assert.equal("io", err.code)
    assert.truthy(err.message:find("/none/key: No such file or directory", 1, true))
  end)

  it("raise for a path that carries a NUL", function()
    assert.has_error(function() core.write_file("/tmp/a\0b", "x") end)
    assert.has_error(function() core.write_file("/tmp/a") end)
    assert.has_error(function() core.make_dir("/tmp/a\0b") end)
  end)

  it("live in folders that are made with all above them", function()
    assert.is_true(core.make_dir(folder .. "/a/b/c"))
    assert.is_true(core.make_dir(folder .. "/a/b/c"))
    assert.equal("rwx------", lfs.attributes(folder .. "/a/b/c", "permissions"))
    assert.equal("rwx------", lfs.attributes(folder .. "/a", "permissions"))
  end)

  it("cannot be used as folders", function()
    assert(core.write_file(folder .. "/file", ""))
    for _, path in ipairs { "/file", "/file/below" } do
      local ok, err = core.make_dir(folder .. path)
      assert.is_nil(ok)
      assert.equal("io", err.code)
    end
  end)
end)
