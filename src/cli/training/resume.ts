// What a training that goes on must have in common with the one that was left.
import { type DataIdentity, type Dataset, dataDifference } from '../../data/index.ts'
import { FormatError, UsageError, unknownName } from '../../errors.ts'
import type { Checkpoint } from '../../train/index.ts'

/** A checkpoint to go on from, and its file. */
export interface Resumed {
  readonly file: string
  readonly checkpoint: Checkpoint
}

/** Kept too, and not given again: images are compared by what they are, the augmentation goes on as it was. */
const NOT_GIVEN = ['data', 'augmentation']

type Settings = Readonly<Record<string, unknown>>

/** What this command wrote into the checkpoint. Throws FormatError for one that other code wrote. */
export function keptSettings({ file, checkpoint }: Resumed): Settings {
  const { settings } = checkpoint
  if (typeof settings === 'object' && settings !== null) return settings as Settings
  throw new FormatError(`${file}: convmark train did not write it; go on from it in the code that did`)
}

/**
 * Throws UsageError if the training would go on otherwise than it began. `data` is the source as given: it may have another
 * name by now if its images can be compared.
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
    // More epochs only lengthen what does not depend on their number.
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

/** Throws UsageError, with the first difference, for images other than those that the training began with. */
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
      'give the same data, or train anew without --resume',
  )
}

/** What to say of a checkpoint that can't be compared; null if it can. */
export const cantCompare = ({ file, checkpoint }: Resumed): string | null =>
  checkpoint.model.trainedOn
    ? null
    : `warning: ${file} does not say which images it was trained on (an older convmark wrote it); make sure that they are these`
