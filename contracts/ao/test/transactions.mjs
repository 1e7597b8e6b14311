// Verifies transactions of Arweave's base layer with the npm package arweave, and makes some with it, for whoever has another implementation to
// compare.
//
// Standard input: {"read": [transaction], "make": [{"key": JWK, "anchor", "reward", "tags", "data": base64url}], "roots": [number of bytes]}.
// Standard output: {"read": [whether it verifies], "made": [transaction], "roots": [base64url]}; data of so many bytes counts up from 0, modulo 251.

import arweavePackage from "../devnet/node_modules/arweave/node/index.js"
import merkle from "../devnet/node_modules/arweave/node/lib/merkle.js"

const arweave = (arweavePackage.default ?? arweavePackage).init({})
const base64url = bytes => Buffer.from(bytes).toString("base64url")

async function make({ key, anchor, reward, tags, data }) {
  const transaction = await arweave.createTransaction({ data: Buffer.from(data, "base64url"), last_tx: anchor, reward }, key)
  for (const { name, value } of tags) transaction.addTag(name, value)
  await arweave.transactions.sign(transaction, key)
  return { ...transaction.toJSON(), data }
}

const root = async bytes => base64url(await merkle.computeRootHash(Uint8Array.from({ length: bytes }, (_, i) => i % 251)))

let text = ""
for await (const part of process.stdin) text += part
const { read, make: wanted, roots } = JSON.parse(text)
console.log(
  JSON.stringify({
    read: await Promise.all(read.map(raw => arweave.transactions.verify(arweave.transactions.fromRaw(raw)))),
    made: await Promise.all(wanted.map(make)),
    roots: await Promise.all(roots.map(root)),
  }),
)
