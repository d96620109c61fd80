import { VERSION } from 'convmark'
import type { Result, Run } from 'convmark/bench'
import { useReducer, useState } from 'preact/hooks'
import { choiceOf, type NetworkChoice, nameOf } from '../model/choice.ts'
import { useOwnNetwork } from '../model/network-field.tsx'
import type { Platform } from '../platform.ts'
import { completeResult } from '../result/ask.ts'
import { ResultDownloads } from '../result/result-downloads.tsx'
import type { ResultParts } from '../result/result-work.ts'
import { linkTo } from '../route.ts'
import { useTexts } from '../texts/index.ts'
import { Notice } from '../ui/notice.tsx'
import { useTaskRunner } from '../work/use-task.ts'
import { Activations } from './activations.tsx'
import type { BenchmarkEvent } from './benchmark-work.ts'
import { Beside, type NamedResult } from './beside.tsx'
import { ClassicLines } from './classic-lines.tsx'
import { LayerBars } from './layer-bars.tsx'
import {
  type BenchmarkFields,
  type BenchmarkSettings,
  initialFields,
  parseFields,
  tooManyMegabytes,
} from './settings.ts'
import { SettingsForm } from './settings-form.tsx'
import { IDLE, reduce } from './state.ts'
import { Status } from './status.tsx'
import { StepChart } from './step-chart.tsx'
import { Summary } from './summary.tsx'

interface BenchmarkViewProps {
  readonly settings: URLSearchParams
  readonly platform: Platform | null
}

export function BenchmarkView({ settings }: BenchmarkViewProps) {
  const texts = useTexts()
  const [fields, setFields] = useState<BenchmarkFields>(() => initialFields(settings))
  const [state, act] = useReducer(reduce, IDLE)
  const [others, setOthers] = useState<readonly NamedResult[]>([])
  const runner = useTaskRunner<BenchmarkSettings, BenchmarkEvent>('benchmark')

  const model = useOwnNetwork((network) => setFields((before) => ({ ...before, network })))
  const network = choiceOf(fields.network, model)
  const parsed = parseFields(fields, network)
  const isRunning = state.phase === 'running' || state.phase === 'stopping'
  const megabytes = 'settings' in parsed ? tooManyMegabytes(parsed.settings) : null

  async function run(): Promise<void> {
    if (!('settings' in parsed) || megabytes !== null) return
    act({ kind: 'begin', settings: parsed.settings })
    const end = await runner.run(parsed.settings, (events) => act({ kind: 'events', events }))
    act({ kind: 'end', end })
  }

  function stop(): void {
    act({ kind: 'stop' })
    runner.stop()
  }

  const { result } = state
  const runs = state.runs.filter(({ summary }) => summary !== null)
  const columns: NamedResult[] = [
    ...(runs.length > 0
      ? [{ name: texts.benchmark.here, result: { runs } as Pick<Result, 'runs'> as Result }]
      : []),
    ...others,
  ]
  return (
    <>
      <section class="card" aria-labelledby="settings-heading">
        <p>{texts.benchmark.intro}</p>
        <SettingsForm
          fields={fields}
          network={network}
          faults={'faults' in parsed ? parsed.faults : []}
          isRunning={isRunning}
          onChange={setFields}
          onRun={run}
          onStop={stop}
        />
        {megabytes !== null && <Notice level="bad">{texts.settings.memory(megabytes)}</Notice>}
        <Status state={state} />
      </section>
      {state.shapes.length > 0 && <Activations shapes={state.shapes} engine={state.engine} />}
      {state.steps.length > 0 && (!isRunning || fields.charts === 'live') && (
        <div class="pair">
          <StepChart steps={state.steps} />
          <ClassicLines steps={state.steps} runs={state.runs} />
        </div>
      )}
      {columns.length > 0 && <Summary columns={columns} />}
      {runs.map((each) => (
        <LayerBars key={each.pass} run={each} />
      ))}
      <section class="card">
        {!isRunning && runs.length > 0 && (
          <ResultDownloads
            name={`bench ${nameOf(state.settings!.network)}`}
            result={async () => result ?? completeResult(partsOf(runs))}
            link={linkOf(fields, state.settings!.network)}
          />
        )}
        <Beside others={others} onChange={setOthers} />
      </section>
    </>
  )
}

/** A file can't be in a link. */
function linkOf(fields: BenchmarkFields, network: NetworkChoice): string {
  const link = linkTo('benchmark', fields)
  return network.kind === 'file' ? `${link} with ${network.model.fileName}` : link
}

/** Where the worker did not live to make the result. */
const partsOf = (runs: readonly Run[]): ResultParts => ({
  schemaVersion: 1,
  tool: { name: 'convmark', version: VERSION },
  runs: [...runs],
  interrupted: true,
})
