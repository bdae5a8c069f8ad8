--- `rise man`: the manual page, out of the parser.
-- @module rise.cli.man

local core = require "rise.core"

local man = {
  name = "man",
  summary = "Print the manual page.",
  examples = { "rise man > rise.1" },
}

-- Text for roff: its control characters taken literally.
local function roff(text)
  return (text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("\n([.'])", "\n\\&%1"):gsub("^([.'])", "\\&%1"))
end

local function add_help(out, parser)
  out[#out + 1] = ".nf\n" .. roff(parser:get_help()) .. "\n.fi"
end

local function add_command(out, name, node)
  out[#out + 1] = ".SS rise " .. roff(name)
  add_help(out, node.parser)
  for _, inner in ipairs(node.module and node.module.commands or {}) do
    add_command(out, name .. " " .. inner.name, node.commands[inner.name])
  end
end

function man.run(_, console)
  local cli = require "rise.cli"
  local parser, commands = cli.parser()
  local out = {
    ".TH RISE 1 \"\" \"rise " .. core.VERSION .. "\" \"RISE Wallet session keys\"",
    ".SH NAME\nrise \\- approve once, then act without popups",
    ".SH SYNOPSIS\n.B rise\nCOMMAND [OPTION...] [ARGUMENT...]",
    ".SH DESCRIPTION",
  }
  add_help(out, parser)
  out[#out + 1] = ".SH COMMANDS"
  for _, group in ipairs(cli.GROUPS) do
    for i = 2, #group do add_command(out, group[i], commands[group[i]]) end
  end
  out[#out + 1] = ".SH EXIT STATUS"
  for _, row in ipairs(cli.EXITS) do
    out[#out + 1] = ".TP\n.B " .. row[1] .. "\n" .. roff(row[2])
  end
  console:print(table.concat(out, "\n"))
  return 0
end

return man
