// CIFAR-10's binary version: records of a label and 32 x 32 bytes each of red, green and blue.
// Source: https://www.cs.toronto.edu/~kriz/cifar.html
import { FormatError } from '../errors.ts'
import type { DecodedImage, NamedBytes, Split } from './dataset.ts'

const SIDE = 32
const PLANE_BYTES = SIDE * SIDE
const RECORD_BYTES = 1 + 3 * PLANE_BYTES
export const CIFAR10_RECORDS = 10_000

export const CIFAR10_TRAIN_FILES = [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`)
export const CIFAR10_TEST_FILE = 'test_batch.bin'
export const CIFAR10_CLASSES = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
] as const

/**
 * The images of CIFAR-10's binary files, one file after the other; `records` is how many images each has. Throws
 * FormatError, naming the file, for a wrong size or label.
 */
export function cifar10Split(files: readonly NamedBytes[], records: number = CIFAR10_RECORDS): Split {
  for (const file of files) checkFile(file, records)
  const recordOf = (index: number): Uint8Array => {
    const { bytes } = files[Math.floor(index / records)]!
    const start = (index % records) * RECORD_BYTES
    return bytes.subarray(start, start + RECORD_BYTES)
  }
  return {
    count: files.length * records,
    label: (index) => recordOf(index)[0]!,
    image: (index) => interleaved(recordOf(index).subarray(1)),
  }
}

function checkFile({ name, bytes }: NamedBytes, records: number): void {
  const expected = records * RECORD_BYTES
  if (bytes.length !== expected) {
    throw new FormatError(
      `${name}: ${bytes.length} bytes, where ${records} images of CIFAR-10 have ${expected}; ` +
        'fetch the binary version (cifar-10-binary.tar.gz) again',
    )
  }
  for (let record = 0; record < records; record++) {
    const label = bytes[record * RECORD_BYTES]!
    if (label >= CIFAR10_CLASSES.length)
      throw new FormatError(`${name}: image ${record} has the label ${label}; CIFAR-10's end at 9`)
  }
}

/** Planes (channel, height, width) as (height, width, channel). */
function interleaved(planes: Uint8Array): DecodedImage {
  const pixels = new Uint8Array(3 * PLANE_BYTES)
  for (let i = 0; i < PLANE_BYTES; i++) {
    pixels[3 * i] = planes[i]!
    pixels[3 * i + 1] = planes[PLANE_BYTES + i]!
    pixels[3 * i + 2] = planes[2 * PLANE_BYTES + i]!
  }
  return { width: SIDE, height: SIDE, channels: 3, pixels }
}
