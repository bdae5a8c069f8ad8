--- What the versions of Lua call differently, under one name. The only file that asks which Lua runs it.
-- @module rise.compat

-- luacheck: ignore 113 143
local compat = {}

--- What Lua this is: "Lua 5.4", "LuaJIT 2.1.0-beta3".
compat.VERSION = jit and jit.version or _VERSION

--- `table.unpack`, which Lua 5.1 has as a global.
compat.unpack = table.unpack or unpack

--- `load` for a string, which in Lua 5.1 is `loadstring`.
compat.load = loadstring or load

--- Compiles Lua text (no compiled chunk) that sees no globals, and that @{compat.resume_for} can stop.
-- @treturn[1] function
-- @treturn[2] nil
-- @treturn[2] string why it does not parse
function compat.load_alone(text, name)
  if text:byte(1) == 27 then return nil, "compiled Lua is not taken" end
  if not setfenv then return load(text, name, "t", {}) end
  local chunk, reason = loadstring(text, name)
  if not chunk then return nil, reason end
  if jit then jit.off(chunk, true) end -- machine code asks no hook
  return setfenv(chunk, {})
end

--- Resumes a thread for so many steps at most: `coroutine.resume`, or false and "it does not come to an end".
function compat.resume_for(steps, thread)
  local hook, mask, count = debug.gethook()
  debug.sethook(thread, function() error("it does not come to an end", 0) end, "", steps)
  local ok, value = coroutine.resume(thread)
  if jit then debug.sethook(hook, mask, count) end -- LuaJIT has one hook for all threads
  return ok, value
end

return compat
