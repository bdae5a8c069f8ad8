// Shared by the programs of this folder: a headless Chromium with a passkey authenticator of its own, and one line of
// JSON on stdout for each step.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "../sdk/packages.mjs";

export const viem = await load("viem");
const { chromium } = (await load("playwright-core")).default;

/** The ready line of `rise devnet`, given as the first argument. */
export const ready = JSON.parse(process.argv[2] ?? "null");
if (!ready?.wallet) {
  console.error(`usage: node ${process.argv[1]} '<ready line of rise devnet>'`);
  process.exit(2);
}

// Only a failing step, or a very busy machine, comes near it.
export const PATIENCE = 60_000;

const browser = (process.env.PATH ?? "").split(":").map((place) => join(place, "chromium")).find(existsSync);

const profile = mkdtempSync(join(tmpdir(), "rise-chromium-"));
export const context = await chromium.launchPersistentContext(profile, {
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
  ],
  executablePath: browser,
  headless: true,
  viewport: { width: 1280, height: 800 },
});
context.setDefaultTimeout(PATIENCE);

const closers = [() => context.close()];

/** Something to be closed at the end. */
export function atEnd(close) {
  closers.unshift(close);
}

/** Ends the program; the browser goes with it. */
export async function end(code = 0) {
  for (const close of closers) await close();
  rmSync(profile, { recursive: true, force: true });
  process.exit(code);
}

/** What pages said on their consoles, for whoever looks for a failure. */
const said = [];

/**
 * Gives a page an authenticator: it holds passkeys inside, and its user is there and agrees at once. Credentials of
 * another page's authenticator are carried over, since each has its own.
 */
const authenticators = new Map();
const passkeys = new Map();

async function authenticate(page) {
  if (authenticators.has(page)) return;
  const cdp = await context.newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true,
      isUserVerified: true, automaticPresenceSimulation: true,
    },
  });
  authenticators.set(page, { cdp, authenticatorId });
  for (const credential of passkeys.values()) {
    await cdp.send("WebAuthn.addCredential", { authenticatorId, credential });
  }
  const keep = ({ credential }) => passkeys.set(credential.credentialId, credential);
  cdp.on("WebAuthn.credentialAdded", keep);
  cdp.on("WebAuthn.credentialAsserted", keep);
}

/** Takes all passkeys away from a page's authenticator. */
export async function losePasskeys(page) {
  const { cdp, authenticatorId } = authenticators.get(page);
  await cdp.send("WebAuthn.clearCredentials", { authenticatorId });
}

context.on("page", (page) => {
  page.on("console", (message) => said.push(`${page.url()}: ${message.text()}`));
  page.on("pageerror", (error) => said.push(`${page.url()}: ${error}`));
});

/** A new page at a URL, with an authenticator. */
export async function open(url) {
  const page = await context.newPage();
  await authenticate(page);
  await page.goto(url);
  return page;
}

/** The window that `act` opens, with an authenticator. */
export async function popup(page, act) {
  const [opened] = await Promise.all([page.waitForEvent("popup"), act()]);
  await authenticate(opened);
  return opened;
}

export function pressed(page, name) {
  return page.getByRole("button", { name, exact: true }).click();
}

export function heading(page, name) {
  return page.getByRole("heading", { name, level: 1 }).waitFor();
}

// ---- steps ------------------------------------------------------------------------------------------------------

/** Runs one step and prints what it returns. The first one that throws ends the program. */
export async function step(name, run) {
  const begun = performance.now();
  const line = { step: name, ok: true };
  try {
    Object.assign(line, await run());
  } catch (error) {
    Object.assign(line, { ok: false, error: String(error?.message ?? error).split("\n")[0] });
    console.error(error);
    console.error(said.slice(-20).join("\n"));
    for (const page of context.pages()) {
      console.error(page.url(), await page.locator("body").innerText({ timeout: 2000 }).catch(String));
    }
  }
  line.ms = Math.round(performance.now() - begun);
  console.log(JSON.stringify(line, (_, value) => (typeof value === "bigint" ? value.toString() : value)));
  if (!line.ok) await end(1);
  return line;
}

const SHOTS = process.env.RISE_SCREENSHOTS ?? "build/screenshots";

/** Pictures of a page for people to look at: light and dark, phone and desktop. */
export async function picture(page, name) {
  mkdirSync(SHOTS, { recursive: true });
  const before = page.viewportSize();
  for (const colorScheme of ["light", "dark"]) {
    for (const [device, width, height] of [["phone", 390, 844], ["desktop", 1280, 800]]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(wide <= 0, `${name} is ${wide} pixels wider than a ${device}`);
      await page.screenshot({ path: `${SHOTS}/${name}-${colorScheme}-${device}.png`, fullPage: true });
    }
  }
  await page.emulateMedia({ colorScheme: null });
  if (before) await page.setViewportSize(before);
}

// ---- the chain, past wallet and relay ---------------------------------------------------------------------------

export const chain = viem.defineChain({
  id: ready.chain_id, name: "devnet", nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  rpcUrls: { default: { http: [ready.rpc] } },
});
export const node = viem.createPublicClient({ chain, transport: viem.http(ready.rpc), pollingInterval: 50 });

export function count() {
  return node.readContract({
    address: ready.contracts.counter, functionName: "count",
    abi: viem.parseAbi(["function count() view returns (uint256)"]),
  });
}

// ---- programs that ask ------------------------------------------------------------------------------------------

/**
 * Serves on a free port of this machine; `handle` is that of node:http. Gives the origin under the name localhost, and
 * a way to end it.
 */
export async function serve(handle) {
  const server = createServer(handle);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  async function stop() {
    server.closeAllConnections();
    server.close();
  }
  atEnd(stop);
  return { origin: `http://localhost:${server.address().port}`, stop };
}

/** A P-256 key that a program makes and keeps. */
const ox = await load("ox");
export function sessionKey() {
  const privateKey = ox.P256.randomPrivateKey();
  const publicKey = ox.PublicKey.toHex(ox.P256.getPublicKey({ privateKey }), { includePrefix: false });
  return {
    publicKey,
    sign: (payload) => {
      const { r, s } = ox.P256.sign({ payload, privateKey });
      return ox.Hex.concat(ox.Hex.fromNumber(r, { size: 32 }), ox.Hex.fromNumber(s, { size: 32 }));
    },
  };
}

/** What `wallet_connect` is asked, with a session for the counter. */
export function connection(key, options = {}) {
  const { seconds = 3600, calls = [{ to: ready.contracts.counter, signature: "increment()" }], spend } = options;
  return {
    chainIds: [viem.toHex(ready.chain_id)],
    capabilities: {
      grantPermissions: {
        chainId: viem.toHex(ready.chain_id),
        expiry: Math.floor(Date.now() / 1000) + seconds,
        feeToken: null,
        key: { type: "p256", publicKey: key.publicKey },
        permissions: { calls, spend: spend ?? [{ limit: viem.toHex(10n ** 16n), period: "day" }] },
      },
    },
  };
}

async function relay(method, ...params) {
  const response = await fetch(ready.relay, {
    method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const { result, error } = await response.json();
  if (error) throw new Error(error.message);
  return result;
}

/** Increments the counter with a session key, past browser and wallet; raises where the relay refuses. */
export async function act(account, key) {
  const before = await count();
  const signer = { type: "p256", publicKey: key.publicKey, prehash: false };
  const prepared = await relay("wallet_prepareCalls", {
    calls: [{ to: ready.contracts.counter, value: "0x0", data: "0xd09de08a" }],
    capabilities: { meta: {} }, chainId: ready.chain_id, from: account, key: signer,
  });
  const { id } = await relay("wallet_sendPreparedCalls", {
    context: prepared.context, key: signer, signature: key.sign(prepared.digest),
  });
  for (const until = Date.now() + PATIENCE; Date.now() < until; ) {
    const { status, receipts } = await relay("wallet_getCallsStatus", id);
    if (status !== 100) {
      assert.equal(status, 200);
      assert.equal(await count(), before + 1n);
      return receipts[0].transactionHash;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`bundle ${id} does not come to an end`);
}

/** The session key's entry in what `wallet_connect` answered, which must be what was asked for. */
export function granted(result, key, asked) {
  const [{ address, capabilities }] = result.accounts;
  const entry = capabilities.permissions.find(({ id }) => id === key.publicKey);
  assert.ok(entry, "the session key is not among the permissions");
  const wanted = asked.capabilities.grantPermissions;
  assert.equal(entry.expiry, wanted.expiry);
  assert.equal(entry.address.toLowerCase(), address.toLowerCase());
  const selector = (text) => (/^0x/.test(text) ? text : viem.toFunctionSelector(text));
  const plain = ({ to, signature }) => `${to} ${selector(signature)}`;
  assert.deepEqual(entry.permissions.calls.slice(0, wanted.permissions.calls.length).map(plain),
    wanted.permissions.calls.map(plain));
  assert.deepEqual(entry.permissions.spend.map(({ limit, period }) => [BigInt(limit), period]),
    wanted.permissions.spend.map(({ limit, period }) => [BigInt(limit), period]));
  return address;
}
