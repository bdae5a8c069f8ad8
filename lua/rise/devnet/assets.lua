--- What an account owns, and the faucet.
-- @module rise.devnet.assets

local Fees = require "rise.devnet.fees"
local View = require "rise.devnet.view"
local contracts = require "rise.contracts"
local core = require "rise.core"
local json = require "rise.json"
local rpc_error = require "rise.devnet.rpc_error"
local shape = require "rise.devnet.shape"

local assets = {}

local FAUCET_GAS = 200000
local FAUCET_SECONDS = 30

local function asset_address(value, path)
  if value == "native" then return contracts.NATIVE end
  return shape.address(value, path)
end


local GET_ASSETS = shape.parameters(shape.object {
  account = shape.address,
  assetFilter = shape.optional(shape.map(shape.quantity, shape.list(shape.object {
    address = asset_address, type = shape.text,
  }))),
  assetTypeFilter = shape.optional(shape.list(shape.text)),
  chainFilter = shape.optional(shape.list(shape.quantity)),
})

local ADD_FAUCET_FUNDS = shape.parameters(shape.object {
  address = shape.address, chainId = shape.quantity, tokenAddress = shape.address, value = shape.u256,
})

local function contains(list, value)
  if not list then return true end
  for _, entry in ipairs(list) do
    if entry == value then return true end
  end
  return false
end

-- Name, symbol and decimals of a token the relay does not know; nil where the contract does not tell all of them.
local function read_metadata(view, token)
  local metadata = {}
  for _, name in ipairs { "name", "symbol", "decimals" } do
    local found = view:read(token, contracts.erc20[name])
    if not found then return json.null end
    metadata[name] = found[1]
  end
  return metadata
end

local function describe(relay, view, account, wanted)
  local balance, err = Fees.balance(view, wanted.address, account)
  if not balance then return nil, err end
  local native = wanted.address == contracts.NATIVE
  local known = relay.fees.by_address[wanted.address]
  return {
    address = native and "native" or wanted.address, type = native and "native" or "erc20", balance = balance,
    metadata = known and { name = known.name, symbol = known.symbol, decimals = known.decimals }
      or read_metadata(view, wanted.address),
  }
end

-- Those asked for, or those the relay knows.
local function wanted_assets(relay, request)
  local list = {}
  if request.assetFilter then
    for _, asset in ipairs(request.assetFilter[relay.chain_id] or {}) do
      if asset.type == "native" or asset.type == "erc20" then
        list[#list + 1] = { address = asset.address, type = asset.type }
      end
    end
    return list
  end
  for _, token in ipairs(relay.fees.tokens) do
    list[#list + 1] = { address = token.address, type = token.native and "native" or "erc20" }
  end
  return list
end

--- wallet_getAssets
function assets.get(relay, params)
  local values, complaint = GET_ASSETS(params)
  if not values then return rpc_error.params(complaint) end
  local request = values[1]
  if not contains(request.chainFilter, relay.chain_id) then return json.object {} end
  local view, err = View.new(relay.node)
  if not view then return nil, err end
  local list = json.array {}
  for _, wanted in ipairs(wanted_assets(relay, request)) do
    if contains(request.assetTypeFilter, wanted.type) then
      local asset = describe(relay, view, request.account, wanted)
      if not asset then
        return rpc_error.trouble("unsupported asset %s on chain %d", wanted.address, relay.chain_id)
      end
      list[#list + 1] = asset
    end
  end
  return { [core.u256(relay.chain_id):hex()] = list }
end

--- wallet_addFaucetFunds: mints STK. Native currency cannot be minted; failures are told in the message.
function assets.faucet(relay, params)
  local values, complaint = ADD_FAUCET_FUNDS(params)
  if not values then return rpc_error.params(complaint) end
  local request = values[1]
  if request.chainId ~= relay.chain_id then return rpc_error.trouble("unsupported chain %d", request.chainId) end
  local function failure(message)
    return { transactionHash = json.null, message = message }
  end
  if request.tokenAddress ~= relay.addresses.stk then return failure("Token address not supported") end
  local hash = relay.bundles:submit {
    to = relay.addresses.stk, gas = core.u256(FAUCET_GAS),
    data = assert(contracts.encode_call(relay.mint, { request.address, request.value })),
  }
  local receipt = hash and relay.chain:wait_receipt(hash, FAUCET_SECONDS)
  if not receipt or receipt.status ~= "0x1" then return failure("Faucet funding failed") end
  return { transactionHash = hash, message = "Faucet funding successful" }
end

return assets
