// The session-key page's flow with the wallet's own SDK: create an account, grant a P-256 key of ours, act with it,
// list it, revoke it, and be refused.
import assert from "node:assert/strict";
import {
  accounts, act, call, chain, connect, counter, ETHER, failure, node, owner, pagePermissions, prepare, ready,
  refusal, relayKeys, sdkViem, send, sessionKey, state, step, stk, viem, wait,
} from "./support.mjs";

const { RelayActions } = sdkViem;
const wallet = connect();
const key = sessionKey();
const shop = accounts.privateKeyToAddress(accounts.generatePrivateKey());
let account;

await step("connect", async () => {
  const answer = await wallet.request("wallet_connect", {
    capabilities: { createAccount: true },
    chainIds: [viem.toHex(chain.id)],
  });
  account = answer.accounts[0].address;
  assert.equal(answer.accounts[0].capabilities.admins.length, 1);
  assert.equal(answer.accounts[0].capabilities.permissions.length, 0);
  // Creating an account costs nothing: it comes on chain with its first bundle.
  assert.equal(await node.getCode({ address: account }), undefined);
  const [admin] = await relayKeys(wallet, account);
  assert.equal(admin.role, "admin");
  assert.equal(admin.type, "webauthn-p256");
  await owner.setBalance({ address: account, value: 10n * ETHER });
  return { account };
});

await step("capabilities", async () => {
  const { contracts, fees, feeToken, permissions } = (await wallet.request("wallet_getCapabilities"))[
    viem.toHex(chain.id)
  ];
  assert.equal(permissions.supported, true);
  assert.equal(contracts.orchestrator.address.toLowerCase(), ready.contracts.orchestrator.toLowerCase());
  for (const name of ["orchestrator", "accountImplementation", "accountProxy", "simulator"]) {
    const code = await node.getCode({ address: contracts[name].address });
    assert.ok(code, `${name} has no code`);
  }
  assert.ok(feeToken.tokens.some((token) => token.feeToken && token.address === viem.zeroAddress));
  assert.equal(typeof fees.quoteConfig.ttl, "number");
  return { version: contracts.orchestrator.version };
});

await step("grant", async () => {
  const permission = await wallet.request("wallet_grantPermissions", {
    address: account,
    chainId: viem.toHex(chain.id),
    ...pagePermissions(key),
  });
  assert.equal(permission.id, key.publicKey);
  assert.equal(permission.permissions.calls.length, 3);
  // A grant is kept by the relay until the key's first bundle carries it.
  assert.equal(await node.getCode({ address: account }), undefined);
  const listed = await wallet.request("wallet_getPermissions", { address: account });
  assert.deepEqual(listed.map(({ id }) => id), [key.publicKey]);
  assert.ok((await relayKeys(wallet, account)).every(({ hash }) => hash !== key.hash));
  return { id: permission.id, hash: key.hash };
});

// Runs an action between two looks at the chain.
async function acting(calls, expected) {
  const before = await state(account);
  const { transaction, logs } = await act(wallet, account, key, calls);
  const after = await state(account);
  assert.equal(after.balance - before.balance, expected.balance);
  assert.equal(after.count - before.count, expected.count);
  return { transaction, logs: logs.length, before, after };
}

const shopBalance = () => state(shop).then(({ balance }) => balance);

await step("mint", () => acting([call(stk, "mint", account, 1000n * ETHER)], { balance: 1000n * ETHER, count: 0n }));

await step("keys", async () => {
  const keys = await relayKeys(wallet, account);
  const session = keys.find(({ hash }) => hash === key.hash);
  assert.equal(session.role, "session");
  assert.equal(session.publicKey, key.publicKey);
  const { spend } = session.permissions;
  assert.ok(spend.some(({ token, limit }) => token?.toLowerCase() === stk.address.toLowerCase()
    && limit === 100n * ETHER));
  const listed = await wallet.request("wallet_getPermissions", { address: account });
  assert.deepEqual(listed.map(({ id }) => id), [key.publicKey]);
  assert.ok((await node.getCode({ address: account })).startsWith("0xef0100"));
  return { count: keys.length };
});

await step("transfer", async () => {
  const before = await shopBalance();
  const result = await acting([call(stk, "transfer", shop, 5n * ETHER)], { balance: -5n * ETHER, count: 0n });
  assert.equal((await shopBalance()) - before, 5n * ETHER);
  return result;
});

await step("increment", () => acting([call(counter, "increment")], { balance: 0n, count: 1n }));

await step("batch", async () => {
  const before = await shopBalance();
  const result = await acting(
    [call(stk, "mint", account, 1000n * ETHER), call(stk, "transfer", shop, 5n * ETHER), call(counter, "increment")],
    { balance: 995n * ETHER, count: 1n },
  );
  assert.equal((await shopBalance()) - before, 5n * ETHER);
  return result;
});

await step("not allowed", async () => {
  const before = await state(account);
  const error = await refusal(prepare(wallet, account, key, [call(counter, "setNumber", 7n)]), "setNumber");
  assert.equal(error.code, 3);
  assert.match(error.message, /^UnauthorizedCall\(/);
  assert.equal(error.data.slice(0, 10), viem.toFunctionSelector("UnauthorizedCall(bytes32,address,bytes)"));
  assert.deepEqual(await state(account), before);
  return { error: error.message };
});

await step("above the limit", async () => {
  const before = await state(account);
  const error = await refusal(prepare(wallet, account, key, [call(stk, "transfer", shop, 101n * ETHER)]), "101 STK");
  assert.equal(error.code, 3);
  assert.match(error.message, /^ExceededSpendLimit\(/);
  assert.equal(error.data.slice(0, 10), viem.toFunctionSelector("ExceededSpendLimit(address)"));
  assert.deepEqual(await state(account), before);
  return { error: error.message };
});

await step("forged", async () => {
  const before = await state(account);
  const prepared = await prepare(wallet, account, key, [call(counter, "increment")]);
  const forged = { ...key, sign: sessionKey().sign };
  const outcome = await failure(send(wallet, prepared, forged), (id) => wait(wallet, id));
  assert.deepEqual(await state(account), before);
  return { outcome };
});

await step("administrator", async () => {
  // Through viem, as apps do. The SDK has no private key of a session that covers this call, so the passkey signs.
  const client = viem.createWalletClient({ account, chain, transport: viem.custom(wallet.porto.provider) });
  const before = await state(account);
  const { id } = await client.sendCalls({ calls: [call(counter, "setNumber", before.count + 10n)] });
  const { receipts: [receipt], status } = await client.waitForCallsStatus({ id, pollingInterval: 100 });
  assert.equal(status, "success");
  assert.equal((await state(account)).count, before.count + 10n);
  return { transaction: receipt.transactionHash };
});

await step("revoke", async () => {
  // Prepared and signed before, sent after: with a nonce of its own nothing but the revocation can stop it.
  const early = await RelayActions.prepareCalls(wallet.relay, {
    account: { address: account, type: "json-rpc" },
    calls: [call(counter, "increment")],
    key: key.reference,
    nonce: 77n << 64n,
  });
  const before = await state(account);
  await wallet.request("wallet_revokePermissions", { address: account, id: key.publicKey });
  assert.deepEqual(await wallet.request("wallet_getPermissions", { address: account }), []);
  assert.ok((await relayKeys(wallet, account)).every(({ hash }) => hash !== key.hash));
  const late = await failure(
    RelayActions.sendPreparedCalls(wallet.relay, {
      context: early.context,
      key: key.reference,
      signature: key.sign(early.digest),
    }),
    ({ id }) => wait(wallet, id),
  );
  assert.deepEqual(await state(account), before);
  return { late };
});

await step("refused", async () => {
  const before = await state(account);
  const error = await refusal(prepare(wallet, account, key, [call(counter, "increment")]), "a revoked key");
  assert.equal(error.code, -32602);
  assert.deepEqual(await state(account), before);
  return { error: error.message, count: before.count };
});

await step("disconnect", () => wallet.request("wallet_disconnect"));
process.exit(0);
