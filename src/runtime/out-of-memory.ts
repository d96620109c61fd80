// The message when the system gives no memory, for all places that ask for some.
import { ConvmarkError, messageOf } from '../errors.ts'

/** A WASM memory takes some GB of address space, however little of it is used. */
export const MORE_MEMORY = 'let the process have more memory and address space (ulimit -v)'

/** JavaScript's error for memory that it did not get, as an error of convmark. */
export const memoryRefused = (byteLength: number, cause: unknown): ConvmarkError =>
  new ConvmarkError(
    `the system does not give ${byteLength} bytes of memory (${messageOf(cause)}); use a smaller batch`,
    { cause },
  )
