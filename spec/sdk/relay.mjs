// The relay below the SDK's provider: RelayActions, with keys of every type, pre-calls that the client carries itself,
// the account's own key, and what is refused.
import assert from "node:assert/strict";
import {
  accounts, call, chain, connect, counter, ETHER, inSeconds, node, owner, ox, ready, refusal, sdkViem,
  state, step, stk, viem,
} from "./support.mjs";

const { Account, Key, RelayActions } = sdkViem;
const wallet = connect();
const { relay } = wallet;
const increment = [call(counter, "increment")];
const sessionPermissions = {
  calls: [{ to: counter.address, signature: "increment()" }],
  spend: [{ limit: ETHER, period: "day", token: viem.zeroAddress }],
};

async function wait(id) {
  for (let i = 0; i < 200; i++) {
    const answer = await RelayActions.getCallsStatus(relay, { id });
    if (answer.status !== 100) return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`bundle ${id} is pending`);
}

async function succeed(id) {
  const answer = await wait(id);
  assert.equal(answer.status, 200);
  return answer.receipts[0].transactionHash;
}

// Runs `act`, which must raise the counter by `by`.
async function counting(by, act) {
  const before = await node.readContract({ ...counter, functionName: "count" });
  const result = await act();
  const after = await node.readContract({ ...counter, functionName: "count" });
  assert.equal(after - before, by);
  return { ...result, before, after };
}

async function create(...authorizeKeys) {
  const account = await RelayActions.createAccount(relay, { authorizeKeys });
  await owner.setBalance({ address: account.address, value: 10n * ETHER });
  return account;
}

await step("health", async () => {
  const { quoteSigner, status, version } = await RelayActions.health(relay);
  assert.ok(viem.isAddress(quoteSigner));
  return { status, version };
});

for (const [name, make] of [
  ["p256", () => Key.createP256()],
  ["secp256k1", () => Key.createSecp256k1()],
  ["webauthn", () => Key.createHeadlessWebAuthnP256()],
  ["webcrypto", () => Key.createWebCryptoP256()],
]) {
  await step(`administrator ${name}`, () => counting(2n, async () => {
    const key = await make();
    const account = await create(key);
    await succeed((await RelayActions.sendCalls(relay, { account, calls: increment, key })).id);
    // A session key granted by it in a pre-call that the relay keeps.
    const session = Key.createP256({ expiry: inSeconds(3600), permissions: sessionPermissions, role: "session" });
    const grant = await RelayActions.prepareCalls(relay, { account, authorizeKeys: [session], key, preCalls: true });
    const { id } = await RelayActions.sendPreparedCalls(relay, {
      context: grant.context,
      key,
      signature: await Key.sign(key, { address: null, payload: grant.digest, wrap: false }),
    });
    assert.ok(viem.isHex(id));
    const sent = await RelayActions.sendCalls(relay, { account, calls: increment, key: session });
    return { transaction: await succeed(sent.id) };
  }));
}

await step("account's own key", () => counting(1n, async () => {
  const privateKey = accounts.generatePrivateKey();
  const eoa = Account.fromPrivateKey(privateKey);
  await owner.setBalance({ address: eoa.address, value: 10n * ETHER });
  await RelayActions.upgradeAccount(relay, { account: eoa, authorizeKeys: [Key.createP256()] });
  const prepared = await RelayActions.prepareCalls(relay, { account: eoa, calls: increment });
  assert.equal(prepared.key ?? undefined, undefined);
  const { id } = await RelayActions.sendPreparedCalls(relay, {
    context: prepared.context,
    signature: await eoa.sign({ hash: prepared.digest }),
  });
  return { transaction: await succeed(id) };
}));

await step("pre-calls carried inline", () => counting(2n, async () => {
  const admin = Key.createHeadlessWebAuthnP256();
  const account = await create(admin);
  const session = Key.createP256({ expiry: inSeconds(3600), permissions: sessionPermissions, role: "session" });
  const { id } = await RelayActions.sendCalls(relay, {
    account,
    calls: increment,
    key: session,
    preCalls: [{ authorizeKeys: [session], key: admin }],
  });
  const transaction = await succeed(id);
  const keys = await RelayActions.getKeys(relay, { account, chainIds: [chain.id] });
  assert.ok(keys.some(({ hash, role }) => hash === session.hash && role === "session"));
  await succeed((await RelayActions.sendCalls(relay, { account, calls: increment, key: session })).id);
  return { transaction };
}));

await step("grant and revoke in ordinary bundles", () => counting(1n, async () => {
  const admin = Key.createP256();
  const account = await create(admin);
  const session = Key.createP256({ expiry: inSeconds(3600), permissions: sessionPermissions, role: "session" });
  await succeed((await RelayActions.sendCalls(relay, { account, authorizeKeys: [session], key: admin })).id);
  await succeed((await RelayActions.sendCalls(relay, { account, calls: increment, key: session })).id);
  await succeed((await RelayActions.sendCalls(relay, { account, key: admin, revokeKeys: [session] })).id);
  const error = await refusal(RelayActions.prepareCalls(relay, { account, calls: increment, key: session }), "it");
  // What is not there cannot be revoked.
  const again = await refusal(RelayActions.sendCalls(relay, { account, key: admin, revokeKeys: [session] }), "twice");
  assert.equal(again.code, 3);
  assert.match(again.message, /^KeyDoesNotExist\b/);
  return { error: error.message };
}));

await step("two lanes at once", () => counting(2n, async () => {
  const admin = Key.createP256();
  const account = await create(admin);
  await succeed((await RelayActions.sendCalls(relay, { account, key: admin })).id);
  const prepared = await Promise.all([1n, 2n].map((lane) =>
    RelayActions.prepareCalls(relay, { account, calls: increment, key: admin, nonce: lane << 64n })));
  assert.deepEqual(prepared.map(({ context }) => context.quote.quotes[0].intent.nonce), [1n << 64n, 2n << 64n]);
  const sent = await Promise.all(prepared.map(async ({ context, digest }) =>
    RelayActions.sendPreparedCalls(relay, {
      context,
      key: admin,
      signature: await Key.sign(admin, { address: null, payload: digest, wrap: false }),
    })));
  return { transactions: await Promise.all(sent.map(({ id }) => succeed(id))) };
}));

await step("reverts of the target", async () => {
  const admin = Key.createP256();
  const account = await create(admin);
  const error = await refusal(
    RelayActions.sendCalls(relay, { account, calls: [call(stk, "transfer", stk.address, 1n)], key: admin }),
    "a transfer without balance",
  );
  assert.equal(error.code, 3);
  const [name] = viem.parseAbi([
    "error InsufficientBalance(address account, uint256 balance, uint256 needed)",
  ]);
  const decoded = viem.decodeErrorResult({ abi: [name], data: error.data });
  assert.deepEqual(decoded.args, [viem.getAddress(account.address), 0n, 1n]);
  return { error: error.message };
});

await step("altered quote", async () => {
  const admin = Key.createP256();
  const account = await create(admin);
  const before = await state(account.address);
  const { context, digest } = await RelayActions.prepareCalls(relay, { account, calls: increment, key: admin });
  const [quote] = context.quote.quotes;
  const altered = {
    quote: {
      ...context.quote,
      quotes: [{ ...quote, intent: { ...quote.intent, combinedGas: quote.intent.combinedGas + 1n } }],
    },
  };
  const signature = await Key.sign(admin, { address: null, payload: digest, wrap: false });
  const error = await refusal(
    RelayActions.sendPreparedCalls(relay, { context: altered, key: admin, signature }),
    "an altered quote",
  );
  assert.equal(error.code, -32602);
  assert.deepEqual(await state(account.address), before);
  return { error: error.message };
});

await step("foreign administrator", async () => {
  // A pre-call must be signed by an administrator of the account, and is checked at once.
  const account = await create(Key.createP256());
  const stranger = Key.createP256();
  const session = Key.createP256({ expiry: inSeconds(3600), permissions: sessionPermissions, role: "session" });
  const error = await refusal(
    RelayActions.prepareCalls(relay, { account, authorizeKeys: [session], key: stranger, preCalls: true })
      .then(async ({ context, digest }) => RelayActions.sendPreparedCalls(relay, {
        context,
        key: stranger,
        signature: await Key.sign(stranger, { address: null, payload: digest, wrap: false }),
      })),
    "a stranger's grant",
  );
  const used = await refusal(RelayActions.prepareCalls(relay, { account, calls: increment, key: session }), "its key");
  return { error: error.message, used: used.message };
});

await step("signatures", async () => {
  const { accounts: [{ address }] } = await wallet.request("wallet_connect", {
    capabilities: { createAccount: true },
    chainIds: [viem.toHex(chain.id)],
  });
  await owner.setBalance({ address, value: 10n * ETHER });
  const [{ privateKey }] = wallet.porto._internal.store.getState().accounts[0].keys;
  const admin = Key.fromHeadlessWebAuthnP256({ privateKey: privateKey.privateKey() });
  const digest = viem.keccak256("0x01");
  const signed = await Key.sign(admin, { address, payload: digest, wrap: false });

  // Before the account is on chain, from what the relay keeps.
  const stored = await RelayActions.verifySignature(relay, { address, digest, signature: signed });
  assert.equal(stored.valid, true);
  assert.equal(stored.proof.keyHash, admin.hash);
  const { authorization, to } = await RelayActions.getAuthorization(relay, { address });
  assert.equal(to.toLowerCase(), ready.contracts.orchestrator.toLowerCase());
  assert.equal(authorization.nonce, 0);
  const recovered = await viem.recoverAddress({
    hash: ox.Authorization.getSignPayload({ ...authorization, nonce: BigInt(authorization.nonce) }),
    signature: { r: authorization.r, s: authorization.s, yParity: authorization.yParity },
  });
  assert.equal(recovered, viem.getAddress(address));

  // Once it is, anybody can ask the account itself (ERC-1271).
  const { id } = await wallet.request("wallet_sendCalls", { calls: increment, from: address, version: "1" });
  await succeed(id);
  const message = "a session of rise";
  const signature = await wallet.request("personal_sign", viem.stringToHex(message), address);
  assert.equal(await node.verifyMessage({ address, message, signature }), true);
  assert.equal(await node.verifyMessage({ address, message: "another", signature }), false);
  const typed = {
    domain: { name: "rise", chainId: chain.id },
    message: { text: message },
    primaryType: "Note",
    types: { Note: [{ name: "text", type: "string" }] },
  };
  const client = viem.createWalletClient({ account: address, chain, transport: viem.custom(wallet.porto.provider) });
  const typedSignature = await client.signTypedData(typed);
  assert.equal(await node.verifyTypedData({ ...typed, address, signature: typedSignature }), true);
  const wrong = await RelayActions.verifySignature(relay, {
    address,
    digest: viem.keccak256("0x02"),
    signature: signed,
  });
  assert.equal(wrong.valid, false);
});

await step("assets", async () => {
  const account = await create(Key.createP256());
  const assets = await RelayActions.getAssets(relay, {
    account: account.address,
    assetFilter: { [viem.toHex(chain.id)]: [
      { address: "native", type: "native" },
      { address: stk.address, type: "erc20" },
    ] },
    chainFilter: [chain.id],
  });
  const [list] = Object.values(assets);
  assert.equal(list.find(({ type }) => type === "native").balance, 10n * ETHER);
  assert.equal(list.find(({ type }) => type === "erc20").balance, 0n);
});

await step("what a relay refuses", async () => {
  const ask = (method, params) => refusal(relay.request({ method, params }, { retryCount: 0 }), method);
  const codes = {};
  for (const [what, method, params, code] of [
    ["unknown method", "wallet_noSuchMethod", [], -32601],
    ["no parameters", "wallet_prepareCalls", [{}], -32602],
    ["calls as an object", "wallet_prepareCalls",
      [{ calls: {}, capabilities: { meta: {} }, chainId: chain.id }], -32602],
    ["no meta", "wallet_prepareCalls", [{ calls: [], capabilities: {}, chainId: chain.id }], -32602],
    ["unknown bundle", "wallet_getCallsStatus", [viem.keccak256("0x03")], -32602],
    ["unknown account", "wallet_getKeys",
      [{ address: accounts.privateKeyToAddress(accounts.generatePrivateKey()), chainIds: [viem.toHex(chain.id)] }],
      -32602],
  ]) {
    const error = await ask(method, params);
    codes[what] = error.code;
    assert.equal(error.code, code, `${what}: ${error.message}`);
  }
  return { codes };
});
process.exit(0);
