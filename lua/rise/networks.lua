--- Chain ids, endpoints, explorers: data only.
--
-- Contract addresses of the account system are not here: they come from the relay's capabilities. The two example
-- contracts of the devnet have fixed addresses, so that scripts can name them.
-- @module rise.networks

return {
  devnet = {
    name = "devnet",
    chain_id = 31337,
    relay = "http://127.0.0.1:9119",
    rpc = "http://127.0.0.1:8545",
    wallet = "http://localhost:5175/dialog",
    native = { symbol = "ETH", decimals = 18 },
    contracts = {
      stk = "0xb9aee5c72120eb21161df9b724c700aa8b1a6861",
      counter = "0xde1b982fd26fea93497f9fd3775e79fc6989da6e",
    },
  },
  testnet = {
    name = "testnet",
    chain_id = 11155931,
    relay = "https://relay.wallet.risechain.com",
    rpc = "https://testnet.riselabs.xyz",
    explorer = "https://explorer.testnet.riselabs.xyz",
    wallet = "https://wallet.risechain.com/dialog",
    faucet = "https://faucet.testnet.riselabs.xyz",
    native = { symbol = "ETH", decimals = 18 },
  },
}
