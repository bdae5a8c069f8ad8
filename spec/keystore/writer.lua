-- Writes two keystores over one another until it is killed: lua writer.lua <path> <one> <other>
local core = require "rise.core"

local texts = {}
for i = 2, 3 do
  local file = assert(io.open(arg[i], "rb"))
  texts[i - 1] = file:read("*a")
  file:close()
end
io.stdout:write("writing\n")
io.stdout:flush()
while true do
  for _, text in ipairs(texts) do assert(core.write_file(arg[1], text)) end
end
