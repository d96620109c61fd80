// What an import takes of memory: the file, the weights that become the network's, and little more.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { onnxModel } from '../../src/formats/onnx.ts'
import { initialize, networkNamed } from '../../src/networks/index.ts'
import { root } from '../support/package.ts'

const folder = mkdtempSync(join(tmpdir(), 'convmark-import-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const MOST_TIMES = 2.2

it('resnet50 takes at most 2.2 times the bytes of its file', () => {
  const network = networkNamed('resnet50', {})
  const path = join(folder, 'resnet50.onnx')
  writeFileSync(path, onnxModel(network, initialize(network, { seed: 7 }), { layout: 'NCHW' }))
  const printed = execFileSync(process.execPath, [join(root, 'scripts/import-cost.mjs'), path], {
    encoding: 'utf8',
  })
  const [, times, megabytes] = printed.match(/ ([\d.]+) times its ([\d.]+) MB in memory/)!
  expect(Number(megabytes)).toBeGreaterThan(100)
  expect(Number(times)).toBeLessThan(MOST_TIMES)
})
