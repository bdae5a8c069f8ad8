-- A console for the command line that keeps what is written to it.
local function sink()
  local parts = {}
  return {
    write = function(self, ...)
      for _, part in ipairs { ... } do parts[#parts + 1] = tostring(part) end
      return self
    end,
    flush = function() end,
    text = function() return table.concat(parts) end,
  }
end

return function()
  return { stdout = sink(), stderr = sink() }
end
