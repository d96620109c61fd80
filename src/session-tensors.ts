// How the caller of a session sees its tensors: by which names, and in which order of their values.
import { must, type Rule, recordOf, someText } from './check-options.ts'
import type { TensorView } from './engines/engine.ts'
import { UsageError, unknownName } from './errors.ts'
import { type Network, parametersOf } from './networks/network.ts'
import type { Keep } from './plan/plan.ts'
import { elementCount, type Shape, transposedImages } from './tensor.ts'

/** The order of a batch of images in memory: channels last, (N, H, W, C), or first, (N, C, H, W). */
export type Layout = 'nhwc' | 'nchw'
export const LAYOUTS: readonly Layout[] = ['nhwc', 'nchw']

/** One layout for all images and activations, or one for each that is named; the others are then 'nhwc'. */
export type Layouts = Layout | Readonly<Record<string, Layout>>

/** Other names of tensors: the name that the caller uses, and the network's. */
export type OtherNames = Readonly<Record<string, string>>

const layoutRule = must((value: Layout) => LAYOUTS.includes(value), "'nhwc' or 'nchw'")

export const layoutsRule: Rule = {
  fault: (value, name) =>
    (typeof value === 'object' ? recordOf(layoutRule, 'an object of layouts by tensor') : layoutRule).fault(
      value,
      name,
    ),
}
export const namesRule: Rule = recordOf(someText, "an object of the network's names by other names")

/** The names and the layouts of a session's tensors for its caller. */
export class SessionTensors {
  readonly #names: ReadonlyMap<string, string>
  readonly #layouts: Layout | ReadonlyMap<string, Layout>

  /** Throws UsageError for a name that no tensor has, and for another name that is also a different tensor's own. */
  constructor(network: Network, names: OtherNames, layouts: Layouts) {
    const parameters = Object.keys(parametersOf(network))
    const layers = network.layers.map(({ layer }) => layer.name)
    const known = new Set([...Object.keys(network.inputs), ...layers, ...parameters])
    const require = (what: string, tensor: string) => {
      if (!known.has(tensor)) throw new UsageError(`${what}: ${unknownName('tensor', tensor, [...known])}`)
    }
    for (const [name, tensor] of Object.entries(names)) {
      require(`names: '${name}'`, tensor)
      if (name !== tensor && known.has(name))
        throw new UsageError(`names: '${name}' is a tensor of ${network.name}, and can't be '${tensor}' too`)
    }
    this.#names = new Map(Object.entries(names))
    if (typeof layouts === 'string') {
      this.#layouts = layouts
      return
    }
    const entries = Object.entries(layouts).map(([name, layout]) => [this.ownName(name), layout] as const)
    for (const [tensor] of entries) require('layout', tensor)
    this.#layouts = new Map(entries)
  }

  /** The network's name of the tensor that the caller calls so. */
  ownName(name: string): string {
    return this.#names.get(name) ?? name
  }

  ownNames(keep: Keep | undefined): Keep | undefined {
    return typeof keep === 'object' ? keep.map((name) => this.ownName(name)) : keep
  }

  get otherNames(): readonly string[] {
    return [...this.#names.keys()]
  }

  /** Whether the caller has this tensor of four axes, (N, H, W, C), with its channels first. `tensor` is the network's name. */
  isChannelsFirst(tensor: string, role: string, shape: Shape): boolean {
    const isImages = (role === 'input' || role === 'activation') && shape.length === 4
    if (!isImages) return false
    const layout = typeof this.#layouts === 'string' ? this.#layouts : this.#layouts.get(tensor)
    return layout === 'nchw'
  }
}

/** (N, H, W, C) in the order (N, C, H, W). */
export const channelsFirst = (axes: readonly number[]): readonly number[] => [
  axes[0]!,
  axes[3]!,
  axes[1]!,
  axes[2]!,
]

/** (N, H, W, C) as (N, C, H, W), in the same memory. */
export const channelsFirstView = ({ data, offset, shape, strides }: TensorView): TensorView => ({
  data,
  offset,
  shape: channelsFirst(shape),
  strides: channelsFirst(strides),
})

/** Values (N, C, H, W) in the order (N, H, W, C); `shape` is (N, H, W, C). */
export const toChannelsLast = (
  values: Float32Array,
  [, height = 1, width = 1, channels = 1]: Shape,
): Float32Array => transposedImages(values, channels, height * width)

/** A dense copy of a view's values, in the order of its axes. */
export function denseCopy({ data, offset, shape, strides }: TensorView): Float32Array {
  const copy = new Float32Array(elementCount(shape))
  const last = shape.length - 1
  let to = 0
  const walk = (axis: number, from: number): void => {
    const [extent, stride] = [shape[axis] ?? 1, strides[axis] ?? 1]
    if (axis < last) for (let i = 0; i < extent; i++) walk(axis + 1, from + i * stride)
    else if (stride === 1) {
      copy.set(data.subarray(from, from + extent), to)
      to += extent
    } else for (let i = 0; i < extent; i++) copy[to++] = data[from + i * stride]!
  }
  walk(0, offset)
  return copy
}
