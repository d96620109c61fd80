// ONNX's own cases: as networks, on the plain loops and on engines, and where an operator is for shapes too, computed at import.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/engines/engine.ts'
import { type Constant, numbersOf } from '../../src/formats/onnx/import/constants.ts'
import { constantsOf } from '../../src/formats/onnx/import/import.ts'
import { readModel } from '../../src/formats/onnx/import/model.ts'
import { importOnnx, type OnnxImport } from '../../src/formats/onnx-import.ts'
import { shapeOf } from '../../src/networks/index.ts'
import { built } from '../support/built.ts'
import { presentEngines } from '../support/follow-golden.ts'
import {
  casesOf,
  fromFile,
  hasOnnxCases,
  numbersIn,
  type OnnxCase,
  readCase,
  type Suite,
  toFile,
  withConstants,
} from '../support/onnx-cases.ts'
import { runPlainly } from '../support/plain-network.ts'
import { openUntuned } from '../support/untuned.ts'

const { openSession } = await built<typeof import('../../src/index.ts')>('index.js')

const OPERATORS = (
  'Conv ConvTranspose BatchNormalization InstanceNormalization GroupNormalization LayerNormalization LRN MaxPool ' +
  'AveragePool GlobalAveragePool GlobalMaxPool Relu Clip LeakyRelu PRelu Elu Sigmoid HardSigmoid HardSwish Softplus Mish ' +
  'Gelu Tanh Erf Softmax Gemm MatMul Add Sum Sub Mul Div Max Min Pow Sqrt Exp Abs Neg Concat Split Slice Pad Resize ' +
  'Upsample DepthToSpace SpaceToDepth ReduceMean ReduceMax ReduceSum ReduceL1 ReduceL2 ReduceSumSquare Flatten Reshape Squeeze Unsqueeze Transpose Identity Dropout ' +
  'Cast Constant ConstantOfShape Shape Gather'
).split(' ')
/** All inputs of these are what a network computes, if they have one batch. */
const OF_VALUES = ['Add', 'Sub', 'Mul', 'Div', 'Sum', 'Max', 'Min', 'Concat']
/** Also computed at import, since exporters make shapes of them. */
const OF_SHAPES =
  'Cast Concat Constant ConstantOfShape Gather Identity Reshape Shape Slice Squeeze Transpose Unsqueeze Flatten'.split(
    ' ',
  )

/** Cases that are no networks, each with the reason. The others are. */
const NO_NETWORKS: readonly (readonly [RegExp, reason: string])[] = [
  [
    /^(averagepool|maxpool|convtranspose)_3d|^(AvgPool|BatchNorm|Conv|MaxPool)3d|^PReLU_3d/,
    'five axes: no images',
  ],
  [/^operator_permute2$/, 'six axes'],
  [/^identity_(opt|sequence)$/, 'sequences'],
  [/^cast(like)?_.*STRING/, 'texts'],
  [/^cast(like)?_.*BFLOAT16/, 'bfloat16 is stored as if it were uint16'],
  [/^(max|min)_(int16|uint(16|32|64))$/, 'integers of types that are not read'],
  [/^div_uint8$/, 'integers'],
  [/^pow(_bcast_array|_example|_types_.*)?$|^operator_pow$/, 'its exponents are a tensor'],
  [/^concat_\dd_axis_(0|negative_3)$|^concat_1d|^concat_2d_axis_negative_2$/, 'along the batch'],
  [/^split_.*(1d|default_axis)$|^operator_chunk$|^slice$/, 'it divides the batch'],
  [/^split_zero_size_splits$|^reshape_allowzero_reordered$|^slice_start_out_of_bounds$/, 'empty tensors'],
  [/^slice_neg_steps$/, 'backward, along several axes'],
  [/^squeeze$|^operator_index$/, 'the batch is squeezed away'],
  [/^softmax_axis_0(_expanded)?$|^reduce_(l1|l2|max|mean|sum|sum_square)_default_axes/, 'over the batch'],
  [/^transpose_(default|all_permutations_[2-5])$/, 'the batch is not first in its output'],
  [/^reshape_negative_extended_dims$/, 'the batch is not first in its output'],
  [
    /^layer_normalization_(2d_axis(0|_negative_2)|3d_axis(0|1|_negative_[23])|4d_axis([0-2]|_negative_[2-4]))/,
    'over more axes than the channels',
  ],
  [/^mvn_expanded$/, 'over the batch'],
  [/^batchnorm_.*training_mode$/, 'the batch’s statistics in forward'],
  [/^training_dropout(_default)?(_mask)?$/, 'it drops values in forward'],
  [/^gemm_(all_attributes|transposeA)$/, 'it transposes the batch'],
  [
    /^gemm_default_matrix_bias$|^operator_(params|non_float_params)$|^PoissonNLLLLoss_no_reduce$/,
    'a constant for each value of a batch',
  ],
  [/^operator_addmm$/, 'its biases are computed'],
  [
    /^operator_(add_broadcast|add_size1_right_broadcast|add_size1_singleton_broadcast|addconstant)$/,
    'values beyond float32',
  ],
  [/^matmul_[34]d$/, 'matrices for each image'],
  [/^prelu_example$/, 'slopes that are not of the channels'],
  [/^Embedding(_sparse)?$|^gather_(0|1|2d_indices|negative_indices)$/, 'values picked by a table'],
  [/^resize_.*cubic/, 'cubic'],
  [
    /^resize_(downsample_sizes_linear_pytorch_half_pixel|tf_crop_and_resize|downsample_sizes_nearest_tf_half_pixel_for_nn)$/,
    'coordinates of other kinds',
  ],
  [
    /^resize_downsample_scales_linear_align_corners$/,
    'positions that depend on the scale before it is rounded, not on the sizes',
  ],
  [/^constant$|^(constantofshape|shape)(_|$)/, 'constants: no network'],
]

/** Cases whose constants are not computed, each with the reason. */
const NO_CONSTANTS: readonly (readonly [RegExp, reason: string])[] = [
  [/^identity_(opt|sequence)$/, 'sequences'],
  [/^cast(like)?_.*STRING/, 'texts'],
  [/^cast(like)?_.*BFLOAT16/, 'bfloat16 is stored as if it were uint16'],
]

const SUITES: readonly Suite[] = ['node', 'pytorch-converted', 'pytorch-operator', 'simple']
const reasonOf = (list: typeof NO_NETWORKS, name: string) => list.find(([names]) => names.test(name))?.[1]

interface Read {
  readonly name: string
  readonly given: OnnxCase
}

const cases: readonly Read[] = SUITES.flatMap((suite) =>
  casesOf(suite).map((name) => ({ name, given: readCase(suite, name) })),
).filter(({ given }) => given.operators.every((operator) => OPERATORS.includes(operator)))

/** The inputs that are weights, bounds, shapes and the like. */
function constantPositions({ inputs, operators }: OnnxCase): number[] {
  const isOfValues =
    operators.length === 1 &&
    OF_VALUES.includes(operators[0]!) &&
    inputs.every(({ dims }) => dims?.length && dims[0] === inputs[0]!.dims?.[0])
  return isOfValues ? [] : inputs.map((_, i) => i).slice(1)
}

/** As a network, without what a node gives besides: masks, indices, statistics. */
function importCase(given: OnnxCase): Promise<OnnxImport> {
  const [first, ...others] = (given.model.graph!.output ?? []).map(({ name }) => name!)
  const isBesides = !given.operators.includes('Split') && others.length > 0
  return importOnnx(withConstants(given, constantPositions(given)), isBesides ? { outputs: [first!] } : {})
}

function inputsOf(given: OnnxCase, { network, notes }: OnnxImport): Record<string, Float32Array> {
  const names = (given.model.graph!.input ?? []).map(({ name }) => name!)
  const entries = notes.inputs.map(({ name, tensor, layout }) => {
    const input = given.inputs[names.indexOf(name)]!
    return [tensor, fromFile(numbersIn(input), shapeOf(network, tensor), layout)]
  })
  return Object.fromEntries(entries)
}

const isNear = (found: number, truth: number): boolean =>
  Object.is(found, truth) || found === truth || Math.abs(found - truth) <= 1e-3 * Math.abs(truth) + 1e-7

function expectNear(what: string, found: ArrayLike<number>, truth: readonly number[]): void {
  expect(found.length, what).toBe(truth.length)
  const wrong = truth.findIndex((value, i) => !isNear(found[i]!, value))
  if (wrong >= 0) throw new Error(`${what}[${wrong}] is ${found[wrong]}, not ${truth[wrong]}`)
}

function expectOutputs(
  given: OnnxCase,
  { network, notes }: OnnxImport,
  read: (tensor: string) => ArrayLike<number>,
) {
  for (const [i, { name, tensor, layout }] of notes.outputs.entries())
    expectNear(name, toFile(read(tensor), shapeOf(network, tensor), layout), numbersIn(given.outputs[i]!))
}

async function runOnLoops(given: OnnxCase): Promise<void> {
  const made = await importCase(given)
  const tensors = runPlainly(made.network, batchOf(given), inputsOf(given, made), made.parameters, 'forward')
  expectOutputs(given, made, (tensor) => tensors[tensor]!)
}

const batchOf = ({ inputs }: OnnxCase): number => inputs[0]!.dims![0]!

/** The outputs if all inputs are constants. */
async function computeConstants(given: OnnxCase): Promise<void> {
  const bytes = withConstants(
    given,
    given.inputs.map((_, i) => i),
  )
  const constants = constantsOf(await readModel(bytes, {}, undefined))
  for (const [i, { name }] of (given.model.graph!.output ?? []).entries()) {
    const constant = constants.get(name!)
    if (!constant) throw new Error(`'${name}' is not computed`)
    expect(constant.dims, name).toEqual(given.outputs[i]!.dims ?? [])
    expectNear(name!, numbersOf(constant as Constant, name!), numbersIn(given.outputs[i]!))
  }
}

/** How many cases of each operator passed in each of the ways, or are listed. */
const counts = new Map<string, Record<string, number>>()

function countCase({ operators }: OnnxCase, way: string): void {
  for (const operator of new Set(operators)) {
    const ofOperator = counts.get(operator) ?? {}
    counts.set(operator, { ...ofOperator, [way]: (ofOperator[way] ?? 0) + 1 })
  }
}

/** Passes, or is in the list and does not. */
function cased(
  title: string,
  read: readonly Read[],
  list: typeof NO_NETWORKS,
  run: (given: OnnxCase) => Promise<void>,
): void {
  const isListed = ({ name }: Read) => reasonOf(list, name) !== undefined
  it.each(read.filter((each) => !isListed(each)))(`$name, ${title}`, async ({ given }) => {
    await run(given)
    countCase(given, title)
  })
  it.each(read.filter(isListed).map((each) => ({ ...each, reason: reasonOf(list, each.name)! })))(
    `$name is none, ${title}: $reason`,
    async ({ given }) => {
      await expect(run(given)).rejects.toThrow()
      countCase(given, `none, ${title}`)
    },
  )
}

describe.skipIf(!hasOnnxCases)(
  "ONNX's cases (skipped: not installed; apt-get install libonnx-testdata)",
  () => {
    afterAll(() => console.table(Object.fromEntries([...counts].sort())))

    it('are many, and every reason is of one of them', () => {
      expect(cases.length).toBeGreaterThan(400)
      const names = cases.map(({ name }) => name)
      for (const [pattern] of [...NO_NETWORKS, ...NO_CONSTANTS])
        expect(
          names.filter((name) => pattern.test(name)),
          `${pattern}`,
        ).not.toEqual([])
    })

    describe('as networks', () => cased('on the plain loops', cases, NO_NETWORKS, runOnLoops))

    const ofShapes = cases.filter(({ given }) =>
      given.operators.every((operator) => OF_SHAPES.includes(operator)),
    )
    describe('as constants', () => cased('at import', ofShapes, NO_CONSTANTS, computeConstants))

    // Half of what a small session costs is the start of its threads, so it has one.
    const engines = presentEngines.map((spec) => spec.replace(/@\d+$/, '@1'))
    describe.each(engines)('on %s', (spec) => {
      const networks = cases.filter(({ name }) => reasonOf(NO_NETWORKS, name) === undefined)
      let engine: Engine
      beforeAll(async () => {
        engine = await openUntuned(spec)
      })
      afterAll(() => engine.dispose())

      it.each(networks)('$name', async ({ given }) => {
        const made = await importCase(given)
        const session = await openSession(made.network, { batch: batchOf(given), engine })
        try {
          session.write(made.parameters)
          await session.run(inputsOf(given, made))
          expectOutputs(given, made, (tensor) => session.read(tensor))
          countCase(given, spec)
        } finally {
          await session.dispose()
        }
      })
    })
  },
)
