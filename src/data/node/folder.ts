// A folder of images: a sub-folder for each class.
import type { Dirent } from 'node:fs'
import { FormatError, UsageError } from '../../errors.ts'
import { reasonOf } from '../../formats/reason.ts'
import { nodeModule } from '../../runtime/host.ts'
import type { Dataset, DecoderOptions, Split } from '../dataset.ts'
import { openDecoder } from '../decode.ts'
import { shuffled } from '../order.ts'
import { partsOf } from './folder-parts.ts'
import { fileStamp, readImageFile } from './image-file.ts'

const { readdir } = nodeModule('node:fs/promises')
const { basename, extname, join } = nodeModule('node:path')

const EXTENSIONS = ['.jpg', '.jpeg', '.png', '.webp']
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
 * A folder that is divided has sub-folders `train` and `val` or `test` (or both), of classes each. One that is not, or that
 * has `train` alone, has its classes at once: a tenth of each is held out for the test, always the same.
 * Throws UsageError if the folder can't be read, FormatError if it is no set of classes.
 */
export async function openFolder(folder: string, options: DecoderOptions = {}): Promise<Dataset> {
  const names = await subfolders(folder)
  const parts = await partsOf(folder, names, (name) => holdsFolders(join(folder, name)))
  const [only, ...others] = names
  if (!parts && only !== undefined && others.length === 0 && (await holdsFolders(join(folder, only)))) {
    throw new FormatError(
      `${folder}: its only folder, '${only}', holds folders itself; give folder:${join(folder, only)}`,
    )
  }
  const trainFolder = parts ? join(folder, parts.train) : folder
  const classNames = parts ? await subfolders(trainFolder) : names
  if (classNames.length === 0) {
    throw new FormatError(
      `${trainFolder}: has no classes; put the images of each class into a sub-folder of its name`,
    )
  }
  const all = await filesOfClasses(trainFolder, classNames)
  const partOf = async (name: string | null | undefined): Promise<Split | null> =>
    name == null ? null : fileSplit(await partWith(join(folder, name), classNames), options)
  const [validation, test] = [await partOf(parts?.validation), await partOf(parts?.test)]
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

/** Links are taken for what their names say: nothing is opened here. */
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
        `${path}: is a folder within a class; a class's images lie directly in its folder (and the parts of a set are called train, val and test)`,
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

/** The images of a part that has the training set's classes, or some of them. */
async function partWith(folder: string, classNames: readonly string[]): Promise<Labelled> {
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

/** A tenth of each class for the test, at least one image of a class that has two. */
function heldOut(classes: readonly (readonly string[])[]): Readonly<Record<'train' | 'test', Labelled>> {
  const parts = classes.map((files) => {
    const count = files.length < 2 ? 0 : Math.max(1, Math.round(files.length * TEST_SHARE))
    const chosen = new Set(shuffled(files.length, SPLIT_SEED, 'held out for the test').subarray(0, count))
    return {
      train: files.filter((_, index) => !chosen.has(index)),
      test: files.filter((_, index) => chosen.has(index)),
    }
  })
  return { train: labelled(parts.map(({ train }) => train)), test: labelled(parts.map(({ test }) => test)) }
}

function fileSplit({ files, labels }: Labelled, options: DecoderOptions): Split {
  const decoder = openDecoder(options)
  decoder.catch(() => {}) // told to whoever asks for an image
  return {
    count: files.length,
    files,
    decoding: options,
    label: (index) => labels[index]!,
    image: async (index) => (await decoder).decode(await readImageFile(files[index]!)),
    stamp: (index) => fileStamp(files[index]!),
  }
}
