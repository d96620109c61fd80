// Sums over all pixels of all images, one for each channel: by pieces of images, whose sums are added in order.
import { type Pointer, ProgramBuilder, type Vector } from '../codegen/program.ts'
import type { View } from '../plan/views.ts'
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
import { VALUES_PER_TASK } from './rows.ts'

/** What a kernel keeps of each piece: so many values a channel. */
export interface ChannelSums {
  readonly name: string
  /** Tensors of one shape that the pieces are read from. */
  readonly views: Readonly<Record<string, View>>
  /** Of each channel: what else a piece reads. */
  readonly channels: Readonly<Record<string, View>>
  readonly perChannel: number
  /** Where the pieces' sums are, among the kernel's private buffers. */
  readonly privateBuffer: number
}

/** Vectors of channels that are summed at once: their sums stay in registers. */
const VECTORS_AT_ONCE = 2

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

/** A block of channels of a piece: some vectors of each pixel. */
export interface ChannelBlock {
  readonly vectors: number
  /** Values of each channel in the piece. */
  readonly count: number
  /** One vector after the other of what each channel has, by the name of `channels`. */
  of(name: string): Vector[]
  /** Calls `visit` at each pixel of the piece, for each vector: `load` gives what stands there in a tensor. */
  eachPixel(visit: (vector: number, load: (name: string) => Vector) => void): void
}

/** The pieces' own sums: `write` gives, for a block, so many vectors for each of the values a channel. */
export function pieceStage(
  traits: TargetTraits,
  sums: ChannelSums,
  write: (b: ProgramBuilder, block: ChannelBlock) => readonly (readonly Vector[])[],
): Stage {
  const view = first(sums)
  const [images, , width] = view.shape
  const pitch = view.pixelPitch
  const names = [...Object.keys(sums.views), ...Object.keys(sums.channels), 'partial']
  let firstPiece = 0
  const parts = piecesOf(sums).flatMap((rows): Part[] => {
    const at = firstPiece
    firstPiece += rows.count
    return vectorBlocks(pitch / traits.lanes, VECTORS_AT_ONCE).map((block): Part => {
      const b = new ProgramBuilder(sums.name, traits.lanes, names)
      const pointers = Object.fromEntries(names.map((name) => [name, b.parameter(name)])) as Record<
        string,
        Pointer
      >
      const rowMoves = Object.entries(sums.views).map(
        ([name, each]) => [pointers[name]!, bytes(each.rowPitch)] as const,
      )
      const pixelMoves = Object.entries(sums.views).map(
        ([name, each]) => [pointers[name]!, bytes(each.pixelPitch)] as const,
      )
      const vectors = Array.from({ length: block.size }, (_, v) => v)
      b.loop(block.count, () => {
        const made = write(b, {
          vectors: block.size,
          count: rows.size * width,
          of: (name) => vectors.map((v) => b.load(pointers[name]!, v * b.vectorBytes)),
          eachPixel: (visit) =>
            b.walk(rows.size, rowMoves, () =>
              b.walk(width, pixelMoves, () => {
                for (const v of vectors) visit(v, (name) => b.load(pointers[name]!, v * b.vectorBytes))
              }),
            ),
        })
        for (const [i, values] of made.entries())
          for (const [v, value] of values.entries())
            b.store(pointers.partial!, bytes(i * pitch) + v * b.vectorBytes, value)
        for (const name of names) b.advance(pointers[name]!, block.size * b.vectorBytes)
      })
      const channel = block.first * traits.lanes
      const viewArguments = Object.entries(sums.views).map(([name, each]) => [
        name,
        argument(each, channel + rows.first * each.rowPitch, [each.imagePitch, rows.size * each.rowPitch]),
      ])
      const channelArguments = Object.entries(sums.channels).map(([name, each]) => [
        name,
        argument(each, channel, []),
      ])
      return {
        program: b.finish(),
        grid: [images, rows.count],
        arguments: {
          ...Object.fromEntries([...viewArguments, ...channelArguments]),
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

/** Goes over the pieces of all images, in order, for one vector of channels. */
export interface PieceSums {
  /** `load` gives the piece's value of a channel; `count` is how many values a channel the piece has. */
  eachPiece(visit: (load: (value: number) => Vector, count: number) => void): void
}

/** What becomes of the pieces' sums: `write` does it for one vector of channels, to which the pointers of `others` stand. */
export function combineStage(
  traits: TargetTraits,
  sums: ChannelSums,
  others: Readonly<Record<string, Argument>>,
  write: (b: ProgramBuilder, pieces: PieceSums, others: Readonly<Record<string, Pointer>>) => void,
): Stage {
  const view = first(sums)
  const [images, , width] = view.shape
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
    grid: [1],
    arguments: { partial: privateArgument(sums.privateBuffer, 0, []), ...others },
  }
  return { parts: [part] }
}
