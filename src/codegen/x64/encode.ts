import type { BinaryOperation, Instruction, Program, UnaryOperation } from '../program.ts'
import {
  Assembler,
  type BinaryName,
  COMPARE,
  GPR,
  type Memory,
  type Operand,
  type VectorBits,
} from './assembler.ts'
import { type Lifetimes, lifetimesOf, vectorsReadBy } from './lifetimes.ts'
import { RegisterPool } from './register-pool.ts'

export type X64Target = 'avx2' | 'avx512'

export const X64_TARGETS: Readonly<
  Record<X64Target, { readonly bits: VectorBits; readonly lanes: number; readonly vectorRegisters: number }>
> = {
  avx2: { bits: 256, lanes: 8, vectorRegisters: 16 },
  avx512: { bits: 512, lanes: 16, vectorRegisters: 32 },
}

/** System V: the first six arguments; the others are on the stack. */
const ARGUMENTS = [GPR.rdi, GPR.rsi, GPR.rdx, GPR.rcx, GPR.r8, GPR.r9]
/** Registers that belong to the caller and must be restored. */
const CALLEE_SAVED = [GPR.rbx, GPR.rbp, GPR.r12, GPR.r13, GPR.r14, GPR.r15]
/** rax is reserved for distances beyond 32 bits. */
const POINTERS = [...ARGUMENTS, GPR.r10, GPR.r11, ...CALLEE_SAVED]
/** Memory below the stack pointer that signal handlers leave alone: the caller's MXCSR, then counters of outer loops. */
const SAVED_CONTROL: Memory = { base: GPR.rsp, displacement: -8 }
const RED_ZONE_COUNTERS = 15
const COUNTER_BYTES = 8
const MASK = 1

type Comparison = 'lessThan' | 'equal' | 'unordered'
/**
 * a < b ? b : a is vmaxps of b and a, which returns its second operand if they are equal or unordered; so is vminps. a &
 * ~b is vpandn, which negates its first operand.
 */
const SWAPPED = { max: 'vmaxps', min: 'vminps', andNot: 'vpandn' } as const
type Swapped = keyof typeof SWAPPED
type Arithmetic = Exclude<BinaryOperation, Swapped | Comparison>
const ARITHMETIC: Readonly<Record<Arithmetic, { readonly name: BinaryName; readonly commutes: boolean }>> = {
  add: { name: 'vaddps', commutes: true },
  sub: { name: 'vsubps', commutes: false },
  mul: { name: 'vmulps', commutes: true },
  div: { name: 'vdivps', commutes: false },
  and: { name: 'vpand', commutes: true },
  or: { name: 'vpor', commutes: true },
  xor: { name: 'vpxor', commutes: true },
  addInt: { name: 'vpaddd', commutes: true },
  subInt: { name: 'vpsubd', commutes: false },
  mulInt: { name: 'vpmulld', commutes: true },
}
const UNARY = { sqrt: 'vsqrtps', toInt: 'vcvttps2dq', toFloat: 'vcvtdq2ps' } as const

/**
 * A program as a function of its pointers, with System V's calling convention. Position-independent, but it must be
 * placed at a multiple of 64 bytes. Vectors and pointers keep their registers as long as they live. A program that
 * needs more registers than the target has is refused by name, since a spill inside a tile would halve its speed
 * unnoticed.
 */
export function encodeX64(
  program: Program,
  target: X64Target,
  { flushesDenormals = true }: EncodeOptions = {},
): Uint8Array<ArrayBuffer> {
  const { lanes } = X64_TARGETS[target]
  if (program.lanes !== lanes) {
    throw new Error(`${program.name} is written for ${program.lanes} lanes; x64:${target} has ${lanes}`)
  }
  const lifetimes = lifetimesOf(program)
  // The first pass finds which of the caller's registers are used.
  const { saved } = new FunctionEncoder(program, target, lifetimes, [], flushesDenormals).write()
  return new FunctionEncoder(program, target, lifetimes, saved, flushesDenormals).write().bytes
}

interface EncodeOptions {
  /**
   * Treats denormal floats (below 1.2e-38) as 0 and produces none. A network loses nothing by that, while the processor
   * takes up to a hundred times as long for each of them. The caller's setting is restored.
   */
  readonly flushesDenormals?: boolean
}

/**
 * All exceptions masked and rounding to nearest, as by default; in addition flush to zero, and denormals are zero.
 * Source: Intel's manual, volume 1, 10.2.3.
 */
const FLUSHING_CONTROL = 0x1f80 | (1 << 15) | (1 << 6)

/** Where an operand is: in a register, or in memory if it was never loaded into one. */
type OperandPlace = { readonly register: number } | { readonly memory: Memory; readonly isBroadcast: boolean }

class FunctionEncoder {
  readonly #program: Program
  readonly #lifetimes: Lifetimes
  readonly #saved: readonly number[]
  readonly #flushesDenormals: boolean
  readonly #out: Assembler
  readonly #lanes: number
  readonly #vectorRegisters: RegisterPool
  readonly #pointerRegisters: RegisterPool
  readonly #places = new Map<number, OperandPlace>()
  readonly #pointers = new Map<number, number>()
  readonly #constants = new Map<string, Memory>()
  #countersInMemory = 0
  #position = 0
  /** Registers that only the current instruction uses. */
  #temporaries: number[] = []

  constructor(
    program: Program,
    target: X64Target,
    lifetimes: Lifetimes,
    saved: readonly number[],
    flushesDenormals: boolean,
  ) {
    const { bits, lanes, vectorRegisters } = X64_TARGETS[target]
    this.#program = program
    this.#lifetimes = lifetimes
    this.#saved = saved
    this.#flushesDenormals = flushesDenormals
    this.#out = new Assembler(bits)
    this.#lanes = lanes
    const all = Array.from({ length: vectorRegisters }, (_, i) => i)
    this.#vectorRegisters = new RegisterPool(`${program.name} on x64:${target}: vector registers`, all)
    this.#pointerRegisters = new RegisterPool(`${program.name} on x64:${target}: pointer registers`, POINTERS)
  }

  write(): { bytes: Uint8Array<ArrayBuffer>; saved: readonly number[] } {
    const out = this.#out
    for (const register of this.#saved) out.push(register)
    if (this.#flushesDenormals) {
      out.storeControl(SAVED_CONTROL)
      out.loadControl(out.constant(new Int32Array(this.#lanes).fill(FLUSHING_CONTROL)))
    }
    this.#takeParameters()
    this.#position = 1
    this.#body(this.#program.body)
    if (this.#flushesDenormals) out.loadControl(SAVED_CONTROL)
    for (const register of this.#saved.toReversed()) out.pop(register)
    out.vzeroupper()
    out.ret()
    const saved = CALLEE_SAVED.filter((register) => this.#pointerRegisters.everTaken.has(register))
    return { bytes: out.finish(), saved }
  }

  #takeParameters(): void {
    const { pointers } = this.#lifetimes
    const parameters = [...this.#program.parameters.keys()]
    const inRegisters = parameters.slice(0, ARGUMENTS.length)
    for (const i of inRegisters) this.#pointers.set(i, this.#pointerRegisters.takeThis(ARGUMENTS[i]!))
    for (const i of parameters.slice(ARGUMENTS.length)) {
      const register = this.#pointerRegisters.take()
      // After what was pushed and the return address.
      const displacement = 8 * (this.#saved.length + 1 + i - ARGUMENTS.length)
      this.#out.loadRegister(register, { base: GPR.rsp, displacement })
      this.#pointers.set(i, register)
    }
    for (const i of parameters) if (pointers[i]!.to === 0) this.#releasePointer(i)
  }

  #body(body: readonly Instruction[]): void {
    for (let index = 0; index < body.length; index++) {
      const i = body[index]!
      const next = body[index + 1]
      if (i.op === 'loop') {
        this.#loop(i)
        continue
      }
      if (i.op === 'load' || i.op === 'broadcast') this.#load(i, next)
      else if (i.op === 'splat' && this.#isAddend(i.to, body, index))
        this.#places.set(i.to, { memory: this.#constantOf(i), isBroadcast: false })
      else if (this.#isMadeFor(i, next)) {
        // t = a op b; v = t: writes straight into v's register
        this.#instruction({ ...i, to: next.to } as Instruction)
        this.#endPosition()
        index++
      } else this.#instruction(i)
      this.#endPosition()
    }
  }

  /**
   * Whether a constant, made by the instruction at `index`, is next what a product is added to, and a factor is used for
   * the last time there: then the sum can take that factor's register, and the constant stays in memory.
   */
  #isAddend(vector: number, body: readonly Instruction[], index: number): boolean {
    for (let ahead = 1; index + ahead < body.length; ahead++) {
      const i = body[index + ahead]!
      if (i.op === 'loop') return false
      if (i.op === 'fma' && i.to === vector) return this.#lastFactor(i, this.#position + ahead) !== null
      if (vectorsReadBy(i).includes(vector) || ('to' in i && i.op !== 'point' && i.to === vector))
        return false
    }
    return false
  }

  /** The factor that dies with the product; null if there is none, or if the product is a square. */
  #lastFactor({ to, a, b }: Extract<Instruction, { op: 'fma' }>, position: number): number | null {
    if (a === b || a === to || b === to) return null
    return [a, b].find((factor) => this.#lifetimes.vectors[factor]!.to === position) ?? null
  }

  /** Whether `next` only copies the result of `i` into a register that already exists. */
  #isMadeFor(
    i: Instruction,
    next: Instruction | undefined,
  ): next is Extract<Instruction, { op: UnaryOperation }> {
    if (next?.op !== 'copy' || !('to' in i) || i.op === 'point' || i.op === 'fma') return false
    if (next.a !== i.to || this.#lifetimes.reads[i.to] !== 1) return false
    if (this.#lifetimes.isConstant[i.to] || !this.#places.has(next.to)) return false
    // An instruction that writes its result before it has read all operands must not overwrite one of them.
    return !(i.op === 'select' || i.op === 'horizontalSum') || !vectorsReadBy(i).includes(next.to)
  }

  #loop({ count, body }: Extract<Instruction, { op: 'loop' }>): void {
    const out = this.#out
    const register = this.#pointerRegisters.takeIfFree()
    if (register !== null) out.set(register, count)
    const counter: Memory = { base: GPR.rsp, displacement: -COUNTER_BYTES * (this.#countersInMemory + 2) }
    if (register === null) {
      if (++this.#countersInMemory > RED_ZONE_COUNTERS)
        throw new Error(
          `${this.#program.name}: its loops need more than ${RED_ZONE_COUNTERS} counters beside the registers`,
        )
      out.setMemory(counter, count)
    }
    this.#position++
    const head = out.position
    this.#body(body)
    if (register === null) {
      out.decrementMemory(counter)
      this.#countersInMemory--
    } else {
      out.decrement(register)
      this.#pointerRegisters.release(register)
    }
    out.jumpIfNotZero(head)
    this.#endPosition()
  }

  /** A load needs no register if only the next instruction reads it and can read memory. */
  #load(
    i: Extract<Instruction, { op: 'load' | 'broadcast' | 'loadLane' }>,
    next: Instruction | undefined,
  ): void {
    const memory = this.#memory(i.pointer, i.offset)
    const isBroadcast = i.op === 'broadcast'
    const isFolded =
      this.#lifetimes.reads[i.to] === 1 &&
      next !== undefined &&
      canReadMemory(next, i.to) &&
      (!isBroadcast || (this.#out.bits === 512 && next.op === 'fma')) &&
      !this.#needsScratch(i.offset)
    if (isFolded) {
      this.#places.set(i.to, { memory, isBroadcast })
      return
    }
    const to = this.#define(i.to)
    if (isBroadcast) this.#out.vbroadcastss(to, memory)
    else this.#out.unary('vmovups', to, memory)
  }

  #instruction(i: Instruction): void {
    const out = this.#out
    switch (i.op) {
      case 'loop':
      case 'load':
      case 'broadcast':
        throw new Error(`${i.op} is not written here`)
      case 'loadLane': {
        const memory = this.#memory(i.pointer, i.offset)
        out.loadLane(this.#define(i.to), memory)
        return
      }
      case 'store':
        out.store(this.#memory(i.pointer, i.offset), this.#register(i.from))
        return
      case 'storeLane':
        out.storeLane(this.#memory(i.pointer, i.offset), this.#register(i.from))
        return
      case 'prefetch':
        out.prefetch(this.#memory(i.pointer, i.offset))
        return
      case 'splat':
      case 'splatInt':
      case 'laneIndexes':
        this.#constant(i)
        return
      case 'point':
        this.#point(i.to, i.from, i.bytes)
        return
      case 'advance':
        this.#advance(this.#pointers.get(i.pointer)!, i.bytes)
        return
      case 'fma':
        this.#fma(i)
        return
      case 'select':
        this.#select(i)
        return
      case 'permute': {
        const numbers = this.#temporary()
        out.unary('vmovups', numbers, out.constant(Int32Array.from(i.lanes)))
        const a = this.#operand(i.a)
        out.binary('vpermps', this.#define(i.to, [i.a]), numbers, a)
        return
      }
      case 'shiftLeft':
      case 'shiftRight': {
        const a = this.#register(i.a)
        const to = this.#define(i.to, [i.a])
        if (i.op === 'shiftLeft') out.vpslld(to, a, i.bits)
        else out.vpsrld(to, a, i.bits)
        return
      }
      case 'copy': {
        const a = this.#operand(i.a)
        out.unary(typeof a === 'number' ? 'vmovaps' : 'vmovups', this.#define(i.to, [i.a]), a)
        return
      }
      case 'horizontalSum':
        this.#horizontalSum(i)
        return
      case 'sqrt':
      case 'toInt':
      case 'toFloat': {
        const a = this.#operand(i.a)
        out.unary(UNARY[i.op], this.#define(i.to, [i.a]), a)
        return
      }
      default:
        this.#binary(i)
    }
  }

  #constant(i: Extract<Instruction, { op: 'splat' | 'splatInt' | 'laneIndexes' }>): void {
    const constant = this.#constantOf(i)
    const isZero = i.op !== 'laneIndexes' && Object.is(i.value, 0)
    if (this.#lifetimes.isConstant[i.to]) {
      this.#places.set(i.to, { memory: constant, isBroadcast: false })
      return
    }
    const to = this.#define(i.to)
    if (isZero) this.#out.binary('vpxor', to, to, to)
    else this.#out.unary('vmovups', to, constant)
  }

  #constantOf(i: Extract<Instruction, { op: 'splat' | 'splatInt' | 'laneIndexes' }>): Memory {
    const value = i.op === 'laneIndexes' ? '' : Object.is(i.value, -0) ? '-0' : i.value
    const key = `${i.op} ${value}`
    let constant = this.#constants.get(key)
    if (!constant) {
      constant = this.#out.constant(constantOf(i, this.#lanes))
      this.#constants.set(key, constant)
    }
    return constant
  }

  #fma(i: Extract<Instruction, { op: 'fma' }>): void {
    const { to, a, b } = i
    if (this.#isMemory(to)) {
      const factor = this.#lastFactor(i, this.#position)!
      const addend = this.#operand(to)
      if (!this.#isMemory(factor)) {
        const register = this.#register(factor)
        const other = this.#register(factor === a ? b : a)
        this.#out.binary('vfmadd213ps', register, other, addend)
        this.#places.set(to, { register })
        this.#places.delete(factor)
        return
      }
      this.#places.delete(to)
      this.#out.unary('vmovups', this.#define(to), addend)
    }
    const sum = this.#register(to)
    const [first, second] = this.#isMemory(a) ? [b, a] : [a, b]
    const register = this.#register(first)
    const place = this.#places.get(second)!
    if ('memory' in place && place.isBroadcast) {
      this.#out.binaryBroadcast('vfmadd231ps', sum, register, place.memory)
    } else this.#out.binary('vfmadd231ps', sum, register, this.#operand(second))
  }

  #select({ to, mask, a, b }: Extract<Instruction, { op: 'select' }>): void {
    if (this.#out.bits === 256) {
      const [whenClear, whenSet, by] = [this.#register(b), this.#operand(a), this.#register(mask)]
      this.#out.vblendvps(this.#define(to, [mask, a, b]), whenClear, whenSet, by)
      return
    }
    const [by, whenSet, whenClear] = [this.#register(mask), this.#register(a), this.#operand(b)]
    // The result is first a copy of the mask, written before a and b are read: it can't take their registers.
    const result = this.#define(to)
    this.#out.unary('vmovaps', result, by)
    this.#out.bitSelect(result, whenSet, whenClear)
  }

  /** Adds halves to halves: every lane ends up with the same sum, added in the same order. */
  #horizontalSum({ to, a }: { to: number; a: number }): void {
    const from = this.#register(a)
    const result = this.#define(to)
    let sum = from
    for (let lanes = this.#lanes / 2; lanes >= 1; lanes /= 2) {
      const swapped = this.#temporary()
      this.#out.swap(swapped, sum, lanes as 8 | 4 | 2 | 1)
      this.#out.binary('vaddps', result, sum, swapped)
      sum = result
    }
  }

  #binary(i: Extract<Instruction, { op: BinaryOperation }>): void {
    const out = this.#out
    const { op, to } = i
    if (op === 'lessThan' || op === 'equal' || op === 'unordered') {
      this.#compare(op, to, i.a, i.b)
      return
    }
    const isSwapped = op === 'max' || op === 'min' || op === 'andNot'
    const { name, commutes } = isSwapped ? { name: SWAPPED[op], commutes: false } : ARITHMETIC[op]
    let [first, second] = isSwapped ? [i.b, i.a] : [i.a, i.b]
    if (commutes && this.#isMemory(first)) [first, second] = [second, first]
    const [x, y] = [this.#register(first), this.#operand(second)]
    out.binary(name, this.#define(to, [i.a, i.b]), x, y)
  }

  #compare(op: Comparison, to: number, a: number, b: number): void {
    const isSwapped = this.#isMemory(a) && !this.#isMemory(b)
    const predicate = COMPARE[isSwapped && op === 'lessThan' ? 'greaterThan' : op]
    const [x, y] = isSwapped ? [this.#register(b), this.#operand(a)] : [this.#register(a), this.#operand(b)]
    const result = this.#define(to, [a, b])
    if (this.#out.bits === 256) this.#out.vcmpps(result, x, y, predicate)
    else {
      this.#out.vcmppsMask(MASK, x, y, predicate)
      this.#out.spreadMask(result, MASK)
    }
  }

  #point(to: number, from: number, bytes: number): void {
    const base = this.#pointers.get(from)!
    if (this.#lifetimes.pointers[from]!.to === this.#position) this.#releasePointer(from)
    const register = this.#pointerRegisters.take()
    this.#pointers.set(to, register)
    if (bytes === 0 && register === base) return
    if (bytes === 0) this.#out.move(register, base)
    else if (!this.#needsScratch(bytes)) this.#out.lea(register, { base, displacement: bytes })
    else {
      this.#out.setWide(GPR.rax, bytes)
      if (register !== base) this.#out.move(register, base)
      this.#out.addRegister(register, GPR.rax)
    }
  }

  #advance(register: number, bytes: number): void {
    if (!this.#needsScratch(bytes)) this.#out.add(register, bytes)
    else {
      this.#out.setWide(GPR.rax, bytes)
      this.#out.addRegister(register, GPR.rax)
    }
  }

  #needsScratch(bytes: number): boolean {
    return bytes !== (bytes | 0)
  }

  #memory(pointer: number, offset: number): Memory {
    const base = this.#pointers.get(pointer)!
    if (!this.#needsScratch(offset)) return { base, displacement: offset }
    this.#out.setWide(GPR.rax, offset)
    this.#out.addRegister(GPR.rax, base)
    return { base: GPR.rax, displacement: 0 }
  }

  #isMemory(vector: number): boolean {
    return 'memory' in this.#places.get(vector)!
  }

  /** A register, or memory as wide as a vector. */
  #operand(vector: number): Operand {
    const place = this.#places.get(vector)!
    if ('register' in place) return place.register
    return place.isBroadcast ? this.#register(vector) : place.memory
  }

  /** A register; if the vector is in memory, a temporary one. */
  #register(vector: number): number {
    const place = this.#places.get(vector)!
    if ('register' in place) return place.register
    const register = this.#temporary()
    if (place.isBroadcast) this.#out.vbroadcastss(register, place.memory)
    else this.#out.unary('vmovups', register, place.memory)
    return register
  }

  #temporary(): number {
    const register = this.#vectorRegisters.take()
    this.#temporaries.push(register)
    return register
  }

  /**
   * The register of an instruction's result. `operands` are those that are all read before the result is written: if
   * one of them dies here, the result may take its register.
   */
  #define(vector: number, operands: readonly number[] = []): number {
    const place = this.#places.get(vector)
    if (place && 'register' in place) return place.register // it exists already and is written again
    for (const operand of new Set(operands)) {
      if (this.#lifetimes.vectors[operand]!.to === this.#position) this.#releaseVector(operand)
    }
    const register = this.#vectorRegisters.take()
    this.#places.set(vector, { register })
    return register
  }

  #releaseVector(vector: number): void {
    const place = this.#places.get(vector)
    if (place && 'register' in place) this.#vectorRegisters.release(place.register)
    this.#places.delete(vector)
  }

  #releasePointer(pointer: number): void {
    const register = this.#pointers.get(pointer)
    if (register !== undefined) this.#pointerRegisters.release(register)
    this.#pointers.delete(pointer)
  }

  /** Frees the registers of all values whose life ends here. */
  #endPosition(): void {
    for (const register of this.#temporaries) this.#vectorRegisters.release(register)
    this.#temporaries = []
    const { vectors, pointers } = this.#lifetimes.endingAt
    for (const vector of vectors.get(this.#position) ?? []) this.#releaseVector(vector)
    for (const pointer of pointers.get(this.#position) ?? []) this.#releasePointer(pointer)
    this.#position++
  }
}

function constantOf(
  i: Extract<Instruction, { op: 'splat' | 'splatInt' | 'laneIndexes' }>,
  lanes: number,
): Float32Array | Int32Array {
  if (i.op === 'laneIndexes') return Int32Array.from({ length: lanes }, (_, lane) => lane)
  return new (i.op === 'splat' ? Float32Array : Int32Array)(lanes).fill(i.value)
}

/** Whether an instruction can take this operand straight from memory. */
function canReadMemory(i: Instruction, vector: number): boolean {
  const reads = vectorsReadBy(i).filter((read) => read === vector).length
  if (reads !== 1) return false
  switch (i.op) {
    case 'add':
    case 'mul':
    case 'and':
    case 'or':
    case 'xor':
    case 'addInt':
    case 'mulInt':
    case 'equal':
    case 'lessThan':
    case 'unordered':
      return true
    case 'sub':
    case 'div':
    case 'subInt':
      return i.b === vector
    case 'max':
    case 'min':
    case 'andNot':
      return i.a === vector
    case 'fma':
      return i.to !== vector
    case 'sqrt':
    case 'toInt':
    case 'toFloat':
    case 'permute':
      return true
    default:
      return false
  }
}
