--- The node as the relay asks it: what is wanted together goes out as one HTTP request.
--
-- A question is the text of a JSON-RPC request behind its id, `"method":"...","params":[...]`. Questions that are the
-- same text have the same answer at one state of the chain, which is what @{rise.devnet.View} relies upon.
-- @classmod rise.devnet.Node

local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"

local Node = {}
Node.__index = Node

--- @param chain a @{rise.Chain}, which stays the way to everything that is asked alone
-- @treturn Node
function Node.new(chain)
  return setmetatable({ chain = chain, rpc = chain.rpc, loop = chain.loop, offset = 0 }, Node)
end

local function method_of(question)
  return question:match('^"method":"([%w_]+)"') or "?"
end

local function nonsense(question, what)
  return errors.new("node", method_of(question) .. ": the node answered " .. what)
end

-- What a response says: `{ result }`, or `{ nil, err }`.
local function read(question, response)
  local object = response and response.error
  if type(object) == "table" then
    local message = errors.printable(object.message, 1000)
    local err = errors.new("rpc", string.format("%s: %s", method_of(question), message),
      { method = method_of(question), rpc_code = object.code, rpc_message = message, data = json.get(object, "data") })
    return { nil, err }
  end
  if not response or response.result == nil then return { nil, nonsense(question, "neither a result nor an error") } end
  return { response.result }
end

--- Asks all of these at once.
-- @tparam table questions
-- @tparam[opt] table options `once = true` for what must not be done twice; `timeout` in seconds
-- @treturn[1] table for each question `{ result }` or `{ nil, err }`; and `text`, the whole answer
-- @treturn[2] nil
-- @treturn[2] table network, timeout, node
function Node:ask(questions, options)
  local parts = {}
  for i, question in ipairs(questions) do
    parts[i] = '{"jsonrpc":"2.0","id":' .. i .. "," .. question .. "}"
  end
  local reply, err = self.loop:fetch {
    url = self.rpc.url, max_reply = self.rpc.max_reply,
    body = parts[2] and "[" .. table.concat(parts, ",") .. "]" or parts[1],
    timeout = options and options.timeout or self.rpc.timeout, repeatable = not (options and options.once),
  }
  if not reply then return errors.within(err, method_of(questions[1])) end
  local list = json.decode(reply.body)
  if reply.status ~= 200 or type(list) ~= "table" then
    return nil, nonsense(questions[1], "HTTP status " .. reply.status .. " without JSON")
  end
  local by_id, answers = {}, { text = reply.body }
  for _, response in ipairs(parts[2] and list or { list }) do
    if type(response) == "table" and response.id then by_id[response.id] = response end
  end
  for i, question in ipairs(questions) do answers[i] = read(question, by_id[i]) end
  return answers
end

--- The time the next block is likely to have, judged by what the node said last.
-- @treturn number unix seconds
function Node:likely_time()
  return math.floor(core.now()) + self.offset
end

--- Learns the time of the next block from the node.
-- @tparam number time unix seconds
function Node:learn_time(time)
  self.offset = time - math.floor(core.now())
end

return Node
