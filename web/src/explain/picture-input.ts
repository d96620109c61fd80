import type { Network } from 'convmark'

/** An input that takes a picture, in colour or grey. */
export interface PictureInput {
  readonly name: string
  readonly height: number
  readonly width: number
  readonly channels: 1 | 3
}

/**
 * The input that takes the picture; null if there are several or it has other channels. Labels, which only losses read,
 * need not be given.
 */
export function pictureInputOf({ inputs, layers }: Network): PictureInput | null {
  const read = new Set(layers.filter(({ isLoss }) => !isLoss).flatMap((layer) => layer.inputs))
  const [first, ...others] = Object.entries(inputs).filter(([name]) => read.has(name))
  if (!first || others.length > 0) return null
  const [name, [height, width, channels]] = first
  if (height === undefined || width === undefined || (channels !== 1 && channels !== 3)) return null
  return { name, height, width, channels }
}

/** (H, W, C) of any activation: a vector is one pixel, a number one with one channel. */
export function asImage(
  shape: readonly number[],
): readonly [height: number, width: number, channels: number] {
  const [channels = 1, width = 1, height = 1] = [...shape].reverse()
  return [height, width, channels]
}
