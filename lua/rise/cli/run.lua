--- `rise run SCRIPT [ARG…]`: runs a Lua script with `rise` at hand.
-- @module rise.cli.run

local run = {
  name = "run",
  summary = "Run a Lua script.",
  hands_on = true,
  examples = { "echo 'print(require(\"rise\").VERSION)' | rise run -" },
}

function run.add_to_parser(command)
  command:argument("script", "The script; `-` reads it from standard input.")
  command:argument("args", "Arguments for the script, as `...` and in `arg`."):args("*")
end

local function load_script(path)
  if path == "-" then return load(io.read("*a"), "=stdin") end
  return loadfile(path)
end

function run.run(args, console)
  local chunk, reason = load_script(args.script)
  if not chunk then
    console.stderr:write("rise: ", reason, "\n")
    return 2
  end
  local arg = { [0] = args.script }
  for i, value in ipairs(args.args) do arg[i] = value end
  _G.arg = arg -- luacheck: ignore 122
  local folder = args.script:match("^(.*)/[^/]*$") or "."
  package.path = package.path .. ";" .. folder .. "/?.lua"
  local unpack = table.unpack or unpack -- luacheck: ignore 113 143
  local ok, err = xpcall(function() chunk(unpack(arg)) end, function(err)
    -- An error object says what to do; a plain message says where it happened.
    if type(err) == "table" then return err end
    return debug.traceback(tostring(err), 2)
  end)
  if ok then return 0 end
  console.stderr:write("rise: ", tostring(err), "\n")
  if type(err) == "table" and err.hint then console.stderr:write("hint: ", err.hint, "\n") end
  return 1
end

return run
