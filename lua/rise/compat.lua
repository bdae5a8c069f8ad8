--- What the versions of Lua call differently, under one name. The only file that asks which Lua runs it.
-- @module rise.compat

local compat = {}

--- `table.unpack`, which Lua 5.1 has as a global.
compat.unpack = table.unpack or unpack -- luacheck: ignore 113 143

return compat
