import { formatCount, formatLoss, formatPercent } from 'convmark/report'
import { useReducer, useState } from 'preact/hooks'
import { parseInteger } from '../settings.ts'
import { useTexts } from '../texts/index.ts'
import { download } from '../ui/download.ts'
import { FileButton, TextField } from '../ui/fields.tsx'
import { LineChart } from '../ui/line-chart.tsx'
import { Notice } from '../ui/notice.tsx'
import { useTaskRunner } from '../work/use-task.ts'
import { DrawPanel } from './draw-panel.tsx'
import { Filters } from './filters.tsx'
import type { TrainingEvent, TrainRequest } from './messages.ts'
import { TEST_DIGITS, TRAIN_DIGITS } from './mnist-subset.ts'
import { reduceTraining, type TrainState, UNTRAINED } from './state.ts'

const EPOCHS = { least: 1, most: 100 } as const
const RATES = { over: 0, most: 1 } as const
const pageFolder = (): string => new URL('.', document.baseURI).href

export function TrainView({ settings }: { readonly settings: URLSearchParams }) {
  const texts = useTexts()
  const { train } = texts
  const [epochs, setEpochs] = useState(settings.get('epochs') ?? '4')
  const [rate, setRate] = useState(settings.get('rate') ?? '0.02')
  const [state, act] = useReducer(reduceTraining, UNTRAINED)
  const [probabilities, setProbabilities] = useState<readonly number[] | null>(null)
  const [isAsking, setIsAsking] = useState(false)
  const [testDigit, setTestDigit] = useState<Extract<TrainingEvent, { kind: 'test-digit' }> | null>(null)
  const [modelNote, setModelNote] = useState<{ readonly isFault: boolean; readonly text: string } | null>(
    null,
  )
  const runner = useTaskRunner<TrainRequest, TrainingEvent>('train')

  const epochCount = parseInteger(epochs, EPOCHS)
  const rateValue = Number(rate)
  const isRate = rate.trim() !== '' && rateValue > RATES.over && rateValue <= RATES.most
  const isTraining = state.phase === 'training' || state.phase === 'stopping'

  async function learn(): Promise<void> {
    if (epochCount === null || !isRate) return
    setModelNote(null)
    await runner.whenIdle()
    act({ kind: 'begin' })
    const request = { kind: 'train', base: pageFolder(), epochs: epochCount, rate: rateValue } as const
    const end = await runner.run(request, (events) => act({ kind: 'events', events }))
    act({ kind: 'end', end })
  }

  /** A short task, between trainings; its events, or null where it failed, which is said. */
  async function ask(request: TrainRequest): Promise<readonly TrainingEvent[] | null> {
    await runner.whenIdle()
    const said: TrainingEvent[] = []
    const end = await runner.run(request, (events) => said.push(...events))
    if (end.kind === 'failed') setModelNote({ isFault: true, text: texts.failed(end.message) })
    return end.kind === 'done' ? said : null
  }

  async function predict(pixels: Uint8Array | null): Promise<void> {
    setProbabilities(null)
    if (!pixels || !state.hasModel || isTraining) return
    setIsAsking(true)
    const answer = (await ask({ kind: 'predict', pixels }))?.find((event) => event.kind === 'answer')
    setIsAsking(false)
    if (answer) setProbabilities(answer.probabilities)
  }

  async function takeTestDigit(): Promise<void> {
    const index = Math.floor(Math.random() * TEST_DIGITS)
    const said = await ask({ kind: 'test-digit', base: pageFolder(), index })
    const digit = said?.find((event) => event.kind === 'test-digit')
    if (!digit) return
    setTestDigit(digit)
    await predict(digit.pixels)
  }

  async function save(): Promise<void> {
    const model = (await ask({ kind: 'save' }))?.find((event) => event.kind === 'model')
    if (model) download('convmark-lenet.safetensors', 'application/octet-stream', model.bytes)
  }

  async function open(file: File): Promise<void> {
    const bytes = new Uint8Array(await file.arrayBuffer())
    const said = await ask({ kind: 'open', name: file.name, bytes })
    if (!said) return
    if (said.some(({ kind }) => kind === 'not-this-model')) {
      setModelNote({ isFault: true, text: train.notThisModel(file.name) })
      return
    }
    act({ kind: 'opened' })
    act({ kind: 'events', events: said })
    setProbabilities(null)
    setModelNote({ isFault: false, text: train.opened(file.name) })
  }

  return (
    <>
      <section class="card">
        <p>{train.intro}</p>
        <p class="quiet hint">{train.data(formatCount(TRAIN_DIGITS), formatCount(TEST_DIGITS))}</p>
        <form
          onSubmit={(event) => {
            event.preventDefault()
            if (!isTraining) learn()
          }}
        >
          <div class="fields">
            <TextField
              label={train.epochs}
              value={epochs}
              fault={epochCount === null ? texts.settings.bad(train.epochs, EPOCHS.least, EPOCHS.most) : null}
              disabled={isTraining}
              onInput={setEpochs}
            />
            <TextField
              label={train.rate}
              value={rate}
              inputMode="decimal"
              fault={isRate ? null : train.badRate}
              disabled={isTraining}
              onInput={setRate}
            />
          </div>
          <div class="actions">
            <button type="submit" class="main" disabled={isTraining || epochCount === null || !isRate}>
              {state.hasModel ? train.again : train.run}
            </button>
            <button
              type="button"
              disabled={!isTraining}
              onClick={() => {
                act({ kind: 'stop' })
                runner.stop()
              }}
            >
              {texts.stop}
            </button>
          </div>
        </form>
        <TrainStatus state={state} epochs={epochCount ?? 1} />
      </section>
      {state.steps.length > 0 && <Curves state={state} />}
      {state.filters && <Filters {...state.filters} />}
      <DrawPanel
        canAsk={state.hasModel && !isTraining}
        hasModel={state.hasModel}
        testDigit={testDigit}
        probabilities={probabilities}
        isAsking={isAsking}
        onDigit={(pixels) => {
          setTestDigit(null)
          predict(pixels)
        }}
        onTakeTestDigit={takeTestDigit}
      />
      <section class="card">
        <h2>{train.model}</h2>
        <div class="actions">
          <button type="button" disabled={!state.hasModel || isTraining} onClick={save}>
            {train.save}
          </button>
          <FileButton text={train.open} accept=".safetensors" disabled={isTraining} onFile={open} />
        </div>
        {modelNote && <Notice level={modelNote.isFault ? 'bad' : 'good'}>{modelNote.text}</Notice>}
      </section>
    </>
  )
}

function TrainStatus({ state, epochs }: { readonly state: TrainState; readonly epochs: number }) {
  const texts = useTexts()
  const { train } = texts
  const { phase, epoch, steps, accuracies, failure } = state
  const accuracy = accuracies.at(-1)
  const step = steps.at(-1)?.step ?? 0
  const says = {
    idle: train.idle,
    training: epoch === 0 ? train.loading : train.epoch(epoch, epochs),
    stopping: texts.benchmark.stopping,
    stopped: state.hasModel ? train.stopped(step) : step > 0 ? train.lost : train.stoppedEarly,
    done: accuracy ? train.done(formatPercent(accuracy.fraction)) : '',
    failed: '',
  }[phase]
  return (
    <>
      <p class="status" role="status">
        {says}
      </p>
      {phase === 'training' && (
        <>
          <progress value={Math.max(0, epoch - 1)} max={epochs} aria-label={says} />
          <small class="quiet">
            {train.progress(step)} {accuracy && train.tested(formatPercent(accuracy.fraction))}
          </small>
        </>
      )}
      {failure !== null && <Notice level="bad">{texts.failed(failure)}</Notice>}
    </>
  )
}

/** Loss step by step, and accuracy epoch by epoch. */
function Curves({ state: { steps, accuracies } }: { readonly state: TrainState }) {
  const { train } = useTexts()
  return (
    <div class="pair">
      <section class="card">
        <LineChart
          title={train.loss}
          description={train.lossText(formatLoss(steps.at(-1)!.loss))}
          xLabel={train.step}
          yLabel=""
          xValues={steps.map(({ step }) => step)}
          lines={[{ name: train.loss, values: steps.map(({ loss }) => loss) }]}
        />
      </section>
      {accuracies.length > 0 && (
        <section class="card">
          <LineChart
            title={train.accuracy}
            description={train.accuracyText(formatPercent(accuracies.at(-1)!.fraction))}
            xLabel={train.step}
            yLabel="%"
            xValues={accuracies.map(({ step }) => step)}
            lines={[
              {
                name: train.accuracy,
                values: accuracies.map(({ fraction }) => 100 * fraction),
                hasPoints: true,
              },
            ]}
          />
        </section>
      )}
    </div>
  )
}
