// The inputs of `run`: from a file's tensors to the network that takes them, its batch and the values of its inputs.
import { FormatError } from '../errors.ts'
import { formatSizes } from '../formats/onnx/import/sizes.ts'
import type { ImageSize } from '../formats/onnx-import.ts'
import { requireTensors, type StoredTensor } from '../formats/safetensors.ts'
import { labelClasses } from '../networks/network.ts'
import { formatShape } from '../tensor.ts'
import { batchIn, type FileLayout, type FileTensor, fileShape, fileTensor, fromFile } from './file-layout.ts'
import { isFile, type NetworkSource, openNetworkSource, withImageSize } from './network-source.ts'

const IMAGES = 'images'

/** A file of inputs, and how it was read. */
export interface InputsFile {
  readonly path: string
  readonly tensors: ReadonlyMap<string, StoredTensor>
  /** Of its images; undefined: a network's file has its own, and all others have their channels last. */
  readonly layout: FileLayout | undefined
}

interface NetworkOptions {
  readonly imageSize?: ImageSize
  readonly outputs?: readonly string[]
  readonly weights?: string
}

/** The values of the network's inputs, by its own names and in its own order. */
export interface RunInputs {
  readonly batch: number
  readonly inputs: Readonly<Record<string, Float32Array>>
}

/** Throws FormatError if an input is missing or has another shape. `needsLabels`: for the pass backward. */
export function inputsFor(
  { network, notes }: NetworkSource,
  { path, tensors, layout }: InputsFile,
  { needsLabels }: { readonly needsLabels: boolean },
): RunInputs {
  // The pass forward does not use labels, but a file may contain them.
  const labels = Object.keys(labelClasses(network))
  const noteOf = (tensor: string) => notes?.inputs.find((note) => note.tensor === tensor) ?? null
  const expected = Object.keys(network.inputs)
    .filter((name) => needsLabels || tensors.has(name) || !labels.includes(name))
    .map((name) => fileTensor(network, name, noteOf(name), layout))
  const batch = batchOf(path, expected[0]!, tensors)
  const given = requireTensors(
    path,
    tensors,
    Object.fromEntries(expected.map((each) => [each.name, fileShape(each, batch)])),
    labels,
    expected.map(({ name }) => name),
  )
  const inputs = expected.map((each) => [each.tensor, fromFile(each, given[each.name]!)] as const)
  return { batch, inputs: Object.fromEntries(inputs) }
}

/** The network for these inputs: for a named network, and where a file leaves it open, the size is that of its images. */
export async function openFor(
  text: string,
  input: InputsFile,
  { imageSize, outputs, weights }: NetworkOptions,
): Promise<NetworkSource> {
  const { layout } = input
  const ownSize = () => extentsOf(input, IMAGES, layout ?? 'nhwc', { isSquare: true })[0]
  if (!(await isFile(text)))
    return openNetworkSource(text, { imageSize: imageSize ?? ownSize(), outputs, weights })
  try {
    const source = await openNetworkSource(text, { imageSize, outputs, weights })
    return source.kind === 'weights' && imageSize === undefined
      ? await withImageSize(source, ownSize())
      : source
  } catch (error) {
    const { OpenSizeError } = await import('../formats/onnx-import.ts')
    const { cause } = error as Error
    if (!(cause instanceof OpenSizeError)) throw error
    const { name, layout: own } = cause.input
    const size = extentsOf(input, name, layout ?? own)
    return openNetworkSource(text, { imageSize: size, outputs, weights })
  }
}

/** Height and width of the images in a file. */
function extentsOf(
  { path, tensors }: InputsFile,
  name: string,
  layout: FileLayout,
  { isSquare = false }: { readonly isSquare?: boolean } = {},
): readonly [height: number, width: number] {
  const tensor = tensors.get(name)
  if (!tensor) throw new FormatError(`${path}: ${name}: it is missing`)
  const [, first = 0, second = 0, third = 0] = tensor.shape
  const [height, width] = layout === 'nhwc' ? [first, second] : [second, third]
  const isOne = tensor.shape.length === 4 && height > 0 && width > 0 && (height === width || !isSquare)
  if (isOne) return [height, width]
  const size = isSquare ? 'size, size' : 'height, width'
  const axes = layout === 'nhwc' ? `${size}, channels` : `channels, ${size}`
  throw new FormatError(
    `${path}: ${name}: its shape is ${formatShape(tensor.shape)}; (batch, ${axes}) is expected`,
  )
}

/** How many images the file has. Throws FormatError, with the shape that is expected, if the input has another. */
function batchOf(file: string, input: FileTensor, tensors: ReadonlyMap<string, StoredTensor>): number {
  const { name, sizes } = input
  const tensor = tensors.get(name)
  if (!tensor)
    throw new FormatError(`${file}: ${name}: it is missing; the file has ${[...tensors.keys()].join(', ')}`)
  const batch = batchIn(input, tensor.shape)
  if (batch !== null) return batch
  throw new FormatError(
    `${file}: ${name}: its shape is ${formatShape(tensor.shape)}, but ${formatSizes(sizes)} is expected, N images`,
  )
}
