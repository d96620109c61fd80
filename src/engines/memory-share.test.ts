import { describe, expect, it } from 'vitest'
import type { MemoryBlock } from '../runtime/heap.ts'
import { KeptBlock, MemoryShare } from './memory-share.ts'

const settled = () => new Promise((resolve) => setTimeout(resolve, 0))

it('lets those in that there is room for, in their order', async () => {
  const memory = new MemoryShare(10)
  const begun: string[] = []
  const begin = async (name: string, bytes: number): Promise<void> => {
    await memory.take(bytes)
    begun.push(name)
  }
  for (const [name, bytes] of Object.entries({ a: 6, b: 4, c: 8, d: 2 })) void begin(name, bytes)
  await settled()
  expect(begun).toEqual(['a', 'b']) // d would fit sooner than c, but then c might wait forever
  memory.giveBack(4)
  await settled()
  expect(begun).toEqual(['a', 'b'])
  memory.giveBack(6)
  await settled()
  expect(begun).toEqual(['a', 'b', 'c', 'd'])
})

it('is awaited while somebody has asked for more than is left', async () => {
  const memory = new MemoryShare(10)
  await memory.take(6)
  expect(memory.isAwaited).toBe(false)
  const taken = memory.take(5)
  expect(memory.isAwaited).toBe(true)
  memory.giveBack(6)
  await taken
  expect(memory.isAwaited).toBe(false)
})

it('is all there again when all is given back', async () => {
  const memory = new MemoryShare(Infinity)
  await memory.take(1e12)
  memory.giveBack(1e12)
  await memory.take(1e12)
})

describe('a kept block', () => {
  const TOTAL = 10

  /** Writes down what is allocated and freed, in bytes. */
  function kept(share: MemoryShare) {
    const events: string[] = []
    const allocate = (byteLength: number): MemoryBlock => {
      events.push(`+${byteLength}`)
      const free = () => void events.push(`-${byteLength}`)
      return { buffer: null, byteOffset: 0, address: 0, byteLength, wasWritten: () => {}, free }
    }
    return { events, block: new KeptBlock(share, allocate) }
  }

  const lengthOf = async ({ byteLength }: MemoryBlock): Promise<number> => byteLength

  it('is used again while it is large enough', async () => {
    const { events, block } = kept(new MemoryShare(TOTAL))
    expect(await block.with(6, lengthOf)).toBe(6)
    expect(await block.with(4, lengthOf)).toBe(6)
    expect(await block.with(6, lengthOf)).toBe(6)
    expect(events).toEqual(['+6'])
  })

  it('gives way to a larger one, before that is taken: both at once would exceed the share', async () => {
    const { events, block } = kept(new MemoryShare(TOTAL))
    await block.with(6, lengthOf)
    expect(await block.with(TOTAL, lengthOf)).toBe(TOTAL)
    expect(events).toEqual(['+6', '-6', `+${TOTAL}`])
  })

  it('is freed after its use if somebody waits for memory', async () => {
    const share = new MemoryShare(TOTAL)
    const [one, other] = [kept(share), kept(share)]
    let end!: () => void
    const using = one.block.with(6, () => new Promise<void>((resolve) => (end = resolve)))
    await settled()
    const waiting = other.block.with(8, lengthOf)
    await settled()
    expect([one.events, other.events]).toEqual([['+6'], []])
    end()
    await using
    await settled()
    expect([one.events, other.events]).toEqual([['+6', '-6'], ['+8']])
    expect(await waiting).toBe(8)
  })

  it('is freed after a use that failed, too, if somebody waits', async () => {
    const share = new MemoryShare(TOTAL)
    const [one, other] = [kept(share), kept(share)]
    let fail!: (error: Error) => void
    const using = one.block.with(6, () => new Promise<void>((_, reject) => (fail = reject)))
    await settled()
    const waiting = other.block.with(8, lengthOf)
    fail(new Error('of its use'))
    await expect(using).rejects.toThrow('of its use')
    await settled()
    expect([one.events, other.events]).toEqual([['+6', '-6'], ['+8']])
    expect(await waiting).toBe(8)
  })

  it('gives all of it back when it is freed, once', async () => {
    const share = new MemoryShare(TOTAL)
    const { events, block } = kept(share)
    await block.with(6, lengthOf)
    block.free()
    block.free()
    expect(events).toEqual(['+6', '-6'])
    void share.take(TOTAL)
    expect(share.isAwaited).toBe(false)
    void share.take(1)
    expect(share.isAwaited).toBe(true)
  })

  it('gives the bytes back that could not be allocated', async () => {
    const share = new MemoryShare(TOTAL)
    const block = new KeptBlock(share, () => {
      throw new Error('the system refuses')
    })
    await expect(block.with(6, lengthOf)).rejects.toThrow('the system refuses')
    block.free()
    void share.take(TOTAL)
    expect(share.isAwaited).toBe(false)
    void share.take(1)
    expect(share.isAwaited).toBe(true)
  })
})
