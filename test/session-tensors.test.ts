import { afterEach, describe, expect, it } from 'vitest'
import type { Session, SessionOptions } from '../src/session.ts'
import { built } from './support/built.ts'
import { missing } from './support/x64.ts'

const { conv, defineNetwork, dense, initialize, initializeImages, l2Loss, openSession } =
  await built<typeof import('../src/index.ts')>('index.js')

const open: Session[] = []
afterEach(async () => {
  for (const session of open.splice(0)) await session.dispose()
})

const BATCH = 2
/** Of the inputs, (H, W, C); all extents differ, and the channels fill no vector. */
const IMAGE = [5, 4, 3] as const
const network = defineNetwork('small', {
  inputs: { images: [...IMAGE] },
  layers: [
    conv('features', { filters: 6, kernel: 3, padding: 'same', activation: 'relu' }),
    dense('classes', { units: 7 }),
    l2Loss('loss'),
  ],
})
const parameters = initialize(network, { seed: 3, sd: 1 })
const images = initializeImages(network, BATCH, { seed: 3, sd: 1 }).images!

async function opened(options: Partial<SessionOptions> = {}): Promise<Session> {
  const session: Session = await openSession<string>(network, {
    batch: BATCH,
    pass: 'forward-backward',
    engine: 'wasm@1',
    keep: ['features'],
    ...options,
  })
  open.push(session)
  session.write(parameters)
  return session
}

/** (N, H, W, C) in the order (N, C, H, W), index by index. */
function channelsFirst(values: Float32Array, [height, width, channels]: readonly [number, number, number]) {
  const made: number[] = []
  for (let n = 0; n < BATCH; n++)
    for (let c = 0; c < channels; c++)
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) made.push(values[((n * height + y) * width + x) * channels + c]!)
  return Float32Array.from(made)
}

const FEATURES = [5, 4, 6] as const

describe.each(['reference', 'wasm@1', ...(missing('avx2') === null ? ['x64:avx2@1'] : [])])(
  'layout on %s (x64 skipped without AVX2)',
  (engine) => {
    it('nchw writes and reads images with their channels first, and all else as ever', async () => {
      const last = await opened({ engine })
      await last.run({ images })
      const first = await opened({ engine, layout: 'nchw', ...(last.tuning && { tuning: last.tuning }) })
      const given = channelsFirst(images, IMAGE)
      await first.run({ images: given })
      expect(first.read('images')).toEqual(given)
      const features = last.read('features')
      expect(first.read('features')).toEqual(channelsFirst(features, FEATURES))
      const same = ['classes', 'loss', 'features/weights', 'features/weights.gradient', 'classes/biases']
      for (const name of same) expect(first.read(name), name).toEqual(last.read(name))
      for (const name of ['features', ...same]) expect(await first.fetch(name)).toEqual(first.read(name))
      const { data, offset, shape, strides } = first.view('features')
      expect(shape).toEqual([BATCH, 6, 5, 4])
      const [n, c, y, x] = [1, 5, 2, 3]
      const at = offset + n * strides[0]! + c * strides[1]! + y * strides[2]! + x * strides[3]!
      expect(Math.fround(data[at]!)).toBe(features[((n * 5 + y) * 4 + x) * 6 + c])
    })
  },
)

describe('layout', () => {
  it('can be one tensor’s own', async () => {
    const session = await opened({ layout: { pixels: 'nchw' }, names: { pixels: 'images' } })
    await session.run({ pixels: channelsFirst(images, IMAGE) })
    const plain = await opened()
    await plain.run({ images })
    expect(session.read('features')).toEqual(plain.read('features'))
    expect(session.read('images')).toEqual(channelsFirst(images, IMAGE))
  })

  it('is what a shape in an error has, and must be one that there is', async () => {
    const session = await opened({ layout: 'nchw' })
    expect(() => session.write({ images: new Float32Array(1) })).toThrow(
      "'images' is [2, 3, 5, 4], 120 values; 1 were given",
    )
    await expect(opened({ layout: 'NCHW' as never })).rejects.toThrow(
      "openSession: layout is 'NCHW'; it must be 'nhwc' or 'nchw'",
    )
    await expect(opened({ layout: { images: 'chw' as never } })).rejects.toThrow(
      "openSession: layout of images is 'chw'; it must be 'nhwc' or 'nchw'",
    )
    await expect(opened({ layout: { image: 'nchw' } })).rejects.toThrow(
      "layout: unknown tensor 'image'; did you mean 'images'?",
    )
  })
})

describe('names', () => {
  const names = { 'input.1': 'images', '/conv/Conv_output_0': 'features', features: 'features' }

  it('are taken by write, run, read, fetch, view and keep, beside the network’s own', async () => {
    const session = await opened({ names, keep: ['/conv/Conv_output_0'] })
    await session.run({ 'input.1': images })
    const features = session.read('/conv/Conv_output_0')
    expect(features).toHaveLength(BATCH * 5 * 4 * 6)
    expect(session.read('features')).toEqual(features)
    expect(await session.fetch('/conv/Conv_output_0')).toEqual(features)
    expect(session.view('/conv/Conv_output_0').shape).toEqual([BATCH, ...FEATURES])
    session.write({ 'input.1': new Float32Array(images.length) })
    expect(Math.max(...session.read('images'))).toBe(0)
  })

  it('are what errors call a tensor by, and suggest', async () => {
    const session = await opened({ names, keep: [] })
    expect(() => session.read('/conv/Conv_output_0')).toThrow(
      "'/conv/Conv_output_0' is not kept: its memory is reused during the run",
    )
    expect(() => session.write({ 'input.1': new Float32Array(1) })).toThrow("'input.1' is [2, 5, 4, 3]")
    expect(() => session.read('input.2')).toThrow("did you mean 'input.1'?")
  })

  it('are of tensors that there are, and of one each', async () => {
    await expect(opened({ names: { a: 'feature' } })).rejects.toThrow(
      "names: 'a': unknown tensor 'feature'; did you mean 'features'?",
    )
    await expect(opened({ names: { images: 'features' } })).rejects.toThrow(
      "names: 'images' is a tensor of small, and can't be 'features' too",
    )
    await expect(opened({ names: { a: 1 as never } })).rejects.toThrow('names of a is 1; it must be text')
  })
})

it('a result can’t be fetched while it is computed, nor from a session that is disposed', async () => {
  const session = await opened()
  const running = session.run({ images })
  await expect(session.fetch('features')).rejects.toThrow(
    'fetch: this session is running; await its run first',
  )
  await running
  await session.dispose()
  await expect(session.fetch('features')).rejects.toThrow('fetch: this session is disposed')
})
