import { describe, expect, it } from 'vitest'
import { exampleEvaluation } from '../../test/support/training.ts'
import { FormatError } from '../errors.ts'
import { type Evaluation, parseEvaluation } from './evaluation.ts'

const parse = (evaluation: object) => parseEvaluation(JSON.stringify(evaluation), 'it.json')

it('reads an evaluation, with fields that it does not know', () => {
  const evaluation = { ...exampleEvaluation(), colour: 'green' }
  expect(parse(evaluation)).toEqual(evaluation)
})

it('counts the images that were taken for none with their class', () => {
  const [cat, dog, owl] = exampleEvaluation().perClass
  const evaluation = {
    ...exampleEvaluation(),
    count: 103,
    perClass: [{ ...cat!, count: cat!.count + 3 }, dog!, owl!],
    unpredicted: [3, 0, 0],
  }
  expect(parse(evaluation)).toEqual(evaluation)
  expect(() => parse({ ...evaluation, unpredicted: [0, 3, 0] })).toThrow(FormatError)
})

describe('refuses in one line', () => {
  const [cat, dog, owl] = exampleEvaluation().perClass
  it.each<[string, Partial<Evaluation> | { schemaVersion: number }, string]>([
    [
      'another version',
      { schemaVersion: 2 },
      'it.json: an evaluation of schema version 2; this convmark reads 1',
    ],
    [
      'a missing row',
      { confusion: exampleEvaluation().confusion.slice(1) },
      'it.json: not a convmark evaluation: confusion: 2 rows of 3 classes',
    ],
    [
      'a missing column',
      {
        confusion: [
          [43, 7],
          [3, 47, 0],
          [0, 0, 0],
        ],
      },
      'it.json: not a convmark evaluation: confusion.0: 2 columns of 3 classes',
    ],
    [
      'a class of another count',
      { perClass: [{ ...cat!, count: 51 }, dog!, owl!] },
      'it.json: not a convmark evaluation: confusion.0: it holds 50 images, yet the class has 51',
    ],
    [
      'another count of right answers',
      { perClass: [cat!, { ...dog!, correct: 46 }, owl!] },
      'it.json: not a convmark evaluation: confusion.1.1: it is 47, yet 46 are correct',
    ],
    [
      'another total',
      { count: 99 },
      'it.json: not a convmark evaluation: count: it is 99, yet the classes have 100 images',
    ],
    [
      'a class too many among those without a prediction',
      { unpredicted: [0, 0, 0, 0] },
      'it.json: not a convmark evaluation: unpredicted: 4 of 3 classes',
    ],
    [
      'an accuracy over 1',
      { top1: 90 },
      'it.json: not a convmark evaluation: top1: Too big: expected number to be <=1',
    ],
  ])('%s', (_, changes, message) => {
    expect(() => parse({ ...exampleEvaluation(), ...changes })).toThrow(new FormatError(message))
  })

  it('what is no JSON', () => {
    expect(() => parseEvaluation('{"kind":', 'it.json')).toThrow(/^it\.json: not JSON, or cut short/)
  })
})
