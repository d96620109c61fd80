// What test/conformance leaves out.
import { engineConformance } from '../conformance/suite.ts'
import { built } from '../support/built.ts'
import { missing } from '../support/x64.ts'

const { openEngine } = await built<typeof import('../../src/engines/index.ts')>('engines/index.js')

engineConformance({
  name: 'wasm@2',
  open: ({ threads = 2, ...options }) => openEngine(`wasm@${threads}`, options),
  batches: [1],
})
engineConformance({
  name: 'wasm@1',
  open: ({ threads = 1, ...options }) => openEngine(`wasm@${threads}`, options),
})
engineConformance({
  name: 'wasm@2 with relaxed FMA',
  open: ({ threads = 2, ...options }) =>
    openEngine(`wasm@${threads}`, { ...options, experimentalV8Flags: true }),
})
// On two threads alone: what one thread does otherwise is the same code as wasm's.
for (const target of ['avx512', 'avx2'] as const) {
  const name = `x64:${target}`
  const reason = missing(target)
  engineConformance({
    name: `${name}@2`,
    open: ({ threads = 2, ...options }) => openEngine(`${name}@${threads}`, options),
    ...(reason && { missing: reason }),
  })
}
engineConformance({
  name: 'reference',
  open: (options) => openEngine('reference', options),
  tolerance: 2e-7,
  skip: [{ reason: 'it has one thread', tests: ['any threads'] }],
})
