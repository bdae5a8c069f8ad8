-- The Lua that runs the specs, for those that start another one.
local version = jit and "luajit" or _VERSION:match "%d+%.%d+" -- luacheck: ignore 113

return {
  program = version == "luajit" and version or "lua" .. version,
  -- where rise was built for it
  build = version == "5.4" and "build" or "build/lua-" .. version,
}
