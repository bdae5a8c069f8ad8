local compat = require "rise.compat"
local core = require "rise.core"

local function span(text, ...)
  local first, last = core.json_span(text, ...)
  if first == nil then return nil, last end
  return text:sub(first, last)
end

local REPLY = [[
{ "jsonrpc":"2.0", "id":1,
  "result" : { "capabilities":{"a":[1,{"b":"}"}]}, "digest":"0x12",
    "context" : { "quote":{ "n":12345678901234567, "calls": [] } , "x":"\u00e9\"" } } }
]]

describe("core.json_span", function()
  it("finds a member byte for byte", function()
    local context = '{ "quote":{ "n":12345678901234567, "calls": [] } , "x":"\\u00e9\\"" }'
    assert.equal(context, span(REPLY, "result", "context"))
    assert.equal("12345678901234567", span(REPLY, "result", "context", "quote", "n"))
    assert.equal('"0x12"', span(REPLY, "result", "digest"))
    assert.equal("1", span(REPLY, "id"))
  end)

  it("finds the whole value when no member is named", function()
    assert.equal('{"a":1}', span '  {"a":1}  ')
    assert.equal("null", span " null ")
  end)

  it("returns invalid_value when there is no such member", function()
    for _, path in ipairs { { "nope" }, { "result", "nope" }, { "result", "digest", "deeper" }, { "id", "x" } } do
      local found, err = span(REPLY, compat.unpack(path))
      assert.is_nil(found)
      assert.equal("invalid_value", err.code)
    end
  end)

  it("takes the first of two equal members", function()
    assert.equal("1", span('{"a":1,"a":2}', "a"))
  end)

  it("compares names as they are written", function()
    assert.is_nil((span('{"\\u0061":1}', "a")))
    assert.equal("1", span('{"\\u0061":1}', "\\u0061"))
  end)

  it("says where a malformed text broke", function()
    local _, err = span('{"a":[1,2}', "a")
    assert.equal("invalid_data: malformed JSON at byte 10", tostring(err))
  end)

  it("refuses every shortened text", function()
    local text = REPLY:match "^%s*(.-)%s*$"
    for length = 0, #text - 1 do
      local found, err = span(text:sub(1, length))
      assert.is_nil(found)
      assert.equal("invalid_data", err.code)
    end
    assert.equal(text, span(text))
  end)

  it("never leaves a text that was damaged at random", function()
    -- A linear congruence, so that every run sees the same texts.
    local state = 1
    local function random(n)
      state = (state * 1103515245 + 12345) % 2147483648
      return math.floor(state / 65536) % n + 1
    end
    local alphabet = '{}[],:"\\ue01-.tfn \n\0\255'
    for _ = 1, 3000 do
      local at, with = random(#REPLY), random(#alphabet)
      local text = REPLY:sub(1, at - 1) .. alphabet:sub(with, with) .. REPLY:sub(at + random(3))
      local first, last = core.json_span(text, "result", "context")
      if first then assert.is_true(first >= 1 and first <= last and last <= #text) end
    end
  end)

  it("finds where lua-cjson finds", function()
    local cjson = require "cjson"
    for _, name in ipairs { "keccak256", "rlp", "address" } do
      local file = assert(io.open("spec/vectors/" .. name .. ".json", "rb"))
      local text = file:read "*a"
      file:close()
      for member, value in pairs(cjson.decode(text)) do assert.same(value, cjson.decode((span(text, member)))) end
    end
  end)

  it("bounds depth", function()
    assert.equal(("["):rep(64) .. ("]"):rep(64), span(("["):rep(64) .. ("]"):rep(64)))
    local found, err = span(("["):rep(65) .. ("]"):rep(65))
    assert.is_nil(found)
    assert.equal("invalid_data", err.code)
  end)

  it("raises for names that are no text or carry a NUL, and for too many", function()
    assert.has_error(function() core.json_span("{}", 1) end)
    assert.has_error(function() core.json_span("{}", "a\0b") end)
    assert.has_error(function() core.json_span(nil, "a") end)
    local path = {}
    for i = 1, 65 do path[i] = "a" end
    assert.has_error(function() core.json_span("{}", compat.unpack(path)) end)
  end)
end)
