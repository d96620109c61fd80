import { built } from '../support/built.ts'
import { engineConformance } from './suite.ts'

const { openEngine } = await built<typeof import('../../src/engines/index.ts')>('engines/index.js')

// The one that every machine has; test/slow/engines.test.ts has the others, single images and all extremes
engineConformance({
  name: 'wasm@2',
  open: ({ threads = 2, ...options }) => openEngine(`wasm@${threads}`, options),
  batches: [3],
  oneExtremeIn: 4,
})
