// ANS-104 data items: the one form in which anything enters the network.

import { createHash } from "node:crypto"
import arbundles from "./node_modules/arbundles/build/node/cjs/index.js"

const { ArweaveSigner, DataItem, createData } = arbundles

export const base64url = bytes => Buffer.from(bytes).toString("base64url")
const sha256 = bytes => createHash("sha256").update(bytes).digest()

/** The address of an owner, of whatever key type: the hash of its public key. (Production writes Ethereum owners as 0x addresses.) */
export const addressOf = owner => base64url(sha256(owner))

/** Decodes and verifies; throws what the messenger answers. */
export async function openItem(raw) {
  let item, valid
  try {
    item = new DataItem(raw)
    valid = item.isValid !== undefined && (await DataItem.verify(raw))
  } catch (error) {
    throw new Refusal(400, `not a data item: ${error.message}`)
  }
  if (!valid) throw new Refusal(400, "the signature of the data item does not verify")
  return describe(item)
}

export function describe(item) {
  const { tags } = item
  const first = {}
  for (const { name, value } of tags) first[name] ??= value
  return {
    id: base64url(sha256(item.rawSignature)),
    raw: item.getRaw(),
    owner: base64url(item.rawOwner),
    address: addressOf(item.rawOwner),
    target: item.target || "",
    anchor: item.rawAnchor.length ? Buffer.from(item.rawAnchor).toString() : "",
    signature: base64url(item.rawSignature),
    tags,
    tag: name => first[name],
    data: Buffer.from(item.rawData),
  }
}

export const reopen = raw => describe(new DataItem(raw))

export async function makeItem(signer, { data = "", ...options }) {
  const item = createData(data, signer, options)
  await item.sign(signer)
  return describe(item)
}

export const signerOf = jwk => new ArweaveSigner(jwk)

/** What a unit answers instead of doing something. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}
