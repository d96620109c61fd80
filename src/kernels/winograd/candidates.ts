import type { WindowGeometry } from '../../layers/index.ts'
import type { TargetTraits } from '../kernel.ts'
import { type TileShape, tileName, tileShapes } from '../tile.ts'
import type { WinogradCandidate } from './convolution.ts'
import { POINT_SETS, type PointCount } from './matrices.ts'
import { strideOne } from './stride-one.ts'

/** Fewer outputs of a tile than this save nothing. */
const MIN_OUTPUTS = 2
/** A tile that is not among the best of direct convolution is not among the best here. */
const SHAPES = 4
const POINT_CHOICES = 2

const POINT_COUNTS = Object.keys(POINT_SETS).map(Number) as PointCount[]

/** Products for each pair of a channel and a filter, the blocks' zeros too; null where the points do not fit the kernel. */
function productsOf(g: WindowGeometry, points: PointCount): number | null {
  const { vertical, horizontal } = strideOne(g)
  const tiles = [vertical, horizontal].map(({ kernel, output }) => {
    const outputs = points - kernel + 1
    return kernel < 2 || outputs < MIN_OUTPUTS ? null : Math.ceil(output / outputs)
  })
  if (tiles[0] === null || tiles[1] === null) return null
  return tiles[0]! * tiles[1]! * points ** 2 * vertical.block * horizontal.block
}

/** Points that save multiplications, the most saving first. */
function pointChoices(g: WindowGeometry): PointCount[] {
  const direct = g.outputHeight * g.outputWidth * g.kernelHeight * g.kernelWidth
  return POINT_COUNTS.map((points) => ({ points, products: productsOf(g, points) ?? Infinity }))
    .filter(({ products }) => products < direct)
    .sort((a, b) => a.products - b.products)
    .slice(0, POINT_CHOICES)
    .map(({ points }) => points)
}

/** Why a convolution has no way. */
export function whyNotWinograd(g: WindowGeometry): string {
  const { vertical, horizontal } = strideOne(g)
  const kernels = [vertical.kernel, horizontal.kernel]
  const blocks = g.strideHeight > 1 || g.strideWidth > 1 ? ' of blocks' : ''
  const kernel = `its kernel${blocks} is ${vertical.kernel}x${horizontal.kernel}`
  const largest = Math.max(...POINT_COUNTS) - MIN_OUTPUTS + 1
  if (Math.min(...kernels) < 2) return `${kernel}: nothing to save`
  if (Math.max(...kernels) > largest) return `${kernel}: there are points for up to ${largest}`
  return `its ${g.outputHeight}x${g.outputWidth} outputs take as many products in tiles as without`
}

/** Ways to do a convolution by Winograd, none where it saves nothing. */
export function winogradCandidates(
  g: WindowGeometry,
  traits: TargetTraits,
  vectors: number,
  shapes: readonly TileShape[] = tileShapes(traits.vectorRegisters, vectors),
): WinogradCandidate[] {
  const { vertical, horizontal } = strideOne(g)
  const points = pointChoices(g)
  const kernel = `${vertical.kernel}x${horizontal.kernel}`
  // The first few of all points are measured first.
  return shapes.slice(0, SHAPES).flatMap((shape) =>
    points.map((points): WinogradCandidate => {
      const [m, n] = [points - vertical.kernel + 1, points - horizontal.kernel + 1]
      const tile = `F(${m}x${n}, ${kernel}) ${tileName(shape, traits.lanes)}`
      return { algorithm: 'winograd', tile, ...shape, points }
    }),
  )
}

/** Rows, vectors */
const DIVIDING = [
  [8, 3],
  [4, 3],
  [8, 2],
  [4, 2],
  [4, 4],
  [8, 1],
  [4, 1],
] as const

/** Tiles whose rows divide a vector: those of a product whose rows lie in blocks of one. */
export const dividingShapes = ({ lanes, vectorRegisters }: TargetTraits, mostVectors: number): TileShape[] =>
  DIVIDING.filter(
    ([rows, vectors]) =>
      rows <= lanes && vectors <= mostVectors && rows * vectors + vectors + 1 <= vectorRegisters,
  ).map(([rows, vectors]) => ({ rows, vectors, unroll: 1 }))
