import { readdirSync, readFileSync } from 'node:fs'

export interface Process {
  readonly pid: number
  readonly parent: number
  /** As Linux has it: `T` is stopped, `Z` has ended and waits for its parent to notice. */
  readonly state: string
}

/** From the state on: what comes before has the command's name in it, which may have spaces. */
const statOf = (pid: number): string[] =>
  readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')

/** All of them; on Linux. */
export function processes(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const [state, parent] = statOf(Number(pid))
        return [{ pid: Number(pid), parent: Number(parent), state: state! }]
      } catch {
        return [] // it has ended since
      }
    })
}

export const childrenOf = (pid: number): Process[] => processes().filter(({ parent }) => parent === pid)

export const argumentsOf = (pid: number): string[] => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')

const isAlive = (pid: number): boolean =>
  processes().some((process) => process.pid === pid && process.state !== 'Z')

/** Waits until something is as it should be; a test's own limit ends what never is. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 20))
}

export const allEnded = (pids: readonly number[]): Promise<void> => until(() => !pids.some(isAlive))

export const threadCount = (pid: number): number => readdirSync(`/proc/${pid}/task`).length

/** Signals by their bits, the first is bit 0. */
const CAUGHT = { SIGHUP: 0n, SIGINT: 1n, SIGTERM: 14n } as const

export function signalsCaught(pid: number): string[] {
  const [, mask = '0'] = /^SigCgt:\s*([\da-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Object.entries(CAUGHT)
    .filter(([, bit]) => (BigInt(`0x${mask}`) >> bit) & 1n)
    .map(([signal]) => signal)
}
