// Convolutions and poolings.
import { averagePool, concat, conv, convTranspose, maxPool, slice } from '../../../../layers/index.ts'
import type { MakeLayer } from '../builder.ts'
import type { Constant } from '../constants.ts'
import { asImage } from '../layout.ts'
import type { NodeContext, OperatorImporter } from '../node-context.ts'
import { Refusal } from '../sizes.ts'
import { LAYOUTS, type Value, valueIn } from '../views.ts'
import { copied, transposed } from '../weights.ts'

/** Pairs are (height, width); of a signal the height is 1. */
type Pair = readonly [number, number]

interface Window {
  readonly kernel: Pair
  readonly stride: Pair
  readonly dilation: Pair
  readonly padding: Readonly<Record<'top' | 'bottom' | 'left' | 'right', number>>
}

/** A node's window over an image; `kernel` is for a node that does not say it. */
function windowOf({ attributes }: NodeContext, { axes, shape }: Value, kernel?: readonly number[]): Window {
  const rank = axes.length - 2
  const pairOf = (values: readonly number[] | undefined, otherwise: number): Pair => {
    if (values === undefined) return [otherwise, otherwise]
    if (values.length !== rank) throw new Refusal(`its window has ${values.length} axes, its input ${rank}`)
    return rank === 1 ? [1, values[0]!] : [values[0]!, values[1]!]
  }
  const given = attributes.integers('kernel_shape') ?? kernel
  if (!given) throw new Refusal('it has no kernel_shape')
  const whole = pairOf(given, 1)
  // A signal's one row has a stride and a dilation of 1, too.
  const stride = pairOf(attributes.integers('strides'), 1)
  const dilation = pairOf(attributes.integers('dilations'), 1)
  const sides = paddingOf(attributes.text('auto_pad', 'NOTSET'), attributes.integers('pads'), rank, (i) => {
    const [input, taps, step] = [shape[i]!, whole[i]!, stride[i]!]
    const reach = (taps - 1) * dilation[i]! + 1
    return Math.max((Math.ceil(input / step) - 1) * step + reach - input, 0)
  })
  return { kernel: whole, stride, dilation, padding: sides }
}

/** `totalOf` is the padding along an axis with which there are as many windows as strides fit into the image. */
function paddingOf(
  auto: string,
  pads: readonly number[] | undefined,
  rank: number,
  totalOf: (axis: 0 | 1) => number,
): Window['padding'] {
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
    const along = (axis: 0 | 1) => {
      const total = totalOf(axis)
      const less = total >> 1
      return auto === 'SAME_UPPER' ? [less, total - less] : [total - less, less]
    }
    const [[top, bottom], [left, right]] = [along(0), along(1)]
    return { top: top!, bottom: bottom!, left: left!, right: right! }
  }
  if (auto !== 'NOTSET' && auto !== 'VALID' && auto !== '') throw new Refusal(`its auto_pad is '${auto}'`)
  const given = auto === 'VALID' ? [] : (pads ?? [])
  if (given.length !== 0 && given.length !== 2 * rank)
    throw new Refusal(`it has ${given.length} pads, not ${2 * rank}`)
  const at = (i: number) => given[i] ?? 0
  if (rank === 1) return { top: 0, bottom: 0, left: at(0), right: at(1) }
  return { top: at(0), left: at(1), bottom: at(2), right: at(3) }
}

const imageValue = (made: { tensor: string; shape: readonly number[] }, { axes }: Value): Value =>
  valueIn(made.tensor, made.shape, LAYOUTS[axes.length]!)

/** Weights (F, C / groups, KH, KW) or (F, C / groups, K); biases (F). */
export const importConv: OperatorImporter = (node) => {
  const input = asImage(node, node.value())
  const { dims } = node.constant(1)
  if (dims.length !== input.axes.length) throw new Refusal(`its weights have ${dims.length} axes`)
  const [filters, channels, ...kernel] = dims as [number, number, ...number[]]
  const window = windowOf(node, input, kernel)
  const [kernelHeight, kernelWidth] = window.kernel
  const groups = node.attributes.integer('group', 1)
  if (kernelHeight * kernelWidth * channels * filters !== dims.reduce((count, extent) => count * extent, 1))
    throw new Refusal(`its kernel_shape is not that of its weights [${dims}]`)
  const weights = kernelsFirst(node.constant(1), filters, channels, kernelHeight * kernelWidth)
  const biases = node.has(2) ? copied(node.constant(2)) : undefined
  const others = { ...(groups === 1 ? {} : { groups }), ...(biases ? {} : { biases: false }) }
  const made = node.layer(
    [input],
    (name, inputs) => conv(name, { filters, ...window, ...others, ...inputs }),
    { weights, ...(biases && { biases }) },
  )
  return imageValue(made, input)
}

/** Weights (A, B, kernel) as (kernel, B, A). */
const kernelsFirst = (weights: Constant, a: number, b: number, kernel: number): Float32Array =>
  transposed(weights, a, b * kernel, (column) => (column % kernel) * b + Math.floor(column / kernel))

/** Weights (C, F, KH, KW), which are (KH, KW, F, C) here; biases (F). */
export const importConvTranspose: OperatorImporter = (node) => {
  const input = asImage(node, node.value())
  const { attributes } = node
  const { dims } = node.constant(1)
  if (dims.length !== input.axes.length) throw new Refusal(`its weights have ${dims.length} axes`)
  const [channels, filters, ...kernel] = dims as [number, number, ...number[]]
  const rank = kernel.length
  const [kernelHeight, kernelWidth] = rank === 1 ? [1, kernel[0]!] : [kernel[0]!, kernel[1]!]
  const pairOf = (values: readonly number[] | undefined, otherwise: number): Pair => {
    if (values && values.length !== rank)
      throw new Refusal(`its window has ${values.length} axes, not ${rank}`)
    if (rank === 1) return [1, values?.[0] ?? otherwise]
    return [values?.[0] ?? otherwise, values?.[1] ?? otherwise]
  }
  const given = attributes.integers('kernel_shape')
  if (given && given.join() !== kernel.join())
    throw new Refusal(`its kernel_shape is not that of its weights [${dims}]`)
  const stride = pairOf(attributes.integers('strides'), 1)
  const dilation = pairOf(attributes.integers('dilations'), 1)
  const [extraRows, extraColumns] = pairOf(attributes.integers('output_padding'), 0)
  const extra: Pair = [rank === 1 ? 0 : extraRows, extraColumns]
  const auto = attributes.text('auto_pad', 'NOTSET')
  const wanted = attributes.integers('output_shape')
  const outputs = wanted ? pairOf(wanted.slice(-rank), 1) : null
  // Of an axis, if its output's extent is given: what is cut off before and after, and what is added.
  const along = (axis: 0 | 1) => {
    const reach = ([kernelHeight, kernelWidth][axis]! - 1) * dilation[axis]! + 1
    const whole = (input.shape[axis]! - 1) * stride[axis]! + reach + extra[axis]!
    const output = outputs?.[axis] ?? input.shape[axis]! * stride[axis]!
    const total = Math.max(whole - output, 0)
    const [less, more] = [total >> 1, total - (total >> 1)]
    const [before, after] = auto === 'SAME_UPPER' ? [less, more] : [more, less]
    return { before, after, added: extra[axis]! + Math.max(output - whole, 0) }
  }
  const [rows, columns] = outputs || auto.startsWith('SAME') ? [along(0), along(1)] : []
  const padding =
    rows && columns
      ? { top: rows.before, bottom: rows.after, left: columns.before, right: columns.after }
      : paddingOf(auto, attributes.integers('pads'), rank, () => 0)
  const outputPadding: Pair = rows && columns ? [rows.added, columns.added] : extra
  const biases = node.has(2) ? copied(node.constant(2)) : undefined
  const groups = attributes.integer('group', 1)
  const share = channels / groups
  if (!Number.isInteger(share) || share < 1)
    throw new Refusal(`its ${groups} groups do not divide the ${channels} channels`)
  const weights = kernelsFirst(node.constant(1), channels, filters, kernelHeight * kernelWidth)
  const options = {
    filters,
    kernel: [kernelHeight, kernelWidth] as const,
    stride,
    dilation,
    padding,
    outputPadding,
    ...(biases ? {} : { biases: false }),
  }
  const make: MakeLayer = (name, inputs) => convTranspose(name, { ...options, ...inputs })
  if (groups === 1)
    return imageValue(node.layer([input], make, { weights, ...(biases && { biases }) }), input)
  // The layer has no groups, so each is a layer of its own, of a slice of the channels.
  const parts = node.parts(groups).map((group) => {
    const begin = group * share
    const own = node.layerBefore(`group${group + 1}/channels`, [input], (name, inputs) =>
      slice(name, { begin, end: begin + share, ...inputs }),
    )
    const parameters = {
      weights: Float32Array.from({ length: weights.length / groups }, (_, i) => {
        const [row, channel] = [Math.floor(i / share), i % share]
        return weights[row * channels + begin + channel]!
      }),
      ...(biases && { biases: biases.slice(group * filters, (group + 1) * filters) }),
    }
    return node.layer([own], make, parameters, `${node.node.outputs[0]}/group${group + 1}`)
  })
  return imageValue(
    node.layer(parts, (name, { inputs }) => concat(name, { inputs })),
    input,
  )
}

const ceilMode = ({ attributes }: NodeContext) =>
  attributes.integer('ceil_mode', 0) === 1 ? { ceilMode: true } : {}

export const importMaxPool: OperatorImporter = (node) => {
  const input = asImage(node, node.value())
  const { dilation, ...window } = windowOf(node, input)
  const isDilated = dilation.some((step) => step !== 1)
  const options = { ...window, ...(isDilated && { dilation }), ...ceilMode(node) }
  return imageValue(
    node.layer([input], (name, inputs) => maxPool(name, { ...options, ...inputs })),
    input,
  )
}

export const importAveragePool: OperatorImporter = (node) => {
  const input = asImage(node, node.value())
  const { dilation, ...window } = windowOf(node, input)
  if (dilation.some((step) => step !== 1)) throw new Refusal('it has a dilation')
  const countPadding = node.attributes.integer('count_include_pad', 0) === 1
  const options = { ...window, ...ceilMode(node), ...(countPadding ? { countPadding } : {}) }
  return imageValue(
    node.layer([input], (name, inputs) => averagePool(name, { ...options, ...inputs })),
    input,
  )
}

export const importGlobalPool =
  (make: typeof maxPool | typeof averagePool): OperatorImporter =>
  (node) => {
    const input = asImage(node, node.value())
    return imageValue(
      node.layer([input], (name, inputs) => make(name, { kernel: 'global', ...inputs })),
      input,
    )
  }
