import type { Environment } from './result.ts'

/** What the environment itself does not say. */
export interface WarningContext {
  /** The most that any run had; 0 where none was run. */
  readonly threads: number
  /** The machine's logical processors. */
  readonly processors: number
  /** What this process itself had added to the load by the start. */
  readonly ownLoad: number
}

/** Of the machine's processors, busy with something else before the start. */
const BUSY_FRACTION = 0.25
const STEAL_FRACTION = 0.02
/** A quiet machine stays below 1.2; a neighbour that takes turns with us makes it 2. */
const CALIBRATION_SPREAD = 1.5

/** What makes the numbers less than they could be, in plain words, each with what to do. Nothing on a quiet machine. */
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
        'run again at a quieter time or on a machine of your own, and compare only what ran in turns',
    )
  }
  if (calibrationSpread !== null && calibrationSpread > CALIBRATION_SPREAD) {
    warnings.push(
      `the processor's speed changed while this ran: the same work took up to ${calibrationSpread.toFixed(1)} times as ` +
        'long; close what runs beside it, let the machine cool, and go by the median rather than the mean',
    )
  }
  // Cores are already within the quota, rounded up.
  if (quotaCores !== null && threads > quotaCores) {
    const fitting = Math.max(1, Math.floor(quotaCores))
    const advice = threads > fitting ? `take --threads ${fitting} or raise the quota` : 'raise the quota'
    warnings.push(
      `${counted(threads)} on a container's quota of ${+quotaCores.toFixed(2)} processors: ` +
        `they are stopped for a part of every period; ${advice}`,
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
