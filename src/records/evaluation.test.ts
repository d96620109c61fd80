import { describe, expect, it } from 'vitest'
import { exampleEvaluation } from '../../test/support/training.ts'
import { FormatError } from '../errors.ts'
import { type Evaluation, parseEvaluation } from './evaluation.ts'

const parse = (evaluation: object) => parseEvaluation(JSON.stringify(evaluation), 'it.json')

it('reads an evaluation, with fields that it does not know', () => {
  const evaluation = { ...exampleEvaluation(), colour: 'green' }
  expect(parse(evaluation)).toEqual(evaluation)
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
