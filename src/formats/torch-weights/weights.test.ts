import { describe, expect, it } from 'vitest'
import { FormatError, UsageError } from '../../errors.ts'
import { conv, dense, maxPool, softmaxLoss } from '../../layers/index.ts'
import { defineNetwork, type Network, networkNamed, parametersOf } from '../../networks/index.ts'
import { NETWORK_NAMES } from '../../networks/names.ts'
import { elementCount } from '../../tensor.ts'
import type { StoredTensor, Tensor } from '../safetensors.ts'
import { recognizeWeights, type WeightNames, weightsOf, weightTensors } from './index.ts'
import { torchNamesOf } from './names.ts'

const FILE = 'w.safetensors'

/** Numbers that differ within a tensor and between tensors, all over 0 and exact in bfloat16. */
function countedParameters(network: Network): Record<string, Float32Array> {
  const entries = Object.entries(parametersOf(network)).map(([name, { shape }], tensor) => {
    const values = new Float32Array(elementCount(shape))
    for (let i = 0; i < values.length; i++) values[i] = ((i + 7 * tensor) % 113) + 1
    return [name, values] as const
  })
  return Object.fromEntries(entries)
}

/** The parameters that differ by more than `most`, relatively; both sets must have the same names in the same order. */
function differing(
  found: Readonly<Record<string, Float32Array>>,
  expected: Readonly<Record<string, Float32Array>>,
  most = 0,
): string[] {
  expect(Object.keys(found)).toEqual(Object.keys(expected))
  return Object.keys(expected).filter((name) => {
    const [values, others] = [expected[name]!, found[name]!]
    return (
      others.length !== values.length || values.some((value, i) => Math.abs(others[i]! / value - 1) > most)
    )
  })
}

const asStored = ([name, { shape, data }]: [string, Tensor]): [string, StoredTensor] => [
  name,
  data instanceof Float32Array ? { dtype: 'F32', shape, data } : { dtype: 'I64', shape, data },
]

/** As a file with these tensors is read. */
const stored = (tensors: Readonly<Record<string, Tensor>>): Map<string, StoredTensor> =>
  new Map(Object.entries(tensors).map(asStored))

const weightsFile = (network: Network, names: WeightNames) =>
  stored(weightTensors(network, countedParameters(network), names))

/** Small, and with convolutions and dense layers. */
const squeezenet = networkNamed('squeezenet', { classes: 7 })

const renamed = (tensors: ReadonlyMap<string, StoredTensor>, rename: (name: string) => string) =>
  new Map([...tensors].map(([name, tensor]) => [rename(name), tensor]))

/** AlexNet's layers with few channels; its first dense layer reads 2 x 3 pixels of 5 channels. */
const small = (name = 'alexnet-torchvision') =>
  defineNetwork(name, {
    inputs: { images: [4, 6, 2], labels: [] },
    layers: [
      conv('conv1', { filters: 3, kernel: [3, 1], padding: 'same' }),
      ...['conv2', 'conv3', 'conv4'].map((layer) => conv(layer, { filters: 4, kernel: 1, groups: 1 })),
      conv('conv5', { filters: 5, kernel: 1 }),
      maxPool('pool5', { kernel: 2, stride: 2 }),
      dense('fc6', { units: 3 }),
      dense('fc7', { units: 4 }),
      dense('fc8', { units: 2 }),
      softmaxLoss('loss', { inputs: ['fc8', 'labels'] }),
    ],
  })

describe('a layer’s weights', () => {
  const network = small()
  const parameters = countedParameters(network)
  const tensors = weightTensors(network, parameters, 'torchvision')

  it('of a convolution are (F, C, KH, KW)', () => {
    const { shape, data } = tensors['features.0.weight']!
    expect(shape).toEqual([3, 2, 3, 1])
    const ours = parameters['conv1/weights']!
    for (let filter = 0; filter < 3; filter++)
      for (let channel = 0; channel < 2; channel++)
        for (let row = 0; row < 3; row++)
          expect(data[(filter * 2 + channel) * 3 + row]).toBe(ours[(row * 2 + channel) * 3 + filter])
    expect(tensors['features.0.bias']).toEqual({ shape: [3], data: parameters['conv1/biases'] })
  })

  it('of a dense layer are (out, in), and in the order C, H, W if it reads an image', () => {
    const { shape, data } = tensors['classifier.1.weight']!
    expect(shape).toEqual([3, 2 * 3 * 5])
    const ours = parameters['fc6/weights']!
    for (let unit = 0; unit < 3; unit++)
      for (let channel = 0; channel < 5; channel++)
        for (let y = 0; y < 2; y++)
          for (let x = 0; x < 3; x++)
            expect(data[unit * 30 + (channel * 2 + y) * 3 + x]).toBe(
              ours[((y * 3 + x) * 5 + channel) * 3 + unit],
            )
    const next = tensors['classifier.4.weight']!
    expect(next.shape).toEqual([4, 3])
    expect(next.data[1 * 3 + 2]).toBe(parameters['fc7/weights']![2 * 4 + 1])
  })

  it('are read back as they were', () => {
    expect(differing(weightsOf(network, stored(tensors), FILE), parameters)).toEqual([])
  })

  it('may be stored as those of the other kind', () => {
    const entry = stored(tensors).get('classifier.1.weight')!
    const others = stored(tensors).set('classifier.1.weight', {
      ...entry,
      shape: [3, 5, 2, 3],
    } as StoredTensor)
    expect(differing(weightsOf(network, others, FILE), parameters)).toEqual([])
    const wrong = stored(tensors).set('classifier.1.weight', {
      ...entry,
      shape: [3, 2, 3, 5],
    } as StoredTensor)
    expect(() => weightsOf(network, wrong, FILE)).toThrow(
      "alexnet-torchvision's: 1 of another shape (classifier.1.weight: [3, 2, 3, 5], but [3, 30] is expected)",
    )
  })
})

/** Those that are not too large; `test/slow/torch-weights.test.ts` has all. */
const PUBLISHED = NETWORK_NAMES.filter(
  (name) => torchNamesOf(name).length > 0 && !/vgg|alexnet|resnet|convnext/.test(name),
)

describe.each(PUBLISHED)('%s', (name) => {
  it.each(['convmark', ...torchNamesOf(name)] as const)(
    'is written in names of %s, recognized and read back',
    (names) => {
      const network = networkNamed(name, { classes: 3 })
      const parameters = countedParameters(network)
      const tensors = stored(weightTensors(network, parameters, names))
      const isSame = names === 'timm' && tensors.has(weightsFileNames(network, 'torchvision').at(-1)!)
      expect(recognizeWeights(tensors)).toEqual({
        network: name,
        classes: 3,
        names: isSame ? 'torchvision' : names,
      })
      expect(differing(weightsOf(network, tensors, FILE), parameters, 1e-6)).toEqual([])
    },
  )
})

const weightsFileNames = (network: Network, names: WeightNames): string[] => [
  ...weightsFile(network, names).keys(),
]

describe('recognizeWeights', () => {
  it.each([
    ['lenet', null],
    ['alexnet-cifar10', null],
    ['resnet20-cifar', null],
    ['alexnet', null],
  ])('knows %s by our names', (name) => {
    const network = networkNamed(name)
    const classes = name === 'alexnet' ? null : 10
    expect(recognizeWeights(weightsFile(network, 'convmark'))).toEqual({
      network: name,
      classes,
      names: 'convmark',
    })
  })

  it('knows no network if a tensor is missing, left over or of another shape', () => {
    const tensors = weightsFile(squeezenet, 'torchvision')
    const one = tensors.get('features.0.bias')!
    expect(recognizeWeights(new Map([...tensors, ['more', one]]))).toBeNull()
    expect(
      recognizeWeights(new Map([...tensors, ['features.0.bias', { ...one, shape: [8, 8] } as StoredTensor]])),
    ).toBeNull()
    tensors.delete('features.0.bias')
    expect(recognizeWeights(tensors)).toBeNull()
    expect(recognizeWeights(new Map())).toBeNull()
  })
})

describe('names', () => {
  const tensors = weightsFile(squeezenet, 'torchvision')
  const expected = countedParameters(squeezenet)

  it.each([
    'module.',
    'model.',
    '_orig_mod.',
    'backbone.',
    'module._orig_mod.',
    '_orig_mod.module.',
    'state_dict.model.net.',
  ])('may all begin with %s', (prefix) => {
    const prefixed = renamed(tensors, (name) => prefix + name)
    expect(recognizeWeights(prefixed)).toMatchObject({ network: 'squeezenet', classes: 7 })
    expect(differing(weightsOf(squeezenet, prefixed, FILE), expected)).toEqual([])
  })

  it('of a part that was compiled may have _orig_mod within', () => {
    const compiled = renamed(tensors, (name) => name.replace(/^features\./, 'features._orig_mod.'))
    expect(differing(weightsOf(squeezenet, compiled, FILE), expected)).toEqual([])
  })

  it('have a prefix only if all have it', () => {
    const some = renamed(tensors, (name) => (name.startsWith('classifier') ? name : `model.${name}`))
    expect(() => weightsOf(squeezenet, some, FILE)).toThrow(
      / 50 missing \(.*, 50 left over \(model\.features\./,
    )
  })

  it('of 2017 are those of torchvision’s published DenseNet', () => {
    const network = networkNamed('densenet121', { classes: 2 })
    const old = renamed(weightsFile(network, 'torchvision'), (name) =>
      name.replace(/(denselayer\d+\.(?:norm|conv))(\d)/, '$1.$2'),
    )
    expect(old.has('features.denseblock1.denselayer1.norm.1.weight')).toBe(true)
    expect(recognizeWeights(old)).toMatchObject({ network: 'densenet121', classes: 2 })
    expect(differing(weightsOf(network, old, FILE), countedParameters(network))).toEqual([])
  })
})

describe('tensors beside the weights', () => {
  it('may be those of googlenet’s auxiliary classifiers, and counters that are there or not', () => {
    const network = networkNamed('googlenet', { classes: 2 })
    const tensors = weightsFile(network, 'torchvision')
    const auxiliary = tensors.get('conv1.conv.weight')!
    tensors.set('aux1.conv.conv.weight', auxiliary).set('aux2.fc1.bias', auxiliary)
    expect(recognizeWeights(tensors)).toEqual({ network: 'googlenet', classes: 2, names: 'torchvision' })
    const uncounted = new Map([...tensors].filter(([name]) => !name.endsWith('num_batches_tracked')))
    expect(tensors.size - uncounted.size).toBe(57)
    for (const each of [tensors, uncounted])
      expect(Object.keys(weightsOf(network, each, FILE))).toEqual(Object.keys(parametersOf(network)))
  })

  it('are written for batch norm: how many batches its statistics are of', () => {
    const network = networkNamed('shufflenet-v2', { classes: 2 })
    const tensors = weightTensors(network, countedParameters(network), 'torchvision')
    expect(tensors['conv1.1.num_batches_tracked']).toEqual({ shape: [], data: new BigInt64Array(1) })
    expect(tensors['conv1.1.running_var']!.shape).toEqual([24])
  })
})

describe('types', () => {
  const parameters = countedParameters(squeezenet)
  const tensors = weightsFile(squeezenet, 'torchvision')
  const bits = new DataView(new ArrayBuffer(4))
  const toBfloat16 = (value: number): number => {
    bits.setFloat32(0, value)
    return bits.getUint16(0)
  }
  /** Of integers from 1 to 2047. */
  const toFloat16 = (value: number): number => {
    const exponent = Math.floor(Math.log2(value))
    return ((exponent + 15) << 10) | ((value / 2 ** exponent - 1) * 1024)
  }
  const converted = (make: (data: Float32Array) => Omit<StoredTensor, 'shape'>) =>
    new Map(
      [...tensors].map(([name, { shape, data }]) => [
        name,
        { ...make(data as Float32Array), shape } as StoredTensor,
      ]),
    )

  it.each<[string, (data: Float32Array) => Omit<StoredTensor, 'shape'>]>([
    ['F16', (data) => ({ dtype: 'F16', data: Uint16Array.from(data, toFloat16) })],
    ['BF16', (data) => ({ dtype: 'BF16', data: Uint16Array.from(data, toBfloat16) })],
    ['F64', (data) => ({ dtype: 'F64', data: Float64Array.from(data) })],
  ])('%s becomes float32', (_, make) => {
    expect(differing(weightsOf(squeezenet, converted(make), FILE), parameters)).toEqual([])
  })

  it('of integers are refused, and values that are not finite in float32', () => {
    const faulty = (tensor: Omit<StoredTensor, 'shape'>) =>
      new Map([...tensors, ['features.0.bias', { ...tensor, shape: [64] } as StoredTensor]])
    expect(() => weightsOf(squeezenet, faulty({ dtype: 'I64', data: new BigInt64Array(64) }), FILE)).toThrow(
      new FormatError(
        `${FILE}: features.0.bias: its dtype is I64, but one of F32, F16, BF16 and F64 is expected`,
      ),
    )
    expect(() =>
      weightsOf(squeezenet, faulty({ dtype: 'F64', data: new Float64Array(64).fill(1e300) }), FILE),
    ).toThrow(`${FILE}: features.0.bias: value 0 of 64 is 1e+300; all must be finite in float32`)
    expect(() =>
      weightsOf(squeezenet, faulty({ dtype: 'F16', data: new Uint16Array(64).fill(0x7e00) }), FILE),
    ).toThrow(`${FILE}: features.0.bias: value 0 of 64 is NaN; all must be finite`)
  })
})

describe('batch norm’s other epsilon', () => {
  it('in timm’s MobileNet v3 is made up for by the scale', () => {
    const network = networkNamed('mobilenet-v3-large', { classes: 2 })
    const tensors = weightsFile(network, 'timm')
    const bn = (name: string) => Number(tensors.get(`bn1.${name}`)!.data[3])
    const read = weightsOf(network, tensors, FILE)
    const own = (name: string) => read[`features.0.1/${name}`]![3]!
    tensors.get('bn1.running_var')!.data[3] = 1e-4
    const again = weightsOf(network, tensors, FILE)['features.0.1/scale']![3]!
    expect(own('scale') / Math.sqrt(bn('running_var') + 1e-3)).not.toBe(0)
    expect(again / Math.sqrt(1e-4 + 1e-3)).toBeCloseTo(bn('weight') / Math.sqrt(1e-4 + 1e-5), 2)
  })
})

describe('weights that do not fit', () => {
  const of = (network: Network, tensors: ReadonlyMap<string, StoredTensor>) => () =>
    weightsOf(network, tensors, FILE)
  const tensors = weightsFile(squeezenet, 'torchvision')

  it('are named if they are another network’s, or of another number of classes', () => {
    expect(of(networkNamed('lenet'), tensors)).toThrow(
      new FormatError(
        `${FILE}: these are squeezenet's weights for 7 classes; expected are lenet's weights for 10 classes`,
      ),
    )
    expect(of(networkNamed('squeezenet'), tensors)).toThrow(
      `${FILE}: these are squeezenet's weights for 7 classes; expected are squeezenet's weights for 1000 classes`,
    )
    expect(of(networkNamed('alexnet'), weightsFile(networkNamed('lenet'), 'convmark'))).toThrow(
      `${FILE}: these are lenet's weights for 10 classes; expected are alexnet's weights`,
    )
  })

  it('have what is missing, left over and of another shape in one message', () => {
    const lenet = networkNamed('lenet')
    const faulty = weightsFile(lenet, 'convmark')
    const biases = faulty.get('conv2/biases')!
    faulty.delete('conv1/biases')
    faulty.set('conv9', biases).set('conv2/biases', { ...biases, shape: [2, 32] } as StoredTensor)
    expect(of(lenet, faulty)).toThrow(
      new FormatError(
        `${FILE}: its tensors are not lenet's: 1 missing (conv1/biases), 1 left over (conv9), ` +
          '1 of another shape (conv2/biases: [2, 32], but [64] is expected)',
      ),
    )
  })

  it('show the first few of many', () => {
    const headless = new Map([...tensors].filter(([name]) => !name.startsWith('features.3.')))
    expect(of(squeezenet, headless)).toThrow(
      `${FILE}: its tensors are not squeezenet's: 6 missing (features.3.squeeze.weight, features.3.squeeze.bias, ` +
        'features.3.expand1x1.weight, and 3 more)',
    )
  })

  it('are not guessed for a network that has only the name of a named one', () => {
    const other = defineNetwork('squeezenet', {
      inputs: { images: [4, 4, 3] },
      layers: [conv('features.0', { filters: 64, kernel: 3 })],
    })
    expect(of(other, tensors)).toThrow(
      "these are squeezenet's weights for 7 classes; expected are squeezenet's weights",
    )
    expect(() => weightTensors(other, countedParameters(other), 'torchvision')).toThrow(UsageError)
  })
})

describe('weightTensors', () => {
  it('refuses names that the network does not have, and parameters that are missing', () => {
    expect(() => weightTensors(squeezenet, countedParameters(squeezenet), 'timm')).toThrow(
      new UsageError(
        'squeezenet: there are no names of timm for it; its weights can be written in those of torchvision or convmark',
      ),
    )
    const lenet = networkNamed('lenet')
    expect(() => weightTensors(lenet, countedParameters(lenet), 'torchvision')).toThrow(
      'lenet: there are no names of torchvision for it; its weights can be written in those of convmark',
    )
    expect(() => weightTensors(lenet, {}, 'convmark')).toThrow(
      "lenet: the parameter 'conv1/weights' is missing",
    )
  })
})
