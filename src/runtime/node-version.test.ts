import { expect, it } from 'vitest'
import { type HostProcess, nodeFault } from './node-version.ts'

const has = (versions: Record<string, string>, isComplete = true): HostProcess => ({
  versions,
  ...(isComplete && { getBuiltinModule: () => {} }),
})

it.each<[string, HostProcess | undefined]>([
  ['a browser', undefined],
  ["a page's stand-in for process", { versions: {} }],
  ['Node 20.19.0', has({ node: '20.19.0' })],
  ['Node 22.3.0', has({ node: '22.3.0' })],
  ['Node 100.0.0', has({ node: '100.0.0' })],
  ['Bun that claims an old Node', has({ node: '18.15.0', bun: '1.2.0' })],
  ['Deno that claims an old Node', has({ node: '20.11.1', deno: '2.1.4' })],
])('%s will do', (_, host) => {
  expect(nodeFault(host)).toBeNull()
})

it.each<[HostProcess, string]>([
  ...['8.17.0', '18.20.8', '20.9.0', '21.7.3', '22.2.0'].map((node): [HostProcess, string] => [
    has({ node }, false),
    `needs Node 22.3 or newer, or Node 20 from 20.19 on; this is ${node}`,
  ]),
  [has({ node: '20.18.3' }), 'needs Node 22.3 or newer, or Node 20 from 20.19 on; this is 20.18.3'],
  [
    has({ node: '22.6.0', bun: '1.1.30' }, false),
    'needs a newer Bun, with process.getBuiltinModule; this is 1.1.30',
  ],
])('%o will not', (host, fault) => {
  expect(nodeFault(host)).toBe(fault)
})

it('is what this very process is judged by', () => {
  expect(nodeFault()).toBeNull()
})
