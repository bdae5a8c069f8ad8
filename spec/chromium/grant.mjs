// `rise grant` and the session it leaves, with the owner at the devnet's wallet: the whole approval, in a browser.
import assert from "node:assert/strict";
import { acts, ask, granted, refused, rise, SCRIPT, sessionRun, store } from "./program.mjs";
import { count, end, heading, open, picture, popup, pressed, ready, step } from "./support.mjs";

const grant = (...more) => ask(ready.wallet, ...more);

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
  await refused(program, "rejected");
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
  const { error } = await sessionRun("act", first.id);
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
