// The handwritten digits that come with the page: the first images of MNIST.
import { type Dataset, idxDataset, idxSplit, type NamedBytes, type Preprocessing } from 'convmark/data'

export const SIZE = 28
export const CLASSES = 10
export const TRAIN_DIGITS = 3000
export const TEST_DIGITS = 1000

/** Of all 60,000 training images, in units of bytes / 255. */
export const PREPROCESSING: Preprocessing = {
  size: SIZE,
  channels: 1,
  resize: null,
  normalise: { kind: 'channels', mean: [0.1307], sd: [0.3081] },
}

/** Throws FormatError for files that are damaged, TypeError where they can't be fetched. `base` is the page's folder. */
export async function loadDigits(base: string): Promise<Dataset> {
  const part = async (name: string) => {
    const [images, labels] = await Promise.all([
      fetchIdx(new URL(`digits/${name}-images-idx3-gz`, base)),
      fetchIdx(new URL(`digits/${name}-labels-idx1-gz`, base)),
    ])
    return idxSplit(images, labels)
  }
  const [train, test] = await Promise.all([part('train'), part('t10k')])
  return idxDataset('mnist', train, test, CLASSES)
}

async function fetchIdx(url: URL): Promise<NamedBytes> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url.pathname}: ${response.status} ${response.statusText}`)
  const stream = response.body!.pipeThrough(new DecompressionStream('gzip'))
  return { name: url.pathname, bytes: new Uint8Array(await new Response(stream).arrayBuffer()) }
}
