// A host that sends files and no header of its own, as many do.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import sirv from 'sirv'
import { root } from '../../support/package.ts'
import type { Served } from './visit.ts'

export interface PlainHost extends Served {
  /** The paths that were asked for so far. */
  readonly asked: ReadonlySet<string>
}

export async function hostPlainly(): Promise<PlainHost> {
  const files = sirv(join(root, 'dist/web'))
  const asked = new Set<string>()
  const server = createServer((request, response) => {
    asked.add(new URL(request.url!, 'http://localhost').pathname)
    files(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/`, asked, end: () => server.closeAllConnections() }
}
