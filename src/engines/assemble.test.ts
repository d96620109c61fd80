import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { extentsOf } from '../codegen/extents.ts'
import { FLOAT_BYTES, type Program, ProgramBuilder } from '../codegen/program.ts'
import { kernelOf, kernels } from '../kernels/index.ts'
import type { Argument, Implementation, Part, Stage } from '../kernels/kernel.ts'
import { conv, dense, maxPool, unflatten } from '../layers/index.ts'
import { defineNetwork } from '../networks/network.ts'
import { createPlan, type Plan } from '../plan/plan.ts'
import { runTasks, slotsOf } from '../runtime/tasks.ts'
import { assemble, byteLengthOf, loadStage, loadStages } from './assemble.ts'

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

describe('the order of a stage’s tasks', () => {
  const stepsOf = (columns: number) => [columns * VECTOR, VECTOR]

  /** Rows x columns tasks that write one vector each, from a place of buffer 1 on. */
  const writer = (rows: number, columns: number, byteOffset: number, steps = stepsOf(columns)): Part => ({
    program: copyProgram(1),
    grid: [rows, columns],
    arguments: {
      from: { place: { kind: 'buffer', buffer: 0 }, byteOffset: 0, steps: [] },
      to: { place: { kind: 'buffer', buffer: 1 }, byteOffset, steps },
    },
  })

  const loaded = (parts: readonly Part[]) =>
    loadStage(
      { parts },
      ({ kind }) => ({ address: 4096, byteLength: 1 << 20, isInThreadScratch: kind === 'thread' }),
      () => 0,
    )

  it('is the parts’ own where there is one part, or none', () => {
    expect(loaded([])).toMatchObject({ tasks: 0, order: null })
    expect(loaded([writer(3, 4, 0)])).toMatchObject({ tasks: 12, order: null })
    // A part without tasks is none.
    expect(loaded([writer(3, 4, 0), writer(0, 4, 4 * VECTOR)])).toMatchObject({ tasks: 12, order: null })
  })

  it('follows the places that tasks write to, through all parts', () => {
    // Of two images: the first rows of both, then their other three rows.
    const [top, rest] = [writer(2, 1, 0, [64, 16]), writer(2, 3, 16, [64, 16])]
    expect([...loaded([top, rest]).order!]).toEqual([0, 2, 3, 4, 1, 5, 6, 7])
    expect([...loaded([rest, top]).order!]).toEqual([6, 0, 1, 2, 7, 3, 4, 5])
    expect([...loaded([writer(1, 1, 0), writer(1, 1, 0)]).order!]).toEqual([0, 1])
  })

  it('is the parts’ own if a part writes only to the thread’s scratch', () => {
    const scratch = writer(2, 1, 0, [])
    const to: Argument = { place: { kind: 'thread' }, byteOffset: 0, steps: [] }
    const parts = [writer(2, 2, 0), { ...scratch, arguments: { ...scratch.arguments, to } }]
    expect(loaded(parts).order).toBeNull()
  })

  describe('where a part says along what tasks are taken', () => {
    /** Reads as `from` says, too: both places are then different for each task. */
    const reader = (part: Part, byteOffset: number, steps: readonly number[], takenAlong = 'from'): Part => ({
      ...part,
      takenAlong,
      arguments: { ...part.arguments, from: { ...part.arguments.from!, byteOffset, steps } },
    })

    it('follows the places of that parameter, with one part', () => {
      // Two images by three blocks of weights: each block is read for both images before the next one.
      const part = writer(2, 3, 0)
      expect(loaded([part]).order).toBeNull()
      expect([...loaded([reader(part, 0, [0, VECTOR])]).order!]).toEqual([0, 3, 1, 4, 2, 5])
      expect([...loaded([reader(part, 5 * VECTOR, [0, -VECTOR])]).order!]).toEqual([2, 5, 1, 4, 0, 3])
      expect([...loaded([reader(part, 0, [0, VECTOR], 'to')]).order!]).toEqual([0, 1, 2, 3, 4, 5])
    })

    it('follows them through several parts', () => {
      // The second part's blocks lie before and after the first part's.
      const [inner, outer] = [writer(2, 2, 0), writer(2, 2, 4 * VECTOR)]
      const parts = [reader(inner, VECTOR, [0, VECTOR]), reader(outer, 0, [0, 3 * VECTOR])]
      expect([...loaded(parts).order!]).toEqual([4, 6, 0, 2, 1, 3, 5, 7])
      expect([...loaded([inner, outer]).order!]).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    })

    it('needs no part that writes elsewhere than to the thread’s scratch', () => {
      const part = reader(writer(2, 2, 0), 0, [0, VECTOR])
      const to: Argument = { place: { kind: 'thread' }, byteOffset: 0, steps: [] }
      expect([...loaded([{ ...part, arguments: { ...part.arguments, to } }]).order!]).toEqual([0, 2, 1, 3])
    })
  })

  it('has each task once; a thread that takes them in turn goes upward in memory', () => {
    const part = fc
      .record({
        rows: fc.integer({ min: 0, max: 5 }),
        columns: fc.integer({ min: 1, max: 5 }),
        byteOffset: fc.integer({ min: 1000, max: 2000 }),
        steps: fc.tuple(fc.integer({ min: -100, max: 100 }), fc.integer({ min: -100, max: 100 })),
      })
      .map(({ rows, columns, byteOffset, steps }) => writer(rows, columns, byteOffset, steps))
    fc.assert(
      fc.property(fc.array(part, { minLength: 2, maxLength: 4 }), (parts) => {
        const stage = loaded(parts)
        const order = stage.order ?? Int32Array.from({ length: stage.tasks }, (_, task) => task)
        expect([...order].sort((a, b) => a - b)).toEqual(
          Array.from({ length: stage.tasks }, (_, task) => task),
        )
        if (stage.order === null) return
        const written: number[] = []
        let next = 0
        runTasks(
          stage,
          {
            kernels: [(_from, to) => void written.push(to!)],
            threadScratch: 0,
            segmentTimes: new Float64Array(0),
          },
          () => next++,
          () => false,
        )
        expect(written).toEqual([...written].sort((a, b) => a - b))
      }),
    )
  })
})

describe('steps that are done image by image', () => {
  const traits = { name: 'any', lanes: LANES, vectorRegisters: 16 }
  const BATCH = 4
  const BASE = 1 << 16
  const network = defineNetwork('separable', {
    inputs: { images: [6, 6, 4] },
    layers: [
      conv('wide', { filters: 8, kernel: 1 }),
      conv('depthwise', { filters: 8, kernel: 3, groups: 8, padding: 1 }),
      maxPool('pool', { kernel: 2, stride: 2 }),
      dense('fc', { units: 16 }),
    ],
  })
  const plan = createPlan(network, { batch: BATCH, pass: 'forward', lanes: LANES, fuses: true })
  const implementationsOf = ({ steps }: Plan) =>
    steps.map((step): Implementation => {
      const rule = kernelOf(kernels, step)
      return rule.build(step as never, traits, rule.candidates(step as never, traits)[0]!)
    })
  const implementations = implementationsOf(plan)
  const assembly = assemble(plan, implementations, { threads: 2 })
  const programs: Program[] = []
  const stages = loadStages(assembly, BASE, (program) => programs.push(program) - 1)
  const slab = assembly.layout.byteLength
  const scratch = assembly.threadScratch

  it('are one entry of the run, whose tasks are the images; the other steps follow with their stages', () => {
    expect(assembly.segments).toMatchObject([{ first: 0, end: 3 }])
    const [segment, ...others] = stages.run
    const inner = stages.ofSteps.slice(0, 3).flat()
    expect(segment).toMatchObject({ tasks: BATCH, firstSlot: 0 })
    expect('stages' in segment! && segment.stages).toHaveLength(inner.length)
    expect(others).toEqual(stages.ofSteps[3])
    expect(stages.firstUpdate).toBe(stages.run.length)
  })

  it('have in the thread’s scratch, after the kernels’ part of it, what is between them, in the same place for all images', () => {
    const [segment] = stages.run
    if (!('stages' in segment!)) throw new Error('no segment')
    const names = new Set<string>()
    for (const [i, stage] of segment.stages.entries()) {
      const alone = stages.ofSteps.slice(0, 3).flat()[i]!
      for (const [p, part] of stage.parts.entries()) {
        const program = programs[part.program]!
        const arguments_ = implementations.slice(0, 3).flatMap((each) => each.stages)[i]!.parts[p]!.arguments
        const extents = extentsOf(program)
        for (const [a, name] of program.parameters.entries()) {
          const { place } = arguments_[name]!
          const id = place.kind === 'buffer' ? place.buffer : -1
          const isOwn = assembly.segments[0]!.layout.byteOffsets.has(id)
          expect(part.inThreadScratch[a]).toBe(isOwn || place.kind === 'thread')
          if (!isOwn) {
            expect(part.addresses[a]).toBe(alone.parts[p]!.addresses[a])
            expect(part.steps[a]).toEqual(alone.parts[p]!.steps[a])
            continue
          }
          names.add(assembly.buffers[id]!.name)
          expect(part.steps[a]![0]).toBe(0)
          expect(alone.parts[p]!.steps[a]![0]).toBe((assembly.buffers[id]!.length * FLOAT_BYTES) / BATCH)
          const { readFrom, writeFrom } = extents[a]!
          const from = part.addresses[a]! + Math.min(readFrom, writeFrom)
          expect(from).toBeGreaterThanOrEqual(scratch.ofKernelsBytes)
          expect(from).toBeLessThan(scratch.byteLength)
        }
      }
    }
    expect([...names].sort()).toEqual(['depthwise', 'wide'])
  })

  it('have times of their own for the stages of each segment', () => {
    const longer = defineNetwork('longer', {
      inputs: network.inputs,
      layers: [
        ...network.layers.map(({ layer }) => layer),
        unflatten('image', { height: 2, width: 2 }),
        conv('after', { filters: 4, kernel: 1 }),
      ],
    })
    const two = createPlan(longer, { batch: BATCH, pass: 'forward', lanes: LANES })
    const assembled = assemble(two, implementationsOf(two), { threads: 2 })
    const { run, ofSteps } = loadStages(assembled, BASE, () => 0)
    const slots = run.flatMap((each, i) =>
      'stages' in each ? [[each.firstSlot, slotsOf(run.slice(0, i))]] : [],
    )
    expect(slots).toHaveLength(2)
    for (const [firstSlot, before] of slots) expect(firstSlot).toBe(before)
    const stagesOf = run.flatMap((each) => ('stages' in each ? each.stages : [each]))
    expect(stagesOf.map(({ tasks }) => tasks)).toEqual(ofSteps.flat().map(({ tasks }) => tasks))
  })

  it('need memory for one image for each thread', () => {
    const apart = assemble(plan, implementations)
    const share = assembly.segments[0]!.layout.byteLength
    expect(apart.segments).toEqual([])
    expect(scratch.byteLength).toBe(apart.threadScratch.byteLength + share)
    expect(byteLengthOf(assembly, 2)).toBe(slab + 2 * scratch.byteLength)
  })
})
