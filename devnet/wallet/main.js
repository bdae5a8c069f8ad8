// The page: the owner's account, and what programs ask of it.
import * as Actions from "rise-wallet/remote/Actions";
import * as Events from "rise-wallet/remote/Events";
import { formatEther } from "viem";
import { chain, node, settings } from "./chain.js";
import * as describe from "./describe.js";
import { button, el, short, show } from "./view.js";
import { account, call, keepingGrants, porto, sentence, sessions, way } from "./wallet.js";

document.getElementById("chain").textContent = `${chain.name}, chain ${chain.id}`;

function card(...children) {
  return el("section", {}, ...children);
}

/** Lets a window that was opened small show all of the page. */
function fit() {
  if (way === "frame") porto.messenger.send("__internal", { type: "resize", height: document.body.scrollHeight });
  if (way !== "popup") return;
  const frame = window.outerHeight - window.innerHeight;
  const height = Math.min(document.body.scrollHeight + frame, window.screen.availHeight);
  if (window.outerWidth < 420 || window.outerHeight < height) window.resizeTo(Math.max(window.outerWidth, 420), height);
}

function display(...sections) {
  show(...sections);
  fit();
}

function busy(text) {
  display(card(el("p", { role: "status" }, text)));
}

// ---- what programs ask ----------------------------------------------------------------------------------------

let referrer; // what the page that opened this one says of itself
let current; // { request, origin, account, deciding }

/** Who asks, as the browser knows it; what a program calls itself is only told. */
function who(origin) {
  let place = origin;
  try {
    const url = new URL(origin);
    place = url.host || `${url.protocol} app`;
  } catch {
    // shown as it is
  }
  const title = referrer?.title && referrer.title !== place ? ` (it calls itself “${referrer.title}”)` : null;
  const how = way === "program" ? "A program at " : "";
  return el("p", {}, how, el("span", { class: "who" }, place), title, " asks:");
}

function warnings(notes) {
  if (notes.length === 0) return null;
  const worstFirst = [...notes.filter(({ grave }) => grave), ...notes.filter(({ grave }) => !grave)];
  return el("ul", { class: "notes", "aria-label": "Warnings" },
    worstFirst.map(({ grave, text }) => el("li", { class: grave ? "grave" : null }, el("strong", {}, "Mind: "), text)));
}

/** Whether the page that asked is still there; a program's endpoint is only missed when it is called on. */
function gone() {
  return way === "popup" && (!window.opener || window.opener.closed);
}

function unheard() {
  display(card(el("h1", {}, "Nobody heard the answer"),
    el("p", { class: "error", role: "alert" }, "The program that asked is gone. What you approved stays approved."),
    el("p", {}, "You can revoke it ", el("a", { href: "/dialog" }, "among your sessions"), ".")));
}

function finish(title, text) {
  if (gone()) return unheard();
  const more = way === "home" || way === "frame" ? null : el("p", {}, "You may close this window.");
  display(card(el("h1", { class: "done" }, title), text ? el("p", {}, text) : null, more));
}

function failed(error) {
  display(card(el("h1", {}, "That did not work"), el("p", { class: "error", role: "alert" }, sentence(error)),
    el("p", {}, "The program has been told. You may close this window, or try again from there.")));
}

/** Does what was asked and answers; `request` may be another than the one that came, made out of the owner's choice. */
async function approve(request, options) {
  const mine = current;
  if (mine.deciding) return;
  mine.deciding = true;
  busy("Confirm with your passkey…");
  try {
    await keepingGrants(() => Actions.respond(porto, request, options));
    if (current === mine) finish("Done", "The program has what it asked for.");
  } catch (error) {
    console.error(error);
    if (current === mine) failed(error);
  }
}

async function reject() {
  const mine = current;
  if (mine.deciding) return;
  mine.deciding = true;
  await Actions.reject(porto, mine.request);
  if (current === mine) finish("Rejected", "The program has been told, and was given nothing.");
}

/** A request to connect, with the owner's choice in its capabilities. */
function connecting(request, choice) {
  const [given = {}] = request.params ?? [];
  const params = [{ ...given, capabilities: { ...given.capabilities, ...choice } }];
  return { ...request, _decoded: undefined, method: "wallet_connect", params };
}

function connectButtons(request, action) {
  const selector = request.method === "wallet_connect" ? undefined : ({ accounts }) => accounts.map((x) => x.address);
  const asked = request.params?.[0]?.capabilities ?? {};
  const connect = (choice) => () => approve(connecting(request, choice), { selector });
  const create = { createAccount: asked.createAccount || true, selectAccount: undefined };
  const another = { createAccount: false, email: false, selectAccount: true };
  const known = account();
  if (known && !asked.createAccount && asked.selectAccount !== true) {
    const same = { createAccount: false, email: false };
    return [
      button(action, connect(same), "main"),
      button("Reject", reject),
      button("Use another account", connect(another), "plain"),
    ];
  }
  return [
    button(`Create account and ${action.toLowerCase()}`, connect(create), "main"),
    button("Use an existing passkey", connect(another)),
    button("Reject", reject),
  ];
}

const decision = (action) => [
  button(action, () => approve(current.request), "main"),
  button("Reject", reject),
];

function known() {
  const mine = account();
  return mine ? el("p", { class: "soft small" }, "Your account: ", short(mine.address)) : null;
}

async function connectScreen(request) {
  const { grantPermissions, grantAdmins } = request.params?.[0]?.capabilities ?? {};
  const notes = [];
  if (grantAdmins?.length) notes.push({ grave: true, text: "It asks to make more keys masters of your account." });
  const body = grantPermissions ? await describe.grant(grantPermissions, account()?.address, notes) : null;
  const title = body ? "Connect, and let it act for you?" : "Connect your account?";
  const plain = body ? null : el("p", {}, "It will see your account's address. It cannot do anything with it.");
  return { title, body, plain, notes, buttons: connectButtons(request, "Approve") };
}

// By method: the title, what is asked, and the buttons.
const SCREENS = {
  wallet_connect: connectScreen,
  eth_requestAccounts: connectScreen,
  eth_accounts: connectScreen,
  async wallet_grantPermissions(request) {
    const notes = [];
    const body = await describe.grant(request.params[0], account()?.address, notes);
    return { title: "Let it act for you?", body, notes, buttons: decision("Approve") };
  },
  async wallet_revokePermissions(request) {
    const body = el("p", {}, "The key ", short(request.params[0].id), " will no longer be able to act for you.");
    return { title: "Revoke a key?", body, buttons: decision("Revoke") };
  },
  async wallet_sendCalls(request) {
    const notes = [];
    const body = await describe.calls(request.params[0].calls, notes);
    return { title: "Do this now?", body, notes, buttons: decision("Approve") };
  },
  async eth_sendTransaction(request) {
    const notes = [];
    const body = await describe.calls([request.params[0]], notes);
    return { title: "Do this now?", body, notes, buttons: decision("Approve") };
  },
  async wallet_disconnect() {
    const body = el("p", {}, "This browser will forget which account is yours; the passkey stays.");
    return { title: "Disconnect?", body, buttons: decision("Disconnect") };
  },
};

// These need an account that is connected, and are answered with an error where there is none.
const CONNECTED = ["wallet_grantPermissions", "wallet_revokePermissions", "wallet_sendCalls", "eth_sendTransaction"];

const own = (object, name) => (Object.hasOwn(object, name) ? object[name] : undefined);

/** Brings in the account that the program expects, which this browser may have lost. */
async function expect(wanted) {
  const mine = account();
  if (!wanted || mine?.address.toLowerCase() === wanted.address.toLowerCase()) return;
  await keepingGrants(() => call("wallet_connect", { capabilities: { selectAccount: wanted } }));
}

async function present({ account: wanted, origin, request }) {
  if (!request) {
    current = undefined;
    if (way !== "frame") waiting();
    return;
  }
  if (current?.deciding === true && current.request.id === request.id && current.origin === origin) return;
  const mine = { request, origin };
  current = mine;
  await sessions();
  const screen = own(SCREENS, request.method);
  if (!screen || (CONNECTED.includes(request.method) && !account() && !wanted)) {
    mine.deciding = true;
    const error = screen
      ? { code: 4900, message: "The wallet is not connected." }
      : { code: 4200, message: `The devnet's wallet does not do ${request.method}.` };
    await Actions.reject(porto, request, error);
    return failed(error);
  }
  try {
    if (CONNECTED.includes(request.method)) await expect(wanted);
  } catch (error) {
    await Actions.respond(porto, request, { error });
    return failed(error);
  }
  try {
    const { title, body, plain, notes = [], buttons } = await screen(request);
    if (current !== mine) return;
    display(card(who(origin), el("h1", {}, title), warnings(notes), plain, body, known(),
      el("div", { class: "actions" }, buttons)));
  } catch (error) {
    if (current !== mine) return;
    mine.deciding = true;
    if (request.method === "wallet_connect") return malformed(error);
    await Actions.reject(porto, request, { code: -32602, message: sentence(error) });
    failed(error);
  }
}

/** The real wallet leaves such requests without an answer, and so does this one; but it says so. */
function malformed(error) {
  const why = el("p", { class: "error", role: "alert" }, sentence(error));
  display(card(el("h1", {}, "A request that cannot be read"), why, el("p", {}, "It was not answered.")));
}

function waiting() {
  busy("Waiting for the program…");
}

// ---- the owner's own page -------------------------------------------------------------------------------------

function welcome(error) {
  const start = (capabilities) => async () => {
    busy("Confirm with your passkey…");
    try {
      await keepingGrants(() => call("wallet_connect", { capabilities }));
      await home();
    } catch (problem) {
      console.error(problem);
      welcome(problem);
    }
  };
  display(card(
    el("h1", {}, "Your account on this devnet"),
    error ? el("p", { class: "error", role: "alert" }, sentence(error)) : null,
    el("p", {}, "A passkey of this browser or device is its key. Programs ask here before they may act for you."),
    el("div", { class: "actions" },
      button("Create account", start({ createAccount: true }), "main"),
      button("Use an existing passkey", start({ selectAccount: true }))),
  ));
}

async function forget() {
  await call("wallet_disconnect");
  await home();
}

/** Revokes and looks whether it is gone, since the SDK is content with having tried. */
async function revoke(key) {
  busy("Confirm with your passkey…");
  try {
    await call("wallet_revokePermissions", { address: account().address, id: key.id });
    const left = await sessions();
    if (left.some(({ id }) => id === key.id)) throw new Error("The key is still there: the transaction failed.");
    await home("The key was revoked.");
  } catch (error) {
    console.error(error);
    await home(undefined, error);
  }
}

async function sessionLine(key) {
  const spend = [];
  for (const rule of key.permissions?.spend ?? []) {
    spend.push(spend.length > 0 ? ", " : "up to ", ...(await describe.amount(rule.limit, rule.token)),
      ` each ${rule.period}`);
  }
  // the last one is the SDK's own addition
  const calls = (key.permissions?.calls ?? [])
    .filter(({ to }) => to?.toLowerCase() !== settings.contracts.orchestrator.toLowerCase());
  return el("li", { class: "row", "data-key": key.publicKey },
    el("div", {},
      el("div", {}, short(key.publicKey)),
      el("div", { class: "small" }, `${calls.length} function${calls.length === 1 ? "" : "s"}; `,
        spend.length > 0 ? spend : "no spending"),
      el("div", { class: "soft small" }, "ends ", describe.expiry(Number(key.expiry)))),
    button("Revoke", () => revoke(key)));
}

async function home(note, error) {
  const list = await sessions();
  const mine = account();
  if (!mine) return welcome();
  const balance = await node.getBalance({ address: mine.address });
  const lines = await Promise.all(list.map(sessionLine));
  display(
    card(
      el("h1", {}, "Your account"),
      note ? el("p", { class: "done", role: "status" }, note) : null,
      error ? el("p", { class: "error", role: "alert" }, sentence(error)) : null,
      el("p", {}, el("code", { id: "address" }, mine.address)),
      el("p", { class: "soft" }, `${formatEther(balance)} ETH`),
    ),
    card(
      el("h2", {}, "Programs that may act for you"),
      lines.length > 0 ? el("ul", {}, lines) : el("p", { class: "soft" }, "None."),
    ),
    el("div", { class: "actions" }, button("Refresh", () => home()), button("Sign out here", forget, "plain")),
  );
}

// ---- start ----------------------------------------------------------------------------------------------------

Events.onInitialized(porto, (init) => {
  referrer = init.referrer;
  const scheme = init.theme?.colorScheme;
  if (scheme === "light" || scheme === "dark") document.documentElement.style.colorScheme = scheme;
});
Events.onDialogRequest(porto, (event) => void present(event));
porto.messenger.on("success", ({ title, content } = {}) => finish(title ?? "Done", content));
window.addEventListener("error", ({ error }) => malformed(error));
// The SDK does not wait for the endpoint to take the answer.
window.addEventListener("unhandledrejection", () => {
  if (way === "program" && current?.deciding) unheard();
});

try {
  await porto.ready();
  if (way === "home") await home();
  else if (!current) waiting();
} catch (error) {
  malformed(error);
}
