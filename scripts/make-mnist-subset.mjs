// Makes web/public/digits/ of MNIST's files: the first images of the training and of the test set, as gzipped IDX.
// Not called .gz: some hosts then let the browser unpack them, some do not.
// node scripts/make-mnist-subset.mjs <folder of MNIST's four files>
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const COUNTS = { train: 3000, t10k: 1000 }
const BYTES_PER_IMAGE = 28 * 28
const folderOut = new URL('../web/public/digits/', import.meta.url)

/** The first `count` items of an IDX file, whose header says so. */
function firstItems(bytes, headerLength, itemLength, count) {
  const subset = Buffer.from(bytes.subarray(0, headerLength + count * itemLength))
  subset.writeUInt32BE(count, 4)
  return subset
}

const [folder] = process.argv.slice(2)
if (!folder) throw new Error('give the folder of MNIST’s four files')
for (const [name, count] of Object.entries(COUNTS)) {
  for (const [kind, headerLength, itemLength] of [
    ['images-idx3', 16, BYTES_PER_IMAGE],
    ['labels-idx1', 8, 1],
  ]) {
    const bytes = readFileSync(join(folder, `${name}-${kind}-ubyte`))
    const subset = firstItems(bytes, headerLength, itemLength, count)
    writeFileSync(new URL(`${name}-${kind}-gz`, folderOut), gzipSync(subset, { level: 9 }))
  }
}
