import type { Environment } from './result.ts'

/** What is not part of the environment itself. */
export interface WarningContext {
  /** The most threads of any run; 0 if there was none. */
  readonly threads: number
  /** The machine's logical processors. */
  readonly processors: number
  /** What this process itself had added to the load before the start. */
  readonly ownLoad: number
}

/** Share of the machine's processors that were busy with other work before the start. */
const BUSY_FRACTION = 0.25
const STEAL_FRACTION = 0.02
/** A quiet machine stays below 1.2; a neighbour that shares the processor half and half makes it 2. */
const CALIBRATION_SPREAD = 1.5

/** What makes the numbers worse than they could be, in plain words, each with advice. Empty on a quiet machine. */
export function environmentWarnings(environment: Environment, context: WarningContext): string[] {
  const { loadAverage, cores, quotaCores = null, stealFraction = null } = environment
  const { calibrationSpread = null, governor } = environment
  const { threads, processors, ownLoad } = context
  const warnings: string[] = []

  const otherLoad = (loadAverage ?? 0) - ownLoad
  if (otherLoad > BUSY_FRACTION * processors) {
    warnings.push(
      `the machine was busy before the start: other work kept ${otherLoad.toFixed(1)} of ${processors} ` +
        'processors busy over the last minute; end it or wait a minute, and run again',
    )
  }
  if (stealFraction !== null && stealFraction > STEAL_FRACTION) {
    warnings.push(
      `other machines on the same hardware took ${(100 * stealFraction).toFixed(1)}% of the processors' time (steal); ` +
        'run again at a quieter time or on a machine of your own, and compare only engines of one `convmark compare`',
    )
  }
  if (calibrationSpread !== null && calibrationSpread > CALIBRATION_SPREAD) {
    warnings.push(
      `the processor's speed changed while this ran: the same work took up to ${calibrationSpread.toFixed(1)} times as ` +
        'long; close what runs beside it, let the machine cool, and go by the median rather than the mean',
    )
  }
  // Cores are already limited to the quota, rounded up.
  if (quotaCores !== null && threads > quotaCores) {
    const fitting = Math.max(1, Math.floor(quotaCores))
    const advice = threads > fitting ? `take --threads ${fitting} or raise the quota` : 'raise the quota'
    warnings.push(
      `${counted(threads)} on a container's quota of ${+quotaCores.toFixed(2)} processors: ` +
        `they are stopped for part of every period; ${advice}`,
    )
  } else if (threads > cores) {
    warnings.push(
      `${counted(threads)} on ${cores} ${cores === 1 ? 'core' : 'cores'}: they wait for each other at every step; ` +
        `take --threads ${cores}`,
    )
  }
  if (governor === 'powersave') {
    warnings.push(
      "the processor's frequency is governed by 'powersave', which may keep it below its full speed; " +
        "set it to 'performance' (sudo cpupower frequency-set -g performance)",
    )
  }
  return warnings
}

const counted = (threads: number): string => `${threads} ${threads === 1 ? 'thread' : 'threads'}`
