// Commands that take a while; test/cli.test.ts has the others.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { parseResult } from '../../src/bench/result.ts'
import { inProcess } from '../support/in-process.ts'
import { workingFolder } from '../support/working-folder.ts'

workingFolder()

it('bench takes the algorithm that is asked for', async () => {
  const ended = await inProcess(
    ...[
      'bench',
      '--batch',
      '2',
      '--image-size',
      '67',
      '--batches',
      '1',
      '--burn-in',
      '0',
      '--pass',
      'forward-backward',
      '--layers',
    ],
    ...['--engine', 'wasm', '--algorithm', 'winograd', '--json', 'winograd.json'],
  )
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  const [run] = parseResult(readFileSync('winograd.json', 'utf8'), 'winograd.json').runs
  expect(run).toMatchObject({ algorithm: 'winograd', check: { passed: true } })
  const convolutions = run!.layers.filter(({ kind }) => kind === 'conv')
  expect(convolutions.map(({ algorithm }) => algorithm)).toEqual(Array(5).fill('winograd'))
  expect(convolutions.flatMap(({ notes }) => notes)).toEqual([])
  expect(ended.stdout).toMatch(/^conv3 .* winograd +forward F\(\dx\d, 3x3\) .*; weights F\(.*; input F\(/m)
})

it('info shows the machine', async () => {
  const ended = await inProcess('info')
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  for (const pattern of [
    /^processor {2}\S/m,
    /^cores {6}\d+ /m,
    ...(process.platform === 'linux' ? [/^governor {3}\S/m] : []),
    /^memory {5}\d+\.\d GiB$/m,
    new RegExp(`^Node {7}${process.version.replaceAll('.', '\\.')} \\(V8 `, 'm'),
    /^wasm +available /m,
    /^wasm:revectorized +(un)?available /m,
    /^wasm:simd128 +\d+\.\d+ GFLOP\/s +\d+\.\d+ GFLOP\/s +\d+\.\d+ GB\/s$/m,
    /^x64:avx2 +(un)?available /m,
  ]) {
    expect(ended.stdout).toMatch(pattern)
  }
})
