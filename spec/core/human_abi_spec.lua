-- human-abi.json holds what widely used JavaScript libraries agree on.
local core = require "rise.core"
local cases = require "support.abi_cases"

local vectors = cases.load "human-abi"

-- What an item of the JSON ABI says, read off a compiled item.
local function check(expected, item, name)
  local event = expected.type == "event"
  assert.equal(expected.type, item:kind(), name)
  assert.equal(expected.name or "", item:name(), name)
  assert.equal(expected.stateMutability, item:mutability(), name)
  assert.same(cases.shown_list(expected.inputs or {}, event), item:inputs(), name)
  assert.same(cases.shown_list(expected.outputs or {}), item:outputs(), name)
end

local function check_hash(expected, item, name)
  if expected.signature then assert.equal(expected.signature, item:signature(), name) end
  if expected.selector then assert.equal(expected.selector, core.hex(item:selector()), name) end
  if expected.topic0 then assert.equal(expected.topic0, core.hex(item:hash()), name) end
end

local function refusal(text, structs)
  local item, err = core.abi(text, structs)
  assert.is_nil(item, text)
  return err
end

describe("a line of human-readable ABI", function()
  it("means the JSON item of the vectors", function()
    assert.equal(22, #vectors.items)
    for _, case in ipairs(vectors.items) do
      local item = assert(core.abi(case.text))
      check(case.item, item, case.text)
      check_hash(case, item, case.text)
    end
  end)

  it("may use structs that are passed apart, in any order", function()
    for _, set in ipairs(vectors.sets) do
      local structs, lines = {}, {}
      for _, text in ipairs(set.texts) do
        if text:find("^struct") then
          structs[#structs + 1] = text
        else
          lines[#lines + 1] = text
        end
      end
      local backwards = {}
      for i, text in ipairs(structs) do backwards[#structs - i + 1] = text end
      for _, definitions in ipairs { table.concat(structs, " "), table.concat(backwards, "\n") } do
        for i, text in ipairs(lines) do
          local item = assert(core.abi(text, definitions))
          check(set.abi[i], item, text)
          check_hash(set.signatures[i], item, text)
        end
      end
    end
  end)

  it("is refused where the vectors refuse it, with the position", function()
    assert.equal(13, #vectors.rejected)
    for _, case in ipairs(vectors.rejected) do
      local err = refusal(case.text)
      assert.equal("invalid_abi", err.code)
      assert.matches("^at byte %d+: ", err.message)
    end
  end)

  it("may be a bare signature, taken as a function", function()
    for _, case in ipairs(vectors.selectors) do
      local item = assert(core.abi(case.signature))
      assert.equal("function", item:kind())
      check_hash(case, item, case.signature)
    end
    assert.equal("view", assert(core.abi "balanceOf(address) view returns (uint256)"):mutability())
  end)

  it("may be a bare list of parameters", function()
    local item = assert(core.abi "(address to, uint96[] values)")
    assert.equal("parameters", item:kind())
    assert.equal("(address,uint96[])", item:signature())
    assert.same({ { name = "to", type = "address" }, { name = "values", type = "uint96[]" } }, item:inputs())
    assert.same({}, item:outputs())
  end)

  it("may have white space, data locations, visibility and a semicolon that mean nothing", function()
    local plain = "function f(uint256[] a, (bytes b) c) view returns (string d)"
    local wordy = "\tfunction  f ( uint [ ] calldata a , tuple ( bytes b ) memory c ) external view virtual override\n"
      .. "returns(string memory d) ; "
    local one, two = assert(core.abi(plain)), assert(core.abi(wordy))
    assert.equal(one:signature(), two:signature())
    assert.equal(one:mutability(), two:mutability())
    assert.same(one:inputs(), two:inputs())
    assert.same(one:outputs(), two:outputs())
  end)

  it("may say address payable, function and an empty list of results", function()
    local item = assert(core.abi "f(address payable to, function callback) returns ()")
    assert.equal("f(address,function)", item:signature())
    assert.equal("to", item:inputs()[1].name)
    assert.same({}, item:outputs())
  end)

  it("makes receive payable and a fallback payable where it says so", function()
    assert.equal("payable", assert(core.abi "receive()"):mutability())
    assert.equal("payable", assert(core.abi "fallback() external payable"):mutability())
    assert.equal("nonpayable", assert(core.abi "fallback()"):mutability())
  end)

  it("gives events, errors and lists of parameters no mutability", function()
    for _, text in ipairs { "event E()", "error E()", "()" } do
      assert.is_nil(assert(core.abi(text)):mutability())
    end
  end)

  it("gives a selector to functions and errors alone", function()
    for _, text in ipairs { "event E()", "constructor()", "receive()", "fallback()", "()" } do
      local item = assert(core.abi(text))
      assert.has_error(function() item:selector() end)
      assert.has_error(function() item:encode_call {} end)
    end
    assert.equal("0x82b42900", core.hex(assert(core.abi "error Unauthorized()"):encode_call {}))
  end)
end)

describe("a malformed ABI text", function()
  it("is refused for sizes, lengths and brackets that are wrong", function()
    for _, type_name in ipairs { "uint7", "uint0", "uint264", "uint08", "int1", "bytes0", "bytes33", "uint8[0]",
      "uint8[-1]", "uint8[01]", "uint8[", "uint8]", "uint8[1", "()", "tuple", "tuple()", "fixed128x18", "byte", "Uint8",
      "uint8[x]", "uint8[4294967296]" } do
      assert.equal("invalid_abi", refusal("f(" .. type_name .. ")").code, type_name)
    end
  end)

  it("is refused for `indexed` outside of events, and for more than three in one", function()
    assert.equal("at byte 17: only parameters of an event may be indexed",
      refusal("function f(uint8 indexed a)").message)
    assert.equal("invalid_abi", refusal("error E(uint8 indexed a)").code)
    assert.equal("invalid_abi", refusal("event E((uint8 indexed a) b)").code)
    local four = "event E(uint8 indexed a, uint8 indexed b, uint8 indexed c, uint8 indexed d)"
    assert.equal("a log has no more than four topics", refusal(four).message)
    assert.is_truthy(core.abi(four .. " anonymous"))
  end)

  it("is refused for two parameters of one name", function()
    assert.equal("two parameters or members are called 'a'", refusal("f(uint8 a, bool b, uint8 a)").message)
    assert.is_truthy(core.abi "f(uint8 a, (uint8 a) b) returns (uint8 a)")
  end)

  it("is refused for structs that are recursive, unknown, double or empty", function()
    local texts = {
      ["in the structs, at byte 37: a struct that contains itself: 'A'"] =
        "struct A { B b; } struct B { bool x; A[] list; }",
      ["in the structs, at byte 11: unknown type 'Gone'"] = "struct A { Gone b; }",
      ["in the structs, at byte 29: a struct defined twice: 'A'"] = "struct A { bool x; }  struct A { bool x; }",
      ["at byte 2: a struct without members: 'A'"] = "struct A { }",
      ["in the structs, at byte 7: a struct cannot be called 'address'"] = "struct address { bool x; }",
    }
    for expected, structs in pairs(texts) do
      assert.equal(expected, refusal("f(A)", structs).message)
    end
  end)

  it("is refused beyond the bounds on length, depth and number of types", function()
    assert.equal("limit", refusal(("("):rep(65536)).code)
    assert.equal("limit", refusal("f(" .. ("bool,"):rep(5000) .. "bool)").code)
    assert.equal("limit", refusal((" "):rep(65537)).code)
    assert.equal("limit", refusal("f()", (" "):rep(65537)).code)
    assert.equal("limit", refusal("f(uint8" .. ("[]"):rep(40) .. ")").code)
    assert.equal("limit", refusal("f(uint8[4294967295])").code)
  end)

  it("never raises, wherever it is cut off", function()
    local text = "function put(Outer o, (uint8 a, bytes32[2][] b)[] memory list) external view returns (Inner[3] x)"
    local structs = "struct Inner { uint256 a; bytes b; } struct Outer { Inner[] list; Inner one; }"
    assert.is_truthy(core.abi(text, structs))
    for i = 0, #text - 1 do
      local item, err = core.abi(text:sub(1, i), structs)
      assert.is_truthy(item or err.code == "invalid_abi")
    end
    for i = 0, #structs - 1 do
      assert.equal("invalid_abi", refusal(text, structs:sub(1, i)).code)
    end
    assert.equal("at byte 3: a NUL in the text", refusal("f()\0").message)
  end)
end)
