-- What holds of every command, and what the tools among them answer.
local cjson = require "cjson"
local cli = require "rise.cli"
local console = require "support.console"
local lua = require "support.lua"

-- Runs a command line in this process: exit code, standard output, standard error.
local function run(...)
  local given = console()
  given.getenv = function() end
  local code = cli.main({ ... }, given)
  return code, given.stdout.text(), given.stderr.text()
end

-- Every command that can be run, with its full name.
local function each_command(visit)
  local function walk(name, node)
    if node.module and not node.module.commands then visit(name, node.module, node.parser) end
    for inner, child in pairs(node.commands) do walk(name .. " " .. inner, child) end
  end
  local _, commands = cli.parser()
  for name, node in pairs(commands) do walk(name, node) end
end

describe("every command", function()
  it("stands in its group, has a summary and an example", function()
    each_command(function(name, module)
      assert.is_string(module.summary, name)
      assert.matches("%.$", module.summary)
    end)
  end)

  it("shows the same help for `help X` and `X --help`", function()
    each_command(function(name)
      local words = {}
      for word in name:gmatch "%S+" do words[#words + 1] = word end
      local _, by_help = run("help", (table.unpack or unpack)(words)) -- luacheck: ignore 113 143
      words[#words + 1] = "--help"
      local code, by_option = run((table.unpack or unpack)(words)) -- luacheck: ignore 113 143
      assert.equal(0, code)
      assert.equal(by_help, by_option)
      assert.matches("^Usage: rise " .. name:gsub("%p", "%%%0"), by_help)
    end)
  end)

  it("has examples that run, with the output that --json promises", function()
    local bin = lua.build
    local count = 0
    each_command(function(name, module)
      if module.devnet then return end -- run against one elsewhere
      for _, example in ipairs(module.examples or {}) do
        local command = ("PATH=$PWD/%s:$PATH; folder=$(mktemp -d); cd $folder; %s"):format(bin, example)
        local pipe = assert(io.popen("bash -c '" .. command:gsub("'", "'\\''") .. "' 2>&1; echo \"=$?\""))
        local text = pipe:read "*a"
        pipe:close()
        assert.matches("\n?=0\n$", text, name .. ": " .. example)
        if module.output and example:find("--json", 1, true) then
          local object = cjson.decode((text:gsub("=0\n$", "")))
          for _, field in ipairs(module.output) do assert.is_not_nil(object[field[1]], name .. ": " .. field[1]) end
        end
        count = count + 1
      end
    end)
    assert.is_true(count >= 10)
  end)

  it("gives --json objects of the members that its help lists, and no other", function()
    local lines = {
      { "keccak", "a" }, { "units", "1ether" }, { "abi", "encode", "f(uint8)", "1" }, { "abi", "sig", "f(uint8)" },
      { "abi", "decode", "(uint8)", "0x" .. ("0"):rep(63) .. "1" }, { "abi", "error", "0x" },
      { "abi", "event", "E(uint8)", "--topic", "0x" .. ("0"):rep(64) },
    }
    for _, line in ipairs(lines) do
      local words = { (table.unpack or unpack)(line) } -- luacheck: ignore 113 143
      words[#words + 1] = "--json"
      local code, out = run((table.unpack or unpack)(words)) -- luacheck: ignore 113 143
      if code == 0 then
        local _, commands = cli.parser()
        local node = commands[line[1]]
        node = node.commands[line[2]] or node
        local promised = {}
        for _, field in ipairs(node.module.output) do promised[field[1]] = true end
        for member in pairs(cjson.decode(out)) do
          assert.is_true(promised[member], table.concat(line, " ") .. ": " .. member)
        end
      end
    end
  end)
end)

describe("the tools", function()
  local function out(...)
    local code, text, err = run(...)
    assert.equal("", err)
    assert.equal(0, code)
    return (text:gsub("\n$", ""))
  end

  it("hash", function()
    assert.equal("0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470", out("keccak", ""))
    assert.equal(out("keccak", "\222\173"), out("keccak", "--hex", "0xdead"))
  end)

  it("convert amounts", function()
    assert.equal("1500000000000000000", out("units", "1.5ether"))
    assert.equal("1.5", out("units", "1500000000", "--to", "gwei"))
    assert.equal("2500000", out("units", "2.5", "--from", "6"))
    assert.equal("115792089237316195423570985008687907853269984665640564039457584007913129639935",
      out("units", "115792089237316195423570985008687907853269984665640564039457584007913129639935"))
  end)

  it("encode and decode, and lose no digit in JSON", function()
    local text = out("abi", "encode", "f(uint256[])", "[123456789012345678901234567890, \"1ether\"]")
    assert.equal("f: [\"123456789012345678901234567890\",\"1000000000000000000\"]",
      out("abi", "decode", "f(uint256[] f)", text))
    assert.equal("0xa9059cbb", out("abi", "sig", "transfer(address,uint256)"))
    assert.equal("too late", (out("abi", "error", out("abi", "encode", "Error(string)", "too late")):gsub("^.*: ", "")))
  end)

  local wrong = {
    { "keccak", "--hex", "0xabc" }, { "keccak", "--hex" }, { "units", "abc" }, { "units", "1.5" },
    { "units", "1parsec" }, { "units", "1", "--to", "99" }, { "units" },
    { "abi" }, { "abi", "nope" }, { "abi", "encode", "f(" },
    { "abi", "encode", "f(uint8)" }, { "abi", "encode", "f(uint8)", "256" }, { "abi", "encode", "f(uint8)", "1", "2" },
    { "abi", "encode", "f(address)", "0x52908400098527886E0F7030069857D2E4169Ee7" },
    { "abi", "encode", "f(uint8[])", "[1" }, { "abi", "encode", "f(uint8[])", "[1.5]" },
    { "abi", "encode", "f(bool)", "yes" }, { "abi", "decode", "f(uint8)", "0x" }, { "abi", "decode", "f(uint8)", "zz" },
    { "abi", "decode", "f(uint8)", "0x00000000" .. ("0"):rep(64) }, { "abi", "sig", "(uint8)" },
    { "abi", "event", "E(uint8)", "--topic", "0x12" }, { "abi", "error", "nonsense" }, { "completion", "tcsh" },
    { "completion" }, { "help", "abi", "nope" },
  }
  for _, argv in ipairs(wrong) do
    it("refuse `" .. table.concat(argv, " ") .. "` with code 2 and one clear line", function()
      local code, text, err = run((table.unpack or unpack)(argv)) -- luacheck: ignore 113 143
      assert.equal(2, code)
      assert.equal("", text)
      assert.matches("^rise: [^\n]+\n", err)
      assert.is_nil(err:find("traceback", 1, true))
    end)

    it("say the same of it as JSON", function()
      local words = { (table.unpack or unpack)(argv) } -- luacheck: ignore 113 143
      words[#words + 1] = "--json"
      local code, text, err = run((table.unpack or unpack)(words)) -- luacheck: ignore 113 143
      if code == 2 and argv[1] ~= "help" and argv[1] ~= "completion" then
        assert.equal("", text)
        local object = cjson.decode(err)
        assert.is_string(object.code)
        assert.is_string(object.message)
      end
    end)
  end
end)

describe("the manual page and the completions", function()
  it("name every command and every option of it", function()
    local page = select(2, run "man"):gsub("\\%-", "-")
    local bash = select(2, run("completion", "bash"))
    each_command(function(name, _, parser)
      assert.is_truthy(page:find("rise " .. name, 1, true), name)
      for _, option in ipairs(parser._options) do
        for _, alias in ipairs(option._aliases) do
          assert.is_truthy(page:find(alias, 1, true), name .. " " .. alias)
          assert.is_truthy(bash:find(alias, 1, true), name .. " " .. alias)
        end
      end
    end)
  end)
end)
