import '../support/no-shared-memory.ts'
import { engineConformance } from '../conformance/suite.ts'
import { built } from '../support/built.ts'

const { openEngine } = await built<typeof import('../../src/engines/index.ts')>('engines/index.js')

engineConformance({ name: 'wasm', open: () => openEngine('wasm') })
engineConformance({ name: 'reference', open: () => openEngine('reference'), tolerance: 2e-7 })
