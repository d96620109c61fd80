// How a folder of images is divided: into folders named train, val and test, or not at all.
import { FormatError } from '../../errors.ts'
import { nodeModule } from '../../runtime/host.ts'

const { join } = nodeModule('node:path')

/** In any capitals. */
const NAMES = {
  train: ['train', 'training'],
  validation: ['val', 'valid', 'validation', 'dev'],
  test: ['test', 'testing'],
} as const
type Part = keyof typeof NAMES

/** The names of the folders that hold the parts. */
export interface FolderParts {
  readonly train: string
  readonly validation: string | null
  readonly test: string | null
}

function partCalled(name: string): Part | undefined {
  const parts = Object.keys(NAMES) as Part[]
  return parts.find((part) => (NAMES[part] as readonly string[]).includes(name.toLowerCase()))
}

/**
 * The parts among a folder's sub-folders; null if these are classes. A class may be called 'train' too: what tells a part
 * from it is that it holds folders, of classes, and not images. Throws FormatError for a division that is not clear.
 */
export async function partsOf(
  folder: string,
  names: readonly string[],
  holdsFolders: (name: string) => Promise<boolean>,
): Promise<FolderParts | null> {
  const called = names.filter((name) => partCalled(name) !== undefined)
  const areParts = await Promise.all(called.map(holdsFolders))
  if (!areParts.includes(true)) return null
  const [other] = names.filter((name) => !called.includes(name))
  if (other !== undefined) {
    throw new FormatError(
      `${join(folder, other)}: stands beside '${called.join("', '")}', into which the images are divided; move it elsewhere`,
    )
  }
  const [train, validation, test] = (['train', 'validation', 'test'] as const).map((part) => {
    const [name, again] = called.filter((name) => partCalled(name) === part)
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
