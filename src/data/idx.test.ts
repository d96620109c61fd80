import { describe, expect, it } from 'vitest'
import { FormatError, UsageError } from '../errors.ts'
import { idxDataset, idxPaths, idxSplit, parseIdx } from './idx.ts'

const file = (name: string, ...bytes: number[]) => ({ name, bytes: Uint8Array.from(bytes) })
/** Two images of 1 x 3. */
const images = file('images', 0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 10, 20, 30, 40, 50, 60)
const labels = file('labels', 0, 0, 8, 1, 0, 0, 0, 2, 4, 1)

describe('IDX', () => {
  it('gives images and labels', async () => {
    const split = idxSplit(images, labels)
    expect(split.count).toBe(2)
    expect([split.label(0), split.label(1)]).toEqual([4, 1])
    expect(await split.image(1)).toEqual({
      width: 3,
      height: 1,
      channels: 1,
      pixels: Uint8Array.of(40, 50, 60),
    })
  })

  it('reads a header from the middle of a buffer', () => {
    const bytes = Uint8Array.of(9, 9, ...labels.bytes).subarray(2)
    expect(parseIdx({ name: 'labels', bytes }, 1).values).toEqual(Uint8Array.of(4, 1))
  })

  it('names classes up to the largest label, or as many as are known', () => {
    const split = idxSplit(images, labels)
    expect(idxDataset('idx:x', split, null).classNames).toEqual(['0', '1', '2', '3', '4'])
    expect(idxDataset('mnist', split, null, 10).classNames).toHaveLength(10)
    expect(() => idxDataset('mnist', split, null, 4)).toThrow(
      'has a label 4, but the labels of 4 classes end at 3',
    )
  })

  it.each([
    ['labels for images', () => idxSplit(labels, images), '0x00000801, not 0x00000803'],
    ['another type of value', () => parseIdx(file('a', 0, 0, 0x0d, 1, 0, 0, 0, 0), 1), '0x00000d01'],
    ['an empty file', () => parseIdx(file('a'), 1), 'begins with 0 bytes'],
    ['a header cut short', () => parseIdx(file('a', 0, 0, 8, 3, 0, 0), 3), 'not an IDX file of images'],
    [
      'values cut short',
      () => parseIdx({ name: 'a', bytes: images.bytes.subarray(0, 20) }, 3),
      'a: 20 bytes, but [2, 1, 3] values need 22',
    ],
    ['bytes too many', () => parseIdx(file('a', ...labels.bytes, 0), 1), 'need 10'],
    [
      'fewer labels',
      () => idxSplit(images, file('b', 0, 0, 8, 1, 0, 0, 0, 1, 4)),
      'b: 1 labels for 2 images',
    ],
  ])('refuses %s', (_, parse, message) => {
    expect(parse).toThrow(FormatError)
    expect(parse).toThrow(message)
  })

  it('takes two files or four', () => {
    expect(idxPaths('a,b,c,d')).toEqual(['a', 'b', 'c', 'd'])
    for (const list of ['a', 'a,b,c', 'a,', 'a,b,c,d,e']) expect(() => idxPaths(list)).toThrow(UsageError)
  })
})
