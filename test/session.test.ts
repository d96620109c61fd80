import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import type { Keep, Pass } from '../src/plan/plan.ts'
import type { Session } from '../src/session.ts'
import { built } from './support/built.ts'

const {
  alexnet,
  conv,
  defineNetwork,
  dense,
  dropout,
  initialize,
  initializeImages,
  l2Loss,
  lrn,
  maxPool,
  openSession,
  pad,
  resize,
  softmaxLoss,
} = await built<typeof import('../src/index.ts')>('index.js')
const { openEngine } = await built<typeof import('../src/engine.ts')>('engine.js')
const { openWasm } = await built<typeof import('../src/engines/wasm.ts')>('engines/wasm.js')
const { layOutMemory } = await built<typeof import('../src/plan/memory.ts')>('plan/memory.js')

const open: Session[] = []
// What stays open keeps its place in the one WASM memory.
afterEach(async () => {
  for (const session of open.splice(0)) await session.dispose()
})

/** Its first convolution takes a while, the others are opened in no time. */
const tower = defineNetwork('tower', {
  inputs: { images: [67, 67, 3] },
  layers: [
    conv('conv1', { filters: 64, kernel: 11, stride: 4, padding: 'same', activation: 'relu' }),
    maxPool('pool1', { kernel: 3, stride: 2 }),
    conv('conv2', { filters: 32, kernel: 3, padding: 'same', activation: 'relu' }),
    maxPool('pool2', { kernel: 3, stride: 2 }),
    conv('conv3', { filters: 16, kernel: 3, padding: 'same' }),
    l2Loss('loss'),
  ],
})

interface Wanted {
  batch?: number
  pass?: Pass
  threads?: number
  keep?: Keep
  engine?: string
  tuning?: Session['tuning']
}

async function towerSession({
  batch = 2,
  pass = 'forward',
  threads = 2,
  engine = 'wasm',
  keep = [],
  tuning,
}: Wanted = {}) {
  const session = await openSession(tower, { batch, pass, threads, engine, keep, ...(tuning && { tuning }) })
  open.push(session)
  session.write({
    ...initialize(tower, { seed: 7 }),
    ...initializeImages(tower, batch, { seed: 7 }),
  } as never)
  return session
}

/** A step of every kind that the tower has, and little to be tuned. */
const small = defineNetwork('small', {
  inputs: { images: [27, 25, 3] },
  layers: [
    conv('a', { filters: 20, kernel: 5, stride: 2, padding: 'same', activation: 'relu' }),
    lrn('b'),
    maxPool('c', { kernel: 3, stride: 2 }),
    conv('d', { filters: 24, kernel: 3, padding: 'same', activation: 'relu' }),
    dense('e', { units: 10 }),
    l2Loss('loss'),
  ],
})

const smallGradients = ['a/weights.gradient', 'd/weights.gradient', 'd/biases.gradient'] as const
async function smallSession(threads: number, tuning: Session['tuning'] = null) {
  const options = { batch: 5, pass: 'forward-backward', engine: 'wasm', threads, keep: ['e'] } as const
  const session = await openSession(small, { ...options, ...(tuning && { tuning }) })
  open.push(session)
  session.write({ ...initialize(small, { seed: 7 }), ...initializeImages(small, 5, { seed: 7 }) })
  return session
}

describe('a session', () => {
  it('gives the same bits on any number of threads, and with the tuning given back', async () => {
    const first = await smallSession(1)
    await first.run()
    for (const threads of [2, 3]) {
      const other = await smallSession(threads, first.tuning)
      expect(other.tuning).toEqual(first.tuning)
      await other.run()
      for (const name of ['e', 'loss', ...smallGradients] as const)
        expect(other.read(name), `${name} on ${threads} threads`).toEqual(first.read(name))
    }
  })

  it('gives the same bits run after run, however often parameters are written', async () => {
    const session = await smallSession(2)
    await session.run()
    const before = smallGradients.map((name) => session.read(name))
    session.write(initialize(small, { seed: 8 }))
    await session.run()
    expect(session.read(smallGradients[0])).not.toEqual(before[0])
    session.write(initialize(small, { seed: 7 }))
    await session.run()
    await session.run(initializeImages(small, 5, { seed: 7 }))
    expect(smallGradients.map((name) => session.read(name))).toEqual(before)
  })

  it.each([1, 2])('gives the same bits where the calling thread computes, instead of %i', async (threads) => {
    const tiny = defineNetwork('tiny', {
      inputs: { images: [9, 9, 3] },
      layers: [conv('a', { filters: 20, kernel: 3, activation: 'relu' }), dense('b', { units: 10 })],
    })
    const session = await openSession(tiny, { batch: 3, engine: 'wasm', threads })
    open.push(session)
    session.write({ ...initialize(tiny, { seed: 7 }), ...initializeImages(tiny, 3, { seed: 7 }) })
    await session.run()
    const first = session.read('b')
    // Runs of a small network are tried on fewer threads and on the calling one, in turns.
    let runs = 1
    for (; runs < 11 || session.prepared.isChoosingThreads; runs++) {
      await session.run()
      expect(session.read('b'), `run ${runs}`).toEqual(first)
      expect(session.prepared.stepTimesMs()!.every((ms) => ms >= 0)).toBe(true)
    }
    expect(runs).toBeGreaterThan(20)
    // Runs that take no turn of the event loop would hold up all else.
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    const startMs = performance.now()
    while (performance.now() - startMs < 200) await session.run()
    clearInterval(timer)
    expect(turns).toBeGreaterThan(3)
    const aborted = session.run({}, { signal: AbortSignal.abort(new Error('no more')) })
    await expect(aborted).rejects.toThrow('interrupted')
  })

  it('agrees with the reference engine, every kept activation and gradient', async () => {
    const network = defineNetwork('small', {
      inputs: { images: [11, 9, 3] },
      layers: [
        conv('a', { filters: 6, kernel: 3, stride: 2, padding: 'same', activation: 'relu' }),
        maxPool('b', { kernel: 2, stride: 1 }),
        conv('c', { filters: 5, kernel: [2, 1] }),
        l2Loss('loss'),
      ],
    })
    const names = [
      'a',
      'b',
      'c',
      'loss',
      'a/weights.gradient',
      'a/biases.gradient',
      'c/weights.gradient',
    ] as const
    const [ours, reference] = await Promise.all(
      (['wasm', 'reference'] as const).map(async (engine) => {
        const session = await openSession(network, {
          batch: 3,
          pass: 'forward-backward',
          engine,
          keep: 'all',
        })
        open.push(session)
        session.write(initialize(network, { seed: 3, sd: 1 }) as never)
        await session.run(initializeImages(network, 3, { seed: 3, sd: 1 }) as never)
        return session
      }),
    )
    for (const name of names) {
      const [value, truth] = [ours!.read(name), reference!.read(name)]
      expect(value.length).toBe(truth.length)
      const difference = Math.hypot(...value.map((v, i) => v - truth[i]!))
      expect(difference / Math.hypot(...truth), name).toBeLessThan(1e-6)
    }
  })

  describe('with labels', () => {
    const network = defineNetwork('classes', {
      inputs: { images: [5, 5, 3], labels: [] },
      layers: [
        conv('a', { filters: 6, kernel: 3 }),
        dropout('drop'),
        dense('b', { units: 10 }),
        softmaxLoss('loss', { inputs: ['b', 'labels'] }),
      ],
    })
    const data = { ...initialize(network, { seed: 3, sd: 1 }), ...initializeImages(network, 3, { seed: 3 }) }
    const openWith = async (pass: Pass, engine: string) => {
      const session = await openSession(network, { batch: 3, pass, engine, keep: 'all' })
      open.push(session)
      return session
    }

    it.each(['wasm', 'reference'])('forward on %s needs none, and takes them unread', async (engine) => {
      const session = await openWith('forward', engine)
      const { labels, ...rest } = data
      session.write(rest as never)
      await session.run()
      const before = session.read('b')
      expect(before).toHaveLength(30)
      expect(session.view('b').shape).toEqual([3, 10])
      expect(session.view('b').strides[1]).toBe(1)
      expect(session.read('drop')).toEqual(session.read('a'))
      await session.run({ labels: labels! })
      expect(session.read('b')).toEqual(before)
      expect(() => session.write({ labels: Float32Array.of(0, 1, 10) })).toThrow('image 2 has the label 10')
    })

    it.each(['wasm', 'reference'])('gradients on %s need them, each a class', async (engine) => {
      const session = await openWith('forward-backward', engine)
      const { labels, ...rest } = data
      session.write(rest as never)
      await expect(session.run()).rejects.toThrow('run: labels: never written')
      for (const [bad, shown] of [
        [10, '10'],
        [-1, '-1'],
        [0.5, '0.5'],
        [Number.NaN, 'NaN'],
      ] as const) {
        await expect(session.run({ labels: Float32Array.of(0, bad, 1) })).rejects.toThrow(
          `'labels': image 1 has the label ${shown}; it must be an integer from 0 to 9`,
        )
      }
      expect(() => session.write({ labels: new Float32Array(2) })).toThrow(
        "'labels' is [3], 3 values; 2 were given",
      )
      await session.run({ labels: labels! })
      expect(session.read('labels')).toEqual(labels)
      expect(session.read('loss')[0]).toBeGreaterThan(0)
    })
  })

  it('takes the algorithm that is asked for, and says where a step has none', async () => {
    const network = defineNetwork('mixed', {
      inputs: { images: [24, 24, 8] },
      layers: [
        conv('three', { filters: 8, kernel: 3, padding: 'same' }),
        conv('one', { filters: 8, kernel: 1 }),
        conv('strided', { filters: 8, kernel: 3, stride: 2 }),
        l2Loss('loss'),
      ],
    })
    const stepsWith = async (algorithm: 'direct' | 'winograd') => {
      const session = await openSession(network, {
        batch: 2,
        pass: 'forward-backward',
        engine: 'wasm@1',
        algorithm,
      })
      open.push(session)
      return session.steps.filter(({ step }) => step.kind.startsWith('conv-'))
    }
    const direct = await stepsWith('direct')
    expect(new Set(direct.map(({ algorithm, note }) => `${algorithm} ${note}`))).toEqual(
      new Set(['direct null']),
    )
    const winograd = await stepsWith('winograd')
    const taken = winograd.map(({ step, algorithm, note }) => [`${step.kind} ${step.layer}`, algorithm, note])
    expect(taken).toEqual([
      ['conv-forward three', 'winograd', null],
      ['conv-forward one', 'direct', 'its kernel is 1x1: nothing to save'],
      ['conv-forward strided', 'winograd', null],
      ['conv-weights-gradient strided', 'winograd', null],
      ['conv-input-gradient strided', 'direct', 'with stride 2x2 its phases are convolutions of their own'],
      ['conv-weights-gradient one', 'direct', 'its kernel is 1x1: nothing to save'],
      ['conv-input-gradient one', 'direct', 'its kernel is 1x1: nothing to save'],
      ['conv-weights-gradient three', 'winograd', null],
    ])
  })

  it('reads what is kept, and names keep for what is not', async () => {
    const session = await towerSession({ keep: ['pool2'] })
    await session.run()
    expect(session.read('pool2')).toHaveLength(2 * 3 * 3 * 32)
    expect(() => session.read('conv2')).toThrow("keep: ['conv2']")
    expect(() => session.read('conv22' as never)).toThrow("did you mean 'conv2'?")
    const view = session.view('pool2')
    const [n, y, x, c] = [1, 2, 1, 4]
    const at =
      view.offset + n * view.strides[0]! + y * view.strides[1]! + x * view.strides[2]! + c * view.strides[3]!
    expect(view.data[at]).toBe(session.read('pool2')[((n * 3 + y) * 3 + x) * 32 + c])
    await expect(towerSession({ keep: ['nothing'] })).rejects.toThrow("unknown activation 'nothing'")
  })

  it('refuses what it was not given or can not take', async () => {
    const session = await openSession(tower, { batch: 2, engine: 'wasm', threads: 1 })
    open.push(session)
    await expect(session.run()).rejects.toThrow('images, conv1/weights')
    expect(() => session.write({ 'conv1/biases': new Float32Array(63) })).toThrow(
      "'conv1/biases' is [64], 64 values; 63 were given",
    )
    expect(() => session.write({ conv3: new Float32Array(1) })).toThrow('made by the run')
    await expect(openSession(tower, { batch: 0 })).rejects.toThrow(
      'batch is 0; it must be a positive integer',
    )
    await expect(openSession(tower, { batch: 1, threads: 1.5 })).rejects.toThrow('threads is 1.5')
    await expect(openSession(tower, { batch: 1, engine: 'wsam' })).rejects.toThrow("did you mean 'wasm'?")
    await expect(openSession(tower, { batch: 1, engine: 'wasm:simd' })).rejects.toThrow('revectorized')
  })

  it('says how large a batch fits where one does not', async () => {
    const opening = openSession(alexnet(), { batch: 4096, engine: 'wasm' })
    const message = await opening.then(
      () => '',
      (error: Error) => error.message,
    )
    const fits = Number(/the largest batch that fits is (\d+)/.exec(message)?.[1])
    expect(message).toMatch(/batch 4096 needs \d+ bytes of memory; a WASM memory holds at most \d+/)
    expect(fits).toBeGreaterThan(500)
    expect(fits).toBeLessThan(4096)
  })

  it.each([
    ['resize', resize('huge', { scale: 1e7 })],
    ['pad', pad('huge', { padding: 1e7 })],
  ])(
    'says of a tensor that no memory can hold what it needs, before it builds kernels: %s',
    async (_kind, layer) => {
      const network = defineNetwork('huge', { inputs: { images: [2, 2, 1] }, layers: [layer] })
      await expect(openSession(network, { batch: 1, engine: 'wasm' })).rejects.toThrow(
        /^batch 1 needs \d+ bytes of memory; a WASM memory holds at most \d+; not even a batch of 1 fits$/,
      )
    },
  )

  it('leaves no trace where it could not be opened', async () => {
    const huge = defineNetwork('huge', {
      inputs: { images: [4096, 4096, 64] },
      layers: [conv('conv', { filters: 1, kernel: 3 })],
    })
    const options = { engine: 'reference', isRoomSure: true }
    await expect(openSession(huge, { ...options, batch: 1e6 })).rejects.toThrow(
      /^the system does not give 8589934592000000 bytes of memory \(.*\); use a smaller batch$/,
    )
    const signal = AbortSignal.abort(new Error('not any more'))
    await expect(openSession(huge, { ...options, batch: 1e6, signal })).rejects.toThrow('not any more')
    open.push(await openSession(tower, { batch: 1, engine: 'reference' }))
  })

  it.each(['auto', 'wasm@1', 'reference'])(
    '%s is not opened if its signal aborted before',
    async (engine) => {
      const signal = AbortSignal.abort(new Error('not any more'))
      await expect(openEngine(engine, { signal })).rejects.toThrow('not any more')
      await expect(openSession(tower, { batch: 1, engine, signal })).rejects.toThrow('not any more')
      const opened = await openEngine(engine)
      await expect(openSession(tower, { batch: 1, engine: opened, signal })).rejects.toThrow('not any more')
      await opened.dispose()
    },
  )

  it('takes tensors in a plain object alone, so that none is passed over', async () => {
    const session = await towerSession({ batch: 1, engine: 'reference', threads: 1 })
    const images = new Map([['images', new Float32Array(1)]])
    const refusal = /^tensors are given by name, as in \{ images \}, not as /
    expect(() => session.write(images as never)).toThrow(refusal)
    await expect(session.run(images as never)).rejects.toThrow(refusal)
    expect(() => session.write([] as never)).toThrow(refusal)
    session.write(Object.assign(Object.create(null), { 'conv1/biases': new Float32Array(64) }))
  })

  it('is disposed for all who asked once it is', async () => {
    const session = await towerSession({ batch: 1 })
    const ended: string[] = []
    const running = session.run().then(() => ended.push('run'))
    await Promise.all(['first', 'second'].map((name) => session.dispose().then(() => ended.push(name))))
    await running
    expect(ended[0]).toBe('run')
    expect(session.dispose()).toBe(session.dispose())
  })

  it('lets one run at a time happen', async () => {
    const session = await towerSession({ batch: 4 })
    const running = session.run()
    const busy = (what: string) => `${what}: this session is running; await its run first`
    await expect(session.run()).rejects.toThrow(busy('run'))
    await expect(session.run(initializeImages(tower, 4, { seed: 7 }))).rejects.toThrow(busy('run'))
    expect(() => session.write({})).toThrow(busy('write'))
    expect(() => session.read('conv3')).toThrow(busy('read'))
    expect(() => session.view('conv3')).toThrow(busy('view'))
    await running
    await session.run()
    await session.dispose()
    await expect(session.run({})).rejects.toThrow('run: this session is disposed')
  })

  it('says of a tensor of another pass which one has it', async () => {
    const classifier = defineNetwork('classifier', {
      inputs: { images: [6, 6, 1], labels: [] },
      layers: [dense('fc', { units: 3 }), softmaxLoss('loss', { inputs: ['fc', 'labels'] })],
    })
    const opened = async (pass: Pass) => {
      const session = await openSession(classifier, { batch: 1, engine: 'reference', pass })
      open.push(session)
      return (name: string) => session.read(name as never)
    }
    const forward = await opened('forward')
    for (const name of ['loss', 'fc/weights.gradient']) {
      expect(() => forward(name)).toThrow(
        `'${name}' is not computed in the pass 'forward'; open the session with pass: 'forward-backward'`,
      )
    }
    expect(() => forward('labels')).toThrow(
      "'labels' is not used in the pass 'forward'; open the session with pass: 'forward-backward'",
    )
    const backward = await opened('forward-backward')
    expect(() => backward('optimizer.rates')).toThrow(
      "'optimizer.rates' is not used in the pass 'forward-backward'; open the session with pass: 'train'",
    )
    expect(() => backward('losss')).toThrow("unknown tensor 'losss'; did you mean 'loss'?")
    const lossless = defineNetwork('lossless', {
      inputs: { images: [6, 6, 1] },
      layers: [conv('conv', { filters: 1, kernel: 3 })],
    })
    const session = await openSession(lossless, { batch: 1, engine: 'reference' })
    open.push(session)
    expect(() => session.read('loss' as never)).toThrow("unknown tensor 'loss'")
  })

  it('stops within a run when its signal aborts, and can be run again', async () => {
    const session = await towerSession({ batch: 512, pass: 'forward-backward' })
    await session.run()
    const before = session.read('conv1/weights.gradient')
    const controller = new AbortController()
    const running = session.run({}, { signal: controller.signal })
    setTimeout(() => controller.abort(), 10)
    await expect(running).rejects.toThrow('interrupted')
    await session.run()
    expect(session.read('conv1/weights.gradient')).toEqual(before)
  })

  it('takes no memory from run to run, and gives its memory back', async () => {
    for (let i = 0; i < 3; i++) {
      const session = await openSession(tower, { batch: 2, engine: 'wasm', threads: 1 })
      const { offset } = session.view('conv1/biases')
      await session.dispose()
      const again = await openSession(tower, {
        batch: 2,
        engine: 'wasm',
        threads: 1,
        tuning: session.tuning!,
      })
      expect(again.view('conv1/biases').offset).toBe(offset)
      await again.dispose()
      await expect(again.run()).rejects.toThrow('disposed')
    }
  })

  it('ends with the error of a worker that is lost in the middle of a run', async () => {
    const workers = new Set<Worker>()
    const { postMessage } = Worker.prototype
    Worker.prototype.postMessage = function (this: Worker, ...message) {
      workers.add(this)
      return postMessage.apply(this, message)
    }
    const session = await towerSession({ batch: 512, pass: 'forward-backward' })
    Worker.prototype.postMessage = postMessage
    await session.run()
    const running = session.run()
    setTimeout(() => [...workers][1]!.terminate(), 15)
    await expect(running).rejects.toThrow(/compute worker [12] of 2 ended/)
    await expect(session.run()).rejects.toThrow(/can't be used any more: compute worker [12] of 2/)
  })

  it.each([1, 2, 3])('ends with the error of a step that traps, on %i threads', async (threads) => {
    const engine = await openWasm(
      '',
      { threads },
      {
        // A place far outside the memory, which no check of buffers against themselves can see.
        layOutMemory: (buffers) => {
          const layout = layOutMemory(buffers)
          const pool2 = buffers.find(({ name }) => name === 'pool2')!.id
          return { ...layout, byteOffsets: new Map(layout.byteOffsets).set(pool2, 3_000_000_000) }
        },
      },
    )
    const session = await openSession(tower, { batch: 2, engine, keep: ['pool2'] })
    open.push(session)
    session.write({ ...initialize(tower, { seed: 7 }), ...initializeImages(tower, 2, { seed: 7 }) } as never)
    await expect(session.run()).rejects.toThrow(/a compute worker failed: memory access out of bounds/)
    await expect(session.run()).rejects.toThrow("can't be used any more")
  })
})
