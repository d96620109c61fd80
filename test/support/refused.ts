import { vi } from 'vitest'
import { built } from './built.ts'
import type { Ended } from './command.ts'

const { main } = await built<typeof import('../../src/cli/program.ts')>('cli/program.js')

/**
 * What a command says that is refused before its work, in this process: to start one takes as long as all of them. The
 * working folder is the caller's (process.chdir).
 */
export async function refused(words: readonly string[]): Promise<Ended> {
  const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)]
  try {
    const code = await main(words)
    return { code, stdout: stdout.text(), stderr: stderr.text() }
  } finally {
    stdout.restore()
    stderr.restore()
  }
}

function capture(stream: NodeJS.WriteStream) {
  let text = ''
  const spy = vi.spyOn(stream, 'write').mockImplementation(((chunk: string, onWritten?: () => void) => {
    text += chunk
    onWritten?.()
    return true
  }) as typeof stream.write)
  return { text: () => text, restore: () => spy.mockRestore() }
}
