// How a folder of images is divided: into folders named train, val and test, or not at all.
import { FormatError } from '../../errors.ts'
import { nodeModule } from '../../runtime/host.ts'

const { join } = nodeModule('node:path')

/** Upper or lower case. */
const NAMES = {
  train: ['train', 'training'],
  validation: ['val', 'valid', 'validation', 'dev'],
  test: ['test', 'testing'],
} as const
type SplitName = keyof typeof NAMES

/** The names of the folders that hold the splits. */
export interface FolderSplits {
  readonly train: string
  readonly validation: string | null
  readonly test: string | null
}

function splitCalled(name: string): SplitName | undefined {
  const splits = Object.keys(NAMES) as SplitName[]
  return splits.find((split) => (NAMES[split] as readonly string[]).includes(name.toLowerCase()))
}

/**
 * The splits among a folder's sub-folders; null if these are classes. A class may be called 'train' too: a split is
 * recognised by containing folders, its classes, and not images. Throws FormatError if the division is not clear.
 */
export async function splitsOf(
  folder: string,
  names: readonly string[],
  holdsFolders: (name: string) => Promise<boolean>,
): Promise<FolderSplits | null> {
  const called = names.filter((name) => splitCalled(name) !== undefined)
  const areSplits = await Promise.all(called.map(holdsFolders))
  if (!areSplits.includes(true)) return null
  const [other] = names.filter((name) => !called.includes(name))
  if (other !== undefined) {
    throw new FormatError(
      `${join(folder, other)}: is beside '${called.join("', '")}', into which the images are divided; move it elsewhere`,
    )
  }
  const [train, validation, test] = (['train', 'validation', 'test'] as const).map((split) => {
    const [name, again] = called.filter((name) => splitCalled(name) === split)
    if (again !== undefined)
      throw new FormatError(`${folder}: has both '${name}' and '${again}'; keep one of them`)
    return name ?? null
  })
  if (train == null) {
    throw new FormatError(
      `${folder}: has '${called.join("', '")}' and no 'train'; to take one of them alone, give folder:${join(folder, called[0]!)}`,
    )
  }
  return { train, validation: validation!, test: test! }
}
