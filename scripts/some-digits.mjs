// Makes IDX files of some of MNIST's digits, for trying out fine-tuning: few pictures of digits that a network has not seen.
// node scripts/some-digits.mjs MNIST OUT DIGITS [COUNT]: the folder with MNIST's four files; the folder for the new ones; the digits, such as
// 56789, which become the classes 0, 1, ...; and how many pictures of each to train on, all by default. Prints the value for --data.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const IMAGES_HEADER = 16
const LABELS_HEADER = 8
const PIXELS = 28 * 28

function header(count, ...extents) {
  const numbers = [count, ...extents]
  const bytes = Buffer.alloc(4 + 4 * numbers.length)
  bytes.set([0, 0, 8, numbers.length])
  numbers.forEach((number, i) => {
    bytes.writeUInt32BE(number, 4 + 4 * i)
  })
  return bytes
}

/** The first `most` pictures of each digit. */
function some(folder, name, digits, most) {
  const images = readFileSync(join(folder, `${name}-images-idx3-ubyte`)).subarray(IMAGES_HEADER)
  const labels = readFileSync(join(folder, `${name}-labels-idx1-ubyte`)).subarray(LABELS_HEADER)
  const counts = digits.map(() => 0)
  const chosen = []
  labels.forEach((digit, index) => {
    const label = digits.indexOf(digit)
    if (label < 0 || counts[label] === most) return
    counts[label]++
    chosen.push({ label, pixels: images.subarray(index * PIXELS, (index + 1) * PIXELS) })
  })
  return {
    images: Buffer.concat([header(chosen.length, 28, 28), ...chosen.map(({ pixels }) => pixels)]),
    labels: Buffer.concat([header(chosen.length), Buffer.from(chosen.map(({ label }) => label))]),
  }
}

const [mnist, out, digitsText, count] = process.argv.slice(2)
if (digitsText === undefined) {
  console.error('node scripts/some-digits.mjs MNIST OUT DIGITS [COUNT]')
  process.exit(2)
}
const digits = [...digitsText].map(Number)
mkdirSync(out, { recursive: true })
const files = [
  ['train', 'train', count === undefined ? Infinity : Number(count)],
  ['t10k', 'test', Infinity],
].flatMap(([stored, split, most]) => {
  const { images, labels } = some(mnist, stored, digits, most)
  const paths = [join(out, `${split}-images`), join(out, `${split}-labels`)]
  writeFileSync(paths[0], images)
  writeFileSync(paths[1], labels)
  return paths
})
console.log(`idx:${files.join(',')}`)
