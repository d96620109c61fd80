// A network's parameters from a file's tensors, and back.
import { FormatError, UsageError } from '../../errors.ts'
import { labelClasses, type Network, requireParameters } from '../../networks/index.ts'
import { shortened } from '../../plain-text.ts'
import { formatShape } from '../../tensor.ts'
import { requireFloats, type Tensor } from '../safetensors.ts'
import { counterparts } from './counterparts.ts'
import { torchNamesOf, type WeightNames } from './names.ts'
import {
  type Comparison,
  compared,
  faultsOf,
  namesOf,
  nearestNetwork,
  type RecognizedWeights,
  recognizeWeights,
  type Tensors,
} from './recognize.ts'

/**
 * A network's parameters from the tensors of a file, which `fileName` names in messages. Their names are convmark's own,
 * `conv1/weights`, or, of a named network, those of torchvision or timm: `features.0.weight` (F, C, KH, KW) becomes (KH, KW, C, F);
 * a dense layer's (out, in) becomes (in, out), its inputs in H, W, C order in place of C, H, W if it reads an image; `running_mean`
 * and `running_var` become mean and variance. Types are F32, F16, BF16 and F64. Names of libraries may have a prefix (`module.`,
 * `_orig_mod.`, `model.`, `backbone.`, `net.`, `network.`, `state_dict.`), the same before all of them, and `num_batches_tracked` and
 * googlenet's auxiliary classifiers are left out. The values may be those of the tensors themselves, not copies.
 * Throws FormatError, with what is missing, left over or of another shape, or whose weights they are instead; and for a tensor of
 * another type or whose values are not all finite in float32.
 */
export function weightsOf(
  network: Network,
  tensors: Tensors,
  fileName: string,
): Record<string, Float32Array> {
  const comparisons = namesOf(network.name).flatMap((names) => compared(tensors, network, names) ?? [])
  const fitting = comparisons.find((each) => faultsOf(each) === 0)
  if (fitting) return valuesOf(fitting, fileName)
  const found = recognizeWeights(tensors)
  const classes = classesOf(network)
  if (found && (found.network !== network.name || (found.classes ?? classes) !== classes)) {
    const expected = shownWeights({ network: network.name, classes })
    throw new FormatError(`${fileName}: these are ${shownWeights(found)}; expected are ${expected}`)
  }
  const [nearest] = comparisons.toSorted((a, b) => faultsOf(a) - faultsOf(b))
  throw new FormatError(`${fileName}: its tensors are not ${network.name}'s: ${faultText(nearest!)}`)
}

/** `resnet50's weights for 1000 classes`. */
const shownWeights = ({ network, classes }: Pick<RecognizedWeights, 'network' | 'classes'>): string =>
  `${network}'s weights${classes === null ? '' : ` for ${classes} classes`}`

/** What tensors that are no named network's weights lack to be those of the nearest; null if they are far from all of them. */
export function nearestText(tensors: Tensors): string | null {
  const nearest = nearestNetwork(tensors)
  return (
    nearest &&
    `${nearest.network}'s weights in ${namesText(nearest.names)} are nearest: ${faultText(nearest)}`
  )
}

/** `torchvision's names`. */
export const namesText = (names: WeightNames): string => `${names}'s names`

const classesOf = (network: Network): number | null => Object.values(labelClasses(network))[0] ?? null

function valuesOf({ counterparts, tensors }: Comparison, fileName: string): Record<string, Float32Array> {
  const stored = new Map(counterparts.map((each) => [each.name, each.stored]))
  const floatsNamed = (name: string): Float32Array => {
    const tensor = stored.get(name)!
    return requireFloats(`${fileName}: ${tensor}`, tensors.get(tensor)!)
  }
  return Object.fromEntries(
    counterparts.map(({ name, read }) => [name, read(floatsNamed(name), floatsNamed)]),
  )
}

/** How many of each kind of fault a message shows. */
const SHOWN = 3
const MAX_NAME_LENGTH = 80

/** `2 missing (fc.weight, fc.bias), 1 left over (head.weight)`. */
function faultText({ missing, leftOver, reshaped }: Comparison): string {
  const shapes = reshaped.map(
    ({ name, found, expected }) =>
      `${name}: ${shortened(formatShape(found), MAX_NAME_LENGTH)}, but ${formatShape(expected)} is expected`,
  )
  const kinds = [
    ['missing', missing],
    ['left over', leftOver],
    ['of another shape', shapes],
  ] as const
  return kinds
    .filter(([, faults]) => faults.length > 0)
    .map(([kind, faults]) => {
      const shown = faults.slice(0, SHOWN).map((fault) => shortened(fault, 2 * MAX_NAME_LENGTH))
      const others = faults.length > SHOWN ? [`and ${faults.length - SHOWN} more`] : []
      return `${faults.length} ${kind} (${[...shown, ...others].join(kind === 'of another shape' ? '; ' : ', ')})`
    })
    .join(', ')
}

/**
 * A network's parameters as tensors for a file, by name: in convmark's names, as they are, or in a library's names and shapes, with
 * batch norm's `num_batches_tracked`, so that PyTorch's `load_state_dict` takes them. The inverse of `weightsOf`, for a network of any
 * number of classes. Throws UsageError if a parameter is missing, or if that library does not have the network.
 */
export function weightTensors(
  network: Network,
  parameters: Readonly<Record<string, Float32Array>>,
  names: WeightNames,
): Record<string, Tensor> {
  requireParameters(network, parameters)
  const found = counterparts(network, names)
  if (found === null) {
    const others = torchNamesOf(network.name).filter((each) => counterparts(network, each) !== null)
    throw new UsageError(
      `${network.name}: there are no names of ${names} for it; its weights can be written in those of ${[...others, 'convmark'].join(' or ')}`,
    )
  }
  const valuesNamed = (name: string): Float32Array => parameters[name]!
  const tensors = found.map(({ name, stored, shapes, write }): [string, Tensor] => [
    stored,
    { shape: shapes[0]!, data: write(valuesNamed(name), valuesNamed) },
  ])
  const counters = names === 'convmark' ? [] : tensors.filter(([name]) => name.endsWith(MEAN)).map(counterOf)
  return Object.fromEntries([...tensors, ...counters])
}

const MEAN = '.running_mean'

const counterOf = ([name]: [string, Tensor]): [string, Tensor] => [
  `${name.slice(0, -MEAN.length)}.num_batches_tracked`,
  { shape: [], data: new BigInt64Array(1) },
]
