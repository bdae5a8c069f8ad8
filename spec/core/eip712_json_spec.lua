-- Typed data as JSON. eip712.json holds what widely used JavaScript libraries agree on; its texts are taken as they
-- stand in the file, so that nothing but rise.core has read their numbers.
local core = require "rise.core"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function member(text, name)
  local first, last = core.json_span(text, name)
  return first and text:sub(first, last)
end

local function typed_data(case)
  local parts = {}
  for _, name in ipairs { "types", "primaryType", "domain", "message" } do
    parts[#parts + 1] = ("%q:%s"):format(name, member(case, name))
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

local MAIL = [[{
  "types": {
    "Mail": [{ "name": "from", "type": "Person" }, { "name": "to", "type": "Person[]" },
      { "name": "contents", "type": "string" }],
    "Person": [{ "name": "name", "type": "string" }, { "name": "wallets", "type": "address[2]" }]
  },
  "primaryType": "Mail",
  "domain": { "name": "Ether Mail", "chainId": 1 },
  "message": {
    "from": { "name": "Cow", "wallets": ["0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826",
      "0xDeaDbeefdEAdbeefdEadbEEFdeadbeEFdEaDbeeF"] },
    "to": [{ "name": "Bob", "wallets": ["0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB",
      "0xb0bdabea57b0bdabea57b0bdabea57b0bdabea57"] }],
    "contents": "Hello, Bob!"
  }
}]]

-- MAIL with one piece of it replaced.
local function mail(piece, by)
  local first, last = MAIL:find(piece, 1, true)
  assert(first, piece)
  return MAIL:sub(1, first - 1) .. by .. MAIL:sub(last + 1)
end

local function refusal(text)
  local digest, err = core.eip712_json(text)
  assert.is_nil(digest, text)
  return tostring(err)
end

describe("core.eip712_json", function()
  local vectors = read "spec/vectors/eip712.json"

  it("hashes the vectors: domain, message and digest", function()
    local count = 0
    for case in member(vectors, "cases"):gmatch "%b{}" do
      count = count + 1
      local digest, domain, message = core.eip712_json(typed_data(case))
      assert(digest, domain)
      assert.equal(member(case, "digest"), ("%q"):format(core.hex(digest)))
      assert.equal(member(case, "domainSeparator"), ("%q"):format(core.hex(domain)))
      assert.equal(member(case, "structHash"), ("%q"):format(core.hex(message)))
    end
    assert.equal(20, count)
  end)

  it("hashes what eip712 hashes of values", function()
    local digest, domain, message = core.eip712_json(MAIL)
    assert(digest, domain)
    local typed = assert(core.eip712 [[Mail(Person from,Person[] to,string contents)
      Person(string name,address[2] wallets)]])
    assert.equal(typed:hash { from = { "Cow", { "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826",
      "0xdeadbeefdeadbeefdeadbeefdeadbeefdeadbeef" } }, to = { { "Bob", { "0x" .. ("b"):rep(40),
      "0x" .. ("b0bdabea57"):rep(4) } } }, contents = "Hello, Bob!" }, message)
    assert.equal(assert(core.eip712 "EIP712Domain(string name,uint256 chainId)"):hash { "Ether Mail", 1 }, domain)
    assert.equal(core.eip712_digest(domain, message), digest)
  end)

  it("takes numbers that doubles cannot hold, exactly", function()
    local function hash(number)
      return (select(3, assert(core.eip712_json(([[{"types":{"A":[{"name":"n","type":"uint256"}]},"primaryType":"A",
        "domain":{},"message":{"n":%s}}]]):format(number)))))
    end
    assert.equal(hash '"9007199254740993"', hash "9007199254740993")
    assert.equal(hash '"0x20000000000001"', hash "9007199254740993")
    assert.not_equal(hash "9007199254740992", hash "9007199254740993")
  end)

  it("names what is wrong with a value by its path", function()
    assert.equal("invalid_value: message.to[1].wallets[2]: not a value of type address: '\"0x12\"'",
      refusal(mail('"0xb0bdabea57b0bdabea57b0bdabea57b0bdabea57"', '"0x12"')))
    assert.equal("invalid_value: message.to[1].wallets: fewer elements than its type has",
      refusal(mail(',\n      "0xb0bdabea57b0bdabea57b0bdabea57b0bdabea57"', "")))
    assert.equal("invalid_value: message.contents: missing", refusal(mail(',\n    "contents": "Hello, Bob!"', "")))
    assert.equal("invalid_value: message.from.name: not a value of type string: '5'", refusal(mail('"Cow"', "5")))
    assert.equal("invalid_value: domain.chainId: not a value of type uint256: '-1'",
      refusal(mail('"chainId": 1', '"chainId": -1')))
  end)

  it("refuses what would not be signed", function()
    assert.equal("invalid_value: message: a member that its type does not have: 'amount'",
      refusal(mail('"contents": "H', '"amount": 1, "contents": "H')))
    assert.equal("invalid_value: domain: unknown member 'chainID'", refusal(mail('"chainId"', '"chainID"')))
    assert.equal("invalid_value: typed data: unknown member 'note'",
      refusal(mail('"primaryType"', '"note": "", "primaryType"')))
  end)

  it("refuses types that are unknown, recursive or not made of names", function()
    assert.equal("invalid_abi: types.Mail[2]: unknown type 'Persn'", refusal(mail("Person[]", "Persn[]")))
    assert.equal("invalid_abi: types.Person[2]: a struct that contains itself: 'Mail'",
      refusal(mail("address[2]", "Mail[2]")))
    assert.equal("invalid_abi: types.Person[1]: not a type: '\"string x,string\"'",
      refusal(mail('"name": "name", "type": "string"', '"name": "name", "type": "string x,string"')))
    assert.equal("invalid_value: primaryType: unknown type 'Post'",
      refusal(mail('"primaryType": "Mail"', '"primaryType": "Post"')))
  end)

  it("refuses malformed JSON with the position", function()
    assert.equal("invalid_data: at byte 0: malformed JSON", refusal "")
    assert.equal(("invalid_data: at byte %d: malformed JSON"):format(#MAIL), refusal(MAIL .. "}"))
    assert.matches("^limit: ", refusal((" "):rep(1048577)))
    assert.has_error(function() core.eip712_json {} end)
    assert.has_error(function() core.eip712_json() end)
  end)
end)
