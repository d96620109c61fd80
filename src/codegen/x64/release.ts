import { Assembler, GPR } from './assembler.ts'

/**
 * void release(address): gives a mapping of `byteLength` bytes back to the system by its `munmap`, which may be found
 * anywhere. The code may stand in the mapping itself, since `munmap` returns to the caller of this.
 */
export function releaseCode(byteLength: number, munmapAddress: number): Uint8Array<ArrayBuffer> {
  const a = new Assembler(256)
  a.setWide(GPR.rsi, byteLength)
  a.setWide(GPR.rax, munmapAddress)
  a.push(GPR.rax) // a jump to it: rdi is the address already, and the return address lies on the stack
  a.ret()
  return a.finish()
}
