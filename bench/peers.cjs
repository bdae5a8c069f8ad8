// The peers that run in Node.js, as a child of the benchmark. Each line on standard input is answered with one line:
//
//   inputs <json>           what to work on; the answer is one of Node's and the packages' versions, as JSON
//   result <i> <name>       what the candidate gives for input i, as hex
//   run <n> <name>          the nanoseconds that n turns took
const fs = require("fs")
const path = require("path")
const { createRequire } = require("module")

const packages = createRequire(path.join(process.argv[2], "package.json"))

function load(name) {
  try {
    return packages(name)
  } catch {
    process.exit(1) // not installed; the parent says so
  }
}

const viem = load("viem")
const { sign } = load("viem/accounts")
const { P256 } = load("ox")
const { keccak_256 } = load("@noble/hashes/sha3")

const candidates = new Map()
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"))
const hex = (value) => Buffer.from(value).toString("hex")
const word = (number) => number.toString(16).padStart(64, "0")
const strip = (text) => text.slice(2)

// `work(i)` is what is timed; `show` makes hex of what it gives.
function add(name, work, show = strip) {
  candidates.set(name, { work, show })
}

function open(inputs) {
  const keys = inputs.p256_secret.length
  const halves = (text) => [BigInt("0x" + text.slice(0, 64)), BigInt("0x" + text.slice(64))]
  const p256 = inputs.p256_secret.map((secret, i) => {
    const [x, y] = halves(inputs.p256_public[i])
    const [r, s] = halves(inputs.p256_sig[i])
    return {
      privateKey: "0x" + secret, payload: "0x" + inputs.p256_digest[i],
      publicKey: { prefix: 4, x, y }, signature: { r, s },
    }
  })
  const k1 = inputs.k1_secret.map((secret, i) => ({
    privateKey: "0x" + secret,
    hash: "0x" + inputs.k1_digest[i],
    signature: "0x" + inputs.k1_sig[i],
  }))
  add("p256 sign: ox", (i) => P256.sign(p256[i % keys]), ({ r, s }) => word(r) + word(s))
  add("p256 public: ox", (i) => P256.getPublicKey(p256[i % keys]), ({ x, y }) => word(x) + word(y))
  add("p256 verify: ox", (i) => P256.verify(p256[i % keys]), (good) => (good ? "" : "wrong"))
  add("secp256k1 sign: viem", (i) => sign({ ...k1[i % keys], to: "hex" }))
  add("secp256k1 recover: viem", (i) => viem.recoverPublicKey(k1[i % keys]))

  for (const size of ["32", "136", "1m"]) {
    const data = bytes(inputs["keccak_" + size])
    add(`keccak ${size}: viem`, () => viem.keccak256(data, "bytes"), hex)
    add(`keccak ${size}: noble`, () => keccak_256(data), hex)
  }

  const { to, amount } = inputs.transfer
  const value = BigInt(amount)
  const abi = viem.parseAbi([inputs.transfer_line])
  const prepared = viem.prepareEncodeFunctionData({ abi, functionName: "transfer" })
  add("transfer: viem", () => viem.encodeFunctionData({ abi, functionName: "transfer", args: [to, value] }))
  add("transfer: viem, prepared", () => viem.encodeFunctionData({ ...prepared, args: [to, value] }))

  const numbers = (fields) => Object.fromEntries(Object.entries(fields).map(([name, given]) =>
    [name, typeof given === "object" && "uint" in given ? BigInt(given.uint) : given]))
  const fields = numbers(inputs.intent.fields)
  const parameters = viem.parseAbiParameters([inputs.intent_struct, "Intent intent"])
  const encoded = "0x" + inputs.intent_encoded
  add("intent encode: viem", () => viem.encodeAbiParameters(parameters, [fields]))
  add("intent decode: viem", () => viem.decodeAbiParameters(parameters, encoded),
    (values) => strip(viem.encodeAbiParameters(parameters, values)))

  const types = Object.fromEntries(inputs.intent_type.match(/\w+\([^)]*\)/g).map((text) => {
    const [name, members] = text.slice(0, -1).split("(")
    return [name, members.split(",").map((member) => {
      const [type, field] = member.split(" ")
      return { name: field, type }
    })]
  }))
  const message = { ...fields, multichain: false, calls: inputs.intent.calls.map(numbers) }
  for (const name of Object.keys(message)) {
    if (!types.Intent.some((member) => member.name === name)) delete message[name]
  }
  const typed = { domain: inputs.intent.domain, types, primaryType: "Intent", message }
  add("intent digest: viem", () => viem.hashTypedData(typed))

  const text = Buffer.from(inputs.reply, "hex").toString()
  add("json: JSON.parse", () => JSON.parse(text),
    ({ result }) => hex(JSON.stringify(result.digest) + JSON.stringify(result.context)))
}

function version(name) {
  try {
    return JSON.parse(fs.readFileSync(path.join(process.argv[2], "node_modules", name, "package.json"))).version
  } catch {
    return undefined
  }
}

async function run(work, n) {
  let last = work(0)
  const waits = last instanceof Promise
  if (waits) await last
  const start = process.hrtime.bigint()
  if (waits) {
    for (let i = 0; i < n; i++) last = await work(i)
  } else {
    for (let i = 0; i < n; i++) last = work(i)
  }
  const took = process.hrtime.bigint() - start
  run.last = last // so that the work cannot be found useless
  return took
}

async function answer(line) {
  const [, command, argument, rest] = line.match(/^(\w+) (\S+)(?: (.*))?$/s)
  if (command === "inputs") {
    open(JSON.parse(line.slice("inputs ".length)))
    const names = Object.fromEntries([...candidates.keys()].map((name) => [name, true]))
    return JSON.stringify({
      names, node: process.versions.node, viem: version("viem"), ox: version("ox"), noble: version("@noble/hashes"),
    })
  }
  const { work, show } = candidates.get(rest)
  return command === "run" ? String(await run(work, Number(argument))) : show(await work(Number(argument)))
}

async function serve() {
  const chunk = Buffer.alloc(1 << 20)
  let waiting = ""
  for (;;) {
    const got = fs.readSync(0, chunk)
    if (got === 0) return
    waiting += chunk.toString("latin1", 0, got)
    for (let end = waiting.indexOf("\n"); end >= 0; end = waiting.indexOf("\n")) {
      const line = waiting.slice(0, end)
      waiting = waiting.slice(end + 1)
      fs.writeSync(1, (await answer(line)) + "\n")
    }
  }
}

serve()
