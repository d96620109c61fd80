// The files that a training writes: its log line by line, checkpoints, and at the end the model and its curves. Hours
// of work are in memory, so a failure to write ends no training: it is reported, and tried again as long as there is
// another opportunity.
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { messageOf, UsageError } from '../../errors.ts'
import { OutputFile } from '../../formats/output-file.ts'
import { reasonOf } from '../../formats/reason.ts'
import { type LogRecord, logLine } from '../../records/training-log.ts'
import { encodeCheckpoint, encodeModel, type Model, type TrainingState } from '../../train/index.ts'
import { openOutputFiles, resolvedPathOf, writeMade } from '../output-files.ts'
import { LogFile } from './log-file.ts'

const EXTENSION = '.safetensors'
const CHECKPOINT_EXTENSION = `.checkpoint${EXTENSION}`

interface Paths {
  readonly out?: string
  readonly log?: string
  readonly html?: string
  readonly resume?: string
  /** The files that the network and its weights are read from, if they are. */
  readonly networks?: readonly (string | null)[]
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
  /** The log lines from which the page of curves is made. */
  readonly #lines: string[] = []
  readonly #faulty = new Set<OutputFile>()
  /** The checkpoint from which to resume, once there is one. */
  #kept: string | null

  private constructor(files: Files, resume: string | undefined, warn: Warn) {
    this.#files = files
    this.#kept = resume ?? null
    this.#warn = warn
  }

  /**
   * Checks all paths before anything runs. Throws UsageError. `warn` is called with what could not be written later:
   * path, reason and what happens now.
   */
  static async open({ out, log, html, resume, networks = [] }: Paths, warn: Warn): Promise<TrainingFiles> {
    if (out !== undefined && !out.endsWith(EXTENSION))
      throw new UsageError(`--out is '${out}'; a model's file ends in ${EXTENSION}`)
    if (log !== undefined && !log.endsWith('.jsonl'))
      throw new UsageError(`--log is '${log}'; a log's file ends in .jsonl, which report goes by`)
    const checkpoint = out === undefined ? undefined : checkpointFor(out)
    // The checkpoint that is resumed is updated, unless the model is written elsewhere.
    const isReadOnly =
      resume !== undefined &&
      checkpoint !== undefined &&
      (await resolvedPathOf(resume)) !== (await resolvedPathOf(checkpoint))
    const opened = await openOutputFiles(
      {
        '--out': out,
        "--out's checkpoint": checkpoint,
        '--resume': checkpoint === undefined ? resume : undefined,
        '--log': log,
        '--html': html,
      },
      [...(isReadOnly ? [resume] : []), ...networks.filter((path) => path !== null)],
    )
    const files = {
      model: opened['--out'] ?? null,
      checkpoint: opened["--out's checkpoint"] ?? opened['--resume'] ?? null,
      log: log === undefined ? null : new LogFile(log, (error) => warn(logFault(log, error))),
      curves: opened['--html'] ?? null,
    }
    return new TrainingFiles(files, resume, warn)
  }

  /** Where checkpoints are written; null if none are. */
  get checkpointPath(): string | null {
    return this.#files.checkpoint?.path ?? null
  }

  /**
   * The newest checkpoint that was written, wherever that was possible, or else the one that was resumed; null if there
   * is none.
   */
  get keptCheckpoint(): string | null {
    return this.#kept
  }

  /** 1 if something could not be written in the end; it has been reported. */
  get exitCode(): number {
    return this.#faulty.size === 0 && (this.#files.log?.isWhole ?? true) ? 0 : 1
  }

  /** Appends to the log, whose lines are all complete afterwards. */
  async record(...records: readonly LogRecord[]): Promise<void> {
    const lines = records.map(logLine)
    if (this.#files.curves) this.#lines.push(...lines)
    await this.#files.log?.append(lines.join(''))
  }

  /**
   * Saves a checkpoint after an epoch that is not the last. If the process is killed meanwhile, the previous one is
   * intact. Returns where it was written; null if it could not be written or was not asked for.
   */
  async saveCheckpoint(...content: CheckpointContent): Promise<string | null> {
    const { checkpoint } = this.#files
    if (!checkpoint) return null
    const fault = await this.#write(checkpoint, checkpointBytes(content))
    if (fault === null) return this.#keep(checkpoint.path)
    this.#warn(`${fault}; the training continues, and this will be tried again after the next epoch`)
    return null
  }

  /** As `saveCheckpoint`, at the end of a training: if it can't be written, it is written somewhere else. */
  async saveLastCheckpoint(...content: CheckpointContent): Promise<string | null> {
    const { checkpoint } = this.#files
    return checkpoint && this.#keep(await this.#writeSomewhere(checkpoint, checkpointBytes(content)))
  }

  #keep(path: string | null): string | null {
    this.#kept = path ?? this.#kept
    return path
  }

  /** Returns where it was written; null if it could not be written or was not asked for. */
  async saveModel(model: Model): Promise<string | null> {
    const file = this.#files.model
    return file && this.#writeSomewhere(file, encodeModel(model))
  }

  /**
   * `render` makes the page from all log lines so far, including those of earlier commands if there is a log file.
   * Returns where it is; null if it was not asked for, if nothing has been recorded, or if it could not be written,
   * which is reported.
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

  /** Null, or the path and why it could not be written. */
  #write(file: OutputFile, bytes: Uint8Array): Promise<string | null> {
    return this.#try(file, () => file.write(bytes))
  }

  /** As `#write`, for something that may also fail before it is written. */
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

  /** Returns the path; null if it can't be written anywhere. */
  async #writeSomewhere(file: OutputFile, bytes: Uint8Array): Promise<string | null> {
    const fault = await this.#write(file, bytes)
    if (fault === null) return file.path
    const rescued = await writeTemporarily(basename(file.resolvedPath), bytes)
    this.#warn(rescued === null ? fault : `${fault}; it is in ${rescued} instead`)
    return rescued
  }
}

const checkpointFor = (out: string): string => `${out.slice(0, -EXTENSION.length)}${CHECKPOINT_EXTENSION}`

const checkpointBytes = ([model, state, settings]: CheckpointContent): Uint8Array =>
  encodeCheckpoint({ model: { ...model, parameters: state.parameters }, state, settings })

const logFault = (path: string, error: unknown): string => `${path}: can't be written: ${reasonOf(error)}`

/** Writes to the system's folder for temporary files. Returns the path; null if that fails too. */
async function writeTemporarily(name: string, bytes: Uint8Array): Promise<string | null> {
  try {
    const file = await OutputFile.open(join(await mkdtemp(join(tmpdir(), 'convmark-')), name))
    await file.write(bytes)
    return file.path
  } catch {
    return null // the caller reports what failed first
  }
}
