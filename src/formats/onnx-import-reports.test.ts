// What others' importers got wrong or lack, by their public reports: graphs of convolutional networks, and what ONNX
// says they give.
import { expect, it } from 'vitest'
import {
  type GraphParts,
  indices,
  modelOf,
  numbers,
  op,
  floatAttribute as real,
} from '../../test/support/onnx-graphs.ts'
import { runPlainly } from '../../test/support/plain-network.ts'
import { importOnnx } from './onnx-import.ts'

interface Report extends Partial<GraphParts> {
  readonly title: string
  readonly input: readonly number[]
  readonly nodes: GraphParts['nodes']
  /** Of the input `x`; by default it is one row of pixels of one channel. */
  readonly shape?: readonly number[]
  /** Of the output `y`, as the network has it: pixel by pixel. */
  readonly expected: readonly number[]
}

const ones = (name: string, dims: readonly number[]) =>
  numbers(name, new Array(dims.reduce((count, extent) => count * extent, 1)).fill(1), dims)

const resized = (scales: readonly number[], attributes: Parameters<typeof op>[2]) => ({
  nodes: [op('Resize', 'x _ scales -> y', attributes)],
  constants: [numbers('scales', [1, 1, ...scales])],
})

const reports: readonly Report[] = [
  {
    title: 'apache/tvm#19500: the nearest pixel, half way down',
    ...resized([1.5, 1.5], { mode: 'nearest', nearest_mode: 'round_prefer_floor' }),
    shape: [1, 1, 3, 3],
    input: [0, 1, 2, 3, 4, 5, 6, 7, 8],
    expected: [0, 0, 1, 2, 0, 0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8],
  },
  {
    title: 'iree-org/iree#24264: rounded down before the first pixel',
    ...resized([1, 2], { mode: 'nearest', nearest_mode: 'floor' }),
    input: [1, 2, 3, 4],
    expected: [1, 1, 1, 2, 2, 3, 3, 4],
  },
  {
    title: 'iree-org/iree#24581: asymmetric coordinates',
    ...resized([1, 3], { mode: 'nearest', coordinate_transformation_mode: 'asymmetric' }),
    input: [1, 2, 3, 4],
    expected: [1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 4],
  },
  {
    title: 'microsoft/onnxruntime#17564: aligned corners',
    ...resized([1, 2], { mode: 'linear', coordinate_transformation_mode: 'align_corners' }),
    input: [0, 7, 14],
    expected: [0, 2.8, 5.6, 8.4, 11.2, 14],
  },
  {
    title: 'a scale that is 0.6 in float32: the pixel that 0.6 means',
    ...resized([1, 0.6], { mode: 'nearest', nearest_mode: 'floor' }),
    input: [1, 2, 3, 4, 5],
    expected: [1, 3, 4],
  },
  {
    title: 'openvinotoolkit/openvino#16789: Resize of opset 10 rounds up where it reduces',
    nodes: [op('Resize', 'x scales -> y', { mode: 'nearest' })],
    constants: [numbers('scales', [1, 1, 0.6, 0.6])],
    opset: 10,
    shape: [1, 1, 2, 4],
    input: [1, 2, 3, 4, 5, 6, 7, 8],
    expected: [1, 3],
  },
  {
    title: 'sonos/tract#2851: the divisor of an average that ends outside',
    nodes: [
      op('AveragePool', 'x -> y', {
        kernel_shape: [1, 2],
        strides: [1, 2],
        ceil_mode: 1,
        count_include_pad: 1,
      }),
    ],
    input: [1, 2, 3, 4, 5],
    expected: [1.5, 3.5, 5],
  },
  {
    title: 'onnx/onnx#4958: no window begins in the padding after the image',
    nodes: [
      op('MaxPool', 'x -> y', { kernel_shape: [1, 2], strides: [1, 3], pads: [0, 0, 0, 1], ceil_mode: 1 }),
    ],
    input: [1, 2, 3, 4, 5],
    expected: [2, 5],
  },
  {
    title: 'tracel-ai/burn#4253: padding on one side',
    nodes: [op('Conv', 'x w -> y', { pads: [0, 2, 0, 0] })],
    constants: [ones('w', [1, 1, 1, 3])],
    input: [1, 2, 3],
    expected: [1, 3, 6],
  },
  {
    title: 'onnx/onnx#2043: SAME with a dilation',
    nodes: [op('Conv', 'x w -> y', { auto_pad: 'SAME_UPPER', dilations: [1, 2] })],
    constants: [ones('w', [1, 1, 1, 3])],
    input: [1, 2, 3, 4, 5],
    expected: [4, 6, 9, 6, 8],
  },
  {
    title: 'root-project/root#21737: SAME_UPPER of an even kernel',
    nodes: [op('Conv', 'x w -> y', { auto_pad: 'SAME_UPPER' })],
    constants: [numbers('w', [1, 10], [1, 1, 1, 2])],
    input: [1, 2, 3],
    expected: [21, 32, 3],
  },
  {
    title: 'root-project/root#21737: SAME_LOWER of an even kernel',
    nodes: [op('Conv', 'x w -> y', { auto_pad: 'SAME_LOWER' })],
    constants: [numbers('w', [1, 10], [1, 1, 1, 2])],
    input: [1, 2, 3],
    expected: [10, 21, 32],
  },
  {
    title: 'microsoft/onnxruntime#11927: ConvTranspose with SAME and output padding',
    nodes: [
      op('ConvTranspose', 'x w -> y', { auto_pad: 'SAME_UPPER', strides: [1, 2], output_padding: [0, 1] }),
    ],
    constants: [ones('w', [1, 1, 1, 3])],
    input: [1, 2],
    expected: [1, 3, 2, 2],
  },
  {
    title: 'apache/tvm#4261 and #8182: ConvTranspose in groups',
    nodes: [op('ConvTranspose', 'x w b -> y', { group: 2, strides: [1, 2] })],
    constants: [
      // (C, F / groups, KH, KW): the first two channels make the first filter, the last two the second.
      numbers('w', [1, 2, 10, 20, 100, 200, 1000, 2000], [4, 1, 1, 2]),
      numbers('b', [0.5, 0.25]),
    ],
    shape: [1, 4, 1, 2],
    input: [1, 2, 3, 4, 5, 6, 7, 8],
    expected: [21.5, 4300.25, 42.5, 8600.25, 65.5, 8700.25, 130.5, 17400.25],
  },
  {
    title: 'onnx/models#279: slopes by channel before opset 7',
    nodes: [op('PRelu', 'x slope -> y')],
    constants: [numbers('slope', [0.5, 0.25])],
    opset: 6,
    shape: [1, 2, 1, 2],
    input: [-1, -2, 3, -4],
    expected: [-0.5, -0.5, 3, -1],
  },
  {
    title: 'ROCm/AMDMIGraphX#443: a matrix that is reshaped from an image',
    nodes: [
      op('Reshape', 'x flat -> vector'),
      op('Reshape', 'w rows -> matrix'),
      op('MatMul', 'vector matrix -> product'),
      op('Add', 'product b -> y'),
    ],
    constants: [
      indices('flat', [1, 4]),
      numbers('w', [1, 0, 2, 0, 3, 0, 4, 1], [2, 1, 2, 2]),
      indices('rows', [4, 2]),
      numbers('b', [100, 200], [1, 2]),
    ],
    opset: 8,
    shape: [1, 2, 1, 2],
    input: [1, 2, 3, 4],
    // Its channels are [1, 3] and [2, 4]; the matrix goes over the first channel first.
    expected: [100 + 1 + 3 * 2 + 2 * 3 + 4 * 4, 204],
  },
  {
    title: 'opencv/opencv#16660: channels of two tensors, in turn',
    nodes: [
      op('Neg', 'x -> negative'),
      op('Unsqueeze', 'x two -> x5'),
      op('Unsqueeze', 'negative two -> negative5'),
      op('Concat', 'x5 negative5 -> pairs', { axis: 2 }),
      op('Reshape', 'pairs shape -> y'),
    ],
    constants: [indices('two', [2]), indices('shape', [1, 6, 1, 1])],
    shape: [1, 3, 1, 1],
    input: [1, 2, 3],
    expected: [1, -1, 2, -2, 3, -3],
  },
  {
    title: 'opencv/opencv#13303: pixels as a list',
    nodes: [op('Transpose', 'x -> last', { perm: [0, 2, 3, 1] }), op('Reshape', 'last list -> y')],
    constants: [indices('list', [0, -1, 2])],
    shape: [1, 2, 1, 2],
    input: [1, 2, 3, 4],
    expected: [1, 2, 3, 4],
  },
  {
    title: 'pytorch/pytorch#9291: channels that Pad adds',
    nodes: [op('Pad', 'x -> y', { pads: [0, 1, 0, 0, 0, 4, 0, 1], value: real(9) })],
    opset: 2,
    shape: [1, 2, 1, 2],
    input: [1, 2, 3, 4],
    expected: [9, 1, 2, 9, 9, 9, 9, 9, 3, 4, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9],
  },
  {
    title: 'microsoft/onnxruntime#2433: columns that Pad removes',
    nodes: [op('Pad', 'x -> y', { pads: [0, 0, 0, -1, 0, 0, 0, 2] })],
    opset: 2,
    input: [1, 2, 3],
    expected: [2, 3, 0, 0],
  },
  {
    title: 'zeros of Unity Barracuda’s face detector: a constant that is concatenated',
    nodes: [op('Concat', 'zeros x -> y', { axis: 1 })],
    constants: [numbers('zeros', [0, 0, 0, 0, 0, 0], [1, 3, 1, 2])],
    shape: [1, 2, 1, 2],
    input: [Number.POSITIVE_INFINITY, 2, 3, 4],
    expected: [0, 0, 0, Number.POSITIVE_INFINITY, 2, 0, 0, 0, 3, 4],
  },
  {
    title: 'tracel-ai/burn#2822: Split of a shape',
    nodes: [
      op('Shape', 'x -> sizes'),
      op('Split', 'sizes -> outside inside', { axis: 0, split: [2, 2] }),
      op('Concat', 'inside outside -> shape', { axis: 0 }),
      op('Slice', 'shape -> swapped', { starts: [0], ends: [2] }),
      op('Concat', 'outside swapped -> all', { axis: 0 }),
      op('Reshape', 'x all -> y'),
    ],
    opset: 9,
    shape: [1, 1, 1, 3],
    input: [1, 2, 3],
    expected: [1, 2, 3],
  },
  {
    title: 'torchvision’s ConvNeXt: a layer norm of the only pixel',
    nodes: [
      op('GlobalAveragePool', 'x -> mean'),
      op('Transpose', 'mean -> last', { perm: [0, 2, 3, 1] }),
      op('LayerNormalization', 'last scale -> y', { epsilon: real(1e-9) }),
    ],
    constants: [numbers('scale', [1, 10])],
    shape: [1, 2, 1, 2],
    input: [1, 5, 3, 9],
    expected: [-1, 10],
  },
  {
    title: 'heads of detectors: boxes of two resolutions as one list',
    nodes: [
      op('MaxPool', 'x -> coarse', { kernel_shape: [2, 2], strides: [2, 2] }),
      op('Transpose', 'x -> fineLast', { perm: [0, 2, 3, 1] }),
      op('Reshape', 'fineLast list -> fineList'),
      op('Transpose', 'coarse -> coarseLast', { perm: [0, 2, 3, 1] }),
      op('Reshape', 'coarseLast list -> coarseList'),
      op('Concat', 'fineList coarseList -> y', { axis: 1 }),
    ],
    constants: [indices('list', [0, -1, 1])],
    shape: [1, 2, 2, 2],
    input: [1, 2, 3, 4, 5, 6, 7, 8],
    expected: [1, 2, 3, 4, 5, 6, 7, 8, 7, 8],
  },
  {
    title: 'heads of detectors: the softmax of each anchor',
    nodes: [
      op('Transpose', 'x -> last', { perm: [0, 2, 3, 1] }),
      op('Reshape', 'last list -> scores'),
      op('Softmax', 'scores -> y', { axis: 2 }),
    ],
    constants: [indices('list', [0, -1, 2])],
    shape: [1, 4, 1, 2],
    input: [0, Math.log(3), Math.log(4), 0, Math.log(3), 0, 0, Math.log(4)],
    expected: [0.25, 0.75, 0.8, 0.2, 0.75, 0.25, 0.2, 0.8],
  },
]

it.each(reports)(
  '$title',
  async ({ title: _, input, expected, shape = [1, 1, 1, input.length], ...graph }) => {
    const { network, parameters, notes } = await importOnnx(
      modelOf({ inputs: { x: shape }, outputs: ['y'], ...graph }),
    )
    const images = Float32Array.from(input)
    const output = runPlainly(network, 1, { x: images }, parameters, 'forward')[notes.outputs[0]!.tensor]!
    expect(output).toHaveLength(expected.length)
    for (const [i, value] of expected.entries()) expect(output[i], `[${i}]`).toBeCloseTo(value, 5)
  },
)
