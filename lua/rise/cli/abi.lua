--- `rise abi`: calldata, results, events and errors of contracts, to and from text.
-- @module rise.cli.abi

local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"
local revert = require "rise.revert"
local values = require "rise.cli.values"

local SIGNATURE = "Human-readable: 'transfer(address,uint256)', 'balanceOf(address) returns (uint256)', '(bytes,bool)'."

local function compiled(text)
  local item, err = core.abi(text)
  if not item then return errors.within(err, "signature") end
  return item
end

local function bytes_of(text, what)
  local bytes, err = core.unhex(text)
  if not bytes then return errors.within(err, what) end
  return bytes
end

-- Prints decoded values, a line each.
local function show_values(console, inputs)
  return function(result)
    for i, input in ipairs(inputs) do
      local label = input.name ~= "" and input.name .. ": " or ""
      console:print(label .. values.text(result.values[i]))
    end
  end
end

local encode = {
  name = "encode",
  summary = "Encode arguments: calldata of a function, or a bare list.",
  examples = {
    "rise abi encode 'transfer(address,uint256)' 0x00000000000000000000000000000000000051ab 5ether",
    "rise abi encode '(uint8[],(string,bool))' '[1,2]' '[\"a\",true]'",
    "rise abi encode --packed '(address,uint96)' 0x00000000000000000000000000000000000051ab 7",
  },
  output = { { "data", "string", "0x text" } },
}

function encode.add_to_parser(command)
  command:argument("signature", SIGNATURE)
  command:argument("arguments", "Arrays and tuples as JSON; amounts may have a unit, `5ether`."):args("*")
  command:flag("--packed", "As abi.encodePacked does, without a selector.")
end

function encode.run(args, console)
  local item, err = compiled(args.signature)
  if not item then return nil, err end
  local list
  list, err = values.read(args.arguments, item:inputs())
  if not list then return nil, err end
  local bytes
  if args.packed then
    bytes, err = item:encode_packed(list)
  elseif item:kind() == "parameters" or item:kind() == "constructor" then
    bytes, err = item:encode(list)
  else
    bytes, err = item:encode_call(list)
  end
  if not bytes then return nil, err end
  return console:result({ data = core.hex(bytes) }, function(result) console:print(result.data) end)
end

local decode = {
  name = "decode",
  summary = "Decode calldata, or with --result what a function returned.",
  examples = {
    "rise abi decode 'approve(bool yes, uint8 count)' $(rise abi encode 'approve(bool,uint8)' true 7)",
    "rise abi decode --result 'f() returns (uint256)' $(rise abi encode '(uint256)' 5ether)",
    "rise abi decode '(uint256,string)' $(rise abi encode '(uint256,string)' 1 text) --json",
  },
  output = { { "values", "array", "the arguments in order: numbers as decimal text, bytes as 0x text" } },
}

function decode.add_to_parser(command)
  command:argument("signature", SIGNATURE)
  command:argument("data", "0x text.")
  command:flag("--result", "The data is what the function returned.")
end

function decode.run(args, console)
  local item, err = compiled(args.signature)
  if not item then return nil, err end
  local bytes
  bytes, err = bytes_of(args.data, "data")
  if not bytes then return nil, err end
  local inputs = item:inputs()
  local list
  if args.result then
    inputs = item:outputs()
    list, err = item:decode_outputs(bytes)
  else
    if item:kind() == "function" or item:kind() == "error" then
      if bytes:sub(1, 4) ~= item:selector() then
        return errors.fail("invalid_data", "data begins with " .. core.hex(bytes:sub(1, 4)) .. ", but the selector of "
          .. item:signature() .. " is " .. core.hex(item:selector()))
      end
      bytes = bytes:sub(5)
    end
    list, err = item:decode(bytes)
  end
  if not list then return nil, err end
  return console:result({ values = values.plain(list, inputs) }, show_values(console, inputs))
end

local sig = {
  name = "sig",
  summary = "The selector of a function or an error, or the topic of an event.",
  examples = { "rise abi sig 'transfer(address,uint256)'", "rise abi sig 'event Transfer(address,address,uint256)'" },
  output = { { "signature", "string", "canonical" }, { "selector", "string", "4 bytes, or null for events" },
    { "hash", "string", "32 bytes: an event's topic" } },
}

function sig.add_to_parser(command)
  command:argument("signature", SIGNATURE)
end

function sig.run(args, console)
  local item, err = compiled(args.signature)
  if not item then return nil, err end
  local kind = item:kind()
  if kind ~= "function" and kind ~= "error" and kind ~= "event" then
    return errors.fail("invalid_value", "signature " .. args.signature .. " is a " .. kind .. ", which has no selector")
  end
  return console:result({ signature = item:signature(), hash = core.hex(item:hash()),
    selector = kind ~= "event" and core.hex(item:selector()) or json.null },
    function(result) console:print(kind == "event" and result.hash or result.selector) end)
end

local event = {
  name = "event",
  summary = "Decode a log.",
  examples = {
    "rise abi event 'Minted(uint256 indexed id, bool yes)' --topic $(rise abi sig 'event Minted(uint256,bool)') "
      .. "--topic $(rise abi encode '(uint256)' 7) --data $(rise abi encode '(bool)' true)",
  },
  output = { { "values", "array", "the parameters in order" } },
}

function event.add_to_parser(command)
  command:argument("signature", "Human-readable, with `indexed` where it stands in the contract.")
  command:option("--topic", "A topic, in order; the event's own first."):count("*"):argname("<topic>")
  command:option("--data", "What is not indexed.", "0x")
end

function event.run(args, console)
  local text = args.signature
  if not text:find "^%s*event%s" then text = "event " .. text end
  local item, err = compiled(text)
  if not item then return nil, err end
  local topics = {}
  for i, topic in ipairs(args.topic) do
    topics[i], err = bytes_of(topic, "topic " .. i)
    if not topics[i] then return nil, err end
    if #topics[i] ~= 32 then return errors.fail("invalid_value", "topic " .. i .. ": 32 bytes expected: " .. topic) end
  end
  local data, list
  data, err = bytes_of(args.data, "data")
  if not data then return nil, err end
  list, err = item:decode_log(topics, data)
  if not list then return nil, err end
  local inputs = item:inputs()
  return console:result({ values = values.plain(list, inputs) }, show_values(console, inputs))
end

local error_command = {
  name = "error",
  summary = "Say what a revert means.",
  examples = {
    "rise abi error $(rise abi encode 'Error(string)' 'too late')",
    "rise abi error --abi 'error Full(uint256 left)' $(rise abi encode 'error Full(uint256)' 3)",
  },
  output = { { "code", "string", "as in the table of errors" }, { "message", "string", "a sentence" } },
}

function error_command.add_to_parser(command)
  command:argument("data", "0x text of the revert.")
  command:option("--abi", "A custom error of the contract; may be given several times."):count("*"):argname("<text>")
end

function error_command.run(args, console)
  local bytes, err = bytes_of(args.data, "data")
  if not bytes then return nil, err end
  local items = {}
  for _, text in ipairs(args.abi) do
    local item
    item, err = compiled(text:find "^%s*error%s" and text or "error " .. text)
    if not item then return nil, err end
    items[#items + 1] = item
  end
  local said = revert.to_error(args.data:lower(), { items = items })
  return console:result({ code = said.code, message = said.message }, function(result)
    console:print(result.message)
  end)
end

return {
  name = "abi",
  summary = "Encode and decode calldata, results, events and errors.",
  commands = { encode, decode, sig, event, error_command },
}
