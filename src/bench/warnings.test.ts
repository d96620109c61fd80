import { expect, it } from 'vitest'
import { exampleEnvironment } from '../../test/support/environment.ts'
import type { Environment } from './result.ts'
import { environmentWarnings, type WarningContext } from './warnings.ts'

const warningsOf = (changes: Partial<Environment>, context: Partial<WarningContext> = {}): string[] =>
  environmentWarnings(exampleEnvironment(changes), { threads: 4, processors: 4, ownLoad: 0.01, ...context })

it.each<[string, Partial<Environment>, Partial<WarningContext>]>([
  ['a quiet machine', {}, {}],
  [
    'what the system does not say',
    { loadAverage: null, stealFraction: null, calibrationSpread: null, governor: 'unknown' },
    {},
  ],
  ["an older result's fields", { stealFraction: undefined, calibrationSpread: undefined }, {}],
  ['load of its own', { loadAverage: 3 }, { ownLoad: 2.5 }],
  ['a quarter of many processors', { loadAverage: 16 }, { processors: 64, ownLoad: 0 }],
  ['as many threads as the quota', { quotaCores: 4 }, {}],
  ['no thread', { quotaCores: 0.5 }, { threads: 0 }],
])('is silent on %s', (_, changes, context) => {
  expect(warningsOf(changes, context)).toEqual([])
})

it.each<[string, Partial<Environment>, Partial<WarningContext>, string, string]>([
  [
    'a busy machine',
    { loadAverage: 2.31 },
    {},
    'the machine was busy before the start: other work kept 2.3 of 4 processors busy',
    'run again',
  ],
  ['steal', { stealFraction: 0.0312 }, {}, "took 3.1% of the processors' time (steal)", 'quieter time'],
  ['a neighbour', { calibrationSpread: 2.04 }, {}, 'the same work took up to 2.0 times as long', 'median'],
  ['threads over cores', {}, { threads: 6 }, '6 threads on 4 cores', 'take --threads 4'],
  ['threads on one core', { cores: 1 }, { threads: 2 }, '2 threads on 1 core:', 'take --threads 1'],
  [
    'threads over the quota',
    { quotaCores: 2.5, cores: 3 },
    {},
    "4 threads on a container's quota of 2.5 processors",
    'take --threads 2 or raise the quota',
  ],
  [
    'a quota below one processor',
    { quotaCores: 0.5, cores: 1 },
    { threads: 1 },
    "1 thread on a container's quota of 0.5 processors",
    '; raise the quota',
  ],
  ['a governor that saves power', { governor: 'powersave' }, {}, "'powersave'", 'cpupower'],
])('warns of %s, and says what to do', (_, changes, context, what, advice) => {
  const warnings = warningsOf(changes, context)
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toContain(what)
  expect(warnings[0]).toContain(advice)
})

it('says all that is so', () => {
  const changes = { loadAverage: 9, stealFraction: 0.5, calibrationSpread: 9, governor: 'powersave' }
  expect(warningsOf(changes, { threads: 5 })).toHaveLength(5)
})
