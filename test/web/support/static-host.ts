// A host that sends files and no header of its own, as many do.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import sirv from 'sirv'
import { root } from '../../support/package.ts'
import type { Served } from './visit.ts'

export async function hostPlainly(): Promise<Served> {
  const files = sirv(join(root, 'dist/web'))
  const server = createServer((request, response) => files(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/`, end: () => server.closeAllConnections() }
}
