import { FLOAT_BYTES, type Instruction, type Program } from './program.ts'

/** The bytes that a program reads and writes, counted from a parameter's address: [from, to). Empty if from >= to. */
export interface Extent {
  readFrom: number
  readTo: number
  writeFrom: number
  writeTo: number
}

/**
 * The bytes that a program touches through each of its parameters. Exact at both ends: an address is linear in each
 * loop's counter, so its extremes are in the first and the last round.
 */
export function extentsOf(program: Program): readonly Extent[] {
  const extents = program.parameters.map(
    (): Extent => ({ readFrom: Infinity, readTo: -Infinity, writeFrom: Infinity, writeTo: -Infinity }),
  )
  // For each pointer register: the parameter that it comes from, and its distance from it.
  const origin = program.parameters.map((_, index) => index)
  const distance = program.parameters.map(() => 0)

  const visit = (body: readonly Instruction[]): void => {
    for (const instruction of body) {
      switch (instruction.op) {
        case 'load':
        case 'broadcast':
        case 'loadLane':
        case 'store':
        case 'storeLane': {
          const extent = extents[origin[instruction.pointer]!]!
          const from = distance[instruction.pointer]! + instruction.offset
          const isVector = instruction.op === 'load' || instruction.op === 'store'
          const to = from + (isVector ? program.lanes * FLOAT_BYTES : FLOAT_BYTES)
          if (instruction.op === 'store' || instruction.op === 'storeLane') {
            extent.writeFrom = Math.min(extent.writeFrom, from)
            extent.writeTo = Math.max(extent.writeTo, to)
          } else {
            extent.readFrom = Math.min(extent.readFrom, from)
            extent.readTo = Math.max(extent.readTo, to)
          }
          break
        }
        case 'point':
          origin[instruction.to] = origin[instruction.from]!
          distance[instruction.to] = distance[instruction.from]! + instruction.bytes
          break
        case 'advance':
          distance[instruction.pointer]! += instruction.bytes
          break
        case 'loop': {
          const before = [...distance]
          visit(instruction.body)
          if (instruction.count === 1) break
          const moved = distance.map((at, pointer) => at - (before[pointer] ?? at))
          for (let pointer = 0; pointer < before.length; pointer++) {
            distance[pointer] = before[pointer]! + moved[pointer]! * (instruction.count - 1)
          }
          visit(instruction.body)
          break
        }
      }
    }
  }
  visit(program.body)
  return extents
}
