// Shared by the programs of this folder: a connection to a running devnet, and one JSON line on stdout for each step.
import assert from "node:assert/strict";
import { load } from "./packages.mjs";

export const viem = await load("viem");
export const accounts = await load("viem/accounts");
export const ox = await load("ox");
export const sdk = await load("rise-wallet");
export const sdkViem = await load("rise-wallet/viem");

/** The ready line of `rise devnet`, given as the first argument. */
export const ready = JSON.parse(process.argv[2] ?? "null");
if (!ready?.relay || !ready.rpc || !ready.contracts) {
  console.error(`usage: node ${process.argv[1]} '<ready line of rise devnet>'`);
  process.exit(2);
}

function innermost(error) {
  while (error?.cause) error = error.cause;
  return error;
}

/** What the relay answered, `{ code, message, data }`, out of the wrappings that viem and the SDK put around it. */
export function answer(error) {
  const inner = innermost(error);
  if (typeof inner?.code !== "number") throw error;
  if (!(inner instanceof Error)) return inner;
  // The SDK's provider makes another error of some, and keeps no more than the text.
  const details = inner.message.match(/^Details: (.*)$/m);
  if (!details) throw error;
  return { code: inner.code, message: details[1] };
}

/**
 * Runs one step and prints what it returns. The first one that throws ends the program.
 */
export async function step(name, run) {
  const begun = performance.now();
  const line = { step: name, ok: true };
  try {
    Object.assign(line, await run());
  } catch (error) {
    const { shortMessage, message = String(error) } = innermost(error) ?? {};
    Object.assign(line, { ok: false, error: (shortMessage ?? message).split("\n")[0] });
    console.error(error);
  }
  line.ms = Math.round(performance.now() - begun);
  console.log(JSON.stringify(line, (_, value) => (typeof value === "bigint" ? value.toString() : value)));
  if (!line.ok) process.exit(1);
  return line;
}

/** The peer's error a promise must end with; any other error is raised again. */
export async function refusal(promise, what) {
  try {
    await promise;
  } catch (error) {
    return answer(error);
  }
  throw new Error(`${what} was not refused`);
}

/** A bundle that must fail, refused when it is sent or later; its status, and what the relay says. */
export async function failure(sending, wait) {
  let id;
  try {
    id = await sending;
  } catch (error) {
    return { status: "refused", message: answer(error).message };
  }
  const { status } = await wait(id);
  assert.ok(status >= 300, `status ${status}`);
  return { status };
}

export const chain = viem.defineChain({
  ...sdk.Chains.anvil,
  id: ready.chain_id,
  rpcUrls: { default: { http: [ready.rpc] } },
});

const trace = process.env.RISE_SDK_TRACE
  ? {
      onFetchRequest: async (request) => console.error(">", await request.clone().text()),
      onFetchResponse: async (response) => console.error("<", await response.clone().text()),
    }
  : {};

/**
 * The SDK in relay mode, without a browser: administrators' keys are made by the program, accounts are kept in memory.
 */
export function connect() {
  const storage = sdk.Storage.memory();
  // With nothing stored the SDK's store throws while it loads, and then makes every request wait.
  storage.setItem("risewallet.store", { state: { accounts: [], chainIds: [chain.id] }, version: 5 });
  const porto = sdk.RiseWallet.create({
    announceProvider: false,
    chains: [chain],
    mode: sdk.Mode.relay({ mock: true }),
    relay: viem.http(ready.relay, trace),
    storage,
    transports: { [chain.id]: viem.http(ready.rpc) },
  });
  return {
    porto,
    relay: sdkViem.RelayClient.fromPorto(porto),
    request: (method, ...params) => porto.provider.request({ method, ...(params.length > 0 ? { params } : {}) }),
  };
}

/** Reads from the chain itself, past the SDK and the relay. */
export const node = viem.createPublicClient({ chain, transport: viem.http(ready.rpc), pollingInterval: 50 });
export const owner = viem.createTestClient({ chain, mode: "anvil", transport: viem.http(ready.rpc) });

export const stk = {
  address: ready.contracts.stk,
  abi: viem.parseAbi([
    "function mint(address to, uint256 value)",
    "function transfer(address to, uint256 value) returns (bool)",
    "function balanceOf(address owner) view returns (uint256)",
    "event Transfer(address indexed from, address indexed to, uint256 value)",
  ]),
};
export const counter = {
  address: ready.contracts.counter,
  abi: viem.parseAbi([
    "function increment()",
    "function setNumber(uint256 number)",
    "function count() view returns (uint256)",
    "event CountChanged(address indexed by, uint256 count)",
  ]),
};
export const ETHER = 10n ** 18n;

/** A call as `wallet_prepareCalls` takes it. */
export function call(contract, functionName, ...args) {
  return { to: contract.address, data: viem.encodeFunctionData({ abi: contract.abi, functionName, args }) };
}

/** STK of an account, and the counter. */
export async function state(account) {
  const [balance, count] = await Promise.all([
    node.readContract({ ...stk, functionName: "balanceOf", args: [account] }),
    node.readContract({ ...counter, functionName: "count" }),
  ]);
  return { balance, count };
}

export function inSeconds(seconds) {
  return Math.floor(Date.now() / 1000) + seconds;
}

/** A P-256 key of our own, as an app makes it that keeps the private half to itself. */
export function sessionKey() {
  const privateKey = ox.P256.randomPrivateKey();
  const publicKey = ox.PublicKey.toHex(ox.P256.getPublicKey({ privateKey }), { includePrefix: false });
  return {
    publicKey,
    hash: sdkViem.Key.hash({ publicKey, type: "p256" }),
    reference: { prehash: false, publicKey, type: "p256" },
    sign: (payload) => ox.Signature.toHex(ox.P256.sign({ payload, privateKey })),
  };
}

/** The permissions of the tutorial's page, for one key. */
export function pagePermissions(key, expiry = inSeconds(24 * 3600)) {
  return {
    expiry,
    feeToken: null,
    ...(key ? { key: { publicKey: key.publicKey, type: "p256" } } : {}),
    permissions: {
      calls: [
        { to: stk.address, signature: "mint(address,uint256)" },
        { to: stk.address, signature: "transfer(address,uint256)" },
        { to: counter.address, signature: "increment()" },
      ],
      spend: [
        { token: stk.address, limit: viem.toHex(100n * ETHER), period: "hour" },
        { limit: viem.toHex(ETHER), period: "minute" },
      ],
    },
  };
}

/** Prepares calls with the key of a session and checks what is to be signed. */
export async function prepare(wallet, account, key, calls) {
  const prepared = await wallet.request("wallet_prepareCalls", {
    calls,
    chainId: viem.toHex(chain.id),
    from: account,
    key: key.reference,
  });
  const { domain, message, primaryType, types } = prepared.typedData;
  assert.equal(primaryType, "Intent");
  assert.equal(viem.hashTypedData({ domain, message, primaryType, types }), prepared.digest);
  assert.equal(domain.verifyingContract.toLowerCase(), ready.contracts.orchestrator.toLowerCase());
  assert.equal(message.eoa.toLowerCase(), account.toLowerCase());
  assert.deepEqual(
    message.calls.map(({ to, data }) => ({ to: to.toLowerCase(), data })),
    calls.map(({ to, data }) => ({ to: to.toLowerCase(), data })),
  );
  return prepared;
}

/** Signs and sends what was prepared; the id of the bundle. */
export async function send(wallet, prepared, key) {
  const { capabilities, chainId, context, key: reference } = prepared;
  const [{ id }] = await wallet.request("wallet_sendPreparedCalls", {
    capabilities,
    chainId,
    context,
    key: reference,
    signature: key.sign(prepared.digest),
  });
  assert.equal(id, context.quote.hash);
  return id;
}

/** Asks for the status of a bundle until it is final. */
export async function wait(wallet, id, seconds = 20) {
  const until = Date.now() + 1000 * seconds;
  for (;;) {
    const answer = await wallet.request("wallet_getCallsStatus", id);
    if (answer.status !== 100) return answer;
    if (Date.now() > until) throw new Error(`bundle ${id} is pending after ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Prepares, signs, sends and waits for success; the receipt, checked with the node's. */
export async function act(wallet, account, key, calls) {
  const prepared = await prepare(wallet, account, key, calls);
  const answer = await wait(wallet, await send(wallet, prepared, key));
  assert.equal(answer.status, 200);
  assert.equal(answer.receipts.length, 1);
  const [receipt] = answer.receipts;
  const mined = await node.getTransactionReceipt({ hash: receipt.transactionHash });
  assert.equal(mined.status, "success");
  assert.equal(mined.blockHash, receipt.blockHash);
  assert.equal(receipt.logs.length, mined.logs.length);
  return { transaction: receipt.transactionHash, logs: mined.logs };
}

/** What the relay lists for an account, without what the SDK remembers. */
export async function relayKeys(wallet, account) {
  return sdkViem.RelayActions.getKeys(wallet.relay, { account: { address: account }, chainIds: [chain.id] });
}
