// The devnet this page belongs to, as its server tells.
import { createPublicClient, defineChain, http } from "viem";
import { anvil } from "viem/chains";

/** { relay, rpc, chain_id, contracts } */
export const settings = await (await fetch("/settings.json")).json();

export const chain = defineChain({
  ...anvil,
  id: settings.chain_id,
  name: "RISE devnet",
  rpcUrls: { default: { http: [settings.rpc] } },
});

export const node = createPublicClient({ chain, transport: http(settings.rpc) });
