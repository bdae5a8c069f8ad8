-- An HTTP proxy in front of a devnet's relay, in the same loop: sees every request, and may change every answer. And
-- what changes answers: a walk over a JSON tree that yields each way to change each part of it.
local core = require "rise.core"
local host = require "rise.host"
local json = require "rise.json"
local wire = require "rise.devnet.wire"

local proxy = {}

local Proxy = {}
Proxy.__index = Proxy

-- The answer as the genuine relay gives it; the one recorded for the same request when `replay` is set.
local function genuine(self, call, body)
  local name = call.method .. json.encode(call.params)
  local recorded = self.replay and self.recorded[name]
  if recorded then return (recorded:gsub('"id":%d+', '"id":' .. string.format("%.0f", call.id), 1)) end
  local reply = assert(self.loop:fetch { url = self.target, body = body, timeout = 30 })
  self.recorded[name] = reply.body
  return reply.body
end

local function serve(self, request)
  local call = assert(wire.read(request.body))
  self.open = self.open + 1
  self.seen[#self.seen + 1] = { method = call.method, params = call.params, text = request.body }
  local text = self.instead and self.instead(call.method, call) or nil
  if not text then
    text = genuine(self, call, request.body)
    text = self.change and self.change(call.method, text) or text
  end
  self.open = self.open - 1
  if self.httpd then
    self.httpd:reply(request.id, 200, { ["Content-Type"] = "application/json" }, text)
    self.httpd:step()
  end
end

--- Starts a proxy. Settings, all of which may be changed at any time: `change(method, text)` gives the text to answer
-- instead; `instead(method, call)` answers without asking the relay; `replay`: equal requests are answered from memory.
-- `seen` has what was asked since it was last emptied.
function proxy.start(loop, target)
  local httpd = assert(host.httpd { max_body = 11 * 1024 * 1024 })
  local self = setmetatable({ loop = loop, target = target, httpd = httpd, seen = {}, recorded = {}, open = 0 }, Proxy)
  self.url = "http://127.0.0.1:" .. httpd:port()
  self.source = {
    fd = function() return httpd:fd() end,
    -- A loop waits for one source's descriptor; while the relay behind is at work its own must be looked at as well.
    timeout = function() return self.open > 0 and 0.001 or httpd:timeout() end,
    step = function()
      httpd:step()
      for request in httpd.next, httpd do loop:spawn(serve, self, request) end
    end,
  }
  loop:add_source(self.source)
  return self
end

function Proxy:stop()
  if not self.httpd then return end
  self.loop:remove_source(self.source)
  self.httpd:close()
  self.httpd = nil
end

--- How often a method was asked for since `seen` was emptied, and the last such request.
function Proxy:count(method)
  local count, last = 0, nil
  for _, request in ipairs(self.seen) do
    if request.method == method then count, last = count + 1, request end
  end
  return count, last
end

-- ---- ways to change a value -----------------------------------------------------------------------------------

local OTHER = "0x00000000000000000000000000000000000000cc"

local function flipped(text, at)
  local digit = tonumber(text:sub(at, at), 16)
  return text:sub(1, at - 1) .. string.format("%x", digit % 2 == 0 and digit + 1 or digit - 1) .. text:sub(at + 1)
end

local function hex_ways(text, add)
  local digits = #text - 2
  if digits > 0 then
    add("first digit flipped", flipped(text, 3))
    add("middle digit flipped", flipped(text, 3 + math.floor(digits / 2)))
    add("last digit flipped", flipped(text, #text))
    add("upper case", "0x" .. text:sub(3):upper())
    add("zeros", "0x" .. ("0"):rep(digits))
    add("ones", "0x" .. ("f"):rep(digits))
    add("a digit less", text:sub(1, -2))
    add("without 0x", text:sub(3))
    add("a digit that is none", text:sub(1, -2) .. "g")
  end
  add("a byte more", text .. "00")
  add("0x", "0x")
  if digits == 40 then
    add("another address", OTHER)
    add("the zero address", "0x" .. ("0"):rep(40))
    add("the precompile", "0x" .. ("0"):rep(37) .. "100")
  end
  local number = digits > 0 and digits < 64 and digits ~= 40 and core.u256(text)
  if number then
    add("one more", (number + 1):hex())
    if not number:is_zero() then add("one less", (number - 1):hex()) end
    add("twice", number:mul(2):hex())
    add("the greatest", "0x" .. ("f"):rep(64))
    add("more than fits", "0x1" .. ("0"):rep(64))
    add("in decimal", tostring(number))
    add("with a zero in front", "0x0" .. text:sub(3))
    if number:cmp(9007199254740991) < 0 then add("as a JSON number", number:number()) end
  end
end

-- The ways to change one value; each is told to `add(name, other)`.
local function ways(value, add)
  if type(value) == "string" then
    if value:find("^0x%x*$") then hex_ways(value, add) end
    add("no text", "")
    add("other text", value .. "x")
    add("as a list", json.array { value })
  elseif type(value) == "number" then
    add("one more", value + 1)
    add("zero", 0)
    add("negative", -1)
    add("a fraction", value + 0.5)
    add("as text", string.format("%.0f", value))
  elseif type(value) == "boolean" then
    add("the opposite", not value)
    add("as text", tostring(value))
  elseif value == json.null then
    add("zero", "0x0")
    add("a word", "0x" .. ("1"):rep(64))
    add("an object", json.object {})
  elseif wire.is_array(value) then
    local copy = {}
    for i, element in ipairs(value) do copy[i] = element end
    if #copy >= 2 then
      local swapped = { copy[2], copy[1] }
      for i = 3, #copy do swapped[i] = copy[i] end
      add("the first two swapped", json.array(swapped))
    end
    if #copy >= 1 then
      local more = { copy[1] }
      for i, element in ipairs(copy) do more[i + 1] = element end
      add("the first twice", json.array(more))
      more = {}
      for i = 2, #copy do more[i - 1] = copy[i] end
      add("without the first", json.array(more))
      add("only what is first", copy[1])
      add("empty", json.array {})
    end
    local longer = {}
    for i, element in ipairs(copy) do longer[i] = element end
    longer[#longer + 1] = "0x00"
    add("a 0x00 more", json.array(longer))
    add("as an object", json.object {})
  elseif wire.is_object(value) then
    add("empty", json.object {})
    add("in a list", json.array { value })
  end
  if value ~= json.null then add("null", json.null) end
  if type(value) ~= "boolean" then add("true", true) end
  if type(value) ~= "number" then add("a number", 7) end
end

-- An object as text with one member in it twice.
local function doubled(object, name, other, first)
  local text, extra = json.encode(object), json.encode(name) .. ":" .. json.encode(other)
  if first then return json.raw("{" .. extra .. "," .. text:sub(2)) end
  return json.raw(text:sub(1, -2) .. "," .. extra .. "}")
end

local function copied(value)
  if type(value) ~= "table" or not (wire.is_array(value) or wire.is_object(value)) then return value end
  local copy = setmetatable({}, getmetatable(value))
  for name, member in pairs(value) do copy[name] = copied(member) end
  return copy
end
proxy.copied = copied

local function sorted_names(object)
  local names = {}
  for name in pairs(object) do names[#names + 1] = name end
  table.sort(names)
  return names
end

-- A copy of `tree` in which the value at the path (a list of names and indices) is another.
local function with(tree, path, other)
  if #path == 0 then return other end
  local copy = copied(tree)
  local place = copy
  for i = 1, #path - 1 do place = place[path[i]] end
  place[path[#path]] = other
  return copy
end
proxy.with = with

local function value_at(tree, path)
  for _, step in ipairs(path) do tree = tree[step] end
  return tree
end

--- Every variant of a tree, below and including the value at `path`: a list of `{ name =, path =, tree = }`, `repeats`
-- set where a member is there twice.
function proxy.variants(tree, path)
  local list = {}
  local function visit(value, at)
    local where = table.concat(at, ".")
    local function add(name, other)
      list[#list + 1] = { name = where .. ": " .. name, path = at, tree = with(tree, at, other) }
    end
    ways(value, add)
    if not (wire.is_object(value) or wire.is_array(value)) then return end
    local steps = sorted_names(value)
    for _, step in ipairs(steps) do
      local below = {}
      for i, name in ipairs(at) do below[i] = name end
      below[#below + 1] = step
      visit(value[step], below)
      if wire.is_object(value) then
        list[#list + 1] = { name = where .. "." .. step .. ": left out", path = below, tree = with(tree, below, nil) }
        for _, first in ipairs { true, false } do
          list[#list + 1] = { name = where .. "." .. step .. ": twice, the other " .. (first and "first" or "last"),
            path = below, repeats = true,
            tree = with(tree, at, doubled(value, step, "0x1", first)) }
        end
      end
    end
    if wire.is_object(value) then
      local more = copied(value)
      more.newsOfTomorrow = json.object { anything = "0x1" }
      add("an unknown member", more)
    end
  end
  visit(value_at(tree, path), path)
  return list
end

return proxy
