// What takes turns in the benchmark, each in a process of its own.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export const ENGINE_RUNNER = 'engine-runner.mjs'
export const PEER_RUNNER = '../../peers/runner.mjs'

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}

/** A process that runs when it is asked to, warmed up; or why it can't. */
export async function start(name, setup, script) {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), [JSON.stringify(setup)])
  const died = once(child, 'exit').then(([code]) => {
    throw new Error(`${name} ended with exit code ${code}`)
  })
  died.catch(() => {})
  const next = async () => (await Promise.race([once(child, 'message'), died]))[0]
  const ready = await next()
  if (ready.kind === 'unsupported') return { name, setup, unsupported: ready.reason }
  const ask = (message) => {
    child.send(message)
    return next()
  }
  const runs = setup.runs ?? 2
  await ask({ kind: 'run', runs: setup.warmUp ?? 4 })
  return { name, setup, ready, ask, runs, samples: [], peaks: [], stop: () => child.kill() }
}

/** Rounds of turns in random order. */
export async function takeTurns(contenders, rounds) {
  for (let round = 0; round < rounds; round++) {
    for (const contender of [...contenders].sort(() => Math.random() - 0.5)) {
      const { samples } = await contender.ask({ kind: 'run', runs: contender.runs })
      contender.samples.push(...samples)
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

/** The best peak seen of a target and its threads, GFLOP/s, in any process of them. */
export const peakOf = (contender, all) =>
  Math.max(
    ...all
      .filter(({ setup }) => setup.engine === contender.setup.engine)
      .flatMap(({ peaks = [] }) => peaks.map(({ gflops }) => gflops)),
  )

/** Share of the peak that some steps have, in the time that they take. */
export function share(contender, steps, all) {
  const flops = steps.reduce((sum, step) => sum + step.flops, 0)
  const total = steps.reduce((sum, step) => sum + stepMs(contender, step.i), 0)
  return flops / total / 1e6 / peakOf(contender, all)
}

/** Share of the peak of the whole run: its convolutions' FLOPs in all of its time. */
export const wholeShare = (contender, all) =>
  convolutions(contender).reduce((sum, { flops }) => sum + flops, 0) /
  ms(contender) /
  1e6 /
  peakOf(contender, all)
