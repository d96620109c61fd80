import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { VERSION } from '../version.ts'
import { openTuningCache } from './tuning-cache.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'convmark-cache-'))
  vi.stubEnv('CONVMARK_CACHE', folder)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

const open = () => openTuningCache('Example 3000', 'wasm')
const write = (entries: unknown): void =>
  writeFileSync(join(folder, 'tuning.json'), typeof entries === 'string' ? entries : JSON.stringify(entries))
const key = (step: string): string => `${VERSION} | Example 3000 | wasm | ${step}`

it('keeps choices, replaces them and takes them out', async () => {
  await (await open()).change({ a: { choice: 'direct 4x8', ms: 2 }, b: { choice: 'direct 2x8', ms: null } })
  expect((await open()).get('a')).toEqual({ choice: 'direct 4x8', ms: 2 })
  expect((await open()).get('b')).toEqual({ choice: 'direct 2x8', ms: null })
  await (await open()).change({ a: { choice: 'direct 6x8', ms: 1 }, b: null })
  expect((await open()).get('a')).toEqual({ choice: 'direct 6x8', ms: 1 })
  expect((await open()).get('b')).toBeUndefined()
})

it.each([
  ['step', 'Example 3000', 'wasm', 'b'],
  ['processor', 'Example 4000', 'wasm', 'a'],
  ['engine', 'Example 3000', 'x64', 'a'],
])('knows a choice for its own %s alone', async (_, processor, engine, step) => {
  await (await open()).change({ a: { choice: 'direct 4x8', ms: 2 } })
  const other = await openTuningCache(processor, engine)
  expect(other.get(step)).toBeUndefined()
  await other.change({ [step]: { choice: 'direct 2x8', ms: 1 } })
  expect((await openTuningCache(processor, engine)).get(step)).toEqual({ choice: 'direct 2x8', ms: 1 })
  expect((await open()).get('a')).toEqual({ choice: 'direct 4x8', ms: 2 })
})

it('knows nothing of another version', async () => {
  write({ [key('a').replace(VERSION, '0.0.0')]: { choice: 'direct 4x8', ms: 2 } })
  expect((await open()).get('a')).toBeUndefined()
})

it.each([
  ['an older form', 'direct 4x8'],
  ['no time', { choice: 'direct 4x8' }],
  ['a time below nothing', { choice: 'direct 4x8', ms: -1 }],
  ['a time of nothing', { choice: 'direct 4x8', ms: 0 }],
  ['a time that is none', { choice: 'direct 4x8', ms: 'soon' }],
  ['no choice', { choice: 4, ms: 1 }],
  ['null', null],
  ['a list', ['direct 4x8', 1]],
])('knows nothing of a step whose entry is %s', async (_, entry) => {
  write({ [key('a')]: entry, [key('b')]: { choice: 'direct 2x8', ms: 3 } })
  expect((await open()).get('a')).toBeUndefined()
  expect((await open()).get('b')).toEqual({ choice: 'direct 2x8', ms: 3 })
})

it.each(['', '[]', 'null', '{', '7'])('begins anew where the file is %j', async (text) => {
  write(text)
  expect((await open()).get('a')).toBeUndefined()
  await (await open()).change({ a: { choice: 'direct 4x8', ms: 2 } })
  expect((await open()).get('a')).toEqual({ choice: 'direct 4x8', ms: 2 })
})
