// The worker's side of a turn, for whatever engine.
import type { Work } from '../work/serve.ts'
import type { ContenderEvent, ContenderRequest, ContenderSetup, Ready, Turn } from './messages.ts'

export interface Contender extends Ready {
  /** Resolves when the results can be read by the caller. */
  run(): Promise<void>
}

/**
 * Opens a checked engine whose weights and images are the benchmark's; null where the page's host does not have it. Says
 * that it is alive before whatever may take long.
 */
export type OpenContender = (setup: ContenderSetup, alive: () => void) => Promise<Contender | null>

export function contenderWork(open: OpenContender): Work<ContenderRequest, ContenderEvent> {
  let contender: Contender | null = null
  return async (request, tell) => {
    if (request.kind === 'turn') {
      tell({ kind: 'samples', ...(await turn(contender!, request.samples)) })
      return
    }
    const alive = (): void => tell({ kind: 'alive' })
    contender = await open(request.setup, alive)
    if (!contender) {
      tell({ kind: 'missing' })
      return
    }
    for (let step = 0; step < request.setup.burnIn; step++) {
      alive()
      await contender.run()
    }
    const { engine, check, plan, tuning } = contender
    tell({ kind: 'ready', engine, check, plan, tuning })
  }
}

async function turn(contender: Contender, samples: number): Promise<Turn> {
  await contender.run() // caches and clocks are as another's turn left them
  const samplesMs: number[] = []
  const startedAtMs: number[] = []
  for (let i = 0; i < samples; i++) {
    const start = performance.now()
    await contender.run()
    samplesMs.push(performance.now() - start)
    startedAtMs.push(performance.timeOrigin + start)
  }
  return { samplesMs, startedAtMs }
}
