import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { root } from './package.ts'

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions extends Pick<SpawnOptions, 'uid' | 'gid'> {
  readonly nodeFlags?: readonly string[]
}

/** A test that fails may leave one that would run for ever. */
const running = new Set<ChildProcess>()
afterAll(() => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts commands that work in a folder. */
export const commandsIn =
  (folder: string) =>
  (args: readonly string[], env: NodeJS.ProcessEnv = {}, options: CommandOptions = {}) => {
    const { nodeFlags = [], ...who } = options
    const child = spawn(process.execPath, [...nodeFlags, join(root, 'dist/cli/main.js'), ...args], {
      ...who,
      cwd: folder,
      env: { ...process.env, ...env },
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
    running.add(child)
    child.on('close', () => running.delete(child))
    /** Once stdout holds the text. Rejects where the command ends without it. */
    const printed = (text: RegExp) =>
      new Promise<void>((resolve, reject) => {
        const look = (): void => {
          if (text.test(stdout)) resolve()
        }
        look()
        child.stdout.on('data', look)
        child.on('close', () => reject(new Error(`the command ended without ${text}: ${stderr}`)))
      })
    return { child, ended, printed }
  }
