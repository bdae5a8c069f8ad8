-- Every recipe of docs/cookbook runs as it stands.
local lfs = require "lfs"

local BUILD = os.getenv "RISE_BUILD" or "build"

local function shell(command)
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1; echo \"=$?\""))
  local text = pipe:read "*a"
  pipe:close()
  return tonumber(text:match "=(%d+)\n$"), (text:gsub("=%d+\n$", ""))
end

describe("the cookbook #devnet", function()
  -- What each recipe must come to print.
  local expected = {
    ["bot.lua"] = "nil%s+spend_limit", ["game_loop.lua"] = "20 jumps, 20 landed, counter 20",
    ["batch.lua"] = "actions%s+1000", ["watch_event.lua"] = "received%s+7", ["recover.lua"] = "counted%s+1",
    ["policy.lua"] = "spend_limit: 21 STK", ["networks.lua"] = "done%s+0x", ["renew.lua"] = "state%s+active",
    ["counter_spec.lua"] = "1 success", ["embed.c"] = "counter%s+3",
  }

  local function devnet(command)
    return string.format("LUA_PATH=%q LUA_CPATH=%q %s/rise devnet --port 0 --anvil-port 0 -q -- %s", package.path,
      package.cpath, BUILD, command)
  end

  for name, pattern in pairs(expected) do
    it("has a recipe " .. name .. " that works", function()
      local path = "docs/cookbook/" .. name
      local code, out
      if name:find "%.c$" then
        local folder = os.tmpname()
        os.remove(folder)
        code, out = shell(string.format("mkdir %s && cmake --install %s --prefix %s >/dev/null && "
          .. "PKG_CONFIG_PATH=%s/lib/pkgconfig && export PKG_CONFIG_PATH && "
          .. "cc -o %s/embed %s $(pkg-config --cflags --libs rise-lua lua5.4 2>/dev/null "
          .. "|| pkg-config --cflags --libs rise-lua lua) && %s", folder, BUILD, folder, folder, folder, path,
          devnet(folder .. "/embed")))
        os.execute("rm -rf " .. folder)
      elseif name:find "_spec%.lua$" then
        code, out = shell("busted --lua=lua5.4 " .. path)
      else
        code, out = shell(devnet("lua5.4 " .. path))
      end
      assert.equal(0, code, out)
      assert.matches(pattern, out)
    end)
  end

  it("lists every recipe, and no other", function()
    local file = assert(io.open "docs/cookbook/README.md")
    local text = file:read "*a"
    file:close()
    local listed, present = {}, {}
    for name in text:gmatch "\n| %[`([%w_.]+)`%]" do listed[name] = true end
    for name in lfs.dir "docs/cookbook" do
      if name:find "%.lua$" or name:find "%.c$" then present[name] = true end
    end
    present["setup.lua"] = nil
    assert.same(present, listed)
    for name in pairs(listed) do assert.is_string(expected[name], name) end
  end)
end)
