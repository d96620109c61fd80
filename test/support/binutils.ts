import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// GNU as and objdump: an assembler and a disassembler that nobody here wrote. Installed by .ci/run; elsewhere the tests
// that need them are skipped.

const runs = (command: string): boolean => {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export const hasBinutils: boolean = process.arch === 'x64' && ['as', 'objcopy', 'objdump'].every(runs)

function inFolder<T>(use: (path: (name: string) => string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'convmark-as-'))
  try {
    return use((name) => join(folder, name))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The bytes of Intel-syntax text. */
export function assembleText(lines: readonly string[]): Uint8Array {
  return inFolder((path) => {
    writeFileSync(path('code.s'), `.intel_syntax noprefix\n${lines.join('\n')}\n`)
    execFileSync('as', ['--64', '-o', path('code.o'), path('code.s')])
    execFileSync('objcopy', ['-O', 'binary', '-j', '.text', path('code.o'), path('code.bin')])
    return new Uint8Array(readFileSync(path('code.bin')))
  })
}

export interface Disassembled {
  readonly address: number
  readonly bytes: string
  readonly text: string
}

/** The instructions of code, Intel syntax. */
export function disassemble(code: Uint8Array): Disassembled[] {
  return inFolder((path) => {
    writeFileSync(path('code.bin'), code)
    const parameters = ['-D', '-b', 'binary', '-m', 'i386:x86-64', '-M', 'intel', '-w', path('code.bin')]
    const listing = execFileSync('objdump', parameters, { encoding: 'utf8', maxBuffer: 1e9 })
    return Array.from(
      listing.matchAll(/^ *([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *\t(.*?)\s*(?:#.*)?$/gm),
      ([, at, bytes, text]) => ({ address: Number.parseInt(at!, 16), bytes: bytes!.trim(), text: text! }),
    )
  })
}

/** Assembles again what was disassembled: labels take the place of jumps' addresses. */
export function assembleAgain(instructions: readonly Disassembled[]): Uint8Array {
  return assembleText(
    instructions.map(({ address, text }) => {
      const instruction = text.replace(/^(j\w+) +0x([0-9a-f]+)$/, '$1 at_$2')
      return `at_${address.toString(16)}: ${instruction}`
    }),
  )
}
