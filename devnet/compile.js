// Compiles contracts/*.sol with the pinned solc into cache/contracts.json.
//
// The file says which sources and which compiler it was made from; the devnet compares that with what is there and
// runs this program again when it differs. The code carries no metadata, so that equal sources give equal addresses.
"use strict";

const crypto = require("crypto");
const fs = require("fs");
const path = require("path");
const solc = require("solc");

const SOURCES = path.join(__dirname, "contracts");
const CACHE = path.join(__dirname, "cache");

function fail(lines) {
  for (const line of lines) console.error(line);
  process.exit(1);
}

const names = fs.readdirSync(SOURCES).filter((name) => name.endsWith(".sol")).sort();
const sources = {};
const sha256 = {};
for (const name of names) {
  const content = fs.readFileSync(path.join(SOURCES, name));
  sources[name] = { content: content.toString("utf8") };
  sha256[name] = crypto.createHash("sha256").update(content).digest("hex");
}

const output = JSON.parse(solc.compile(JSON.stringify({
  language: "Solidity",
  sources,
  settings: {
    evmVersion: "cancun",
    optimizer: { enabled: true, runs: 200 },
    metadata: { appendCBOR: false, bytecodeHash: "none" },
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
  },
})));

const problems = (output.errors || []).filter((problem) => problem.severity !== "info");
if (problems.length > 0) fail(problems.map((problem) => problem.formattedMessage));

const contracts = {};
for (const name of names) {
  for (const [contract, artifact] of Object.entries(output.contracts[name])) {
    contracts[contract] = { abi: artifact.abi, code: "0x" + artifact.evm.bytecode.object };
  }
}

// Written aside and renamed: a devnet that starts meanwhile reads the old file or the new one, never half of it.
fs.mkdirSync(CACHE, { recursive: true });
const target = path.join(CACHE, "contracts.json");
const aside = target + "." + process.pid;
const compiler = require("solc/package.json").version;
fs.writeFileSync(aside, JSON.stringify({ compiler, sources: sha256, contracts }, null, 2) + "\n");
fs.renameSync(aside, target);
