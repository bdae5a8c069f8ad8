-- The rooms of the house and the one direction between them; that every file is in every list; one version.
local lfs = require "lfs"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- The files below a folder that end in `suffix`, sorted.
local function files(folder, suffix, found)
  found = found or {}
  for name in lfs.dir(folder) do
    local path = folder .. "/" .. name
    if name ~= "." and name ~= ".." then
      if lfs.attributes(path, "mode") == "directory" then
        files(path, suffix, found)
      elseif name:sub(-#suffix) == suffix then
        found[#found + 1] = path
      end
    end
  end
  table.sort(found)
  return found
end

-- The C files that make up rise: not the tests, nor the programs that wrote a table into the tree.
local function c_files()
  local found = {}
  for _, path in ipairs(files("csrc", ".c")) do
    if not path:find("^csrc/tests/") and not path:find("/gen_[%w_]+%.c$") then
      found[#found + 1] = path
    end
  end
  return found
end

local function matching(list, pattern)
  local found = {}
  for _, item in ipairs(list) do
    if item:find(pattern) then
      found[#found + 1] = item
    end
  end
  return found
end

local function set(...)
  local made = {}
  for _, list in ipairs { ... } do
    for _, item in ipairs(list) do
      made[item] = true
    end
  end
  return made
end

-- Items of the set `a` that are not in `b`, sorted.
local function beyond(a, b)
  local found = {}
  for item in pairs(a) do
    if not b[item] then
      found[#found + 1] = item
    end
  end
  table.sort(found)
  return found
end

-- "lua/rise/cli/init.lua" -> "rise.cli"
local function module_name(path)
  return (path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", "."))
end

describe("the C files", function()
  local sources = {}
  for _, suffix in ipairs { ".c", ".h" } do
    for _, path in ipairs(files("csrc", suffix)) do
      sources[path] = read(path)
    end
  end

  -- Every #include, as "file includes header", that `header` (a pattern) matches outside of `rooms`.
  local function strays(header, rooms)
    local found = {}
    for path, text in pairs(sources) do
      local allowed = false
      for _, room in ipairs(rooms) do
        allowed = allowed or path:find(room) ~= nil
      end
      for name in text:gmatch("#%s*include%s*[<\"]([^>\"]+)[>\"]") do
        if not allowed and ("/" .. name):find(header) then
          found[#found + 1] = path .. " includes " .. name
        end
      end
    end
    table.sort(found)
    return found
  end

  it("see Lua only in the binding and the runner", function()
    local rooms = { "^csrc/lua_", "^csrc/include/rise_lua%.h$", "^csrc/runner/", "^csrc/tests/binding/" }
    for _, header in ipairs { "/lua%.h", "/lua%.hpp", "/lauxlib%.h", "/lualib%.h", "/luaconf%.h", "/luajit%.h" } do
      assert.same({}, strays(header, rooms))
    end
    assert.same({}, strays("/lua_", { "^csrc/lua_", "^csrc/runner/" }))
    assert.same({}, strays("/rise_lua%.h", { "^csrc/lua_", "^csrc/runner/", "^csrc/tests/binding/" }))
  end)

  it("ask for the version of Lua in lua_rise.h alone", function()
    local found = {}
    for path, text in pairs(sources) do
      if text:find "LUA_VERSION_NUM" or text:find "LUAJIT_" then found[#found + 1] = path end
    end
    assert.same({ "csrc/lua_rise.h" }, found)
  end)

  it("see libcurl, libmicrohttpd, SQLite and libsodium in one file each", function()
    assert.same({}, strays("/curl/", { "^csrc/net/curl%.c$" }))
    assert.same({}, strays("/microhttpd%.h", { "^csrc/net/httpd%.c$" }))
    assert.same({}, strays("/sqlite3", { "^csrc/lua_sqlite%.c$" }))
    assert.same({}, strays("/sodium%.h", { "^csrc/core/locked%.h$", "^csrc/tests/" }))
    assert.same({}, strays("/qrencode%.h", { "^csrc/lua_qr%.c$" }))
  end)

  it("of the core include nothing of net", function()
    local net = {}
    for path in pairs(sources) do
      net[#net + 1] = path:match("^csrc/net/(.*%.h)$")
    end
    for _, header in ipairs(net) do
      local pattern = "/" .. header:gsub("%p", "%%%0") .. "$"
      assert.same({}, matching(strays(pattern, {}), "^csrc/core/"))
    end
    assert.same({}, matching(strays("/net/", {}), "^csrc/core/"))
  end)

  it("of the core are all in CMakeLists.txt, and so are those of net and of the binding", function()
    local listed = {}
    for path in read("CMakeLists.txt"):gmatch("csrc/[%w_/]+%.c") do
      listed[path] = true
    end
    local present = set(c_files())
    assert.same({}, beyond(present, listed))
    assert.same({}, beyond(listed, present))
  end)

  it("of the tests are all built and run", function()
    local list = read("csrc/tests/CMakeLists.txt") .. read("csrc/tests/binding/CMakeLists.txt")
    local missing = {}
    for _, path in ipairs(files("csrc/tests", ".c")) do
      local name = path:match("/test_([%w_]+)%.c$")
      if name and not list:find("rise_[%w_]*test%(" .. name .. "[%s)]")
        and not list:find("COMMAND test_" .. name .. "%)") then
        missing[#missing + 1] = path
      end
    end
    assert.same({}, missing)
  end)
end)

describe("the rockspec", function()
  local rockspec = {}
  setup(function()
    local chunk
    if setfenv then
      chunk = assert(loadfile("rockspec/rise-scm-1.rockspec"))
      setfenv(chunk, rockspec)
    else
      chunk = assert(loadfile("rockspec/rise-scm-1.rockspec", "t", rockspec))
    end
    chunk()
  end)

  it("lists every Lua module where it lies", function()
    local present, listed = {}, {}
    for _, path in ipairs(files("lua", ".lua")) do
      present[module_name(path) .. " = " .. path] = true
    end
    for name, module in pairs(rockspec.build.modules) do
      if type(module) == "string" then
        listed[name .. " = " .. module] = true
      end
    end
    assert.same({}, beyond(present, listed))
    assert.same({}, beyond(listed, present))
  end)

  it("lists every C file, all of the core in rise.core", function()
    local modules = rockspec.build.modules
    local core = set(modules["rise.core"].sources)
    local listed = set(modules["rise.core"].sources, modules["rise.net"].sources, modules["rise.host"].sources,
      modules["rise.sqlite"].sources, modules["rise.terminal"].sources)
    -- What the runner and hosts with a Lua of their own add has no place in a rock.
    -- p256.c takes p256_bearssl.c in where it has to.
    local in_core = {}
    for _, path in ipairs(matching(c_files(), "^csrc/core/")) do
      if path ~= "csrc/core/p256_bearssl.c" then in_core[#in_core + 1] = path end
    end
    local present = set(in_core, matching(c_files(), "^csrc/net/"), matching(c_files(), "^csrc/lua_"))
    present["csrc/lua_embedded.c"], present["csrc/lua_preload.c"] = nil, nil
    present["csrc/lua_qr.c"] = nil -- a rock has no optional parts, and libqrencode is not worth requiring
    assert.same({}, beyond(present, listed))
    assert.same({}, beyond(listed, present))
    assert.same({}, beyond(set(in_core), core))
  end)
end)

describe("the version", function()
  local version = read("csrc/include/rise.h"):match("#define RISE_VERSION \"([^\"]+)\"")

  it("is the same in rise.h, rise.core and rise", function()
    assert.equal(version, require("rise.core").VERSION)
    assert.equal(version, require("rise").VERSION)
  end)

  it("is written nowhere but in rise.h", function()
    local quoted = "[\"' ]" .. version:gsub("%.", "%%.") .. "[\"' )]"
    local copies = {}
    local paths = files("lua", ".lua")
    paths[#paths + 1] = "CMakeLists.txt"
    paths[#paths + 1] = "rockspec/rise-scm-1.rockspec"
    for _, path in ipairs(paths) do
      if read(path):find(quoted) then
        copies[#copies + 1] = path
      end
    end
    assert.same({}, copies)
  end)
end)

describe("the Lua modules", function()
  -- From the ground up. A module requires what stands in its own line or above; a folder stands as one.
  local floors = {
    { "core" },
    { "compat", "errors", "check", "json", "quantity", "networks", "contracts", "revert", "permissions", "policy",
      "intent", "pace", "guard", "passphrase", "keystore" },
    { "net", "host", "sqlite", "terminal", "qr" },
    { "loop" },
    { "rpc" },
    { "relay", "chain", "landing", "simulation", "gas_key" },
    { "contract", "direct", "bundle", "account", "recovery", "proof" },
    { "session", "outbox", "store" },
    { "wallet" },
    { "approve", "devnet" },
    { "init" },
    { "cli" },
  }
  local floor_of = {}
  for floor, names in ipairs(floors) do
    for _, name in ipairs(names) do
      floor_of[name] = floor
    end
  end

  -- The floor of "rise.cli.send" is that of "cli"; that of "rise" itself is the one of "init".
  local function floor(module)
    return floor_of[module:match("^rise%.([%w_]+)") or "init"]
  end

  local requires = {}
  for _, path in ipairs(files("lua", ".lua")) do
    local name = module_name(path)
    requires[name] = {}
    local code = read(path):gsub("%-%-%[(=*)%[.-%]%1%]", ""):gsub("%-%-[^\n]*", "")
    for required in code:gmatch("require%s*%(?%s*[\"'](rise[%w_.]*)[\"']") do
      table.insert(requires[name], required)
    end
  end

  it("all have a floor", function()
    local homeless = {}
    for module in pairs(requires) do
      if not floor(module) then
        homeless[#homeless + 1] = module
      end
    end
    assert.same({}, homeless)
  end)

  it("require only what stands above them in the order", function()
    local upward = {}
    for module, list in pairs(requires) do
      for _, required in ipairs(list) do
        if (floor(required) or math.huge) > (floor(module) or 0) then
          upward[#upward + 1] = module .. " requires " .. required
        end
      end
    end
    table.sort(upward)
    assert.same({}, upward)
  end)

  it("require each other in no circle", function()
    local state, circles = {}, {}
    local function visit(module, trail)
      if state[module] == "open" then
        circles[#circles + 1] = trail .. " > " .. module
      elseif not state[module] then
        state[module] = "open"
        for _, required in ipairs(requires[module] or {}) do
          visit(required, trail == "" and module or trail .. " > " .. module)
        end
        state[module] = "closed"
      end
    end
    for module in pairs(requires) do
      visit(module, "")
    end
    assert.same({}, circles)
  end)

  it("ask which Lua runs them in rise.compat alone", function()
    local found = {}
    for _, path in ipairs(files("lua", ".lua")) do
      local code = read(path):gsub("%-%-[^\n]*", "")
      for _, sign in ipairs { "[^%w_]_VERSION%f[%W]", "%f[%w_]jit%.", "table%.unpack", "loadstring", "setfenv" } do
        if code:find(sign) then found[path] = true end
      end
    end
    assert.same({ ["lua/rise/compat.lua"] = true }, found)
  end)

  it("reach the transport through the loop alone", function()
    local found = {}
    for module, list in pairs(requires) do
      for _, required in ipairs(list) do
        if required == "rise.net" and module ~= "rise.loop" then
          found[#found + 1] = module
        end
      end
    end
    assert.same({}, found)
  end)
end)
