import { describe, expect, it } from 'vitest'
import { classified, exampleClassification } from '../../test/support/classification.ts'
import { FormatError } from '../errors.ts'
import { parseClassification } from './classification.ts'

const parse = (classification: object) => parseClassification(JSON.stringify(classification), 'it.json')

it('reads a classification, with fields that it does not know', () => {
  const [kitten] = exampleClassification().pictures
  const classification = { ...exampleClassification({ pictures: [{ ...kitten!, sharp: true }] }), colour: 1 }
  expect(parse(classification)).toEqual(classification)
})

it('may be without the engine', () => {
  const { engine, ...classification } = exampleClassification()
  expect(parse(classification)).toEqual(classification)
})

describe('refuses in one line', () => {
  it.each<[string, object, string]>([
    [
      'another version',
      { schemaVersion: 2 },
      'it.json: a classification of schema version 2; this convmark reads 1',
    ],
    [
      'a picture with neither an answer nor an error',
      { pictures: [{ file: 'a.png' }] },
      'it.json: not a convmark classification: pictures.0: Invalid input: expected either top or error',
    ],
    [
      'a picture with both',
      { pictures: [classified('a.png', { tabby: 1 }), { ...classified('b.png', { tabby: 1 }), error: '' }] },
      'it.json: not a convmark classification: pictures.1: Invalid input: expected either top or error',
    ],
    [
      'no picture',
      { pictures: [] },
      'it.json: not a convmark classification: pictures: Too small: expected array to have >=1 items',
    ],
    [
      'an answer of no class',
      { pictures: [classified('a.png', {})] },
      'it.json: not a convmark classification: pictures.0.top: Too small: expected array to have >=1 items',
    ],
    [
      'a probability over 1',
      { pictures: [classified('a.png', { tabby: 93 })] },
      'it.json: not a convmark classification: pictures.0.top.0.probability: Too big: expected number to be <=1',
    ],
    [
      'a class that the model does not know',
      { classes: 2 },
      'it.json: not a convmark classification: pictures.0.top.2.index: it is 2, yet there are 2 classes',
    ],
  ])('%s', (_, changes, message) => {
    expect(() => parse({ ...exampleClassification(), ...changes })).toThrow(new FormatError(message))
  })

  it('what is no JSON', () => {
    expect(() => parseClassification('{"kind":', 'it.json')).toThrow(/^it\.json: not JSON, or cut short/)
  })
})
