import type { Classification, ClassifiedPicture } from '../../src/records/classification.ts'
import { exampleResult } from './run.ts'

/** Of two pictures and a text, by a model that says all of itself. */
export function exampleClassification(changes: Partial<Classification> = {}): Classification {
  const { tool, environment } = exampleResult()
  return {
    kind: 'classification',
    schemaVersion: 1,
    tool,
    environment,
    network: 'squeezenet',
    model: 'animals.onnx',
    engine: { name: 'wasm', target: 'simd128', threads: 2 },
    classes: 1000,
    preprocessing: { text: 'the central 224 x 224; grey', ground: 'model', values: { size: 224 } },
    assumed: [],
    elapsedMs: 50,
    pictures: [
      classified('kitten.png', { tabby: 0.9321, 'Egyptian cat': 0.0651, 'tiger cat': 0.0028 }),
      classified('fish.png', { 金魚: 0.99997, tench: 0.00003 }),
      { file: 'photo.txt', error: 'is not a JPEG, PNG or WebP image: it is text' },
    ],
    ...changes,
  }
}

/** A picture with probabilities by the names of classes, which are numbered from 0. */
export const classified = (
  file: string,
  probabilities: Readonly<Record<string, number>>,
): ClassifiedPicture => ({
  file,
  top: Object.entries(probabilities).map(([name, probability], index) => ({ index, name, probability })),
})
