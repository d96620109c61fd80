import { describe, expect, it } from 'vitest'
import { cifar10Split } from './cifar10.ts'

/** A record whose planes hold one value each, except for the second pixel. */
function record(label: number, colour: readonly number[], second: readonly number[]): number[] {
  const planes = colour.flatMap((value, c) => {
    const plane = new Array<number>(1024).fill(value)
    plane[1] = second[c]!
    return plane
  })
  return [label, ...planes]
}

const file = (name: string, ...records: number[][]) => ({ name, bytes: Uint8Array.from(records.flat()) })

describe('CIFAR-10', () => {
  const split = cifar10Split(
    [
      file('a', record(3, [1, 2, 3], [4, 5, 6]), record(9, [0, 0, 0], [0, 0, 0])),
      file('b', record(0, [7, 7, 7], [7, 7, 7]), record(5, [10, 20, 30], [40, 50, 60])),
    ],
    2,
  )

  it('goes through its files one after the other', () => {
    expect(split.count).toBe(4)
    expect([0, 1, 2, 3].map(split.label)).toEqual([3, 9, 0, 5])
  })

  it('turns planes into pixels', async () => {
    const { width, height, channels, pixels } = await split.image(3)
    expect([width, height, channels, pixels.length]).toEqual([32, 32, 3, 3072])
    expect([...pixels.subarray(0, 9)]).toEqual([10, 20, 30, 40, 50, 60, 10, 20, 30])
  })

  it('refuses a wrong size, with the right one', () => {
    const short = { name: 'data_batch_1.bin', bytes: new Uint8Array(100) }
    expect(() => cifar10Split([short])).toThrow('data_batch_1.bin: 100 bytes, where 10000 images of CIFAR-10')
    expect(() => cifar10Split([short])).toThrow('have 30730000')
  })

  it('refuses a label past the last class', () => {
    const bad = file('c', record(10, [0, 0, 0], [0, 0, 0]))
    expect(() => cifar10Split([bad], 1)).toThrow('c: image 0 has the label 10')
  })
})
