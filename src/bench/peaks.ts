// The machine's limits, measured after everything else.
import type { Peaks } from '../engines/peak.ts'
import { ConvmarkError } from '../errors.ts'

/** The result of `measure`; null if it fails or is interrupted: the timed runs are just as valid without it. */
export async function peaksOrNull(measure: () => Promise<Peaks | null> | undefined): Promise<Peaks | null> {
  try {
    return (await measure()) ?? null
  } catch (error) {
    if (error instanceof ConvmarkError) return null
    throw error
  }
}
