// Axes that are moved, divided and joined, which mostly become no layer; and layers that move or repeat pixels.
import { depthToSpace, resize, spaceToDepth } from '../../../../layers/index.ts'
import { asImage, described, dividedAnew, rearranged, settle, unflattenedLast } from '../layout.ts'
import { shortest } from '../model.ts'
import { axisOf, type NodeContext, type OperatorImporter } from '../node-context.ts'
import { formatSizes, isNumber, over, product, Refusal, type Size, sameSize } from '../sizes.ts'
import { LAYOUTS, reshaped, sizesOf, type Value, valueIn } from '../views.ts'
import { commonSizes, expanded } from './meeting.ts'
import { importPad } from './padding.ts'

export const importIdentity: OperatorImporter = (node) => node.input(0)

function reshapedTo(node: NodeContext, value: Value, sizes: readonly Size[]): Value {
  const axes = reshaped(value.axes, sizes)
  if (axes) return { ...value, axes }
  const divided = dividedAnew(node, value, sizes)
  if (divided) return divided
  throw new Refusal(`there is no layer that turns ${described(value)} into ${formatSizes(sizes)}`)
}

/**
 * The shape that a Reshape gives a value: 0 keeps an extent, -1 is what is left. Where the file froze the batch, a
 * leading extent is the batch's or a multiple of it; a leading 1 is any batch.
 */
export function reshapeSizes(
  from: readonly Size[],
  wanted: readonly Size[],
  frozenBatch: number,
  keepsZeros: boolean,
): Size[] {
  const sizes = wanted.map((size, i) => (size === 0 && !keepsZeros ? (from[i] ?? 0) : size))
  const total = product(from)
  const lead = sizes[0]
  const open = sizes.indexOf(-1)
  const known = product(sizes.filter((_, i) => i !== open))
  if (!isNumber(total) && isNumber(known) && lead !== undefined && isNumber(lead) && open !== 0) {
    const isBatch = open < 0 ? sameSize(total, { batches: known / frozenBatch }) : lead === frozenBatch
    if (isBatch && lead % frozenBatch === 0) sizes[0] = { batches: lead / frozenBatch }
  }
  if (open < 0) return sizes
  const rest = over(total, product(sizes.filter((_, i) => i !== open)))
  if (rest === null) throw new Refusal(`${formatSizes(from)} can't become ${formatSizes(wanted)}`)
  sizes[open] = rest
  return sizes
}

/** The shape is an input from opset 5 on. */
export const importReshape: OperatorImporter = (node) => {
  const value = node.value()
  const keepsZeros = node.attributes.integer('allowzero', 0) === 1
  const sizes = reshapeSizes(sizesOf(value), node.sizes(1), node.frozenBatch, keepsZeros)
  const reshaped = reshapedTo(node, value, sizes)
  return unflattenedLast(node, reshaped) ?? rearranged(node, reshaped)
}

export const importFlatten: OperatorImporter = (node) => {
  const value = node.value()
  const rank = value.axes.length
  const given = node.attributes.integer('axis', 1)
  const axis = given === rank ? rank : axisOf(given, rank)
  const sizes = sizesOf(value)
  return reshapedTo(node, value, [product(sizes.slice(0, axis)), product(sizes.slice(axis))])
}

export const importTranspose: OperatorImporter = (node) => {
  const value = node.value()
  const order = node.attributes.integers('perm') ?? value.axes.map((_, i) => value.axes.length - 1 - i)
  return { ...value, axes: permutedAxes(value.axes, order) }
}

export function permutedAxes<Axis>(axes: readonly Axis[], order: readonly number[]): Axis[] {
  if (order.length !== axes.length || new Set(order).size !== axes.length)
    throw new Refusal(`its perm [${order}] does not order ${axes.length} axes`)
  return order.map((axis) => axes[axisOf(axis, axes.length)]!)
}

/** The axes that Squeeze removes: those given, or all of extent 1. */
export function squeezedAxes(node: NodeContext, sizes: readonly Size[]): readonly number[] {
  const given = node.integersOf('axes', 1)?.map((axis) => axisOf(axis, sizes.length))
  const axes = given ?? sizes.flatMap((size, axis) => (sameSize(size, 1) ? [axis] : []))
  for (const axis of axes)
    if (!sameSize(sizes[axis]!, 1)) throw new Refusal(`axis ${axis} of ${formatSizes(sizes)} is not 1`)
  return axes
}

export const importSqueeze: OperatorImporter = (node) => {
  const value = node.value()
  const removed = squeezedAxes(node, sizesOf(value))
  return { ...value, axes: value.axes.filter((_, axis) => !removed.includes(axis)) }
}

/** The sizes, with 1 at the axes that Unsqueeze adds, as the result counts them. */
export function unsqueezed<Axis>(node: NodeContext, axes: readonly Axis[], one: Axis): Axis[] {
  const given = node.integersOf('axes', 1)
  if (!given) throw new Refusal('it has no axes')
  const rank = axes.length + given.length
  const added = new Set(given.map((axis) => axisOf(axis, rank)))
  if (added.size !== given.length) throw new Refusal(`its axes [${given}] name one twice`)
  const rest = [...axes]
  return Array.from({ length: rank }, (_, axis) => (added.has(axis) ? one : rest.shift()!))
}

export const importUnsqueeze: OperatorImporter = (node) => {
  const value = node.value()
  return { ...value, axes: unsqueezed(node, value.axes, []) }
}

const importBlocks =
  (make: typeof depthToSpace | typeof spaceToDepth): OperatorImporter =>
  (node) => {
    const value = asImage(node, node.value())
    const mode = node.attributes.text('mode', 'DCR')
    if (mode !== 'DCR' && mode !== 'CRD') throw new Refusal(`its mode is '${mode}'`)
    const blockSize = node.attributes.integer('blocksize', 0)
    const made = node.layer([value], (name, inputs) => make(name, { blockSize, mode, ...inputs }))
    return valueIn(made.tensor, made.shape, LAYOUTS[value.axes.length]!)
  }

const COORDINATES: Readonly<Record<string, 'half_pixel' | 'asymmetric' | 'align_corners'>> = {
  half_pixel: 'half_pixel',
  asymmetric: 'asymmetric',
  align_corners: 'align_corners',
}
const ROUNDINGS = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'] as const

/** Upsample, and Resize of opset 10: scales, and coordinates asymmetric. Resize from 11 on: a region, scales or sizes. */
const importResize: OperatorImporter = (node) => {
  const value = asImage(node, node.value())
  const { attributes } = node
  const isOld = node.node.operator === 'Upsample' || node.opset < 11
  if (attributes.integer('antialias', 0) === 1) throw new Refusal('it smooths before it reduces (antialias)')
  const modeName = attributes.text('mode', 'nearest')
  const mode = (['nearest', 'linear'] as const).find((each) => each === modeName)
  if (!mode) throw new Refusal(`its mode is '${modeName}'`)
  const scaleIndex = isOld ? 1 : 2
  const from = sizesOf(value)
  const rank = from.length
  const axes = attributes.integers('axes')?.map((axis) => axisOf(axis, rank)) ?? from.map((_, i) => i)
  // A scale of 0.6 is not exactly 0.6 in float32, and the pixel that is the nearest may depend on that.
  const storedScales = attributes.floats('scales') ?? (node.has(scaleIndex) ? node.numbers(scaleIndex) : [])
  const givenScales = storedScales.map(shortest)
  const givenSizes = givenScales.length === 0 && node.has(3) ? node.sizes(3) : null
  const count = (givenSizes ?? givenScales).length
  if (count !== axes.length) throw new Refusal(`it has ${count} scales or sizes for ${axes.length} axes`)
  // Axes that are not named stay as they are.
  const ofAll = <T>(given: readonly T[], other: (axis: number) => T): T[] =>
    from.map((_, axis) => (axes.includes(axis) ? given[axes.indexOf(axis)]! : other(axis)))
  const scales = ofAll(givenScales, () => 1)
  const policy = attributes.text('keep_aspect_ratio_policy', 'stretch')
  const sizes =
    givenSizes &&
    proportional(
      policy,
      ofAll(givenSizes, (axis) => from[axis]!),
      from,
      axes,
    )
  const keeps = sizes
    ? [0, 1].every(
        (axis) => sameSize(sizes[axis]!, from[axis]!) || (axis === 0 && sizes[0] === node.frozenBatch),
      )
    : scales[0] === 1 && scales[1] === 1
  if (!keeps) throw new Refusal('it changes other axes than rows and columns')
  const image = <T>(values: readonly T[], one: T): readonly [T, T] =>
    rank === 3 ? [one, values[2]!] : [values[2]!, values[3]!]
  const extents = sizes
    ? image(sizes, 1).map((size) => {
        if (isNumber(size)) return size
        throw new Refusal('its sizes depend on the batch')
      })
    : null
  const to = extents
    ? { size: [extents[0]!, extents[1]!] as const }
    : { scale: image(scales, 1) as readonly [number, number] }
  const coordinates = coordinatesOf(
    isOld ? 'asymmetric' : attributes.text('coordinate_transformation_mode', 'half_pixel'),
    extents ?? image(from as number[], 1).map((extent, i) => Math.floor(extent * image(scales, 1)[i]!)),
  )
  const roundingName = isOld
    ? oldRounding(node, image(scales, 1))
    : attributes.text('nearest_mode', 'round_prefer_floor')
  const rounding = ROUNDINGS.find((each) => each === roundingName)
  if (mode === 'nearest' && !rounding) throw new Refusal(`its nearest_mode is '${roundingName}'`)
  const options = {
    ...to,
    mode,
    coordinates,
    ...(mode === 'nearest' && rounding ? { rounding } : {}),
  } as const
  const made = node.layer([value], (name, inputs) => resize(name, { ...options, ...inputs }))
  return valueIn(made.tensor, made.shape, LAYOUTS[rank]!)
}

/** Upsample rounds down. So does Resize of opset 10 where it enlarges; where it reduces, it rounds up. */
function oldRounding({ node }: NodeContext, scales: readonly number[]): string {
  if (node.operator === 'Upsample' || scales.every((scale) => scale >= 1)) return 'floor'
  if (scales.some((scale) => scale > 1))
    throw new Refusal('it enlarges one axis and reduces the other, by the rounding of opset 10')
  return 'ceil'
}

/** The sizes, or those nearest to them, none larger or none smaller, with which the axes keep their proportion. */
function proportional(
  policy: string,
  sizes: readonly Size[],
  from: readonly Size[],
  axes: readonly number[],
): readonly Size[] {
  if (policy === 'stretch') return sizes
  const ratios = axes.map((axis) => {
    const [size, extent] = [sizes[axis]!, from[axis]!]
    if (isNumber(size) && isNumber(extent)) return size / extent
    throw new Refusal('it keeps the proportion of the images to the batch')
  })
  const scale =
    policy === 'not_larger' ? Math.min(...ratios) : policy === 'not_smaller' ? Math.max(...ratios) : null
  if (scale === null) throw new Refusal(`its keep_aspect_ratio_policy is '${policy}'`)
  return sizes.map((size, axis) => {
    if (!axes.includes(axis)) return size
    const extent = scale * (from[axis] as number)
    if (Math.abs(extent - Math.round(extent)) < 1e-6) return Math.round(extent)
    throw new Refusal(
      `it keeps the proportion of the images, but ${formatSizes(from)} times ${scale} is no size`,
    )
  })
}

/** PyTorch's half-pixel mode differs from ONNX's only where an image becomes one pixel wide or high. */
function coordinatesOf(name: string, extents: readonly number[]) {
  const isPytorch = name === 'pytorch_half_pixel' && extents.every((extent) => extent > 1)
  const coordinates = COORDINATES[isPytorch ? 'half_pixel' : name]
  if (coordinates && Object.hasOwn(COORDINATES, coordinates)) return coordinates
  throw new Refusal(`its coordinate_transformation_mode is '${name}'`)
}

/** A value that is repeated along axes; the shape may also have extents of 1 where the value has more. */
const importExpand: OperatorImporter = (node) => {
  const value = settle(node, node.value())
  const sizes = node.sizes(1).map((size, i, all): Size => {
    const isBatch = size === node.frozenBatch && i === 0 && all.length === value.axes.length
    return isBatch ? sizesOf(value)[0]! : size
  })
  return expanded(node, value, commonSizes(sizesOf(value), sizes))
}

/** Floats of other precisions are float32 here, and so are images of bytes. */
const importCast: OperatorImporter = (node) => node.value()

export const moveImporters: Readonly<Record<string, OperatorImporter>> = {
  Identity: importIdentity,
  Cast: importCast,
  Reshape: importReshape,
  Flatten: importFlatten,
  Transpose: importTranspose,
  Squeeze: importSqueeze,
  Unsqueeze: importUnsqueeze,
  DepthToSpace: importBlocks(depthToSpace),
  SpaceToDepth: importBlocks(spaceToDepth),
  Expand: importExpand,
  Pad: importPad,
  Resize: importResize,
  Upsample: importResize,
}
