// Reads data items with the npm package arbundles and makes some with it, for whoever has another implementation to compare.
//
// Standard input: {"read": [base64], "make": [{"kind": "arweave"|"ed25519"|"ethereum", "key", "target"?, "anchor"?, "tags", "data": base64}]},
// where a key is a JWK or 64 hexadecimal digits. Standard output: {"read": [{"id", "valid", "owner", "target", "anchor", "tags", "data"}],
// "made": [base64]}.

import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto"
import arbundles from "../devnet/node_modules/arbundles/build/node/cjs/index.js"

const { ArweaveSigner, DataItem, EthereumSigner, createData } = arbundles
const base64 = bytes => Buffer.from(bytes).toString("base64")

function ed25519(seed) {
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.from(seed, "hex")])
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" })
  const publicKey = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32)
  return { signatureType: 2, signatureLength: 64, ownerLength: 32, publicKey, sign: async message => sign(null, message, key) }
}

const SIGNERS = { arweave: jwk => new ArweaveSigner(jwk), ed25519, ethereum: key => new EthereumSigner(key) }

async function read(text) {
  const raw = Buffer.from(text, "base64")
  const item = new DataItem(raw)
  return {
    id: Buffer.from(createHash("sha256").update(item.rawSignature).digest()).toString("base64url"),
    valid: await DataItem.verify(raw),
    owner: Buffer.from(createHash("sha256").update(item.rawOwner).digest()).toString("base64url"),
    target: item.target || null,
    anchor: item.rawAnchor.length ? base64(item.rawAnchor) : null,
    tags: item.tags,
    data: base64(item.rawData),
  }
}

async function make({ kind, key, target, anchor, tags, data }) {
  const signer = SIGNERS[kind](key)
  const item = createData(Buffer.from(data, "base64"), signer, { target, anchor, tags })
  await item.sign(signer)
  return base64(item.getRaw())
}

let text = ""
for await (const part of process.stdin) text += part
const given = JSON.parse(text)
console.log(JSON.stringify({ read: await Promise.all(given.read.map(read)), made: await Promise.all(given.make.map(make)) }))
