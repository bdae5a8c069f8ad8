// The wallet behind the page: the SDK's own modules for wallets, with this devnet as chain and relay. What they say
// to programs, and what they answer without asking, is what the real wallet's page does.
import * as Messenger from "rise-wallet/core/Messenger";
import * as Mode from "rise-wallet/core/Mode";
import * as Storage from "rise-wallet/core/Storage";
import * as Porto from "rise-wallet/remote/Porto";
import * as Json from "ox/Json";
import { http } from "viem";
import { chain, settings } from "./chain.js";

const query = new URL(location.href).searchParams;

/** How the page was opened: by a program's URL, by a redirect, by another page, inside one, or by its owner. */
export const way = query.has("relayUrl")
  ? "program"
  : query.has("redirectUri")
    ? "redirect"
    : window.opener
      ? "popup"
      : window.parent !== window
        ? "frame"
        : "home";

// Schemes that would run as part of this page, or never leave the machine's files.
const OWN_SCHEMES = ["javascript:", "data:", "blob:", "file:", "filesystem:", "about:", "vbscript:", "view-source:"];

/** The request comes in the page's URL, and the answer leaves in another. */
function fromRedirect() {
  const listeners = {};
  let target;
  function answer({ result, error }) {
    const entries = !error
      ? { status: "success", payload: Json.stringify(result ?? null) }
      : { status: error.code === 4001 ? "cancel" : "error", message: error.message };
    const text = new URLSearchParams(entries).toString();
    location.assign(`${target.href}${target.href.includes("?") ? "&" : "?"}${text}`);
  }
  return Messenger.from({
    destroy() {},
    on(topic, listener) {
      listeners[topic] = listener;
      return () => delete listeners[topic];
    },
    async ready() {
      target = new URL(query.get("redirectUri"));
      const { protocol } = target;
      if (OWN_SCHEMES.includes(protocol)) throw new Error(`This page does not go to ${protocol} addresses.`);
      const request = {
        id: Number(query.get("id") ?? 0),
        jsonrpc: "2.0",
        method: query.get("method") ?? location.pathname.split("/").pop(),
        params: JSON.parse(query.get("params") ?? "[]"),
      };
      listeners["rpc-requests"]?.([{ request, status: "pending" }], { origin: target.href });
    },
    async send(topic, payload) {
      if (topic === "rpc-response") answer(payload);
    },
    async sendAsync() {},
  });
}

// A store without a state makes the SDK wait for it in vain.
const STORE = "rise.devnet.wallet";
const storage = Storage.localStorage();
if (!(await storage.getItem(STORE))) {
  await storage.setItem(STORE, { state: { accounts: [], chainIds: [chain.id] }, version: 5 });
}

export const porto = Porto.create({
  chains: [chain],
  mode: Mode.relay(),
  relay: http(settings.relay),
  storage,
  storageKey: STORE,
  transports: { [chain.id]: http(settings.rpc) },
  ...(way === "redirect" ? { messenger: fromRedirect() } : {}),
  ...(way === "home" ? { messenger: Messenger.noop() } : {}),
});

export function call(method, ...params) {
  return porto.provider.request({ method, ...(params.length > 0 ? { params } : {}) });
}

/** The account this browser is signed in with, if any. */
export function account() {
  return porto._internal.store.getState().accounts[0];
}

/**
 * Runs what signs in, and keeps the grants that this browser knows of: the SDK then only lists what is on the chain
 * already, and a grant gets there when it is first used.
 */
export async function keepingGrants(run) {
  const before = account();
  const result = await run();
  const after = account();
  if (before && after && before.address.toLowerCase() === after.address.toLowerCase()) {
    const now = Date.now() / 1000;
    const known = new Set(after.keys.map(({ id }) => id));
    const kept = before.keys.filter((key) => key.role === "session" && key.expiry > now && !known.has(key.id));
    porto._internal.store.setState({ accounts: [{ ...after, keys: [...after.keys, ...kept] }] });
  }
  return result;
}

const UNKNOWN = /eoa not delegated: (0x[0-9a-f]{40})/i;

/**
 * The account's sessions, and its own knowledge brought up to date: with what other windows of this page did, and
 * without an account that this devnet does not know, since browsers remember longer than devnets live.
 */
export async function sessions() {
  await porto._internal.store.persist.rehydrate();
  if (!account()) return [];
  try {
    const keys = await call("wallet_getKeys", { address: account().address });
    return keys.filter(({ role, expiry }) => role === "session" && (!expiry || expiry > Date.now() / 1000));
  } catch (error) {
    if (!UNKNOWN.test(said(error))) throw error;
    await call("wallet_disconnect");
    return [];
  }
}

function innermost(error) {
  while (error?.cause) error = error.cause;
  return error ?? {};
}

function said(error) {
  const { message, details, shortMessage } = innermost(error);
  return [details, shortMessage, message].find(Boolean) ?? String(error);
}

/** An error as a sentence for the owner. */
export function sentence(error) {
  const { name } = innermost(error);
  const text = said(error);
  if (name === "NotAllowedError" || /NotAllowedError|timed out or was not allowed/.test(text)) {
    return "The passkey was not used: the prompt was closed, or timed out.";
  }
  const stranger = text.match(UNKNOWN);
  if (stranger) {
    return `This devnet does not know the account ${stranger[1]}: the passkey belongs to another one, or to an `
      + "earlier run. Create a new account.";
  }
  return text.split("\n")[0];
}
