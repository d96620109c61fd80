import { FLOAT_BYTES } from '../../codegen/program.ts'
import type { WindowGeometry } from '../../layers/index.ts'
import type { TargetTraits } from '../kernel.ts'
import { type TileShape, tileName, tileShapes } from '../tile.ts'
import { bandBlocks } from './bands.ts'
import type { WinogradCandidate } from './convolution.ts'
import { POINT_SETS, type PointCount } from './matrices.ts'
import { strideOne } from './stride-one.ts'
import { tiledAxis } from './tiling.ts'
import type { WinogradGradientCandidate } from './weights-gradient.ts'

/** Tiles with fewer outputs than this save nothing. */
const MIN_OUTPUTS = 2
/** Only the best tile shapes of direct convolution are tried: others are not among the best here either. */
const SHAPES = 3
/** Bands of about this many tiles: small ones stay in the cache with more channels, large ones read the weights less often. */
const BAND_TILES = [8, 24]
const POINT_CHOICES = 2
/**
 * What all threads multiply and add while they read a byte of memory. With few images the transformed weights, of which
 * there are more with more points, are not in a cache.
 */
const MULTIPLY_ADDS_PER_BYTE = 6

const POINT_COUNTS = Object.keys(POINT_SETS).map(Number) as PointCount[]
/** Fewer save little, so they are tried only if there is little to multiply and many weights to read. */
const MANY_POINTS = POINT_COUNTS.filter((points) => points >= 6)

/**
 * Products for each pair of a channel and a filter, including those with the blocks' zeros; null if the points do not
 * fit the kernel.
 */
function productsOf(g: WindowGeometry, points: PointCount): number | null {
  const { vertical, horizontal } = strideOne(g)
  const tiles = [vertical, horizontal].map(({ kernel, output }) => {
    const outputs = points - kernel + 1
    return kernel < 2 || outputs < MIN_OUTPUTS ? null : Math.ceil(output / outputs)
  })
  if (tiles[0] === null || tiles[1] === null) return null
  return tiles[0]! * tiles[1]! * points ** 2 * vertical.block * horizontal.block
}

const isDilated = (g: WindowGeometry): boolean => g.dilationHeight > 1 || g.dilationWidth > 1

interface PointChoice {
  readonly points: PointCount
  readonly products: number
}

const directProducts = (g: WindowGeometry): number =>
  g.outputHeight * g.outputWidth * g.kernelHeight * g.kernelWidth

/** The numbers of points that save multiplications, and their products; the one that saves most comes first. */
function savingPoints(g: WindowGeometry, of: readonly PointCount[]): PointChoice[] {
  if (isDilated(g)) return []
  return of
    .map((points) => ({ points, products: productsOf(g, points) ?? Infinity }))
    .filter(({ products }) => products < directProducts(g))
    .sort((a, b) => a.products - b.products)
}

/** Those that save most. */
const bestPoints = (g: WindowGeometry): PointCount[] =>
  savingPoints(g, MANY_POINTS)
    .slice(0, POINT_CHOICES)
    .map(({ points }) => points)

/** The one that takes least if the transformed weights are read from memory; none if that is direct convolution. */
function bestFromMemory(g: WindowGeometry, images: number): PointCount[] {
  const { vertical, horizontal } = strideOne(g)
  const costOf = (products: number, weights: number): number =>
    (products * images) / MULTIPLY_ADDS_PER_BYTE + weights * FLOAT_BYTES
  const costs = savingPoints(g, POINT_COUNTS).map(({ points, products }) => ({
    points,
    cost: costOf(products, points ** 2 * vertical.block * horizontal.block),
  }))
  const direct = costOf(directProducts(g), g.kernelHeight * g.kernelWidth)
  return costs
    .filter(({ cost }) => cost < direct)
    .sort((a, b) => a.cost - b.cost)
    .slice(0, 1)
    .map(({ points }) => points)
}

/** Why Winograd is not possible for a convolution, or saves nothing. */
export function whyNotWinograd(g: WindowGeometry): string {
  if (isDilated(g)) return `its kernel is dilated by ${g.dilationHeight}x${g.dilationWidth}`
  const { vertical, horizontal } = strideOne(g)
  const kernels = [vertical.kernel, horizontal.kernel]
  const blocks = g.strideHeight > 1 || g.strideWidth > 1 ? ' of blocks' : ''
  const kernel = `its kernel${blocks} is ${vertical.kernel}x${horizontal.kernel}`
  const largest = Math.max(...POINT_COUNTS) - MIN_OUTPUTS + 1
  if (Math.min(...kernels) < 2) return `${kernel}: nothing to save`
  if (Math.max(...kernels) > largest) return `${kernel}: there are points for up to ${largest}`
  return `its ${g.outputHeight}x${g.outputWidth} outputs take as many products in tiles as without`
}

/** The sizes of a convolution that its candidates depend on. */
export interface WinogradSizes {
  /** Null for an input gradient: where there is one, the weights were transformed just before. */
  readonly images: number | null
  readonly geometry: WindowGeometry
  /** In whole vectors. */
  readonly channels: number
  readonly filters: number
}

/** Ways to do a convolution by Winograd; none if it saves nothing. In each family the one that is probably best comes first. */
export function winogradCandidates(traits: TargetTraits, sizes: WinogradSizes): WinogradCandidate[] {
  const { images, geometry, channels, filters } = sizes
  const vectors = filters / traits.lanes
  const { vertical, horizontal } = strideOne(geometry)
  const shapes = tileShapes(traits.vectorRegisters, vectors).slice(0, SHAPES)
  const fromMemory = images === null ? [] : bestFromMemory(geometry, images)
  const choices = [...new Set([...bestPoints(geometry), ...fromMemory])]
  return choices.flatMap((points) => {
    const axes = { vertical: tiledAxis(points, vertical), horizontal: tiledAxis(points, horizontal) }
    const bands = BAND_TILES.map((tiles) => Math.ceil(tiles / axes.horizontal.count)).filter(
      (rows, i, all) => {
        const isNew = rows <= axes.vertical.count && all.indexOf(rows) === i
        return isNew && bandBlocks(points ** 2, rows * axes.horizontal.count, channels, traits.lanes, 1) > 0
      },
    )
    return [...bands, null].flatMap((bandRows) =>
      shapes.map((shape): WinogradCandidate => {
        const rows = bandRows === null ? '' : `, bands of ${bandRows}`
        const family = `${tileSizes(points, geometry)}${rows}`
        return {
          algorithm: 'winograd',
          tile: `${tileSizes(points, geometry)} ${tileName(shape, traits.lanes)}${rows}`,
          family,
          ...shape,
          points,
          bandRows,
        }
      }),
    )
  })
}

/** Ways to do a weights gradient by Winograd. */
export function winogradGradientCandidates(
  traits: TargetTraits,
  geometry: WindowGeometry,
  filters: number,
): WinogradGradientCandidate[] {
  const shapes = dividingShapes(traits, filters / traits.lanes)
  return bestPoints(geometry).flatMap((points) =>
    shapes.map((shape): WinogradGradientCandidate => {
      const family = tileSizes(points, geometry)
      return {
        algorithm: 'winograd',
        tile: `${family} ${tileName(shape, traits.lanes)}`,
        family,
        ...shape,
        points,
      }
    }),
  )
}

/** F(outputs, taps) of a tile, as the literature writes it. */
function tileSizes(points: PointCount, g: WindowGeometry): string {
  const { vertical, horizontal } = strideOne(g)
  const [rows, columns] = [points - vertical.kernel + 1, points - horizontal.kernel + 1]
  return `F(${rows}x${columns}, ${vertical.kernel}x${horizontal.kernel})`
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

/** Tile shapes whose rows divide a vector, for products whose rows lie in blocks of a vector. */
const dividingShapes = ({ lanes, vectorRegisters }: TargetTraits, mostVectors: number): TileShape[] =>
  DIVIDING.filter(
    ([rows, vectors]) =>
      rows <= lanes && vectors <= mostVectors && rows * vectors + vectors + 1 <= vectorRegisters,
  ).map(([rows, vectors]) => ({ rows, vectors, unroll: 1 }))
