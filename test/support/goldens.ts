import { readFileSync } from 'node:fs'
import { alexnet, type Network, parametersOf } from '../../src/networks/index.ts'
import { normal, truncatedNormal } from '../../src/random.ts'
import { elementCount, type Shape } from '../../src/tensor.ts'
import { relativeError } from './finite-differences.ts'

/** What PyTorch made of one tensor: the whole one's norm and maximum, and some of its values. */
export interface GoldenTensor {
  /** With the batch: (N, H, W, C); gradients as their parameter. */
  readonly shape: Shape
  readonly norm: number
  readonly maxAbs: number
  readonly positions: readonly number[]
  /** Of those positions, to 9 digits. */
  readonly values: readonly number[]
}

/** test/goldens/alexnet.json, as scripts/goldens.py writes it. */
interface GoldenFile {
  readonly weightSd: number
  readonly weightFactors: Readonly<Record<string, number>>
  readonly biasSd: number
  readonly imageSd: number
  readonly cases: Readonly<Record<GoldenName, GoldenFileCase>>
}

interface GoldenFileCase {
  readonly imageSize: number
  readonly batch: number
  readonly seed: number
  readonly float32GradientError: number
  readonly tensors: Readonly<Record<string, GoldenTensor>>
}

/** `small` for the plain loops (92 x 92), `full` for engines (224 x 224). */
export type GoldenName = 'small' | 'full'

export interface GoldenCase {
  readonly network: Network
  readonly batch: number
  /** (N, H, W, C) */
  readonly images: Float32Array
  /** By full name, scaled so that every layer acts. */
  readonly parameters: Readonly<Record<string, Float32Array>>
  /** The printed activations, `loss`, and every parameter's gradient as `conv1/weights.gradient`. */
  readonly expected: Readonly<Record<string, GoldenTensor>>
  /**
   * PyTorch's own float32 against float64, the worst gradient. The seed was chosen to make it small; still, an engine
   * that rounds otherwise may decide a ReLU or a maximum otherwise, and then miss the gradients by 1e-3 to 1e-2.
   */
  readonly float32GradientError: number
  /** The relative 2-norm error over the stored positions plus that of the whole tensor's norm. */
  compare(name: string, values: ArrayLike<number>): number
}

/** A case with the very weights and images that PyTorch had. */
export function goldenCase(name: GoldenName): GoldenCase {
  const path = new URL('../goldens/alexnet.json', import.meta.url)
  const file: GoldenFile = JSON.parse(readFileSync(path, 'utf8'))
  const { imageSize, batch, seed, float32GradientError, tensors } = file.cases[name]
  const network = alexnet({ imageSize })
  const parameters = Object.entries(parametersOf(network)).map(([tensor, { shape }]) => {
    const [layer, part] = tensor.split('/') as [string, string]
    const values = new Float32Array(elementCount(shape))
    if (part === 'biases') normal(values, { seed, tensor, sd: file.biasSd })
    else truncatedNormal(values, { seed, tensor, sd: file.weightSd * file.weightFactors[layer]! })
    return [tensor, values] as const
  })
  const images = new Float32Array(batch * elementCount(network.inputs.images!))
  normal(images, { seed, tensor: 'images', sd: file.imageSd })
  return {
    network,
    batch,
    images,
    parameters: Object.fromEntries(parameters),
    expected: tensors,
    float32GradientError,
    compare: (tensor, values) => goldenError(tensor, tensors[tensor], values),
  }
}

function goldenError(name: string, golden: GoldenTensor | undefined, values: ArrayLike<number>): number {
  if (!golden) throw new Error(`there is no golden '${name}'`)
  if (values.length !== elementCount(golden.shape)) {
    throw new Error(`${name} has ${values.length} values; its golden is [${golden.shape.join(', ')}]`)
  }
  const found = golden.positions.map((position) => values[position]!)
  let squares = 0
  for (let i = 0; i < values.length; i++) squares += values[i]! ** 2
  return relativeError(found, golden.values) + Math.abs(Math.sqrt(squares) - golden.norm) / golden.norm
}
