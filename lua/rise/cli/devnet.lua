--- `rise devnet`: a local chain with the real account contracts, a relay and a wallet, on loopback.
-- @module rise.cli.devnet

local Loop = require "rise.loop"
local json = require "rise.json"

local devnet = { name = "devnet", summary = "Run a local chain with the real contracts, a relay and a wallet." }

local function whole(low, high)
  return function(text)
    local number = tonumber(text)
    if not number or number % 1 ~= 0 or number < low or number > high then
      return nil, string.format("%s is not a whole number from %d to %d", text, low, high)
    end
    return number
  end
end

local function fault_text(text)
  local Relay = require "rise.devnet.relay"
  local read, err = require("rise.devnet.faults").parse(text, Relay.METHODS)
  return read and text, err and err.message
end

local FAULTS = [[
--fault makes the relay misbehave on purpose: a comma list of NAME[=VALUE][@PROBABILITY][:METHOD].
  drop=0.1                       end the connection without an answer, in one of ten requests
  hang                           never answer, leave the connection open
  delay=200ms, delay=50ms-2s     take longer
  status=503                     answer with this HTTP status
      These strike before anything is done or when all is done; drop-before, drop-after … choose.
  dup                            get the request twice
  reorder, reorder=1s            let the next request overtake, if it comes in time
  truncate, garbage              cut the answer off, or answer random bytes
  tamper, tamper=nonce           change a value, or this member, of what wallet_prepareCalls answers
  wrong-status, wrong-status=300 tell another status of a bundle
  stuck, stuck=5s                take a bundle and never send it, or later
  restart=30s, restart@0.01      come back with another key for quotes, so that those given are void
  seed=7                         the same faults in every run
For example: --fault drop=0.1,delay=50ms-2s@0.5,dup@0.05:wallet_sendPreparedCalls,seed=7
]]

function devnet.add_to_parser(command)
  command:option("--port", "Port of the relay; 0 picks a free one.", "9119"):convert(whole(0, 65535))
  command:option("--anvil-port", "Port of the chain's RPC; 0 picks a free one.", "8545"):convert(whole(0, 65535))
  command:option("--wallet-port", "Port of the wallet's page; 0 picks a free one. Without it 5175, or a free one when "
    .. "that is taken."):convert(whole(0, 65535))
  command:option("--chain-id", "Chain id.", "31337"):convert(whole(1, 2 ^ 32))
  command:option("--fees", "What bundles cost: `none`, or `native` to charge the account in ETH.", "none")
    :choices { "none", "native" }
  command:option("--quote-ttl", "Seconds until a quote expires.", "30"):convert(whole(1, 86400))
  command:option("--max-queued", "Bundles of an account that may wait behind the one in flight.", "1")
    :convert(whole(0, 1000))
  command:option("--block-time", "Seconds between blocks; without it each transaction has its block at once.")
    :convert(whole(1, 3600))
  command:option("--state", "File that keeps the chain between runs.")
  command:option("--dir", "The devnet's directory: package.json, contracts, node_modules.")
  command:option("--fault", "Misbehave on purpose, see below; may be given several times."):argname("TEXT"):count("*")
    :convert(fault_text)
  command:flag("-q --quiet", "Say nothing but the ready line.")
  command:argument("exec", "A command to run against the devnet, with RISE_NETWORK, RISE_RELAY, RISE_RPC, "
    .. "RISE_WALLET and RISE_CHAIN_ID set; the devnet ends with it."):args("*")
  command:handle_options(true)
  command:epilog("When everything is up, one line of JSON with all addresses is printed. Ctrl-C ends it.\n\n" .. FAULTS)
end

--- Runs a child command to its end while the loop goes on serving.
local function run_child(loop, argv, ready, running)
  local host = require "rise.host"
  argv.stdout, argv.stderr = "inherit", "inherit"
  argv.env = { RISE_NETWORK = "devnet", RISE_RELAY = ready.relay, RISE_RPC = ready.rpc, RISE_WALLET = ready.wallet,
    RISE_CHAIN_ID = tostring(ready.chain_id) }
  local child, err = host.spawn(argv)
  if not child then return nil, err end
  local code
  while not code and running() do
    code = child:wait(0)
    if not code then loop:step(0.05) end
  end
  child:close()
  return code or 130
end

function devnet.run(args, console)
  local host = require "rise.host"
  local loop = Loop.new()
  local function log(line)
    if not args.quiet then console.stderr:write("devnet: ", line, "\n") end
  end
  host.trap("INT", "TERM", "HUP")
  local net, err = require("rise.devnet").start {
    loop = loop,
    port = args.port,
    anvil_port = args.anvil_port,
    wallet = args.wallet_port or true,
    chain_id = args.chain_id,
    fees = args.fees,
    quote_ttl = args.quote_ttl,
    max_queued_per_eoa = args.max_queued,
    block_time = args.block_time,
    state = args.state,
    fault = args.fault,
    packages = args.dir,
    log = log,
  }
  if not net then
    console.stderr:write("rise: ", tostring(err), "\n")
    if err.hint then console.stderr:write("hint: ", err.hint, "\n") end
    return 1
  end
  local caught
  local function running()
    caught = caught or host.signal()
    return not caught and net:alive()
  end
  local code = 0
  if #args.exec > 0 then
    code, err = run_child(loop, args.exec, net.ready, running)
    if not code then
      console.stderr:write("rise: ", tostring(err), "\n")
      code = 1
    end
  else
    console.stdout:write(json.encode(net.ready), "\n")
    console.stdout:flush()
    while running() do loop:step(0.25) end
    if not caught then
      console.stderr:write("rise: the chain ended by itself\n")
      code = 1
    end
  end
  net:stop()
  return code
end

return devnet
