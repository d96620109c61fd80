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
/** From dist/cli/. */
const PAGE_FOLDER = '../web/'
/** Of what peers are installed, what a browser can run: a package, and a file of it. See web/src/compare/peers/. */
const PEER_FILE =
  /^\/peers\/(onnxruntime-web|@tensorflow\/tfjs-(?:core|layers|backend-(?:cpu|wasm|webgl|webgpu)))(\/dist\/[\w.-]+)$/

export function addServeCommand(program: Command, onEnd: OnEnd): void {
  addCommand(program, 'serve', 'the benchmark as a page in your browser')
    .option('--port <n>', '0: any that is free', integerFromZero('--port'), DEFAULT_PORT)
    .option('--host <address>', 'to listen on; this machine alone by default', '127.0.0.1')
    .option('--open', 'open it in the browser')
    .action(async (options: Options) => onEnd(await serve(options)))
}

/** Until Ctrl-C, or another signal that asks for the end. */
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

/** Serves the page's folder and the installed peers, and nothing above either. Throws ConvmarkError where it is not built. */
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

/** Tidied, so that it names what it leads to; empty for what is no path. */
function pathOf({ url = '/' }: IncomingMessage): string {
  const full = `http://localhost${url}`
  return URL.canParse(full) ? new URL(full).pathname : ''
}

/** Where the server listens. Throws ConvmarkError for a port that is taken or an address that this machine does not have. */
async function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const advice =
        error.code === 'EADDRINUSE'
          ? `port ${port} is taken; take another with --port, or any with --port 0`
          : messageOf(error)
      reject(new ConvmarkError(`serve: ${advice}`, { cause: error }))
    })
    server.listen(port, host.replace(/^\[(.*)\]$/, '$1'), resolve) // as an URL has IPv6, too
  })
  return server.address() as AddressInfo
}
