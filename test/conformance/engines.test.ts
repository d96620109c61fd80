import { built } from '../support/built.ts'
import { runnable } from '../support/x64.ts'
import { engineConformance } from './suite.ts'

const { openEngine } = await built<typeof import('../../src/engines/index.ts')>('engines/index.js')

// test/slow/engines.test.ts has the others
for (const name of ['wasm@2', ...runnable.slice(0, 1).map((target) => `x64:${target}@2`)])
  engineConformance({ name, open: (options) => openEngine(name, options) })
