// Verifies the signatures in a file of JSON lines: of a P-256 key by verification, of a secp256k1 key by recovery.
// usage: node verify.mjs <file>
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { load } from "../sdk/packages.mjs";

const ox = await load("ox");

let verified = 0;
let wrong = 0;
for await (const line of createInterface({ input: createReadStream(process.argv[2]) })) {
  const { digest, p256, secp256k1 } = JSON.parse(line);
  const good = ox.P256.verify({
    payload: digest,
    publicKey: ox.PublicKey.fromHex(`0x04${p256.public.slice(2)}`),
    signature: ox.Signature.fromHex(p256.signature),
    lowS: true,
  }) && ox.Address.isEqual(secp256k1.address, ox.Secp256k1.recoverAddress({
    payload: digest,
    signature: ox.Signature.fromHex(secp256k1.signature),
  }));
  if (good) verified += 1;
  else wrong += 1;
}
console.log(JSON.stringify({ verified, wrong }));
