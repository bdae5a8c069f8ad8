--- `rise completion SHELL`: completions, out of the parser.
-- @module rise.cli.completion

local completion = {
  name = "completion",
  summary = "Print completions for a shell.",
  examples = {
    "eval \"$(rise completion bash)\" # in ~/.bashrc; zsh and fish alike",
  },
}

local MAKERS = { bash = "get_bash_complete", zsh = "get_zsh_complete", fish = "get_fish_complete" }

function completion.add_to_parser(command)
  command:argument("shell", "bash, zsh or fish."):choices { "bash", "zsh", "fish" }
end

function completion.run(args, console)
  local parser = require("rise.cli").parser()
  console.stdout:write(parser[MAKERS[args.shell]](parser))
  return 0
end

return completion
