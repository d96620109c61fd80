// What is said where the system gives no memory: one text for every place that asks for some.
import { ConvmarkError, messageOf } from '../errors.ts'

/** A WASM memory takes some GB of address space, whatever is used of it. */
export const MORE_MEMORY = 'let the process have more memory and address space (ulimit -v)'

/** What JavaScript says of memory that it did not get, in words of the house. */
export const memoryRefused = (byteLength: number, cause: unknown): ConvmarkError =>
  new ConvmarkError(
    `the system does not give ${byteLength} bytes of memory (${messageOf(cause)}); take a smaller batch`,
    { cause },
  )
