import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { peers } from '../../src/bench/contenders/peers.ts'
import { missing } from './suite.ts'

const names = Object.keys(peers)

describe.each(names)('%s', (name) => {
  it.each([
    ['an adapter', `../../peers/${name}.mjs`],
    ['a test', `./${name}.test.ts`],
  ])('has %s', (_what, path) => expect(existsSync(new URL(path, import.meta.url))).toBe(true))
})

it('one of them is installed, or the others have tried nothing', () => {
  expect(names.map(missing), 'npm ci --prefix peers --ignore-scripts').toContain(null)
})
