import { FLOAT_BYTES, type Instruction, type KernelFunction, type Program } from './program.ts'

/**
 * Runs a program in plain JavaScript, at any vector width. Only for tests: it is slow, but shows what a program does on
 * processors that the tests don't run on. fma rounds once, as hardware does.
 */
export function interpret(program: Program, memory: ArrayBufferLike): KernelFunction {
  const { lanes } = program
  // Copied as bits: JavaScript may change the bits of a NaN that it reads as a number
  const words = new Int32Array(memory)
  const registers = new Float32Array(program.vectors * lanes)
  const bits = new Int32Array(registers.buffer)
  const pointers = new Array<number>(program.pointers).fill(0)

  const run = (body: readonly Instruction[]): void => {
    for (const instruction of body) execute(instruction)
  }

  const execute = (i: Instruction): void => {
    switch (i.op) {
      case 'loop':
        for (let round = 0; round < i.count; round++) run(i.body)
        return
      case 'advance':
        pointers[i.pointer]! += i.bytes
        return
      case 'point':
        pointers[i.to] = pointers[i.from]! + i.bytes
        return
      case 'splat':
        registers.fill(i.value, i.to * lanes, (i.to + 1) * lanes)
        return
      case 'splatInt':
        bits.fill(i.value, i.to * lanes, (i.to + 1) * lanes)
        return
      case 'laneIndexes':
        for (let lane = 0; lane < lanes; lane++) bits[i.to * lanes + lane] = lane
        return
      case 'load':
      case 'broadcast':
      case 'loadLane': {
        const from = index(i.pointer, i.offset)
        for (let lane = 0; lane < lanes; lane++) {
          bits[i.to * lanes + lane] =
            i.op === 'load' ? words[from + lane]! : i.op === 'broadcast' || lane === 0 ? words[from]! : 0
        }
        return
      }
      case 'store':
      case 'storeLane': {
        const to = index(i.pointer, i.offset)
        const count = i.op === 'store' ? lanes : 1
        for (let lane = 0; lane < count; lane++) words[to + lane] = bits[i.from * lanes + lane]!
        return
      }
      case 'prefetch':
        return
      case 'horizontalSum': {
        const values = Array.from(registers.subarray(i.a * lanes, (i.a + 1) * lanes))
        for (let width = lanes / 2; width >= 1; width /= 2) {
          for (let lane = 0; lane < width; lane++)
            values[lane] = Math.fround(values[lane]! + values[lane + width]!)
        }
        registers.fill(values[0]!, i.to * lanes, (i.to + 1) * lanes)
        return
      }
      case 'permute': {
        const source = bits.slice(i.a * lanes, (i.a + 1) * lanes)
        for (let lane = 0; lane < lanes; lane++) bits[i.to * lanes + lane] = source[i.lanes[lane]!]!
        return
      }
      default:
        for (let lane = 0; lane < lanes; lane++) lanewise(i, lane)
    }
  }

  const lanewise = (i: Instruction, lane: number): void => {
    if (!('to' in i)) return
    const to = i.to * lanes + lane
    const a = 'a' in i ? i.a * lanes + lane : 0
    const b = 'b' in i ? i.b * lanes + lane : 0
    switch (i.op) {
      case 'add':
        registers[to] = registers[a]! + registers[b]!
        break
      case 'sub':
        registers[to] = registers[a]! - registers[b]!
        break
      case 'mul':
        registers[to] = registers[a]! * registers[b]!
        break
      case 'div':
        registers[to] = registers[a]! / registers[b]!
        break
      case 'fma':
        registers[to] = fusedMultiplyAdd(registers[a]!, registers[b]!, registers[to]!)
        break
      case 'max':
        bits[to] = registers[a]! < registers[b]! ? bits[b]! : bits[a]!
        break
      case 'min':
        bits[to] = registers[b]! < registers[a]! ? bits[b]! : bits[a]!
        break
      case 'lessThan':
        bits[to] = registers[a]! < registers[b]! ? -1 : 0
        break
      case 'equal':
        bits[to] = registers[a]! === registers[b]! ? -1 : 0
        break
      case 'unordered':
        bits[to] = Number.isNaN(registers[a]!) || Number.isNaN(registers[b]!) ? -1 : 0
        break
      case 'and':
        bits[to] = bits[a]! & bits[b]!
        break
      case 'andNot':
        bits[to] = bits[a]! & ~bits[b]!
        break
      case 'or':
        bits[to] = bits[a]! | bits[b]!
        break
      case 'xor':
        bits[to] = bits[a]! ^ bits[b]!
        break
      case 'addInt':
        bits[to] = bits[a]! + bits[b]!
        break
      case 'subInt':
        bits[to] = bits[a]! - bits[b]!
        break
      case 'mulInt':
        bits[to] = Math.imul(bits[a]!, bits[b]!)
        break
      case 'shiftLeft':
        bits[to] = bits[a]! << i.bits
        break
      case 'shiftRight':
        bits[to] = bits[a]! >>> i.bits
        break
      case 'sqrt':
        registers[to] = Math.sqrt(registers[a]!)
        break
      case 'toInt':
        bits[to] = Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(registers[a]!) || 0))
        break
      case 'toFloat':
        registers[to] = bits[a]!
        break
      case 'copy':
        bits[to] = bits[a]!
        break
      case 'select':
        bits[to] = (bits[a]! & bits[i.mask * lanes + lane]!) | (bits[b]! & ~bits[i.mask * lanes + lane]!)
        break
      default:
        throw new Error(`interpret: ${program.name}: no operation '${i.op}'`)
    }
  }

  const index = (pointer: number, offset: number): number => {
    const address = pointers[pointer]! + offset
    if (address % FLOAT_BYTES !== 0 || address < 0 || address + FLOAT_BYTES > memory.byteLength) {
      throw new RangeError(`${program.name}: address ${address} is outside the memory or not aligned`)
    }
    return address / FLOAT_BYTES
  }

  return (...addresses) => {
    for (let i = 0; i < program.parameters.length; i++) pointers[i] = addresses[i]!
    run(program.body)
  }
}

const double = new Float64Array(1)
const doubleBits = new BigInt64Array(double.buffer)

/**
 * a * b + c of float32 values, rounded once. The product is exact in float64, but the sum is not; it is rounded to odd,
 * and then rounds to float32 as the exact sum would. Source: Boldo & Melquiond 2008, 'Emulation of FMA and correctly
 * rounded sums'.
 */
function fusedMultiplyAdd(a: number, b: number, c: number): number {
  const product = a * b
  const sum = product + c
  if (!Number.isFinite(sum)) return sum
  const rounded = sum - product
  const error = product - (sum - rounded) + (c - rounded)
  if (error === 0) return sum
  double[0] = sum
  const isOdd = (doubleBits[0]! & 1n) === 1n
  if (!isOdd) doubleBits[0]! += error > 0 === sum > 0 ? 1n : -1n
  return double[0]
}
