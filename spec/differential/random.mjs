// Random values that a seed brings back.

/** Numbers of 32 bits (mulberry32). */
export function generator(seed) {
  let state = seed >>> 0;
  const u32 = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  const below = (n) => Math.floor((u32() / 2 ** 32) * n);
  const between = (low, high) => low + below(high - low + 1);
  const chance = (p) => u32() / 2 ** 32 < p;
  const pick = (list) => list[below(list.length)];
  const bytes = (length) => Uint8Array.from({ length }, () => below(256));
  const hex = (length) => `0x${Buffer.from(bytes(length)).toString("hex")}`;
  // Every size is as likely as any other, and so are the edges.
  const bits = (n) => {
    if (chance(0.1)) return 0n;
    if (chance(0.1)) return (1n << BigInt(n)) - 1n;
    const size = between(1, n);
    const mask = (1n << BigInt(size)) - 1n;
    if (chance(0.1)) return 1n << BigInt(size - 1);
    return BigInt(hex(Math.ceil(size / 8))) & mask;
  };
  const int = (n) => {
    const magnitude = bits(n - 1);
    return chance(0.5) ? magnitude : -magnitude - 1n;
  };
  // Characters of one to four bytes of UTF-8, control characters among them.
  const text = (length) => {
    let result = "";
    for (let i = 0; i < length; i++) {
      const kind = below(10);
      if (kind < 6) result += String.fromCodePoint(between(32, 126));
      else if (kind < 7) result += String.fromCodePoint(below(32));
      else if (kind < 8) result += String.fromCodePoint(between(0x80, 0x7ff));
      else if (kind < 9) result += String.fromCodePoint(chance(0.5) ? between(0x800, 0xd7ff) : between(0xe000, 0xffff));
      else result += String.fromCodePoint(between(0x10000, 0x10ffff));
    }
    return result;
  };
  const name = (prefix) => {
    const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$";
    let result = prefix;
    for (let i = between(0, 8); i > 0; i--) result += letters[below(letters.length)];
    return result;
  };
  // A short size, now and then a long one.
  const size = (usual, rare) => (chance(0.05) ? between(usual, rare) : below(usual + 1));
  return { below, between, bits, bytes, chance, hex, int, name, pick, size, text, u32 };
}

/** A random ABI type: a parameter object as in JSON ABIs. */
export function parameter(r, depth = 3, options = {}) {
  const kind = r.below(depth > 0 ? 12 : 8);
  const name = options.named ? r.name("p_") : undefined;
  const withName = (rest) => (name === undefined ? rest : { name, ...rest });
  if (kind === 8 || kind === 9) {
    const element = parameter(r, depth - 1, { ...options, named: false });
    const suffix = kind === 8 ? "[]" : `[${r.between(1, 4)}]`;
    return withName({ ...element, type: element.type + suffix });
  }
  if (kind > 9) {
    const components = Array.from({ length: r.between(1, 4) }, (_, i) => {
      const component = parameter(r, depth - 1, options);
      // Names of a tuple's components differ.
      return component.name === undefined ? component : { ...component, name: `${component.name}${i}` };
    });
    return withName({ type: "tuple", components });
  }
  const type = [
    () => `uint${8 * r.between(1, 32)}`,
    () => `int${8 * r.between(1, 32)}`,
    () => r.pick(["uint256", "int256"]),
    () => "bool",
    () => "address",
    () => `bytes${r.between(1, 32)}`,
    () => "bytes",
    () => "string",
  ][kind]();
  return withName({ type });
}

/** The type of the elements, and how many there must be (undefined: any). */
export function elementOf(parameter) {
  const match = parameter.type.match(/^(.*)\[(\d*)\]$/);
  if (!match) return undefined;
  return { element: { ...parameter, type: match[1] }, count: match[2] === "" ? undefined : Number(match[2]) };
}

/** A random value of a type, as viem takes it. */
export function value(r, type) {
  const array = elementOf(type);
  if (array) return Array.from({ length: array.count ?? r.size(3, 40) }, () => value(r, array.element));
  if (type.type === "tuple") {
    const values = type.components.map((component) => value(r, component));
    const names = type.components.map(({ name }) => name);
    return names.every((name) => name) ? Object.fromEntries(names.map((name, i) => [name, values[i]])) : values;
  }
  const [, base, digits] = type.type.match(/^([a-z]+)(\d*)$/);
  const size = Number(digits);
  switch (base) {
    case "uint":
      return size <= 48 ? Number(r.bits(size)) : r.bits(size);
    case "int":
      return size <= 48 ? Number(r.int(size)) : r.int(size);
    case "bool":
      return r.chance(0.5);
    case "address":
      return r.hex(20);
    case "string":
      return r.text(r.size(40, 400));
    default:
      return r.hex(digits === "" ? r.size(70, 1000) : size);
  }
}

/** The same value as the specs compare it: by position, numbers as decimal text, addresses in lower case. */
export function plain(type, value) {
  const array = elementOf(type);
  if (array) return value.map((item) => plain(array.element, item));
  if (type.type === "tuple") {
    return type.components.map((component, i) =>
      plain(component, Array.isArray(value) ? value[i] : value[component.name]));
  }
  if (typeof value === "number" || typeof value === "bigint") return value.toString();
  return type.type === "address" ? value.toLowerCase() : value;
}

/** Canonical text of a type. */
export function canonical(type) {
  const array = type.type.match(/^tuple((\[\d*\])*)$/);
  return array ? `(${type.components.map(canonical).join(",")})${array[1]}` : type.type;
}

/** The same with names, as human-readable ABIs have it. */
export function readable(type, words = []) {
  const array = type.type.match(/^tuple((\[\d*\])*)$/);
  const text = array ? `(${type.components.map((component) => readable(component)).join(", ")})${array[1]}` : type.type;
  return [text, ...words, ...(type.name ? [type.name] : [])].join(" ");
}
