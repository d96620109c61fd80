import type { Command } from 'commander'
import type { OpenedModel } from '../models/opened-model.ts'
import type { Classification, ClassifiedPicture } from '../records/classification.ts'
import { formatImageRate } from '../report/format.ts'
import type { Session } from '../session.ts'
import { VERSION } from '../version.ts'
import { addCommand, type OnEnd, positiveInteger } from './command.ts'
import { untilInterrupted } from './interrupt.ts'
import { Output } from './output.ts'
import { openPhotos, PHOTOS_HELP } from './photos.ts'
import {
  addPictureModelOptions,
  assumptionsOf,
  filesOf,
  LABELS,
  MODEL_HELP,
  openPictureModel,
  type PictureModelOptions,
} from './picture-model.ts'
import { openProgress } from './progress.ts'
import { openResultFiles } from './result-files.ts'
import { warnOfUnmeasured } from './tuning-budget.ts'

interface Options extends PictureModelOptions {
  readonly top: number
  readonly json?: string
  readonly html?: string
  readonly color: boolean
}

export function addClassifyCommand(program: Command, onEnd: OnEnd): void {
  const command = addCommand(program, 'classify', 'what pictures show, by a model with trained weights')
    .argument('<model>', MODEL_HELP)
    .argument('<photo...>', PHOTOS_HELP)
    .option('--top <n>', 'how many classes are told of each picture', positiveInteger('--top'), 5)
    .option(...LABELS)
  addPictureModelOptions(command)
    .option('--json <file>', "the answers as JSON; '-' prints it, and nothing else")
    .option('--html <file>', 'the pictures with their answers as one page')
    .option('--no-color', 'plain text')
    .action(async (model: string, words: readonly string[], options: Options) =>
      onEnd(await run(model, words, options)),
    )
}

/** Returns the exit code: 1 if a picture could not be read, or a file not be written. */
async function run(text: string, words: readonly string[], options: Options): Promise<number> {
  const { parseEngineSpec } = await import('../engines/index.ts')
  const { pictureLines, summaryLines } = await import('../report/classification.ts')
  const { preprocessingText } = await import('../data/index.ts')
  const { startEnvironment } = await import('../bench/environment.ts')
  parseEngineSpec(options.engine)
  const photos = await openPhotos(words)
  const files = await openResultFiles(options, [text, ...filesOf(options), ...photos.map(({ name }) => name)])
  const output = new Output({ color: options.color, isAllThereIs: !files.isWritten })
  const progress = await openProgress()
  const say = (...lines: readonly string[]): void => {
    if (files.isPrinted || lines.length === 0) return
    progress.clear()
    output.lines(...lines)
  }
  const started = await startEnvironment()
  const pictures: ClassifiedPicture[] = []
  let ready: { readonly opened: OpenedModel; readonly session: Session } | null = null
  let startedMs = 0
  let failure: unknown = null
  await untilInterrupted(async (signal) => {
    await using opened = await openPictureModel(text, options, { signal, progress })
    const batch = Math.min(options.batch, photos.length)
    const session = await opened.prepare({ batch })
    progress.clear()
    warnOfUnmeasured(session)
    ready = { opened, session }
    startedMs = performance.now()
    const each = opened.classifyAll(
      photos.map(({ picture }) => picture),
      { top: options.top, batch },
    )
    for await (const { index, predictions, error } of each) {
      const file = photos[index]!.name
      const picture: ClassifiedPicture = predictions
        ? { file, top: predictions.map((prediction) => ({ ...prediction })) }
        : { file, error }
      pictures.push(picture)
      say(...pictureLines(picture, output.palette))
      const rate = (1000 * (index + 1)) / (performance.now() - startedMs)
      progress.update('pictures', index + 1, photos.length, `${formatImageRate(rate)} images/s`)
    }
  })
    .catch((error: unknown) => {
      failure = error
    })
    .finally(() => progress.clear())
  // What was answered before a failure, or before Ctrl-C, is not lost
  if (ready === null || pictures.length === 0) throw failure
  const { opened, session }: { opened: OpenedModel; session: Session } = ready
  const elapsedMs = performance.now() - startedMs
  const { preprocessing, ground, classNames, network } = opened
  const { name, target, threads } = session.engine
  const classification: Classification = {
    kind: 'classification',
    schemaVersion: 1,
    tool: { name: 'convmark', version: VERSION },
    environment: await started.finish({ threads, calibrationSpread: null }),
    network: network.name,
    model: text,
    engine: { name, target, threads },
    classes: classNames.length,
    preprocessing: { text: preprocessingText(preprocessing), ground, values: preprocessing },
    ...(failure !== null && { interrupted: true }),
    assumed: assumptionsOf(opened),
    elapsedMs,
    pictures,
  }
  say(...summaryLines(classification, output.palette))
  const exitCode = await files.write(classification, output, async () => {
    const { classificationPage } = await import('./report.ts')
    const given = photos.flatMap(({ name, picture }) =>
      picture instanceof Uint8Array ? [[name, picture] as const] : [],
    )
    const onProgress = (done: number, total: number) => progress.update('small pictures', done, total)
    return classificationPage([{ name: text, classification }], { bytes: new Map(given), onProgress })
  })
  if (failure !== null) throw failure
  return pictures.some(({ error }) => error !== undefined) ? 1 : exitCode
}
