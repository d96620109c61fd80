import { spawn } from 'node:child_process'

const OPENERS: Readonly<Record<string, readonly [command: string, ...args: string[]]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
}

/** Opens the address in the system's default browser. If that fails it says so; the address is printed anyway. */
export async function openInBrowser(url: string): Promise<void> {
  const [command, ...args] = OPENERS[process.platform] ?? ['xdg-open']
  const child = spawn(command, [...args, url], { detached: true, stdio: 'ignore' })
  child.once('error', (error) => {
    process.stderr.write(`convmark: no browser could be opened: ${error.message}; open ${url} yourself\n`)
  })
  child.unref()
}
