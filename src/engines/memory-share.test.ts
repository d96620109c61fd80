import { expect, it } from 'vitest'
import { MemoryShare } from './memory-share.ts'

it('lets those in that there is room for, in their order', async () => {
  const memory = new MemoryShare(10)
  const begun: string[] = []
  const begin = async (name: string, bytes: number): Promise<void> => {
    await memory.take(bytes)
    begun.push(name)
  }
  const settled = () => new Promise((resolve) => setTimeout(resolve, 0))
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

it('is all there again when all is given back', async () => {
  const memory = new MemoryShare(Infinity)
  await memory.take(1e12)
  memory.giveBack(1e12)
  await memory.take(1e12)
})
