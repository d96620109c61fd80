import { type SpawnOptions, spawn } from 'node:child_process'
import { join } from 'node:path'
import { root } from './package.ts'

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions extends Pick<SpawnOptions, 'uid' | 'gid'> {
  readonly nodeFlags?: readonly string[]
}

/** Starts commands that work in a folder, and have their cache in it. */
export const commandsIn =
  (folder: string) =>
  (args: readonly string[], env: NodeJS.ProcessEnv = {}, options: CommandOptions = {}) => {
    const { nodeFlags = [], ...who } = options
    const child = spawn(process.execPath, [...nodeFlags, join(root, 'dist/cli/main.js'), ...args], {
      ...who,
      cwd: folder,
      env: { ...process.env, CONVMARK_CACHE: join(folder, 'cache'), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    const ended = new Promise<Ended>((resolve) => {
      child.on('close', (code) => resolve({ code, stdout, stderr }))
    })
    /** Once stdout holds the text. */
    const printed = (text: RegExp) =>
      new Promise<void>((resolve) => {
        child.stdout.on('data', () => {
          if (text.test(stdout)) resolve()
        })
      })
    return { child, ended, printed }
  }
