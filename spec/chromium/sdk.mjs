// The npm package rise-wallet as a dapp, in its dialog mode, with the devnet's wallet for its dialog: a client that
// others wrote, and that asks as web apps do.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { folder } from "../sdk/packages.mjs";
import {
  act, connection, count, end, granted, heading, open, popup, pressed, ready, serve, sessionKey, step, viem,
} from "./support.mjs";

const { buildSync } = createRequire(new URL("package.json", folder))("esbuild");

const { outputFiles } = buildSync({
  stdin: {
    contents: `
      import { Chains, Dialog, Mode, RiseWallet, Storage } from "rise-wallet";
      import { http } from "viem";
      const ready = ${JSON.stringify(ready)};
      const chain = { ...Chains.anvil, id: ready.chain_id, rpcUrls: { default: { http: [ready.rpc] } } };
      window.connectWith = async (renderer) => {
        // with nothing stored the SDK's store throws while it loads
        const storage = Storage.memory();
        await storage.setItem("risewallet.store", { state: { accounts: [], chainIds: [chain.id] }, version: 5 });
        const dialog = renderer === "popup" ? Dialog.popup() : Dialog.iframe({ skipProtocolCheck: true });
        window.sdk = RiseWallet.create({
          announceProvider: false, chains: [chain], mode: Mode.dialog({ host: ready.wallet, renderer: dialog }),
          relay: http(ready.relay), storage, transports: { [chain.id]: http(ready.rpc) },
        });
      };
      window.request = (method, ...params) => {
        window.outcome = undefined;
        window.sdk.provider.request({ method, ...(params.length > 0 ? { params } : {}) }).then(
          (result) => (window.outcome = { result: result ?? null }),
          ({ code, message }) => (window.outcome = { error: { code, message } }),
        );
      };`,
    resolveDir: fileURLToPath(folder),
  },
  bundle: true, define: { "process.env.NODE_ENV": '"production"' }, format: "esm", legalComments: "none", write: false,
});

const { origin } = await serve((request, response) => {
  const script = request.url === "/dapp.js";
  response.setHeader("Content-Type", script ? "text/javascript" : "text/html");
  const page = "<!doctype html><title>Web app</title><script type=module src=/dapp.js></script>";
  response.end(script ? outputFiles[0].text : page);
});

async function outcome(page) {
  await page.waitForFunction(() => window.outcome !== undefined);
  return page.evaluate(() => window.outcome);
}

let dapp;
let address;
const key = sessionKey();
const asked = connection(key);

async function start(renderer) {
  dapp = await open(origin);
  await dapp.waitForFunction(() => window.connectWith);
  await dapp.evaluate((name) => window.connectWith(name), renderer);
}

const request = (method, ...params) => dapp.evaluate((list) => window.request(...list), [method, ...params]);

await step("create in a popup", async () => {
  await start("popup");
  const wallet = await popup(dapp, () => request("wallet_connect", asked));
  await heading(wallet, "Connect, and let it act for you?");
  await pressed(wallet, "Create account and approve");
  const { result } = await outcome(dapp);
  address = granted(result, key, asked);
  if (!wallet.isClosed()) await wallet.waitForEvent("close");
  return { transaction: await act(address, key) };
});

await step("reject in a popup", async () => {
  const wallet = await popup(dapp, () => request("wallet_grantPermissions",
    connection(sessionKey()).capabilities.grantPermissions));
  await pressed(wallet, "Reject");
  assert.equal((await outcome(dapp)).error.code, 4001);
});

await step("close a popup", async () => {
  const wallet = await popup(dapp, () => request("wallet_grantPermissions",
    connection(sessionKey()).capabilities.grantPermissions));
  await heading(wallet, "Let it act for you?");
  await wallet.close();
  assert.equal((await outcome(dapp)).error.code, 4001);
});

await step("send calls in a popup", async () => {
  const before = await count();
  const wallet = await popup(dapp, () => request("wallet_sendCalls", {
    calls: [{ to: ready.contracts.counter, data: "0xd09de08a" }], chainId: viem.toHex(ready.chain_id), from: address,
    version: "1",
  }));
  await heading(wallet, "Do this now?");
  assert.ok((await wallet.locator("main").innerText()).includes("call increment() of the counter"));
  await pressed(wallet, "Approve");
  const { result } = await outcome(dapp);
  assert.match(result.id, /^0x/);
  for (const until = Date.now() + 60_000; (await count()) === before; ) {
    assert.ok(Date.now() < until, "the counter does not move");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

await step("revoke in a popup", async () => {
  const wallet = await popup(dapp, () => request("wallet_revokePermissions", { id: key.publicKey }));
  await pressed(wallet, "Revoke");
  assert.deepEqual(await outcome(dapp), { result: null });
  await assert.rejects(act(address, key), /is unknown/);
});

await step("disconnect", async () => {
  await request("wallet_disconnect");
  assert.deepEqual(await outcome(dapp), { result: null });
  await dapp.close();
});

await step("connect in a frame", async () => {
  await start("iframe");
  const mine = sessionKey();
  const wanted = connection(mine);
  await request("wallet_connect", wanted);
  const frame = dapp.frameLocator("iframe[data-testid=porto]");
  await frame.getByRole("heading", { name: "Connect, and let it act for you?" }).waitFor();
  await frame.getByRole("button", { name: "Approve", exact: true }).click();
  const { result } = await outcome(dapp);
  assert.equal(granted(result, mine, wanted).toLowerCase(), address.toLowerCase());
  return { transaction: await act(address, mine) };
});

await end();
