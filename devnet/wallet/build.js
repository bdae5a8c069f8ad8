// Bundles the wallet's page with the pinned esbuild into ../cache/wallet.js.
//
// ../cache/wallet.json says which sources and packages that was made from; the devnet compares it with what is there
// and runs this program again when it differs.
"use strict";

const crypto = require("crypto");
const esbuild = require("esbuild");
const fs = require("fs");
const path = require("path");

const CACHE = path.join(__dirname, "..", "cache");
const { dependencies } = require("../package.json");

const sha256 = (content) => crypto.createHash("sha256").update(content).digest("hex");

const sources = {};
for (const name of fs.readdirSync(__dirname).filter((file) => file.endsWith(".js")).sort()) {
  sources[name] = sha256(fs.readFileSync(path.join(__dirname, name)));
}

const { outputFiles } = esbuild.buildSync({
  entryPoints: [path.join(__dirname, "main.js")],
  bundle: true,
  define: { "process.env.NODE_ENV": '"production"' },
  format: "esm",
  legalComments: "none",
  logLevel: "error",
  minify: true,
  target: "es2022",
  write: false,
});

// Written aside and renamed, the description last: a devnet that starts meanwhile never takes half of it.
fs.mkdirSync(CACHE, { recursive: true });
function write(name, content) {
  const aside = path.join(CACHE, `${name}.${process.pid}`);
  fs.writeFileSync(aside, content);
  fs.renameSync(aside, path.join(CACHE, name));
}
const code = outputFiles[0].contents;
write("wallet.js", code);
write("wallet.json", JSON.stringify({ dependencies, sources, code: sha256(code) }, null, 2) + "\n");
