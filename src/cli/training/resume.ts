// What a resumed training must have in common with the one that was interrupted.
import { type DataIdentity, type Dataset, dataDifference } from '../../data/index.ts'
import { FormatError, UsageError, unknownName } from '../../errors.ts'
import type { Checkpoint } from '../../train/index.ts'

/** A checkpoint to resume from, and its file. */
export interface Resumed {
  readonly file: string
  readonly checkpoint: Checkpoint
}

/**
 * Stored but not compared as options: images are compared by their contents, and the augmentation is taken from the
 * checkpoint.
 */
const NOT_GIVEN = ['data', 'augmentation']

type Settings = Readonly<Record<string, unknown>>

/** What this command wrote into the checkpoint. Throws FormatError if other code wrote it. */
export function keptSettings({ file, checkpoint }: Resumed): Settings {
  const { settings } = checkpoint
  if (typeof settings === 'object' && settings !== null) return settings as Settings
  throw new FormatError(`${file}: convmark train did not write it; continue from it in the code that did`)
}

/**
 * Throws UsageError if the training would continue with other settings than it began with. `data` is the source as
 * given: its name may have changed if its images can be compared.
 */
export function requireSameSettings(resumed: Resumed, given: Settings, data: string): void {
  const before = keptSettings(resumed)
  const known = [...Object.keys(given), ...NOT_GIVEN]
  const unknown = Object.keys(before).find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw new FormatError(
      `${resumed.file}: ${unknownName('setting', unknown, known)}; a newer convmark may have it`,
    )
  const compared = resumed.checkpoint.model.trainedOn ? given : { ...given, data }
  for (const [name, value] of Object.entries(compared)) {
    // With a constant rate nothing depends on the number of epochs, so it may change.
    if (name === 'epochs' && given.schedule === 'constant') continue
    if (JSON.stringify(before[name] ?? null) !== JSON.stringify(value ?? null)) {
      throw new UsageError(
        `--resume ${resumed.file}: its training had ${settingText(name, before[name])}, ` +
          `now it has ${settingText(name, value)}; give the same options`,
      )
    }
  }
}

/** `rate 0.1`; `no clip` */
const settingText = (name: string, value: unknown): string =>
  value === null || value === undefined ? `no ${name}` : `${name} ${JSON.stringify(value)}`

/** Throws UsageError, with the first difference, if the images are not those that the training began with. */
export function requireSameData(
  { file, checkpoint: { model } }: Resumed,
  { classNames }: Dataset,
  identity: DataIdentity,
): void {
  const difference = dataDifference(
    { classNames: model.classNames, identity: model.trainedOn ?? null },
    { classNames, identity },
  )
  if (difference === null) return
  throw new UsageError(
    `--resume ${file}: the data is not what its training began with: ${difference}; ` +
      'give the same data, or train again without --resume',
  )
}

/** The warning for a checkpoint whose images can't be compared; null if they can. */
export const cantCompare = ({ file, checkpoint }: Resumed): string | null =>
  checkpoint.model.trainedOn
    ? null
    : `warning: ${file} does not say which images it was trained on (an older convmark wrote it); make sure that they are these`
