import { built } from '../support/built.ts'
import { engineConformance } from './suite.ts'

const { openEngine } = await built<typeof import('../../src/engines/index.ts')>('engines/index.js')

engineConformance({ name: 'wasm@1', open: (options) => openEngine('wasm@1', options) })
engineConformance({ name: 'wasm@2', open: (options) => openEngine('wasm@2', options) })
engineConformance({
  name: 'wasm@2 with relaxed FMA',
  open: (options) => openEngine('wasm@2', { ...options, experimentalV8Flags: true }),
})
engineConformance({ name: 'reference', open: (options) => openEngine('reference', options), tolerance: 2e-7 })
