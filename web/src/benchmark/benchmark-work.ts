import { VERSION } from 'convmark'
import {
  type BenchEvent,
  benchmark,
  type EngineRecord,
  type Result,
  type Run,
  startEnvironment,
} from 'convmark/bench'
import { networkOf, parametersOf, withFile } from '../model/choice.ts'
import type { Work } from '../work/serve.ts'
import type { BenchmarkSettings } from './settings.ts'

type Pass = Run['pass']

export type BenchmarkEvent =
  | {
      readonly kind: 'shapes'
      readonly shapes: readonly { readonly name: string; readonly shape: readonly number[] }[]
    }
  | Extract<BenchEvent, { kind: 'progress' | 'step' }>
  | { readonly kind: 'prepared'; readonly pass: Pass; readonly engine: EngineRecord }
  | { readonly kind: 'finished'; readonly run: Run }
  /** Last of all. */
  | { readonly kind: 'result'; readonly result: Result }

export const benchmarkWork: Work<BenchmarkSettings, BenchmarkEvent> = async (settings, tell, signal) => {
  const { network: choice, engine, pass, batch, batches, burnIn, threads } = settings
  const network = networkOf(choice)
  const parameters = await parametersOf(choice)
  const runs: Run[] = []
  const environment = await startEnvironment()
  const events = benchmark(network, {
    engine,
    ...(threads !== null && { threads }),
    ...(pass !== 'both' && { passes: [pass] }),
    batch,
    batches,
    burnIn,
    ...(parameters && { parameters }),
    signal,
  })
  try {
    for await (const event of events) {
      if (event.kind === 'progress' || event.kind === 'step') tell(event)
      else if (event.kind === 'prepared') {
        tell({
          kind: 'prepared',
          pass: event.pass,
          engine: { ...event.engine, v8Flags: [...event.engine.v8Flags] },
        })
      } else if (event.kind === 'finished') {
        const run = withFile(event.run, choice)
        runs.push(run)
        tell({ kind: 'finished', run })
      } else if (event.pass === (pass === 'both' ? 'forward' : pass)) {
        const printed = network.layers.filter(({ layer }) => network.printed.includes(layer.name))
        const shapes = printed.map(({ layer, outputShape }) => ({
          name: layer.name,
          shape: [batch, ...outputShape],
        }))
        tell({ kind: 'shapes', shapes })
      }
    }
  } finally {
    // A pass that failed takes nothing from the one before it
    if (runs.length > 0) {
      const threadsUsed = Math.max(...runs.map(({ engine }) => engine.threads))
      tell({
        kind: 'result',
        result: {
          schemaVersion: 1,
          tool: { name: 'convmark', version: VERSION },
          environment: await environment.finish({ threads: threadsUsed, calibrationSpread: null }),
          runs,
          interrupted: signal.aborted,
        },
      })
    }
  }
}
