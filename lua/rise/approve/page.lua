--- The page that the owner sees before the wallet: who asks, for what, until when; and what became of it. One document,
-- which loads nothing; what it shows comes as data, and is put into the document as text only.
-- @module rise.approve.page

local core = require "rise.core"
local json = require "rise.json"

local page = {}

local CSS = [==[
:root {
  color-scheme: light dark;
  --back: #f4f5f7; --card: #ffffff; --text: #1b1f27; --soft: #5a6372; --line: #dfe3e9; --code: #f0f2f5;
  --main: #4b3fd6; --main-text: #ffffff; --good: #12724a; --bad: #b3261e; --warn-back: #fff4e0; --warn: #7a4b00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #101216; --card: #191c22; --text: #eceef2; --soft: #a2abba; --line: #2c313a; --code: #23272f;
    --main: #8f86ff; --main-text: #12131a; --good: #5fd39a; --bad: #ff8a80; --warn-back: #33270f; --warn: #ffcf80;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; display: flex; justify-content: center; align-items: flex-start;
  padding: clamp(1rem, 6vh, 4rem) 1rem; background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main {
  width: 100%; max-width: 36rem; background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  padding: clamp(1.25rem, 5vw, 2rem);
}
h1 { font-size: 1.35rem; line-height: 1.3; margin: 0 0 .35rem; overflow-wrap: anywhere; }
h2 { font-size: .8rem; letter-spacing: .04em; text-transform: uppercase; color: var(--soft); margin: 1.5rem 0 .4rem; }
p { margin: 0 0 .75rem; }
.soft { color: var(--soft); }
ul { margin: 0; padding: 0; list-style: none; border: 1px solid var(--line); border-radius: 10px;
  overflow: hidden; }
li { padding: .6rem .85rem; overflow-wrap: anywhere; }
li + li { border-top: 1px solid var(--line); }
li.grave { background: var(--warn-back); color: var(--warn); font-weight: 600; }
code { font: .86em/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: var(--code);
  border-radius: 5px; padding: .1em .35em; overflow-wrap: anywhere;
  -webkit-box-decoration-break: clone; box-decoration-break: clone; }
dl { margin: 0; display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
#status { margin: 1.5rem 0 0; padding: .75rem .9rem; border-radius: 10px; background: var(--code); }
#status[data-kind=good] { color: var(--good); font-weight: 600; }
#status[data-kind=bad] { color: var(--bad); font-weight: 600; }
#buttons { display: flex; flex-wrap: wrap; gap: .6rem; margin-top: 1rem; }
button, .button {
  font: inherit; font-weight: 600; border-radius: 10px; padding: .65rem 1.1rem; cursor: pointer;
  border: 1px solid var(--line); background: transparent; color: var(--text); text-decoration: none;
}
button.main { background: var(--main); border-color: var(--main); color: var(--main-text); flex: 1 1 14rem; }
button:focus-visible, a:focus-visible { outline: 3px solid var(--main); outline-offset: 2px; }
button:disabled { opacity: .55; cursor: default; }
#other { margin: 1rem 0 0; }
#other a { color: var(--main); }
[hidden] { display: none !important; }
@media (max-width: 30rem) {
  body { padding: .75rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; }
  #buttons > * { flex: 1 1 100%; text-align: center; }
}
]==]

-- The wallet's window is spoken to as the reference describes (popup with postMessage); the program through this page's
-- own origin.
local SCRIPT = [==[
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const FINAL = {
  approved: ["good", "Approved. You can close this page and return to the program."],
  revoked: ["good", "Removed. You can close this page and return to the program."],
  rejected: ["bad", "Not approved. Nothing was granted. You can close this page."],
  expired: ["bad", "The program has stopped waiting. Nothing was granted. You can close this page."],
  canceled: ["bad", "The program has withdrawn its request. Nothing was granted. You can close this page."],
  error: ["bad", "This did not work. Nothing was granted. You can close this page."],
};
let over = false;        // a final state is shown
let sent = false;        // the outcome has been handed to the program
let wallet = null;       // the window
let ready = false;       // it has said so
let watch = 0, patience = 0;
const page = crypto.randomUUID(); // this document: what a tab keeps, the browser copies when it makes another of it

function show(text, kind) {
  $("status").textContent = text;
  if (kind) $("status").dataset.kind = kind; else delete $("status").dataset.kind;
}

function end(state, message) {
  over = true;
  clearInterval(watch);
  clearTimeout(patience);
  if (events) events.close();
  if (wallet && !wallet.closed) wallet.close();
  const [kind, text] = FINAL[state] || FINAL.error;
  show(message ? `${text} (${message})` : text, kind);
  $("buttons").hidden = true;
  $("other").hidden = true;
  document.title = (kind === "good" ? "Done" : "Not approved") + " - " + document.title;
}

async function hand(outcome) {
  if (sent || over) return;
  sent = true;
  clearInterval(watch);
  clearTimeout(patience);
  $("open").disabled = $("cancel").disabled = true;
  show("Checking the answer…");
  let body;
  try {
    body = JSON.stringify({ page, id: data.request.id, ...outcome });
  } catch {
    body = JSON.stringify({ page, id: data.request.id, error: { code: -32603, message: "the answer is no JSON" } });
  }
  try {
    const reply = await fetch("result", { method: "POST", body, headers: { "Content-Type": "application/json" } });
    if (!reply.ok) end("error", await reply.text());
  } catch {
    end("error", "the program cannot be reached any more");
  }
}

function post(topic, payload) {
  wallet.postMessage({ id: crypto.randomUUID(), topic, payload }, data.wallet.origin);
}

addEventListener("message", (event) => {
  if (!wallet || event.source !== wallet || event.origin !== data.wallet.origin) return;
  const message = event.data;
  if (over || sent || typeof message !== "object" || message === null) return;
  if (message.topic === "ready") {
    ready = true;
    clearTimeout(patience);
    const chains = message.payload && message.payload.chainIds;
    if (Array.isArray(chains) && !chains.map(Number).includes(data.chain)) {
      hand({ error: { code: 4901, message: `the wallet does not serve chain ${data.chain}` } });
      return;
    }
    // Also after a reload of the wallet, which asks for both again.
    post("__internal", { type: "init", mode: "popup", referrer: { title: data.name }, chainIds: [data.chain] });
    const account = data.account && { account: data.account };
    post("rpc-requests", [{ status: "pending", request: data.request, ...account }]);
    show("Waiting for your decision in the wallet's window.");
  } else if (message.topic === "rpc-response") {
    const { id, result, error } = message.payload || {};
    if (id !== data.request.id) return;
    if (error) {
      // Errors thrown inside of the wallet arrive without a code.
      hand({ error: { code: typeof error.code === "number" ? error.code : -32603,
        message: String(error.message || "no reason was given") } });
    } else {
      hand({ result: result === undefined ? null : result });
      post("success", { title: "Done", content: "You can close this window." });
    }
    wallet.close();
  }
});

function lost() {
  clearInterval(watch);
  clearTimeout(patience);
  $("open").disabled = false;
  $("open").textContent = "Open the wallet again";
  show(ready ? "The wallet's window was closed before you decided." : "The wallet's window was closed before it was "
    + "ready. If it is still open, it cannot talk to this page: use the link below.");
  if (!ready) $("other").hidden = false;
}

function open_wallet() {
  if (data.mode === "redirect") {
    location.assign(data.wallet.redirect);
    return;
  }
  if (wallet && !wallet.closed) {
    wallet.focus();
    return;
  }
  ready = false;
  const small = Math.min(screen.width, innerWidth) < 500;
  const left = Math.round(screenX + (outerWidth - 420) / 2), top = Math.round(screenY + 100);
  wallet = open(data.wallet.url, "_blank", small ? "" : `popup,width=420,height=640,left=${left},top=${top}`);
  if (!wallet) {
    show("Your browser has blocked the wallet's window. Allow windows of this page, then try again.", "bad");
    return;
  }
  show("Opening the wallet…");
  $("open").textContent = "Show the wallet";
  patience = setTimeout(() => {
    show("The wallet does not answer this page.");
    $("other").hidden = false;
  }, 20000);
  let closed = 0;
  clearInterval(watch);
  watch = setInterval(() => {
    closed = wallet.closed ? closed + 1 : 0;
    if (closed > 1 && !sent) { // an answer that was on its way has come by now
      wallet = null;
      lost();
    }
  }, 250);
}

// Addresses and keys stand out; everything is text, never markup.
function rich(node, text) {
  for (const part of text.split(/(0x[0-9a-fA-F]{40,})/)) {
    if (/^0x[0-9a-fA-F]{40}/.test(part)) node.appendChild(document.createElement("code")).textContent = part;
    else node.append(part);
  }
  return node;
}

function fact(name, text) {
  $("facts").appendChild(document.createElement("dt")).textContent = name;
  rich($("facts").appendChild(document.createElement("dd")), text);
}

for (const line of data.lines) {
  const item = $("lines").appendChild(document.createElement("li"));
  rich(item, line.charAt(0).toUpperCase() + line.slice(1));
  if (line.startsWith("has full control")) item.className = "grave";
}
if (data.expires) {
  const left = data.expires - Date.now() / 1000;
  const unit = left > 172800 ? ["days", 86400] : left > 5400 ? ["hours", 3600] : ["minutes", 60];
  fact("Until", `${new Date(data.expires * 1000).toLocaleString()} (in about ${Math.max(1,
    Math.round(left / unit[1]))} ${unit[0]})`);
}
fact("Account", data.account ? data.account.address : "the one you choose in the wallet");
fact("Network", `${data.network} (chain ${data.chain})`);
fact("Session key", data.key);
fact("Wallet", data.wallet.origin);
$("open").addEventListener("click", open_wallet);
$("cancel").addEventListener("click", () => hand({ error: { code: 4001, message: "canceled on the approval page" } }));
$("link").href = data.wallet.relay;

let events = null;
if (data.final) {
  end(data.final.state, data.final.message);
} else {
  show(data.mode === "redirect" ? "The wallet opens in this tab and leads back here."
    : "Read what is asked for. The wallet opens in a window of its own, and asks you there.");
  events = new EventSource("events?page=" + encodeURIComponent(page));
  events.onmessage = (event) => {
    const news = JSON.parse(event.data);
    if (news.state === "elsewhere") {
      $("open").disabled = $("cancel").disabled = true;
      show("This request is open in another tab. Go on there, or close that one.");
    } else if (news.state === "waiting") {
      if (!sent && !wallet) $("open").disabled = $("cancel").disabled = false;
    } else {
      end(news.state, news.message);
    }
  };
}
]==]

local DOCUMENT = [==[<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>$TITLE</title>
<link rel="icon" href="data:,">
<style nonce="$NONCE">$CSS</style>
</head>
<body>
<main>
<h1>$HEADING</h1>
<p class="soft">$LEAD</p>
<h2>$LIST</h2>
<ul id="lines"></ul>
<h2>Details</h2>
<dl id="facts"></dl>
<div id="status" role="status" aria-live="polite"></div>
<noscript><p>This page needs JavaScript.</p></noscript>
<div id="buttons">
<button id="open" class="main" type="button">Open the wallet</button>
<button id="cancel" type="button">Cancel</button>
</div>
<p id="other" class="soft" hidden>The wallet can also <a id="link" target="_blank" rel="noopener noreferrer">talk to the
program directly</a>. Your browser may ask whether it may reach this computer.</p>
</main>
<script type="application/json" id="data">$DATA</script>
<script nonce="$NONCE">$SCRIPT</script>
</body>
</html>
]==]

local WORDS = {
  grant = {
    heading = "%s asks to act for you",
    lead = "If you approve, it may do what is listed here, and nothing else, without asking again. You can take it "
      .. "back in the wallet at any time.",
    list = "What it asks for",
  },
  revoke = {
    heading = "%s asks to give up its key",
    lead = "If you approve, the session key is removed from your account and can do nothing any more.",
    list = "What the key may do now",
  },
}

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

local function escaped(text)
  return (text:gsub("[&<>\"']", ENTITIES))
end

-- JSON inside of a script element: nothing in it may end the element.
local function embedded(value)
  return (json.encode(value):gsub("[<>&]", { ["<"] = "\\u003c", [">"] = "\\u003e", ["&"] = "\\u0026" }))
end

--- The page and the headers it must have.
-- @tparam table view `kind` ("grant" or "revoke"), `name` of who asks, and what the script reads: `lines`, `expires`,
-- `account`, `network`, `chain`, `key`, `mode`, `request`, `wallet` (`url`, `origin`, `relay`, `redirect`), `final`
-- @treturn string
-- @treturn table
function page.render(view)
  local nonce = core.hex(assert(core.random(16))):sub(3)
  local words = WORDS[view.kind]
  local heading = escaped(string.format(words.heading, view.name))
  local parts = {
    TITLE = heading, HEADING = heading, LEAD = escaped(words.lead), LIST = escaped(words.list),
    NONCE = nonce, CSS = CSS, SCRIPT = SCRIPT,
    DATA = embedded(view),
  }
  return (DOCUMENT:gsub("%$(%u+)", parts)), {
    ["Content-Type"] = "text/html; charset=utf-8",
    ["Content-Security-Policy"] = "default-src 'none'; script-src 'nonce-" .. nonce .. "'; style-src 'nonce-" .. nonce
      .. "'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ["X-Frame-Options"] = "DENY",
    ["X-Content-Type-Options"] = "nosniff",
    ["Referrer-Policy"] = "no-referrer",
    ["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups",
    ["Cross-Origin-Resource-Policy"] = "same-origin",
    ["Cache-Control"] = "no-store",
  }
end

return page
