import { describe, expect, it } from 'vitest'
import { FLOAT_BYTES, ProgramBuilder } from '../codegen/program.ts'
import type { Argument, Stage } from '../kernels/kernel.ts'
import { loadStage } from './assemble.ts'

const LANES = 4
const VECTOR = LANES * FLOAT_BYTES

/** Copies `count` vectors. */
function copyProgram(count: number) {
  const b = new ProgramBuilder('copy', LANES, ['from', 'to'])
  const [from, to] = [b.parameter('from'), b.parameter('to')]
  for (let i = 0; i < count; i++) b.store(to, i * VECTOR, b.load(from, i * VECTOR))
  return b.finish()
}

const GRID = [3, 2]
/** Bytes of each task. */
const TASK = 2 * VECTOR
const ALL = 6 * TASK
const STEPS = [2 * TASK, TASK]

type Changes = Partial<Pick<Argument, 'byteOffset' | 'steps'>>

/** Six tasks, each of which copies two vectors from one buffer into another. */
function load(changes: { from?: Changes; to?: Changes; grid?: readonly number[]; byteLength?: number }) {
  const argument = (buffer: number, given: Changes = {}): Argument => ({
    place: { kind: 'buffer', buffer },
    byteOffset: 0,
    steps: STEPS,
    ...given,
  })
  const { from, to, grid = GRID, byteLength = ALL } = changes
  const stage: Stage = {
    parts: [{ program: copyProgram(2), grid, arguments: { from: argument(0, from), to: argument(1, to) } }],
  }
  return loadStage(
    stage,
    () => ({ address: 1000, byteLength }),
    () => 0,
  )
}

describe('the bounds of a stage', () => {
  it('are those of the buffer, to the byte', () => {
    const loaded = load({})
    expect(loaded).toMatchObject({ tasks: 6, parts: [{ tasks: 6, addresses: [1000, 1000] }] })
    const backwards = { byteOffset: 5 * TASK, steps: STEPS.map((step) => -step) }
    expect(load({ from: backwards, to: backwards }).parts[0]!.addresses).toEqual([
      1000 + 5 * TASK,
      1000 + 5 * TASK,
    ])
  })

  it.each(['from', 'to'] as const)(
    "hold for what '%s' is used for: a RangeError names program and argument",
    (name) => {
      const outside = (changes: Changes) => () => load({ [name]: changes })
      for (const changes of [
        { byteOffset: FLOAT_BYTES }, // the last task, one float too far
        { byteOffset: -FLOAT_BYTES }, // the first
        { steps: [3 * TASK, TASK] },
        { steps: [2 * TASK, 2 * TASK] },
        { steps: [-2 * TASK, TASK] },
        { steps: [2 * TASK, -TASK] },
      ]) {
        expect(outside(changes), JSON.stringify(changes)).toThrow(RangeError)
        expect(outside(changes)).toThrow(
          new RegExp(`^copy: '${name}' would be used from byte -?[0-9]+ to [0-9]+ of a buffer of ${ALL};`),
        )
      }
    },
  )

  it('hold for the last task of every dimension', () => {
    expect(() => load({ grid: [4, 2] })).toThrow(`from byte 0 to ${ALL + 2 * TASK} of a buffer of ${ALL}`)
    expect(() => load({ grid: [3, 3] })).toThrow(`from byte 0 to ${ALL + TASK} of a buffer of ${ALL}`)
    expect(() => load({ byteLength: ALL - FLOAT_BYTES })).toThrow(RangeError)
  })
})
