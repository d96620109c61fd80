import type { Instruction, Program } from '../program.ts'
import { ByteWriter } from './bytes.ts'

export const WASM_LANES = 4

/** What may be used in addition to fixed-width SIMD. */
export interface WasmFeatures {
  /** f32x4.relaxed_madd. Only sums use it, for which it doesn't matter whether they round once or twice. */
  readonly relaxedMadd: boolean
  /** The memory belongs to the running thread and is not shared; false by default. */
  readonly isMemoryOwn?: boolean
}

const BLOCK_VOID = 0x40
const TYPE = { i32: 0x7f, v128: 0x7b, func: 0x60 } as const
const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const
const OP = {
  loop: 0x03,
  end: 0x0b,
  brIf: 0x0d,
  get: 0x20,
  set: 0x21,
  tee: 0x22,
  i32Const: 0x41,
  i32Add: 0x6a,
} as const
const SIMD_PREFIX = 0xfd
const LIMITS_WITH_MAXIMUM = 0x01
const LIMITS_SHARED = 0x02
/** The largest WASM memory, in pages of 64 KiB. Modules declare it as their maximum, so they fit any slab. */
export const WASM_MAX_PAGES = 65536

const SIMD = {
  load: 0,
  broadcast: 9,
  store: 11,
  const: 12,
  shuffle: 13,
  storeLane: 90,
  loadLane: 92,
  equal: 65,
  notEqual: 66,
  lessThan: 67,
  and: 78,
  andNot: 79,
  or: 80,
  xor: 81,
  bitselect: 82,
  shiftLeft: 171,
  shiftRight: 173,
  addInt: 174,
  subInt: 177,
  mulInt: 181,
  sqrt: 227,
  add: 228,
  sub: 229,
  mul: 230,
  div: 231,
  min: 234,
  max: 235,
  toInt: 248,
  toFloat: 250,
  relaxedMadd: 0x105,
} as const

const SWAP_HALVES = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]
const SWAP_PAIRS = [4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11]

/**
 * A program as the bytes of a WASM module: it imports `env.memory` and exports `run`, a function of the
 * program's pointers. Source: the WebAssembly specification, binary format, with the SIMD, relaxed-SIMD and threads
 * proposals.
 */
export function encodeWasm(program: Program, features: WasmFeatures): Uint8Array<ArrayBuffer> {
  if (program.lanes !== WASM_LANES) {
    throw new Error(`${program.name} is written for ${program.lanes} lanes; wasm has ${WASM_LANES}`)
  }
  const module = new ByteWriter()
  module.bytes(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00)
  module.section(SECTION.type, (out) => {
    out.bytes(1, TYPE.func)
    out.unsigned(program.parameters.length)
    for (const _ of program.parameters) out.bytes(TYPE.i32)
    out.bytes(0)
  })
  module.section(SECTION.import, (out) => {
    out.bytes(1)
    out.name('env')
    out.name('memory')
    out.bytes(0x02, features.isMemoryOwn ? LIMITS_WITH_MAXIMUM : LIMITS_WITH_MAXIMUM | LIMITS_SHARED)
    out.unsigned(0)
    out.unsigned(WASM_MAX_PAGES)
  })
  module.section(SECTION.function, (out) => out.bytes(1, 0))
  module.section(SECTION.export, (out) => {
    out.bytes(1)
    out.name('run')
    out.bytes(0x00, 0)
  })
  module.section(SECTION.code, (out) => {
    out.bytes(1)
    out.sized((code) => new FunctionEncoder(program, features, code).write())
  })
  return module.finish()
}

/** Locals: the program's pointers, its loop counters by depth, and its vectors. */
class FunctionEncoder {
  readonly #program: Program
  readonly #features: WasmFeatures
  readonly #out: ByteWriter
  readonly #counters: number

  constructor(program: Program, features: WasmFeatures, out: ByteWriter) {
    this.#program = program
    this.#features = features
    this.#out = out
    this.#counters = loopDepth(program.body)
  }

  write(): void {
    const { pointers, parameters, vectors } = this.#program
    const locals: [number, number][] = [
      [pointers - parameters.length + this.#counters, TYPE.i32],
      [vectors, TYPE.v128],
    ]
    const used = locals.filter(([count]) => count > 0)
    this.#out.unsigned(used.length)
    for (const [count, type] of used) {
      this.#out.unsigned(count)
      this.#out.bytes(type)
    }
    this.#body(this.#program.body, 0)
    this.#out.bytes(OP.end)
  }

  #body(body: readonly Instruction[], depth: number): void {
    for (const instruction of body) this.#instruction(instruction, depth)
  }

  #instruction(i: Instruction, depth: number): void {
    const out = this.#out
    switch (i.op) {
      case 'loop': {
        const counter = this.#program.pointers + depth
        this.#i32Const(i.count)
        this.#local(OP.set, counter)
        out.bytes(OP.loop, BLOCK_VOID)
        this.#body(i.body, depth + 1)
        this.#local(OP.get, counter)
        this.#i32Const(-1)
        out.bytes(OP.i32Add)
        this.#local(OP.tee, counter)
        out.bytes(OP.brIf, 0, OP.end)
        return
      }
      case 'advance':
      case 'point': {
        const [from, to] = i.op === 'advance' ? [i.pointer, i.pointer] : [i.from, i.to]
        this.#local(OP.get, from)
        this.#i32Const(i.bytes)
        out.bytes(OP.i32Add)
        this.#local(OP.set, to)
        return
      }
      case 'splat':
      case 'splatInt': {
        const lane = new Uint8Array((i.op === 'splat' ? Float32Array : Int32Array).of(i.value).buffer)
        this.#simd(SIMD.const)
        for (let n = 0; n < WASM_LANES; n++) out.bytes(...lane)
        this.#set(i.to)
        return
      }
      case 'laneIndexes': {
        const lanes = Int32Array.from({ length: WASM_LANES }, (_, lane) => lane)
        this.#simd(SIMD.const)
        out.bytes(...new Uint8Array(lanes.buffer))
        this.#set(i.to)
        return
      }
      case 'load':
      case 'broadcast':
      case 'loadLane': {
        const before = this.#address(i.pointer, i.offset)
        this.#simd(SIMD[i.op])
        this.#memoryArgument(before)
        this.#set(i.to)
        return
      }
      case 'store':
      case 'storeLane': {
        const before = this.#address(i.pointer, i.offset)
        this.#get(i.from)
        this.#simd(SIMD[i.op])
        this.#memoryArgument(before)
        if (i.op === 'storeLane') out.bytes(0)
        return
      }
      case 'prefetch': // wasm has none
        return
      case 'fma':
        if (this.#features.relaxedMadd) {
          this.#get(i.a, i.b, i.to)
          this.#simd(SIMD.relaxedMadd)
        } else {
          this.#get(i.a, i.b)
          this.#simd(SIMD.mul)
          this.#get(i.to)
          this.#simd(SIMD.add)
        }
        this.#set(i.to)
        return
      case 'select':
        this.#get(i.a, i.b, i.mask)
        this.#simd(SIMD.bitselect)
        this.#set(i.to)
        return
      case 'permute':
        this.#get(i.a, i.a)
        this.#simd(SIMD.shuffle)
        for (const lane of i.lanes) for (let byte = 0; byte < 4; byte++) out.bytes(4 * lane + byte)
        this.#set(i.to)
        return
      case 'shiftLeft':
      case 'shiftRight':
        this.#get(i.a)
        this.#i32Const(i.bits)
        this.#simd(SIMD[i.op])
        this.#set(i.to)
        return
      case 'copy':
        this.#get(i.a)
        this.#set(i.to)
        return
      case 'horizontalSum':
        this.#get(i.a)
        for (const pattern of [SWAP_HALVES, SWAP_PAIRS]) {
          this.#set(i.to)
          this.#get(i.to, i.to, i.to)
          this.#simd(SIMD.shuffle)
          out.bytes(...pattern)
          this.#simd(SIMD.add)
        }
        this.#set(i.to)
        return
      case 'sqrt':
      case 'toInt':
      case 'toFloat':
        this.#get(i.a)
        this.#simd(SIMD[i.op])
        this.#set(i.to)
        return
      case 'unordered':
        this.#get(i.a, i.a)
        this.#simd(SIMD.notEqual)
        if (i.b !== i.a) {
          this.#get(i.b, i.b)
          this.#simd(SIMD.notEqual)
          this.#simd(SIMD.or)
        }
        this.#set(i.to)
        return
      default:
        this.#get(i.a, i.b)
        this.#simd(SIMD[i.op])
        this.#set(i.to)
    }
  }

  /** Pushes the address. A negative offset can't be encoded in the instruction and is added first. */
  #address(pointer: number, offset: number): number {
    this.#local(OP.get, pointer)
    if (offset >= 0) return offset
    this.#i32Const(offset)
    this.#out.bytes(OP.i32Add)
    return 0
  }

  #memoryArgument(offset: number): void {
    this.#out.bytes(2) // aligned to 4 bytes, as all floats are
    this.#out.unsigned(offset)
  }

  #simd(code: number): void {
    this.#out.bytes(SIMD_PREFIX)
    this.#out.unsigned(code)
  }

  #get(...vectors: number[]): void {
    for (const vector of vectors) this.#local(OP.get, this.#vectorLocal(vector))
  }

  #set(vector: number): void {
    this.#local(OP.set, this.#vectorLocal(vector))
  }

  #vectorLocal(vector: number): number {
    return this.#program.pointers + this.#counters + vector
  }

  #local(op: number, index: number): void {
    this.#out.bytes(op)
    this.#out.unsigned(index)
  }

  #i32Const(value: number): void {
    this.#out.bytes(OP.i32Const)
    this.#out.signed(value)
  }
}

function loopDepth(body: readonly Instruction[]): number {
  return body.reduce((depth, i) => (i.op === 'loop' ? Math.max(depth, 1 + loopDepth(i.body)) : depth), 0)
}
