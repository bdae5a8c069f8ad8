--- `rise policy`: checks, explains and compares policy files.
-- @module rise.cli.policy

local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"
local permissions = require "rise.permissions"
local policy = require "rise.policy"

local FILE = "A policy in Lua or JSON; `-` reads standard input."

-- The policy in a file, and the grant it comes to now.
local function grant_of(path, console)
  local given, err = policy.read(path, console.stdin)
  if not given then return nil, err end
  local grant
  grant, err = policy.grant(given, { now = core.now(), allow_root = permissions.ROOT_PHRASE })
  if not grant then return errors.within(err, path) end
  return grant, given
end

local lint = {
  name = "lint",
  summary = "Say what is wrong with a policy, and what is worth a second look.",
  examples = {
    "echo '{\"expires\":\"24h\",\"calls\":{\"any\":[\"increment()\"]}}' | rise policy lint - --json",
  },
  output = { { "findings", "array", "of {level, message, field, line}; level is error or warning" },
    { "ok", "boolean", "no errors; with --strict no warnings either" } },
}

function lint.add_to_parser(command)
  command:argument("file", FILE)
  command:flag("--strict", "Warnings count as errors.")
end

function lint.run(args, console)
  local text, err = policy.text(args.file, console.stdin)
  if not text then return nil, err end
  local findings = json.array(policy.lint(text, { now = core.now() }))
  local ok = true
  for _, finding in ipairs(findings) do ok = ok and finding.level == "warning" and not args.strict end
  console:result({ findings = findings, ok = ok }, function()
    for _, finding in ipairs(findings) do
      console:print(string.format("%s:%s %s: %s", args.file, finding.line and finding.line .. ":" or "",
        console:style(finding.level == "error" and "red" or "yellow", finding.level), finding.message))
    end
    if #findings == 0 then console:note("nothing to say against it") end
  end)
  return ok and 0 or 2
end

local explain = {
  name = "explain",
  summary = "Say in plain language what a holder of the key could do at worst.",
  examples = { "echo '{\"expires\":\"24h\",\"calls\":{\"any\":[\"increment()\"]}}' | rise policy explain - --json" },
  output = { { "permissions", "array", "a line each" }, { "warnings", "array", "a sentence each" } },
}

function explain.add_to_parser(command)
  command:argument("file", FILE)
end

function explain.run(args, console)
  local grant, given = grant_of(args.file, console)
  if not grant then return nil, given end
  local tokens = policy.tokens(given)
  local result = {
    permissions = json.array(permissions.explain(grant, { tokens = tokens })),
    warnings = json.array(policy.warnings(grant, { now = core.now(), tokens = tokens })),
  }
  return console:result(result, function()
    console:print("Whoever holds the key")
    for _, line in ipairs(result.permissions) do console:print("  - " .. line) end
    if #result.warnings > 0 then console:print(console:style("yellow", "Mind that")) end
    for _, line in ipairs(result.warnings) do console:print("  - " .. line) end
  end)
end

local diff = {
  name = "diff",
  summary = "Compare two policies.",
  examples = {
    "echo '{\"expires\":\"1h\",\"calls\":{\"any\":[\"f()\"]}}' > old; "
      .. "echo '{\"expires\":\"1h\",\"calls\":{\"any\":[\"g()\"]}}' > new; rise policy diff old new --json",
  },
  output = { { "added", "array", "a line for each rule that only the new one has" },
    { "removed", "array", "a line for each that only the old one has" },
    { "wider", "string", "why the new one allows more, or null" } },
}

function diff.add_to_parser(command)
  command:argument("old", FILE)
  command:argument("new", FILE)
end

function diff.run(args, console)
  local old, err = grant_of(args.old, console)
  if not old then return nil, err end
  local new
  new, err = grant_of(args.new, console)
  if not new then return nil, err end
  local found = policy.diff(old, new)
  return console:result({ added = json.array(found.added), removed = json.array(found.removed),
    wider = found.wider or json.null }, function()
    for _, line in ipairs(found.removed) do console:print(console:style("red", "- " .. line)) end
    for _, line in ipairs(found.added) do console:print(console:style("green", "+ " .. line)) end
    if #found.added + #found.removed == 0 then console:note("the same rules") end
    if found.wider then console:note("the new one is wider: " .. found.wider) end
  end)
end

return {
  name = "policy",
  summary = "Check, explain and compare policy files.",
  commands = { lint, explain, diff },
}
