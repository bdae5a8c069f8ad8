// Random cases with the answers of viem and ox, one JSON line each.
// usage: node cases.mjs <kind> <count> <seed>
import { createHash } from "node:crypto";
import { load } from "../sdk/packages.mjs";
import { canonical, elementOf, generator, parameter, plain, readable, value } from "./random.mjs";

const viem = await load("viem");
const ox = await load("ox");

const [kind, count, seed] = process.argv.slice(2);
const r = generator(Number(seed));

/** What a function gives, or undefined when it refuses. */
function attempt(run) {
  try {
    return run();
  } catch {
    return undefined;
  }
}

// A few bytes changed, added or taken away.
function mutated(hex) {
  const bytes = [...Buffer.from(hex.slice(2), "hex")];
  for (let i = r.between(1, 2); i > 0; i--) {
    const at = r.below(bytes.length + 1);
    const how = r.below(6);
    if (how === 0) bytes.splice(at, r.between(1, 33));
    else if (how === 1) bytes.splice(at, 0, ...r.bytes(r.between(1, 33)));
    else if (how === 2) bytes.length = at;
    else if (at < bytes.length) bytes[at] = r.chance(0.5) ? r.pick([0, 1, 0x20, 0x7f, 0x80, 0xff]) : r.below(256);
  }
  return `0x${Buffer.from(bytes).toString("hex")}`;
}

function mutatedText(text) {
  const at = r.below(text.length);
  const how = r.below(3);
  const letter = r.pick([" ", ",", "(", ")", "[", "]", "0", "2", "a", ";", "u", "_"]);
  return text.slice(0, at) + (how === 0 ? "" : letter) + text.slice(how === 1 ? at : at + 1);
}

function types() {
  return Array.from({ length: r.below(5) }, (_, i) => {
    const type = parameter(r, 3, { named: r.chance(0.7) });
    return type.name === undefined ? type : { ...type, name: `${type.name}${i}` };
  });
}

// Both groups' orders are so close to 2^256 that any 32 bytes will do.
const secret = () => (r.chance(0.05) ? viem.toHex(r.between(1, 5), { size: 32 }) : r.hex(32));

const plainList = (types, values) => types.map((type, i) => plain(type, values[i]));

function bytesForText(type) {
  return {
    ...type,
    type: type.type.replace(/^string/, "bytes"),
    ...(type.components ? { components: type.components.map(bytesForText) } : {}),
  };
}

function decoded(types, data) {
  try {
    return viem.decodeAbiParameters(types, data);
  } catch (error) {
    // viem will not even stand at the end of the data, where an array or text without elements may well end.
    if (!error.message.startsWith(`Position \`${data.length / 2 - 1}\` is out of bounds`)) return undefined;
    return attempt(() => viem.decodeAbiParameters(types, viem.concat([data, viem.pad("0x", { size: 32 })])));
  }
}

function randomRlp(depth) {
  if (depth > 0 && r.chance(0.4)) return Array.from({ length: r.size(4, 60) }, () => randomRlp(depth - 1));
  return r.hex(r.chance(0.3) ? 1 : r.size(60, 300));
}

const primitive = () => {
  let type;
  do type = parameter(r, 0); while (type.type === "bytes" || type.type === "string");
  return type.type;
};

// Struct types that refer to later ones only, so that there is no circle.
function structs() {
  // Their names without $, at which viem and ox stop reading them.
  const names = Array.from({ length: r.between(1, 5) }, (_, i) =>
    `${r.pick(["S", "Z", "a", "M", "_"])}${i}${r.name("")}`.replaceAll("$", "_"));
  const types = {};
  names.forEach((name, i) => {
    types[name] = Array.from({ length: r.between(1, 5) }, (_, field) => {
      let type = i + 1 < names.length && r.chance(0.4)
        ? r.pick(names.slice(i + 1))
        : parameter(r, 0).type;
      while (r.chance(0.25)) type += r.chance(0.5) ? "[]" : `[${r.between(1, 3)}]`;
      return { name: `${r.name("f")}${field}`, type };
    });
  });
  return { types, primaryType: names[0] };
}

// A struct's type as an ABI parameter, which makes values and puts them in order.
function asTuple(types, type, name) {
  const [, base, suffix] = type.match(/^([^[]*)(.*)$/);
  if (!types[base]) return { name, type };
  const components = types[base].map((field) => asTuple(types, field.type, field.name));
  return { name, type: `tuple${suffix}`, components };
}

function domain() {
  const fields = {
    name: () => r.text(r.size(20, 60)),
    version: () => r.pick(["1", "0.5.5", r.text(5)]),
    chainId: () => Number(r.bits(48)),
    verifyingContract: () => r.hex(20),
    salt: () => r.hex(32),
  };
  const result = {};
  for (const [name, make] of Object.entries(fields)) if (r.chance(0.6)) result[name] = make();
  return result;
}

const DOMAIN_TYPES = {
  name: "string", version: "string", chainId: "uint256", verifyingContract: "address", salt: "bytes32",
};

// A line of a human-readable ABI. `structs` may be used in it.
function line(structs) {
  const parameters = (kind) => Array.from({ length: r.below(4) }, (_, i) => {
    let type = parameter(r, 2, { named: true });
    if (structs.length > 0 && r.chance(0.4)) {
      type = { type: r.pick(structs).name + r.pick(["", "", "[]", "[2]"]) };
    }
    const name = r.chance(0.8) ? `${r.name("p_")}${i}` : undefined;
    const plainType = readable({ ...type, name: undefined });
    const words = kind === "event" && r.chance(0.4) ? ["indexed"] : [];
    if (kind === "function" && r.chance(0.3) && /(\]|\)|^bytes|^string)$/.test(plainType)) {
      words.push(r.pick(["memory", "calldata"]));
    }
    return [plainType, ...words, ...(name ? [name] : [])].join(" ");
  });
  const comma = r.pick([", ", ","]);
  const list = (kind) => `(${parameters(kind).join(comma)})`;
  const name = r.name("n");
  const mutability = r.pick(["", "", " view", " pure", " payable", " nonpayable"]);
  switch (r.below(8)) {
    case 0:
      return `event ${name}${list("event")}`;
    case 1:
      return `error ${name}${list()}`;
    case 2:
      return `constructor${list()}${r.pick(["", " payable"])}`;
    default:
      return `function ${name}${list("function")}${r.pick(["", "", " external", " public"])}${mutability}${
        r.chance(0.5) ? ` returns ${list("function")}` : ""}`;
  }
}

// What of a parsed item counts: names and canonical types.
function outline(item) {
  const parameter = (type) => ({
    name: type.name ?? "",
    type: canonical(type),
    ...(item.type === "event" ? { indexed: type.indexed ?? false } : {}),
    ...(type.components ? { components: type.components.map(component) } : {}),
  });
  const component = (type) => ({
    name: type.name ?? "",
    type: canonical(type),
    ...(type.components ? { components: type.components.map(component) } : {}),
  });
  return {
    kind: item.type,
    name: item.name ?? "",
    mutability: item.stateMutability,
    inputs: (item.inputs ?? []).map(parameter),
    outputs: (item.outputs ?? []).map(parameter),
  };
}

const kinds = {
  hash() {
    const data = r.hex(r.chance(0.3) ? r.pick([0, 1, 135, 136, 137, 271, 272, 273]) : r.size(300, 5000));
    const bytes = Buffer.from(data.slice(2), "hex");
    return {
      data,
      keccak256: viem.keccak256(data),
      sha256: `0x${createHash("sha256").update(bytes).digest("hex")}`,
      cut: r.below(bytes.length + 1),
    };
  },

  u256() {
    const [a, b, bits] = [r.bits(256), r.chance(0.1) ? 0n : r.bits(r.pick([8, 64, 128, 256])), r.below(300)];
    const fit = (x) => (x >= 0n && x < 1n << 256n ? x.toString() : null);
    return {
      a: a.toString(), b: b.toString(), bits,
      hex: viem.toHex(a),
      bytes: viem.toHex(a, { size: 32 }),
      add: fit(a + b), sub: fit(a - b), mul: fit(a * b),
      div: b === 0n ? null : fit(a / b),
      mod: b === 0n ? null : fit(a % b),
      shl: fit(BigInt.asUintN(256, a << BigInt(bits))),
      shr: fit(a >> BigInt(bits)),
      cmp: a < b ? -1 : a > b ? 1 : 0,
    };
  },

  units() {
    const decimals = r.between(0, 77);
    const amount = r.bits(256);
    // A text with more or fewer digits than there are decimals.
    const digits = (n) => Array.from({ length: n }, () => r.below(10)).join("");
    const precision = r.pick([0, 2, 6, 8, 18, 27]);
    const whole = r.chance(0.1) ? "" : digits(r.between(1, 20));
    const text = `${r.chance(0.2) ? "-" : ""}${whole}.${digits(r.between(1, 30))}`;
    const parsed = viem.parseUnits(text, precision);
    return {
      amount: amount.toString(),
      decimals,
      formatted: viem.formatUnits(amount, decimals),
      text,
      precision,
      parsed: parsed.toString(),
    };
  },

  address() {
    const bytes = r.hex(20);
    const checksum = viem.getAddress(bytes);
    const letters = [...checksum].flatMap((c, i) => (i > 1 && /[a-zA-Z]/.test(c) ? [i] : []));
    let changed = checksum;
    if (letters.length > 0) {
      const at = r.pick(letters);
      const c = checksum[at];
      const other = c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase();
      changed = checksum.slice(0, at) + other + checksum.slice(at + 1);
    }
    const nonce = Number(r.bits(r.pick([7, 8, 16, 32, 53])));
    const [salt, hash] = [r.hex(32), r.hex(32)];
    return {
      bytes, checksum, changed,
      // All lower or all upper case is no checksum to be wrong about.
      valid: viem.isAddress(changed, { strict: true }) || /^0x([^a-z]*|[^A-Z]*)$/.test(changed),
      nonce,
      create: viem.getContractAddress({ from: bytes, nonce: BigInt(nonce) }).toLowerCase(),
      salt, hash,
      create2: viem.getContractAddress({ opcode: "CREATE2", from: bytes, salt, bytecodeHash: hash }).toLowerCase(),
    };
  },

  p256() {
    const privateKey = secret();
    const publicKey = ox.PublicKey.toHex(ox.P256.getPublicKey({ privateKey }), { includePrefix: false });
    const digest = r.hex(32);
    const rs = (signature) => ox.Signature.toHex(signature).slice(0, 130);
    const hash = (type) => viem.keccak256(viem.encodeAbiParameters(
      [{ type: "uint8" }, { type: "bytes32" }], [type, viem.keccak256(publicKey)]));
    const other = r.hex(64);
    return {
      privateKey, publicKey, digest,
      hash: hash(0),
      webauthn_hash: hash(1),
      signature: rs(ox.P256.sign({ payload: digest, privateKey, extraEntropy: false })),
      // With another nonce: another signature that is just as good.
      random: rs(ox.P256.sign({ payload: digest, privateKey, extraEntropy: r.bytes(32) })),
      other,
      prehashed: rs(ox.P256.sign({ payload: digest, privateKey, hash: true, extraEntropy: false })),
    };
  },

  secp256k1() {
    const privateKey = secret();
    const publicKey = ox.Secp256k1.getPublicKey({ privateKey });
    const digest = r.hex(32);
    const foreign = ox.Secp256k1.sign({ payload: digest, privateKey: secret(), extraEntropy: r.bytes(32) });
    // Any r and s that happen to be a signature of somebody.
    const junk = r.hex(64) + r.pick(["1b", "1c", "00", "01"]);
    const recovered = attempt(() =>
      ox.Secp256k1.recoverAddress({ payload: digest, signature: ox.Signature.fromHex(junk) }));
    const address = ox.Address.fromPublicKey(publicKey).toLowerCase();
    return {
      privateKey, digest, address,
      point: ox.PublicKey.toHex(publicKey),
      hash: viem.keccak256(viem.encodeAbiParameters([{ type: "uint8" }, { type: "bytes32" }],
        [2, viem.keccak256(viem.pad(address, { size: 32 }))])),
      signature: ox.Signature.toHex(ox.Secp256k1.sign({ payload: digest, privateKey, extraEntropy: false })),
      foreign: ox.Signature.toHex(foreign),
      signer: ox.Secp256k1.recoverAddress({ payload: digest, signature: foreign }).toLowerCase(),
      junk,
      recovered: recovered?.toLowerCase() ?? null,
    };
  },

  abi() {
    const inputs = types();
    const values = inputs.map((type) => value(r, type));
    const name = r.name("f");
    const encoded = viem.encodeAbiParameters(inputs, values);
    const signature = `${name}(${inputs.map(canonical).join(",")})`;
    return {
      text: `function ${name}(${inputs.map((type) => readable(type)).join(", ")})`,
      inputs: inputs.map((type) => outline({ inputs: [type] }).inputs[0]),
      signature,
      selector: viem.toFunctionSelector(signature),
      values: plainList(inputs, values),
      encoded,
    };
  },

  abi_damaged() {
    const inputs = [parameter(r, 3), ...types()];
    const data = mutated(viem.encodeAbiParameters(inputs, inputs.map((type) => value(r, type))));
    // Damaged text is no text any more, and viem would repair it.
    const raw = inputs.map(bytesForText);
    const values = decoded(raw, data);
    return {
      text: `(${inputs.map((type) => readable(type)).join(", ")})`,
      data,
      values: values ? plainList(raw, values) : null,
      canonical: values ? attempt(() => viem.encodeAbiParameters(raw, values)) === data : false,
    };
  },

  packed() {
    const inputs = Array.from({ length: r.below(6) }, () => {
      const array = r.chance(0.3);
      return { type: array ? `${primitive()}${r.chance(0.5) ? "[]" : `[${r.between(1, 4)}]`}` : parameter(r, 0).type };
    });
    const values = inputs.map((type) => value(r, type));
    return {
      text: `(${inputs.map((type) => readable(type)).join(", ")})`,
      values: plainList(inputs, values),
      encoded: viem.encodePacked(inputs.map(({ type }) => type), values),
    };
  },

  event() {
    const inputs = Array.from({ length: r.below(5) }, (_, i) =>
      ({ ...parameter(r, 2, { named: true }), name: `p${i}` }));
    let indexed = 0;
    for (const input of inputs) input.indexed = indexed < 3 && r.chance(0.5) && Boolean(++indexed);
    const name = r.name("E");
    const values = inputs.map((input) => value(r, input));
    // A topic has the value itself, or the hash of what is no plain value: that can be any hash.
    const hashed = (input) => input.type === "string" || input.type === "bytes" || /^tuple|\]$/.test(input.type);
    const topics = inputs.map((input, i) =>
      (hashed(input) ? r.hex(32) : viem.encodeAbiParameters([input], [values[i]])));
    const data = inputs.filter((input) => !input.indexed);
    return {
      text: `event ${name}(${inputs.map((input) => readable(input, input.indexed ? ["indexed"] : [])).join(", ")})`,
      topics: [viem.toEventHash({ type: "event", name, inputs }), ...topics.filter((_, i) => inputs[i].indexed)],
      data: viem.encodeAbiParameters(data, values.filter((_, i) => !inputs[i].indexed)),
      values: inputs.map((input, i) => (input.indexed && hashed(input) ? topics[i] : plain(input, values[i]))),
    };
  },

  eip712() {
    const { types, primaryType } = structs();
    const type = asTuple(types, primaryType);
    const message = value(r, type);
    const d = domain();
    return {
      encode_type: ox.TypedData.encodeType({ types, primaryType }),
      values: plain(type, message),
      struct_hash: viem.hashStruct({ data: message, primaryType, types }),
      domain_type: `EIP712Domain(${Object.keys(d).map((name) => `${DOMAIN_TYPES[name]} ${name}`).join(",")})`,
      domain: { ...d, ...("chainId" in d ? { chainId: d.chainId.toString() } : {}) },
      separator: viem.domainSeparator({ domain: d }),
      digest: viem.hashTypedData({ domain: d, message, primaryType, types }),
    };
  },

  rlp() {
    const item = randomRlp(4);
    const encoded = viem.toRlp(item);
    const damaged = mutated(encoded);
    const read = attempt(() => viem.fromRlp(damaged, "hex"));
    return { item, encoded, damaged, read: read ?? null, canonical: read ? viem.toRlp(read) === damaged : false };
  },

  authorization() {
    const privateKey = secret();
    const authorization = {
      address: r.hex(20),
      chainId: Number(r.bits(r.pick([8, 32, 53]))),
      nonce: r.bits(r.pick([8, 32, 53])),
    };
    const digest = ox.Authorization.getSignPayload(authorization);
    return {
      ...authorization,
      nonce: authorization.nonce.toString(),
      digest,
      privateKey,
      signature: ox.Signature.toHex(ox.Secp256k1.sign({ payload: digest, privateKey, extraEntropy: false })),
    };
  },

  transaction() {
    // Out of rlp_encode, keccak256 and a key's sign: what a wallet without a relay sends.
    const privateKey = secret();
    const authorizations = Array.from({ length: r.below(3) }, () => {
      const authorization = { address: r.hex(20), chainId: r.below(2 ** 31), nonce: r.bits(40) };
      const signature = ox.Secp256k1.sign({
        payload: ox.Authorization.getSignPayload(authorization), privateKey, extraEntropy: false });
      return { ...authorization, ...signature };
    });
    const transaction = {
      chainId: r.between(1, 2 ** 31),
      nonce: Number(r.bits(40)),
      maxPriorityFeePerGas: r.bits(30),
      maxFeePerGas: (1n << 30n) + r.bits(40),
      gas: r.bits(32),
      to: r.hex(20),
      value: r.bits(90),
      data: r.hex(r.size(80, 300)),
    };
    const serialize = (signature) => (authorizations.length > 0
      ? viem.serializeTransaction({
        ...transaction,
        type: "eip7702",
        authorizationList: authorizations.map((a) => ({
          address: a.address, chainId: a.chainId, nonce: Number(a.nonce), yParity: a.yParity,
          r: viem.toHex(a.r, { size: 32 }), s: viem.toHex(a.s, { size: 32 }),
        })),
      }, signature)
      : viem.serializeTransaction({ ...transaction, type: "eip1559" }, signature));
    const sighash = viem.keccak256(serialize());
    const signature = ox.Secp256k1.sign({ payload: sighash, privateKey, extraEntropy: false });
    const raw = serialize({
      r: viem.toHex(signature.r, { size: 32 }), s: viem.toHex(signature.s, { size: 32 }), yParity: signature.yParity,
    });
    const numbers = (object) => Object.fromEntries(Object.entries(object).map(([name, v]) =>
      [name, typeof v === "string" ? v : v.toString()]));
    return {
      ...numbers(transaction),
      authorizations: authorizations.map(numbers),
      privateKey,
      sighash,
      raw,
      hash: viem.keccak256(raw),
    };
  },

  intent() {
    const multichain = r.chance(0.3);
    const nonce = multichain ? (0xc1d0n << 240n) + r.bits(240) : r.bits(r.pick([8, 72, 239]));
    const eoa = r.hex(20);
    const calls = Array.from({ length: r.below(4) }, () =>
      ({ to: r.hex(20), value: r.bits(90), data: r.hex(r.size(80, 600)) }));
    const message = {
      multichain, eoa, calls, nonce,
      payer: r.chance(0.7) ? viem.zeroAddress : r.hex(20),
      paymentToken: r.hex(20),
      paymentMaxAmount: r.bits(100),
      combinedGas: r.bits(40),
      encodedPreCalls: Array.from({ length: r.below(3) }, () => r.hex(r.size(100, 600))),
      encodedFundTransfers: Array.from({ length: r.below(2) }, () => r.hex(r.size(64, 200))),
      settler: r.chance(0.7) ? viem.zeroAddress : r.hex(20),
      expiry: r.bits(40),
    };
    const Call = [{ name: "to", type: "address" }, { name: "value", type: "uint256" }, { name: "data", type: "bytes" }];
    const list = (fields) => fields.split(",").map((field) => {
      const [type, name] = field.split(" ");
      return { name, type };
    });
    const types = {
      Call,
      Intent: list("bool multichain,address eoa,Call[] calls,uint256 nonce,address payer,address paymentToken,"
        + "uint256 paymentMaxAmount,uint256 combinedGas,bytes[] encodedPreCalls,bytes[] encodedFundTransfers,"
        + "address settler,uint256 expiry"),
      SignedCall: list("bool multichain,address eoa,Call[] calls,uint256 nonce"),
      Execute: list("bool multichain,Call[] calls,uint256 nonce"),
      ERC1271Sign: list("bytes32 digest"),
    };
    const chainId = r.between(1, 2 ** 31);
    const orchestrator = r.hex(20);
    const domain = (name, version, verifyingContract) =>
      ({ name, version, verifyingContract, ...(multichain ? {} : { chainId }) });
    const digest = (primaryType, domain, message) => viem.hashTypedData({ domain, message, primaryType, types });
    const own = domain("Orchestrator", "0.5.5", orchestrator);
    const intent = digest("Intent", own, message);
    const text = (value) => (typeof value === "bigint" ? value.toString() : value);
    const { multichain: _, calls: __, ...fields } = message;
    return {
      chainId, orchestrator,
      fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, text(value)])),
      calls: calls.map((call) => ({ ...call, value: text(call.value) })),
      executionData: viem.encodeAbiParameters([{ type: "tuple[]", components: Call }], [calls]),
      intent,
      signed_call: digest("SignedCall", own, message),
      execute: digest("Execute", domain("IthacaAccount", "0.5.10", eoa), message),
      erc1271: digest("ERC1271Sign", { verifyingContract: eoa }, { digest: intent }),
    };
  },

  human() {
    const lines = Array.from({ length: r.below(3) }, (_, i) => {
      const fields = Array.from({ length: r.between(1, 4) }, (_, f) =>
        `${parameter(r, 0).type}${r.pick(["", "", "[]", "[3]"])} ${r.name("m_")}${f};`);
      return { name: `Struct${i}`, text: `struct Struct${i} { ${fields.join(" ")} }` };
    });
    const text = line(lines);
    const structs = lines.map((struct) => struct.text);
    const read = (text) => {
      const [item] = viem.parseAbi([text, ...structs]);
      if (!item.name) return outline(item);
      const signature = `${item.name}(${item.inputs.map(canonical).join(",")})`;
      return { ...outline(item), signature, hash: viem.keccak256(viem.stringToHex(signature)) };
    };
    const damaged = mutatedText(text);
    return {
      text,
      structs: structs.join("\n"),
      item: read(text),
      damaged,
      read: attempt(() => read(damaged)) ?? null,
    };
  },
};

const make = kinds[kind];
if (!make) {
  console.error(`usage: node cases.mjs <${Object.keys(kinds).join("|")}> <count> <seed>`);
  process.exit(2);
}
// The reader may leave early.
process.stdout.on("error", () => process.exit(0));
for (let i = 0; i < Number(count); i++) {
  process.stdout.write(`${JSON.stringify(make())}\n`);
}
