import type { Instruction, Program } from '../program.ts'

/** The positions between which a register of the program holds a value, both included. */
export interface Lifetime {
  from: number
  to: number
}

export interface Lifetimes {
  readonly vectors: readonly Lifetime[]
  readonly pointers: readonly Lifetime[]
  /** How often each vector is read. */
  readonly reads: readonly number[]
  /** Whether each vector is written only once, by the instruction that makes it. */
  readonly isConstant: readonly boolean[]
  /** By position: the vectors and pointers whose life ends there. */
  readonly endingAt: {
    readonly vectors: ReadonlyMap<number, readonly number[]>
    readonly pointers: ReadonlyMap<number, readonly number[]>
  }
}

/** The vectors that an instruction reads. */
export function vectorsReadBy(i: Instruction): readonly number[] {
  switch (i.op) {
    case 'store':
    case 'storeLane':
      return [i.from]
    case 'fma':
      return [i.to, i.a, i.b]
    case 'select':
      return [i.mask, i.a, i.b]
    default:
      if ('b' in i) return [i.a, i.b]
      return 'a' in i ? [i.a] : []
  }
}

/**
 * A position for each instruction, in the order of the program; a loop has one at its head and one at its end. A value
 * that is made before a loop and used in it lives until the loop's end, since the next round uses it again.
 */
export function lifetimesOf(program: Program): Lifetimes {
  const never = (): Lifetime => ({ from: Infinity, to: -1 })
  const vectors = Array.from({ length: program.vectors }, never)
  const pointers = Array.from({ length: program.pointers }, never)
  const reads = new Array<number>(program.vectors).fill(0)
  const writes = new Array<number>(program.vectors).fill(0)
  const made = new Set<number>()
  for (const pointer of program.parameters.keys()) pointers[pointer] = { from: 0, to: 0 }

  let position = 1
  const loops: { readonly head: number; end: number }[] = []
  /** Uses inside loops whose ends are not yet known. */
  const pending: { lifetime: Lifetime; loop: { end: number } }[] = []
  const touch = (lifetime: Lifetime): void => {
    lifetime.from = Math.min(lifetime.from, position)
    lifetime.to = Math.max(lifetime.to, position)
    const loop = loops.find(({ head }) => head > lifetime.from)
    if (loop) pending.push({ lifetime, loop })
  }

  const visit = (body: readonly Instruction[]): void => {
    for (const i of body) {
      if (i.op === 'loop') {
        const loop = { head: position++, end: 0 }
        loops.push(loop)
        visit(i.body)
        loops.pop()
        loop.end = position++
        continue
      }
      for (const vector of vectorsReadBy(i)) {
        reads[vector]!++
        touch(vectors[vector]!)
      }
      if ('pointer' in i) touch(pointers[i.pointer]!)
      if (i.op === 'point') {
        touch(pointers[i.from]!)
        touch(pointers[i.to]!)
      } else if ('to' in i) {
        writes[i.to]!++
        touch(vectors[i.to]!)
        if (i.op === 'splat' || i.op === 'splatInt' || i.op === 'laneIndexes') made.add(i.to)
      }
      position++
    }
  }
  visit(program.body)
  for (const { lifetime, loop } of pending) lifetime.to = Math.max(lifetime.to, loop.end)
  return {
    vectors,
    pointers,
    reads,
    isConstant: writes.map((count, v) => count === 1 && made.has(v)),
    endingAt: { vectors: byEnd(vectors), pointers: byEnd(pointers) },
  }
}

function byEnd(lifetimes: readonly Lifetime[]): Map<number, number[]> {
  const ends = new Map<number, number[]>()
  lifetimes.forEach(({ to }, register) => {
    const others = ends.get(to)
    if (others) others.push(register)
    else ends.set(to, [register])
  })
  return ends
}
