// What a depthwise convolution's forward and its input gradient share: sums over the taps of each channel alone.
import { type Pointer, ProgramBuilder } from '../codegen/program.ts'
import type { Activation } from '../layers/index.ts'
import type { StepOfKind } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import { type Cuts, cutImages, cutInUnits } from './depthwise-tasks.ts'
import { depthwiseTile, type Tap, type TilePitches, writeDepthwiseTile } from './depthwise-tile.ts'
import type { GroupedWay } from './grouped-way.ts'
import {
  type Argument,
  argument,
  bytes,
  type Candidate,
  type Part,
  runsOf,
  type TargetTraits,
  threadArgument,
} from './kernel.ts'

/** The program of a kernel with more taps would be too long for the instruction cache. */
const MOST_TAPS = 64

/** One register is kept free for the product, in case the target does not fuse multiplication and addition. */
export const usableRegisters = ({ vectorRegisters }: TargetTraits): number => vectorRegisters - 1

/** A tile's rows and columns of units: see `DepthwiseSums`. */
export interface DepthwiseCandidate extends Candidate {
  readonly rows: number
  readonly columns: number
}

/**
 * Outputs (images, height, width) by vectors of channels, each a sum over taps. Units repeat the same taps: a unit has
 * `unit` output pixels, and the next one's taps read `step` pixels further. Forward, a unit is one output pixel; in an input
 * gradient, one pixel of each phase of the stride. Pitches are in values.
 */
export interface DepthwiseSums {
  readonly name: string
  readonly images: number
  readonly height: number
  readonly width: number
  readonly vectors: number
  readonly taps: number
  readonly unit: { readonly rows: number; readonly columns: number }
  readonly step: { readonly rows: number; readonly columns: number }
  readonly tapsOf: (row: number, column: number) => readonly Tap[]
  readonly input: Place
  readonly weights: View
  readonly biases: View | null
  readonly output: Place
  readonly activation: Activation | undefined
  /** If the sums can't read the input or write the output in place: what a task does in scratch before or after its sums. */
  readonly spread?: Spread
}

export interface Place {
  readonly image: number
  readonly row: number
  readonly pixel: number
  readonly at: (values: number, steps: readonly number[]) => Argument
}

/** A task's sums read a copy of their input in scratch, or write to scratch. Pitches are the scratch's, in values. */
export interface Spread {
  readonly side: 'input' | 'output'
  readonly rowPitch: number
  readonly pixelPitch: number
  /** How many values of scratch a task of this many output rows needs. */
  scratch(rows: number): number
  write(b: ProgramBuilder, at: { readonly tensor: Pointer; readonly scratch: Pointer }, rows: number): void
}

// A tile of two rows loads the inputs that both read once. In one row, 8 sums hide the latency of a multiply-add.
const TILES_OF_32_REGISTERS = [
  { rows: 2, sums: 16 },
  { rows: 1, sums: 8 },
  { rows: 1, sums: 14 },
] as const
// Unless multiply-adds are fused, V8 11.3 spills some of 8 sums, and 4 sums are 1.5 times as fast.
const TILES_OF_16_REGISTERS = [
  { rows: 2, sums: 8 },
  { rows: 1, sums: 4 },
  { rows: 1, sums: 8 },
] as const

type Periodic = Pick<DepthwiseSums, 'unit' | 'tapsOf' | 'taps' | 'width' | 'height'>

/** The tile over this many units; the edge of the image may cut it short. */
const tileOf = ({ unit, tapsOf, height, width }: Periodic, rows: number, columns: number) =>
  depthwiseTile(Math.min(rows * unit.rows, height), Math.min(columns * unit.columns, width), tapsOf)

/** The tiles that fit the registers, the one that is probably best first; none if no tile fits, or the kernel is too large. */
function depthwiseCandidates(traits: TargetTraits, sums: Periodic): DepthwiseCandidate[] {
  const { unit, taps } = sums
  if (taps > MOST_TAPS) return []
  const registers = usableRegisters(traits)
  const widthInUnits = Math.ceil(sums.width / unit.columns)
  const heightInUnits = Math.ceil(sums.height / unit.rows)
  const candidates = new Map<string, DepthwiseCandidate>()
  const add = (rows: number, columns: number): void => {
    const tile = `${rows * unit.rows}x${columns * unit.columns}x${traits.lanes}`
    candidates.set(tile, candidates.get(tile) ?? { algorithm: 'direct', tile, rows, columns })
  }
  const unitSums = unit.rows * unit.columns
  for (const wanted of traits.vectorRegisters > 16 ? TILES_OF_32_REGISTERS : TILES_OF_16_REGISTERS) {
    const rows = Math.min(wanted.rows, heightInUnits)
    const columns = Math.min(Math.max(1, Math.floor(wanted.sums / (rows * unitSums))), widthInUnits)
    if (tileOf(sums, rows, columns).registers <= registers) add(rows, columns)
  }
  // Tiles that don't keep weights in registers need only the sums, one value and one vector of weights.
  if (candidates.size === 0 && unitSums + 2 <= registers) {
    add(1, Math.min(Math.max(1, Math.floor(8 / unitSums)), widthInUnits))
  }
  return [...candidates.values()]
}

const cutsOf = (sums: DepthwiseSums): Cuts =>
  cutImages({
    images: sums.images,
    height: sums.height,
    rowValues: Math.max(
      sums.width * sums.output.pixel,
      (sums.width * sums.step.rows * sums.step.columns * sums.input.pixel) /
        (sums.unit.rows * sums.unit.columns),
    ),
    vectors: sums.vectors,
    unit: sums.unit.rows,
    splitsChannels: sums.spread === undefined,
  })

/** The scratch that a thread needs for the largest task, in values. */
const depthwiseScratch = (sums: DepthwiseSums): number =>
  sums.spread ? Math.max(...cutsOf(sums).bands.map(({ size }) => sums.spread!.scratch(size))) : 0

/** The tasks: each computes a band of rows of an image for some vectors of channels. */
function depthwiseParts(traits: TargetTraits, sums: DepthwiseSums, candidate: DepthwiseCandidate): Part[] {
  const { bands, blocks } = cutsOf(sums)
  const { input, output, weights, biases } = sums
  const inputRows = (rows: number): number => (rows / sums.unit.rows) * sums.step.rows * input.row
  return blocks.flatMap((block) =>
    bands.map((band): Part => {
      const channel = block.first * traits.lanes
      const width = block.size * traits.lanes
      return {
        program: depthwiseProgram(traits, sums, candidate, band.size, block.size),
        grid: [sums.images, band.count, block.count],
        arguments: {
          input: input.at(channel + inputRows(band.first), [
            input.image,
            band.count > 1 ? inputRows(band.size) : 0,
            width,
          ]),
          weights: argument(weights, channel, [0, 0, width]),
          ...(biases && { biases: argument(biases, channel, [0, 0, width]) }),
          output: output.at(channel + band.first * output.row, [output.image, band.size * output.row, width]),
          ...(sums.spread && { scratch: threadArgument }),
        },
      }
    }),
  )
}

function depthwiseProgram(
  traits: TargetTraits,
  sums: DepthwiseSums,
  candidate: DepthwiseCandidate,
  height: number,
  vectors: number,
) {
  const { unit, step, tapsOf, biases, spread } = sums
  const parameters = [
    'input',
    'weights',
    ...(biases ? ['biases'] : []),
    'output',
    ...(spread ? ['scratch'] : []),
  ]
  const b = new ProgramBuilder(`${sums.name} ${candidate.tile}`, traits.lanes, parameters)
  const tensors = { input: b.parameter('input'), output: b.parameter('output') }
  const scratch = spread && b.parameter('scratch')
  const onScratch = (side: 'input' | 'output') => (spread?.side === side ? scratch : undefined)
  const at = {
    input: onScratch('input') ?? tensors.input,
    weights: b.parameter('weights'),
    biases: biases ? b.parameter('biases') : null,
    output: onScratch('output') ?? tensors.output,
  }
  const [inputOfSums, outputOfSums] = (['input', 'output'] as const).map((side) =>
    spread?.side === side ? { row: spread.rowPitch, pixel: spread.pixelPitch } : sums[side],
  ) as [Pick<Place, 'row' | 'pixel'>, Pick<Place, 'row' | 'pixel'>]
  const pitches: TilePitches = {
    inputRow: inputOfSums.row,
    inputPixel: inputOfSums.pixel,
    weights: sums.weights.pixelPitch,
    outputRow: outputOfSums.row,
    outputPixel: outputOfSums.pixel,
  }
  if (spread?.side === 'input') spread.write(b, { tensor: tensors.input, scratch: scratch! }, height)

  const channelMoves = [at.input, at.weights, at.output, ...(at.biases === null ? [] : [at.biases])].map(
    (pointer) => [pointer, b.vectorBytes] as const,
  )
  const columnPieces = runsOf(cutInUnits(sums.width, unit.columns, candidate.columns))
  const widthInUnits = Math.ceil(sums.width / unit.columns)
  const tileRow = (rows: number): void => {
    for (const { size, count } of columnPieces) {
      const tile = depthwiseTile(rows, size, tapsOf)
      const use = {
        pitches,
        activation: sums.activation,
        keepsWeights: tile.registers <= usableRegisters(traits),
      }
      b.loop(count, () => {
        b.walk(vectors, channelMoves, () => writeDepthwiseTile(b, tile, at, use))
        b.advance(at.input, bytes(Math.ceil(size / unit.columns) * step.columns * pitches.inputPixel))
        b.advance(at.output, bytes(size * pitches.outputPixel))
      })
    }
    b.advance(at.input, -bytes(widthInUnits * step.columns * pitches.inputPixel))
    b.advance(at.output, -bytes(sums.width * pitches.outputPixel))
  }
  for (const { size, count } of runsOf(cutInUnits(height, unit.rows, candidate.rows))) {
    b.loop(count, () => {
      tileRow(size)
      b.advance(at.input, bytes(Math.ceil(size / unit.rows) * step.rows * pitches.inputRow))
      b.advance(at.output, bytes(size * pitches.outputRow))
    })
  }
  if (spread?.side === 'output') {
    b.advance(scratch!, -bytes(height * pitches.outputRow))
    spread.write(b, { tensor: tensors.output, scratch: scratch! }, height)
  }
  return b.finish()
}

/** The way of a step whose groups have one input channel each, by the sums that it computes. */
export function depthwiseWay<Kind extends 'grouped-conv-forward' | 'grouped-conv-input-gradient'>(
  isDepthwise: (step: StepOfKind<Kind>) => boolean,
  sumsOf: (step: StepOfKind<Kind>, traits: TargetTraits) => DepthwiseSums,
): GroupedWay<Kind, DepthwiseCandidate> {
  const candidates = (step: StepOfKind<Kind>, traits: TargetTraits) =>
    depthwiseCandidates(traits, sumsOf(step, traits))
  return {
    fits: (step, traits) => isDepthwise(step) && candidates(step, traits).length > 0,
    candidates,
    build(step, traits, candidate) {
      const sums = sumsOf(step, traits)
      return {
        ...candidate,
        privateBuffers: [],
        threadScratch: depthwiseScratch(sums),
        prologue: [],
        stages: [{ parts: depthwiseParts(traits, sums, candidate) }],
      }
    },
  }
}
