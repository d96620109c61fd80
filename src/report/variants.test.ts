import { expect, it } from 'vitest'
import { exampleRecords, exampleTraining, logText } from '../../test/support/training.ts'
import { parseTrainingLog } from '../records/read-training-log.ts'
import type { RunRecord, TrainingSettings } from '../records/training-log.ts'
import { differingSettings, type NamedLog, runsOf, settingsOf, variantsOf } from './variants.ts'

const named = (
  name: string,
  settings: Partial<TrainingSettings>,
  run: Partial<RunRecord> = {},
): NamedLog => ({
  name,
  log: parseTrainingLog(logText(exampleRecords(settings, { run })), name),
})
const namesOf = (logs: readonly NamedLog[]) =>
  variantsOf(runsOf(logs)).map(({ name, runs }) => [name, runs.map((each) => each.name)])

it('runs that differ in their seeds alone are one variant, named by what differs from others', () => {
  const logs = [
    named('a', { seed: 1 }),
    named('b', { seed: 2, without: ['lrn', 'dropout'] }),
    named('c', { seed: 3 }),
    named('d', { seed: 2, activation: 'tanh' }),
  ]
  expect(namesOf(logs)).toEqual([
    ['activation unchanged, without nothing', ['a', 'c']],
    ['without lrn, dropout', ['b']],
    ['activation tanh', ['d']],
  ])
  expect(differingSettings(runsOf(logs))).toEqual(['activation', 'without', 'seed'])
})

it('what most variants have goes without saying, but for the one that differs in nothing', () => {
  const logs = [
    named('all', {}),
    named('tanh', { activation: 'tanh' }),
    named('less', { without: ['lrn'] }),
    named('least', { without: ['lrn'], activation: 'tanh' }),
    named('dropout', { without: ['dropout'] }),
    named('flip', { augment: 'flip' }),
  ]
  expect(namesOf(logs).map(([name]) => name)).toEqual([
    'augment none, activation unchanged, without nothing',
    'activation tanh',
    'without lrn',
    'activation tanh, without lrn',
    'without dropout',
    'augment flip',
  ])
})

it('a variant that is alone is named by what it trains', () => {
  expect(namesOf([named('a', { seed: 1 }), named('b', { seed: 2 })])).toEqual([
    ['lenet on mnist', ['a', 'b']],
  ])
})

it('engine, data and settings that this version does not know tell variants apart', () => {
  const engine = { ...exampleTraining().engine, threads: 1 }
  expect(namesOf([named('a', {}), named('b', {}, { engine })])).toEqual([
    ['engine wasm simd128, 2 threads', ['a']],
    ['engine wasm simd128, 1 thread', ['b']],
  ])
  expect(namesOf([named('a', {}), named('b', { nesterov: true })])).toEqual([
    ['nesterov none', ['a']],
    ['nesterov true', ['b']],
  ])
})

it('several runs of a file are told apart', () => {
  const text = logText([...exampleRecords(), ...exampleRecords({ seed: 8 })])
  const runs = runsOf([{ name: 'a', log: parseTrainingLog(text, 'a') }])
  expect(runs.map(({ name, run }) => [name, settingsOf(run).get('seed')])).toEqual([
    ['a', '7'],
    ['a (2)', '8'],
  ])
})
