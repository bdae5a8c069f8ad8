// `rise grant` and the session it leaves, with the owner at the devnet's wallet: the whole approval, in a browser.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { atEnd, context, count, end, heading, open, picture, popup, pressed, ready, step, viem } from "./support.mjs";

const folder = mkdtempSync(join(tmpdir(), "rise-grant-"));
const store = join(folder, "rise.db");
atEnd(async () => rmSync(folder, { recursive: true, force: true }));
const SCRIPT = fileURLToPath(new URL("session.lua", import.meta.url));

/** The program `rise`; it tells a person which page to open, since it knows no browser. */
function rise(...words) {
  const env = { ...process.env, BROWSER: "", DISPLAY: "", WAYLAND_DISPLAY: "" };
  const child = spawn("build/rise", words, { env, stdio: ["ignore", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  let url;
  const page = new Promise((resolve) => {
    url = resolve;
  });
  for (const name of ["stdout", "stderr"]) {
    child[name].on("data", (text) => {
      said[name] += text;
      const found = said.stderr.match(/^http\S+(?=\n)/m);
      if (found) url(found[0]);
    });
  }
  const ended = new Promise((resolve) => child.on("close", (code) => resolve({ code, ...said })));
  const kill = () => child.kill("SIGKILL");
  atEnd(async () => {
    kill();
    await ended;
  });
  const shown = Promise.race([page, ended.then(({ stderr }) => Promise.reject(new Error(stderr)))]);
  shown.catch(() => {}); // some show no page, and nobody waits for it
  return { ended, kill, page: shown };
}

const PERMISSIONS = JSON.stringify({
  calls: [{ to: ready.contracts.counter, signature: "increment()" }],
  spend: [{ limit: viem.toHex(10n ** 16n), period: "day" }],
});

function grant(...more) {
  return rise("grant", "--permissions", PERMISSIONS, "--expires", "2h", "--name", "my bot", "--network", "devnet",
    "--relay", ready.relay, "--rpc", ready.rpc, "--wallet", ready.wallet, "--store", store, "--keys", "plaintext",
    "--json", ...more);
}

async function granted(program) {
  const { code, stdout, stderr } = await program.ended;
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

async function refused(program, pattern) {
  const { code, stdout, stderr } = await program.ended;
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, pattern);
}

async function run(verb, id) {
  const { code, stdout, stderr } = await rise("run", SCRIPT, verb, store, id, JSON.stringify(ready)).ended;
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/** The session acts, without any page that asks. */
async function acts(id) {
  const [pages, before] = [context.pages().length, await count()];
  const { transaction, error } = await run("act", id);
  assert.equal(error, undefined);
  assert.equal(await count(), before + 1n);
  assert.equal(context.pages().length, pages);
  return transaction;
}

let first;
let second;

await step("popup", async () => {
  const program = grant();
  const page = await open(await program.page);
  await heading(page, /my bot/);
  await picture(page, "rise-grant");
  const wallet = await popup(page, () => pressed(page, "Open the wallet"));
  await heading(wallet, "Connect, and let it act for you?");
  assert.ok((await wallet.locator("main").innerText()).includes("call increment() of the counter"));
  await pressed(wallet, "Create account and approve");
  first = await granted(program);
  await page.getByRole("status").filter({ hasText: /You can close this page/ }).waitFor();
  await picture(page, "rise-granted");
  await page.close();
  return { transactions: [await acts(first.id), await acts(first.id)] };
});

await step("reject", async () => {
  const program = grant();
  const page = await open(await program.page);
  const wallet = await popup(page, () => pressed(page, "Open the wallet"));
  await pressed(wallet, "Reject");
  await refused(program, /rejected/);
  await page.getByRole("status").filter({ hasText: /Nothing was granted/ }).waitFor();
  await page.close();
});

await step("close and open again", async () => {
  const program = grant();
  const page = await open(await program.page);
  const wallet = await popup(page, () => pressed(page, "Open the wallet"));
  await heading(wallet, "Connect, and let it act for you?");
  await wallet.close();
  const again = await popup(page, () => pressed(page, "Open the wallet again"));
  await heading(again, "Connect, and let it act for you?");
  await again.reload();
  await heading(again, "Connect, and let it act for you?");
  await pressed(again, "Approve");
  second = await granted(program);
  assert.equal(second.account, first.account);
  await page.close();
  return { transaction: await acts(second.id) };
});

await step("endpoint", async () => {
  const program = grant("--mode", "relay");
  const page = await open(await program.page);
  await heading(page, "Connect, and let it act for you?");
  await pressed(page, "Approve");
  const { id } = await granted(program);
  await heading(page, "Done");
  await page.close();
  return { transaction: await acts(id) };
});

await step("redirect", async () => {
  const program = grant("--mode", "redirect");
  const page = await open(await program.page);
  await pressed(page, "Open the wallet");
  await heading(page, "Connect, and let it act for you?");
  await pressed(page, "Approve");
  const { id } = await granted(program);
  await page.getByRole("status").filter({ hasText: /You can close this page/ }).waitFor();
  await page.close();
  return { transaction: await acts(id) };
});

await step("too late", async () => {
  const program = grant("--mode", "relay");
  const page = await open(await program.page);
  await heading(page, "Connect, and let it act for you?");
  program.kill();
  await program.ended;
  await pressed(page, "Approve");
  await heading(page, "Nobody heard the answer");
  await page.close();
});

await step("revoked by the owner", async () => {
  const page = await open(ready.wallet);
  await heading(page, "Your account");
  await page.locator(`[data-key="${first.public_key}"]`).getByRole("button", { name: "Revoke" }).click();
  await page.getByText("The key was revoked.").waitFor();
  await page.close();
  const before = await count();
  const { error } = await run("act", first.id);
  assert.ok(["revoked", "not_granted"].includes(error), error);
  assert.equal(await count(), before);
  return { transaction: await acts(second.id) };
});

await step("revoked by the program", async () => {
  const program = rise("run", SCRIPT, "revoke", store, second.id, JSON.stringify(ready));
  const page = await open(await program.page);
  const wallet = await popup(page, () => pressed(page, "Open the wallet"));
  await heading(wallet, "Revoke a key?");
  await pressed(wallet, "Revoke");
  assert.deepEqual(await granted(program), { revoked: true });
  await page.close();
});

await end();
