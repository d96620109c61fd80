import type { NetworkInterfaceInfo } from 'node:os'
import { describe, expect, it } from 'vitest'
import { welcome } from './page-address.ts'

const at = (address: string) => ({ address, port: 8420, family: address.includes(':') ? 'IPv6' : 'IPv4' })
const network = (address: string, more: object = {}): NetworkInterfaceInfo =>
  ({
    ...{ address, netmask: '', mac: '', cidr: null, internal: false },
    ...(address.includes(':') ? { family: 'IPv6', scopeid: 0 } : { family: 'IPv4' }),
    ...more,
  }) as NetworkInterfaceInfo
const INTERFACES = {
  lo: [network('127.0.0.1', { internal: true }), network('::1', { internal: true })],
  eth0: [network('192.0.2.7'), network('2001:db8::7'), network('fe80::7', { scopeid: 2 })],
}

describe('a server that listens on every address', () => {
  it.each([
    ['0.0.0.0', 'http://0.0.0.0:8420/', 'http://192.0.2.7:8420/'],
    ['::', 'http://[::]:8420/', 'http://192.0.2.7:8420/ or http://[2001:db8::7]:8420/'],
  ])('%s is opened as localhost, where the page has threads', (address, own, others) => {
    const { url, lines } = welcome(at(address), INTERFACES)
    expect(url).toBe('http://localhost:8420/')
    expect(lines).toEqual([
      `convmark is at http://localhost:8420/, and listens on ${own}`,
      `Other machines get it without threads, at ${others}: browsers allow them over https or on their own machine only.`,
    ])
  })

  it('names no address of a machine that has none', () => {
    expect(welcome(at('0.0.0.0'), { lo: INTERFACES.lo, down: undefined }).lines[1]).toMatch(
      /^Other machines get it without threads: /,
    )
  })
})

it.each([
  ['127.0.0.1', 'http://127.0.0.1:8420/'],
  ['127.0.1.1', 'http://127.0.1.1:8420/'],
  ['::1', 'http://[::1]:8420/'],
  ['::ffff:127.0.0.1', 'http://127.0.0.1:8420/'],
])('%s is this machine, with threads', (address, url) => {
  expect(welcome(at(address), INTERFACES)).toEqual({ url, lines: [`convmark is at ${url}`] })
})

it.each([
  ['192.0.2.7', 'http://192.0.2.7:8420/'],
  ['2001:db8::7', 'http://[2001:db8::7]:8420/'],
])('%s has no threads on this machine either, and says how it would', (address, url) => {
  const { lines, ...rest } = welcome(at(address), INTERFACES)
  expect(rest).toEqual({ url })
  expect(lines).toEqual([
    `convmark is at ${url}`,
    expect.stringMatching(/no threads there, not on this machine either: .* --host 0\.0\.0\.0 /),
  ])
})
