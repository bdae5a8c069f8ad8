-- eip712.json holds what widely used JavaScript libraries agree on.
local core = require "rise.core"
local cases = require "support.abi_cases"

local vectors = cases.load "eip712"

local DOMAIN = {
  { name = "name", type = "string" }, { name = "version", type = "string" }, { name = "chainId", type = "uint256" },
  { name = "verifyingContract", type = "address" }, { name = "salt", type = "bytes32" },
}

local function struct(name, members)
  local parts = {}
  for i, member in ipairs(members) do parts[i] = member.type .. " " .. member.name end
  return name .. "(" .. table.concat(parts, ",") .. ")"
end

-- encodeType as EIP-712 says it from the types of typed data; `reverse` puts the referenced structs in a wrong order.
local function encode_type(primary, types, reverse)
  local found, names = { [primary] = true }, {}
  local function visit(name)
    for _, member in ipairs(types[name]) do
      local base = member.type:match("^[^%[]+")
      if types[base] and not found[base] then
        found[base] = true
        names[#names + 1] = base
        visit(base)
      end
    end
  end
  visit(primary)
  table.sort(names, function(a, b)
    if reverse then return a > b end
    return a < b
  end)
  local text = struct(primary, types[primary])
  for _, name in ipairs(names) do text = text .. struct(name, types[name]) end
  return text
end

local function domain_type(domain)
  local members = {}
  for _, member in ipairs(DOMAIN) do
    if domain[member.name] ~= nil then members[#members + 1] = member end
  end
  return struct("EIP712Domain", members)
end

local function refusal(text)
  local typed, err = core.eip712(text)
  assert.is_nil(typed, text)
  return err
end

describe("eip712", function()
  it("hashes the vectors: type, domain, message and digest", function()
    assert.equal(20, #vectors.cases)
    for _, case in ipairs(vectors.cases) do
      local text = encode_type(case.primaryType, case.types)
      assert.equal(case.encodeType, text)
      local typed = assert(core.eip712(text))
      assert.equal(core.hex(core.keccak256(text)), core.hex(typed:type_hash()))
      local domain = assert(assert(core.eip712(domain_type(case.domain))):hash(case.domain))
      assert.equal(case.domainSeparator, core.hex(domain), text)
      local hash = assert(typed:hash(case.message))
      assert.equal(case.structHash, core.hex(hash), text)
      assert.equal(case.digest, core.hex(core.eip712_digest(domain, hash)), text)
    end
  end)

  it("gives digests that the vectors' signers signed", function()
    local signed = 0
    for _, case in ipairs(vectors.cases) do
      if case.signer then
        signed = signed + 1
        local address = assert(core.secp256k1_recover(core.unhex(case.digest), core.unhex(case.signer.signature)))
        assert.equal(case.signer.address:lower(), core.hex(address))
      end
    end
    assert.is_true(signed > 0)
  end)

  it("finds the canonical order of structs whatever order they are given in", function()
    for _, case in ipairs(vectors.cases) do
      local typed = assert(core.eip712(encode_type(case.primaryType, case.types, true)))
      assert.equal(core.hex(core.keccak256(case.encodeType)), core.hex(typed:type_hash()))
      assert.equal(case.structHash, core.hex(assert(typed:hash(case.message))))
    end
  end)

  it("takes members by position as well as by name", function()
    local typed = assert(core.eip712 "Mail(Person from,Person to,string contents)Person(string name,address wallet)")
    local cow, bob = "0xcd2a3d9f938e13cd947ec05abc7fe734df8dd826", "0x" .. ("b"):rep(40)
    local expected = "0xc52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e"
    assert.equal(expected, core.hex(assert(typed:hash { { "Cow", cow }, { "Bob", bob }, "Hello, Bob!" })))
    assert.equal(expected, core.hex(assert(typed:hash { contents = "Hello, Bob!", to = { wallet = bob, name = "Bob" },
      from = { name = "Cow", wallet = cow } })))
  end)

  it("names the member that is missing or does not fit", function()
    local typed = assert(core.eip712 "List(Pair[] pairs)Pair(uint8 a,bool b)")
    local function message(value)
      local hash, err = typed:hash(value)
      assert.is_nil(hash)
      assert.equal("invalid_value", err.code)
      return err.message
    end
    assert.equal("pairs[2].a: 256 does not fit uint8", message { pairs = { { 1, true }, { 256, true } } })
    assert.equal("pairs[1].b: missing", message { pairs = { { a = 1 } } })
    assert.equal("pairs: missing", message {})
    assert.has_error(function() typed:hash "pairs" end)
    assert.has_error(function() typed:hash() end)
  end)

  it("works on after a value was refused", function()
    local typed = assert(core.eip712 "A(bytes b,uint8 c)")
    local expected = core.hex(assert(typed:hash { "0x12", 1 }))
    assert.is_nil(typed:hash { "0x1234567890", 256 })
    assert.equal(expected, core.hex(assert(typed:hash { "0x12", 1 })))
  end)

  it("refuses texts that are malformed, with the position", function()
    for _, text in ipairs { "", "Mail", "Mail(", "Mail(string)", "Mail(string a,)", "Mail(string a;)",
      "Mail(string a)x", "Mail(uint a)", "Mail(function a)", "Mail((uint8 b) a)", "Mail(uint8[0] a)",
      "Mail(Person a)" } do
      local err = refusal(text)
      assert.equal("invalid_abi", err.code)
      assert.matches("^at byte %d+: ", err.message)
    end
  end)

  it("refuses recursive, double, empty and unused structs", function()
    assert.equal("at byte 8: a struct that contains itself: 'A'", refusal("A(B b)B(A a)").message)
    for _, text in ipairs { "A(A a)", "A(A[] a)", "A(B b)B(C c)C(B b)", "A(uint8 b)A(uint8 b)", "A(B b)B()",
      "A(uint8 b)B(uint8 c)", "A(uint8 b,bool b)" } do
      assert.equal("invalid_abi", refusal(text).code, text)
    end
  end)

  it("makes a digest of two hashes of 32 bytes and of nothing else", function()
    local zero = ("\0"):rep(32)
    assert.equal(core.hex(core.keccak256("\25\1" .. zero .. zero)), core.hex(core.eip712_digest(zero, zero)))
    assert.has_error(function() core.eip712_digest(zero, zero .. "\0") end)
    assert.has_error(function() core.eip712_digest("0x", zero) end)
    assert.has_error(function() core.eip712_digest(zero) end)
    assert.has_error(function() core.eip712(5) end)
  end)
end)
