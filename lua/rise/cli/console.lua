--- Where a command's results and talk go: people and machines each in their own way.
--
-- Results go to standard output, talk (notes, progress, errors) to standard error. With `--json` a command prints one
-- object, and its error one object `{code, message, hint}`. Colour and progress are for terminals alone, and `NO_COLOR`
-- and `--quiet` are heeded.
-- @classmod rise.cli.Console

local compat = require "rise.compat"
local errors = require "rise.errors"
local json = require "rise.json"

local Console = {}
Console.__index = Console
Console.__name = "rise.cli.console"

local STYLES = { bold = "1", dim = "2", red = "31", green = "32", yellow = "33", cyan = "36" }

local function terminal_size(fd)
  local found, terminal = pcall(require, "rise.terminal")
  if not found then return nil end
  return terminal.size(fd)
end

--- A console.
-- @tparam[opt] table given `stdin`, `stdout`, `stderr`: files or things like them; `getenv`
-- @treturn Console
function Console.new(given)
  given = given or {}
  local self = setmetatable({
    stdin = given.stdin or io.stdin, stdout = given.stdout or io.stdout, stderr = given.stderr or io.stderr,
    getenv = given.getenv or os.getenv, json = false, quiet = false,
  }, Console)
  self.columns = self.stdout == io.stdout and terminal_size(1) or nil -- nil: not for eyes
  self.talks = self.stderr == io.stderr and terminal_size(2) ~= nil
  local no_color = self.getenv "NO_COLOR"
  self.colors = not (no_color and no_color ~= "") and self.getenv "TERM" ~= "dumb"
  return self
end

--- Text in a style (bold, dim, red, green, yellow, cyan) where standard output is a terminal.
function Console:style(name, text)
  if not self.columns or not self.colors then return text end
  return "\27[" .. STYLES[name] .. "m" .. text .. "\27[0m"
end

--- Writes lines to standard output.
function Console:print(...)
  for _, line in ipairs { ... } do
    self:clear()
    self.stdout:write(tostring(line), "\n")
  end
end

--- Writes a line of talk to standard error, unless told to be quiet.
function Console:note(text)
  if self.quiet then return end
  self:clear()
  self.stderr:write(text, "\n")
end

--- What is being done just now: a line that the next one replaces. Only at a terminal.
function Console:progress(text)
  if self.quiet or not self.talks then return end
  self.stderr:write("\r\27[K", text)
  self.stderr:flush()
  self.in_progress = true
end

--- Takes the line of progress away.
function Console:clear()
  if not self.in_progress then return end
  self.stderr:write("\r\27[K")
  self.in_progress = false
end

--- The result of a command.
-- @tparam table object what `--json` prints
-- @tparam function show called without `--json`; prints it for people
-- @treturn number exit code 0
function Console:result(object, show)
  if self.json then
    self:print(json.encode(object))
  else
    show(object)
  end
  return 0
end

--- Rows in columns that fit the terminal: the last column is cut where it does not.
-- @tparam table heads a word each
-- @tparam table rows lists of text
function Console:table(heads, rows)
  local widths = {}
  for _, row in ipairs { heads, compat.unpack(rows) } do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, #tostring(cell)) end
  end
  local function line(row, style)
    local cells = {}
    for i, cell in ipairs(row) do
      cell = tostring(cell)
      cells[i] = i < #row and cell .. (" "):rep(widths[i] - #cell) or cell
    end
    local text = table.concat(cells, "  ")
    if self.columns and #text > self.columns then text = text:sub(1, self.columns - 3) .. "..." end
    self:print(style and self:style(style, text) or text)
  end
  line(heads, "bold")
  for _, row in ipairs(rows) do line(row) end
end

--- Tells what went wrong.
-- @tparam table|string err an error object, or a sentence
-- @treturn number exit code: what `exit_of` says of it
function Console:fail(err)
  self:clear()
  if not errors.is(err) then err = errors.new("usage", tostring(err)) end
  if self.json then
    self.stderr:write(json.encode { code = err.code, message = err.message, hint = err.hint,
      retryable = err.retryable or false, id = err.id }, "\n")
  else
    self.stderr:write("rise: ", tostring(err), "\n")
    if err.hint and not self.quiet then self.stderr:write("hint: ", err.hint, "\n") end
  end
  return Console.exit_of(err)
end

--- Exit codes and what they mean, in order.
Console.EXITS = {
  { 0, "done" },
  { 1, "the relay, the chain, the disk or the script said no" },
  { 2, "the command line, or a value in it, is wrong" },
  { 3, "permissions, limits or the guard forbid it; nothing was sent" },
  { 4, "not known yet whether it lands: ask again, or `rise resume`" },
  { 70, "a bug in rise" },
  { 130, "interrupted" },
}

--- The same codes by name.
Console.EXIT = { ok = 0, failed = 1, usage = 2, refused = 3, pending = 4, internal = 70, interrupted = 130 }

local EXIT_OF = {
  usage = "usage", invalid_value = "usage", invalid_data = "usage", invalid_abi = "usage", invalid_key = "usage",
  overflow = "usage",
  not_allowed = "refused", spend_limit = "refused", no_spend_rule = "refused", expired = "refused",
  revoked = "refused", not_granted = "refused", root_access = "refused", fee_too_high = "refused", guarded = "refused",
  pending = "pending", grant_pending = "pending",
  canceled = "interrupted",
}

--- The exit code that an error ends with.
function Console.exit_of(err)
  return Console.EXIT[EXIT_OF[err.code] or "failed"]
end

return Console
