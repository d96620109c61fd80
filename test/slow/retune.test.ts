import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import type { CachedChoice } from '../../src/engines/tuning-cache.ts'
import { encodeSafetensors, type Tensor } from '../../src/formats/safetensors.ts'
import { initialize, initializeImages, lenet, parametersOf } from '../../src/networks/index.ts'
import { commandsIn } from '../support/command.ts'
import { ownCache } from '../support/own-cache.ts'

// --retune reaches the engine from every command that opens one: what is in the cache is measured anew and replaced.

const folder = mkdtempSync(join(tmpdir(), 'convmark-retune-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const start = commandsIn(folder)
const cache = ownCache()

const network = lenet()
const parameters = initialize(network, { seed: 7 })
const weights = Object.entries(parametersOf(network)).map(([name, { shape }]): [string, Tensor] => [
  name,
  { shape, data: parameters[name]! },
])
const images: Tensor = { shape: [1, 28, 28, 1], data: initializeImages(network, 1, { seed: 7 }).images! }
writeFileSync(join(folder, 'weights.safetensors'), encodeSafetensors(Object.fromEntries(weights)))
writeFileSync(join(folder, 'images.safetensors'), encodeSafetensors({ images }))

const ENGINE = ['--engine', 'wasm@1']
const FEW = ['--batch', '1', '--batches', '1', '--burn-in', '0', '--no-check']
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  bench: ['bench', 'lenet', ...FEW, ...ENGINE, '--pass', 'forward'],
  compare: ['compare', 'wasm@1', 'wasm@2', '--network', 'lenet', ...FEW, '--rounds', '6'],
  run: [
    ...['run', 'lenet', '--weights', 'weights.safetensors', '--input', 'images.safetensors'],
    ...['--output', 'out.safetensors', ...ENGINE],
  ],
  train: [
    'train',
    'lenet',
    '--data',
    'synthetic',
    '--epochs',
    '1',
    '--batch',
    '256',
    ...ENGINE,
    '--out',
    'm.safetensors',
  ],
  evaluate: ['evaluate', 'm.safetensors', '--data', 'synthetic', ...ENGINE],
}
/** No step can be as fast as that, so none was measured to take it. */
const PLANTED_MS = 1e-6

it.each(Object.entries(COMMANDS))('%s', async (_, command) => {
  const path = join(cache, 'tuning.json')
  const entries = (): Record<string, CachedChoice> => JSON.parse(readFileSync(path, 'utf8'))
  const run = async (...more: readonly string[]) => {
    const ended = await start([...command, ...more]).ended
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
  }
  rmSync(path, { force: true })
  await run()
  const planted = Object.entries(entries()).map(([key, entry]) => [key, { ...entry, ms: PLANTED_MS }])
  expect(planted.length).toBeGreaterThan(0)
  writeFileSync(path, JSON.stringify(Object.fromEntries(planted)))
  await run('--retune')
  const after = entries()
  for (const [key] of planted) expect(after[key as string]?.ms, String(key)).toBeGreaterThan(PLANTED_MS)
})
