// Elements without markup in strings: what comes from programs and chains is text, and stays text.

/** An element: `el("p", { class: "soft" }, "text", child)`. Children that are null are left out. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") element.addEventListener("click", value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

/** Shows these in place of what was there, and moves the focus, so that a reader hears of it. */
export function show(...sections) {
  const main = document.getElementById("main");
  main.replaceChildren(...sections.flat().filter((section) => section != null));
  const title = main.querySelector("h1")?.textContent;
  document.title = title ? `${title} · Devnet wallet` : "Devnet wallet";
  main.focus({ preventScroll: true });
}

export function button(text, onclick, kind) {
  return el("button", { type: "button", class: kind, onclick }, text);
}

/** An address or key, short, and in full to whoever looks for it. */
export function short(hex) {
  const text = hex.length > 14 ? `${hex.slice(0, 8)}…${hex.slice(-6)}` : hex;
  return el("code", { title: hex }, text);
}
