// Keystores of ethers, for spec/keystore_spec.lua. usage: node ethers.mjs <file with one JSON object>
// { make: password, n } gives { json, secret, address }; { open: json, password } gives { secret, address } or { error }.
import { readFileSync } from "node:fs";
import { load } from "../sdk/packages.mjs";

const { encryptKeystoreJson, Wallet } = await load("ethers");
const request = JSON.parse(readFileSync(process.argv[2], "utf8"));

async function run() {
  if (request.make !== undefined) {
    const wallet = Wallet.createRandom();
    const json = request.n
      ? await encryptKeystoreJson(wallet, request.make, { scrypt: { N: request.n, r: 8, p: 1 } })
      : await wallet.encrypt(request.make);
    return { json, secret: wallet.privateKey, address: wallet.address };
  }
  try {
    const wallet = await Wallet.fromEncryptedJson(request.open, request.password);
    return { secret: wallet.privateKey, address: wallet.address };
  } catch (error) {
    return { error: String(error.message) };
  }
}

console.log(JSON.stringify(await run()));
