import { describe, expect, it } from 'vitest'
import { assembleText, hasBinutils } from '../../../test/support/binutils.ts'
import { Assembler, type BinaryName, GPR, type Memory, type UnaryName, type VectorBits } from './assembler.ts'

/** An instruction as this assembler writes it and as text. */
interface Case {
  readonly text: string
  write(a: Assembler): void
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const NAMES_64 = Object.keys(GPR)
const names32 = (register: number) =>
  register < 8 ? NAMES_64[register]!.replace('r', 'e') : `${NAMES_64[register]}d`

const DISPLACEMENTS = [0, 4, 64, 100, 128, -4, -64, 508, 8128, 8192, -8192, 100000, -2147483648]
const BASES = [0, 3, 4, 5, 7, 8, 12, 13, 15]

const at = (base: number, displacement: number): Memory => ({ base, displacement })
const textAt = (base: number, displacement: number, size = ''): string =>
  `${size}[${NAMES_64[base]}${displacement < 0 ? displacement : `+${displacement}`}]`

/** Every base with one displacement and every displacement with one base. */
const places: [number, number][] = [
  ...BASES.map((base): [number, number] => [base, 64]),
  ...BASES.map((base): [number, number] => [base, 0]),
  ...DISPLACEMENTS.map((displacement): [number, number] => [7, displacement]),
]

function vectorCases(bits: VectorBits): Case[] {
  const v = (register: number) => `${bits === 512 ? 'z' : 'y'}mm${register}`
  const x = (register: number) => `xmm${register}`
  const registers = bits === 512 ? [0, 5, 8, 15, 16, 23, 24, 31] : [0, 5, 7, 8, 15]
  /** Three registers, each taking every value once. */
  const triples = registers.map((_, i): [number, number, number] => [
    registers[i]!,
    registers[(i + 2) % registers.length]!,
    registers[(i + 3) % registers.length]!,
  ])
  const force = bits === 512 ? '{evex} ' : ''
  const d = bits === 512 ? 'd' : ''
  const size = bits === 512 ? 'ZMMWORD PTR ' : 'YMMWORD PTR '
  const binaries: [BinaryName, string][] = [
    ['vaddps', 'vaddps'],
    ['vmulps', 'vmulps'],
    ['vsubps', 'vsubps'],
    ['vdivps', 'vdivps'],
    ['vmaxps', 'vmaxps'],
    ['vminps', 'vminps'],
    ['vpand', `vpand${d}`],
    ['vpandn', `vpandn${d}`],
    ['vpor', `vpor${d}`],
    ['vpxor', `vpxor${d}`],
    ['vpaddd', 'vpaddd'],
    ['vpsubd', 'vpsubd'],
    ['vpmulld', 'vpmulld'],
    ['vfmadd213ps', 'vfmadd213ps'],
    ['vfmadd231ps', 'vfmadd231ps'],
    ['vpermps', 'vpermps'],
  ]
  const unaries: UnaryName[] = ['vsqrtps', 'vcvttps2dq', 'vcvtdq2ps', 'vmovaps', 'vmovups']
  const swaps: [8 | 4 | 2 | 1, (to: string, a: string) => string][] = [
    ...(bits === 512
      ? ([
          [8, (to: string, a: string) => `vshuff32x4 ${to},${a},${a},0x4e`],
          [4, (to: string, a: string) => `vshuff32x4 ${to},${a},${a},0xb1`],
        ] as [8 | 4, (to: string, a: string) => string][])
      : ([[4, (to: string, a: string) => `vperm2f128 ${to},${a},${a},0x1`]] as [
          4,
          (to: string, a: string) => string,
        ][])),
    [2, (to, a) => `vpermilps ${to},${a},0x4e`],
    [1, (to, a) => `vpermilps ${to},${a},0xb1`],
  ]
  const cases: Case[] = []
  const add = (text: string, write: Case['write']) => cases.push({ text, write })
  for (const [to, a, b] of triples) {
    for (const [name, text] of binaries) {
      add(`${text} ${v(to)},${v(a)},${v(b)}`, (out) => out.binary(name, to, a, b))
    }
    for (const name of unaries) {
      // Between two registers, vmovaps is written in the shorter form; vmovups never is.
      const form = name === 'vmovaps' ? '' : '{load} '
      add(`${form}${name} ${v(to)},${v(a)}`, (out) => out.unary(name, to, a))
    }
    for (const [lanes, text] of swaps) add(text(v(to), v(a)), (out) => out.swap(to, a, lanes))
    add(`vpslld ${v(to)},${v(a)},23`, (out) => out.vpslld(to, a, 23))
    add(`vpsrld ${v(to)},${v(a)},31`, (out) => out.vpsrld(to, a, 31))
    if (bits === 512) {
      add(`vcmpps k1,${v(a)},${v(b)},0x11`, (out) => out.vcmppsMask(1, a, b, 0x11))
      add(`vpternlogd ${v(to)}{k1}{z},${v(to)},${v(to)},0xff`, (out) => out.spreadMask(to, 1))
      add(`vpternlogd ${v(to)},${v(a)},${v(b)},0xca`, (out) => out.bitSelect(to, a, b))
    } else {
      add(`vcmpps ${v(to)},${v(a)},${v(b)},0x1e`, (out) => out.vcmpps(to, a, b, 0x1e))
      add(`vblendvps ${v(to)},${v(a)},${v(b)},${v(to)}`, (out) => out.vblendvps(to, a, b, to))
    }
  }
  for (const [index, [base, displacement]] of places.entries()) {
    const [to, a] = [registers[index % registers.length]!, registers[(index + 1) % registers.length]!]
    const memory = at(base, displacement)
    for (const [name, text] of binaries) {
      add(`${text} ${v(to)},${v(a)},${textAt(base, displacement, size)}`, (out) =>
        out.binary(name, to, a, memory),
      )
    }
    add(`vmovups ${v(to)},${textAt(base, displacement, size)}`, (out) => out.unary('vmovups', to, memory))
    add(`vmovups ${textAt(base, displacement, size)},${v(to)}`, (out) => out.store(memory, to))
    add(`vsqrtps ${v(to)},${textAt(base, displacement, size)}`, (out) => out.unary('vsqrtps', to, memory))
    const single = textAt(base, displacement, 'DWORD PTR ')
    add(`vbroadcastss ${v(to)},${single}`, (out) => out.vbroadcastss(to, memory))
    add(`${force}vmovss ${x(to)},${single}`, (out) => out.loadLane(to, memory))
    add(`${force}vmovss ${single},${x(to)}`, (out) => out.storeLane(memory, to))
    if (bits === 512) {
      add(`vfmadd231ps ${v(to)},${v(a)},${textAt(base, displacement, 'DWORD BCST ')}`, (out) =>
        out.binaryBroadcast('vfmadd231ps', to, a, memory),
      )
      add(`vcmpps k1,${v(a)},${textAt(base, displacement, size)},0x11`, (out) =>
        out.vcmppsMask(1, a, memory, 0x11),
      )
      add(`vpternlogd ${v(to)},${v(a)},${textAt(base, displacement, size)},0xca`, (out) =>
        out.bitSelect(to, a, memory),
      )
    } else {
      add(`vcmpps ${v(to)},${v(a)},${textAt(base, displacement, size)},0`, (out) =>
        out.vcmpps(to, a, memory, 0),
      )
      add(`vblendvps ${v(to)},${v(a)},${textAt(base, displacement, size)},${v(a)}`, (out) =>
        out.vblendvps(to, a, memory, a),
      )
    }
  }
  add('vzeroupper', (out) => out.vzeroupper())
  return cases
}

function generalCases(): Case[] {
  const cases: Case[] = []
  const add = (text: string, write: Case['write']) => cases.push({ text, write })
  for (const [name, register] of Object.entries(GPR)) {
    const [other, otherName] = [(register + 5) % 16, NAMES_64[(register + 5) % 16]]
    add(`mov ${name},${otherName}`, (out) => out.move(register, other))
    add(`add ${name},${otherName}`, (out) => out.addRegister(register, other))
    add(`mov ${names32(register)},123456789`, (out) => out.set(register, 123456789))
    add(`movabs ${name},-81985529216`, (out) => out.setWide(register, -81985529216))
    add(`dec ${names32(register)}`, (out) => out.decrement(register))
    add(`push ${name}`, (out) => out.push(register))
    add(`pop ${name}`, (out) => out.pop(register))
    // rax has a short form of its own, which this assembler never uses
    if (register !== GPR.rax) {
      for (const value of [1, 127, -128, 128, -129, 2147483647, -2147483648])
        add(`add ${name},${value}`, (out) => out.add(register, value))
    }
  }
  for (const [base, displacement] of places) {
    const register = (base + 3) % 16
    const memory = at(base, displacement)
    add(`lea ${NAMES_64[register]},${textAt(base, displacement)}`, (out) => out.lea(register, memory))
    add(`mov ${NAMES_64[register]},${textAt(base, displacement)}`, (out) =>
      out.loadRegister(register, memory),
    )
    add(`mov ${textAt(base, displacement)},${names32(register)}`, (out) =>
      out.storeRegister32(memory, register),
    )
    add(`prefetcht1 ${textAt(base, displacement, 'BYTE PTR ')}`, (out) => out.prefetch(memory))
    add(`dec ${textAt(base, displacement, 'DWORD PTR ')}`, (out) => out.decrementMemory(memory))
    add(`mov ${textAt(base, displacement, 'DWORD PTR ')},100000`, (out) => out.setMemory(memory, 100000))
  }
  add('ret', (out) => out.ret())
  add('cpuid', (out) => out.cpuid())
  add('xgetbv', (out) => out.xgetbv())
  return cases
}

describe.skipIf(!hasBinutils)('the assembler writes the bytes of GNU as (skipped without binutils)', () => {
  it.each<[string, VectorBits, Case[]]>([
    ['vectors of 256 bits', 256, vectorCases(256)],
    ['vectors of 512 bits', 512, vectorCases(512)],
    ['general registers', 256, generalCases()],
  ])('%s', (_what, bits, cases) => {
    // Each instruction is compared alone, so that a difference names it; but `as` is called only once.
    const written = cases.map(({ write }) => {
      const a = new Assembler(bits)
      write(a)
      return hex(a.finish())
    })
    const all = hex(assembleText(cases.map(({ text }) => text)))
    let from = 0
    for (const [i, { text }] of cases.entries()) {
      const theirs = all.slice(from, from + written[i]!.length)
      expect(`${text}: ${written[i]}`).toBe(`${text}: ${theirs}`)
      from += theirs.length
    }
    expect(from).toBe(all.length)
    expect(cases.length).toBeGreaterThan(100)
  })

  it('loops: near and far jumps', () => {
    for (const filler of [1, 20, 60, 62, 63, 64, 65, 200]) {
      const a = new Assembler(256)
      a.ret()
      const head = a.position
      for (let i = 0; i < filler; i++) a.decrement(GPR.rcx)
      a.jumpIfNotZero(head)
      const text = ['ret', 'head:', ...new Array(filler).fill('dec ecx'), 'jnz head']
      expect(hex(a.finish())).toBe(hex(assembleText(text)))
    }
  })

  it('constants behind the code, each once, aligned to the vector', () => {
    for (const bits of [256, 512] as const) {
      const a = new Assembler(bits)
      const lanes = bits / 32
      const one = a.constant(new Float32Array(lanes).fill(1))
      const two = a.constant(new Float32Array(lanes).fill(2))
      a.binary('vaddps', 3, 4, two)
      a.unary('vmovups', 9, a.constant(new Float32Array(lanes).fill(1)))
      if (bits === 256) a.vcmpps(1, 2, one, 0)
      else a.vcmppsMask(1, 2, one, 0)
      a.ret()
      const v = (n: number) => `${bits === 512 ? 'z' : 'y'}mm${n}`
      const theirs = assembleText([
        `vaddps ${v(3)},${v(4)},[rip+two]`,
        `vmovups ${v(9)},[rip+one]`,
        `vcmpps ${bits === 512 ? 'k1' : v(1)},${v(2)},[rip+one],0`,
        'ret',
        `.balign ${bits / 8}, 0`,
        `one: .fill ${lanes}, 4, 0x3f800000`,
        `two: .fill ${lanes}, 4, 0x40000000`,
      ])
      expect(hex(a.finish())).toBe(hex(theirs))
    }
  })
})

describe('the assembler', () => {
  it('writes prefetcht1 with a base below r8 and from there on', () => {
    const bytesOf = (memory: Memory): string => {
      const a = new Assembler(256)
      a.prefetch(memory)
      return hex(a.finish())
    }
    expect(bytesOf(at(GPR.rdi, 0))).toBe('0f1817')
    expect(bytesOf(at(GPR.rsp, 64))).toBe('0f18542440')
    expect(bytesOf(at(GPR.r8, 0))).toBe('410f1810')
    expect(bytesOf(at(GPR.r13, 128))).toBe('410f189580000000')
  })

  it('refuses instructions of the other width', () => {
    expect(() => new Assembler(256).bitSelect(1, 2, 3)).toThrow('an instruction of 512 bits')
    expect(() => new Assembler(512).vblendvps(1, 2, 3, 4)).toThrow('an instruction of 256 bits')
  })
})
