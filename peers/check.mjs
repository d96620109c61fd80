// What a peer's results must be before it is timed.
import { bench, convmark, denseGrid, layers, optimizerOf } from './convmark.mjs'
import { batchStatisticsOf, imagesOf, layersOf, outputsOf, trainedOf } from './network.mjs'

const { initializeImages, openSession, sgd } = convmark
const { gradientsGivenActivations, lossesGivenActivations, MAX_RELATIVE_ERROR } = bench

/**
 * At the benchmark's own scale LRN changes next to nothing, and a wrong one would pass; with images so many times as large
 * conv1's outputs are near 30, and it acts.
 */
const LRN_SCALE = 150

/**
 * Of a checked update. The benchmark's decay alone then moves a parameter by a twentieth, so that what float32 rounds away
 * is nothing beside it.
 */
const CHECKED_RATE = 100

/**
 * Of outputs where layers compute with statistics of the batch: each divides by a deviation that may be small, so what
 * float32 rounds grows from layer to layer, in convmark's own run as in the peer's. Then every layer is compared by
 * itself, given the peer's own inputs.
 */
const MAX_OUTPUT_ERROR_OF_MIXED = 1e-3

/** How many standard deviations the share of dropped values may be off. */
const MAX_DEVIATIONS = 6

/** Of a peer whose results are wrong. */
export class MismatchError extends Error {}

const norm = (values, valueAt) => Math.sqrt(values.reduce((sum, value, i) => sum + valueAt(value, i) ** 2, 0))

/** The largest error so far, and whose it is. Throws where one is too large. */
class Errors {
  maxRelativeError = 0
  tensor = ''

  /**
   * The 2-norm of the difference over that of the truth, or over `least` where that is more; of how the truth differs
   * from `before`, where there is one.
   */
  compare(tensor, values, truth, whose, { before, allowed = MAX_RELATIVE_ERROR, least = 0 } = {}) {
    if (values?.length !== truth.length)
      throw new MismatchError(`${tensor} has ${values?.length ?? 'no'} values, not ${truth.length}`)
    const difference = norm(truth, (value, i) => values[i] - value)
    const length = norm(truth, (value, i) => (before ? value - before[i] : value))
    const error = difference && difference / Math.max(length, least)
    // Not the other way round: NaN is an error too.
    if (!(error <= allowed)) {
      throw new MismatchError(
        `${tensor} differs from ${whose} by ${error.toExponential(1)}; ${allowed} is allowed`,
      )
    }
    if (error < this.maxRelativeError) return
    this.maxRelativeError = error
    this.tensor = tensor
  }
}

/** A batch's values but for some images', which are zeros. */
function onlyImages(values, batch, images) {
  const result = new Float32Array(values.length)
  const length = values.length / batch
  for (const image of images) {
    const from = image * length
    result.set(values.subarray(from, from + length), from)
  }
  return result
}

const scaled = (values, scale) => values.map((value) => value * scale)
const times = (scale) => (scale === 1 ? '' : ` with images ${scale.toPrecision(3)} times as large`)
/** A parameter's name without its layer's. */
const shortOf = (name, layer) => name.slice(layer.name.length + 1)
const pickedFrom = (record, names) => Object.fromEntries(names.map((name) => [name, record[name]]))
const hasLayer = ({ layers }, kind) => layers.some(({ layer }) => layer.kind === kind)

/**
 * A peer, and convmark's own results for the same images, which are right: its engine goes through a check of its own.
 * Where the pass computes with statistics of the batch, convmark's do too.
 */
class PeerCheck {
  against = []
  #peer
  #setup
  #own
  #inputs
  #errors

  constructor(peer, setup, own, inputs, errors) {
    this.#peer = peer
    this.#setup = setup
    this.#own = own
    this.#inputs = inputs
    this.#errors = errors
  }

  async #runBoth({ images, labels }) {
    await this.#peer.setImages(images, labels)
    await this.#peer.run()
    await this.#runOwn({ images, labels })
  }

  async #runOwn({ images, labels }) {
    await this.#own.run({ images, ...(this.#own.plan.pass !== 'forward' && labels && { labels }) })
  }

  /** Whether the images of a batch have to do with each other. */
  get #isMixed() {
    const { network, pass } = this.#setup
    return pass !== 'forward' && batchStatisticsOf(network).length > 0
  }

  /** Of every image, and where the pass has them the losses: convmark's outputs are what those are computed from. */
  async outputs() {
    const { network, pass } = this.#setup
    const { images, labels } = this.#inputs
    this.against.push("convmark's outputs for the whole batch")
    const allowed = this.#isMixed ? MAX_OUTPUT_ERROR_OF_MIXED : undefined
    for (const scale of hasLayer(network, 'lrn') ? [1, LRN_SCALE] : [1]) {
      await this.#runBoth({ images: scaled(images, scale), labels })
      const results = await this.#peer.results()
      for (const tensor of outputsOf(network))
        this.#errors.compare(tensor, results[tensor], this.#own.read(tensor), `convmark's${times(scale)}`, {
          allowed,
        })
      if (pass !== 'forward') this.#losses(results, labels, times(scale), { allowed })
    }
  }

  #losses(results, labels, how, options) {
    const { network, batch } = this.#setup
    const read = network.layers.filter(({ isLoss }) => isLoss).map(({ inputs: [input] }) => input)
    const activations = Object.fromEntries(read.map((name) => [name, this.#own.read(name)]))
    const losses = lossesGivenActivations(network, batch, { labels, ...activations })
    for (const [name, loss] of Object.entries(losses))
      this.#errors.compare(name, results[name], loss, `float64's, given convmark's outputs${how},`, options)
  }

  /**
   * Where ReLU's input is near zero, or two values of a window nearly tie, a right peer may decide otherwise than convmark,
   * and its gradients then differ by up to 1e-2. So they are compared with float64 that goes backward from the peer's own
   * activations of the first and the last image. The others are zeros with one label: float64 counts one of them for all.
   * Where layers compute with statistics of the batch, no image can stand for others, nor be left out: it is all of them then.
   */
  async gradients() {
    const { batch, pass } = this.#setup
    const checked = this.#isMixed ? [...Array(batch).keys()] : [...new Set([0, batch - 1])]
    this.against.push(`gradients: float64, given its own activations of ${checked.length} images`)
    for (const scale of await this.#gradientScales()) {
      const { images, labels } = this.#inputs
      const inputs = {
        images: onlyImages(scaled(images, scale), batch, checked),
        ...(labels && { labels: onlyImages(labels, batch, checked) }),
      }
      if (pass === 'train') await this.#peer.restart(CHECKED_RATE)
      const zero = batch > checked.length ? [1] : []
      await this.#peer.setImages(inputs.images, inputs.labels)
      const activations = await this.#peer.activations([...checked, ...zero])
      await this.#runBoth(inputs)
      const results = await this.#peer.results()
      this.#gradientsOf(results, inputs, activations, checked, zero, times(scale))
      if (pass === 'train') this.#updates(results, this.#trained, new Map(), 'the first update')
    }
  }

  /** The parameters that an update changes, as they were given. */
  get #trained() {
    const { network, parameters } = this.#setup
    return pickedFrom(parameters, trainedOf(network))
  }

  /** Two runs at a rate of 0: all stays as it is but the running statistics, which follow those of the batch twice. */
  async statistics() {
    const { network, batch, parameters } = this.#setup
    const { images, labels } = this.#inputs
    this.against.push('running statistics after two runs: float64, given its own activations')
    await this.#peer.restart(0)
    await this.#peer.setImages(images, labels)
    const activations = await this.#peer.activations([...Array(batch).keys()])
    for (let run = 0; run < 2; run++) await this.#peer.run()
    const results = await this.#peer.results()
    for (const { layer, inputs, inputShapes, parameters: own } of batchStatisticsOf(network)) {
      const { batchStatistics, followStatistics } = layers.definitionOf(layer)
      const values = inputs[0] === 'images' ? images : activations[inputs[0]]
      const statistics = batchStatistics({
        options: layer.options,
        inputs: [denseGrid(values, batch, inputShapes[0])],
      })
      const kept = Object.keys(own).filter((name) => own[name].role === 'statistic')
      const expected = Object.fromEntries(
        kept.map((name) => [shortOf(name, layer), Float64Array.from(parameters[name])]),
      )
      const count = values.length / inputShapes[0].at(-1)
      for (let run = 0; run < 2; run++) followStatistics(layer.options, expected, statistics, count)
      // The mean of values that come to nearly nothing, such as the sums of what another batch norm made, is rounding: it is
      // judged beside their deviation.
      const share = 1 - (1 - layer.options.momentum) ** 2
      const deviations = share * norm(statistics.variance, Math.sqrt)
      for (const name of kept)
        this.#errors.compare(
          name,
          results[name],
          expected[shortOf(name, layer)],
          "float64's after two runs, given its own activations,",
          { before: parameters[name], least: shortOf(name, layer) === 'mean' ? deviations : 0 },
        )
    }
  }

  /**
   * The largest 2-norm of the gradients of a layer's parameters. A batch norm undoes biases before it, and the scale of
   * another one that it follows: their gradients are sums that come to nearly nothing, of which rounding is the larger
   * part.
   */
  #longestOfLayer(tensor, gradients) {
    const layer = tensor.slice(0, tensor.lastIndexOf('/') + 1)
    const own = Object.keys(gradients).filter((name) => name.startsWith(layer))
    return Math.max(...own.map((name) => norm(gradients[name], (value) => value)))
  }

  /** The activations of some images are convmark's, and so are the losses. */
  #besideOwn(results, { labels }, activations, images, how) {
    const { batch } = this.#setup
    for (const [tensor, values] of Object.entries(activations)) {
      const own = imagesOf(this.#own.read(tensor), batch, images)
      this.#errors.compare(tensor, values, own, `convmark's${how}, as it was shown,`)
    }
    this.#losses(results, labels, how)
  }

  /** Every layer makes of what it read, all images of the batch, what its plain loops make of that; the losses too. */
  #layersAlone(results, inputs, activations, how) {
    const { network, batch, parameters } = this.#setup
    const tensors = { ...inputs, ...activations }
    for (const resolved of layersOf(withoutDropout(network))) {
      const { layer, inputShapes, outputShape } = resolved
      const { name, options } = layer
      const { batchStatistics, forward } = layers.definitionOf(layer)
      const read = resolved.inputs.map((input, i) => denseGrid(tensors[input], batch, inputShapes[i]))
      const own = Object.keys(resolved.parameters).map((full) => [shortOf(full, layer), parameters[full]])
      const made = new Float64Array(activations[name].length)
      forward({
        name,
        options,
        inputs: read,
        parameters: Object.fromEntries(own),
        statistics: batchStatistics?.({ options, inputs: read }),
        output: denseGrid(made, batch, outputShape),
      })
      this.#errors.compare(name, activations[name], made, `float64's${how}, given its own inputs,`)
    }
    const losses = lossesGivenActivations(network, batch, tensors)
    for (const [name, loss] of Object.entries(losses))
      this.#errors.compare(name, results[name], loss, `float64's${how}, given its own activations,`)
  }

  #gradientsOf(results, inputs, activations, checked, zero, how) {
    const { network, batch, parameters } = this.#setup
    if (this.#isMixed) this.#layersAlone(results, inputs, activations, how)
    else this.#besideOwn(results, inputs, activations, [...checked, ...zero], how)

    const count = checked.length + zero.length
    const truthOf = (images, shown, share) => {
      const own = Object.entries(activations).map(([tensor, values]) => [
        tensor,
        imagesOf(values, count, shown),
      ])
      const given = Object.entries(inputs).map(([tensor, values]) => [
        tensor,
        imagesOf(values, batch, images),
      ])
      const tensors = { ...Object.fromEntries([...own, ...given]), ...parameters }
      return gradientsGivenActivations(withoutDropout(network), images.length, tensors, share)
    }
    const truth = truthOf(checked, [...checked.keys()], checked.length < batch ? { of: batch } : {})
    if (zero.length > 0) {
      const others = truthOf(zero, [checked.length], { copies: batch - checked.length, of: batch })
      for (const [tensor, values] of Object.entries(others)) {
        for (let i = 0; i < values.length; i++) truth[tensor][i] += values[i]
      }
    }
    for (const [tensor, values] of Object.entries(truth)) {
      const options = this.#isMixed ? { least: this.#longestOfLayer(tensor, truth) } : {}
      this.#errors.compare(
        tensor,
        results[tensor],
        values,
        `float64's${how}, given its own activations,`,
        options,
      )
    }
  }

  /**
   * Where LRN acts; and where classes are apart but none has all of the softmax: logits near 1, which follow the images,
   * since biases are 0.
   */
  async #gradientScales() {
    const { network, batch } = this.#setup
    const scales = hasLayer(network, 'lrn') ? [LRN_SCALE] : []
    const classifier = network.layers.find(({ layer }) => layer.kind === 'softmax-loss')
    // A batch norm's outputs don't grow with the images.
    if (classifier && !this.#isMixed) {
      await this.#runOwn(this.#inputs)
      const logits = imagesOf(this.#own.read(classifier.inputs[0]), batch, [0])
      scales.push(Math.sqrt(logits.length) / norm(logits, (value) => value))
    }
    return scales.length > 0 ? scales : [1]
  }

  /**
   * Two more updates by images that are zeros: there are next to no gradients, so it is decay and momentum that move the
   * weights, and neither can be missing unseen.
   */
  async updates() {
    const { images, labels } = this.#inputs
    this.against.push('three updates: float64, given its own gradients')
    await this.#peer.restart(CHECKED_RATE)
    await this.#peer.setImages(new Float32Array(images.length), labels)
    const momenta = new Map()
    let before = this.#trained
    for (const which of ['the first update without images', 'the second update without images']) {
      await this.#peer.run()
      const results = await this.#peer.results()
      this.#updates(results, before, momenta, which)
      before = Object.fromEntries(Object.keys(before).map((name) => [name, results[name].slice()]))
    }
    await this.#peer.restart(0)
  }

  /** Every parameter after a run, from those before it. `momenta` by parameter, none at first, follow. */
  #updates(results, before, momenta, which) {
    const { momentum, decay } = this.#setup.training
    const optimizer = sgd({ momentum })
    for (const [name, values] of Object.entries(before)) {
      if (!momenta.has(name)) momenta.set(name, new Float64Array(values.length))
      const grid = (values) => denseGrid(values, 1, [1, 1, values.length])
      const parameter = Float64Array.from(values)
      optimizerOf(optimizer).update({
        options: { ...optimizer, decay },
        rates: optimizerOf(optimizer).rates(optimizer, CHECKED_RATE, 1),
        factor: 1,
        gradient: grid(results[`${name}.gradient`]),
        parameter: grid(parameter),
        states: [grid(momenta.get(name))],
      })
      this.#errors.compare(name, results[name], parameter, `float64's after ${which}`, { before: values })
    }
  }

  /** What its dropout drops is its own business: but each value becomes 0 or what its scale makes of it, in the right share. */
  async dropout() {
    const { network, batch } = this.#setup
    const checked = [...new Set([0, batch - 1])]
    this.against.push('all without dropout, which drops its share')
    await this.#peer.setDropout(true)
    await this.#peer.setImages(this.#inputs.images, this.#inputs.labels)
    const images = imagesOf(this.#inputs.images, batch, checked)
    const tensors = { images, ...(await this.#peer.activations(checked)) }
    for (const { layer, inputs } of network.layers) {
      if (layer.kind === 'dropout') this.#dropped(layer, tensors[inputs[0]], tensors[layer.name])
    }
  }

  #dropped({ name, options: { rate } }, input, output) {
    const kept = input.map((value, i) => (output?.[i] === 0 ? 0 : value / (1 - rate)))
    this.#errors.compare(name, output, kept, `what is kept divided by ${1 - rate}`)
    let values = 0
    let dropped = 0
    input.forEach((value, i) => {
      if (value === 0) return
      values++
      if (output[i] === 0) dropped++
    })
    const deviation = Math.sqrt(rate * (1 - rate) * values)
    if (values === 0 || Math.abs(dropped - rate * values) > MAX_DEVIATIONS * deviation)
      throw new MismatchError(`${name} drops ${dropped} of ${values} values; its rate is ${rate}`)
  }
}

/** The same network, whose dropout keeps everything. */
const withoutDropout = (network) => ({
  ...network,
  layers: network.layers.map((resolved) => {
    const { layer } = resolved
    if (layer.kind !== 'dropout') return resolved
    return { ...resolved, layer: { ...layer, options: { ...layer.options, rate: 0 } } }
  }),
})

/**
 * Compares the peer's outputs for the whole batch, and where the pass goes backward its losses, gradients and updates.
 * Throws MismatchError, naming the tensor, where the peer is wrong. Leaves it as it is timed: the parameters as they were
 * given, a rate of 0, dropout on. Returns what a result's `check` has.
 */
export async function checkPeer(peer, setup, seed) {
  const { network, batch, parameters, pass } = setup
  const isForward = pass === 'forward'
  const hasDropout = !isForward && layersOf(network).some(({ layer }) => layer.kind === 'dropout')
  const isMixed = !isForward && batchStatisticsOf(network).length > 0
  const own = await openSession(isMixed ? withoutDropout(network) : network, {
    batch,
    pass: isMixed ? 'forward-backward' : 'forward',
    keep: isForward ? [] : layersOf(network).map(({ layer }) => layer.name),
    engine: 'wasm@1',
    algorithm: 'direct',
  })
  try {
    own.write(parameters)
    const errors = new Errors()
    const check = new PeerCheck(peer, setup, own, initializeImages(network, batch, { seed }), errors)
    if (hasDropout) await peer.setDropout(false)
    await check.outputs()
    if (!isForward) await check.gradients()
    if (pass === 'train' && isMixed) await check.statistics()
    if (pass === 'train') await check.updates()
    if (hasDropout) await check.dropout()
    const { maxRelativeError, tensor } = errors
    return { against: check.against.join('; '), maxRelativeError, tensor, outlier: null, passed: true }
  } finally {
    await own.dispose()
  }
}
