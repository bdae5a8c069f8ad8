-- errors.json holds what widely used JavaScript libraries agree on, and the errors of the account contracts.
local core = require "rise.core"
local cases = require "support.abi_cases"

local vectors = cases.load "errors"

describe("the data of an error", function()
  it("begins with the selector and decodes to the arguments of the vectors", function()
    assert.equal(40, #vectors.cases)
    for _, case in ipairs(vectors.cases) do
      local item = assert(core.abi(case.error))
      assert.equal("error", item:kind())
      assert.equal(case.name, item:name())
      assert.equal(case.signature, item:signature())
      local data = core.unhex(case.data)
      assert.equal(item:selector(), data:sub(1, 4), case.error)
      local args = assert(item:decode(data:sub(5)))
      assert.same(cases.plain_list(case.args, item:inputs()), cases.plain_list(args, item:inputs()), case.error)
      assert.equal(case.data, core.hex(assert(item:encode_call(case.args))), case.error)
    end
  end)

  it("has the selectors that the account contracts have", function()
    assert.equal(25, #vectors.account)
    for _, case in ipairs(vectors.account) do
      assert.equal(case.selector, core.hex(assert(core.abi("error " .. case.signature)):selector()), case.signature)
    end
  end)

  it("that is of none of these errors matches none of them", function()
    for _, unknown in ipairs(vectors.unknown) do
      local selector = unknown.data:sub(1, 10)
      for _, list in ipairs { vectors.cases, vectors.account } do
        for _, case in ipairs(list) do
          local item = assert(core.abi("error " .. case.signature))
          assert.is_false(core.hex(item:selector()) == selector, case.signature)
        end
      end
    end
  end)
end)
