// Small HTTP servers on loopback: routing by a pattern of the path, JSON answers, faults in front.

import { createServer } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { Refusal } from "./items.mjs"

const MAX_BODY = 100 * 1024 * 1024

async function read(request) {
  const parts = []
  let size = 0
  for await (const part of request) {
    size += part.length
    if (size > MAX_BODY) throw new Refusal(413, `the body is larger than ${MAX_BODY} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

export function parseJson(body) {
  try {
    return JSON.parse(body.toString() || "{}")
  } catch {
    throw new Refusal(400, "the body is not JSON")
  }
}

/** `routes` are [method, pattern, handler({params, query, body})]; a handler gives what is sent as JSON, or a Buffer. */
export function serve(unit, index, routes, faults, port) {
  const compiled = routes.map(([method, pattern, handler]) => {
    const names = [...pattern.matchAll(/:(\w+)/g)].map(([, name]) => name)
    return { method, names, handler, pattern: new RegExp(`^${pattern.replace(/:\w+/g, "([^/]+)")}$`) }
  })

  async function answer(request) {
    const url = new URL(request.url, "http://loopback")
    const body = await read(request)
    for (const { method, pattern, names, handler } of compiled) {
      const found = method === request.method && pattern.exec(url.pathname)
      if (!found) continue
      const params = Object.fromEntries(names.map((name, i) => [name, decodeURIComponent(found[i + 1])]))
      return handler({ params, query: Object.fromEntries(url.searchParams), body })
    }
    throw new Refusal(404, `${unit} has no ${request.method} ${url.pathname}`)
  }

  const server = createServer(async (request, response) => {
    const fault = faults.request(unit, index, request.url)
    if (fault?.kind === "drop") return request.socket.destroy()
    if (fault?.kind === "delay") await sleep(fault.ms)
    let status = 200
    let content
    try {
      if (fault?.kind === "error") throw new Refusal(fault.status, "injected fault")
      content = await answer(request)
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error)
      status = error instanceof Refusal ? error.status : 500
      content = { error: error.message }
    }
    if (fault?.kind === "lost-reply") return request.socket.destroy()
    const raw = Buffer.isBuffer(content)
    response.writeHead(status, { "content-type": raw ? "application/octet-stream" : "application/json" })
    response.end(raw ? content : JSON.stringify(content))
  })
  // A server that ends idle connections makes busy clients fail, and faults here are to be those that were asked for.
  server.keepAliveTimeout = 0
  server.requestTimeout = 0
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, "127.0.0.1", () => resolve(server))
  })
}
