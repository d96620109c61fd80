import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { shellWord } from '../src/shell.ts'
import { commandsIn } from './support/command.ts'

const folder = mkdtempSync(join(tmpdir(), 'convmark-serve-'))
const start = commandsIn(folder)
let served: ReturnType<typeof start>
let address: URL

beforeAll(async () => {
  served = start(['serve', '--port', '0'])
  address = await new Promise((resolve) => {
    served.child.stdout.on('data', (chunk) => {
      const [url] = /http:\S+/.exec(String(chunk)) ?? []
      if (url) resolve(new URL(url))
    })
  })
})
afterAll(() => {
  served?.child.kill()
  rmSync(folder, { recursive: true, force: true })
})

/** As it is written: fetch would tidy the path. */
function get(path: string): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  return new Promise((resolve, reject) => {
    request({ host: address.hostname, port: address.port, path }, (response) => {
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }))
    })
      .on('error', reject)
      .end()
  })
}

describe('convmark serve', () => {
  it('listens on the loopback address', () => expect(address.hostname).toBe('127.0.0.1'))

  it('sends the page with the headers that threads need, and a strict policy', async () => {
    const { status, headers, body } = await get('/')
    expect(status).toBe(200)
    expect(body).toContain('<title>convmark</title>')
    expect(headers).toMatchObject({
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
      'x-content-type-options': 'nosniff',
    })
    const policy = String(headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self' 'wasm-unsafe-eval'")
    expect(policy).not.toMatch(/unsafe-inline|'unsafe-eval'/)
    expect(policy).toContain("worker-src 'self';")
  })

  it('gives blobs to the worker of other libraries alone', async () => {
    const script = /assets\/index-[\w-]+\.js/.exec((await get('/')).body)![0]
    const name = /peer-worker-[\w-]+\.js/.exec((await get(`/${script}`)).body)![0]
    const { status, headers } = await get(`/assets/${name}`)
    expect(status).toBe(200)
    expect(headers['content-security-policy']).toContain("worker-src 'self' blob:")
  })

  it.each([
    '/../cli/main.js',
    '/%2e%2e/cli/main.js',
    '/..%2fcli/main.js',
    '/assets/../../cli/main.js',
    '/../../package.json',
    '/peers/../package.json',
    '/peers/onnxruntime-web/dist/../package.json',
    '/peers/%2e%2e/runner.mjs',
    '/peers/@jax-js/jax/package.json',
    '/nothing-here',
    '//',
    '//[',
    '/%',
  ])('has nothing at %s', async (path) => expect((await get(path)).status).toBe(404))

  it('says which port is taken, in a line', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    const { code, stderr } = await start(['serve', '--port', String(port)]).ended
    other.close()
    expect(code).toBe(1)
    expect(stderr).toBe(
      `convmark: serve: port ${port} is in use; choose another with --port, or any free one with --port 0\n`,
    )
  })

  it('refuses a port that there is not', async () => {
    const { code, stderr } = await start(['serve', '--port', '70000']).ended
    expect(code).toBe(2)
    expect(stderr).toContain('--port is 70000; it must be at most 65535')
  })

  it.runIf(process.platform === 'linux')('opens localhost where it listens for others too', async () => {
    const opener = join(folder, 'xdg-open')
    const opened = join(folder, 'opened')
    writeFileSync(
      opener,
      `#!/bin/sh\necho "$1" > ${shellWord(`${opened}.tmp`)} && mv ${shellWord(`${opened}.tmp`)} ${shellWord(opened)}\n`,
      { mode: 0o755 },
    )
    const { child, ended, printed } = start(['serve', '--port', '0', '--host', '0.0.0.0', '--open'], {
      PATH: `${folder}:${process.env.PATH}`,
    })
    await printed(/ends it/)
    while (!existsSync(opened)) await new Promise((resolve) => setTimeout(resolve, 20))
    child.kill('SIGINT')
    const { stdout } = await ended
    const [, port] =
      /^convmark is at http:\/\/localhost:(\d+)\/, and listens on http:\/\/0\.0\.0\.0:/.exec(stdout) ?? []
    expect(readFileSync(opened, 'utf8')).toBe(`http://localhost:${port}/\n`)
  })

  it('ends with Ctrl-C', async () => {
    const another = start(['serve', '--port', '0'])
    await another.printed(/http:/)
    another.child.kill('SIGINT')
    expect((await another.ended).code).toBe(0)
  })
})
