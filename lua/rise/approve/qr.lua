--- A QR code for a terminal: two rows of it to a line, black on white whatever the terminal's colours are.
-- @module rise.approve.qr

local errors = require "rise.errors"

local qr = {}

local MARGIN = 4 -- modules of light around it, as the standard has it; scanners need them

local FULL, UPPER, LOWER = "\226\150\136", "\226\150\128", "\226\150\132" -- half blocks in UTF-8

local CELLS = { ["11"] = FULL, ["10"] = UPPER, ["01"] = LOWER, ["00"] = " " }

--- The QR code of a text.
-- @tparam string text
-- @treturn[1] string lines, with the terminal's sequences for the two colours
-- @treturn[2] nil
-- @treturn[2] table unsupported in a build without libqrencode; limit
function qr.lines(text)
  local found, encoder = pcall(require, "rise.qr")
  if not found then return errors.fail("unsupported", "this build of rise has no QR codes") end
  local rows, err = encoder.encode(text)
  if not rows then return nil, err end
  local side = string.rep("0", MARGIN)
  local empty = string.rep("0", #rows + 2 * MARGIN)
  local all = {}
  for _ = 1, MARGIN do all[#all + 1] = empty end
  for _, row in ipairs(rows) do all[#all + 1] = side .. row .. side end
  for _ = 1, MARGIN do all[#all + 1] = empty end
  local lines = {}
  for i = 1, #all, 2 do
    local upper, lower, cells = all[i], all[i + 1] or empty, {}
    for x = 1, #upper do cells[x] = CELLS[upper:sub(x, x) .. lower:sub(x, x)] end
    lines[#lines + 1] = "\27[30;107m" .. table.concat(cells) .. "\27[0m\n"
  end
  return table.concat(lines)
end

return qr
