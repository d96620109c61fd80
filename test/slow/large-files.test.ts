// Files over 2 GiB, which Node's readFile refuses, and text over 512 MiB, which no string holds.
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { built } from '../support/built.ts'
import { commandsIn } from '../support/command.ts'
import { modelOf, op } from '../support/onnx-graphs.ts'

const { openNetworkSource } =
  await built<typeof import('../../src/cli/network-source.ts')>('cli/network-source.js')
const { readSafetensors } = await built<typeof import('../../src/formats/index.ts')>('formats/index.js')

const folder = mkdtempSync(join(tmpdir(), 'convmark-large-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const start = commandsIn(folder)
const convmark = (...args: readonly string[]) => start(args).ended

const GIB = 2 ** 30

/** A sparse file of zeros, but for the last value of each tensor, which is its number. */
function writeSparse(name: string, shapes: Readonly<Record<string, readonly number[]>>): string {
  const path = join(folder, name)
  let end = 0
  const header = Object.entries(shapes).map(([tensor, shape]) => {
    const begin = end
    end += 4 * shape.reduce((product, extent) => product * extent, 1)
    return [tensor, { dtype: 'F32', shape, data_offsets: [begin, end] }] as const
  })
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const file = openSync(path, 'w')
  writeSync(file, Buffer.concat([length, json]))
  ftruncateSync(file, 8 + json.length + end)
  header.forEach(([, { data_offsets }], i) => {
    writeSync(file, Float32Array.of(i + 1), 0, 4, 8 + json.length + data_offsets[1]! - 4)
  })
  closeSync(file)
  return path
}

describe('safetensors', () => {
  it.skipIf(freemem() < 4 * GIB)('over 2 GiB are read (skipped without 4 GiB of free memory)', async () => {
    const path = writeSparse('over-2', { small: [3], large: [2 ** 29 + 5], after: [1] })
    const { tensors } = await readSafetensors(path)
    expect(tensors.get('small')!.data).toEqual(Float32Array.of(0, 0, 1))
    expect(tensors.get('large')!.data.at(-1)).toBe(2)
    expect(tensors.get('large')!.data).toHaveLength(2 ** 29 + 5)
    expect(tensors.get('after')!.data).toEqual(Float32Array.of(3))
  })

  it.skipIf(freemem() < 7 * GIB)(
    'may be one tensor of more than 4 GiB (skipped without 7 GiB of free memory)',
    async () => {
      const { tensors } = await readSafetensors(writeSparse('over-4', { large: [2 ** 30 + 5] }))
      expect(tensors.get('large')!.data.at(-1)).toBe(1)
    },
  )

  it.skipIf(freemem() < 6 * GIB)(
    'over 2 GiB are the commands’ inputs (skipped without 6 GiB of free memory)',
    async () => {
      writeSparse('images', { images: [1, 16400, 16400, 3] }) // lenet takes one channel
      writeSparse('weights', { large: [2 ** 29 + 5] })
      const run = (...more: readonly string[]) => convmark('run', 'lenet', '--output', 'out', ...more)
      expect(await run('--input', 'images', '--weights', 'weights')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("convmark: weights: its tensors are not lenet's: "),
      })
      expect(await convmark('export', 'lenet', '--onnx', 'lenet.onnx', '--weights', 'weights')).toMatchObject(
        {
          code: 1,
          stderr: expect.stringContaining('1 left over (large)'),
        },
      )
      expect(await convmark('evaluate', 'weights', '--data', 'synthetic')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('convmark: weights: it is neither a model that convmark trained nor'),
      })
      expect(await convmark('train', 'lenet', '--data', 'synthetic', '--resume', 'weights')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('convmark: weights: no checkpoint of convmark'),
      })
    },
  )

  it('over all memory are refused with size and memory', async () => {
    writeSparse('huge', { images: [2 ** 40] })
    expect(
      await convmark('run', 'lenet', '--input', 'huge', '--weights', 'huge', '--output', 'out'),
    ).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^convmark: huge: its 4398046511104 bytes do not fit into memory: [^\n]*\d+ bytes[^\n]*\n$/,
      ),
    })
  })
})

describe('ONNX', () => {
  it('external data over 2 GiB are read where the tensors are, and no more than they take', async () => {
    const BYTES = 3 * GIB
    const dims = [2, 1, 1, 1]
    const tensor = (name: string, offset: number) => ({
      ...{ name, dims, dataType: 1, dataLocation: 1 },
      externalData: Object.entries({ location: 'weights.bin', offset, length: 8 }).map(([key, value]) => ({
        key,
        value: `${value}`,
      })),
    })
    const model = modelOf({
      inputs: { x: ['N', 1, 2, 2] },
      outputs: ['y'],
      constants: [tensor('first', 0), tensor('last', BYTES - 8), tensor('after', BYTES)],
      nodes: [
        op('Conv', 'x first -> a'),
        op('Conv', 'x last -> b'),
        op('Add', 'a b -> y'),
        op('Conv', 'x after -> unused'),
      ],
    })
    writeFileSync(join(folder, 'large.onnx'), model)
    const file = openSync(join(folder, 'weights.bin'), 'w')
    ftruncateSync(file, BYTES)
    writeSync(file, Float32Array.of(1, 2), 0, 8, 0)
    writeSync(file, Float32Array.of(3, 4), 0, 8, BYTES - 8)
    closeSync(file)
    const before = process.memoryUsage().arrayBuffers
    const { parameters } = await openNetworkSource(join(folder, 'large.onnx'))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e8)
    expect(parameters).toEqual({ 'a/weights': Float32Array.of(1, 2), 'b/weights': Float32Array.of(3, 4) })
    await expect(openNetworkSource(join(folder, 'large.onnx'), { outputs: ['unused'] })).rejects.toThrow(
      /large\.onnx: the values of 'after' are said to be 8 bytes from 3221225472 on in the file 'weights\.bin', which has 0 there$/,
    )
  })

  it.skipIf(freemem() < 4 * GIB)(
    'a file of over 2 GiB that is none is refused (skipped without 4 GiB of free memory)',
    async () => {
      writeFileSync(join(folder, 'none.onnx'), '')
      truncateSync(join(folder, 'none.onnx'), 2 * GIB + 1)
      expect(await convmark('info', 'none.onnx')).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^convmark: none\.onnx: no valid protobuf: [^\n]*\n$/),
      })
    },
  )
})

describe('text', () => {
  const report = (file: string) => convmark('report', file, '--html', 'report.html')

  it.each([
    ['of 600 MB', 600_000_000],
    ['of 3 GiB', 3 * GIB],
  ])('%s is longer than a string can be', async (_what, byteLength) => {
    writeFileSync(join(folder, 'long.json'), '')
    truncateSync(join(folder, 'long.json'), byteLength)
    expect(await report('long.json')).toMatchObject({
      code: 1,
      stderr: `convmark: long.json: its text of ${byteLength} bytes is longer than a string can be (536870888 characters); is it the right file?\n`,
    })
  })

  it('of 300 MB, whose array would end the process, is refused', async () => {
    writeFileSync(join(folder, 'array.json'), `[${'1,'.repeat(150_000_000)}1]`)
    expect(await report('array.json')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^convmark: array\.json: its JSON has 300000003 characters, and up to \d+ are read/,
      ),
    })
  })
})
