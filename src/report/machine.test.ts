import { expect, it } from 'vitest'
import { exampleEnvironment } from '../../test/support/environment.ts'
import { machineLines } from './machine.ts'
import { PLAIN } from './palette.ts'

const factsOf = (changes: Parameters<typeof exampleEnvironment>[0]): string[] => {
  const lines = machineLines(exampleEnvironment(changes), [], [], PLAIN)
  return lines.slice(0, lines.indexOf(''))
}

it('shows the quota and the caches that there are', () => {
  expect(factsOf({ quotaCores: 2.5, caches: ['L1d 32 KiB', 'L2 1 MiB'] })).toEqual([
    'processor  a processor',
    'cores      4 that this process may use',
    'quota      2.50 processors, of a container or service',
    'caches     L1d 32 KiB, L2 1 MiB',
    'governor   performance',
    'memory     7.5 GiB',
    'system     linux x64',
    'Node       v20.20.0 (V8 11.3)',
  ])
})

it("shows the container's limit of memory, and a runtime that is not Node", () => {
  const changes = { memoryLimitBytes: 700 * 2 ** 20, node: 'none', v8: 'none', runtime: 'Bun 1.4.5' }
  expect(factsOf(changes)).toEqual(
    expect.arrayContaining([
      'memory        7.5 GiB',
      'memory limit  700 MiB, of a container or service',
      'runtime       Bun 1.4.5',
    ]),
  )
})

it('leaves out what is not known', () => {
  const facts = factsOf({ quotaCores: null, caches: [], governor: undefined, memoryLimitBytes: null }).join(
    '\n',
  )
  expect(facts).not.toMatch(/quota|caches|governor|limit/)
})
