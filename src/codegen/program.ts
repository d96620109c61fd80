// The vector program: what a kernel writes and a target turns into code. It has vectors, pointers and counted loops,
// and knows nothing of layers. All trip counts and offsets are constants, so every address of a program can be checked
// before it runs (see extents.ts), and costs nothing to compute while it runs.

/** A vector register of `lanes` float32 (or, for the bit operations, int32). */
export type Vector = number & { readonly __brand: 'vector' }
/** A pointer register, in bytes. */
export type Pointer = number & { readonly __brand: 'pointer' }

/**
 * `max` is a < b ? b : a (wasm's pmax), `min` is b < a ? b : a (pmin): twice as fast as the IEEE maximum and minimum; a
 * NaN in `a` stays. `unordered` is all ones if a or b is NaN; read as a float, that is NaN itself.
 */
export type BinaryOperation =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'max'
  | 'min'
  | 'lessThan'
  | 'equal'
  | 'unordered'
  | 'and'
  | 'andNot'
  | 'or'
  | 'xor'
  | 'addInt'
  | 'subInt'
  | 'mulInt'

/** `toInt` rounds towards zero; `horizontalSum` leaves the sum of all lanes, added pairwise, in every lane. */
export type UnaryOperation = 'sqrt' | 'toInt' | 'toFloat' | 'horizontalSum' | 'copy'

export type Instruction =
  | { readonly op: 'splat'; readonly to: Vector; readonly value: number }
  | { readonly op: 'splatInt'; readonly to: Vector; readonly value: number }
  /** The integers 0, 1, ..., lanes - 1. */
  | { readonly op: 'laneIndexes'; readonly to: Vector }
  /** broadcast: one float in all lanes; loadLane: one float in lane 0, zeros in the others. */
  | {
      readonly op: 'load' | 'broadcast' | 'loadLane'
      readonly to: Vector
      readonly pointer: Pointer
      readonly offset: number
    }
  /** storeLane: stores only lane 0. */
  | {
      readonly op: 'store' | 'storeLane'
      readonly from: Vector
      readonly pointer: Pointer
      readonly offset: number
    }
  /** Asks for the cache line of an address that will be read soon. The address may be outside of every buffer. */
  | { readonly op: 'prefetch'; readonly pointer: Pointer; readonly offset: number }
  | { readonly op: BinaryOperation; readonly to: Vector; readonly a: Vector; readonly b: Vector }
  | { readonly op: UnaryOperation; readonly to: Vector; readonly a: Vector }
  | {
      readonly op: 'shiftLeft' | 'shiftRight'
      readonly to: Vector
      readonly a: Vector
      readonly bits: number
    }
  /** to = to + a * b; the target decides whether it is rounded once or twice. */
  | { readonly op: 'fma'; readonly to: Vector; readonly a: Vector; readonly b: Vector }
  | {
      readonly op: 'select'
      readonly to: Vector
      readonly mask: Vector
      readonly a: Vector
      readonly b: Vector
    }
  /** to[i] = a[lanes[i]] */
  | { readonly op: 'permute'; readonly to: Vector; readonly a: Vector; readonly lanes: readonly number[] }
  | { readonly op: 'point'; readonly to: Pointer; readonly from: Pointer; readonly bytes: number }
  | { readonly op: 'advance'; readonly pointer: Pointer; bytes: number }
  | { readonly op: 'loop'; readonly count: number; readonly body: readonly Instruction[] }

export interface Program {
  /** For messages and profiles: what it computes and in which tile. */
  readonly name: string
  readonly lanes: number
  /** The pointers that it is called with; they are its registers 0, 1, ... */
  readonly parameters: readonly string[]
  readonly pointers: number
  readonly vectors: number
  readonly body: readonly Instruction[]
}

/** A compiled program; its arguments are addresses in bytes. */
export type KernelFunction = (...pointers: number[]) => void

export const FLOAT_BYTES = 4

/** Writes a program, instruction by instruction. Offsets are in bytes. */
export class ProgramBuilder {
  readonly lanes: number
  readonly vectorBytes: number
  readonly #name: string
  readonly #parameters: readonly string[]
  #body: Instruction[] = []
  #pointers: number
  #vectors = 0

  constructor(name: string, lanes: number, parameters: readonly string[]) {
    this.#name = name
    this.lanes = lanes
    this.vectorBytes = lanes * FLOAT_BYTES
    this.#parameters = parameters
    this.#pointers = parameters.length
  }

  finish(): Program {
    return {
      name: this.#name,
      lanes: this.lanes,
      parameters: this.#parameters,
      pointers: this.#pointers,
      vectors: this.#vectors,
      body: this.#body,
    }
  }

  /** The pointer that the program is called with under this name. */
  parameter(name: string): Pointer {
    const index = this.#parameters.indexOf(name)
    if (index < 0) throw new Error(`${this.#name} has no parameter '${name}'`)
    return index as Pointer
  }

  /** A new pointer at `from + bytes`. */
  point(from: Pointer, bytes = 0): Pointer {
    const to = this.#pointers++ as Pointer
    this.#body.push({ op: 'point', to, from, bytes })
    return to
  }

  /** Moves a pointer. Consecutive moves are joined, so rewinding after nested loops costs one addition. */
  advance(pointer: Pointer, bytes: number): void {
    if (bytes === 0) return
    for (let i = this.#body.length - 1; i >= 0; i--) {
      const before = this.#body[i]!
      if (before.op !== 'advance') break
      if (before.pointer !== pointer) continue
      before.bytes += bytes
      if (before.bytes === 0) this.#body.splice(i, 1)
      return
    }
    this.#body.push({ op: 'advance', pointer, bytes })
  }

  /** Runs `body` `count` times. */
  loop(count: number, body: () => void): void {
    if (count <= 0) return
    if (count === 1) {
      body()
      return
    }
    const outer = this.#body
    this.#body = []
    body()
    const inner = this.#body
    this.#body = outer
    this.#body.push({ op: 'loop', count, body: inner })
  }

  /**
   * Runs `body` `count` times and moves each pointer by its step after each round; at the end the pointers are back
   * where they began.
   */
  walk(count: number, steps: readonly (readonly [Pointer, number])[], body: () => void): void {
    this.loop(count, () => {
      body()
      for (const [pointer, bytes] of steps) this.advance(pointer, bytes)
    })
    if (count > 0) for (const [pointer, bytes] of steps) this.advance(pointer, -count * bytes)
  }

  /**
   * Writes computations that do not depend on each other in turns, an instruction of each, so that one has something to
   * do while another waits for a result: a processor looks only so far ahead. They must not move pointers.
   */
  interleave(bodies: readonly (() => void)[]): void {
    const outer = this.#body
    const written = bodies.map((body) => {
      this.#body = []
      body()
      return this.#body
    })
    this.#body = outer
    const longest = Math.max(0, ...written.map(({ length }) => length))
    for (let i = 0; i < longest; i++) {
      for (const body of written) {
        const instruction = body[i]
        if (!instruction) continue
        if (instruction.op === 'advance' || instruction.op === 'point')
          throw new Error(`${this.#name}: what is interleaved moves a pointer`)
        this.#body.push(instruction)
      }
    }
  }

  splat(value: number): Vector {
    const to = this.#vector()
    this.#body.push({ op: 'splat', to, value: Math.fround(value) })
    return to
  }

  splatInt(value: number): Vector {
    const to = this.#vector()
    this.#body.push({ op: 'splatInt', to, value: value | 0 })
    return to
  }

  laneIndexes(): Vector {
    const to = this.#vector()
    this.#body.push({ op: 'laneIndexes', to })
    return to
  }

  load(pointer: Pointer, offset = 0): Vector {
    return this.#read('load', pointer, offset)
  }

  broadcast(pointer: Pointer, offset = 0): Vector {
    return this.#read('broadcast', pointer, offset)
  }

  loadLane(pointer: Pointer, offset = 0): Vector {
    return this.#read('loadLane', pointer, offset)
  }

  store(pointer: Pointer, offset: number, from: Vector): void {
    this.#body.push({ op: 'store', from, pointer, offset })
  }

  storeLane(pointer: Pointer, offset: number, from: Vector): void {
    this.#body.push({ op: 'storeLane', from, pointer, offset })
  }

  /** Changes nothing but the time that a later load takes. */
  prefetch(pointer: Pointer, offset = 0): void {
    this.#body.push({ op: 'prefetch', pointer, offset })
  }

  binary(op: BinaryOperation, a: Vector, b: Vector): Vector {
    const to = this.#vector()
    this.#body.push({ op, to, a, b })
    return to
  }

  unary(op: UnaryOperation, a: Vector): Vector {
    const to = this.#vector()
    this.#body.push({ op, to, a })
    return to
  }

  add = (a: Vector, b: Vector): Vector => this.binary('add', a, b)
  sub = (a: Vector, b: Vector): Vector => this.binary('sub', a, b)
  mul = (a: Vector, b: Vector): Vector => this.binary('mul', a, b)
  div = (a: Vector, b: Vector): Vector => this.binary('div', a, b)
  max = (a: Vector, b: Vector): Vector => this.binary('max', a, b)
  min = (a: Vector, b: Vector): Vector => this.binary('min', a, b)
  sqrt = (a: Vector): Vector => this.unary('sqrt', a)

  shift(op: 'shiftLeft' | 'shiftRight', a: Vector, bits: number): Vector {
    const to = this.#vector()
    this.#body.push({ op, to, a, bits })
    return to
  }

  /** A vector whose lane i is lane `lanes[i]` of `a`. */
  permute(a: Vector, lanes: readonly number[]): Vector {
    if (lanes.length !== this.lanes) throw new Error(`${this.#name}: ${lanes.length} lanes of ${this.lanes}`)
    const to = this.#vector()
    this.#body.push({ op: 'permute', to, a, lanes })
    return to
  }

  /** sum += a * b, in place. */
  fma(sum: Vector, a: Vector, b: Vector): void {
    this.#body.push({ op: 'fma', to: sum, a, b })
  }

  /** Copies `a` into an existing register, for values that are kept through a loop. */
  assign(to: Vector, a: Vector): void {
    this.#body.push({ op: 'copy', to, a })
  }

  /** `a` where the mask's lane is all ones, `b` where it is zero. */
  select(mask: Vector, a: Vector, b: Vector): Vector {
    const to = this.#vector()
    this.#body.push({ op: 'select', to, mask, a, b })
    return to
  }

  #vector(): Vector {
    return this.#vectors++ as Vector
  }

  #read(op: 'load' | 'broadcast' | 'loadLane', pointer: Pointer, offset: number): Vector {
    const to = this.#vector()
    this.#body.push({ op, to, pointer, offset })
    return to
  }
}
