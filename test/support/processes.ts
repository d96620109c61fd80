import { readdirSync, readFileSync } from 'node:fs'

export interface Process {
  readonly pid: number
  readonly parent: number
  /** As Linux has it: `T` is stopped, `Z` has ended and waits for its parent to notice. */
  readonly state: string
}

/** All of them; on Linux. */
export function processes(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        // After the command's name, which may have spaces in it
        const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
        return [{ pid: Number(pid), parent: Number(parent), state: state! }]
      } catch {
        return [] // it has ended since
      }
    })
}

export const childrenOf = (pid: number): Process[] => processes().filter(({ parent }) => parent === pid)

const isAlive = (pid: number): boolean =>
  processes().some((process) => process.pid === pid && process.state !== 'Z')

/** Waits until something is as it should be; a test's own limit ends what never is. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 20))
}

export const allEnded = (pids: readonly number[]): Promise<void> => until(() => !pids.some(isAlive))
