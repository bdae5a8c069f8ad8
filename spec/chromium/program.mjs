// The program `rise`, run against the devnet as a person does in a shell.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { atEnd, context, count, ready, viem } from "./support.mjs";

const folder = mkdtempSync(join(tmpdir(), "rise-grant-"));
/** The store that they all use. */
export const store = join(folder, "rise.db");
atEnd(async () => rmSync(folder, { recursive: true, force: true }));
export const SCRIPT = fileURLToPath(new URL("session.lua", import.meta.url));

/** The program `rise`; it tells a person which page to open, since it knows no browser. */
export function rise(...words) {
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
  const kill = (signal = "SIGKILL") => child.kill(signal);
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

/** `rise grant` with a wallet's page; `--relay` may stand among the other words. */
export function ask(wallet, ...more) {
  const relay = more.includes("--relay") ? [] : ["--relay", ready.relay];
  return rise("grant", "--permissions", PERMISSIONS, "--expires", "2h", "--name", "my bot", "--network", "devnet",
    ...relay, "--rpc", ready.rpc, "--wallet", wallet, "--store", store, "--keys", "plaintext", "--json", ...more);
}

/** What a program printed that did what it should. */
export async function granted(program) {
  const { code, stdout, stderr } = await program.ended;
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/** The error that a program ended with. */
export async function refused(program, code, exit = 1) {
  const { code: got, stdout, stderr } = await program.ended;
  assert.notEqual(got, 0, `not refused: ${stdout}`);
  const error = JSON.parse(stderr.trim().split("\n").at(-1));
  assert.deepEqual({ code: error.code, exit: got, stdout }, { code, exit, stdout: "" }, error.message);
  return error;
}

/** What session.lua prints of a session. */
export async function sessionRun(verb, id) {
  const { code, stdout, stderr } = await rise("run", SCRIPT, verb, store, id, JSON.stringify(ready)).ended;
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/** The session acts, without any page that asks. */
export async function acts(id) {
  const [pages, before] = [context.pages().length, await count()];
  const { transaction, error } = await sessionRun("act", id);
  assert.equal(error, undefined);
  assert.equal(await count(), before + 1n);
  assert.equal(context.pages().length, pages);
  return transaction;
}
