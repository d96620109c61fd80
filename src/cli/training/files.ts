// What a training writes: its log line by line, checkpoints, and in the end the model and its curves. Work of hours is in
// memory, so nothing of this ends a training: what can't be written is said, and tried again as long as there is a next time.
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { messageOf, UsageError } from '../../errors.ts'
import { OutputFile } from '../../formats/output-file.ts'
import { reasonOf } from '../../formats/reason.ts'
import { type LogRecord, logLine } from '../../records/training-log.ts'
import { encodeCheckpoint, encodeModel, type Model, type TrainingState } from '../../train/index.ts'
import { openOutputFiles, targetOf, writeMade } from '../output-files.ts'
import { LogFile } from './log-file.ts'

const EXTENSION = '.safetensors'
const CHECKPOINT_EXTENSION = `.checkpoint${EXTENSION}`

interface Paths {
  readonly out?: string
  readonly log?: string
  readonly html?: string
  readonly resume?: string
}

interface Files {
  readonly model: OutputFile | null
  readonly checkpoint: OutputFile | null
  readonly log: LogFile | null
  readonly curves: OutputFile | null
}

type Warn = (message: string) => void
type CheckpointContent = [model: Omit<Model, 'parameters'>, state: TrainingState, settings: unknown]

export class TrainingFiles {
  readonly #files: Files
  readonly #warn: Warn
  /** What a page of curves is made of. */
  readonly #lines: string[] = []
  readonly #faulty = new Set<OutputFile>()
  /** The checkpoint to go on from, once there is one. */
  #kept: string | null

  private constructor(files: Files, resume: string | undefined, warn: Warn) {
    this.#files = files
    this.#kept = resume ?? null
    this.#warn = warn
  }

  /**
   * Checks all paths before anything runs. Throws UsageError. `warn` is told what could not be written later: path, reason
   * and what happens now.
   */
  static async open({ out, log, html, resume }: Paths, warn: Warn): Promise<TrainingFiles> {
    if (out !== undefined && !out.endsWith(EXTENSION))
      throw new UsageError(`--out is '${out}'; a model's file ends in ${EXTENSION}`)
    if (log !== undefined && !log.endsWith('.jsonl'))
      throw new UsageError(`--log is '${log}'; a log's file ends in .jsonl, which report goes by`)
    const checkpoint = out === undefined ? undefined : checkpointFor(out)
    // One that is resumed is kept up to date, unless the model goes elsewhere.
    const isReadOnly =
      resume !== undefined &&
      checkpoint !== undefined &&
      (await targetOf(resume)) !== (await targetOf(checkpoint))
    const opened = await openOutputFiles(
      {
        '--out': out,
        "--out's checkpoint": checkpoint,
        '--resume': checkpoint === undefined ? resume : undefined,
        '--log': log,
        '--html': html,
      },
      isReadOnly ? [resume] : [],
    )
    const files = {
      model: opened['--out'] ?? null,
      checkpoint: opened["--out's checkpoint"] ?? opened['--resume'] ?? null,
      log: log === undefined ? null : new LogFile(log, (error) => warn(logFault(log, error))),
      curves: opened['--html'] ?? null,
    }
    return new TrainingFiles(files, resume, warn)
  }

  /** Where checkpoints are written; null where none are. */
  get checkpointPath(): string | null {
    return this.#files.checkpoint?.path ?? null
  }

  /** The newest checkpoint that was written, wherever that was possible, or was resumed; null where there is none. */
  get keptCheckpoint(): string | null {
    return this.#kept
  }

  /** 1 where something is not as it should be in the end; it has been said. */
  get exitCode(): number {
    return this.#faulty.size === 0 && (this.#files.log?.isWhole ?? true) ? 0 : 1
  }

  /** Appends to the log, which is whole after every line. */
  async record(...records: readonly LogRecord[]): Promise<void> {
    const lines = records.map(logLine)
    if (this.#files.curves) this.#lines.push(...lines)
    await this.#files.log?.append(lines.join(''))
  }

  /**
   * After an epoch that others follow. All or nothing: whoever ends the process meanwhile finds the one before. Where it
   * was written; null where it was not, or not asked for.
   */
  async saveCheckpoint(...content: CheckpointContent): Promise<string | null> {
    const { checkpoint } = this.#files
    if (!checkpoint) return null
    const fault = await this.#write(checkpoint, checkpointBytes(content))
    if (fault === null) return this.#keep(checkpoint.path)
    this.#warn(`${fault}; the training goes on, and after the next epoch it is tried again`)
    return null
  }

  /** As `saveCheckpoint`, of a training that ends: where it can't be written, somewhere else. */
  async saveLastCheckpoint(...content: CheckpointContent): Promise<string | null> {
    const { checkpoint } = this.#files
    return checkpoint && this.#keep(await this.#writeSomewhere(checkpoint, checkpointBytes(content)))
  }

  #keep(path: string | null): string | null {
    this.#kept = path ?? this.#kept
    return path
  }

  /** Where it was written; null where it was not, or not asked for. */
  async saveModel(model: Model): Promise<string | null> {
    const file = this.#files.model
    return file && this.#writeSomewhere(file, encodeModel(model))
  }

  /**
   * `render` makes the page of all lines so far; with a log, of those of the commands before too. Where it is; null where
   * there is none, which is said unless it was not asked for or nothing has been recorded.
   */
  async saveCurves(render: (logText: string) => Promise<string>): Promise<string | null> {
    const { curves, log } = this.#files
    if (!curves || this.#lines.length === 0) return null
    const fault = await this.#try(curves, () =>
      writeMade(curves, 'the page', async () =>
        render(`${(await log?.textBefore()) ?? ''}${this.#lines.join('')}`),
      ),
    )
    if (fault === null) return curves.path
    this.#warn(fault)
    return null
  }

  async close(): Promise<void> {
    await this.#files.log?.close()
  }

  /** Null, or what kept it from being written, with its path. */
  #write(file: OutputFile, bytes: Uint8Array): Promise<string | null> {
    return this.#try(file, () => file.write(bytes))
  }

  /** As `#write`, of what may not come to be written. */
  async #try(file: OutputFile, write: () => Promise<void>): Promise<string | null> {
    try {
      await write()
      this.#faulty.delete(file)
      return null
    } catch (error) {
      this.#faulty.add(file)
      return messageOf(error)
    }
  }

  /** The path; null where no place takes it. */
  async #writeSomewhere(file: OutputFile, bytes: Uint8Array): Promise<string | null> {
    const fault = await this.#write(file, bytes)
    if (fault === null) return file.path
    const rescued = await writeTemporarily(basename(file.target), bytes)
    this.#warn(rescued === null ? fault : `${fault}; it is in ${rescued} instead`)
    return rescued
  }
}

const checkpointFor = (out: string): string => `${out.slice(0, -EXTENSION.length)}${CHECKPOINT_EXTENSION}`

const checkpointBytes = ([model, state, settings]: CheckpointContent): Uint8Array =>
  encodeCheckpoint({ model: { ...model, parameters: state.parameters }, state, settings })

const logFault = (path: string, error: unknown): string => `${path}: can't be written: ${reasonOf(error)}`

/** In a folder of the system for what is temporary. The path; null where that takes nothing either. */
async function writeTemporarily(name: string, bytes: Uint8Array): Promise<string | null> {
  try {
    const file = await OutputFile.open(join(await mkdtemp(join(tmpdir(), 'convmark-')), name))
    await file.write(bytes)
    return file.path
  } catch {
    return null // the caller says what failed first
  }
}
