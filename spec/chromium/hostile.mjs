// `rise grant` with a wallet that answers it wrongly, and with pages that answer although nobody asked them. Whatever
// they try, the program ends in the error that says so, or is not disturbed.
import assert from "node:assert/strict";
import { connect, owner as faucet } from "../sdk/support.mjs";
import { acts, ask, granted, refused, rise, store } from "./program.mjs";
import { act, context, end, open, pressed, ready, serve, sessionKey, step, viem } from "./support.mjs";

const CHAIN = viem.toHex(ready.chain_id);
const NO = { code: 4001, message: "no" };
const MORE = `0x${"5a".repeat(20)}`;

// ---- the wallet ---------------------------------------------------------------------------------------------------

// Speaks as the wallet's page does; what it answers, its server says.
const WALLET = `<!doctype html><link rel="icon" href="data:,"><title>A wallet</title><script>
  const relay = new URL(location.href).searchParams.get("relayUrl");
  window.statuses = [];
  async function send(topic, payload) {
    const message = { id: crypto.randomUUID(), topic, payload };
    if (!relay) return window.opener.postMessage(message, "*");
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify(message);
    return fetch(relay, { method: "POST", body, headers }).then(({ status }) => status, () => 0);
  }
  window.answer = async (list) => {
    for (const payload of list) window.statuses.push(await send("rpc-response", payload));
    window.answered = true;
  };
  async function asked({ topic, payload }) {
    if (topic !== "rpc-requests") return;
    const body = JSON.stringify(payload[0].request);
    const list = await (await fetch("/answers", { method: "POST", body })).json();
    if (list) await window.answer(list);
  }
  if (relay) new EventSource(relay).onmessage = ({ data }) => asked(JSON.parse(data));
  else addEventListener("message", ({ data, source }) => source === window.opener && asked(data));
  if (relay || window.opener) send("ready", { chainIds: [${ready.chain_id}] });
</script>`;

const BLANK = '<!doctype html><link rel="icon" href="data:,"><title>A page</title>';

let decide; // what the wallet answers to a request: a list of payloads, or null for nothing yet
let asked; // the request it saw last
let copied; // a document, to be served once more

async function body(message) {
  let text = "";
  for await (const chunk of message) text += chunk;
  return text;
}

async function serveHostile(message, response) {
  const { pathname } = new URL(message.url, "http://localhost");
  if (pathname === "/answers") {
    asked = JSON.parse(await body(message));
    return response.end(JSON.stringify(await decide(asked)));
  }
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  return response.end({ "/wallet": WALLET, "/wallet/": WALLET, "/copy": copied }[pathname] ?? BLANK);
}

const { origin: hostile } = await serve(serveHostile);
const { origin: foreign } = await serve(serveHostile);
const wallet = `${hostile}/wallet`;

/** An account, with an SDK that has its administrator's key. */
async function newAccount() {
  const sdk = connect();
  const { accounts: [{ address }] } = await sdk.request("wallet_connect", {
    capabilities: { createAccount: true }, chainIds: [CHAIN],
  });
  await faucet.setBalance({ address, value: 10n ** 18n });
  return { address: address.toLowerCase(), sdk };
}

const mine = await newAccount();
const other = await newAccount();

const wanted = (request) => structuredClone(request.params[0].capabilities.grantPermissions);

/** The result that says that an account granted, changed as a lie may be. */
function claim(request, { account = mine, change = () => {} } = {}) {
  const { chainId, expiry, key, permissions } = wanted(request);
  const entry = { address: account.address, chainId, expiry, id: key.publicKey, key, permissions };
  change(entry);
  return { accounts: [{ address: account.address, capabilities: { admins: [], permissions: [entry] } }],
    chainIds: [CHAIN] };
}

/** Grants at the relay, and says so; what it grants may be changed, and what it says is not. */
async function approve(request, { account = mine, widen = () => {} } = {}) {
  const grant = wanted(request);
  widen(grant);
  await account.sdk.request("wallet_grantPermissions", { address: account.address, ...grant });
  return claim(request, { account });
}

/** The window that `act` opens. It may be closed at once, and needs no passkeys. */
async function popup(page, act) {
  const [opened] = await Promise.all([page.waitForEvent("popup"), act()]);
  return opened;
}

const yes = async (request) => [{ id: request.id, result: await approve(request) }];
const saying = (options) => (request) => [{ id: request.id, result: claim(request, options) }];
const doing = (options) => async (request) => [{ id: request.id, result: await approve(request, options) }];

// ---- what comes of it ---------------------------------------------------------------------------------------------

const kept = [];

/**
 * Nothing was granted: the store has no such session, but for one that still waits, and the relay knows nothing of the
 * key of a request.
 */
async function nothing(request = asked, waiting = 0) {
  const { sessions } = await granted(rise("session", "list", "--store", store, "--json"));
  const [news, others] = [true, false].map((is) => sessions.filter(({ state }) => (state === "new") === is));
  assert.deepEqual(others.map(({ id }) => id).sort(), [...kept].sort());
  assert.equal(news.length, waiting);
  if (!request) return;
  const key = { ...sessionKey(), publicKey: wanted(request).key.publicKey };
  await assert.rejects(act(mine.address, key), /is unknown/);
}

const status = (page, text) => page.getByRole("status").filter({ hasText: text }).waitFor();

/** Our page, once it is the one that may answer; `id` is what it calls itself by. */
async function openPage(program) {
  const url = await program.page;
  const [events, page] = await Promise.all([
    context.waitForEvent("response", (response) => response.url().startsWith(`${url}events`)), open(url),
  ]);
  assert.equal(events.status(), 200);
  const data = JSON.parse(await page.locator("#data").textContent());
  return { page, url, data, id: new URL(events.url()).searchParams.get("page") };
}

/** The wallet answers in its window; the program and its page end in an error. */
async function inPopup(answers, code, { exit, more = [] } = {}) {
  decide = answers;
  const program = ask(wallet, ...more);
  const { page } = await openPage(program);
  await popup(page, () => pressed(page, "Open the wallet"));
  const error = await refused(program, code, exit);
  await status(page, /Nothing was granted/);
  await page.close();
  return error;
}

/** The wallet answers at the endpoint. */
async function atEndpoint(answers, code, { exit, more = [], statuses } = {}) {
  decide = answers;
  const program = ask(wallet, "--mode", "relay", ...more);
  const page = await open(await program.page);
  const error = await refused(program, code, exit);
  await page.waitForFunction(() => window.answered);
  if (statuses) assert.deepEqual(await page.evaluate(() => window.statuses), statuses);
  await page.close();
  return error;
}

/** The program still waits, its page works, and the owner's approval is the one that counts. */
async function undisturbed(program, page) {
  decide = yes;
  await pressed(page, "Open the wallet");
  const { id, account } = await granted(program);
  kept.push(id);
  assert.equal(account, mine.address);
  await status(page, /You can close this page/);
  await page.close();
  return acts(id);
}

// ---- wrong answers ------------------------------------------------------------------------------------------------

const WIDER = {
  call: (grant) => grant.permissions.calls.push({ to: MORE, signature: "0x12345678" }),
  limit: (grant) => {
    grant.permissions.spend[0].limit = viem.toHex(10n ** 16n + 1n);
  },
  expiry: (grant) => {
    grant.expiry += 1;
  },
};

await step("says that it granted more", async () => {
  for (const [name, change] of Object.entries(WIDER)) {
    const error = await inPopup(saying({ change }), "grant_mismatch");
    assert.match(error.message, name === "limit" ? /ETH per day/ : new RegExp(name === "call" ? MORE : "expir"));
    await nothing();
  }
  await atEndpoint(saying({ change: WIDER.limit }), "grant_mismatch", { statuses: [200] });
  await nothing();
});

await step("granted more than it says", async () => {
  for (const widen of Object.values(WIDER)) {
    const error = await atEndpoint(doing({ widen }), "grant_mismatch");
    assert.match(error.message, /more than was granted/);
    await nothing(null); // the relay has what the owner signed; the key that it is for is gone
  }
});

await step("granted nothing", async () => {
  await inPopup(saying({}), "not_granted", { exit: 3 });
  await nothing();
});

await step("another key", async () => {
  const { publicKey } = sessionKey();
  const change = (entry) => {
    entry.key.publicKey = publicKey;
  };
  const own = (entry) => {
    change(entry);
    entry.id = publicKey;
  };
  for (const error of [await inPopup(saying({ change: own }), "grant_mismatch"),
    await atEndpoint(saying({ change }), "grant_mismatch")]) {
    assert.match(error.message, /key: asked for/);
    await nothing();
  }
});

await step("another account", async () => {
  const more = ["--account", mine.address];
  const error = await inPopup(doing({ account: other }), "grant_mismatch", { more });
  assert.match(error.message, /account: asked for/);
  await nothing();
  const change = (entry) => {
    entry.address = other.address;
  };
  await inPopup(saying({ change }), "grant_mismatch", { more });
  await nothing();
  // granted by another account than it says
  await atEndpoint(async (request) => {
    await approve(request, { account: other });
    return [{ id: request.id, result: claim(request) }];
  }, "not_granted", { exit: 3, more });
  await nothing();
});

await step("to another request", async () => {
  const answers = (request) => [
    ...[request.id + 1, String(request.id), null].map((id) => ({ id, result: claim(request) })),
    { id: request.id, error: NO },
  ];
  await inPopup(answers, "rejected");
  await nothing();
  await atEndpoint(answers, "rejected", { statuses: [409, 409, 409, 200] });
  await nothing();
});

await step("rejects, then approves", async () => {
  const answers = (request) => [{ id: request.id, error: NO }, { id: request.id, result: claim(request) }];
  await inPopup(answers, "rejected");
  await nothing();
  await atEndpoint(answers, "rejected");
  await nothing();
  const twice = (request) => ["first", "second"].map((message) => ({ id: request.id, error: { code: 4001, message } }));
  assert.match((await inPopup(twice, "rejected")).message, /first$/);
});

/** A relay that tells nobody what it has until it may. */
async function slowRelay() {
  let free;
  const gate = new Promise((resolve) => (free = resolve));
  const { origin } = await serve(async (message, response) => {
    const text = await body(message);
    if (text.includes('"wallet_prepareCalls"')) await gate;
    const headers = { "Content-Type": "application/json" };
    const reply = await fetch(ready.relay, { method: "POST", body: text, headers });
    response.setHeader("Content-Type", "application/json");
    response.end(await reply.text());
  });
  return { url: origin, free };
}

await step("approves, then rejects", async () => {
  decide = async (request) => [...(await yes(request)), { id: request.id, error: NO }];
  const transactions = [];
  for (const mode of ["popup", "relay"]) {
    const relay = await slowRelay(); // both have come before the first is found true
    const program = ask(wallet, "--mode", mode, "--relay", relay.url);
    const page = await open(await program.page);
    if (mode === "popup") {
      const opened = await popup(page, () => pressed(page, "Open the wallet"));
      if (!opened.isClosed()) await opened.waitForEvent("close");
      await status(page, /Checking/);
    } else {
      await page.waitForFunction(() => window.answered);
      assert.deepEqual(await page.evaluate(() => window.statuses), [200, 409]);
    }
    relay.free();
    const { id } = await granted(program);
    kept.push(id);
    if (mode === "popup") await status(page, /You can close this page/);
    await page.close();
    transactions.push(await acts(id));
  }
  return { transactions };
});

await step("answers late", async () => {
  decide = () => null;
  const program = ask(wallet);
  const { page } = await openPage(program);
  const opened = await popup(page, () => pressed(page, "Open the wallet"));
  await status(page, /Waiting for your decision/);
  const before = asked;
  program.kill("SIGINT");
  await refused(program, "canceled", 130);
  await status(page, /withdrawn/);
  if (!opened.isClosed()) await opened.waitForEvent("close");
  await nothing();
  await page.close();

  const expired = ask(wallet, "--mode", "relay", "--wait", "0.1");
  const url = await expired.page;
  await refused(expired, "timeout");
  const late = await open(url);
  await late.evaluate((list) => window.answer(list), [{ id: before.id, result: claim(before) }]);
  assert.deepEqual(await late.evaluate(() => window.statuses), [0]);
  await nothing();
  await late.close();
});

// ---- pages that nobody asked --------------------------------------------------------------------------------------

await step("a second page", async () => {
  const program = ask(wallet);
  const { page, url, data } = await openPage(program);
  decide = saying({});
  // another tab, and one that the browser made out of the first
  for (const open_second of [
    () => open(url), () => popup(page, () => page.evaluate(() => void window.open(location.href))),
  ]) {
    const second = await open_second();
    await status(second, /open in another tab/);
    assert.ok(await second.locator("#open").isDisabled());
    await second.evaluate(() => {
      document.getElementById("open").disabled = false;
    });
    const opened = await popup(second, () => pressed(second, "Open the wallet"));
    await status(second, /Nothing was granted.*another tab/);
    if (!opened.isClosed()) await opened.waitForEvent("close");
    const posted = await second.evaluate(async (text) => {
      const headers = { "Content-Type": "application/json" };
      return (await fetch("result", { method: "POST", body: text, headers })).status;
    }, JSON.stringify({ page: "another", id: data.request.id, error: NO }));
    assert.equal(posted, 409);
    await second.close();
  }
  await nothing(data.request, 1);
  return { transaction: await undisturbed(program, page) };
});

await step("a copy of the page", async () => {
  const program = ask(wallet);
  const { page, url, data } = await openPage(program);
  copied = (await (await fetch(url)).text()).replace("<head>", `<head><base href="${url}">`);
  const copy = await open(`${foreign}/copy`);
  decide = saying({});
  await popup(copy, () => pressed(copy, "Open the wallet"));
  await status(copy, /cannot be reached/);
  await copy.close();
  await nothing(data.request, 1);
  return { transaction: await undisturbed(program, page) };
});

/** All that a page can do to have an answer taken: which of its tries could be read, and what it was told. */
function attack({ url, json, query }) {
  const post = (path, more) => fetch(url + path, { method: "POST", body: json, ...more });
  const headers = { "Content-Type": "application/json" };
  const wallet = JSON.stringify({ id: "1", topic: "rpc-response", payload: JSON.parse(json) });
  const readable = (promise) => promise.then(({ type }) => type !== "opaque", () => false);
  const tries = ["result", "wallet"].flatMap((path) => {
    const text = path === "wallet" ? wallet : json;
    return [
      post(path, { body: text, headers }), post(path, { body: text }), post(path, { body: text, mode: "no-cors" }),
      post(path, { body: new Blob([text]), mode: "no-cors" }),
      post(path, { body: text, credentials: "include", mode: "no-cors", referrerPolicy: "unsafe-url" }),
    ];
  });
  tries.push(...["", "events?page=1", "wallet", `callback?${query}`, "callback?status=cancel"].flatMap((path) => [
    fetch(url + path), fetch(url + path, { mode: "no-cors" }),
  ]));
  navigator.sendBeacon(`${url}result`, json);
  const image = new Promise((resolve) => {
    const element = new Image();
    element.onload = element.onerror = () => resolve(false);
    element.src = `${url}callback?status=cancel`;
  });
  const source = new EventSource(`${url}events?page=1`);
  const events = new Promise((resolve) => {
    source.onopen = () => resolve(true);
    source.onerror = () => resolve(false);
  }).finally(() => source.close());
  return Promise.all([...tries.map(readable), image, events]);
}

/** A form whose plain text is the answer; where it leads to, the browser shows. */
function submit({ target, json }) {
  const form = document.createElement("form");
  Object.assign(form, { action: target, method: "POST", enctype: "text/plain", target: "_blank" });
  form.setAttribute("rel", "opener");
  const input = form.appendChild(document.createElement("input"));
  [input.name, input.value] = [`${json.slice(0, -1)},"x":"`, '"}'];
  document.body.append(form);
  form.submit();
}

async function foreignPage(origin, { url, json, query }) {
  const page = await open(`${origin}/`);
  const answers = [];
  const note = (response) => {
    if (response.url().startsWith(url)) answers.push([response.status(), response.url().slice(url.length)]);
  };
  page.on("response", note);
  assert.ok((await page.evaluate(attack, { url, json, query })).every((taken) => !taken));
  assert.ok(answers.length >= 10, "the endpoint was hardly tried");
  for (const [code, path] of answers) assert.ok(code >= 400 || path === "", `${path} answers ${code}`);
  page.off("response", note);

  for (const path of ["result", "wallet"]) {
    const shown = await popup(page, () => page.evaluate(submit, { target: url + path, json }));
    await shown.getByText(/^not from/).waitFor();
    await shown.close();
  }
  const led = await popup(page, () => page.evaluate((back) => void window.open(back), `${url}callback?${query}`));
  await led.getByText("not found").waitFor();
  await led.close();

  // inside of the page, and in a window that it opens
  await Promise.all([
    page.waitForEvent("console", (message) => /frame-ancestors|X-Frame-Options/.test(message.text())),
    page.evaluate((src) => {
      document.body.append(Object.assign(document.createElement("iframe"), { src }));
    }, url),
  ]);
  const opened = await popup(page, () => page.evaluate((target) => {
    window.opened = window.open(target);
  }, url));
  await status(opened, /open in another tab/);
  assert.ok(await page.evaluate((payload) => {
    window.opened.postMessage({ id: "1", topic: "ready", payload: {} }, "*");
    window.opened.postMessage({ id: "2", topic: "rpc-response", payload }, "*");
    return window.opened.closed; // from here it looks so: it is out of reach
  }, JSON.parse(json)));
  await status(opened, /open in another tab/);
  await opened.close();
  await page.close();
}

await step("a foreign origin", async () => {
  const program = ask(wallet);
  const { page, url, data, id } = await openPage(program);
  // the worst case: they know where the program listens, what it asks for, and what its page calls itself by
  const result = claim(data.request);
  const stolen = {
    url, json: JSON.stringify({ page: id, id: data.request.id, result }),
    query: new URLSearchParams({ status: "success", payload: JSON.stringify(result) }).toString(),
  };
  await foreignPage(foreign, stolen);
  await foreignPage(foreign.replace("localhost", "127.0.0.1"), stolen);
  // a name that was made to lead to this machine
  const rebound = await open(url.replace("localhost", "127.0.0.1"));
  await rebound.getByText("wrong host").waitFor();
  const headers = { "Content-Type": "application/json" };
  assert.equal(await rebound.evaluate(async (options) => (await fetch("result", options)).status,
    { method: "POST", body: stolen.json, headers }), 403);
  await rebound.close();
  await nothing(data.request, 1);
  return { transaction: await undisturbed(program, page) };
});

await step("a foreign page leads back", async () => {
  const program = ask(wallet, "--mode", "redirect");
  const { page, url, data } = await openPage(program);
  const stranger = await open(`${foreign}/`);
  const query = new URLSearchParams({ status: "success", payload: JSON.stringify(claim(data.request)) });
  for (const back of [`${url}callback?${query}`, `${url}callback?status=cancel`]) {
    await stranger.evaluate((target) => Promise.all([
      fetch(target, { mode: "no-cors" }),
      ...["img", "iframe"].map((name) => new Promise((resolve) => {
        const element = document.body.appendChild(document.createElement(name));
        element.onload = element.onerror = resolve;
        element.src = target;
      })),
    ]), back);
  }
  await stranger.close();
  const payload = JSON.stringify(await approve(data.request));
  await page.evaluate((target) => location.assign(target),
    `${url}callback?${new URLSearchParams({ status: "success", payload })}`);
  const { id } = await granted(program);
  kept.push(id);
  await status(page, /You can close this page/);
  await page.close();
  return { transaction: await acts(id) };
});

await step("a window that is not the wallet", async () => {
  decide = () => null;
  const program = ask(wallet);
  const { page, data } = await openPage(program);
  const opened = await popup(page, () => pressed(page, "Open the wallet"));
  await status(page, /Waiting for your decision/);
  const payload = { id: data.request.id, result: claim(data.request) };
  const post = (said) => {
    const target = window.top.opener ?? window.opener.opener;
    target.postMessage({ id: "1", topic: "ready", payload: { chainIds: [1] } }, "*");
    target.postMessage({ id: "2", topic: "rpc-response", payload: said }, "*");
  };
  // frames in the wallet's window, of its own origin too, and a window that it opened
  for (const origin of [foreign, hostile]) {
    await opened.evaluate((src) => new Promise((resolve) => {
      const frame = document.body.appendChild(document.createElement("iframe"));
      frame.onload = resolve;
      frame.src = src;
    }), `${origin}/frame`);
    await opened.frame({ url: `${origin}/frame` }).evaluate(post, payload);
  }
  const third = await popup(opened, () => opened.evaluate((url) => void window.open(url), `${hostile}/third`));
  await third.waitForLoadState();
  await third.evaluate((said) => {
    window.opener.opener.postMessage({ id: "3", topic: "rpc-response", payload: said }, "*");
  }, payload);
  await third.close();
  // the wallet's window, gone elsewhere
  await opened.goto(`${foreign}/elsewhere`);
  await opened.evaluate(post, payload);
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve))); // what was posted has come
  await status(page, /Waiting for your decision/);
  await opened.close();
  await nothing(data.request, 1);
  decide = yes;
  await page.getByRole("button", { name: "Open the wallet again" }).click();
  const { id } = await granted(program);
  kept.push(id);
  await page.close();
  return { transaction: await acts(id) };
});

await end();
