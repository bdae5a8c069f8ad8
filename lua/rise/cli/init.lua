--- The runner's command line: parser, dispatch, exit codes.
--
-- A command is a module `rise.cli.<name>` with
--
-- - `name`, `summary`;
-- - `add_to_parser(command)`: its arguments and options;
-- - `run(args, console)`: returns an exit code, or `nil, err`; it never calls `os.exit`. See @{rise.cli.Console};
-- - `output`: what `--json` prints, a list of `{ field, type, meaning }`; a command without it has no `--json`;
-- - `examples`: a list of command lines;
-- - `commands` instead of `run`: a list of such tables, for `rise NAME SUBCOMMAND`;
-- - `hands_on = true` where what follows its first argument is not its own.
-- @module rise.cli

local argparse = require "argparse"
local Console = require "rise.cli.console"
local compat = require "rise.compat"
local core = require "rise.core"

local cli = {}

--- Exit codes by name, and what they mean.
cli.EXIT, cli.EXITS = Console.EXIT, Console.EXITS

--- Every command, in the order of the help, under its headings.
cli.GROUPS = {
  { "Wallet", "grant", "account", "session", "send", "batch", "call", "status", "history", "resume" },
  { "Scripts", "run", "repl", "devnet", "demo" },
  { "Tools", "policy", "key", "abi", "keccak", "units" },
  { "This program", "doctor", "completion", "man" },
}

local HELP = {} -- what is raised to leave the parser when help is asked for

local function add_help_option(parser, state)
  parser:flag("-h --help", "Show this help.")
    :action(function()
      state.help = parser
      error(HELP, 0)
    end)
end

-- What every command takes that prints results.
local function add_output_options(parser)
  parser:flag("--json", "Print one JSON object; errors too, on standard error.")
  parser:flag("-q --quiet", "Say nothing but the result.")
end

local function epilog_of(command)
  local parts = {}
  if command.epilog then parts[1] = command.epilog end
  if command.examples then
    parts[#parts + 1] = "Examples:\n  " .. table.concat(command.examples, "\n  ")
  end
  if command.output then
    local lines = {}
    for i, field in ipairs(command.output) do
      lines[i] = string.format("  %-18s %-8s %s", field[1], field[2], field[3])
    end
    parts[#parts + 1] = "With --json, an object with:\n" .. table.concat(lines, "\n")
  end
  return #parts > 0 and table.concat(parts, "\n\n") or nil
end

local function add_command(parser, command, state)
  local sub = parser:command(command.name, command.summary):add_help(false)
  sub:summary(command.summary)
  if command.add_to_parser then command.add_to_parser(sub) end
  if command.output then add_output_options(sub) end
  add_help_option(sub, state)
  local epilog = epilog_of(command)
  if epilog then sub:epilog(epilog) end
  local node = { module = command, parser = sub, commands = {} }
  if command.commands then
    sub:require_command(true):command_target("subcommand")
    for _, inner in ipairs(command.commands) do node.commands[inner.name] = add_command(sub, inner, state) end
  end
  return node
end

local function names()
  local list = {}
  for _, group in ipairs(cli.GROUPS) do
    for i = 2, #group do list[#list + 1] = group[i] end
  end
  return list
end

--- The parser of the whole command line, or of one command alone, which is what a start has time for.
-- @tparam[opt] string only the name of a command
-- @treturn table the parser, of argparse
-- @treturn table the commands by name: `{ module, parser, commands }`
function cli.parser(only, state)
  state = state or {}
  local parser = argparse("rise", "RISE Wallet session keys: approve once, act without popups.")
    :add_help(false)
    :require_command(false)
    :command_target("command")
    :epilog("`rise help COMMAND` tells more about a command.")
  add_help_option(parser, state)
  parser:flag("--version", "Show the version.")
  local commands = {}
  for _, group in ipairs(cli.GROUPS) do
    local parsers = {}
    for i = 2, #group do
      local name = group[i]
      if not only or name == only then
        commands[name] = add_command(parser, require("rise.cli." .. name), state)
        parsers[#parsers + 1] = commands[name].parser
      end
    end
    if not only then parser:group(group[1], compat.unpack(parsers)) end
  end
  if not only then
    local help = parser:command("help", "Show help for a command."):add_help(false)
    add_help_option(help, state)
    help:argument("topic", "A command, and its subcommand."):args("*")
    commands.help = { parser = help, commands = {} }
  end
  return parser, commands
end

-- argparse reports errors and help by leaving in its own ways; here they become values.
local function parse(parser, argv, state)
  local ok, parsed, args = pcall(parser.pparse, parser, argv)
  if state.help then return "help", state.help end
  if not ok then error(parsed, 0) end
  if not parsed then return "error", args end
  return "args", args
end

local function show_help(console, topic)
  local parser, commands = cli.parser()
  for i, name in ipairs(topic) do
    local node = commands[name]
    if not node then
      return console:fail("there is no command " .. table.concat(topic, " ", 1, i) .. "; `rise help` lists them")
    end
    parser, commands = node.parser, node.commands
  end
  console:print(parser:get_help())
  return cli.EXIT.ok
end

-- Keeps the options behind a command's first argument from being taken for its own.
local function keep_rest(node, argv)
  if not node.module.hands_on then return argv end
  local takes_value = {}
  for _, option in ipairs(node.parser._options) do
    for _, alias in ipairs(option._aliases) do takes_value[alias] = option._maxargs > 0 end
  end
  local at = 2
  while argv[at] and argv[at] ~= "-" and argv[at]:sub(1, 1) == "-" do
    at = at + (takes_value[argv[at]] and 2 or 1)
  end
  local list = {}
  for i, word in ipairs(argv) do
    if i == at and argv[at - 1] ~= "--" then list[i] = "--" end
    list[#list + 1] = word
  end
  return list
end

local function dispatch(console, argv)
  local state = {}
  local first = argv[1]
  local known = false
  for _, name in ipairs(names()) do known = known or name == first end
  local parser, commands = cli.parser(known and first or nil, state)
  if known then argv = keep_rest(commands[first], argv) end
  for _, word in ipairs(argv) do
    if word == "--" then break end
    if word == "--json" then console.json = true end -- also for errors in what else stands there
  end
  local outcome, args = parse(parser, argv, state)
  if outcome == "help" then
    console:print(args:get_help())
    return cli.EXIT.ok
  elseif outcome == "error" then
    console:fail(args)
    return cli.EXIT.usage
  elseif args.version then
    console:print("rise " .. core.VERSION)
    return cli.EXIT.ok
  elseif args.command == "help" or not args.command then
    return show_help(console, args.topic or {})
  end
  console.quiet = args.quiet or false
  local command = commands[args.command]
  if args.subcommand then command = command.commands[args.subcommand] end
  local code, err = command.module.run(args, console)
  if code then return code end
  return console:fail(err)
end

--- Runs a command line.
-- @tparam table argv without the program's name
-- @tparam[opt] table given for the console: `stdin`, `stdout`, `stderr`, `getenv`
-- @treturn number exit code
function cli.main(argv, given)
  local console = Console.new(given)
  local code = dispatch(console, argv)
  console:clear()
  if console.given_passphrase then console.given_passphrase:close() end
  return code
end

return cli
