// The npm packages as `npm ci` put them under devnet/.
import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

// Node 18 has WebCrypto, but not as globals; the SDK and ox look for them there.
globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;

/** The directory they are in, and the devnet's own files. */
export const folder = process.env.RISE_DEVNET_DIR
  ? pathToFileURL(`${process.env.RISE_DEVNET_DIR}/`)
  : new URL("../../devnet/", import.meta.url);

// The file that an `exports` entry names for `import`. Node cannot find the packages by itself from here, and the SDK's
// own imports must meet the very same copies of viem and ox.
function entry(target) {
  return typeof target === "string" ? target : entry(target.import ?? target.default);
}

/** Imports a package, or a part of one, by the name it has in `import` statements. */
export function load(specifier) {
  const [, name, part = ""] = specifier.match(/^([^/]+)(\/.*)?$/);
  const root = new URL(`node_modules/${name}/`, folder);
  const { exports } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
  return import(new URL(entry(exports[`.${part}`]), root));
}
