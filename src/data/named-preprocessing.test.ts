import { describe, expect, it } from 'vitest'
import { UsageError } from '../errors.ts'
import {
  assumedHow,
  type ImageShape,
  knownPreprocessing,
  namedPreprocessing,
  PREPROCESSING_NAMES,
  type PreprocessingChoice,
  preprocessingText,
} from './named-preprocessing.ts'
import { centreCrop, type Preprocessing } from './preprocessing.ts'

const COLOURS: ImageShape = { size: 2, channels: 3 }
const GREY: ImageShape = { size: 2, channels: 1 }
/** One red, green and blue value everywhere. */
const uniform = (red: number, green: number, blue: number) => ({
  width: 2,
  height: 2,
  channels: 3 as const,
  pixels: Uint8Array.from({ length: 12 }, (_, i) => [red, green, blue][i % 3]!),
})
const pixelOf = (preprocessing: Preprocessing): number[] => [
  ...centreCrop(uniform(255, 51, 0), preprocessing).subarray(0, preprocessing.channels),
]
const near = (...values: number[]) => values.map((value) => expect.closeTo(value, 4) as number)

describe('a preprocessing by its name, of the bytes 255, 51 and 0', () => {
  it.each([
    ['imagenet', near((1 - 0.485) / 0.229, (0.2 - 0.456) / 0.224, -0.406 / 0.225)],
    ['inception', near(1, -0.6, -1)],
    ['caffe', near(0 - 103.939, 51 - 116.779, 255 - 123.68)],
    ['zero-one', near(1, 0.2, 0)],
  ] as const)('%s', (name, expected) => {
    expect(pixelOf(namedPreprocessing(name, COLOURS))).toEqual(expected)
  })

  it('has one mean and deviation for grey images', () => {
    expect(namedPreprocessing('imagenet', GREY).normalise).toEqual({
      kind: 'channels',
      mean: near(0.449),
      sd: near(0.226),
    })
    expect(namedPreprocessing('caffe', GREY).order).toBeUndefined()
  })

  it.each([
    ['imagenet', 224, 256],
    ['inception', 299, 342],
    ['zero-one', 224, 224],
  ] as const)('%s of %i resizes to %i', (name, size, resize) => {
    expect(namedPreprocessing(name, { size, channels: 3 }).resize).toBe(resize)
  })

  it('must be known', () => {
    expect(() => namedPreprocessing('imagnet' as 'imagenet', COLOURS)).toThrow("did you mean 'imagenet'?")
  })
})

describe('what is known of a preprocessing', () => {
  const own: Preprocessing = {
    size: 2,
    channels: 3,
    resize: null,
    normalise: { kind: 'channels', mean: [0.1, 0.2, 0.3], sd: [1, 2, 3] },
  }

  it('is what the model says', () => {
    expect(knownPreprocessing(COLOURS, own)).toEqual({ preprocessing: own, ground: 'model' })
    expect(knownPreprocessing(COLOURS, own, 'from-model')).toEqual({
      preprocessing: own,
      ground: 'model',
    })
  })

  it('is assumed where nobody says it', () => {
    expect(knownPreprocessing(COLOURS, null)).toEqual({
      preprocessing: namedPreprocessing('imagenet', COLOURS),
      ground: 'assumed',
    })
    expect(knownPreprocessing(GREY, null).preprocessing).toEqual(namedPreprocessing('zero-one', GREY))
    expect(assumedHow(namedPreprocessing('zero-one', GREY))).toBe(
      'zero-one, as many models of grey images expect (the central square resized to 2 x 2; grey; values from 0 to 1)',
    )
  })

  it('is what is asked for, whatever the model says', () => {
    const { preprocessing, ground } = knownPreprocessing(COLOURS, own, 'caffe')
    expect(preprocessing).toEqual(namedPreprocessing('caffe', COLOURS))
    expect(ground).toBe('given')
  })

  it("can't be the model's if that says nothing", () => {
    expect(() => knownPreprocessing(COLOURS, null, { from: 'from-model' })).toThrow(
      'the model does not say how its images are prepared; give one of imagenet, ',
    )
  })

  it.each([
    ['one mean for all', { mean: 0 }, { mean: [0, 0, 0], sd: [1, 2, 3] }],
    ['a deviation for each', { sd: [4, 5, 6] }, { mean: [0.1, 0.2, 0.3], sd: [4, 5, 6] }],
    // In other units the old ones would be wrong
    ['a range alone', { range: [0, 255] as const }, { mean: [0, 0, 0], sd: [1, 1, 1], range: [0, 255] }],
    [
      'a range with a mean',
      { range: [-1, 1] as const, mean: 0.5 },
      { mean: [0.5, 0.5, 0.5], sd: [1, 1, 1], range: [-1, 1] },
    ],
    // Of the same colours as before
    ['another order', { order: 'bgr' as const }, { mean: [0.3, 0.2, 0.1], sd: [3, 2, 1] }],
    [
      'another order with its own mean',
      { order: 'bgr' as const, mean: [7, 8, 9] },
      { mean: [7, 8, 9], sd: [3, 2, 1] },
    ],
    ['the same order', { order: 'rgb' as const }, { mean: [0.1, 0.2, 0.3], sd: [1, 2, 3] }],
  ])('with %s', (_, choice: PreprocessingChoice, values) => {
    const { preprocessing, ground } = knownPreprocessing(COLOURS, own, choice)
    expect(preprocessing.normalise).toEqual({ kind: 'channels', ...values })
    expect(ground).toBe('given')
  })

  it('with a mean in place of each image’s own', () => {
    const perImage: Preprocessing = { ...own, normalise: { kind: 'per-image' } }
    const of = (choice: PreprocessingChoice) => knownPreprocessing(COLOURS, perImage, choice).preprocessing
    expect(of({ mean: 0.5 }).normalise).toEqual({ kind: 'channels', mean: [0.5, 0.5, 0.5], sd: [1, 1, 1] })
    expect(of({ resize: 4 })).toEqual({ ...perImage, resize: 4 })
  })

  it.each([
    [{ resize: 1 }, 'resize 1 is smaller than the crops of 2'],
    [{ mean: [1, 2] }, '3 channels need as many means and sds over 0'],
    [{ sd: 0 }, '3 channels need as many means and sds over 0'],
    [{ range: [255, 0] as const }, 'range is [255,0]; it must be two numbers, the second one larger'],
    [{ order: 'gbr' as 'bgr' }, "unknown order 'gbr'; did you mean 'rgb'"],
    [{ men: 0 } as PreprocessingChoice, "unknown option 'men'; did you mean 'mean'?"],
    [{ fit: 'squash' as 'stretch' }, "unknown fit 'squash'"],
  ])('refuses %j', (choice, message) => {
    expect(() => knownPreprocessing(COLOURS, own, choice)).toThrow(UsageError)
    expect(() => knownPreprocessing(COLOURS, own, choice)).toThrow(message)
  })

  it('has no order for grey images', () => {
    expect(() => knownPreprocessing(GREY, null, { order: 'bgr' })).toThrow('grey images have one channel')
  })
})

describe('in words', () => {
  it.each(PREPROCESSING_NAMES.map((name) => [name]))('%s', (name) => {
    expect(preprocessingText(namedPreprocessing(name, { size: 224, channels: 3 }))).toBe(
      {
        imagenet:
          'the central square resized to 256 x 256, of it the central 224 x 224; red, green, blue; ' +
          'values from 0 to 1, less mean 0.485, 0.456, 0.406, over deviation 0.229, 0.224, 0.225',
        inception:
          'the central square resized to 256 x 256, of it the central 224 x 224; red, green, blue; ' +
          'values from 0 to 1, less mean 0.5, 0.5, 0.5, over deviation 0.5, 0.5, 0.5',
        caffe:
          'the central square resized to 256 x 256, of it the central 224 x 224; blue, green, red; ' +
          'values from 0 to 255, less mean 103.9, 116.8, 123.7, over deviation 1, 1, 1',
        'zero-one': 'the central square resized to 224 x 224; red, green, blue; values from 0 to 1',
      }[name],
    )
  })

  it('of a picture that is stretched, and of one that is not resized', () => {
    const base = namedPreprocessing('zero-one', COLOURS)
    expect(preprocessingText({ ...base, fit: 'stretch' })).toMatch(/^all of the picture stretched to 2 x 2; /)
    expect(preprocessingText({ ...base, resize: null, normalise: { kind: 'per-image' } })).toBe(
      'the central 2 x 2; red, green, blue; each picture with mean 0 and deviation 1',
    )
  })
})
