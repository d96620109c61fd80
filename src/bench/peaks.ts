// The machine's limits, measured once everything else is.
import type { Peaks } from '../engines/peak.ts'
import { ConvmarkError } from '../errors.ts'

/** What `measure` finds; null if it can't, or is interrupted: what was timed before is worth as much without. */
export async function peaksOrNull(measure: () => Promise<Peaks | null> | undefined): Promise<Peaks | null> {
  try {
    return (await measure()) ?? null
  } catch (error) {
    if (error instanceof ConvmarkError) return null
    throw error
  }
}
