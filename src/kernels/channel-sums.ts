// Sums for each channel, over all pixels of each image or of all images: each piece of an image is summed alone, then the
// pieces are added in order.
import { type Pointer, ProgramBuilder, type Vector } from '../codegen/program.ts'
import type { View } from '../plan/views.ts'
import { writeZeros } from './copy.ts'
import {
  type Argument,
  argument,
  bytes,
  type EqualPieces,
  evenSplit,
  type Part,
  type PrivateBuffer,
  privateArgument,
  runsOf,
  type Stage,
  type TargetTraits,
  vectorBlocks,
} from './kernel.ts'
import { eachVectorOfChannels, VALUES_PER_TASK } from './rows.ts'

/** What a kernel keeps for each piece: `perChannel` values a channel. */
export interface ChannelSums {
  readonly name: string
  /** The tensors that the pieces are read from, all of one shape. */
  readonly views: Readonly<Record<string, View>>
  /** What a piece also reads: values by channel, of the whole batch or of its image, from the first channel on. */
  readonly channels: Readonly<Record<string, Argument>>
  /** What a piece also reads: tensors of one channel, which all channels share. */
  readonly ofPixels?: Readonly<Record<string, View>>
  /** What a piece also reads: one value of its image, which all channels share. */
  readonly values?: Readonly<Record<string, Argument>>
  readonly perChannel: number
  /** What is added takes many registers to compute. */
  readonly needsRegisters?: boolean
  /** Which of the kernel's private buffers holds the pieces' sums. */
  readonly privateBuffer: number
}

/**
 * Vectors of channels that are summed together, with their sums in registers. The more, the longer are the stretches of memory
 * that are read. V8 spills sooner than it has to, so WASM's are few.
 */
const vectorsAtOnce = (
  { lanes, vectorRegisters }: TargetTraits,
  { needsRegisters = false }: ChannelSums,
): number => (lanes === 4 || needsRegisters ? vectorRegisters / 8 : vectorRegisters / 4)

const first = ({ views }: ChannelSums): View => Object.values(views)[0]!

function piecesOf(sums: ChannelSums): EqualPieces[] {
  const { shape, pixelPitch } = first(sums)
  const rows = Math.max(1, Math.floor(VALUES_PER_TASK / (shape[2] * pixelPitch)))
  return runsOf(evenSplit(shape[1], rows))
}

const piecesOfImage = (sums: ChannelSums): number =>
  piecesOf(sums).reduce((total, { count }) => total + count, 0)

const pieceLength = (sums: ChannelSums): number => sums.perChannel * first(sums).pixelPitch

export const channelSumsBuffer = (sums: ChannelSums): PrivateBuffer => ({
  name: `${sums.name} partial`,
  length: first(sums).shape[0] * piecesOfImage(sums) * pieceLength(sums),
  lifetime: 'step',
})

/** Some vectors of channels of a piece. */
export interface ChannelBlock {
  readonly vectors: number
  /** How many values each channel has in the piece. */
  readonly count: number
  /** The block's vectors of one of the `channels`. */
  of(name: string): Vector[]
  /** One of them, which stays in memory: it is loaded here. */
  at(name: string, vector: number): Vector
  /** Calls `visit` at each pixel of the piece, for each vector; `load` reads that vector from a tensor. */
  eachPixel(visit: VisitPixel): void
  /** The same, row by row. */
  eachRow(write: (eachPixel: (visit: VisitPixel) => void) => void): void
}

type VisitPixel = (vector: number, load: (name: string) => Vector) => void

/** Computes each piece's own sums: `write` returns, for a block, its vectors for each of the values a channel. */
export function pieceStage(
  traits: TargetTraits,
  sums: ChannelSums,
  write: (b: ProgramBuilder, block: ChannelBlock) => readonly (readonly Vector[])[],
): Stage {
  const view = first(sums)
  const [images, , width] = view.shape
  const pitch = view.pixelPitch
  const values = sums.values ?? {}
  const ofPixels = sums.ofPixels ?? {}
  const moved = [...Object.keys(sums.views), ...Object.keys(sums.channels), 'partial']
  const names = [...moved, ...Object.keys(ofPixels), ...Object.keys(values)]
  const isShared = (name: string) => name in values || name in ofPixels
  let firstPiece = 0
  const parts = piecesOf(sums).flatMap((rows): Part[] => {
    const at = firstPiece
    firstPiece += rows.count
    return vectorBlocks(pitch / traits.lanes, vectorsAtOnce(traits, sums)).map((block): Part => {
      const b = new ProgramBuilder(sums.name, traits.lanes, names)
      const pointers = Object.fromEntries(names.map((name) => [name, b.parameter(name)])) as Record<
        string,
        Pointer
      >
      const movesBy = (pitch: 'rowPitch' | 'pixelPitch') =>
        Object.entries({ ...sums.views, ...ofPixels }).map(
          ([name, each]) => [pointers[name]!, bytes(each[pitch])] as const,
        )
      const [rowMoves, pixelMoves] = [movesBy('rowPitch'), movesBy('pixelPitch')]
      const vectors = Array.from({ length: block.size }, (_, v) => v)
      const eachRow = (each: (eachPixel: (visit: VisitPixel) => void) => void): void =>
        b.walk(rows.size, rowMoves, () =>
          each((visit) =>
            b.walk(width, pixelMoves, () => {
              for (const v of vectors)
                visit(v, (name) =>
                  isShared(name) ? b.broadcast(pointers[name]!) : b.load(pointers[name]!, v * b.vectorBytes),
                )
            }),
          ),
        )
      b.loop(block.count, () => {
        const made = write(b, {
          vectors: block.size,
          count: rows.size * width,
          of: (name) => vectors.map((v) => b.load(pointers[name]!, v * b.vectorBytes)),
          at: (name, v) => b.load(pointers[name]!, v * b.vectorBytes),
          eachRow,
          eachPixel: (visit) => eachRow((eachPixel) => eachPixel(visit)),
        })
        for (const [i, vectorsOf] of made.entries())
          for (const [v, value] of vectorsOf.entries())
            b.store(pointers.partial!, bytes(i * pitch) + v * b.vectorBytes, value)
        for (const name of moved) b.advance(pointers[name]!, block.size * b.vectorBytes)
      })
      const channel = block.first * traits.lanes
      const ofRows = (each: View, firstChannel: number): Argument =>
        argument(each, firstChannel + rows.first * each.rowPitch, [
          each.imagePitch,
          rows.size * each.rowPitch,
        ])
      const viewArguments = [
        ...Object.entries(sums.views).map(([name, each]) => [name, ofRows(each, channel)]),
        ...Object.entries(ofPixels).map(([name, each]) => [name, ofRows(each, 0)]),
      ]
      const channelArguments = Object.entries(sums.channels).map(([name, each]) => [
        name,
        { ...each, byteOffset: each.byteOffset + bytes(channel) },
      ])
      return {
        program: b.finish(),
        grid: [images, rows.count],
        arguments: {
          ...Object.fromEntries([...viewArguments, ...channelArguments]),
          ...values,
          partial: privateArgument(sums.privateBuffer, channel + at * pieceLength(sums), [
            piecesOfImage(sums) * pieceLength(sums),
            pieceLength(sums),
          ]),
        },
      }
    })
  })
  return { parts }
}

/**
 * Computes each piece's own sums pixel by pixel, for terms that depend on all channels of their pixel: `write` adds a pixel's
 * terms to the sums in memory, which `partial` points to: the first value of all channels, then the second, and so on.
 */
export function pixelStage(
  traits: TargetTraits,
  sums: ChannelSums,
  write: (b: ProgramBuilder, pixel: Readonly<Record<string, Pointer>>, partial: Pointer) => void,
): Stage {
  const [images, , width] = first(sums).shape
  const views = Object.entries(sums.views)
  let firstPiece = 0
  const parts = piecesOf(sums).map((rows): Part => {
    const b = new ProgramBuilder(sums.name, traits.lanes, [...Object.keys(sums.views), 'partial'])
    const pixel = Object.fromEntries(views.map(([name]) => [name, b.parameter(name)]))
    const partial = b.parameter('partial')
    writeZeros(b, partial, pieceLength(sums))
    b.advance(partial, -bytes(pieceLength(sums)))
    const moves = (pitch: 'rowPitch' | 'pixelPitch') =>
      views.map(([name, view]) => [pixel[name]!, bytes(view[pitch])] as const)
    b.walk(rows.size, moves('rowPitch'), () =>
      b.walk(width, moves('pixelPitch'), () => write(b, pixel, partial)),
    )
    const at = firstPiece
    firstPiece += rows.count
    const viewArguments = views.map(([name, view]) => [
      name,
      argument(view, rows.first * view.rowPitch, [view.imagePitch, rows.size * view.rowPitch]),
    ])
    return {
      program: b.finish(),
      grid: [images, rows.count],
      arguments: {
        ...Object.fromEntries(viewArguments),
        partial: privateArgument(sums.privateBuffer, at * pieceLength(sums), [
          piecesOfImage(sums) * pieceLength(sums),
          pieceLength(sums),
        ]),
      },
    }
  })
  return { parts }
}

/**
 * Sums over a block's pixels: `add` adds a pixel's terms to the sums that it is given, `perChannel` of them. Each row is
 * summed alone, so that no term is added to a sum of thousands, where the rounding errors of equal values add up.
 */
export function sumByRows(
  b: ProgramBuilder,
  block: ChannelBlock,
  { perChannel }: ChannelSums,
  add: (row: readonly Vector[], load: (name: string) => Vector) => void,
): readonly (readonly Vector[])[] {
  const zeros = () => Array.from({ length: block.vectors }, () => b.splat(0))
  const totals = Array.from({ length: perChannel }, zeros)
  const rows = Array.from({ length: perChannel }, zeros)
  const zero = b.splat(0)
  block.eachRow((eachPixel) => {
    for (const row of rows.flat()) b.assign(row, zero)
    eachPixel((v, load) =>
      add(
        rows.map((row) => row[v]!),
        load,
      ),
    )
    for (const [i, total] of totals.entries())
      for (const [v, sum] of total.entries()) b.assign(sum, b.add(sum, rows[i]![v]!))
  })
  return totals
}

/** The pieces of all images, in order, for one vector of channels. */
export interface PieceSums {
  /** Reads a value of the first piece; to be called before `eachPiece`. */
  first(value: number): Vector
  /** `load` reads one of the piece's values for the channels; `count` is how many values a channel the piece has. */
  eachPiece(visit: (load: (value: number) => Vector, count: number) => void): void
}

/**
 * Combines the pieces' sums: of all images together or, if `apart` is the number of images, of each image alone. `write` does
 * so for one vector of channels, which the pointers of `others` point to.
 */
export function combineStage(
  traits: TargetTraits,
  sums: ChannelSums,
  others: Readonly<Record<string, Argument>>,
  write: (b: ProgramBuilder, pieces: PieceSums, others: Readonly<Record<string, Pointer>>) => void,
  apart = 1,
): Stage {
  const view = first(sums)
  const [, , width] = view.shape
  const images = view.shape[0] / apart
  const pitch = view.pixelPitch
  const names = ['partial', ...Object.keys(others)]
  const b = new ProgramBuilder(`${sums.name} sum`, traits.lanes, names)
  const pointers = Object.fromEntries(names.map((name) => [name, b.parameter(name)])) as Record<
    string,
    Pointer
  >
  const partial = pointers.partial!
  const length = bytes(pieceLength(sums))
  b.loop(pitch / traits.lanes, () => {
    write(
      b,
      {
        first: (value) => b.load(partial, bytes(value * pitch)),
        eachPiece: (visit) =>
          b.walk(images, [[partial, piecesOfImage(sums) * length]], () => {
            for (const rows of piecesOf(sums)) {
              b.loop(rows.count, () => {
                visit((value) => b.load(partial, bytes(value * pitch)), rows.size * width)
                b.advance(partial, length)
              })
            }
            b.advance(partial, -piecesOfImage(sums) * length)
          }),
      },
      pointers,
    )
    for (const name of names) b.advance(pointers[name]!, b.vectorBytes)
  })
  const part: Part = {
    program: b.finish(),
    grid: [apart, 1],
    arguments: {
      partial: privateArgument(sums.privateBuffer, 0, [images * piecesOfImage(sums) * pieceLength(sums), 0]),
      ...others,
    },
  }
  return { parts: [part] }
}

/** Each of the pieces' values, added up over the pieces, for one vector of channels. */
export function totalsOf(b: ProgramBuilder, { perChannel }: ChannelSums, { eachPiece }: PieceSums): Vector[] {
  const totals = Array.from({ length: perChannel }, () => b.splat(0))
  eachPiece((load) => {
    for (const [i, total] of totals.entries()) b.assign(total, b.add(total, load(i)))
  })
  return totals
}

/**
 * Adds up the pieces of each image, for sums with one value a channel. `write` calls `eachVector` once, which passes on the
 * sums of each vector of channels, with zeros in padded ones; the pointers are at the image's first value in `to`.
 */
export function imageStage(
  traits: TargetTraits,
  sums: ChannelSums,
  to: Readonly<Record<string, View>>,
  write: (
    b: ProgramBuilder,
    eachVector: (visit: (total: Vector, offset: number) => void) => void,
    to: Readonly<Record<string, Pointer>>,
  ) => void,
): Stage {
  const view = first(sums)
  const length = pieceLength(sums)
  const names = ['partial', ...Object.keys(to)]
  const b = new ProgramBuilder(`${sums.name} of an image`, traits.lanes, names)
  const pointers = Object.fromEntries(names.map((name) => [name, b.parameter(name)]))
  const partial = pointers.partial!
  const eachVector = (visit: (total: Vector, offset: number) => void): void =>
    eachVectorOfChannels(b, view, Object.values(pointers), (offset, isChannel) => {
      const total = b.splat(0)
      b.walk(piecesOfImage(sums), [[partial, bytes(length)]], () =>
        b.assign(total, b.add(total, b.load(partial, offset))),
      )
      visit(isChannel === null ? total : b.binary('and', total, isChannel()), offset)
    })
  write(b, eachVector, pointers)
  const part: Part = {
    program: b.finish(),
    grid: [view.shape[0]],
    arguments: {
      partial: privateArgument(sums.privateBuffer, 0, [piecesOfImage(sums) * length]),
      ...Object.fromEntries(
        Object.entries(to).map(([name, each]) => [name, argument(each, 0, [each.imagePitch])]),
      ),
    },
  }
  return { parts: [part] }
}
