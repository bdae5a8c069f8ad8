--- `rise account`: accounts as the relay and the chain know them.
-- @module rise.cli.account

local connection = require "rise.cli.connection"
local contracts = require "rise.contracts"
local core = require "rise.core"
local errors = require "rise.errors"
local json = require "rise.json"
local permissions = require "rise.permissions"
local secrets = require "rise.cli.secrets"
local values = require "rise.cli.values"

local show = {
  name = "show",
  summary = "Show an account: its balance, and the keys that may act for it.",
  devnet = true,
  output = { { "address", "string", "with checksum" }, { "balance", "string", "in wei, or null without a node" },
    { "explorer_url", "string", "or null" },
    { "keys", "array", "of {hash, type, role, public_key, expiry, permissions}; null for an unknown account" } },
}

function show.add_to_parser(command)
  command:argument("address", "The account's address.")
  connection.add_to_parser(command)
end

local function plain_key(wallet, key)
  return {
    hash = key.hash, type = key.type, role = key.role, public_key = key.public_key, expiry = key.expiry,
    permissions = json.array(key.role == "admin" and {} or permissions.explain(
      { calls = key.permissions.calls, spend = key.permissions.spend, expiry = key.expiry },
      { tokens = wallet.tokens })),
  }
end

function show.run(args, console)
  local wallet, settings = connection.open(args, console)
  if not wallet then return nil, settings end
  local address, err = connection.address(settings, args.address, "address")
  if not address then return nil, err end
  local balance
  if wallet.chain then
    balance, err = wallet:balance(address)
    if not balance then return nil, err end
  end
  local keys
  keys, err = wallet:account(address):keys()
  if not keys and err.code ~= "unknown_account" then return nil, err end
  local result = {
    address = core.checksum(core.unhex(address)), balance = balance and tostring(balance) or json.null,
    explorer_url = wallet.explorer and wallet.explorer .. "/address/" .. address or json.null, keys = json.null,
  }
  if keys then
    result.keys = json.array {}
    for i, key in ipairs(keys) do result.keys[i] = plain_key(wallet, key) end
  end
  return console:result(result, function()
    console:print(console:style("bold", result.address))
    if balance then console:print("balance  " .. core.units_format(balance, 18) .. " ETH") end
    if result.explorer_url ~= json.null then console:print("explorer " .. result.explorer_url) end
    if not keys then console:note("neither the relay nor the chain knows keys of this account") end
    for _, key in ipairs(keys and result.keys or {}) do
      console:print("", console:style("bold", key.role) .. " " .. key.type .. " " .. key.hash)
      for _, line in ipairs(key.permissions) do console:print("  " .. line) end
      if key.role == "admin" then
        console:print("  may do anything" .. (key.expiry == 0 and ", and never expires" or ""))
      end
    end
  end)
end

local new = {
  name = "new",
  summary = "Make an account whose administrator is a key in a keystore; its own key is wiped at once.",
  devnet = true,
  output = { { "address", "string", "with checksum" }, { "admin", "string", "hash of the administrator's key" } },
}

function new.add_to_parser(command)
  command:option("--admin", "Keystore of the administrator's key: `rise key new` makes one."):count(1)
  connection.add_to_parser(command)
  secrets.add_passphrase(command)
end

function new.run(args, console)
  local wallet, err = connection.open(args, console)
  if not wallet then return nil, err end
  local key
  key, err = secrets.open_key(args.admin, args, console)
  if not key then return nil, err end
  console:progress("making the account ...")
  local account
  account, err = wallet:create_account { admin = key }
  local hash = core.hex(key:hash())
  key:close()
  console:clear()
  if not account then return nil, err end
  return console:result({ address = core.checksum(core.unhex(account.address)), admin = hash }, function(result)
    console:print(result.address)
    console:note("administrator " .. args.admin .. "; it goes on chain with its first bundle")
  end)
end

local fund = {
  name = "fund",
  summary = "Get test money: native currency of a devnet, or a token that the relay's faucet mints.",
  devnet = true,
  output = { { "address", "string", "with checksum" }, { "amount", "string", "in base units" },
    { "token", "string", "its address, or null for native currency" },
    { "transaction_hash", "string", "or null where there was no transaction" } },
}

function fund.add_to_parser(command)
  command:argument("address", "The account's address.")
  command:argument("amount", "How much, as in 1ether: 10^18 base units.", "1ether")
  command:option("--token", "A token's address or name instead of native currency.")
  connection.add_to_parser(command)
end

-- Native currency comes out of nowhere on a devnet alone.
local function fund_native(wallet, address, amount)
  if wallet.network.name ~= "devnet" or not wallet.chain then
    local faucet = wallet.network.faucet
    return errors.fail("unsupported", "this network gives no native currency to programs",
      { hint = faucet and "ask at " .. faucet })
  end
  local balance, err = wallet:balance(address)
  if not balance then return nil, err end
  local ok
  ok, err = wallet.chain:request("anvil_setBalance", { address, (balance + amount):hex() })
  if ok == nil then return nil, err end
  return json.null
end

local function fund_token(wallet, address, amount, token)
  local answer, err = wallet.relay:add_faucet_funds { address = address, chainId = wallet.chain_id,
    tokenAddress = token, value = amount:hex() }
  if not answer then return nil, err end
  local hash = json.get(answer, "transactionHash")
  if type(hash) == "string" then return hash end
  return errors.fail("relay", "the faucet says: " .. errors.printable(json.get(answer, "message") or "nothing", 200))
end

function fund.run(args, console)
  local amount, err = values.amount(args.amount)
  if not amount then return errors.within(err, "amount") end
  local wallet, settings = connection.open(args, console)
  if not wallet then return nil, settings end
  local address, token
  address, err = connection.address(settings, args.address, "address")
  if not address then return nil, err end
  if args.token then
    token, err = connection.address(settings, args.token, "token")
    if not token then return nil, err end
  end
  console:progress("asking the faucet ...")
  local hash
  if token then
    hash, err = fund_token(wallet, address, amount, token)
  else
    hash, err = fund_native(wallet, address, amount)
  end
  console:clear()
  if not hash then return nil, err end
  return console:result({ address = core.checksum(core.unhex(address)), amount = tostring(amount),
    token = token or json.null, transaction_hash = hash }, function(result)
    console:print(string.format("%s for %s%s",
      permissions.amount_text(token or contracts.NATIVE, amount, wallet.tokens), result.address,
      hash ~= json.null and ", transaction " .. hash or ""))
  end)
end

return {
  name = "account",
  summary = "Make, look at and fund accounts.",
  commands = { new, show, fund },
}
