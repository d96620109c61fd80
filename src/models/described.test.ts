import { describe, expect, it } from 'vitest'
import { dense, globalAveragePool } from '../layers/index.ts'
import { defineNetwork } from '../networks/network.ts'
import { describedByOnnx, onnxMetadata } from './described.ts'

const network = (classes: number, width = 8) =>
  defineNetwork('small', {
    inputs: { images: [8, width, 3] },
    layers: [globalAveragePool('mean'), dense('fc', { units: classes })],
  })
const namesOf = (metadata: Record<string, string>, classes = 2) =>
  describedByOnnx(metadata, network(classes)).classNames

describe('an ONNX file', () => {
  it('keeps what convmark wrote', () => {
    const preprocessing = { size: 8, channels: 3, resize: 9, normalise: { kind: 'per-image' } }
    const described = { classNames: ['cat', 'dog'], preprocessing }
    expect(describedByOnnx(onnxMetadata(described), network(2))).toEqual(described)
    expect(onnxMetadata({})).toEqual({})
  })

  it.each([
    ["{0: 'cat', 1: 'dog'}", ['cat', 'dog']],
    [`{0: "painter's easel", 1: 'say "hi"'}`, ["painter's easel", 'say "hi"']],
    ["{0: 'it\\'s', 1: 'a: {1}'}", ["it's", 'a: {1}']],
  ])('of Ultralytics has the names %s', (names, expected) => {
    expect(namesOf({ names })).toEqual(expected)
  })

  it.each([
    ['no metadata', {}],
    ['names that are no dictionary', { names: 'cat, dog' }],
    ['keys that are no indexes', { names: "{1: 'cat', 2: 'dog'}" }],
    ['names of another number of classes', { names: "{0: 'cat'}" }],
    ['JSON that is none', { 'convmark.classNames': '["cat"' }],
    ['JSON of something else', { 'convmark.classNames': '[1, 2]' }],
  ])('with %s says no names', (_, metadata) => {
    expect(namesOf(metadata)).toBeUndefined()
  })

  it('of Ultralytics takes values from 0 to 1', () => {
    const metadata = { author: 'Ultralytics', task: 'classify' }
    expect(describedByOnnx(metadata, network(2)).preprocessing).toMatchObject({
      resize: 8,
      normalise: { mean: [0, 0, 0], sd: [1, 1, 1] },
    })
    expect(describedByOnnx({ ...metadata, task: 'detect' }, network(2)).preprocessing).toBeUndefined()
    expect(describedByOnnx(metadata, network(2, 4)).preprocessing).toBeUndefined()
  })
})
