--- `rise keccak [TEXT]`: Keccak-256.
-- @module rise.cli.keccak

local core = require "rise.core"
local errors = require "rise.errors"

local keccak = {
  name = "keccak",
  summary = "Keccak-256 of a text, of bytes, or of standard input.",
  examples = {
    "rise keccak 'transfer(address,uint256)'",
    "rise keccak --hex 0xdeadbeef",
    "echo hello | rise keccak",
  },
  output = { { "hash", "string", "0x text of 32 bytes" } },
}

function keccak.add_to_parser(command)
  command:argument("text", "What to hash; without it standard input is read."):args("?")
  command:flag("--hex", "The text is 0x text of the bytes to hash.")
end

function keccak.run(args, console)
  local bytes = args.text
  if not bytes then
    if args.hex then return errors.fail("usage", "--hex needs the 0x text") end
    local state = core.keccak()
    while true do
      local part = console.stdin:read(65536)
      if not part then break end
      state:update(part)
    end
    bytes = state:final()
  else
    if args.hex then
      local err
      bytes, err = core.unhex(args.text)
      if not bytes then return errors.within(err, "the text") end
    end
    bytes = core.keccak256(bytes)
  end
  return console:result({ hash = core.hex(bytes) }, function(result) console:print(result.hash) end)
end

return keccak
