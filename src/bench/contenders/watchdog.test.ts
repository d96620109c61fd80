import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, it } from 'vitest'
import { allEnded, childrenOf, until } from '../../../test/support/processes.ts'

const script = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

/** A comparison with four contenders, two of which are stopped, and its watchdog. */
async function startComparison() {
  const args = [
    script('test/support/contenders/comparison.mjs'),
    script('dist/bench/contenders/contender.js'),
  ]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  const pid = child.pid!
  const stopped = () => childrenOf(pid).filter(({ state }) => state === 'T')
  await until(() => childrenOf(pid).length === 5 && stopped().length === 2)
  const children = childrenOf(pid)
  const [watchdog] = children.filter(({ pid }) => commandOf(pid).includes('watchdog'))
  return { child, pid, pids: children.map(({ pid }) => pid), watchdog: watchdog!.pid }
}

const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8')

describe.runIf(process.platform === 'linux')('a comparison that is killed', () => {
  it('takes all of its processes along, stopped, running and starting', async () => {
    const { child, pids } = await startComparison()
    child.kill('SIGKILL')
    await allEnded(pids)
  })

  it('does so with another watchdog where that was the first victim', async () => {
    const { child, pid, pids, watchdog } = await startComparison()
    process.kill(watchdog, 'SIGTERM') // which it does not mind
    process.kill(watchdog, 'SIGKILL')
    await until(() => childrenOf(pid).some((other) => !pids.includes(other.pid)))
    const all = childrenOf(pid).map((each) => each.pid)
    child.kill('SIGKILL')
    await allEnded([...pids, ...all])
  })

  it('does so with one that had no time to be told anything', async () => {
    const child = spawn('sleep', ['100000'], { detached: true, stdio: 'ignore' })
    const watchdog = script('dist/bench/contenders/watchdog-process.js')
    spawn(process.execPath, [watchdog, String(child.pid)], { stdio: 'ignore' })
    await once(child, 'exit')
  })

  it('and none outlives one that ends by itself', async () => {
    const { child, pids } = await startComparison()
    child.kill('SIGTERM')
    await allEnded(pids)
  })
})
