import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { text } from 'node:stream/consumers'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.wasm': 'application/wasm',
}

/** What lets the threads of a page share memory. */
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

export interface PageServer {
  /** `http://127.0.0.1:1234/` */
  readonly url: string
  /** What the page posts next. */
  result(): Promise<unknown>
  close(): Promise<void>
}

/** Serves a test's own folder on the loopback address, and receives what its page posts. */
export async function servePage(folder: string, isIsolated: boolean): Promise<PageServer> {
  const waiting: ((value: unknown) => void)[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(request.url!, 'http://localhost')
    if (request.method === 'POST') {
      waiting.shift()?.(JSON.parse(await text(request)))
      response.end()
      return
    }
    const path = pathname === '/' ? '/index.html' : pathname
    const bytes = await readFile(join(folder, path)).catch(() => null)
    const type = TYPES[extname(path)] ?? 'application/octet-stream'
    response.writeHead(bytes ? 200 : 404, { 'Content-Type': type, ...(isIsolated && ISOLATION) })
    response.end(bytes)
  }
  const server = createServer((request, response) => void answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    result: () => new Promise((resolve) => waiting.push(resolve)),
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
