// The library's way from anybody's model and picture to an answer.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { onnxModel } from '../src/formats/onnx.ts'
import { encodeSafetensors } from '../src/formats/safetensors.ts'
import { type WeightNames, weightTensors } from '../src/formats/torch-weights/index.ts'
import { conv, maxPool } from '../src/layers/index.ts'
import type { OpenedModel } from '../src/models/opened-model.ts'
import {
  defineNetwork,
  googlenet,
  initialize,
  initializeForTraining,
  squeezenet,
} from '../src/networks/index.ts'
import { encodeModel, type Model } from '../src/train/model-file.ts'
import { built } from './support/built.ts'
import {
  CERTAIN,
  COLOURS,
  colourModel,
  colourNetwork,
  colourParameters,
  pictureOf,
  pixelsOf,
} from './support/colour-model.ts'
import { gradient } from './support/images.ts'
import { ownCache } from './support/own-cache.ts'
import { workingFolder } from './support/working-folder.ts'

ownCache()
const folder = workingFolder()
const { modelBytes, openModel, saveModel } = await built<typeof import('../src/index.ts')>('index.js')
const [red, green, blue] = await Promise.all(COLOURS.map((colour) => pictureOf(colour)))
const write = (file: string, content: Uint8Array | string): string => {
  writeFileSync(join(folder, file), content)
  return file
}
const options = { tuningBudgetMs: 0 }
const certain = expect.closeTo(CERTAIN, 4) as number
const zeroOne = { preprocessing: 'zero-one', ...options } as const

/** The most probable class of a picture. */
async function top(model: OpenedModel, picture: Parameters<OpenedModel['classify']>[0]) {
  const [first] = await model.classify(picture)
  return [first!.name, first!.probability]
}

describe('a model that convmark wrote', () => {
  it('answers from its file, its bytes and its data', async () => {
    const file = write('colours.safetensors', encodeModel(colourModel))
    const bytes = encodeModel(colourModel)
    for (const source of [file, bytes, bytes.slice().buffer as ArrayBuffer, colourModel]) {
      await using model = await openModel(source, options)
      expect(await top(model, red!)).toEqual(['red', certain])
      expect(model.classNames).toEqual(COLOURS)
      expect(model.assumed).toEqual({ preprocessing: null, classNames: null })
    }
  })

  it('tells every class, the most probable first', async () => {
    await using model = await openModel(colourModel, options)
    const rest = expect.closeTo((1 - CERTAIN) / 2, 4) as number
    expect(await model.classify(green!)).toEqual([
      { index: 1, name: 'green', probability: certain },
      { index: 0, name: 'red', probability: rest },
      { index: 2, name: 'blue', probability: rest },
    ])
    expect(await model.classify(green!, { top: 1 })).toHaveLength(1)
  })

  it('takes pictures in every form', async () => {
    await using model = await openModel(colourModel, options)
    const pixels = pixelsOf('blue')
    const data = new Uint8ClampedArray(4 * pixels.width * pixels.height)
    for (let i = 0; i < data.length; i++) data[i] = i % 4 === 3 ? 0 : pixels.pixels[(i >> 2) * 3 + (i % 4)]!
    const { width, height } = pixels
    const forms = [
      write('blue.png', blue!),
      blue!,
      blue!.slice().buffer as ArrayBuffer,
      new Blob([blue!.slice()]),
      pixels,
      { width, height, data },
    ]
    for (const form of forms) expect(await top(model, form)).toEqual(['blue', certain])
  })

  it('answers many pictures that are asked for at once', async () => {
    await using model = await openModel(colourModel, options)
    const asked = [red!, green!, blue!, green!, red!]
    const answers = await Promise.all(asked.map((picture) => model.classify(picture)))
    expect(answers.map(([first]) => first!.name)).toEqual(['red', 'green', 'blue', 'green', 'red'])
  })

  it('answers many pictures in order, and says which can’t be read', async () => {
    await using model = await openModel(colourModel, options)
    const files = [
      write('r.png', red!),
      write('none.png', 'no picture'),
      write('g.png', green!),
      'gone.png',
      write('b.png', blue!),
    ]
    for (const pictures of [files, [red!, Uint8Array.of(1, 2), green!, 'gone.png', blue!]]) {
      const found: string[] = []
      for await (const { index, predictions, error } of model.classifyAll(pictures, { batch: 2, top: 1 }))
        found.push(`${index} ${predictions?.[0]?.name ?? error}`)
      expect(found).toEqual([
        '0 red',
        expect.stringMatching(/^1 is /),
        '2 green',
        expect.stringMatching(/^3 can't be read: it does not exist/),
        '4 blue',
      ])
    }
  })

  it('answers none of no pictures, and nothing where none can be read', async () => {
    await using model = await openModel(colourModel, options)
    const all = async (pictures: string[]) => {
      const found = []
      for await (const each of model.classifyAll(pictures)) found.push(each)
      return found
    }
    expect(await all([])).toEqual([])
    expect(await all(['gone.png', 'gone too.png'])).toEqual([
      { index: 0, error: expect.stringContaining('does not exist') },
      { index: 1, error: expect.stringContaining('does not exist') },
    ])
  })

  it('that is left half-way can go on', async () => {
    await using model = await openModel(colourModel, options)
    for await (const { index } of model.classifyAll([red!, green!, blue!], { batch: 1 }))
      if (index === 0) break
    expect(await top(model, green!)).toEqual(['green', certain])
  })

  it('trained on images of one size takes pictures of any', async () => {
    const preprocessing = { ...(colourModel.preprocessing as object), resize: null }
    await using model = await openModel({ ...colourModel, preprocessing }, options)
    // Of a picture as large as the training's its centre is taken, of another all of its central square
    const framed = (size: number, frame: number) => {
      const picture = pixelsOf('red', size, size)
      for (let i = 0; i < size * size; i++) {
        const [x, y] = [i % size, Math.floor(i / size)]
        const isFrame = Math.min(x, y, size - 1 - x, size - 1 - y) < frame
        if (isFrame) picture.pixels.set([0, 0, 255], 3 * i)
      }
      return picture
    }
    expect(await top(model, framed(10, 1))).toEqual(['red', certain])
    expect((await top(model, framed(80, 30)))[0]).toBe('blue')
    expect(await top(model, pixelsOf('green', 3, 5))).toEqual(['green', certain])
    const found = []
    for await (const { predictions } of model.classifyAll([
      write('large.png', await pictureOf('blue', 90, 70)),
    ]))
      found.push(predictions?.[0]?.name)
    expect(found).toEqual(['blue'])
  })
})

describe('an ONNX file', () => {
  const file = (ending: Parameters<typeof colourNetwork>[0], layout: 'NCHW' | 'NHWC' = 'NCHW') =>
    write(`${ending}-${layout}.onnx`, onnxModel(colourNetwork(ending), colourParameters, { layout }))

  it.each(['loss', 'softmax', 'logits'] as const)('that ends in %s gives probabilities', async (ending) => {
    for (const layout of ['NCHW', 'NHWC'] as const) {
      await using model = await openModel(file(ending, layout), { ...zeroOne, labels: [...COLOURS] })
      expect(await top(model, blue!)).toEqual(['blue', certain])
    }
  })

  it('that ends in sigmoids keeps their values', async () => {
    await using model = await openModel(file('sigmoid'), zeroOne)
    expect(await model.classify(red!)).toEqual([
      { index: 0, name: 'class 0', probability: expect.closeTo(1 / (1 + Math.exp(-5)), 4) },
      { index: 1, name: 'class 1', probability: expect.closeTo(0.5, 4) },
      { index: 2, name: 'class 2', probability: expect.closeTo(0.5, 4) },
    ])
  })

  it('is taken from its bytes', async () => {
    const bytes = onnxModel(colourNetwork('softmax'), colourParameters, { layout: 'NCHW' })
    await using model = await openModel(bytes, zeroOne)
    expect(await top(model, green!)).toEqual(['class 1', certain])
  })

  it('says what is assumed of it', async () => {
    await using model = await openModel(file('softmax'), options)
    expect(model.assumed.preprocessing).toMatch(
      /^softmax-NCHW.onnx does not say how its images are to be prepared; assumed: imagenet/,
    )
    expect(model.assumed.classNames).toMatch('does not say what its 3 classes are called')
    expect(model.ground).toBe('assumed')
  })

  it('with metadata is described by that', async () => {
    const metadata = {
      'convmark.classNames': JSON.stringify(COLOURS),
      'convmark.preprocessing': JSON.stringify(colourModel.preprocessing),
    }
    const bytes = onnxModel(colourNetwork('softmax'), colourParameters, { layout: 'NCHW', metadata })
    await using model = await openModel(bytes, options)
    expect(await top(model, green!)).toEqual(['green', certain])
    expect(model.assumed).toEqual({ preprocessing: null, classNames: null })
  })

  it('saved as a model, it is the same, and needs nothing more', async () => {
    {
      await using model = await openModel(file('softmax'), { ...zeroOne, labels: [...COLOURS] })
      await saveModel(model, 'saved.safetensors')
      expect(modelBytes(model)).toEqual(modelBytes(model.model))
    }
    await using again = await openModel('saved.safetensors', options)
    expect(await top(again, red!)).toEqual(['red', certain])
    expect(again.assumed).toEqual({ preprocessing: null, classNames: null })
  })
})

describe('weights of a named network', () => {
  const classes = 3
  const network = squeezenet({ classes })
  const parameters = initializeForTraining(network, { seed: 3 })
  const bytes = (names: WeightNames) => encodeSafetensors(weightTensors(network, parameters, names))
  const pixels = gradient(300, 250)

  it('are recognized, or belong to the name that is given', async () => {
    await using own = await openModel({ network, parameters }, options)
    const expected = await own.classify(pixels)
    expect(expected).toHaveLength(classes)
    const file = write('theirs.safetensors', bytes('torchvision'))
    for (const [source, weights] of [
      [file, undefined],
      [bytes('torchvision'), undefined],
      ['squeezenet', file],
      ['squeezenet', bytes('convmark')],
    ] as const) {
      await using model = await openModel(source, { ...options, ...(weights && { weights }) })
      expect(await model.classify(pixels)).toEqual(expected)
    }
  })

  it('of torchvision’s GoogLeNet say that it rescales its images', async () => {
    const googlenetOf = googlenet({ classes: 2 })
    const weights = weightTensors(googlenetOf, initializeForTraining(googlenetOf, { seed: 3 }), 'torchvision')
    await using model = await openModel(encodeSafetensors(weights), options)
    expect(model.ground).toBe('model')
    expect(model.preprocessing.normalise).toMatchObject({ mean: [0.5, 0.5, 0.5] })
  })

  it('must be of that network', async () => {
    const refused = (source: string, weights: unknown) =>
      expect(openModel(source, { ...options, weights: weights as Uint8Array })).rejects
    await refused('squeezenat', bytes('torchvision')).toThrow("did you mean 'squeezenet'?")
    await refused('lenet', bytes('torchvision')).toThrow(/weights: .*squeezenet/)
    await refused('squeezenet', 7).toThrow('weights is 7; it must be a path or the bytes')
    await expect(openModel(write('odd.safetensors', encodeSafetensors({})), options)).rejects.toThrow(
      "odd.safetensors: it is neither a model that convmark trained nor a named network's weights",
    )
  })
})

describe('features', () => {
  it('are what the last layer with weights reads, or a layer by its name', async () => {
    await using model = await openModel(colourModel, options)
    expect(model.featuresLayer()).toBe('mean')
    expect(model.featuresShape()).toEqual([1, 1, 3])
    expect([...(await model.embed(red!))]).toEqual([1, 0, 0])
    expect([...(await model.embed(red!, { layer: 'fc' }))]).toEqual([5, 0, 0])
    await expect(model.embed(red!, { layer: 'men' })).rejects.toThrow(
      "unknown layer 'men'; did you mean 'mean'?",
    )
  })

  it('of many pictures come in order', async () => {
    await using model = await openModel(colourModel, options)
    const found = []
    for await (const { index, features, error } of model.embedAll([green!, Uint8Array.of(1), blue!], {
      batch: 2,
    }))
      found.push([index, features ? [...features] : error])
    expect(found).toEqual([
      [0, [0, 1, 0]],
      [1, expect.stringMatching(/^is /)],
      [2, [0, 0, 1]],
    ])
  })

  it('are all that a network without classes has', async () => {
    const network = defineNetwork('eyes', {
      inputs: { images: [8, 8, 3] },
      layers: [conv('a', { filters: 2, kernel: 3 }), maxPool('b', { kernel: 2, stride: 2 })],
    })
    await using model = await openModel({ network, parameters: initialize(network, { seed: 1 }) }, zeroOne)
    expect(model.classNames).toEqual([])
    expect(await model.embed(red!, { layer: 'b' })).toHaveLength(3 * 3 * 2)
    await expect(model.classify(red!)).rejects.toThrow("eyes: its output 'b' is no vector of classes")
  })
})

describe('what is refused', () => {
  const refused = (source: unknown, given: object = {}) =>
    expect(openModel(source as Model, { ...options, ...given })).rejects

  it('is no model', async () => {
    await refused('gone.onnx').toThrow("gone.onnx: can't be read: it does not exist")
    await refused(write('text.onnx', 'no model')).toThrow('text.onnx: ')
    await refused(Uint8Array.of(1, 2, 3)).toThrow('model: ')
    await refused(7).toThrow('openModel: the model is 7; it must be a path')
    await refused({ network: {}, parameters: {} }).toThrow('openModel: the network is {}')
  })

  it('does not fit', async () => {
    await refused(colourModel, { labels: ['red'] }).toThrow('labels: 1 names, but the model knows 3 classes')
    await refused(colourModel, { preprocessing: 'imagnet' }).toThrow("did you mean 'imagenet'?")
    await refused(colourModel, { label: [] }).toThrow("unknown option 'label'; did you mean 'labels'?")
    const preprocessing = { ...(colourModel.preprocessing as object), size: 9, resize: 9 }
    await refused({ ...colourModel, preprocessing }).toThrow(
      'colours: its preprocessing makes images of 9 x 9 x 3, its network takes 8 x 8 x 3',
    )
  })

  it('has images that no picture becomes', async () => {
    const network = defineNetwork('wide', {
      inputs: { images: [8, 4, 3] },
      layers: [conv('a', { filters: 2, kernel: 3 })],
    })
    await refused({ network, parameters: initialize(network, { seed: 1 }) }).toThrow(
      'wide: its images are [8, 4, 3]; pictures become squares of 1 or 3 channels',
    )
  })

  it('is no picture, or one too large', async () => {
    await using model = await openModel(colourModel, options)
    const of = (picture: unknown) => expect(model.classify(picture as Uint8Array)).rejects
    await of(7).toThrow('picture is 7; it must be a path, the bytes of a JPEG, PNG or WebP file, or pixels')
    await of('gone.png').toThrow("gone.png: can't be read: it does not exist")
    await of({ width: 2, height: 2, data: new Uint8Array(3) }).toThrow('3 values are not 2 x 2 x 4')
    await of({ width: 0, height: 0, channels: 3, pixels: new Uint8Array() }).toThrow('are not 0 x 0 x 3')
    const huge = (await pictureOf('red')).slice()
    new DataView(huge.buffer).setUint32(16, 40_000)
    new DataView(huge.buffer).setUint32(20, 40_000)
    await of(huge).toThrow('picture: is 40000 x 40000 pixels by its header, over the limit of 100 million')
  })

  it('has scores that are no numbers', async () => {
    const parameters = { ...colourParameters, 'fc/biases': Float32Array.of(Number.NaN, 0, 0) }
    await using model = await openModel({ ...colourModel, parameters }, options)
    await expect(model.classify(red!)).rejects.toThrow(
      'colours: no prediction, since its scores are NaN or infinite',
    )
  })

  it('comes after the model’s end', async () => {
    const model = await openModel(colourModel, options)
    await model.classify(red!)
    await Promise.all([model.dispose(), model.dispose()])
    await expect(model.classify(red!)).rejects.toThrow('colours: this model is disposed')
  })
})
