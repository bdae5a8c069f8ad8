--- The chain as it stands while one request is served: calls that leave no trace.
--
-- anvil runs an `eth_call` in the time of the latest block, which may be long past when nothing happened lately; the
-- bundle will run in the time of the next block. Key expiry and spending windows depend on it, so every call here is
-- made at the state of the latest block and in the time of the next.
--
-- A view asks the node for the time of the next block, and along with it for whatever is expected to be read: in the
-- time that the next block is likely to have, and once more when that was wrong. What was read is kept as long as the
-- view, by the text of the question, time included; so nothing is ever answered that was not asked in just these words.
-- @classmod rise.devnet.View

local contracts = require "rise.contracts"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"
local quantity = require "rise.quantity"

local View = {}
View.__index = View

-- Half the block: as much as the largest bundle may use, with room for the search around it.
local CALL_GAS = core.u256(150000000):hex()

local PENDING_BLOCK = '"method":"eth_getBlockByNumber","params":["pending",false]'
local TRIES = 3 -- to hit the time

local function add(view, question)
  if view.answers[question] == nil and not view.wanted[question] then
    view.wanted[question] = true
    view.questions[#view.questions + 1] = question
  end
end

-- Asks for the pending block and what is expected; whether the time was the right one.
local function look(view, expect)
  view.questions, view.wanted = { PENDING_BLOCK }, {}
  if expect then expect(view) end
  local questions = view.questions
  local answers, err = view.node:ask(questions)
  if not answers then return nil, err end
  local block
  block, err = answers[1][1], answers[1][2]
  if type(block) ~= "table" then return nil, err or errors.new("node", "the node has no pending block") end
  local time
  time, err = quantity.number(block.timestamp)
  if not time then return nil, err end
  for i = 2, #questions do view.answers[questions[i]] = answers[i] end
  local right = time == view.time
  if not right then
    view.node:learn_time(time)
    view.time = time
  end
  return true, right
end

--- Looks at the clock of the chain.
-- @param node a @{rise.devnet.Node}
-- @tparam[opt] function expect told the view, says by @{View:expect_call} and the like what will be read
-- @treturn[1] View with `time` in unix seconds
-- @treturn[2] nil
-- @treturn[2] table
function View.new(node, expect)
  local view = setmetatable({ node = node, chain = node.chain, time = node:likely_time(), answers = {} }, View)
  for _ = 1, TRIES do
    local ok, right = look(view, expect)
    if not ok then return nil, right end
    if right or not expect then break end
  end
  return view
end

-- ---- what can be asked ----------------------------------------------------------------------------------------

local function member(name, value)
  return value and ',"' .. name .. '":' .. json.encode(value) or ""
end

local function call_question(view, call)
  return '"method":"eth_call","params":[{"to":"' .. call.to .. '","data":"' .. call.data .. '"'
    .. member("from", call.from) .. member("gas", call.gas or CALL_GAS)
    .. member("authorizationList", call.authorizationList) .. '},"latest",'
    .. (call.overrides and json.encode(json.object(call.overrides)) or "{}")
    .. ',{"time":"' .. core.u256(view.time):hex() .. '"}]'
end

local function code_question(address)
  return '"method":"eth_getCode","params":["' .. address .. '","latest"]'
end

local function read_call(to, item, values)
  return { to = to, data = assert(contracts.encode_call(item, values)) }
end

--- Expects a call as @{View:call} takes it.
function View:expect_call(call)
  add(self, call_question(self, call))
end

--- Expects a function of a contract to be read.
function View:expect_read(to, item, values)
  self:expect_call(read_call(to, item, values))
end

--- Expects the code of an address.
function View:expect_code(address)
  add(self, code_question(address))
end

--- Expects a method that depends on nothing.
function View:expect_value(method)
  add(self, '"method":"' .. method .. '","params":[]')
end

local function ask(view, question)
  local answer = view.answers[question]
  if not answer then
    local answers, err = view.node:ask { question }
    if not answers then return nil, err end
    answer = answers[1]
    view.answers[question] = answer
  end
  return answer[1], answer[2]
end

--- What a method without parameters gives.
-- @treturn[1] any
-- @treturn[2] nil
-- @treturn[2] table
function View:value(method)
  return ask(self, '"method":"' .. method .. '","params":[]')
end

--- The code at an address.
-- @treturn[1] string 0x text
-- @treturn[2] nil
-- @treturn[2] table
function View:code(address)
  local code, err = ask(self, code_question(address))
  if code == nil then return nil, err end
  if type(code) ~= "string" then return errors.fail("node", "eth_getCode: the node answered a " .. type(code)) end
  return code
end

--- Runs a call.
-- @tparam table call `to`, `data`, and optionally `from`, `gas` (u256), `authorizationList`, `overrides` (state)
-- @treturn[1] string 0x text
-- @treturn[2] nil
-- @treturn[2] table `reverted` with the revert bytes in `err.data`; node, network …
function View:call(call)
  local result, err = ask(self, call_question(self, call))
  if result ~= nil then return result end
  if err.code == "rpc" and type(err.data) == "string" and err.data:find("^0x%x*$") then
    return errors.fail("reverted", "eth_call: " .. err.rpc_message, { data = err.data })
  end
  return nil, err
end

--- Runs calls one upon the other and gives what the last one returned.
-- @tparam table calls each `to`, `data`
-- @tparam[opt] table overrides state
-- @treturn[1] string 0x text
-- @treturn[2] nil
-- @treturn[2] table `reverted` with the data of the first that reverted, and `call`, its number
function View:sequence(calls, overrides)
  local list = json.array {}
  for i, call in ipairs(calls) do list[i] = { to = call.to, data = call.data } end
  local blocks, err = self.chain:request("eth_simulateV1", { {
    blockStateCalls = { { calls = list, stateOverrides = json.object(overrides),
      blockOverrides = { time = core.u256(self.time) } } },
  }, "latest" })
  if blocks == nil then return nil, err end
  local results = json.get(blocks, 1, "calls")
  if type(results) ~= "table" or #results ~= #calls then
    return errors.fail("node", "eth_simulateV1: the node's answer has no result for each call")
  end
  for i, result in ipairs(results) do
    if result.status ~= "0x1" then
      return errors.fail("reverted", "call " .. i .. " reverted", { data = result.returnData or "0x", call = i })
    end
  end
  return results[#results].returnData
end

--- Runs a function of a contract and decodes what it returned.
-- @tparam string to
-- @param item a compiled function
-- @tparam[opt] table values its arguments
-- @tparam[opt] table options `overrides`; `before`: calls to be run first
-- @treturn[1] table the values, by position and name
-- @treturn[2] nil
-- @treturn[2] table
function View:read(to, item, values, options)
  local call = read_call(to, item, values)
  local before = options and options.before
  local result, err
  if before and before[1] then
    local calls = {}
    for i, first in ipairs(before) do calls[i] = first end
    calls[#calls + 1] = call
    result, err = self:sequence(calls, options.overrides)
  else
    call.overrides = options and options.overrides
    result, err = self:call(call)
  end
  if not result then return nil, err end
  local decoded
  decoded, err = contracts.decode_outputs(item, result)
  if not decoded then return errors.fail("node", item:signature() .. " at " .. to .. ": " .. err.message) end
  return decoded
end

return View
