-- What librise.a shows to the programs it is linked into. It lies beside the modules that these specs run on.
local function run(command)
  local pipe = assert(io.popen(command .. " 2>/dev/null"))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

local searchpath = package.searchpath or function(name, path)
  for template in path:gmatch "[^;]+" do
    local found = template:gsub("%?", (name:gsub("%.", "/")))
    local file = io.open(found, "rb")
    if file then
      file:close()
      return found
    end
  end
end

local function find_archive()
  local module = searchpath("rise.core", package.cpath)
  local archive = module and module:gsub("lib/rise/core%.%w+$", "librise.a")
  local file = archive and archive:find "librise%.a$" and io.open(archive, "rb")
  if not file then return nil end
  file:close()
  return archive
end

-- The lines of nm as { object, name, class, section }, or nil and why there are none.
local function symbols()
  local archive = find_archive()
  if not archive then return nil, "no librise.a beside the modules" end
  local text = run(("nm -A -f sysv '%s'"):format(archive))
  if text == "" then return nil, "no nm that writes in the format of System V" end
  if text:find("__asan_", 1, true) or text:find("__gcov_", 1, true) then
    return nil, "librise.a is instrumented, which adds symbols"
  end
  local list = {}
  for line in text:gmatch "[^\n]+" do
    local object, name, class, section =
      line:match "^[^:]*:([^:]+):([^|%s]+)%s*|[^|]*|%s*(%a)%s*|[^|]*|[^|]*|[^|]*|%s*(%S*)"
    if name then list[#list + 1] = { object = object, name = name, class = class, section = section } end
  end
  return list
end

describe("librise.a", function()
  local list, reason = symbols()

  it("defines no global name that does not begin with rise_", function()
    if not list then return pending(reason) end
    local strangers, own = {}, 0
    for _, symbol in ipairs(list) do
      if symbol.class:match "[A-TV-Z]" then
        if symbol.name:find "^rise_" then
          own = own + 1
        else
          strangers[#strangers + 1] = symbol.object .. ": " .. symbol.name
        end
      end
    end
    assert.is_true(own > 100)
    assert.same({}, strangers)
  end)

  it("keeps no state that changes, but for libcurl's one start and what the processor was found to do", function()
    if not list then return pending(reason) end
    local state = {}
    for _, symbol in ipairs(list) do
      local section = symbol.section
      local changes = section == ".data" or section:find "^%.data%.[^r]" or section:find "^%.t?bss"
        or section:find "^%.tdata" or section == "*COM*"
      local known = symbol.object:find "^curl%.c" or (symbol.object:find "^p256%.c" and symbol.name:find "^known")
      if changes and not known then
        state[#state + 1] = symbol.object .. ": " .. symbol.name
      end
    end
    assert.same({}, state)
  end)

  it("calls nothing that prints, ends the program or reads the environment", function()
    if not list then return pending(reason) end
    local banned, found = {}, {}
    for name in ("printf fprintf puts fputs putchar perror abort exit _exit getenv __printf_chk __fprintf_chk"):gmatch
      "%S+" do
      banned[name] = true
    end
    for _, symbol in ipairs(list) do
      if symbol.class == "U" and banned[symbol.name] then
        found[#found + 1] = symbol.object .. ": " .. symbol.name
      end
    end
    assert.same({}, found)
  end)

  it("takes no more than 300 KiB without the transport", function()
    if not list then return pending(reason) end
    local total, objects = 0, 0
    for bytes, object in run(("size '%s'"):format(find_archive())):gmatch "%d+%s+%d+%s+%d+%s+(%d+)%s+%x+%s+(%S+)" do
      if not object:find "^curl%.c" then
        total, objects = total + tonumber(bytes), objects + 1
      end
    end
    assert.is_true(objects > 10)
    assert.is_true(total <= 300 * 1024, total .. " bytes")
  end)
end)
