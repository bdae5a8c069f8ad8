-- Programs of node that are run against a devnet, and print one line of JSON per step.
local assert = require "luassert"
local busted = require "busted"
local core = require "rise.core"
local devnet = require "support.devnet"
local host = require "rise.host"
local json = require "rise.json"

local programs = {}

local SECONDS = 60

-- Runs a program against a devnet, which is served meanwhile: its steps by name, and their names in order.
local function run(net, program, seconds)
  local child = assert(host.spawn {
    "node", program, json.encode(net.ready), stdout = "pipe", stderr = "pipe", env = { LD_PRELOAD = false },
  })
  local output, deadline = "", core.monotonic() + seconds
  local code
  repeat
    net.loop:step(0.01)
    output = output .. (child:read() or "")
    code = child:wait(0)
    if not code and core.monotonic() > deadline then
      child:close()
      error(program .. " is not done after " .. seconds .. " s:\n" .. output, 0)
    end
  until code
  local rest = child:read()
  while rest and rest ~= "" do
    output = output .. rest
    rest = child:read()
  end
  child:close()

  local result = { steps = {}, names = {}, code = code, talk = {} }
  for line in output:gmatch("[^\n]+") do
    local step = line:find('^{"step":') and json.decode(line)
    if step then
      result.steps[step.step] = step
      result.names[#result.names + 1] = step.step
    else
      result.talk[#result.talk + 1] = line
    end
  end
  return result
end

--- Gives a function that makes one `it` for each step of a program of a folder. Its `options` are the devnet's, and its
-- `expected` an array of { step, sentence, check? }.
function programs.steps_of(folder, seconds)
  return function(program, options, expected)
    local net, result

    busted.setup(function()
      net = devnet.start(options)
      result = run(net, folder .. program, seconds or SECONDS)
    end)

    busted.teardown(function()
      if net then net:stop() end
    end)

    for _, entry in ipairs(expected) do
      local name, sentence, check = entry[1], entry[2], entry[3]
      busted.it(sentence, function()
        local step = result.steps[name]
        if not step or not step.ok then
          error(string.format("%s\n%s", step and step.error or "the program did not get so far",
            table.concat(result.talk, "\n")), 0)
        end
        if check then check(step, net, result.steps) end
      end)
    end

    busted.it("gets to its end", function()
      local names = {}
      for i, entry in ipairs(expected) do names[i] = entry[1] end
      assert.same(names, result.names)
      assert.equal(0, result.code)
    end)
  end
end

return programs
