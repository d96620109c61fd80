import { beforeEach, describe, expect, it, vi } from 'vitest'
import { alexnet } from '../networks/index.ts'
import { createPlan, type Plan, writtenBytes } from '../plan/plan.ts'
import type { Memory } from '../runtime/memory.ts'
import { makeRoom, type Needs, type Room } from './room.ts'

const MB = 1e6
const memory = { limitBytes: 700 * MB, freeBytes: 660 * MB, of: 'a container or service' } as Memory
let now: Memory | null = memory
vi.mock('../runtime/memory.ts', () => ({ leastMemory: async () => now }))

const network = alexnet({ imageSize: 67 })
const planOf = (batch: number): Plan => createPlan(network, { batch, pass: 'forward', keep: ['conv1'] })

/** A session that needs 1 MB an image, and nothing else. */
const needs = (batch: number, changes: Partial<Needs> = {}): Needs => ({
  plan: planOf(batch),
  threads: 2,
  ownBytes: (plan) => plan.batch * MB,
  newBytes: (ownBytes) => ownBytes,
  options: { memoryBeside: () => ({ bytes: 0 }) },
  most: { bytes: Infinity, reason: '' },
  ...changes,
})

const refusal = (given: Needs): Promise<string> =>
  makeRoom(given).then(
    () => expect.unreachable(),
    (error: Error) => error.message,
  )

const named = (message: string): number => Number(/the largest batch that fits is (\d+)$/.exec(message)?.[1])

/** Settles the room, so that nothing is reserved for it any more. */
const settled = async (room: Promise<Room>): Promise<void> => (await room).settle()

beforeEach(() => {
  now = memory
})

describe('a batch that does not fit', () => {
  it('is refused with what it needs, what there is, and a batch that fits', async () => {
    const message = await refusal(needs(5000))
    expect(message).toMatch(
      /^batch 5000 needs \d+ bytes of memory with its inputs and threads; the container or service that this runs in has 660000000 left of 700000000; the largest batch that fits is \d+$/,
    )
    expect(named(message)).toBeGreaterThan(400)
    expect(named(message)).toBeLessThan(660)
    await settled(makeRoom(needs(named(message))))
    expect(await refusal(needs(named(message) + 1))).toContain(
      `the largest batch that fits is ${named(message)}`,
    )
  })

  it('is named so that it fits when a little less is left', async () => {
    now = { ...memory, freeBytes: 400 * MB }
    const batch = named(await refusal(needs(5000)))
    now = { ...memory, freeBytes: 396 * MB }
    await settled(makeRoom(needs(batch)))
  })

  it('may be every batch', async () => {
    now = { ...memory, limitBytes: 60 * MB, freeBytes: 20 * MB }
    expect(await refusal(needs(8))).toMatch(/; not even a batch of 1 fits$/)
  })

  it('is one that the target can not address, however much memory there is', async () => {
    now = null
    const most = { bytes: 100 * MB, reason: 'a WASM memory holds at most' }
    expect(await refusal(needs(200, { most }))).toBe(
      'batch 200 needs 200000000 bytes of memory; a WASM memory holds at most 100000000; the largest batch that fits is 100',
    )
  })
})

describe('counted beside a session', () => {
  it('is a copy of all that is written to it, unless its caller says otherwise', async () => {
    const plan = planOf(3)
    const alone = named(await refusal(needs(5000)))
    const withInputs = named(await refusal(needs(5000, { options: {} })))
    const perImage = MB + (writtenBytes(planOf(4)) - writtenBytes(plan))
    const parameters = writtenBytes(plan, ['parameter'])
    expect(Math.abs(withInputs - (alone * MB - parameters) / perImage)).toBeLessThanOrEqual(1)
  })

  it('are other sessions that will be open too', async () => {
    const alone = named(await refusal(needs(5000)))
    const memoryBeside = (plan: Plan) => ({ bytes: 0, plans: [planOf(plan.batch)] })
    const both = named(await refusal(needs(5000, { options: { memoryBeside } })))
    expect(both).toBeLessThan(alone / 2)
  })

  it('are threads', async () => {
    const few = named(await refusal(needs(5000)))
    expect(named(await refusal(needs(5000, { threads: 12 })))).toBeLessThan(few - 100)
  })

  it('is not what the process has already', async () => {
    const most = { bytes: Infinity, reason: '' }
    await settled(makeRoom(needs(5000, { newBytes: () => 0, most })))
  })
})

it('counts what is promised to a session that has not run, until it has', async () => {
  const first = await makeRoom(needs(400))
  expect(await refusal(needs(400))).toContain('batch 400 needs')
  first.settle()
  await settled(makeRoom(needs(400)))
})

it('counts what a session takes in place of what it was said to need', async () => {
  const first = await makeRoom(needs(100))
  const before = named(await refusal(needs(5000)))
  first.take(300 * MB)
  const after = named(await refusal(needs(5000)))
  expect(before - after).toBe(200)
  first.settle()
})

it('of threads that leave no memory for any batch says that they are too many', async () => {
  expect(await refusal(needs(1, { threads: 5000 }))).toMatch(
    /^5000 threads need \d+ bytes of memory; the container .* has 660000000 left of 700000000; use fewer --threads$/,
  )
})

it('refuses nothing where its caller made sure, and still says how much may be used', async () => {
  const room = await makeRoom(
    needs(5000, { options: { memoryBeside: () => ({ bytes: 0 }), isRoomSure: true } }),
  )
  expect(room.ownBytes).toBe(5000 * MB)
  room.settle()
  const small = await makeRoom(needs(100))
  expect(small.ownBytes).toBeGreaterThan(100 * MB)
  expect(small.ownBytes).toBeLessThan(660 * MB)
  small.settle()
})

it('knows no limit where the system tells none', async () => {
  now = null
  await settled(makeRoom(needs(5000)))
})
