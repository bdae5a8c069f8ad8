// The other ways a session key comes and goes: in the account's creation itself, made by the SDK, never used before
// it is revoked, run out.
import assert from "node:assert/strict";
import {
  act, call, chain, connect, counter, ETHER, failure, inSeconds, node, owner, pagePermissions, prepare, refusal,
  relayKeys, send, sessionKey, state, step, stk, viem, wait,
} from "./support.mjs";

const chainId = viem.toHex(chain.id);
const increment = [call(counter, "increment")];

async function create(wallet, capabilities = {}) {
  const { accounts: [account] } = await wallet.request("wallet_connect", {
    capabilities: { createAccount: true, ...capabilities },
    chainIds: [chainId],
  });
  await owner.setBalance({ address: account.address, value: 10n * ETHER });
  return account;
}

const attempt = (wallet, account, key) => prepare(wallet, account, key, increment)
  .then((prepared) => send(wallet, prepared, key));

// Nobody promises at which step a dead key is refused, only that it cannot act.
const failing = (wallet, account, key) => failure(attempt(wallet, account, key), (id) => wait(wallet, id));

await step("granted with the account", async () => {
  const wallet = connect();
  const key = sessionKey();
  const { address, capabilities } = await create(wallet, { grantPermissions: pagePermissions(key) });
  assert.deepEqual(capabilities.permissions.map(({ id }) => id), [key.publicKey]);
  // It came with the account, not after it, so the relay lists it though nothing is on chain.
  assert.equal(await node.getCode({ address }), undefined);
  assert.ok((await relayKeys(wallet, address)).some(({ hash, role }) => hash === key.hash && role === "session"));

  const before = await state(address);
  const { transaction } = await act(wallet, address, key, [call(stk, "mint", address, ETHER), ...increment]);
  const after = await state(address);
  assert.equal(after.balance - before.balance, ETHER);
  assert.equal(after.count - before.count, 1n);
  return { transaction, before, after };
});

await step("two keys side by side", async () => {
  const wallet = connect();
  const { address } = await create(wallet);
  const [one, two] = [sessionKey(), sessionKey()];
  for (const key of [one, two]) await wallet.request("wallet_grantPermissions", { address, ...pagePermissions(key) });
  const before = await state(address);
  await act(wallet, address, one, increment);
  assert.deepEqual((await relayKeys(wallet, address)).filter(({ role }) => role === "session").map(({ hash }) => hash),
    [one.hash]);
  await act(wallet, address, two, increment);
  await wallet.request("wallet_revokePermissions", { address, id: one.publicKey });
  const outcome = await failing(wallet, address, one);
  await act(wallet, address, two, increment);
  const after = await state(address);
  assert.equal(after.count - before.count, 3n);
  return { outcome, before, after };
});

await step("made by the SDK", async () => {
  // A WebCrypto key: it signs the SHA-256 of the digest, and only the SDK can use it.
  const wallet = connect();
  const { address, capabilities } = await create(wallet, { grantPermissions: pagePermissions() });
  const [{ id: permission, key }] = capabilities.permissions;
  assert.equal(key.type, "p256");
  const before = await state(address);
  const { id } = await wallet.request("wallet_sendCalls", {
    calls: increment,
    // Else the token of the key's first spend permission would have to pay: STK, of which there is none yet.
    capabilities: { feeToken: "ETH", permissions: { id: permission } },
    chainId,
    from: address,
    version: "1",
  });
  assert.equal((await wait(wallet, id)).status, 200);
  const after = await state(address);
  assert.equal(after.count - before.count, 1n);
  return { id, before, after };
});

await step("transaction", async () => {
  const wallet = connect();
  const { address } = await create(wallet);
  const before = await state(address);
  const hash = await wallet.request("eth_sendTransaction", { ...increment[0], chainId, from: address });
  const receipt = await node.getTransactionReceipt({ hash });
  assert.equal(receipt.status, "success");
  const after = await state(address);
  assert.equal(after.count - before.count, 1n);
  return { transaction: hash, before, after };
});

await step("revoked before its first use", async () => {
  const wallet = connect();
  const key = sessionKey();
  const { address } = await create(wallet);
  await wallet.request("wallet_grantPermissions", { address, ...pagePermissions(key) });
  await wallet.request("wallet_revokePermissions", { address, id: key.publicKey });
  assert.deepEqual(await wallet.request("wallet_getPermissions", { address }), []);
  const before = await state(address);
  const outcome = await failing(wallet, address, key);
  const after = await state(address);
  assert.deepEqual(after, before);

  // The account itself goes on working, and the key can be granted anew.
  await wallet.request("wallet_grantPermissions", { address, ...pagePermissions(key) });
  await act(wallet, address, key, increment);
  assert.equal((await state(address)).count - before.count, 1n);
  return { outcome, before, after };
});

await step("expired", async () => {
  const wallet = connect();
  const key = sessionKey();
  const { address } = await create(wallet, { grantPermissions: pagePermissions(key, inSeconds(3)) });
  const before = await state(address);
  await act(wallet, address, key, increment);
  const middle = await state(address);
  assert.equal(middle.count - before.count, 1n);
  await new Promise((resolve) => setTimeout(resolve, 4500));
  const outcome = await failing(wallet, address, key);
  const after = await state(address);
  assert.deepEqual(after, middle);
  return { outcome, before: middle, after };
});

await step("milliseconds", async () => {
  // As a tutorial's page has it. Forty bits hold no such number.
  const wallet = connect();
  const key = sessionKey();
  const { address } = await create(wallet);
  const error = await refusal(
    wallet.request("wallet_grantPermissions", { address, ...pagePermissions(key, Date.now() + 86400000) }),
    "an expiry in milliseconds",
  );
  assert.equal(error.code, -32602);
  assert.deepEqual(await wallet.request("wallet_getPermissions", { address }), []);
  return { error: error.message };
});
process.exit(0);
