import type { Pointer, ProgramBuilder, Vector } from '../codegen/program.ts'
import type { Activation } from '../layers/index.ts'
import { activationOfSums } from './activation.ts'
import { bytes, type TargetTraits } from './kernel.ts'

/** One loop of a sum: how often it runs, and how far A and B move each time, in bytes. */
export interface SumLevel {
  readonly count: number
  readonly a: number
  readonly b: number
}

/**
 * The one micro-kernel: C[rows x vectors] += sum over k of A[row, k] (broadcast) * B[k, vectors]. All heavy steps use
 * this tile, with different strides.
 */
export interface Tile {
  readonly rows: number
  readonly vectors: number
  /** The sum's loops, outermost first. */
  readonly sum: readonly SumLevel[]
  /** How many rounds of the innermost loop are unrolled. */
  readonly unroll: number
  /** Bytes between rows of A and of C. */
  readonly aRow: number
  readonly cRow: number
}

export interface TilePointers {
  readonly a: Pointer
  readonly b: Pointer
  readonly c: Pointer
}

export interface TileEnds {
  /** The initial value of the sums: zero, C as it is, or a row of biases. */
  readonly begin: 'zero' | 'accumulate' | Pointer
  /** What is added to the sums, and the bytes between its rows. */
  readonly addend?: { readonly at: Pointer; readonly row: number } | undefined
  readonly activation?: Activation | undefined
}

/** What later tasks will read: in each round a little of it is asked for, so that it is in the cache then. */
export interface Ahead {
  /** Stays where it is when the tile is done. */
  readonly at: Pointer
  readonly bytesPerRound: number
}

/** Writes one tile. Afterwards the pointers are where they were before, except the one of what is ahead. */
export function writeTile(
  b: ProgramBuilder,
  tile: Tile,
  at: TilePointers,
  ends: TileEnds,
  ahead?: Ahead,
): void {
  const { rows, vectors } = tile
  const sums: Vector[][] = []
  for (let row = 0; row < rows; row++) {
    sums.push([])
    for (let v = 0; v < vectors; v++) {
      const offset = v * b.vectorBytes
      if (ends.begin === 'zero') sums[row]!.push(b.splat(0))
      else if (ends.begin === 'accumulate') sums[row]!.push(b.load(at.c, row * tile.cRow + offset))
      else sums[row]!.push(b.load(ends.begin, offset))
    }
  }

  const step = (a: number, bOffset: number): void => {
    const operands = Array.from({ length: vectors }, (_, v) => b.load(at.b, bOffset + v * b.vectorBytes))
    for (let row = 0; row < rows; row++) {
      const value = b.broadcast(at.a, a + row * tile.aRow)
      for (let v = 0; v < vectors; v++) b.fma(sums[row]![v]!, value, operands[v]!)
    }
  }

  const levels = joinLevels(tile.sum)
  const write = (depth: number): void => {
    const level = levels[depth]!
    if (depth < levels.length - 1) {
      b.walk(
        level.count,
        [
          [at.a, level.a],
          [at.b, level.b],
        ],
        () => write(depth + 1),
      )
      return
    }
    const rounds = roundsOf(level.count, tile.unroll)
    const isWhole = rounds > 0
    if (isWhole) {
      b.loop(rounds, () => {
        for (let u = 0; u < tile.unroll; u++) step(u * level.a, u * level.b)
        if (ahead) {
          for (let line = 0; line < ahead.bytesPerRound; line += CACHE_LINE_BYTES) b.prefetch(ahead.at, line)
          b.advance(ahead.at, ahead.bytesPerRound)
        }
        b.advance(at.a, tile.unroll * level.a)
        b.advance(at.b, tile.unroll * level.b)
      })
    }
    const done = isWhole ? rounds * tile.unroll : 0
    for (let k = done; k < level.count; k++) step((k - done) * level.a, (k - done) * level.b)
    b.advance(at.a, -done * level.a)
    b.advance(at.b, -done * level.b)
  }
  if (levels.length > 0) write(0)

  const { addend } = ends
  const { inRegister, inMemory } = activationOfSums(b, ends.activation)
  for (let row = 0; row < rows; row++) {
    for (let v = 0; v < vectors; v++) {
      const offset = v * b.vectorBytes
      const sum = sums[row]![v]!
      const whole = addend ? b.add(sum, b.load(addend.at, row * addend.row + offset)) : sum
      b.store(at.c, row * tile.cRow + offset, inRegister(whole))
    }
  }
  if (inMemory) {
    const vectorsOf = (count: number): number[] =>
      Array.from({ length: count * vectors }, (_, i) => {
        return Math.floor(i / vectors) * tile.cRow + (i % vectors) * b.vectorBytes
      })
    const together = Math.max(1, Math.floor(ACTIVATED_TOGETHER / vectors))
    const rest = rows % together
    const pastWhole = (rows - rest) * tile.cRow
    b.walk((rows - rest) / together, [[at.c, together * tile.cRow]], () =>
      inMemory(at.c, vectorsOf(together)),
    )
    b.advance(at.c, pastWhole)
    inMemory(at.c, vectorsOf(rest))
    b.advance(at.c, -pastWhole)
  }
}

const CACHE_LINE_BYTES = 64

/** How many rounds the innermost loop of a sum over `count` has; 0 if it is none. */
export function roundsOf(count: number, unroll: number): number {
  const rounds = Math.floor(count / unroll)
  return rounds > 1 ? rounds : 0
}

const LARGE_BYTES = 2 ** 19

/** Whether so many weights are too many to stay in a thread's cache beside other things. */
export const areLarge = (weights: number): boolean => bytes(weights) >= LARGE_BYTES

/** Whether it is worth asking for these weights before they are used. */
export const isAskedAhead = (traits: TargetTraits, weights: number): boolean =>
  traits.prefetches === true && areLarge(weights)

/** About so many vectors are activated in one round of a loop. */
const ACTIVATED_TOGETHER = 4

/** Joins two loops if the outer one continues where the inner one ended; a sum over nothing has no loops. */
function joinLevels(sum: readonly SumLevel[]): SumLevel[] {
  if (sum.some(({ count }) => count === 0)) return []
  const joined: SumLevel[] = []
  for (const level of [...sum].reverse()) {
    const inner = joined[0]
    if (level.count === 1 && inner) continue
    if (inner && level.a === inner.count * inner.a && level.b === inner.count * inner.b) {
      joined[0] = { ...inner, count: inner.count * level.count }
    } else joined.unshift(level)
  }
  return joined
}

/** A tile's size: rows of A by vectors of B. */
export interface TileShape {
  readonly rows: number
  readonly vectors: number
  readonly unroll: number
}

/** The tile's name in tables and tunings: rows x values, and how many rounds are unrolled. */
export const tileName = ({ rows, vectors, unroll }: TileShape, lanes: number): string =>
  `${rows}x${vectors * lanes}${unroll > 1 ? ` by ${unroll}` : ''}`

/** Sums in flight that hide the latency of a fused multiply-add (4 cycles, two each cycle). */
const MIN_SUMS = 8

/** All shapes that fit the registers and keep the multiplier busy; the one that is probably best comes first. */
export function tileShapes(vectorRegisters: number, mostVectors: number): TileShape[] {
  const shapes: TileShape[] = []
  for (const [rows, vectors, unroll] of vectorRegisters > 16 ? OF_32_REGISTERS : OF_16_REGISTERS) {
    const registers = rows * vectors + vectors + 1
    if (registers <= vectorRegisters && vectors <= mostVectors) shapes.push({ rows, vectors, unroll })
  }
  // A narrow tensor has few vectors, so the tile needs many rows.
  if (!shapes.some(({ rows, vectors }) => rows * vectors >= MIN_SUMS))
    shapes.push({ rows: 8, vectors: 1, unroll: 1 })
  return shapes
}

// 4 x 2 vectors: 8 sums leave registers for the operands. 6 x 2 spills in V8 11.3 (half the speed) but is the fastest
// in 13.6 and in machine code.
const OF_16_REGISTERS = [
  [4, 2, 1],
  [2, 4, 1],
  [6, 2, 1],
  [4, 2, 2],
  [6, 2, 2],
  [5, 2, 1],
  [3, 3, 1],
  [4, 3, 1],
  [4, 3, 2],
  [8, 1, 1],
  [12, 1, 1],
] as const

// Two loads a cycle feed two multiply-adds of 512 bits only if each value serves several, so the squarer the tile the
// better.
const OF_32_REGISTERS = [
  [13, 2, 1],
  [13, 2, 2],
  [9, 3, 1],
  [9, 3, 2],
  [6, 4, 1],
  [6, 4, 2],
  [4, 4, 1],
  [7, 3, 1],
  [14, 2, 1],
  [7, 2, 2],
  [12, 1, 1],
] as const
