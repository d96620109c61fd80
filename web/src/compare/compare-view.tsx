import { MIN_ROUNDS } from 'convmark/bench'
import { useEffect, useReducer, useRef, useState } from 'preact/hooks'
import { choiceOf, FIRST_NETWORK } from '../model/choice.ts'
import { NetworkField, useOwnNetwork } from '../model/network-field.tsx'
import type { Platform } from '../platform.ts'
import { linkTo } from '../route.ts'
import { initialSettings, parseInteger } from '../settings.ts'
import { useTexts } from '../texts/index.ts'
import { CopyLink } from '../ui/copy-link.tsx'
import { SelectField, TextField } from '../ui/fields.tsx'
import { Notice } from '../ui/notice.tsx'
import { compareEngines } from './compare.ts'
import { CompareResults } from './compare-results.tsx'
import { COMPARED_PASSES, ENGINES, type EngineName } from './messages.ts'
import { NOT_COMPARED, reasonOf, reduceCompare } from './state.ts'

const RANGES = {
  batch: { least: 1, most: 256 },
  rounds: { least: MIN_ROUNDS, most: 200 },
  runs: { least: 1, most: 50 },
  threads: { least: 1, most: 64 },
} as const
type NumberField = keyof typeof RANGES

const FIRST = {
  network: FIRST_NETWORK,
  pass: 'forward',
  batch: '8',
  rounds: '10',
  runs: '3',
  threads: '',
  engines: 'wasm@all,wasm@1,tfjs-wasm,onnxruntime-web',
}
const BURN_IN = 3

interface CompareViewProps {
  readonly settings: URLSearchParams
  readonly platform: Platform | null
}

export function CompareView({ settings, platform }: CompareViewProps) {
  const texts = useTexts()
  const { compare } = texts
  const [fields, setFields] = useState(() => initialSettings<keyof typeof FIRST>(FIRST, settings))
  const [state, act] = useReducer(reduceCompare, NOT_COMPARED)
  const stopping = useRef<AbortController | null>(null)
  useEffect(() => () => stopping.current?.abort(), [])

  const model = useOwnNetwork((network) => setFields((before) => ({ ...before, network })))
  const network = choiceOf(fields.network, model)
  const isRunning = state.phase === 'running'
  const chosen = ENGINES.filter((engine) => fields.engines.split(',').includes(engine))
  const processors = platform?.isIsolated ? platform.processors : 1
  const numbers = {
    batch: parseInteger(fields.batch, RANGES.batch),
    rounds: parseInteger(fields.rounds, RANGES.rounds),
    runs: parseInteger(fields.runs, RANGES.runs),
    threads: fields.threads.trim() === '' ? processors : parseInteger(fields.threads, RANGES.threads),
  }
  const { batch, rounds, runs, threads } = numbers
  const isReady = batch !== null && rounds !== null && runs !== null && threads !== null && chosen.length >= 2

  async function run(): Promise<void> {
    if (!isReady) return
    const controller = new AbortController()
    stopping.current = controller
    const base = new URL('.', document.baseURI).href
    const pass = COMPARED_PASSES.find((each) => each === fields.pass) ?? 'forward'
    const asked = {
      engines: chosen,
      network,
      pass,
      batch,
      rounds,
      runsPerRound: runs,
      burnIn: BURN_IN,
      threads,
      base,
    }
    act({ kind: 'begin', settings: asked })
    for await (const event of compareEngines(asked, controller.signal)) act({ kind: 'event', event })
    act({ kind: 'end', isStopped: controller.signal.aborted })
  }

  const set = (name: keyof typeof FIRST) => (value: string) => setFields({ ...fields, [name]: value })
  const toggle = (engine: EngineName): void => {
    const next = chosen.includes(engine) ? chosen.filter((each) => each !== engine) : [...chosen, engine]
    set('engines')(next.join(','))
  }
  const labels = {
    batch: texts.settings.batch,
    rounds: texts.settings.rounds,
    runs: texts.settings.runsPerRound,
    threads: texts.settings.threads,
  }
  const number = (name: NumberField, placeholder?: string) => (
    <TextField
      label={labels[name]}
      value={fields[name]}
      {...(placeholder !== undefined && { placeholder })}
      fault={
        numbers[name] === null
          ? texts.settings.bad(labels[name], RANGES[name].least, RANGES[name].most)
          : null
      }
      disabled={isRunning}
      onInput={set(name)}
    />
  )
  return (
    <>
      <section class="card">
        <p>{compare.intro}</p>
        <form
          onSubmit={(event) => {
            event.preventDefault()
            if (!isRunning) run()
          }}
        >
          <fieldset class="checks" disabled={isRunning}>
            <legend>{compare.engines}</legend>
            {ENGINES.map((engine) => (
              <label key={engine}>
                <input type="checkbox" checked={chosen.includes(engine)} onChange={() => toggle(engine)} />
                {compare.names[engine]}
              </label>
            ))}
          </fieldset>
          <div class="fields">
            <NetworkField choice={network} disabled={isRunning} onChange={set('network')} />
            <SelectField
              label={texts.settings.pass}
              value={fields.pass}
              options={COMPARED_PASSES.map((name) => [name, texts.settings.passes[name]])}
              disabled={isRunning}
              onChange={set('pass')}
            />
            {number('batch')}
            {number('rounds')}
            {number('runs')}
            {number('threads', texts.settings.threadsHint)}
          </div>
          {chosen.length < 2 && <Notice level="warn">{compare.chooseTwo}</Notice>}
          <div class="actions">
            <button type="submit" class="main" disabled={isRunning || !isReady}>
              {compare.run}
            </button>
            <button type="button" disabled={!isRunning} onClick={() => stopping.current?.abort()}>
              {texts.stop}
            </button>
            <CopyLink link={() => linkTo('compare', fields)} />
          </div>
        </form>
        <CompareStatus {...state} />
        {state.unsupported.map((each) => (
          <Notice key={each.engine} level="warn">
            {compare.names[each.engine]}: {compare.notCompared(each.afterRounds)}: {reasonOf(each, compare)}
          </Notice>
        ))}
      </section>
      <CompareResults state={state} />
    </>
  )
}

function CompareStatus({ phase, starting, rounds }: Parameters<typeof reduceCompare>[0]) {
  const { compare, benchmark } = useTexts()
  const says = {
    idle: compare.idle,
    running: starting ? compare.starting(compare.names[starting]) : rounds ? compare.measuring : '',
    done: compare.done,
    stopped: compare.stopped,
  }[phase]
  return (
    <>
      <p class="status" role="status">
        {says || benchmark.starting}
      </p>
      {phase === 'running' && rounds && (
        <>
          <progress value={rounds.done} max={rounds.total} aria-label={compare.measuring} />
          <small class="quiet">{compare.rounds(rounds.done, rounds.total)}</small>
        </>
      )}
    </>
  )
}
