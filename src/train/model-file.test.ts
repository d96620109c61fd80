import { describe, expect, it } from 'vitest'
import { exampleCheckpoint } from '../../test/support/model.ts'
import { FormatError, UsageError } from '../errors.ts'
import { decodeSafetensors, encodeSafetensors, type Tensor } from '../formats/safetensors.ts'
import { decodeCheckpoint, decodeModel, encodeCheckpoint, encodeModel } from './model-file.ts'

const { network, model, checkpoint } = exampleCheckpoint(4)

/** The file after replacing one text in its description by another. */
function changed(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const { tensors, metadata } = decodeSafetensors(bytes, 'f')
  const entries = Object.entries(metadata).map(([key, text]) => [key, text.replace(from, to)])
  expect(entries.map(([, text]) => text)).not.toEqual(Object.values(metadata))
  return encodeSafetensors(Object.fromEntries(tensors) as Record<string, Tensor>, Object.fromEntries(entries))
}

it('a model and a checkpoint come back as they were', () => {
  const read = decodeModel(encodeModel(model), 'f')
  expect(read).toMatchObject({ ...model, network: { name: 'small', inputs: network.inputs } })
  expect(read.network.layers.map(({ layer }) => layer.options)).toEqual(
    network.layers.map(({ layer }) => layer.options),
  )
  expect(decodeCheckpoint(encodeCheckpoint(checkpoint), 'f')).toEqual({ ...checkpoint, model: read })
  expect(decodeModel(encodeCheckpoint(checkpoint), 'f')).toEqual(read)
})

describe('a file is refused by its name', () => {
  it.each([
    ['"activation"', '"activatiom"', "f: conv1: unknown option 'activatiom'; did you mean 'activation'?"],
    [
      '"activation":"relu"',
      '"activation":"rleu"',
      "f: conv1: unknown activation 'rleu'; did you mean 'relu'?",
    ],
    ['"kernel":3', '"kernel":"3"', "f: conv1: kernel is '3'"],
    ['"kernel":3', '"kernel":5', 'f: conv1: kernel height 5 is larger'],
    ['"kernel":3', '"kernel":3,"stride":null', 'f: conv1: stride is null'],
    ['"kernel":3', '"kernel":3,"__proto__":{}', "f: conv1: unknown option '__proto__'"],
    ['"kind":"conv"', '"kind":"cnov"', "f: conv1: unknown layer kind 'cnov'; did you mean 'conv'?"],
    ['"options":{"filters"', '"optoins":{"filters"', "f: small: conv1: unknown option 'optoins'"],
    ['"inputs":["fc","labels"]', '"input":["fc","labels"]', "f: small: loss: unknown option 'input'"],
    ['"name":"fc"', '"name":"f\\nc"', "f: small: the name 'f\\nc' may contain only letters"],
    ['"printed"', '"pritned"', "f: unknown key of convmark.model.network 'pritned'; did you mean 'printed'?"],
    ['"layers":[', '"layers":{},"x":[', "f: unknown key of convmark.model.network 'x'"],
    ['"images":[4,4,1]', '"images":[4,4,0]', "f: small: input 'images' is [4,4,0]"],
    ['"images":[4,4,1]', '"images":4', 'f: small: inputs of images is 4; it must be an array'],
    ['"classNames"', '"classNmaes"', "f: unknown key of convmark.model 'classNmaes'"],
    ['["cat","dog"]', '["cat"]', 'f: 1 class names of 2 classes'],
    ['["cat","dog"]', '["cat",2]', 'f: convmark.model.classNames is'],
    ['"version":1', '"version":2', 'f: convmark.model.version is 2; it must be 1, which this convmark reads'],
    ['{"version":1', '{"version":1,', 'f: convmark.model: not JSON'],
  ])('a model with %s as %s', (from, to, message) => {
    const bytes = changed(encodeModel(model), from, to)
    expect(() => decodeModel(bytes, 'f')).toThrow(FormatError)
    expect(() => decodeModel(bytes, 'f')).toThrow(message)
  })

  it.each([
    [
      '"sums":{',
      '"sums":{"los":1,',
      "f: unknown key of convmark.checkpoint.sums 'los'; did you mean 'loss'?",
    ],
    ['"step":3', '"stpe":3', "f: unknown key of convmark.checkpoint 'stpe'; did you mean 'step'?"],
    ['"step":3', '"step":-3', 'f: convmark.checkpoint.step is -3'],
    ['"choices":{}', '"choises":{}', "f: unknown key of convmark.checkpoint.tuning 'choises'"],
    ['"activation"', '"activatiom"', "f: conv1: unknown option 'activatiom'"],
  ])('a checkpoint with %s as %s', (from, to, message) => {
    const bytes = changed(encodeCheckpoint(checkpoint), from, to)
    expect(() => decodeCheckpoint(bytes, 'f')).toThrow(FormatError)
    expect(() => decodeCheckpoint(bytes, 'f')).toThrow(message)
  })
})

it('what could not be read again is not made', () => {
  expect(() => encodeModel({ ...model, classNmaes: [] } as never)).toThrow(
    "encodeModel: unknown option 'classNmaes'",
  )
  expect(() => encodeModel({ ...model, classNames: ['cat'] })).toThrow(UsageError)
  expect(() => encodeModel({ ...model, parameters: {} })).toThrow('conv1/weights: its values are missing')
  expect(() => encodeModel({ ...model, network: 'lenet' } as never)).toThrow(UsageError)
  const states = { 'fc/biases.momentun': new Float32Array(2) }
  expect(() => encodeCheckpoint({ ...checkpoint, state: { ...checkpoint.state, states } })).toThrow(
    "unknown state 'fc/biases.momentun'; did you mean 'fc/biases.momentum'?",
  )
  const { sums, ...state } = checkpoint.state
  expect(() => encodeCheckpoint({ ...checkpoint, state: { ...state, sum: sums } as never })).toThrow(
    "encodeCheckpoint: unknown key of state 'sum'; did you mean 'sums'?",
  )
  const infinite = { ...state, sums: { ...sums, loss: Number.POSITIVE_INFINITY } }
  expect(() => encodeCheckpoint({ ...checkpoint, state: infinite })).toThrow(
    'encodeCheckpoint: state.sums.loss is Infinity; it must be a finite number',
  )
})
