// Requests in plain language: what a program wants, and what is to be thought about before one says yes.
import { decodeFunctionData, erc20Abi, formatUnits, parseAbiItem, toFunctionSelector } from "viem";
import { chain, node, settings } from "./chain.js";
import { el, short } from "./view.js";

const ANY_TARGET = `0x${"32".repeat(20)}`;
const ANY_SELECTOR = "0x32323232";
const EMPTY_SELECTOR = "0xe0e0e0e0";
const NATIVE = `0x${"00".repeat(20)}`;
const LONG = 30 * 24 * 3600;
const UNLIMITED = 2n ** 200n;

// What selectors of the devnet's own contracts and of tokens stand for; others are shown as they are.
const KNOWN = Object.fromEntries(
  [
    "mint(address,uint256)",
    "transfer(address,uint256)",
    "transferFrom(address,address,uint256)",
    "approve(address,uint256)",
    "increment()",
    "setNumber(uint256)",
  ].map((text) => [toFunctionSelector(text), text]),
);
const ALLOWANCE = toFunctionSelector("approve(address,uint256)");

const NAMES = {};
for (const [name, address] of Object.entries(settings.contracts)) NAMES[address.toLowerCase()] = name;
const TITLES = { stk: "the STK token", counter: "the counter", orchestrator: "the orchestrator" };

/** A contract by the name the devnet gives it, or its address. */
function contract(address) {
  const title = TITLES[NAMES[address.toLowerCase()]];
  return title ? el("span", { title: address }, title) : short(address);
}

const tokens = new Map();

/** Symbol and decimals of a token; without them amounts can only be given in its smallest unit. */
async function token(address) {
  if (!address || address === NATIVE) return { symbol: chain.nativeCurrency.symbol, decimals: 18 };
  const id = address.toLowerCase();
  if (!tokens.has(id)) {
    const read = (functionName) => node.readContract({ address, abi: erc20Abi, functionName });
    tokens.set(id, Promise.all([read("symbol"), read("decimals")])
      .then(([symbol, decimals]) => ({ symbol, decimals, address }))
      .catch(() => ({ address })));
  }
  return tokens.get(id);
}

/** An amount with its unit, as elements. */
export async function amount(value, address) {
  const { symbol, decimals } = await token(address);
  const number = BigInt(value);
  if (number >= UNLIMITED) return [el("span", { class: "amount" }, "any amount"), " of ", symbol ?? short(address)];
  if (decimals === undefined) return [el("span", { class: "amount" }, String(number)), " units of ", short(address)];
  const [whole, part] = formatUnits(number, decimals).split(".");
  const text = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f") + (part ? `.${part}` : "");
  return [el("span", { class: "amount", title: address ?? "" }, `${text} ${symbol}`)];
}

export function period(seconds) {
  const steps = [["day", 86400], ["hour", 3600], ["minute", 60]];
  for (const [unit, size] of steps) {
    const count = Math.round(seconds / size);
    if (seconds >= size * 0.99) return `${count} ${unit}${count === 1 ? "" : "s"}`;
  }
  return "less than a minute";
}

export function expiry(seconds) {
  if (!seconds) return "never";
  const left = seconds - Date.now() / 1000;
  const date = new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  return left < 0 ? `${date} (over)` : `in ${period(left)} (${date})`;
}

function selectorOf(signature) {
  if (!signature) return ANY_SELECTOR;
  return /^0x/i.test(signature) ? signature.toLowerCase() : toFunctionSelector(signature);
}

function functionName(selector, signature) {
  if (selector === EMPTY_SELECTOR) return "send ETH to";
  const text = /^0x/i.test(signature) ? KNOWN[selector] : signature;
  return ["call ", el("code", { title: selector }, text ?? selector), " of"];
}

function callLine(rule, account, notes) {
  const selector = selectorOf(rule.signature);
  const anywhere = !rule.to || rule.to.toLowerCase() === ANY_TARGET;
  const anything = selector === ANY_SELECTOR;
  const own = rule.to && NAMES[rule.to.toLowerCase()] === "orchestrator";
  if (anywhere && anything) {
    notes.push({ grave: true, text: "It could call any function of any contract: nearly everything that you can do." });
  } else if (anywhere) {
    notes.push({ text: "It could call a function of any contract that has it." });
  } else if (anything && !own) {
    notes.push({ text: "It could call every function of a contract, not only some." });
  }
  if (selector === ALLOWANCE) notes.push({ text: "It could let others spend tokens within its limits." });
  if (account && rule.to?.toLowerCase() === account.toLowerCase()) {
    notes.push({ grave: true, text: "It asks for functions of your account itself, which the account will refuse." });
  }
  return el("li", {}, anything ? "call any function of" : functionName(selector, rule.signature), " ",
    anywhere ? "any contract" : contract(rule.to));
}

/** What a grant allows: elements, and into `notes` what is to be thought about. */
export async function grant(request, account, notes) {
  const { calls = [], spend = [] } = request.permissions ?? {};
  const left = Number(request.expiry) - Date.now() / 1000;
  if (left < 0) notes.push({ grave: true, text: "It has expired already, and could do nothing." });
  if (left > LONG) notes.push({ text: `It would be good for ${period(left)}.` });
  if (!request.key) notes.push({ text: "The program brings no key. The wallet will make one that stays here." });
  const spending = [];
  for (const rule of spend) {
    if (BigInt(rule.limit) >= UNLIMITED) notes.push({ grave: true, text: "It could spend without a limit." });
    spending.push(el("li", {}, "up to ", await amount(rule.limit, rule.token), ` each ${rule.period}`));
  }
  if (request.feeToken) {
    spending.push(el("li", {}, "and ", el("span", { class: "amount" },
      `${request.feeToken.limit} ${request.feeToken.symbol ?? "ETH"}`), " for fees"));
  }
  return [
    el("h2", {}, "It may, without asking again"),
    el("ul", {}, calls.map((rule) => callLine(rule, account, notes))),
    el("h2", {}, "It may spend"),
    spending.length > 0 ? el("ul", {}, spending) : el("p", {}, "Nothing."),
    el("h2", {}, "Until"),
    el("p", {}, "It ends ", expiry(Number(request.expiry)), ". You can revoke it here at any time."),
    request.key ? el("p", { class: "soft small" }, "Its key: ", short(request.key.publicKey)) : null,
  ];
}

/** Calls that are to be made now. */
export async function calls(list, notes) {
  const lines = [];
  for (const { to, data = "0x", value } of list) {
    const selector = data.slice(0, 10).toLowerCase();
    const line = el("li", {});
    if (data === "0x") line.append("send ");
    else line.append("call ", el("code", {}, KNOWN[selector] ?? selector), " of ", to ? contract(to) : "nobody");
    if (value && BigInt(value) > 0n) line.append(data === "0x" ? "" : " with ", ...(await amount(value)));
    if (data === "0x") line.append(" to ", to ? contract(to) : "nobody");
    try {
      const abi = [parseAbiItem(`function ${KNOWN[selector]}`)];
      const { functionName: name, args } = decodeFunctionData({ abi, data });
      if (name === "transfer") line.append(": ", ...(await amount(args[1], to)), " to ", short(args[0]));
      if (name === "mint") line.append(": ", ...(await amount(args[1], to)), " for ", short(args[0]));
      if (name === "approve") {
        line.append(": ", ...(await amount(args[1], to)), " for ", short(args[0]));
        notes.push({ text: "It lets somebody else spend your tokens." });
      }
    } catch {
      // nothing more is known of it than what stands there already
    }
    lines.push(line);
  }
  return [el("h2", {}, "It wants to"), el("ul", {}, lines)];
}
