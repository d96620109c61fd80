import type { Activation } from '../../layers/index.ts'
import type { Argument, Candidate, OutputPlace, PrivateBuffer, Stage } from '../kernel.ts'
import type { TileShape } from '../tile.ts'
import { type WeightsLayout, weightsLayout } from './layout.ts'
import type { PointCount } from './matrices.ts'
import type { TileSource } from './source.ts'
import type { TiledAxis } from './tiling.ts'

export interface WinogradCandidate extends Candidate, TileShape {
  readonly points: PointCount
  /**
   * How many rows of tiles a thread keeps in its cache from transform to transform; null: images are transformed in
   * groups, through memory.
   */
  readonly bandRows: number | null
}

/** A convolution with stride 1 as Winograd does it: tiles of outputs by vectors of filters. Pitches in values. */
export interface WinogradConvolution {
  readonly name: string
  readonly images: number
  readonly vertical: TiledAxis
  readonly horizontal: TiledAxis
  readonly input: TileSource
  /** Vectors of filters. */
  readonly vectors: number
  /** The transformed weights. */
  readonly weights: (values: number, steps: readonly number[]) => Argument
  readonly biases: ((values: number, steps: readonly number[]) => Argument) | null
  readonly output: OutputPlace
  /** Added to the sums. */
  readonly addend: OutputPlace | null
  readonly activation: Activation | undefined
}

/** What the steps of a Winograd convolution need beyond their tensors. */
export interface WinogradStages {
  readonly stages: readonly Stage[]
  readonly privateBuffers: readonly PrivateBuffer[]
  readonly threadScratch: number
}

/** The number of points of a tile. */
export const pointsOf = ({ vertical, horizontal }: { vertical: TiledAxis; horizontal: TiledAxis }): number =>
  vertical.points * horizontal.points

export const convolutionWeightsLayout = (conv: WinogradConvolution, lanes: number): WeightsLayout =>
  weightsLayout(pointsOf(conv), conv.input.channels, conv.vectors * lanes)
