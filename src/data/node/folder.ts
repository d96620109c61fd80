// A folder of images: a sub-folder for each class.
import type { Dirent } from 'node:fs'
import { FormatError, UsageError } from '../../errors.ts'
import { reasonOf } from '../../formats/reason.ts'
import { nodeModule } from '../../runtime/host.ts'
import type { Dataset, DecoderOptions, Split } from '../dataset.ts'
import { openDecoder } from '../decode.ts'
import { shuffled } from '../order.ts'
import { splitsOf } from './folder-splits.ts'
import { fileStamp, readImageFile } from './image-file.ts'

const { readdir } = nodeModule('node:fs/promises')
const { basename, extname, join } = nodeModule('node:path')

const EXTENSIONS = ['.jpg', '.jpeg', '.png', '.webp']
/** Files that operating systems leave behind. */
const LITTER = /^(\..*|thumbs\.db|desktop\.ini)$/i
const TEST_SHARE = 0.1
/** Separate from the training's seed: which images a model is tested on does not depend on how it was trained. */
const SPLIT_SEED = 7

interface Labelled {
  readonly files: readonly string[]
  readonly labels: readonly number[]
}

/**
 * Opens a folder of images. A divided folder has sub-folders `train` and `val` or `test` (or both), each with the
 * classes. If it is not divided, or has only `train`, a tenth of each class is held out for the test, always the same
 * images. Throws UsageError if the folder can't be read, FormatError if it is not a set of classes.
 */
export async function openFolder(folder: string, options: DecoderOptions = {}): Promise<Dataset> {
  const names = await subfolders(folder)
  const splits = await splitsOf(folder, names, (name) => holdsFolders(join(folder, name)))
  const [only, ...others] = names
  if (!splits && only !== undefined && others.length === 0 && (await holdsFolders(join(folder, only)))) {
    throw new FormatError(
      `${folder}: its only folder, '${only}', holds folders itself; give folder:${join(folder, only)}`,
    )
  }
  const trainFolder = splits ? join(folder, splits.train) : folder
  const classNames = splits ? await subfolders(trainFolder) : names
  if (classNames.length === 0) {
    throw new FormatError(
      `${trainFolder}: has no classes; put the images of each class into a sub-folder of its name`,
    )
  }
  const all = await filesOfClasses(trainFolder, classNames)
  const splitOf = async (name: string | null | undefined): Promise<Split | null> =>
    name == null ? null : fileSplit(await splitWith(join(folder, name), classNames), options)
  const [validation, test] = [await splitOf(splits?.validation), await splitOf(splits?.test)]
  const dataset = { name: `folder:${folder}`, classNames }
  if (validation || test)
    return { ...dataset, train: fileSplit(labelled(all), options), validation, test, whole: null }
  const held = heldOut(all)
  return {
    ...dataset,
    train: fileSplit(held.train, options),
    validation: null,
    test: held.test.files.length > 0 ? fileSplit(held.test, options) : null,
    whole: fileSplit(labelled(all), options),
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
  return entries.filter(isFolder).map(({ name }) => name)
}

async function holdsFolders(folder: string): Promise<boolean> {
  return (await entriesOf(folder)).some(isFolder)
}

/** A link counts as a file or a folder by its name: nothing is opened here. */
const isFolder = (entry: Dirent): boolean =>
  entry.isDirectory() || (entry.isSymbolicLink() && !isImageName(entry.name))

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
        `${path}: is a folder within a class; a class's images lie directly in its folder (and the splits of a data set are called train, val and test)`,
      )
    if (!isImageName(entry.name))
      throw new FormatError(`${path}: is not a JPEG, PNG or WebP file; move it out of the class's folder`)
  }
  if (entries.length === 0)
    throw new FormatError(
      `${folder}: the class '${basename(folder)}' has no images; add some or remove its folder`,
    )
  return entries.map(({ name }) => join(folder, name))
}

/** The images of a split, which must have the training set's classes or some of them. */
async function splitWith(folder: string, classNames: readonly string[]): Promise<Labelled> {
  const names = await subfolders(folder)
  if (names.length === 0)
    throw new FormatError(`${folder}: has no classes; put images of the training set's into it, or remove it`)
  const unknown = names.find((name) => !classNames.includes(name))
  if (unknown !== undefined) {
    const same = classNames.find((name) => name.toLowerCase() === unknown.toLowerCase())
    throw new FormatError(
      `${join(folder, unknown)}: the training set has no class '${unknown}'${same === undefined ? '' : `, but '${same}': give both the same capitals`}`,
    )
  }
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

/** A tenth of each class for the test; at least one image of a class with two or more. */
function heldOut(classes: readonly (readonly string[])[]): Readonly<Record<'train' | 'test', Labelled>> {
  const splits = classes.map((files) => {
    const count = files.length < 2 ? 0 : Math.max(1, Math.round(files.length * TEST_SHARE))
    const chosen = new Set(shuffled(files.length, SPLIT_SEED, 'held out for the test').subarray(0, count))
    return {
      train: files.filter((_, index) => !chosen.has(index)),
      test: files.filter((_, index) => chosen.has(index)),
    }
  })
  return { train: labelled(splits.map(({ train }) => train)), test: labelled(splits.map(({ test }) => test)) }
}

function fileSplit({ files, labels }: Labelled, options: DecoderOptions): Split {
  const decoder = openDecoder(options)
  decoder.catch(() => {}) // reported to every caller that asks for an image
  return {
    count: files.length,
    files,
    decoding: options,
    label: (index) => labels[index]!,
    image: async (index) => (await decoder).decode(await readImageFile(files[index]!)),
    stamp: (index) => fileStamp(files[index]!),
  }
}
