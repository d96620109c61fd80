// Jobs that use the library in a page, each as a function of plain data. Node does them too, for comparison.
import { initialize, initializeImages, lenet, openModel, openSession } from 'convmark'
import { benchmark, startEnvironment } from 'convmark/bench'
import { choosePreprocessing, idxDataset, idxSplit, openPipeline, syntheticDataset } from 'convmark/data'
import { decodeModel, encodeModel, train } from 'convmark/train'
import { CLASSES, classifier, slow, tower } from './networks.js'

const BATCH = 3

export const jobs = {
  /** The results of a pass, by tensor. */
  async results({ engine, pass }) {
    const network = tower()
    const session = await openSession(network, { batch: BATCH, pass, engine, keep: 'all' })
    try {
      session.write(initialize(network, { seed: 1 }))
      await session.run(initializeImages(network, BATCH, { seed: 1 }))
      const kept = Object.keys(session.plan.tensors).filter((name) => session.plan.tensors[name].isKept)
      const tensors = Object.fromEntries(kept.map((name) => [name, session.read(name)]))
      return { engine: session.engine, tensors }
    } finally {
      await session.dispose()
    }
  },

  /** The loss of each step, and the parameters after the last. */
  async training({ engine, epochs }) {
    const batches = function* (epoch, first) {
      for (let batch = first; batch < 4; batch++) yield patterns(epoch * 4 + batch)
    }
    const losses = []
    let state = null
    const options = { batches, batchesPerEpoch: 4, epochs, batch: 6, rate: 0.05, engine }
    for await (const event of train(classifier(), options)) {
      if (event.kind === 'step') losses.push(event.loss)
      if (event.kind === 'end') state = event.state()
    }
    return { losses, parameters: state.parameters }
  },

  /** A benchmark with its check, as a result file has it. */
  async benchmark({ engine = 'auto', network = 'tower', batch, batches, burnIn = 1, passes, threads }) {
    const started = await startEnvironment()
    const runs = []
    const progress = new Set()
    const chosen = network === 'tower' ? tower() : (await import('convmark'))[network]()
    const options = { engine, batch, batches, burnIn, passes, ...(threads && { threads }) }
    for await (const event of benchmark(chosen, options)) {
      if (event.kind === 'progress') progress.add(event.phase)
      if (event.kind === 'finished') runs.push(event.run)
    }
    const environment = await started.finish({ threads: runs[0].engine.threads, calibrationSpread: null })
    return {
      schemaVersion: 1,
      tool: { name: 'convmark', version: '0.0.0' },
      environment,
      runs,
      progress: [...progress],
    }
  },

  /** How many steps were measured in the first start, and in the second. */
  async starts({ engine }) {
    const counts = []
    for (let start = 0; start < 2; start++) {
      let measured = 0
      const onProgress = () => measured++
      await (await openSession(tower(), { batch: BATCH, engine, onProgress })).dispose()
      counts.push(measured)
    }
    return counts
  },

  /** How many sessions opened, each with steps to measure, while garbage is collected all the time. */
  async startsAmongGarbage({ engine, sessions }) {
    let garbage = []
    const litter = setInterval(() => {
      if (garbage.length > 0) garbage = []
      garbage = Array.from({ length: 200_000 }, (_, i) => ({ i }))
      new ArrayBuffer(2 ** 24)
    }, 5)
    let opened = 0
    for (let batch = BATCH + 1; opened < sessions; batch++, opened++) {
      await (await openSession(tower(), { batch, pass: 'forward-backward', engine })).dispose()
    }
    clearInterval(litter)
    return opened
  },

  /** What a run reported after it was told to stop; then it runs again. */
  async stop({ engine, afterMs }) {
    const session = await openSession(slow(), { batch: 32, engine })
    try {
      const images = new Float32Array(32 * 56 * 56 * 64).fill(0.5)
      const controller = new AbortController()
      setTimeout(() => controller.abort(), afterMs)
      const error = await session.run({ images }, { signal: controller.signal }).catch((error) => error)
      await session.run()
      return {
        error: undefined,
        stopped: error?.name ?? 'it was not stopped',
        sample: session.read('lrn39')[5],
      }
    } finally {
      await session.dispose()
    }
  },

  /** LeNet on images that come as the bytes of files; the model as bytes, read again. */
  async lenet({ engine, steps, batch }) {
    const { train: images, classNames } = syntheticDataset({
      size: 28,
      channels: 1,
      trainCount: steps * batch,
    })
    const digits = idxDataset('bytes', idxSplit(...(await idxFiles(images))), null, classNames.length)
    const preprocessing = await choosePreprocessing(digits, { size: 28, channels: 1 })
    const pipeline = await openPipeline(digits.train, { batch, preprocessing })
    const losses = []
    let model = null
    const network = lenet()
    const options = {
      batches: (epoch, first) => pipeline.epoch(epoch, first),
      batchesPerEpoch: pipeline.batchesPerEpoch,
      epochs: 1,
      batch,
      rate: 0.02,
      engine,
    }
    for await (const event of train(network, options)) {
      if (event.kind === 'step') losses.push(event.loss)
      if (event.kind === 'end')
        model = encodeModel({ network, classNames, preprocessing, parameters: event.state().parameters })
    }
    await pipeline.dispose()
    return { losses, parameters: Object.keys(decodeModel(model, 'model').parameters) }
  },

  /** What a model, given as the bytes of its file, sees in a painted canvas: as a file, as pixels, and as one of many. */
  async classify({ engine, model, colour }) {
    const canvas = new OffscreenCanvas(30, 20)
    const context = canvas.getContext('2d')
    context.fillStyle = colour
    context.fillRect(0, 0, 30, 20)
    const opened = await openModel(Uint8Array.from(model), { engine })
    try {
      const picture = await canvas.convertToBlob()
      const pixels = context.getImageData(0, 0, 30, 20)
      const answers = [await opened.classify(picture), await opened.classify(pixels)]
      for await (const { predictions } of opened.classifyAll([pixels, picture])) answers.push(predictions)
      return answers.map(([{ name, probability }]) => [name, probability])
    } finally {
      await opened.dispose()
    }
  },

  /** For a browser whose engine is too old. */
  async withoutSimd() {
    const { validate } = WebAssembly
    WebAssembly.validate = () => false
    try {
      await openSession(tower(), { batch: 1 })
    } finally {
      WebAssembly.validate = validate
    }
  },
}

/** Each class has another bright quarter. */
function patterns(seed) {
  const images = Float32Array.from({ length: 6 * 144 }, (_, i) => Math.sin(i * (seed + 1)) / 4)
  const labels = Float32Array.from({ length: 6 }, (_, i) => (i + seed) % CLASSES)
  labels.forEach((label, image) => {
    for (let pixel = 0; pixel < 36; pixel++) images[image * 144 + label * 36 + pixel] += 1
  })
  return { images, labels }
}

/** A split as the two files of MNIST's format. */
async function idxFiles({ count, image, label }) {
  const header = (...words) => {
    const view = new DataView(new ArrayBuffer(4 * words.length))
    for (const [i, word] of words.entries()) view.setUint32(4 * i, word)
    return new Uint8Array(view.buffer)
  }
  const joined = (...parts) => {
    const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const part of parts) {
      bytes.set(part, at)
      at += part.length
    }
    return bytes
  }
  const indexes = Array.from({ length: count }, (_, index) => index)
  const pixels = await Promise.all(indexes.map(async (index) => (await image(index)).pixels))
  return [
    { name: 'images', bytes: joined(header(0x803, count, 28, 28), ...pixels) },
    { name: 'labels', bytes: joined(header(0x801, count), Uint8Array.from(indexes, label)) },
  ]
}
