// How a network's tensors lie in the files of `run`: by the names and in the order of an ONNX file, or by the network's own names
// and channels last; --layout says otherwise for images.

import { isNumber, type Size } from '../formats/onnx/import/sizes.ts'
import type { OnnxTensorNote } from '../formats/onnx-import.ts'
import { type Network, shapeOf } from '../networks/network.ts'
import { asImageShape, type Shape, transposedImages } from '../tensor.ts'

export const FILE_LAYOUTS = ['nchw', 'nhwc'] as const
export type FileLayout = (typeof FILE_LAYOUTS)[number]

export interface FileTensor {
  /** In the file. */
  readonly name: string
  /** In the network. */
  readonly tensor: string
  /** In the file. */
  readonly sizes: readonly Size[]
  /** (H, W, C) in the network. */
  readonly image: Shape
  /** Whether the file has an image's channels before its pixels. */
  readonly isChannelsFirst: boolean
}

/** `note`: what the import says of it; null for a tensor that has the network's own name and order in the file. */
export function fileTensor(
  network: Network,
  tensor: string,
  note: OnnxTensorNote | null,
  layout: FileLayout | undefined,
): FileTensor {
  const shape = shapeOf(network, tensor)
  const image = asImageShape(shape)
  const sizes = note?.sizes ?? [{ batches: 1 }, ...shape]
  const orders = { nchw: inOrder('nchw', sizes.length, image), nhwc: inOrder('nhwc', sizes.length, image) }
  const [, ...extents] = sizes
  const isIn = (order: FileLayout) => orders[order]?.every((extent, i) => extent === extents[i]) ?? false
  const own = ownLayout(note, isIn)
  const asked = isIn(own) ? (layout ?? own) : own
  return {
    name: note?.name ?? tensor,
    tensor,
    sizes: asked === own ? sizes : [sizes[0]!, ...orders[asked]!],
    image,
    isChannelsFirst: asked === 'nchw',
  }
}

/** The extents of an image of this rank, batch included, after the batch; null if it can't have the rank. */
function inOrder(layout: FileLayout, rank: number, [height = 1, width = 1, channels = 1]: Shape) {
  const pixels = rank === 4 ? [height, width] : rank === 3 ? [height * width] : null
  return pixels && (layout === 'nchw' ? [channels, ...pixels] : [...pixels, channels])
}

function ownLayout(note: OnnxTensorNote | null, isIn: (order: FileLayout) => boolean): FileLayout {
  if (!note) return 'nhwc'
  if (note.layout !== null) return note.layout === 'NCHW' ? 'nchw' : 'nhwc'
  return isIn('nhwc') && !isIn('nchw') ? 'nhwc' : 'nchw'
}

/** With so many images. */
export const fileShape = ({ sizes }: FileTensor, batch: number): Shape =>
  sizes.map((size) => (isNumber(size) ? size : size.batches * batch))

/** How many images a tensor of this shape has; null if it has another shape. */
export function batchIn({ sizes }: FileTensor, shape: Shape): number | null {
  const at = sizes.findIndex((size) => !isNumber(size))
  const size = sizes[at]
  if (shape.length !== sizes.length || size === undefined || isNumber(size)) return null
  const batch = shape[at]! / size.batches
  const isSame = sizes.every((each, i) => i === at || each === shape[i])
  return isSame && Number.isInteger(batch) && batch > 0 ? batch : null
}

/** A file's values in the network's order. */
export const fromFile = ({ isChannelsFirst, image }: FileTensor, values: Float32Array): Float32Array =>
  isChannelsFirst ? transposedImages(values, image[2]!, image[0]! * image[1]!) : values

/** The network's values in the file's order. */
export const toFile = ({ isChannelsFirst, image }: FileTensor, values: Float32Array): Float32Array =>
  isChannelsFirst ? transposedImages(values, image[0]! * image[1]!, image[2]!) : values
