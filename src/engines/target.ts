import type { Program } from '../codegen/program.ts'
import type { TargetTraits } from '../kernels/kernel.ts'
import type { Code } from '../runtime/code.ts'
import type { MemoryBlock } from '../runtime/heap.ts'

/** A program in the target's encoding. */
export interface EncodedProgram {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly parameters: number
}

/** Programs that any thread can load, in the order in which they were given to be compiled. */
export interface CompiledPrograms {
  readonly codes: readonly Code[]
  /** Called when no thread will call them any more. */
  free(): void
}

/** What a target must provide so that kernels written as vector programs can run on it. See docs/add-a-target.md. */
export interface CodeTarget {
  readonly traits: TargetTraits
  /** Identifies the target, its features and its version in tunings. */
  readonly version: string
  /** Whether code becomes faster while it runs, since it is compiled again by a better compiler. */
  readonly tiersUp: boolean
  /** The largest block that it can address now, however much memory the system has. */
  readonly maxByteLength: number
  /** Why no block can be larger, for messages. */
  readonly maxReason: string
  allocate(byteLength: number): MemoryBlock
  /** How many bytes of a new block the system would have to provide; the rest already belongs to this process. */
  newBytes(byteLength: number): number
  /** Equal bytes mean equal programs, which are compiled once. */
  encode(program: Program): Uint8Array<ArrayBuffer>
  compile(programs: readonly EncodedProgram[]): Promise<CompiledPrograms>
}

/** Numbers programs in order; equal ones share a number. */
export function collectPrograms(target: CodeTarget) {
  const numbers = new Map<string, number>()
  const programs: EncodedProgram[] = []
  const add = (program: Program): number => {
    const bytes = target.encode(program)
    const key = new TextDecoder('latin1').decode(bytes)
    const known = numbers.get(key)
    if (known !== undefined) return known
    numbers.set(key, programs.length)
    return programs.push({ bytes, parameters: program.parameters.length }) - 1
  }
  return { add, compile: () => target.compile(programs) }
}
