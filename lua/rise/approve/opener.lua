--- Opens a page in the person's browser, without a shell in between.
-- @module rise.approve.opener

local errors = require "rise.errors"

local opener = {}

local PATIENCE = 0.5 -- seconds; a command that cannot do it says so soon, one that can may take its time

local function words_of(command, url)
  local words, placed = {}, false
  for word in command:gmatch("%S+") do
    words[#words + 1] = word:gsub("%%s", function()
      placed = true
      return url
    end)
  end
  if words[1] and not placed then words[#words + 1] = url end
  return words
end

-- The commands to try, each an array of words: those that BROWSER names, else what the system has for it.
local function candidates(url, environment)
  local list = {}
  for command in (environment "BROWSER" or ""):gmatch("[^:]+") do
    local words = words_of(command, url)
    if words[1] then list[#list + 1] = words end
  end
  if list[1] then return list end
  if environment "DISPLAY" or environment "WAYLAND_DISPLAY" then list[1] = { "xdg-open", url } end
  local version = io.open("/System/Library/CoreServices/SystemVersion.plist")
  if version then
    version:close()
    list[#list + 1] = { "open", url }
  end
  return list
end

-- The exit code of a command that gives up at once; nil when it goes on.
local function early_end(loop, process)
  local deadline = loop:now() + PATIENCE
  repeat
    local code = process:wait(0)
    if code then return code end
  until not loop:sleep(0.02) or loop:now() >= deadline
  return nil
end

--- Opens a page. The browser is on its own then, and outlives this program.
-- @param loop
-- @tparam string url http or https
-- @tparam[opt] function environment gives a variable's value (default `os.getenv`)
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] table unsupported, io
function opener.open(loop, url, environment)
  local list = candidates(url, environment or os.getenv)
  local _, err = errors.fail("unsupported", "no browser is known here")
  for _, command in ipairs(list) do
    command.stdout, command.stderr, command.detached = "null", "null", true
    local process
    process, err = require("rise.host").spawn(command)
    if process then
      local code = early_end(loop, process)
      process:close()
      if code == nil or code == 0 then return true end
      err = errors.new("io", command[1] .. " could not open a page (exit code " .. code .. ")")
    end
  end
  return nil, err
end

return opener
