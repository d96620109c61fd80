import { expect, it } from 'vitest'
import { exampleBackward, exampleRun } from '../../test/support/run.ts'
import { layerLines } from './layers.ts'
import { PLAIN } from './palette.ts'

it('has a row a layer and their sum', () => {
  expect(layerLines(exampleRun(), PLAIN)).toEqual([
    'Forward, layer by layer',
    'layer  output            forward ms  GFLOP/s  of peak  of run  algorithm  tile',
    'conv1  [32, 56, 56, 64]       300.0     90.0    81.8%   75.0%  direct     4x8',
    'pool1  [32, 27, 27, 64]       98.00        -        -   24.5%  plain',
    "sum of the layers 398.0 ms, 99.5% of the run's median 400.0 ms (its mean 400.0 ms)",
  ])
})

it('has backward beside forward', () => {
  const [, heading, conv1, loss, sum] = layerLines(exampleBackward, PLAIN)
  expect(heading).toMatch(/forward ms +GFLOP\/s +of peak +of run +backward ms +GFLOP\/s +of peak +of run/)
  expect(conv1).toMatch(
    / 300\.0 +90\.0 +81\.8% +25\.0% +897\.0 +60\.2 +54\.7% +74\.7% +direct +forward 4x8, weights 3x12$/,
  )
  expect(loss).toMatch(/^loss +\[\] +1\.000 +- +- +0\.1% +2\.000 +- +- +0\.2% +plain$/)
  expect(sum).toMatch(/^sum of the layers 1200\.0 ms, 100\.0% /)
})

it('says what is past the direct limit, and what is not as it was asked for', () => {
  const [conv1, pool1] = exampleRun().layers
  const layers = [
    { ...conv1!, algorithm: 'winograd', tile: 'F(5x5, 3x3) 4x8', forwardMs: 100 },
    { ...conv1!, name: 'conv2', notes: ['its kernel is 1x1: nothing to save'] },
    { ...conv1!, name: 'conv3', algorithm: 'winograd', forwardMs: 300 },
    pool1!,
  ]
  const lines = layerLines(exampleRun({ layers, algorithm: 'winograd' }), PLAIN)
  expect(lines[2]).toMatch(/ 100\.0 +270\.0 +2\.45 x +25\.0% +winograd +F\(5x5, 3x3\) 4x8$/)
  expect(lines[4]).toContain(' 81.8% ')
  expect(lines.slice(-2)).toEqual([
    'conv1: forward Winograd, 2.45 of the direct limit',
    'conv2: not winograd: its kernel is 1x1: nothing to save',
  ])
})

it('says why there is no table', () => {
  const layers = exampleRun().layers.map((layer) => ({ ...layer, forwardMs: null }))
  expect(layerLines(exampleRun({ layers }), PLAIN)[1]).toBe('engine wasm does not show its layers')
  expect(layerLines(exampleRun({ summary: null }), PLAIN)[1]).toBe('no sample was taken')
})
