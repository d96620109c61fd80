import { Assembler, GPR } from './assembler.ts'

/**
 * void release(address): unmaps `byteLength` bytes by the system's `munmap`, at whatever address that is. This code may
 * itself be inside the mapping, since `munmap` returns to this code's caller.
 */
export function releaseCode(byteLength: number, munmapAddress: number): Uint8Array<ArrayBuffer> {
  const a = new Assembler(256)
  a.setWide(GPR.rsi, byteLength)
  a.setWide(GPR.rax, munmapAddress)
  a.push(GPR.rax) // a jump: rdi is already the address, and the return address is on the stack
  a.ret()
  return a.finish()
}
