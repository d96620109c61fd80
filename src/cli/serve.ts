import { existsSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { packageFolder } from '../bench/contenders/peers.ts'
import { ConvmarkError, messageOf, UsageError } from '../errors.ts'
import { addCommand, integerFromZero, type OnEnd } from './command.ts'
import { untilToldToEnd } from './interrupt.ts'
import { openInBrowser } from './open-in-browser.ts'
import { Output } from './output.ts'
import { welcome } from './page-address.ts'
import { PAGE_HEADERS, PEER_WORKER_HEADERS, PEER_WORKER_PATH } from './page-headers.ts'

interface Options {
  readonly port: number
  readonly host: string
  readonly open?: boolean
}

const DEFAULT_PORT = 8420
const MAX_PORT = 65_535
/** Relative to dist/cli/. */
const PAGE_FOLDER = '../web/'
/** Files of the installed peers that a browser can run: a package and a path in it. See web/src/compare/peers/. */
const PEER_FILE =
  /^\/peers\/(onnxruntime-web|@tensorflow\/tfjs-(?:core|layers|backend-(?:cpu|wasm|webgl|webgpu)))(\/dist\/[\w.-]+)$/

export function addServeCommand(program: Command, onEnd: OnEnd): void {
  addCommand(program, 'serve', 'the benchmark as a page in your browser')
    .option('--port <n>', '0 takes any free port', integerFromZero('--port'), DEFAULT_PORT)
    .option('--host <address>', 'to listen on; by default only this machine', '127.0.0.1')
    .option('--open', 'open it in the browser')
    .action(async (options: Options) => onEnd(await serve(options)))
}

/** Runs until Ctrl-C or another signal that requests the end. */
async function serve({ port, host, open }: Options): Promise<number> {
  if (port > MAX_PORT) throw new UsageError(`--port is ${port}; it must be at most ${MAX_PORT}`)
  const output = new Output({ color: false, isAllThereIs: false })
  const server = createServer(await pageListener())
  const bound = await listen(server, port, host)
  const { url, lines } = welcome(bound, networkInterfaces())
  output.lines(...lines, 'Ctrl-C ends it.')
  if (open) await openInBrowser(url)
  await untilToldToEnd()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  return 0
}

/**
 * Serves the page's folder and the installed peers, but nothing outside of them. Throws ConvmarkError if the page is
 * not built.
 */
export async function pageListener(): Promise<RequestListener> {
  const folder = fileURLToPath(new URL(PAGE_FOLDER, import.meta.url))
  if (!existsSync(`${folder}index.html`)) {
    throw new ConvmarkError(`the page is not built: there is no ${folder}index.html; npm run build makes it`)
  }
  const { default: sirv } = await import('sirv')
  const page = sirv(folder, { etag: true })
  return (request, response) => {
    const path = pathOf(request)
    const headers = PEER_WORKER_PATH.test(path) ? PEER_WORKER_HEADERS : PAGE_HEADERS
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    const notFound = (): void => {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('Not found')
    }
    const [, name, file] = PEER_FILE.exec(path) ?? []
    if (name === undefined) return page(request, response, notFound)
    const folder = packageFolder(name)
    if (!folder) return notFound()
    request.url = file
    sirv(fileURLToPath(folder), { dev: true, etag: true })(request, response, notFound)
  }
}

/** The normalized path; empty if the URL is invalid. */
function pathOf({ url = '/' }: IncomingMessage): string {
  const full = `http://localhost${url}`
  return URL.canParse(full) ? new URL(full).pathname : ''
}

/**
 * Starts listening and returns the address. Throws ConvmarkError for a port that is in use or an address that this
 * machine does not have.
 */
async function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const advice =
        error.code === 'EADDRINUSE'
          ? `port ${port} is in use; choose another with --port, or any free one with --port 0`
          : messageOf(error)
      reject(new ConvmarkError(`serve: ${advice}`, { cause: error }))
    })
    server.listen(port, host.replace(/^\[(.*)\]$/, '$1'), resolve) // IPv6 addresses also as URLs write them
  })
  return server.address() as AddressInfo
}
