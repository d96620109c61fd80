import { parseJson, requireShape, requireVersion } from '../bench/parse-json.ts'
import { FormatError } from '../errors.ts'
import {
  type EndRecord,
  type EpochRecord,
  KINDS,
  LOG_SCHEMA_VERSION,
  type LogRecord,
  type ResumeRecord,
  type RunRecord,
  recordSchema,
  type StepRecord,
  type TrainingLog,
  type TrainingRun,
} from './training-log.ts'

/**
 * Reads a log. Throws FormatError, in one line with file and line number, for what is not a log, another version,
 * another shape, or steps out of order. A line that a killed run did not finish is not an error; it is the last one or
 * the last before another run.
 */
export function parseTrainingLog(text: string, fileName: string): TrainingLog {
  const { records, cutShortLines } = readRecords(text, fileName)
  const runs: OpenRun[] = []
  for (const [i, { record, where }] of records.entries()) {
    const next = records[i + 1]?.record
    const open = runs.at(-1)
    if (record.kind === 'run') {
      if (open && next?.kind === 'resume') open.goOn(record, next)
      else runs.push(new OpenRun(record))
    } else if (open) {
      open.add(record, where)
    } else {
      throw new FormatError(`${where}: not a training log: it begins with '${record.kind}', not with 'run'`)
    }
  }
  if (runs.length === 0) throw new FormatError(`${fileName}: not a training log: it holds no run`)
  return { runs: runs.map((open) => open.close()), cutShortLines }
}

interface PlacedRecord {
  readonly record: LogRecord
  /** File and line. */
  readonly where: string
}

function readRecords(
  text: string,
  fileName: string,
): { readonly records: readonly PlacedRecord[]; readonly cutShortLines: readonly number[] } {
  const isEndMissing = !text.endsWith('\n')
  const lines = text
    .split('\n')
    .map((line, i) => ({ line, number: i + 1 }))
    .filter(({ line }) => line.trim() !== '')
  const records: PlacedRecord[] = []
  const cutShortLines: number[] = []
  lines.forEach(({ line, number }, i) => {
    const where = `${fileName}, line ${number}`
    const next = lines[i + 1]
    const parsed = jsonOf(line)
    // Killed while writing; the command that resumed it then began a new line.
    if (parsed === undefined && (next ? kindOf(jsonOf(next.line)) === 'run' : isEndMissing)) {
      cutShortLines.push(number)
      return
    }
    const json = parsed ?? parseJson(line, where)
    const kind = kindOf(json)
    if (typeof kind === 'string' && !KINDS.has(kind) && records.length > 0) return
    if (kind === 'run') requireVersion(json, LOG_SCHEMA_VERSION, where, 'a training log')
    records.push({ record: requireShape(json, recordSchema, where, "a training log's line"), where })
  })
  return { records, cutShortLines }
}

/** Undefined if it is not JSON. */
function jsonOf(line: string): unknown {
  try {
    return parseJson(line, '')
  } catch {
    return undefined
  }
}

const kindOf = (json: unknown): unknown => (json as { kind?: unknown } | null | undefined)?.kind

/** A run whose lines are being read. */
class OpenRun {
  #run: RunRecord
  #steps: StepRecord[] = []
  #epochs: EpochRecord[] = []
  readonly #resumes: ResumeRecord[] = []
  #end: EndRecord | null = null
  /** The time that earlier commands took up to their checkpoints. */
  #earlierMs = 0

  constructor(run: RunRecord) {
    this.#run = run
  }

  /** Another command continues the run. */
  goOn(run: RunRecord, from: ResumeRecord): void {
    this.#run = run
    this.#rewind(from)
    this.#earlierMs = this.#elapsedMs()
  }

  add(record: Exclude<LogRecord, RunRecord>, where: string): void {
    if (record.kind === 'resume') {
      this.#rewind(record)
      this.#resumes.push(record)
    } else if (record.kind === 'end') {
      this.#end = this.#onOneClock(record)
    } else {
      const earlier: readonly { readonly step: number }[] =
        record.kind === 'step' ? this.#steps : this.#epochs
      const last = earlier.at(-1)?.step ?? -1
      if (record.step <= last) {
        throw new FormatError(
          `${where}: ${record.kind} at step ${record.step} after one at step ${last}, without a resume between them`,
        )
      }
      if (record.kind === 'step') this.#steps.push(this.#onOneClock(record))
      else this.#epochs.push(this.#onOneClock(record))
    }
  }

  close(): TrainingRun {
    return {
      run: this.#run,
      steps: this.#steps,
      epochs: this.#epochs,
      resumes: this.#resumes,
      end: this.#end,
      elapsedMs: this.#elapsedMs(),
    }
  }

  #rewind({ step }: ResumeRecord): void {
    this.#steps = this.#steps.filter((record) => record.step <= step)
    this.#epochs = this.#epochs.filter((record) => record.step <= step)
    this.#end = null
  }

  #onOneClock<Timed extends StepRecord | EpochRecord | EndRecord>(record: Timed): Timed {
    return { ...record, elapsedMs: this.#earlierMs + record.elapsedMs }
  }

  #elapsedMs(): number {
    const last = [this.#steps.at(-1), this.#epochs.at(-1), this.#end]
    return Math.max(...last.map((record) => record?.elapsedMs ?? 0))
  }
}
