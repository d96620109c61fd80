// Only the instructions that vector programs need, in VEX (256 bits) or EVEX (512 bits). Source: Intel 64 and IA-32
// Architectures Software Developer's Manual, volume 2.

/** General registers, by their number in the encoding. */
export const GPR = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rbx: 3,
  rsp: 4,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
} as const

export type VectorBits = 256 | 512

/** Memory at a register plus a displacement, or a constant in the pool after the code. */
export type Memory = { readonly base: number; readonly displacement: number } | { readonly constant: number }

/** A vector register's number, or memory. */
export type Operand = number | Memory

/** Predicates of vcmpps: ordered, quiet. */
export const COMPARE = { equal: 0x00, unordered: 0x03, lessThan: 0x11, greaterThan: 0x1e } as const

type Prefix = 0 | 1 | 2
const NONE: Prefix = 0
const P66: Prefix = 1
const PF3: Prefix = 2

const MAP_0F = 1
const MAP_0F38 = 2
const MAP_0F3A = 3

interface VectorInstruction {
  readonly map: number
  readonly prefix: Prefix
  readonly opcode: number
}

const instruction = (map: number, prefix: Prefix, opcode: number): VectorInstruction => ({
  map,
  prefix,
  opcode,
})

/** Three operands: to, a, b; b may be memory. Two: to, b. */
const VECTOR = {
  vaddps: instruction(MAP_0F, NONE, 0x58),
  vmulps: instruction(MAP_0F, NONE, 0x59),
  vsubps: instruction(MAP_0F, NONE, 0x5c),
  vdivps: instruction(MAP_0F, NONE, 0x5e),
  vmaxps: instruction(MAP_0F, NONE, 0x5f),
  vminps: instruction(MAP_0F, NONE, 0x5d),
  vpand: instruction(MAP_0F, P66, 0xdb),
  vpandn: instruction(MAP_0F, P66, 0xdf),
  vpor: instruction(MAP_0F, P66, 0xeb),
  vpxor: instruction(MAP_0F, P66, 0xef),
  vpaddd: instruction(MAP_0F, P66, 0xfe),
  vpsubd: instruction(MAP_0F, P66, 0xfa),
  vpmulld: instruction(MAP_0F38, P66, 0x40),
  vfmadd213ps: instruction(MAP_0F38, P66, 0xa8),
  vfmadd231ps: instruction(MAP_0F38, P66, 0xb8),
  /** Lane i of the result is the lane of b whose number is in lane i of a. */
  vpermps: instruction(MAP_0F38, P66, 0x16),
} as const
const VECTOR_OF_TWO = {
  vsqrtps: instruction(MAP_0F, NONE, 0x51),
  vcvttps2dq: instruction(MAP_0F, PF3, 0x5b),
  vcvtdq2ps: instruction(MAP_0F, NONE, 0x5b),
  vmovaps: instruction(MAP_0F, NONE, 0x28),
  vmovups: instruction(MAP_0F, NONE, 0x10),
} as const
const VMOVAPS_STORE = instruction(MAP_0F, NONE, 0x29)
const VMOVUPS_STORE = instruction(MAP_0F, NONE, 0x11)
const VBROADCASTSS = instruction(MAP_0F38, P66, 0x18)
const VMOVSS_LOAD = instruction(MAP_0F, PF3, 0x10)
const VMOVSS_STORE = instruction(MAP_0F, PF3, 0x11)
const VCMPPS = instruction(MAP_0F, NONE, 0xc2)
const SHIFT_BY_IMMEDIATE = instruction(MAP_0F, P66, 0x72)
const VBLENDVPS = instruction(MAP_0F3A, P66, 0x4a)
const VPTERNLOGD = instruction(MAP_0F3A, P66, 0x25)
const VPERM2F128 = instruction(MAP_0F3A, P66, 0x06)
const VSHUFF32X4 = instruction(MAP_0F3A, P66, 0x23)
const VPERMILPS = instruction(MAP_0F3A, P66, 0x04)

export type BinaryName = keyof typeof VECTOR
export type UnaryName = keyof typeof VECTOR_OF_TWO

const FLOAT_BYTES = 4

/** What an EVEX instruction encodes beyond its operands. */
interface Extras {
  /** The unit of a one-byte displacement: the size of the memory operand. */
  readonly scale?: number
  /** An immediate byte at the end. */
  readonly immediate?: number
  /** One float of memory for all lanes. */
  readonly broadcast?: boolean
  /** Lanes whose bit in this mask register is 0 become 0. */
  readonly zeroingMask?: number
  /** 128 bits: for single floats. */
  readonly scalar?: boolean
}

/** Writes machine code. Loops only jump backward, so every distance is known when the jump is written. */
export class Assembler {
  readonly bits: VectorBits
  readonly #code: number[] = []
  readonly #constants: Uint8Array[] = []
  readonly #constantNumbers = new Map<string, number>()
  /** Displacements to be filled in when the pool's place is known; `end` is where their instruction ends. */
  readonly #fixups: { at: number; end: number; constant: number }[] = []

  constructor(bits: VectorBits) {
    this.bits = bits
  }

  get position(): number {
    return this.#code.length
  }

  get vectorBytes(): number {
    return this.bits / 8
  }

  /** A constant as wide as a vector; equal constants share a place. */
  constant(values: Float32Array | Int32Array): { readonly constant: number } {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    const key = bytes.join()
    let number = this.#constantNumbers.get(key)
    if (number === undefined) {
      number = this.#constants.push(bytes) - 1
      this.#constantNumbers.set(key, number)
    }
    return { constant: number }
  }

  /** The code, followed by its constants, which are aligned if the code is at a multiple of the vector. */
  finish(): Uint8Array<ArrayBuffer> {
    const pool = Math.ceil(this.#code.length / this.vectorBytes) * this.vectorBytes
    const length =
      this.#constants.length > 0 ? pool + this.#constants.length * this.vectorBytes : this.#code.length
    const bytes = new Uint8Array(length)
    bytes.set(this.#code)
    this.#constants.forEach((constant, i) => {
      bytes.set(constant, pool + i * this.vectorBytes)
    })
    const view = new DataView(bytes.buffer)
    for (const { at, end, constant } of this.#fixups) {
      view.setInt32(at, pool + constant * this.vectorBytes - end, true)
    }
    return bytes
  }

  // Vectors

  binary(name: BinaryName, to: number, a: number, b: Operand): void {
    this.#vector(VECTOR[name], to, a, b)
  }

  /** `a` op one float of memory in all lanes; 512 bits only. */
  binaryBroadcast(name: BinaryName, to: number, a: number, b: Memory): void {
    this.#vector(VECTOR[name], to, a, b, { broadcast: true, scale: FLOAT_BYTES })
  }

  unary(name: UnaryName, to: number, a: Operand): void {
    const isHighToLow = name === 'vmovaps' && typeof a === 'number' && a >= 8 && to < 8
    // The form for stores has its operands exchanged, which saves a byte here.
    if (isHighToLow && this.bits === 256) this.#vector(VMOVAPS_STORE, a, 0, to)
    else this.#vector(VECTOR_OF_TWO[name], to, 0, a)
  }

  /** vmovups to memory. */
  store(to: Memory, from: number): void {
    this.#vector(VMOVUPS_STORE, from, 0, to)
  }

  vbroadcastss(to: number, from: Memory): void {
    this.#vector(VBROADCASTSS, to, 0, from, { scale: FLOAT_BYTES })
  }

  /** vmovss from memory; the other lanes become 0. */
  loadLane(to: number, from: Memory): void {
    this.#vector(VMOVSS_LOAD, to, 0, from, { scale: FLOAT_BYTES, scalar: true })
  }

  storeLane(to: Memory, from: number): void {
    this.#vector(VMOVSS_STORE, from, 0, to, { scale: FLOAT_BYTES, scalar: true })
  }

  /** All ones if the comparison holds; 256 bits. */
  vcmpps(to: number, a: number, b: Operand, predicate: number): void {
    this.#require(256, 'vcmpps to a vector')
    this.#vector(VCMPPS, to, a, b, { immediate: predicate })
  }

  /** Into a mask register; 512 bits. */
  vcmppsMask(toMask: number, a: number, b: Operand, predicate: number): void {
    this.#require(512, 'vcmpps to a mask')
    this.#vector(VCMPPS, toMask, a, b, { immediate: predicate })
  }

  /** All ones if the mask's bit is 1, zeros otherwise; 512 bits. */
  spreadMask(to: number, mask: number): void {
    this.#require(512, 'vpternlogd')
    this.#vector(VPTERNLOGD, to, to, to, { immediate: 0xff, zeroingMask: mask })
  }

  vpslld(to: number, a: number, bits: number): void {
    this.#vector(SHIFT_BY_IMMEDIATE, 6, to, a, { immediate: bits })
  }

  vpsrld(to: number, a: number, bits: number): void {
    this.#vector(SHIFT_BY_IMMEDIATE, 2, to, a, { immediate: bits })
  }

  /** `whenSet` if the mask's sign bit is set, otherwise `whenClear`; 256 bits. */
  vblendvps(to: number, whenClear: number, whenSet: Operand, mask: number): void {
    this.#require(256, 'vblendvps')
    this.#vector(VBLENDVPS, to, whenClear, whenSet, { immediate: mask << 4 })
  }

  /** mask = mask ? whenSet : whenClear, bit by bit; 512 bits. */
  bitSelect(mask: number, whenSet: number, whenClear: Operand): void {
    this.#require(512, 'vpternlogd')
    this.#vector(VPTERNLOGD, mask, whenSet, whenClear, { immediate: 0xca })
  }

  /** Exchanges neighbouring groups of `lanes` lanes: 8, 4, 2 or 1; `to` and `a` may be the same register. */
  swap(to: number, a: number, lanes: 8 | 4 | 2 | 1): void {
    if (lanes === 8) this.#vector(VSHUFF32X4, to, a, a, { immediate: 0x4e })
    else if (lanes === 4 && this.bits === 512) this.#vector(VSHUFF32X4, to, a, a, { immediate: 0xb1 })
    else if (lanes === 4) this.#vector(VPERM2F128, to, a, a, { immediate: 0x01 })
    else this.#vector(VPERMILPS, to, 0, a, { immediate: lanes === 2 ? 0x4e : 0xb1 })
  }

  vzeroupper(): void {
    this.#code.push(0xc5, 0xf8, 0x77)
  }

  // General registers, 64 bits

  move(to: number, from: number): void {
    this.#code.push(0x48 | ((from >> 3) << 2) | (to >> 3), 0x89, 0xc0 | ((from & 7) << 3) | (to & 7))
  }

  /** to = an integer from 0 to 2^32 - 1. */
  set(to: number, value: number): void {
    if (to >= 8) this.#code.push(0x41)
    this.#code.push(0xb8 | (to & 7))
    this.#int32(value)
  }

  /** to = any integer. */
  setWide(to: number, value: number): void {
    this.#code.push(0x48 | (to >> 3), 0xb8 | (to & 7))
    const bytes = new Uint8Array(BigInt64Array.of(BigInt(value)).buffer)
    this.#code.push(...bytes)
  }

  /** `value` must fit 32 signed bits. */
  add(to: number, value: number): void {
    const isByte = value >= -128 && value <= 127
    this.#code.push(0x48 | (to >> 3), isByte ? 0x83 : 0x81, 0xc0 | (to & 7))
    if (isByte) this.#code.push(value & 255)
    else this.#int32(value)
  }

  addRegister(to: number, from: number): void {
    this.#code.push(0x48 | ((from >> 3) << 2) | (to >> 3), 0x01, 0xc0 | ((from & 7) << 3) | (to & 7))
  }

  lea(to: number, from: Memory): void {
    this.#general(0x8d, to, from)
  }

  loadRegister(to: number, from: Memory): void {
    this.#general(0x8b, to, from)
  }

  /** 32 bits. */
  storeRegister32(to: Memory, from: number): void {
    this.#general(0x89, from, to, 0)
  }

  /** dec of the lower 32 bits. */
  decrement(register: number): void {
    if (register >= 8) this.#code.push(0x41)
    this.#code.push(0xff, 0xc8 | (register & 7))
  }

  decrementMemory(at: Memory): void {
    this.#general(0xff, 1, at, 0)
  }

  setMemory(at: Memory, value: number): void {
    this.#general(0xc7, 0, at, 0)
    this.#int32(value)
  }

  jumpIfNotZero(to: number): void {
    const near = to - (this.position + 2)
    if (near >= -128) this.#code.push(0x75, near & 255)
    else {
      this.#code.push(0x0f, 0x85)
      this.#int32(to - (this.position + 4))
    }
  }

  push(register: number): void {
    if (register >= 8) this.#code.push(0x41)
    this.#code.push(0x50 | (register & 7))
  }

  pop(register: number): void {
    if (register >= 8) this.#code.push(0x41)
    this.#code.push(0x58 | (register & 7))
  }

  /** prefetcht1: into the second-level cache. Never faults. */
  prefetch(from: Memory): void {
    if (baseOf(from) >= 8) this.#code.push(0x41)
    this.#code.push(0x0f, 0x18)
    this.#modRm(2, from, 1, 0)
  }

  ret(): void {
    this.#code.push(0xc3)
  }

  /** stmxcsr: stores, in 32 bits, how floats are rounded and whether denormals are flushed. */
  storeControl(to: Memory): void {
    this.#code.push(0x0f)
    this.#general(0xae, 3, to, 0)
  }

  /** ldmxcsr */
  loadControl(from: Memory): void {
    this.#code.push(0x0f)
    this.#general(0xae, 2, from, 0)
  }

  cpuid(): void {
    this.#code.push(0x0f, 0xa2)
  }

  xgetbv(): void {
    this.#code.push(0x0f, 0x01, 0xd0)
  }

  #require(bits: VectorBits, what: string): void {
    if (this.bits !== bits) throw new Error(`${what} is an instruction of ${bits} bits`)
  }

  #int32(value: number): void {
    this.#code.push(value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >>> 24) & 255)
  }

  /**
   * A general instruction with a memory operand and a register (or a digit of the opcode). If the caller has written a
   * byte before it, for an opcode of two bytes, registers from r8 on are not allowed.
   */
  #general(opcode: number, register: number, memory: Memory, wide = 1): void {
    const base = 'base' in memory ? memory.base : 0
    const rex = (wide << 3) | ((register >> 3) << 2) | (base >> 3)
    if (rex) this.#code.push(0x40 | rex)
    this.#code.push(opcode)
    this.#modRm(register, memory, 1, 0)
  }

  #vector(i: VectorInstruction, reg: number, vvvv: number, rm: Operand, extras: Extras = {}): void {
    if (this.bits === 512) this.#evex(i, reg, vvvv, rm, extras)
    else this.#vex(i, reg, vvvv, rm, extras)
    this.#code.push(i.opcode)
    const trailing = extras.immediate === undefined ? 0 : 1
    if (typeof rm === 'number') this.#code.push(0xc0 | ((reg & 7) << 3) | (rm & 7))
    else this.#modRm(reg, rm, this.bits === 512 ? (extras.scale ?? this.vectorBytes) : 1, trailing)
    if (extras.immediate !== undefined) this.#code.push(extras.immediate)
  }

  /** C5 RvvvvLpp, or C4 RXBmmmmm WvvvvLpp; R, X, B and vvvv inverted, W 0. */
  #vex({ map, prefix }: VectorInstruction, reg: number, vvvv: number, rm: Operand, extras: Extras): void {
    const [r, b] = [(~reg >> 3) & 1, (~baseOf(rm) >> 3) & 1]
    const last = ((~vvvv & 15) << 3) | (extras.scalar ? 0 : 4) | prefix
    if (map === MAP_0F && b === 1) this.#code.push(0xc5, (r << 7) | last)
    else this.#code.push(0xc4, (r << 7) | 0x40 | (b << 5) | map, last)
  }

  /** 62 RXBR'0mmm Wvvvv1pp zLLbV'aaa; R, X, B, R', vvvv and V' inverted, W 0. */
  #evex({ map, prefix }: VectorInstruction, reg: number, vvvv: number, rm: Operand, extras: Extras): void {
    const base = baseOf(rm)
    const x = typeof rm === 'number' ? (~rm >> 4) & 1 : 1
    const first = (((~reg >> 3) & 1) << 7) | (x << 6) | (((~base >> 3) & 1) << 5) | (((~reg >> 4) & 1) << 4)
    const mask = extras.zeroingMask === undefined ? 0 : 0x80 | extras.zeroingMask
    const length = extras.scalar ? 0 : 0x40
    this.#code.push(
      0x62,
      first | map,
      ((~vvvv & 15) << 3) | 4 | prefix,
      mask | length | (extras.broadcast ? 0x10 : 0) | (((~vvvv >> 4) & 1) << 3),
    )
  }

  /**
   * ModRM, SIB if the base requires one, and the shortest displacement, which counts in units of `scale` bytes if it is
   * a single byte.
   */
  #modRm(register: number, memory: Memory, scale: number, trailing: number): void {
    const middle = (register & 7) << 3
    if ('constant' in memory) {
      this.#code.push(0x05 | middle) // relative to the next instruction
      this.#fixups.push({ at: this.position, end: this.position + 4 + trailing, constant: memory.constant })
      this.#int32(0)
      return
    }
    const { base, displacement } = memory
    const low = base & 7
    const sib = low === GPR.rsp ? [0x24] : []
    const short = displacement / scale
    if (displacement === 0 && low !== GPR.rbp) this.#code.push(middle | low, ...sib)
    else if (Number.isInteger(short) && short >= -128 && short <= 127) {
      this.#code.push(0x40 | middle | low, ...sib, short & 255)
    } else {
      this.#code.push(0x80 | middle | low, ...sib)
      this.#int32(displacement)
    }
  }
}

function baseOf(rm: Operand): number {
  if (typeof rm === 'number') return rm
  return 'base' in rm ? rm.base : 0
}
