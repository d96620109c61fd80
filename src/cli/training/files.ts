// What a training writes: its log line by line, checkpoints, and in the end the model.
import { type FileHandle, open, stat } from 'node:fs/promises'
import { UsageError } from '../../errors.ts'
import { readText, requireWritable, writeBeside } from '../../formats/files.ts'
import { type LogRecord, logLine } from '../../records/training-log.ts'
import { encodeCheckpoint, encodeModel, type Model, type TrainingState } from '../../train/index.ts'

const EXTENSION = '.safetensors'
const CHECKPOINT_EXTENSION = `.checkpoint${EXTENSION}`

interface Paths {
  readonly out?: string
  readonly log?: string
  readonly html?: string
  readonly resume?: string
}

export class TrainingFiles {
  readonly checkpointPath: string | null
  readonly #out: string | undefined
  readonly #logPath: string | undefined
  readonly #log: FileHandle | null
  /** What a page of curves is made of, where there is no log. */
  readonly #lines: string[] = []

  private constructor({ out, resume, log: logPath }: Paths, log: FileHandle | null) {
    this.#out = out
    // One that is resumed is kept up to date, unless the model goes elsewhere.
    this.checkpointPath = out !== undefined ? checkpointFor(out) : (resume ?? null)
    this.#logPath = logPath
    this.#log = log
  }

  /** Checks all paths before anything runs. */
  static async open(paths: Paths): Promise<TrainingFiles> {
    const { out, log, html, resume } = paths
    if (out !== undefined && !out.endsWith(EXTENSION))
      throw new UsageError(`--out is '${out}'; a model's file ends in ${EXTENSION}`)
    if (log !== undefined && !log.endsWith('.jsonl'))
      throw new UsageError(`--log is '${log}'; a log's file ends in .jsonl, which report goes by`)
    const written = [out, out && checkpointFor(out), log, html, resume].filter((path) => path !== undefined)
    for (const path of written) if (path !== resume) await requireWritable(path)
    if (new Set([out, log, html].filter(Boolean)).size < [out, log, html].filter(Boolean).length)
      throw new UsageError('--out, --log and --html must be different files')
    return new TrainingFiles(paths, log === undefined ? null : await openLog(log))
  }

  /** Appends to the log, which is whole after every line. */
  async record(...records: readonly LogRecord[]): Promise<void> {
    const lines = records.map(logLine)
    if (this.#log) await this.#log.appendFile(lines.join(''))
    else this.#lines.push(...lines)
  }

  /** All lines so far; with a log, those of the commands before too. */
  async logText(): Promise<string> {
    return this.#logPath === undefined ? this.#lines.join('') : readText(this.#logPath)
  }

  /** All or nothing: whoever ends the process meanwhile finds the one before. */
  async saveCheckpoint(model: Omit<Model, 'parameters'>, state: TrainingState, settings: unknown) {
    if (this.checkpointPath === null) return
    const { parameters } = state
    await writeBeside(
      this.checkpointPath,
      encodeCheckpoint({ model: { ...model, parameters }, state, settings }),
    )
  }

  async saveModel(model: Model): Promise<void> {
    if (this.#out !== undefined) await writeBeside(this.#out, encodeModel(model))
  }

  async close(): Promise<void> {
    await this.#log?.close()
  }
}

const checkpointFor = (out: string): string => `${out.slice(0, -EXTENSION.length)}${CHECKPOINT_EXTENSION}`

/** A run that was killed may have left half a line. */
async function openLog(path: string): Promise<FileHandle> {
  const hasLines = (await stat(path).catch(() => null))?.size
  const file = await open(path, 'a')
  if (hasLines) await file.appendFile('\n')
  return file
}
