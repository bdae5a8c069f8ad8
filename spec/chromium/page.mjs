// The devnet's wallet page against programs that speak its three ways as plainly as can be.
import assert from "node:assert/strict";
import { answers, dappPage, endpoint } from "./dapp.mjs";
import {
  act, connection, end, granted, heading, losePasskeys, node, open, picture, popup, pressed, ready, serve, sessionKey,
  step, viem,
} from "./support.mjs";

const REJECTED = { code: 4001, message: "The user rejected the request." };
const request = (id, method, ...params) => ({ id, jsonrpc: "2.0", method, params });

let owner; // the owner's own page
let address;
let dapp; // a page that asks
let wallet; // the wallet in the window it opened
const keys = [];

function newKey() {
  const key = sessionKey();
  keys.push(key);
  return key;
}

/** Opens the wallet from the dapp's page with these requests. */
async function ask(...requests) {
  await dapp.evaluate((list) => {
    window.answers = [];
    window.requests = list;
  }, requests);
  wallet = await popup(dapp, () => dapp.click("#open"));
}

await step("welcome", async () => {
  owner = await open(ready.wallet);
  await heading(owner, "Your account on this devnet");
  await picture(owner, "welcome");
});

await step("create", async () => {
  await pressed(owner, "Create account");
  await heading(owner, "Your account");
  address = await owner.locator("#address").innerText();
  assert.ok(viem.isAddress(address));
  assert.equal(await node.getTransactionCount({ address }), 0);
  return { address };
});

await step("sign in", async () => {
  await pressed(owner, "Sign out here");
  await heading(owner, "Your account on this devnet");
  await pressed(owner, "Use an existing passkey");
  await heading(owner, "Your account");
  assert.equal(await owner.locator("#address").innerText(), address);
});

await step("popup approve", async () => {
  dapp = await open(await dappPage());
  const key = newKey();
  const asked = connection(key, {
    calls: [
      { to: ready.contracts.counter, signature: "increment()" },
      { to: ready.contracts.stk, signature: "transfer(address,uint256)" },
    ],
    spend: [
      { limit: viem.toHex(100n * 10n ** 18n), period: "hour", token: ready.contracts.stk },
      { limit: viem.toHex(10n ** 16n), period: "day" },
    ],
  });
  await ask(request(7, "wallet_connect", asked));
  await heading(wallet, "Connect, and let it act for you?");
  const text = await wallet.locator("main").innerText();
  for (const part of [
    new URL(dapp.url()).host, "it calls itself “my bot”", "call increment() of the counter",
    "call transfer(address,uint256) of the STK token", "up to 100 STK each hour", "up to 0.01 ETH each day",
    "in 1 hour",
  ]) {
    assert.ok(text.includes(part), `“${part}” is not in:\n${text}`);
  }
  assert.equal(await wallet.getByRole("list", { name: "Warnings" }).count(), 0);
  await picture(wallet, "request");
  await pressed(wallet, "Approve");
  const [answer] = await answers(dapp);
  assert.equal(answer.id, 7);
  assert.equal(granted(answer.result, key, asked).toLowerCase(), address.toLowerCase());
  await heading(wallet, "Done");
  await picture(wallet, "done");
  await dapp.evaluate(() => window.say("success", { title: "All set", content: "Back to the terminal." }));
  await heading(wallet, "All set");
  await wallet.close();
  return { transactions: [await act(address, key), await act(address, key)] };
});

await step("popup reject", async () => {
  await ask(request(8, "wallet_connect", connection(newKey())));
  await pressed(wallet, "Reject");
  assert.deepEqual(await answers(dapp), [{ id: 8, error: REJECTED }]);
  await heading(wallet, "Rejected");
  await assert.rejects(act(address, keys[1]), /is unknown/);
  await wallet.close();
});

await step("popup closed", async () => {
  await ask(request(9, "wallet_connect", connection(newKey())));
  await heading(wallet, "Connect, and let it act for you?");
  await wallet.close();
  await dapp.waitForFunction(() => window.readies > 0);
  assert.deepEqual(await dapp.evaluate(() => window.answers), []);
  await assert.rejects(act(address, keys[2]), /is unknown/);
});

await step("popup reloaded", async () => {
  const key = newKey();
  const asked = connection(key);
  await ask(request(10, "wallet_connect", asked));
  await heading(wallet, "Connect, and let it act for you?");
  const before = await dapp.evaluate(() => window.readies);
  await wallet.reload();
  await dapp.waitForFunction((seen) => window.readies > seen, before);
  await heading(wallet, "Connect, and let it act for you?");
  await pressed(wallet, "Approve");
  const [answer, ...more] = await answers(dapp);
  granted(answer.result, key, asked);
  assert.deepEqual(more, []);
  await wallet.close();
});

await step("asked twice", async () => {
  const key = newKey();
  const asked = connection(key);
  await ask(request(11, "wallet_connect", asked));
  await heading(wallet, "Connect, and let it act for you?");
  await dapp.evaluate(() => window.ask());
  await dapp.evaluate(() => window.ask());
  await heading(wallet, "Connect, and let it act for you?");
  await wallet.getByRole("button", { name: "Approve", exact: true }).dblclick();
  const list = await answers(dapp);
  granted(list[0].result, key, asked);
  await heading(wallet, "Done");
  assert.equal((await dapp.evaluate(() => window.answers)).length, 1);
  await wallet.close();
});

await step("warnings", async () => {
  const asked = connection(newKey(), { seconds: 90 * 86400, calls: [{ signature: "approve(address,uint256)" }] });
  asked.capabilities.grantPermissions.permissions.spend = [{ limit: viem.toHex(2n ** 256n - 1n), period: "minute" }];
  await ask(request(12, "wallet_connect", asked));
  const notes = await wallet.getByRole("list", { name: "Warnings" }).innerText();
  for (const part of ["any contract", "let others spend", "without a limit", "90 days"]) {
    assert.ok(notes.includes(part), `“${part}” is not in:\n${notes}`);
  }
  await picture(wallet, "warnings");
  await pressed(wallet, "Reject");
  await answers(dapp);
  await wallet.close();
});

await step("headless", async () => {
  await ask(request(13, "wallet_getPermissions", {}));
  const [{ result }] = await answers(dapp);
  assert.deepEqual(result.map(({ id }) => id).sort(), [keys[0], keys[3], keys[4]].map((key) => key.publicKey).sort());
  await wallet.close();
});

await step("other methods", async () => {
  await ask(request(14, "eth_requestAccounts"));
  await heading(wallet, "Connect your account?");
  await pressed(wallet, "Approve");
  assert.deepEqual((await answers(dapp))[0].result.map((x) => x.toLowerCase()), [address.toLowerCase()]);
  await wallet.close();
  await ask(request(15, "personal_sign", "0x00", address));
  const [{ error }] = await answers(dapp);
  assert.equal(error.code, 4200);
  await wallet.close();
});

await step("grant to the connected", async () => {
  const key = newKey();
  const { grantPermissions } = connection(key).capabilities;
  await ask(request(16, "wallet_grantPermissions", grantPermissions));
  await heading(wallet, "Let it act for you?");
  await pressed(wallet, "Approve");
  const [{ result }] = await answers(dapp);
  assert.equal(result.id, key.publicKey);
  await wallet.close();
  const transaction = await act(address, key);
  await ask(request(17, "wallet_revokePermissions", { id: key.publicKey }));
  await heading(wallet, "Revoke a key?");
  await pressed(wallet, "Revoke");
  const [{ error }] = await answers(dapp);
  assert.equal(error, undefined);
  await wallet.close();
  await assert.rejects(act(address, key), /is unknown/);
  return { transaction };
});

await step("malformed", async () => {
  await ask(request(18, "wallet_connect", { chainIds: [ready.chain_id] }));
  await heading(wallet, "A request that cannot be read");
  assert.deepEqual(await dapp.evaluate(() => window.answers), []);
  await wallet.close();
  const permissions = { calls: [], spend: [{ limit: "lots" }] };
  await ask(request(21, "wallet_grantPermissions", { expiry: 1, permissions }));
  await heading(wallet, "That did not work");
  assert.equal((await answers(dapp))[0].error.code, -32602);
  await wallet.close();
});

await step("endpoint approve", async () => {
  const key = newKey();
  const asked = connection(key);
  const program = await endpoint(request(1, "wallet_connect", asked));
  const page = await open(program.url);
  const { chainIds } = await program.message("ready");
  assert.ok(chainIds.includes(ready.chain_id));
  await heading(page, "Connect, and let it act for you?");
  assert.ok((await page.locator("main").innerText()).includes(new URL(program.origin).host));
  await picture(page, "program");
  await pressed(page, "Approve");
  const answer = await program.message("rpc-response");
  assert.equal(answer.id, 1);
  granted(answer.result, key, asked);
  await heading(page, "Done");
  program.send("success", { title: "Granted", content: "Return to the terminal." });
  await heading(page, "Granted");
  await page.close();
  return { transaction: await act(address, key) };
});

await step("endpoint reject", async () => {
  const program = await endpoint(request(2, "wallet_connect", connection(newKey())));
  const page = await open(program.url);
  await pressed(page, "Reject");
  const { id, error } = await program.message("rpc-response");
  assert.deepEqual({ id, error }, { id: 2, error: REJECTED });
  await page.close();
});

await step("endpoint reloaded", async () => {
  const key = newKey();
  const asked = connection(key);
  const program = await endpoint(request(3, "wallet_connect", asked));
  const page = await open(program.url);
  await heading(page, "Connect, and let it act for you?");
  await page.reload();
  await program.message("ready", 1);
  await pressed(page, "Approve");
  granted((await program.message("rpc-response")).result, key, asked);
  await page.close();
});

await step("endpoint gone", async () => {
  const program = await endpoint(request(4, "wallet_connect", connection(newKey())));
  const page = await open(program.url);
  await heading(page, "Connect, and let it act for you?");
  await program.stop();
  await pressed(page, "Approve");
  await heading(page, "Nobody heard the answer");
  await page.close();
});

await step("dapp gone", async () => {
  const other = await open(new URL(dapp.url()).origin);
  await other.evaluate((list) => {
    window.requests = list;
  }, [request(5, "wallet_connect", connection(newKey()))]);
  const page = await popup(other, () => other.click("#open"));
  await heading(page, "Connect, and let it act for you?");
  await other.close();
  await pressed(page, "Approve");
  await heading(page, "Nobody heard the answer");
  await page.close();
});

await step("redirect", async () => {
  const seen = [];
  const { origin } = await serve((message, response) => {
    if (message.url.startsWith("/back")) seen.push(new URL(message.url, origin));
    response.end("thank you");
  });
  const key = newKey();
  const asked = connection(key);
  const url = (redirectUri) => `${ready.wallet}/wallet_connect?${new URLSearchParams({
    id: "1", jsonrpc: "2.0", method: "wallet_connect", params: JSON.stringify([asked]), redirectUri,
  })}`;
  const page = await open(url(`${origin}/back?mine=1`));
  await pressed(page, "Approve");
  await page.waitForURL(`${origin}/back?**`);
  assert.equal(seen[0].searchParams.get("mine"), "1");
  assert.equal(seen[0].searchParams.get("status"), "success");
  granted(JSON.parse(seen[0].searchParams.get("payload")), key, asked);
  await page.goto(url(`${origin}/back`));
  await pressed(page, "Reject");
  await page.waitForURL(`${origin}/back?**`);
  assert.equal(seen[1].searchParams.get("status"), "cancel");
  await page.goto(url("javascript:alert(1)"));
  await page.getByText("does not go to javascript:").waitFor();
  await page.close();
  return { transaction: await act(address, key) };
});

await step("revoke", async () => {
  await pressed(owner, "Refresh");
  const line = owner.locator(`[data-key="${keys[0].publicKey}"]`);
  await line.waitFor();
  await picture(owner, "home");
  await line.getByRole("button", { name: "Revoke" }).click();
  await owner.getByText("The key was revoked.").waitFor();
  assert.equal(await line.count(), 0);
  await assert.rejects(act(address, keys[0]), /is unknown/);
});

await step("revoke unused", async () => {
  const line = owner.locator(`[data-key="${keys[3].publicKey}"]`);
  await line.getByRole("button", { name: "Revoke" }).click();
  await owner.getByText("The key was revoked.").waitFor();
  assert.equal(await line.count(), 0);
  await assert.rejects(act(address, keys[3]), /is unknown/);
});

await step("another devnet's account", async () => {
  // as a browser has it that was there when another devnet ran at this port
  await owner.evaluate((mine) => {
    for (const [name, value] of Object.entries(localStorage)) {
      localStorage.setItem(name, value.replaceAll(mine, `0x${"5a".repeat(20)}`));
    }
  }, address);
  await owner.reload();
  await heading(owner, "Your account on this devnet");
  await ask(request(19, "wallet_connect", connection(newKey())));
  await heading(wallet, "Connect, and let it act for you?");
  await picture(wallet, "newcomer");
  await pressed(wallet, "Create account and approve");
  const [{ result }] = await answers(dapp);
  assert.notEqual(result.accounts[0].address.toLowerCase(), address.toLowerCase());
  await wallet.close();
});

await step("no passkey", async () => {
  await ask(request(20, "wallet_connect", connection(newKey())));
  await heading(wallet, "Connect, and let it act for you?");
  await losePasskeys(wallet);
  await pressed(wallet, "Approve");
  await heading(wallet, "That did not work");
  await picture(wallet, "failed");
  const [{ error }] = await answers(dapp);
  assert.ok(error.message);
  await wallet.close();
});

await end();
