// What takes turns in the benchmark, each in a process of its own.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Watchdog } from '../../dist/bench/contenders/watchdog.js'

export const ENGINE_RUNNER = 'engine-runner.mjs'
export const PEER_RUNNER = '../../peers/runner.mjs'

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}

/** A process group each, so that its children are stopped with it. None outlives this process, even a stopped one. */
const groups = new Set()
const watchdog = new Watchdog()
process.on('exit', () => {
  for (const pid of groups) signal(pid, 'SIGKILL')
})
for (const [name, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }))
  process.on(name, () => process.exit(code))

function signal(pid, name) {
  try {
    process.kill(-pid, name)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
    groups.delete(pid)
  }
}

/** Starts a process that runs on request, warms it up and stops it; or returns why that is not possible. */
export async function start(name, setup, script) {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const child = fork(path, [JSON.stringify(setup)], { detached: true })
  groups.add(child.pid)
  watchdog.watch(child.pid)
  child.once('exit', () => {
    signal(child.pid, 'SIGKILL') // its own children
    groups.delete(child.pid)
    watchdog.release(child.pid)
  })
  const died = once(child, 'exit').then(([code]) => {
    throw new Error(`${name} ended with exit code ${code}`)
  })
  died.catch(() => {})
  const next = async () => (await Promise.race([once(child, 'message'), died]))[0]
  const ready = await next()
  if (ready.kind !== 'ready') return { name, setup, unsupported: ready.reason }
  // Stopped between its turns: a library's threads that spin while they wait would take the others' time.
  const ask = async (message) => {
    signal(child.pid, 'SIGCONT')
    child.send(message)
    const answer = await next()
    signal(child.pid, 'SIGSTOP')
    if ('reason' in answer) throw new Error(`${name}: ${answer.reason}`)
    return answer
  }
  const runs = setup.runs ?? 2
  await ask({ kind: 'run', runs: setup.warmUp ?? 4 })
  return { name, setup, ready, ask, runs, samples: [], peaks: [], stop: () => signal(child.pid, 'SIGKILL') }
}

/** Rounds of turns in random order. A turn's first run is not counted, since others used caches and pages before it. */
export async function takeTurns(contenders, rounds) {
  for (let round = 0; round < rounds; round++) {
    for (const contender of [...contenders].sort(() => Math.random() - 0.5)) {
      const { samples } = await contender.ask({ kind: 'run', runs: contender.runs + 1 })
      contender.samples.push(...samples.slice(1))
      if (!contender.setup.peer) contender.peaks.push(await contender.ask({ kind: 'peak' }))
    }
  }
}

export const ms = ({ samples }) => median(samples.map((sample) => sample.ms))
export const stepMs = ({ samples }, i) => median(samples.map(({ stepsMs }) => stepsMs[i]))

/** The heavy steps, of one kind or all. */
export const convolutions = ({ ready }, kind) =>
  ready.steps
    .map((step, i) => ({ ...step, i }))
    .filter((step) => step.flops > 0 && (kind === undefined || step.kind === kind))

/** The best peak of a target with this many threads in any of its processes, in GFLOP/s. */
export const peakOf = (contender, all) =>
  Math.max(
    ...all
      .filter(({ setup }) => setup.engine === contender.setup.engine)
      .flatMap(({ peaks = [] }) => peaks.map(({ gflops }) => gflops)),
  )

/** The share of the peak that some steps reach in their time. */
export function share(contender, steps, all) {
  const flops = steps.reduce((sum, step) => sum + step.flops, 0)
  const total = steps.reduce((sum, step) => sum + stepMs(contender, step.i), 0)
  return flops / total / 1e6 / peakOf(contender, all)
}

/** The share of the peak of the whole run: its convolutions' FLOPs in all of its time. */
export const wholeShare = (contender, all) =>
  convolutions(contender).reduce((sum, { flops }) => sum + flops, 0) /
  ms(contender) /
  1e6 /
  peakOf(contender, all)
