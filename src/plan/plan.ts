import {
  arrayOfText,
  must,
  oneOf,
  optional,
  positiveInteger,
  type Rule,
  type Rules,
  requireOptions,
  someObject,
  trueOrFalse,
} from '../check-options.ts'
import { NetworkError, UsageError, unknownName } from '../errors.ts'
import { definitionOf, isTrainedRole, type LayerKind } from '../layers/index.ts'
import { frozenLayers, trainedParametersOf } from '../networks/freeze.ts'
import {
  type Network,
  outputsOf,
  parametersOf,
  type ResolvedLayer,
  requireNetwork,
} from '../networks/network.ts'
import { RATES } from '../optimizers/index.ts'
import { elementCount, type Shape } from '../tensor.ts'
import { type Block, blocksOf } from './blocks.ts'
import { type Chain, chainsOf } from './fuse.ts'
import { type LayerStep, type PlanContext, plannerOf } from './layers/index.ts'
import { readsOf, type Step, writesOf } from './steps.ts'
import {
  accumulationSteps,
  RATES_TENSOR,
  requireTraining,
  type Training,
  type TrainingContext,
  TURN_TENSOR,
  updateSteps,
} from './training.ts'
import { type Buffer, type Halo, layOut, NO_HALO, type View, widest } from './views.ts'

export const PASSES = ['forward', 'forward-backward', 'train'] as const

/**
 * What a run computes: `forward`, the outputs; `forward-backward`, also the gradients of all parameters; `train`, also
 * the update of the parameters by an optimizer.
 */
export type Pass = (typeof PASSES)[number]
export const passesRule = must(
  (passes: readonly Pass[]) => Array.isArray(passes) && passes.every((pass) => PASSES.includes(pass)),
  `an array of ${PASSES.map((pass) => `'${pass}'`).join(', ')}`,
)
/** The passes of the AlexNet article, which are timed by default. */
export const CLASSIC_PASSES: readonly Pass[] = ['forward', 'forward-backward']

/**
 * Which activations can be read after a run, in addition to the outputs: these by name, those in `Network.printed`, or
 * all.
 */
export type Keep = readonly string[] | 'printed' | 'all'

/** What a plan is made for. */
export interface PlanOptions {
  /** Images of a run. */
  readonly batch: number
  /** What a run computes. */
  readonly pass: Pass
  /** Activations that can be read after a run, in addition to the outputs; none by default. */
  readonly keep?: Keep
  /** Required by the pass `train`. */
  readonly training?: Training
  /** The vector that channels are rounded up to, in values; the engine sets it. */
  readonly lanes?: number
  /** Whether a step may do several layers of the pass forward, if the tensors between them aren't kept; the engine sets it. */
  readonly fuses?: boolean
}

export const keepRule: Rule = {
  fault: (value, name) =>
    (typeof value === 'string' ? oneOf(['printed', 'all']) : arrayOfText).fault(value, name),
}

const planRules: Rules<PlanOptions> = {
  batch: positiveInteger,
  pass: oneOf(PASSES),
  keep: optional(keepRule),
  training: optional(someObject),
  lanes: optional(positiveInteger),
  fuses: optional(trueOrFalse),
}

/** A tensor that the caller may write or read, and its shape as the caller sees it. */
export interface PlannedTensor {
  /** `setting`: what differs from run to run; `state`: an optimizer's state, at first zeros. Both can be written. */
  readonly role: 'input' | 'parameter' | 'setting' | 'state' | 'gradient' | 'activation'
  /** As the caller sees it: of inputs and activations with the batch, (N, H, W, C). */
  readonly shape: Shape
  /** Where it lies among the buffers of the plan. */
  readonly view: View
  /** False for an activation whose memory may be reused within the run. */
  readonly isKept: boolean
}

/** What a run does and where its tensors are: plain data, made once. */
export interface Plan {
  readonly network: Network
  readonly batch: number
  readonly pass: Pass
  /** Null except in the pass `train`. */
  readonly training: Training | null
  /** The names of the layers whose parameters get no gradient. */
  readonly frozen: readonly string[]
  /** Channels are rounded up to this many values. */
  readonly lanes: number
  /** Whether one step may do several layers. */
  readonly fuses: boolean
  /** Layers without steps of their own: the name of the layer whose step does each. */
  readonly fusedWith: Readonly<Record<string, string>>
  /** In the order in which they run. */
  readonly steps: readonly Step[]
  /** The first of the steps that update parameters by their gradients; the number of steps if there is none. */
  readonly firstUpdate: number
  /** What the plan needs of memory, and when. */
  readonly buffers: readonly Buffer[]
  /** By name: inputs, parameters, activations, gradients and what a training keeps. */
  readonly tensors: Readonly<Record<string, PlannedTensor>>
  /** What a run is for: the last activations, and in forward-backward also the losses and gradients. */
  readonly outputs: readonly string[]
}

/** The caller's places among the steps: it writes before the first step of any run, and reads after the last. */
export const BEFORE_ALL = -1
export const AFTER_ALL = Number.MAX_SAFE_INTEGER

/**
 * The steps of `pass` over `batch` images and the buffers that they need. Allocates nothing. Throws UsageError for a
 * batch that is not a positive integer or for an unknown tensor in `keep`, NetworkError if forward-backward has no loss
 * or a layer that no loss depends on, and ShapeError if a layer with batch statistics would get only one value a
 * channel.
 */
export function createPlan(network: Network, options: PlanOptions): Plan {
  requireNetwork('createPlan', network)
  requireOptions('createPlan', options, planRules)
  const { batch, pass, lanes = 4, fuses = false, training } = options
  if (training) requireTraining(network, training)
  else if (pass === 'train')
    throw new UsageError(`pass 'train' needs an optimizer: training: { optimizer: sgd() }`)
  const kept = keptTensors(network, options.keep)
  const frozen = frozenLayers(network, training?.freeze)
  return new Planner(network, { batch, pass, lanes, fuses, kept, frozen, training: training ?? null }).plan()
}

const WRITTEN: readonly PlannedTensor['role'][] = ['input', 'parameter', 'setting', 'state']

/** Roles that a caller may write; those tensors last from run to run. */
export const isWritable = (role: PlannedTensor['role']): boolean => WRITTEN.includes(role)

/**
 * Bytes of one dense float32 copy of all that a caller writes to a session of the plan: its inputs, its parameters, and
 * so on.
 */
export const writtenBytes = ({ tensors }: Plan, roles: readonly PlannedTensor['role'][] = WRITTEN): number =>
  Object.values(tensors)
    .filter(({ role }) => roles.includes(role))
    .reduce((bytes, { shape }) => bytes + elementCount(shape) * Float32Array.BYTES_PER_ELEMENT, 0)

function keptTensors(network: Network, keep: Keep = []): ReadonlySet<string> {
  const layers = network.layers.filter(({ isLoss }) => !isLoss).map(({ layer }) => layer.name)
  if (keep === 'all') return new Set(layers)
  const names = keep === 'printed' ? network.printed : keep
  for (const name of names) {
    if (!layers.includes(name) && !(name in network.inputs)) {
      throw new UsageError(`keep: ${unknownName('activation', name, layers)}`)
    }
  }
  return new Set(names)
}

interface GrowingBuffer {
  name: string
  length: number
  firstStep: number
  lastStep: number
}

/** A rule's own steps are among those of the table. */
const stepsOf = (steps: readonly LayerStep[]): readonly Step[] => steps as readonly Step[]

/** Those of the steps whose results others of them or the `later` ones read. */
function neededBy(later: readonly Step[], steps: readonly Step[]): Step[] {
  const read = new Set(later.flatMap(readsOf).map(({ buffer }) => buffer))
  const needed = steps.toReversed().filter((step) => {
    const isRead = writesOf(step).some(({ buffer }) => read.has(buffer))
    if (isRead) for (const { buffer } of readsOf(step)) read.add(buffer)
    return isRead
  })
  return needed.toReversed()
}

/** The gradient of one tensor, added up from the layers that have been planned so far. */
interface Gradient {
  readonly view: View
  /** False if it is also another tensor's gradient and must stay as it is. */
  readonly isOwn: boolean
}

interface PlannerOptions {
  readonly batch: number
  readonly pass: Pass
  readonly lanes: number
  readonly fuses: boolean
  readonly kept: ReadonlySet<string>
  readonly frozen: ReadonlySet<string>
  readonly training: Training | null
}

class Planner {
  readonly #network: Network
  readonly #batch: number
  readonly #pass: Pass
  readonly #lanes: number
  readonly #fuses: boolean
  readonly #kept: ReadonlySet<string>
  readonly #frozen: ReadonlySet<string>
  readonly #training: Training | null
  /** The layers of this pass: forward leaves the losses out. */
  readonly #layers: readonly ResolvedLayer[]
  /** The layers that read a tensor, by its name. */
  readonly #readers = new Map<string, ResolvedLayer[]>()
  readonly #makers: ReadonlyMap<string, ResolvedLayer>
  readonly #buffers: GrowingBuffer[] = []
  readonly #tensors: Record<string, PlannedTensor> = {}
  readonly #steps: Step[] = []
  readonly #losses: string[] = []
  /**
   * Tensors that need a gradient: their own layer or one before it has parameters that are trained, and a loss depends
   * on them.
   */
  readonly #behindParameters = new Set<string>()
  /** Tensors between two steps of one layer, by the layer's name and their own. */
  readonly #between = new Map<string, Map<string, View>>()
  /** The activations of the block that is going backward, where they were made again, by name. */
  readonly #remade = new Map<string, View>()
  /** By the name of their last layer. */
  readonly #chains = new Map<string, Chain>()
  /** Layers that a chain's step does before its last one: their outputs are never in memory. */
  readonly #within = new Set<string>()
  /** Ids of buffers that last from run to run although the caller does not write them. */
  readonly #lasting = new Set<number>()
  /** By tensor. */
  readonly #gradients = new Map<string, Gradient>()

  constructor(network: Network, options: PlannerOptions) {
    const { batch, pass, lanes, fuses, kept, frozen, training } = options
    this.#network = network
    this.#batch = batch
    this.#pass = pass
    this.#lanes = lanes
    this.#fuses = fuses
    this.#kept = kept
    this.#frozen = frozen
    this.#training = training
    this.#layers = network.layers.filter(({ isLoss }) => pass !== 'forward' || !isLoss)
    this.#makers = new Map(this.#layers.map((layer) => [layer.layer.name, layer]))
    for (const layer of this.#layers)
      for (const input of new Set(layer.inputs))
        this.#readers.set(input, [...(this.#readers.get(input) ?? []), layer])
    if (fuses && pass === 'forward') {
      const readersOf = (tensor: string) => this.#readers.get(tensor) ?? []
      for (const chain of chainsOf(this.#layers, readersOf, (tensor) => this.#isKept(tensor))) {
        this.#chains.set(chain.rest.at(-1)!.layer.name, chain)
        for (const { layer } of [chain.first, ...chain.rest.slice(0, -1)]) this.#within.add(layer.name)
      }
    }
    const needed = pass === 'forward' ? null : this.#neededByLosses()
    for (const { layer, inputs, parameters, isLoss } of network.layers) {
      if (needed && !isLoss && !needed.has(layer.name)) continue
      const isBehind = inputs.some((input) => this.#behindParameters.has(input))
      if (isBehind || this.#isTrained({ layer, parameters })) this.#behindParameters.add(layer.name)
    }
  }

  plan(): Plan {
    this.#inputs()
    for (const name of Object.keys(parametersOf(this.#network))) this.#likeParameter(name, 'parameter', '')
    this.#settings()
    for (const layer of this.#layers) this.#forward(layer)
    if (this.#pass !== 'forward') {
      for (const name of this.#trained()) this.#likeParameter(name, 'gradient', '.gradient')
      const isRemade = this.#training?.checkpoint === 'blocks'
      const blocks = isRemade ? blocksOf(this.#layers) : [{ layers: this.#layers, output: null }]
      for (const [index, block] of blocks.toReversed().entries()) this.#blockBackward(block, index === 0)
    }
    const training = this.#pass === 'train' ? this.#training : null
    if (training) this.#steps.push(...accumulationSteps(training, this.#trainingContext()))
    const firstUpdate = this.#steps.length
    if (training) this.#steps.push(...updateSteps(training, this.#trainingContext()))
    const gradients = Object.keys(this.#tensors).filter((name) => this.#tensors[name]!.role === 'gradient')
    return {
      network: this.#network,
      batch: this.#batch,
      pass: this.#pass,
      training,
      frozen: [...this.#frozen],
      lanes: this.#lanes,
      fuses: this.#fuses,
      fusedWith: Object.fromEntries(
        [...this.#chains.values()].flatMap(({ first, rest }) =>
          rest.map(({ layer }) => [layer.name, first.layer.name]),
        ),
      ),
      steps: this.#steps,
      firstUpdate,
      buffers: this.#lifetimes(),
      tensors: this.#tensors,
      outputs: [...outputsOf(this.#network), ...this.#losses, ...gradients],
    }
  }

  #inputs(): void {
    for (const [name, shape] of Object.entries(this.#network.inputs)) {
      const isRead = (layers: readonly ResolvedLayer[]) => layers.some(({ inputs }) => inputs.includes(name))
      // Labels, if the loss that reads them is left out
      if (isRead(this.#network.layers) && !isRead(this.#layers)) continue
      const readsAnyPitch = this.#readersOf(name).every((layer) => plannerOf(layer).readsAnyPitch)
      const view = this.#allocate(name, shape, { halo: this.#haloFor(name), anyPitch: readsAnyPitch })
      this.#tensors[name] = { role: 'input', shape: [this.#batch, ...shape], view, isKept: true }
    }
  }

  /** Whether training changes any of the layer's parameters by gradients. */
  #isTrained({ layer, parameters }: Pick<ResolvedLayer, 'layer' | 'parameters'>): boolean {
    const isAny = Object.values(parameters).some(({ role }) => isTrainedRole(role))
    return isAny && !this.#frozen.has(layer.name)
  }

  #trained(): readonly string[] {
    return trainedParametersOf(this.#network, this.#frozen)
  }

  /** A tensor of a parameter's shape. */
  #likeParameter(name: string, role: PlannedTensor['role'], suffix: string): View {
    const { shape } = parametersOf(this.#network)[name]!
    const rows = shape.slice(0, -1).reduce((product, extent) => product * extent, 1)
    const view = this.#allocate(name + suffix, [1, rows, shape.at(-1)!], { batch: 1 })
    this.#tensors[name + suffix] = { role, shape, view, isKept: true }
    return view
  }

  /** Adds the tensors that differ from run to run. */
  #settings(): void {
    const hasTurns = this.#layers.some(({ layer }) => definitionOf(layer).usesTurns ?? false)
    if (this.#pass !== 'forward' && hasTurns) this.#few(TURN_TENSOR, 'setting', 1)
    if (this.#pass === 'train') this.#few(RATES_TENSOR, 'setting', RATES)
  }

  /** A tensor of a few numbers that belong to no layer. */
  #few(tensor: string, role: PlannedTensor['role'], count: number): View {
    const view = this.#allocate(tensor, [1, 1, count], { batch: 1 })
    this.#tensors[tensor] = { role, shape: [count], view, isKept: true }
    return view
  }

  #trainingContext(): TrainingContext {
    return {
      parameters: this.#trained(),
      view: (tensor) => this.#tensors[tensor]!.view,
      state: (parameter, name) => this.#likeParameter(parameter, 'state', `.${name}`),
      result: (tensor) => this.#few(tensor, 'activation', 1),
      between: (tensor) => this.#allocate(tensor, [1, 1, 1], { batch: 1 }),
    }
  }

  /** Whether an activation can be read after a run. */
  readonly #isKept = (tensor: string): boolean =>
    this.#kept.has(tensor) || outputsOf(this.#network).includes(tensor)

  #forward(layer: ResolvedLayer): void {
    const name = layer.layer.name
    if (this.#within.has(name)) return
    const isScalar = layer.isLoss
    const isOff = this.#isOff(layer)
    if (isScalar) this.#losses.push(name)
    const view = isOff
      ? this.#tensors[layer.inputs[0]!]!.view
      : this.#allocate(name, layer.outputShape, {
          halo: this.#haloFor(name),
          ...(isScalar && { batch: 1 }),
        })
    const isKept = isScalar || this.#isKept(name)
    const shape = isScalar ? [] : [this.#batch, ...layer.outputShape]
    this.#tensors[name] = { role: 'activation', shape, view, isKept }
    const chain = this.#chains.get(name)
    if (chain) this.#fusedForward(chain, view)
    else if (!isOff) this.#steps.push(...stepsOf(plannerOf(layer).forward(this.#context(layer))))
  }

  /** The last block's activations are still there; those of any other are made again in memory of their own. */
  #blockBackward(block: Block, isLast: boolean): void {
    const remade = isLast ? [] : this.#remakeBlock(block)
    const first = this.#steps.length
    for (const layer of block.layers.toReversed()) this.#backward(layer)
    const backward = this.#steps.splice(first)
    this.#steps.push(...neededBy(backward, remade), ...backward)
    this.#remade.clear()
  }

  #remakeBlock({ layers, output }: Block): Step[] {
    const first = this.#steps.length
    const made = layers.filter(({ isLoss }) => !isLoss)
    for (const { layer } of made) this.#between.delete(layer.name)
    for (const layer of made) {
      const { name } = layer.layer
      this.#remade.set(name, this.#allocate(name, layer.outputShape, { halo: this.#haloFor(name) }))
      const steps = stepsOf(
        plannerOf(layer).forward({ ...this.#context(layer), isUpdated: false, isRemade: true }),
      )
      this.#steps.push(...steps.map((step): Step => ({ ...step, pass: 'remake' })))
    }
    // It was kept.
    if (output !== null) this.#remade.delete(output)
    return this.#steps.splice(first)
  }

  #fusedForward({ first, rest, scaling, addend, activation }: Chain, output: View): void {
    for (const { layer, outputShape } of [first, ...rest.slice(0, -1)]) {
      const shape = [this.#batch, ...outputShape]
      this.#tensors[layer.name] = { role: 'activation', shape, view: output, isKept: false }
    }
    const ownName = (parameter: string, { name }: ResolvedLayer['layer']) => parameter.slice(name.length + 1)
    const scaled = scaling && {
      reads: Object.fromEntries(
        Object.keys(scaling.layer.parameters).map((parameter) => [
          ownName(parameter, scaling.layer.layer),
          this.#tensors[parameter]!.view,
        ]),
      ),
      epsilon: scaling.epsilon,
    }
    const fused = { scaled, addend: addend === null ? null : this.#tensors[addend]!.view, activation }
    this.#steps.push(...stepsOf(plannerOf(first).forward({ ...this.#context(first), fused })))
  }

  #backward(layer: ResolvedLayer): void {
    // Nobody needs its gradient: neither it nor any layer before it is trained
    if (!this.#behindParameters.has(layer.layer.name)) return
    this.#steps.push(...stepsOf(plannerOf(layer).backward(this.#context(layer))))
    for (const { tensor, view } of this.#unadded) this.#addGradient(tensor, view)
    for (const { tensor, view } of this.#passed) this.#passGradient(tensor, view)
    this.#unadded = []
    this.#passed = []
  }

  /** Shares of gradients that are in tensors of their own until their layer's steps are planned. */
  #unadded: { readonly tensor: string; readonly view: View }[] = []
  /** The same for gradients that are passed on. */
  #passed: { readonly tensor: string; readonly view: View }[] = []

  #addGradient(tensor: string, part: View): void {
    const sofar = this.#gradients.get(tensor)
    if (!sofar) {
      this.#gradients.set(tensor, { view: part, isOwn: true })
      return
    }
    // In place, in the one that nobody else reads.
    const [sum, other] = sofar.isOwn ? [sofar.view, part] : [part, sofar.view]
    this.#steps.push({
      kind: 'sum-gradients',
      layer: tensor,
      pass: 'backward',
      reads: { sum, other },
      writes: { sum },
      options: {},
    })
    this.#gradients.set(tensor, { view: sum, isOwn: true })
  }

  #passGradient(tensor: string, view: View): void {
    const sofar = this.#gradients.get(tensor)
    if (!sofar) this.#gradients.set(tensor, { view, isOwn: false })
    else if (sofar.isOwn) this.#addGradient(tensor, view)
    else this.#addBoth(tensor, sofar.view, view)
  }

  /** Both must stay as they are, and may even be the same tensor, so their sum is a new tensor. */
  #addBoth(tensor: string, one: View, other: View): void {
    const sum = this.#newGradient(tensor)
    for (const [i, part] of [one, other].entries()) {
      this.#steps.push({
        kind: 'sum-gradients',
        layer: tensor,
        pass: 'backward',
        reads: { ...(i > 0 && { sum }), other: part },
        writes: { sum },
        options: {},
      })
    }
    this.#gradients.set(tensor, { view: sum, isOwn: true })
  }

  #newGradient(tensor: string): View {
    const maker = this.#makers.get(tensor)!
    const isAsked = maker.inputs.some((input) => this.#behindParameters.has(input))
    const halo = (isAsked && plannerOf(maker).gradientHalo?.(maker, maker.layer.options)) || NO_HALO
    return this.#allocate(`${tensor}.gradient`, maker.outputShape, { halo })
  }

  readonly #viewOf = (tensor: string): View => this.#remade.get(tensor) ?? this.#tensors[tensor]!.view

  #context(layer: ResolvedLayer): PlanContext<LayerKind> {
    const { name } = layer.layer
    const inputNamed = (index: number): string | null => {
      const input = layer.inputs[index]!
      return this.#behindParameters.has(input) ? input : null
    }
    return {
      layer,
      name,
      options: layer.layer.options,
      input: this.#viewOf(layer.inputs[0]!),
      inputs: layer.inputs.map((name) => this.#viewOf(name)),
      output: this.#viewOf(name),
      isTrained: this.#pass !== 'forward' && this.#isTrained(layer),
      isUpdated: this.#pass === 'train' && !this.#frozen.has(name),
      isRemade: false,
      hasBackward: this.#pass !== 'forward' && this.#behindParameters.has(name),
      parameter: (own) => this.#tensors[`${name}/${own}`]!.view,
      parameterGradient: (own) => this.#tensors[`${name}/${own}.gradient`]!.view,
      outputGradient: () => this.#gradients.get(name)!.view,
      ...(Object.hasOwn(this.#tensors, TURN_TENSOR) && { turn: this.#tensors[TURN_TENSOR]!.view }),
      inputGradient: (index = 0) => {
        const tensor = inputNamed(index)
        if (tensor === null) return null
        const view = this.#newGradient(tensor)
        this.#unadded.push({ tensor, view })
        return view
      },
      addedGradient: (index = 0) => {
        const tensor = inputNamed(index)
        if (tensor === null) return null
        const sofar = this.#gradients.get(tensor)
        if (sofar?.isOwn) return { view: sofar.view, adds: true }
        const view = this.#newGradient(tensor)
        if (sofar) this.#unadded.push({ tensor, view })
        else this.#gradients.set(tensor, { view, isOwn: true })
        return { view, adds: false }
      },
      passGradient: (index, gradient) => {
        const tensor = inputNamed(index)
        if (tensor !== null) this.#passed.push({ tensor, view: gradient })
      },
      between: (own, halo) => {
        const made = this.#between.get(name) ?? new Map<string, View>()
        const view = made.get(own) ?? this.#allocate(`${name}/${own}`, layer.outputShape, { halo })
        this.#between.set(name, made.set(own, view))
        return view
      },
      prepared: (own, like) => {
        const view = this.#allocate(`${name}/${own}`, like.shape.slice(1), { batch: 1 })
        this.#lasting.add(view.buffer)
        return view
      },
      ofBatch: (own, length) => {
        const tensor = `${name}/${own}`
        return this.#tensors[tensor]?.view ?? this.#few(tensor, 'activation', length)
      },
    }
  }

  /**
   * The tensors that some loss depends on. Throws NetworkError if a layer that is trained is not among them, or if
   * there is no loss. Others, such as a softmax beside its loss, are only computed.
   */
  #neededByLosses(): ReadonlySet<string> {
    const needed = new Set<string>()
    for (const layer of this.#layers.toReversed()) {
      if (layer.isLoss || needed.has(layer.layer.name)) for (const input of layer.inputs) needed.add(input)
    }
    const lacking = this.#layers
      .toReversed()
      .find((layer) => !layer.isLoss && !needed.has(layer.layer.name) && this.#isTrained(layer))
    const last = needed.size === 0 ? this.#layers.at(-1) : lacking
    if (!last) return needed
    throw new NetworkError(
      `${this.#network.name}: forward-backward needs a loss, and none depends on '${last.layer.name}'`,
    )
  }

  /** Whether in this pass the layer's output is the same tensor as its input: one view, no step. */
  #isOff(layer: ResolvedLayer): boolean {
    return this.#pass === 'forward' && (definitionOf(layer.layer).isOffInForward ?? false)
  }

  /** The layers that read a tensor in this pass, by its own name or by that of a layer that is off. */
  #readersOf(tensor: string): ResolvedLayer[] {
    return (this.#readers.get(tensor) ?? []).flatMap((layer) =>
      this.#isOff(layer) ? this.#readersOf(layer.layer.name) : [layer],
    )
  }

  #haloFor(tensor: string): Halo {
    return this.#readersOf(tensor)
      .map((layer) => plannerOf(layer).inputHalo?.(layer, layer.layer.options) ?? NO_HALO)
      .reduce(widest, NO_HALO)
  }

  #allocate(
    tensor: string,
    shape: Shape,
    options: { halo?: Halo; batch?: number; anyPitch?: boolean } = {},
  ): View {
    const { halo = NO_HALO, batch = this.#batch, anyPitch = false } = options
    const channelMultiple = anyPitch ? 1 : this.#lanes
    const { view, length } = layOut(tensor, this.#buffers.length, batch, shape, { halo, channelMultiple })
    this.#buffers.push({ name: tensor, length, firstStep: AFTER_ALL, lastStep: BEFORE_ALL })
    return view
  }

  #lifetimes(): Buffer[] {
    this.#steps.forEach((step, index) => {
      for (const view of [...readsOf(step), ...writesOf(step)]) {
        const buffer = this.#buffers[view.buffer]!
        buffer.firstStep = Math.min(buffer.firstStep, index)
        buffer.lastStep = Math.max(buffer.lastStep, index)
      }
    })
    for (const { role, view, isKept } of Object.values(this.#tensors)) {
      const buffer = this.#buffers[view.buffer]!
      // What the caller writes must last from run to run.
      if (isWritable(role)) buffer.firstStep = BEFORE_ALL
      if (isKept) buffer.lastStep = AFTER_ALL
    }
    for (const id of this.#lasting)
      Object.assign(this.#buffers[id]!, { firstStep: BEFORE_ALL, lastStep: AFTER_ALL })
    return this.#buffers.map((buffer, id) => ({ id, ...buffer }))
  }
}
