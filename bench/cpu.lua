--- The processor as Linux describes it: its name, and what it has that matters here.

local INTERESTING = { "adx", "avx2", "bmi1", "bmi2", "sha_ni" }

return function()
  local cpu = { model = "unknown processor", features = {} }
  local file = io.open("/proc/cpuinfo")
  if not file then return cpu end
  local text = file:read("a")
  file:close()
  cpu.model = text:match("model name%s*:%s*([^\n]+)") or cpu.model
  local flags = " " .. (text:match("flags%s*:%s*([^\n]+)") or "") .. " "
  for _, name in ipairs(INTERESTING) do
    if flags:find(" " .. name .. " ", 1, true) then
      cpu[name] = true
      table.insert(cpu.features, name)
    end
  end
  return cpu
end
