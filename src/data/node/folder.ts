// A folder of images: a sub-folder for each class.
import type { Dirent } from 'node:fs'
import { FormatError, UsageError } from '../../errors.ts'
import { reasonOf } from '../../formats/files.ts'
import { nodeModule } from '../../runtime/host.ts'
import type { Dataset, Split } from '../dataset.ts'
import { type DecoderOptions, openDecoder } from '../decode.ts'
import { shuffled } from '../order.ts'
import { readImageFile } from './image-file.ts'

const { readdir } = nodeModule('node:fs/promises')
const { basename, extname, join } = nodeModule('node:path')

const EXTENSIONS = ['.jpg', '.jpeg', '.png', '.webp']
const TRAIN_FOLDER = 'train'
const TEST_FOLDERS = ['test', 'val', 'validation']
/** What systems leave behind. */
const LITTER = /^(\..*|thumbs\.db|desktop\.ini)$/i
const TEST_SHARE = 0.1
/** Not the training's seed: what a model is tested on does not depend on how it was trained. */
const SPLIT_SEED = 7

interface Labelled {
  readonly files: readonly string[]
  readonly labels: readonly number[]
}

/**
 * With sub-folders `train` and `test` (or `val`), these, of classes each; else a tenth of every class is held out, always
 * the same. Throws UsageError where the folder can't be read, FormatError where it is no set of classes.
 */
export async function openFolder(folder: string, options: DecoderOptions = {}): Promise<Dataset> {
  const names = await subfolders(folder)
  const testName = TEST_FOLDERS.find((name) => names.includes(name))
  const isDivided = names.includes(TRAIN_FOLDER) && testName !== undefined
  const trainFolder = isDivided ? join(folder, TRAIN_FOLDER) : folder
  const classNames = isDivided ? await subfolders(trainFolder) : names
  if (classNames.length === 0) {
    throw new FormatError(
      `${trainFolder}: has no classes; put the images of each class into a sub-folder of its name`,
    )
  }
  const trainClasses = await filesOfClasses(trainFolder, classNames)
  const [train, test] = isDivided
    ? [labelled(trainClasses), await testSet(join(folder, testName), classNames)]
    : heldOut(trainClasses)
  const splitOf = (set: Labelled): Split => fileSplit(set, options)
  return {
    name: `folder:${folder}`,
    classNames,
    train: splitOf(train),
    test: test.files.length > 0 ? splitOf(test) : null,
  }
}

/** In the order of code units, which is the same everywhere. */
async function entriesOf(folder: string): Promise<readonly Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw new UsageError(`${folder}: can't be read: ${reasonOf(error)}`, { cause: error })
  })
  const order = (a: Dirent, b: Dirent): number => (a.name < b.name ? -1 : 1)
  return entries.filter(({ name }) => !LITTER.test(name)).sort(order)
}

async function subfolders(folder: string): Promise<readonly string[]> {
  const entries = await entriesOf(folder)
  const image = entries.find((entry) => !entry.isDirectory() && isImageName(entry.name))
  if (image) {
    throw new FormatError(
      `${join(folder, image.name)}: lies beside the classes; move it into a class's sub-folder`,
    )
  }
  return entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map(({ name }) => name)
}

const isImageName = (name: string): boolean => EXTENSIONS.includes(extname(name).toLowerCase())

function filesOfClasses(
  folder: string,
  classNames: readonly string[],
): Promise<readonly (readonly string[])[]> {
  return Promise.all(classNames.map((name) => filesOfClass(join(folder, name))))
}

async function filesOfClass(folder: string): Promise<readonly string[]> {
  const entries = await entriesOf(folder)
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory())
      throw new FormatError(
        `${path}: is a folder within a class; a class's images lie directly in its folder`,
      )
    if (!isImageName(entry.name))
      throw new FormatError(`${path}: is no JPEG, PNG or WebP file; move it out of the class's folder`)
  }
  if (entries.length === 0)
    throw new FormatError(
      `${folder}: the class '${basename(folder)}' has no images; add some or remove its folder`,
    )
  return entries.map(({ name }) => join(folder, name))
}

async function testSet(folder: string, classNames: readonly string[]): Promise<Labelled> {
  const names = await subfolders(folder)
  const unknown = names.find((name) => !classNames.includes(name))
  if (unknown !== undefined)
    throw new FormatError(`${join(folder, unknown)}: the training set has no class '${unknown}'`)
  const files = await filesOfClasses(folder, names)
  return labelled(
    classNames.map((name) => {
      const position = names.indexOf(name)
      return position < 0 ? [] : files[position]!
    }),
  )
}

function labelled(classes: readonly (readonly string[])[]): Labelled {
  return { files: classes.flat(), labels: classes.flatMap((files, label) => files.map(() => label)) }
}

/** A tenth of each class, one image at least where it has two: [training set, test set]. */
function heldOut(classes: readonly (readonly string[])[]): readonly [Labelled, Labelled] {
  const parts = classes.map((files) => {
    const count = files.length < 2 ? 0 : Math.max(1, Math.round(files.length * TEST_SHARE))
    const chosen = new Set(shuffled(files.length, SPLIT_SEED, 'held out for the test').subarray(0, count))
    return {
      train: files.filter((_, index) => !chosen.has(index)),
      test: files.filter((_, index) => chosen.has(index)),
    }
  })
  return [labelled(parts.map(({ train }) => train)), labelled(parts.map(({ test }) => test))]
}

function fileSplit({ files, labels }: Labelled, options: DecoderOptions): Split {
  const decoder = openDecoder(options)
  decoder.catch(() => {}) // told to whoever asks for an image
  return {
    count: files.length,
    files,
    label: (index) => labels[index]!,
    image: async (index) => (await decoder).decode(await readImageFile(files[index]!)),
  }
}
