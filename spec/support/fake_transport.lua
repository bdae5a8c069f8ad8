-- A transport of 40 lines that answers from a script: what the seam of rise.loop has to be like, and all it has to be.
--
-- `handlers` is a list of functions used up one by one, or a single function for all requests. Each gets the request
-- and returns the reply's body, or a table { status, body, delay (steps), err }.
local errors = require "rise.errors"

local Fake = {}
Fake.__index = Fake

local function new(handlers)
  return setmetatable({ handlers = handlers, requests = {}, waiting = {}, last_id = 0, canceled = {} }, Fake)
end

function Fake:submit(request)
  self.last_id = self.last_id + 1
  self.requests[#self.requests + 1] = request
  local handler = type(self.handlers) == "function" and self.handlers or table.remove(self.handlers, 1)
  if not handler then error("fake transport: no answer scripted for request " .. self.last_id) end
  local answer = handler(request)
  if type(answer) == "string" then answer = { body = answer } end
  self.waiting[#self.waiting + 1] = { id = self.last_id, answer = answer, steps = answer.delay or 0 }
  return self.last_id
end

function Fake:step()
  for _, entry in ipairs(self.waiting) do entry.steps = entry.steps - 1 end
  return #self.waiting
end

function Fake:next()
  for i, entry in ipairs(self.waiting) do
    if entry.steps < 0 then
      table.remove(self.waiting, i)
      local answer = entry.answer
      if answer.err then return entry.id, nil, errors.new(answer.err, "scripted", { sent = answer.sent }) end
      return entry.id, { status = answer.status or 200, body = answer.body }
    end
  end
end

function Fake:cancel(id)
  self.canceled[id] = true
  for i, entry in ipairs(self.waiting) do
    if entry.id == id then return table.remove(self.waiting, i) end
  end
end

return { new = new }
