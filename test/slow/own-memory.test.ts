import '../support/no-shared-memory.ts'
import { engineConformance } from '../conformance/suite.ts'
import { built } from '../support/built.ts'

const { openEngine } = await built<typeof import('../../src/engines/index.ts')>('engines/index.js')

const skip = [{ reason: 'there is one thread without shared memory', tests: ['any threads'] }] as const
engineConformance({ name: 'wasm', open: () => openEngine('wasm'), skip })
engineConformance({ name: 'reference', open: () => openEngine('reference'), tolerance: 2e-7, skip })
