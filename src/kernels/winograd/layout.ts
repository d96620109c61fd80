import { roundUp } from '../../tensor.ts'

/** Values of a cache line. */
const LINE = 16

/** Rounds up to an odd number of cache lines, so that addresses one pitch apart fall into different sets of the cache. */
export const oddLines = (values: number): number => {
  const lines = roundUp(values, LINE) / LINE
  return (lines % 2 === 0 ? lines + 1 : lines) * LINE
}

/** Transformed tiles: [point][tile][channel]. Pitches in values. */
export interface TilePitches {
  readonly tile: number
  readonly point: number
}

export interface TileLayout extends TilePitches {
  readonly length: number
}

export function tileLayout(points: number, tiles: number, channels: number): TileLayout {
  const tile = oddLines(channels)
  const point = oddLines(tiles * tile)
  return { tile, point, length: points * point }
}

/** Transformed weights: [point][block of filters][channel][filter of the block]. */
export interface WeightsLayout {
  readonly point: number
  readonly length: number
}

export function weightsLayout(points: number, channels: number, filters: number): WeightsLayout {
  const point = oddLines(channels * filters)
  return { point, length: points * point }
}

/** Transformed tiles by blocks of channels: [point][block][tile][channel of the block], for sums over tiles. */
export interface BlockedTiles {
  readonly tiles: number
  readonly point: number
  readonly length: number
}

export function blockedTiles(points: number, tiles: number, channels: number): BlockedTiles {
  const point = oddLines(tiles * channels)
  return { tiles, point, length: points * point }
}
