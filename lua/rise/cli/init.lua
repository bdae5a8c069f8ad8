--- The runner's command line: parser, dispatch, exit codes.
--
-- A command is a module `rise.cli.<name>` with `name`, `summary`, `add_to_parser(command)` and `run(args, console)`,
-- which returns an exit code and never calls `os.exit`. Results go to standard output, talk to standard error.
-- @module rise.cli

local argparse = require "argparse"
local core = require "rise.core"

local cli = {}

--- Exit codes.
-- @table cli.EXIT
cli.EXIT = {
  ok = 0,          -- done
  failed = 1,      -- the relay, the chain, the disk or the script said no
  usage = 2,       -- the command line is wrong
  internal = 70,   -- a bug in rise
  interrupted = 130, -- ended by Ctrl-C
}

local COMMANDS = { "run", "devnet", "demo" }

local HELP = {} -- what is raised to leave the parser when help is asked for

local function add_help_option(parser, state)
  parser:flag("-h --help", "Show this help.")
    :action(function()
      state.help = parser
      error(HELP, 0)
    end)
end

local function build(state)
  local parser = argparse("rise", "RISE Wallet session keys: approve once, act without popups.")
    :add_help(false)
    :require_command(false)
    :command_target("command")
    :epilog("`rise help COMMAND` tells more about a command.")
  add_help_option(parser, state)
  parser:flag("--version", "Show the version.")
  local commands = {}
  for _, name in ipairs(COMMANDS) do
    local command = require("rise.cli." .. name)
    local sub = parser:command(name, command.summary):add_help(false)
    add_help_option(sub, state)
    command.add_to_parser(sub)
    commands[name] = { module = command, parser = sub }
  end
  local help = parser:command("help", "Show help for a command."):add_help(false)
  add_help_option(help, state)
  help:argument("topic", "A command."):args("?")
  commands.help = { parser = help }
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

--- Runs a command line.
-- @tparam table argv without the program's name
-- @tparam[opt] table console `stdout` and `stderr`, files or things like them
-- @treturn number exit code
function cli.main(argv, console)
  console = console or { stdout = io.stdout, stderr = io.stderr }
  local state = {}
  local parser, commands = build(state)
  if commands[argv[1]] and (argv[2] == "-h" or argv[2] == "--help") then
    -- `run` hands all that follows to the script, this alone excepted.
    console.stdout:write(commands[argv[1]].parser:get_help(), "\n")
    return cli.EXIT.ok
  end
  local outcome, result = parse(parser, argv, state)
  if outcome == "help" then
    console.stdout:write(result:get_help(), "\n")
    return cli.EXIT.ok
  elseif outcome == "error" then
    console.stderr:write("rise: ", result, "\n", parser:get_usage(), "\n")
    return cli.EXIT.usage
  elseif result.version then
    console.stdout:write("rise ", core.VERSION, "\n")
    return cli.EXIT.ok
  elseif result.command == "help" or not result.command then
    local topic = result.topic
    if topic and not commands[topic] then
      console.stderr:write("rise: there is no command ", topic, "; `rise help` lists them\n")
      return cli.EXIT.usage
    end
    console.stdout:write((topic and commands[topic].parser or parser):get_help(), "\n")
    return cli.EXIT.ok
  end
  return commands[result.command].module.run(result, console)
end

return cli
