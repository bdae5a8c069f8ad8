--- Each figure of rise beside its peers: the same work, in the same run.
--
-- The speed of a machine moves by more than the differences that matter. So the candidates of a figure take turns, a
-- slice of a few milliseconds each, and the fastest of many slices counts, over several runs that are some time apart.
-- Only ratios mean anything. How far the median slice lies above the fastest says how restless the machine was.

local argparse = require "argparse"
local bench = require "rise_bench"
local cjson = require "cjson"
local core = require "rise.core"
local json = require "rise.json"

local SLICE = 0.008
local SLICES = 30
local WARM_UP = 0.25

local parser = argparse("scripts/bench", "Measures rise beside the peers that are installed.")
parser:flag("--json", "Print one JSON object.")
parser:option("--only", "Only figures with this in their name; may be given again."):count("*"):argname("NAME")
parser:option("--runs", "How many times to go through all figures."):default("3"):convert(tonumber)
parser:option("--slices", "Slices of each candidate in a run."):default(tostring(SLICES)):convert(tonumber)
parser:flag("--list", "Print the names of the figures.")
local options = parser:parse(arg)
local root = os.getenv("RISE_ROOT") or "."

local figures = require "figures"
if options.list then
  for _, figure in ipairs(figures) do
    print(figure.name)
  end
  os.exit(0)
end

local function say(format, ...)
  io.stderr:write(string.format(format, ...), "\n")
end

-- ---- candidates: `time(n)` gives the seconds that n turns take, `result(i)` the bytes for input i -------------------

local inputs, inputs_json = require "inputs"(root)
local candidates, versions = {}, {}

local function timed(run)
  return function(n)
    local start = bench.now()
    run(n)
    return bench.now() - start
  end
end

for name, candidate in pairs(bench.candidates(inputs)) do
  candidates[name] = { time = timed(candidate.run), result = candidate.result }
end
for name, candidate in pairs(require "candidates"(inputs, bench)) do
  candidates[name] = { time = timed(candidate.run), result = candidate.result }
end

local function start_node()
  local devnet = root .. "/devnet"
  local child = bench.start("node", root .. "/bench/peers.cjs", devnet)
  local answer = child:ask("inputs " .. inputs_json)
  if not answer then
    say("the peers that run in Node.js are not installed: scripts/setup brings them")
    return
  end
  local opened = cjson.decode(answer)
  for name in pairs(opened.names) do
    candidates[name] = {
      time = function(n)
        local took = assert(child:ask(("run %d %s"):format(n, name)), "the child is gone")
        return assert(tonumber(took), took) * 1e-9
      end,
      result = function(i) return assert(core.unhex("0x" .. assert(child:ask(("result %d %s"):format(i, name))))) end,
    }
  end
  for _, name in ipairs { "node", "viem", "ox", "noble" } do
    versions[name] = opened[name]
  end
end
start_node()

-- ---- measuring ------------------------------------------------------------------------------------------------------

-- What a figure's sides give has to be the same, but for signatures with a random nonce.
local function compare(figure)
  for i = 0, (figure.inputs or 1) - 1 do
    for _, side in ipairs(figure.sides) do
      local candidate = candidates[side.candidate]
      if candidate and side.compare ~= false then
        local got = candidate.result(i)
        local expected = figure.expected and figure.expected(inputs, i) or ""
        if got ~= expected then
          error(("%s, %s: wrong result for input %d: %s instead of %s"):format(figure.name, side.name, i,
            core.hex(got), core.hex(expected)))
        end
      end
    end
  end
end

-- How many turns make a slice, after the warm-up that compilers at run time need.
local function calibrate(candidate)
  local n, start = 1, bench.now()
  while true do
    local took = candidate.time(n)
    if took < SLICE / 2 then
      n = n * 2
    elseif bench.now() - start > WARM_UP then
      return math.max(1, math.floor(n * SLICE / took + 0.5))
    end
  end
end

local function measure(figure, slices)
  local sides = {}
  for _, side in ipairs(figure.sides) do
    local candidate = candidates[side.candidate]
    if candidate then
      side.turns = side.turns or calibrate(candidate)
      side.slices = side.slices or {}
      side.best = side.best or {}
      sides[#sides + 1] = { side = side, candidate = candidate, best = math.huge }
    end
  end
  collectgarbage()
  for slice = 1, slices do
    -- There and back, since what ran before leaves its mark on caches and clock rates.
    local first, last, step = 1, #sides, 1
    if slice % 2 == 0 then first, last, step = #sides, 1, -1 end
    for i = first, last, step do
      local entry = sides[i]
      local took = entry.candidate.time(entry.side.turns) / entry.side.turns
      entry.best = math.min(entry.best, took)
      table.insert(entry.side.slices, took)
    end
  end
  for _, entry in ipairs(sides) do
    table.insert(entry.side.best, entry.best)
  end
end

local function wanted(figure)
  if #options.only == 0 then return true end
  for _, name in ipairs(options.only) do
    if figure.name:lower():find(name:lower(), 1, true) then return true end
  end
  return false
end

local chosen = {}
for _, figure in ipairs(figures) do
  if wanted(figure) then
    compare(figure)
    chosen[#chosen + 1] = figure
  end
end
assert(#chosen > 0, "no figure has that name; --list names them")
for run = 1, options.runs do
  for _, figure in ipairs(chosen) do
    say("run %d of %d: %s", run, options.runs, figure.name)
    measure(figure, options.slices)
  end
end

-- ---- what came out --------------------------------------------------------------------------------------------------

local function summary(side)
  local slices = side.slices
  table.sort(slices)
  return { name = side.name, seconds = slices[1], noise = slices[math.ceil(#slices / 2)] / slices[1] - 1 }
end

-- A ratio over all runs, and the lowest and highest of a single run.
local function ratio(side, own)
  local low, high = math.huge, 0
  for run, best in ipairs(side.best) do
    low, high = math.min(low, best / own.best[run]), math.max(high, best / own.best[run])
  end
  return { value = side.slices[1] / own.slices[1], low = low, high = high }
end

local cpu = require "cpu"()
local results, met, missed = {}, 0, 0
for _, figure in ipairs(chosen) do
  local own = figure.sides[1]
  local result = { name = figure.name, sides = {} }
  local reached = {}
  for i, side in ipairs(figure.sides) do
    local entry
    if side.slices then
      entry = summary(side)
      entry.ratio = i > 1 and ratio(side, own) or nil
    else
      entry = { name = side.name, missing = true }
    end
    local target = side.target
    if type(target) == "function" then target = target(cpu) end
    if target and own.slices then
      entry.target, entry.goal = target, side.goal
      if side.slices then
        if figure.overhead then entry.overhead = own.slices[1] - side.slices[1] end
        local good = entry.overhead and entry.overhead <= target or not entry.overhead and entry.ratio.value >= target
        entry.met = good
        met, missed = met + (good and 1 or 0), missed + (good and 0 or 1)
      end
    end
    reached[i] = entry
  end
  result.sides = reached
  results[#results + 1] = result
end

local known = { { "Node.js", "node" }, { "viem", "viem" }, { "ox", "ox" }, { "noble", "noble" } }

if options.json then
  print(json.encode { cpu = cpu.model, features = json.array(cpu.features), lua = _VERSION, slice = SLICE,
    slices = options.slices, runs = options.runs, versions = json.object(versions), figures = json.array(results),
    met = met, missed = missed })
  os.exit(0)
end

local function span(seconds)
  if seconds < 1e-6 then return ("%.1f ns"):format(seconds * 1e9) end
  if seconds < 1e-3 then return ("%.2f us"):format(seconds * 1e6) end
  return ("%.2f ms"):format(seconds * 1e3)
end

local function times(number)
  return number < 10 and ("%.2fx"):format(number) or ("%.0fx"):format(number)
end

local parts = { cpu.model, _VERSION }
if #cpu.features > 0 then table.insert(parts, 2, "with " .. table.concat(cpu.features, " ")) end
for _, entry in ipairs(known) do
  if versions[entry[2]] then parts[#parts + 1] = entry[1] .. " " .. versions[entry[2]] end
end
print(table.concat(parts, ", "))
print(("Fastest of %d slices of %.0f ms a side, in turns, %d runs. Noise: the median slice above the fastest.")
  :format(options.runs * options.slices, SLICE * 1e3, options.runs))
print("Ratio: how many times faster the first line of a figure is; in brackets the lowest and highest of a single run.")
local line = "%-32s %-22s %13s %6s  %-24s %s"
print((line:format("figure", "side", "time", "noise", "ratio (runs)", "target"):gsub("%s+$", "")))
for _, result in ipairs(results) do
  local title = result.name
  for _, entry in ipairs(result.sides) do
    local compared, target = "", ""
    if entry.ratio then
      compared = ("%s (%s - %s)"):format(times(entry.ratio.value), times(entry.ratio.low), times(entry.ratio.high))
    end
    if entry.overhead then
      compared = ("%s more"):format(span(entry.overhead))
      target = ("<= %s: %s"):format(span(entry.target), entry.met and "met" or "MISSED")
    elseif entry.target then
      target = (">= %s%s: %s"):format(times(entry.target), entry.goal and (", goal " .. times(entry.goal)) or "",
        entry.met == nil and "unknown" or entry.met and "met" or "MISSED")
    end
    local text = entry.missing and line:format(title, entry.name, "not installed", "", compared, target)
      or line:format(title, entry.name, span(entry.seconds), ("+%.0f%%"):format(entry.noise * 100), compared, target)
    print((text:gsub("%s+$", "")))
    title = ""
  end
end
print(("%d of %d targets met"):format(met, met + missed))
