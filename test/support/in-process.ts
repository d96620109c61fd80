import { vi } from 'vitest'
import { built } from './built.ts'
import type { Ended } from './command.ts'

const { main } = await built<typeof import('../../src/cli/program.ts')>('cli/program.js')

/**
 * A command in this process, where the code is loaded and compiled already: to start one takes seconds. The working folder is
 * the caller's (process.chdir). For what depends on the process itself, its signals, environment or streams, start one.
 */
export async function inProcess(...words: readonly string[]): Promise<Ended> {
  const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)]
  const { argv } = process
  process.argv = [...argv.slice(0, 2), ...words]
  try {
    const code = await main(words)
    return { code, stdout: stdout.text(), stderr: stderr.text() }
  } finally {
    process.argv = argv
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
