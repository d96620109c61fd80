import { describe, expect, it } from 'vitest'
import { judge, meanOfSoftmax } from './accuracy.ts'

const judged = (logits: readonly number[], label: number) =>
  judge(Float32Array.from(logits), 0, logits.length, label)

describe('an image', () => {
  it('is taken for the class of the largest logit, the first of equal ones', () => {
    expect(judged([1, 3, 3], 2)).toMatchObject({ predicted: 1, rank: 1 })
    expect(judged([1, 3, 3], 1)).toMatchObject({ predicted: 1, rank: 0 })
    expect(judged([0, Math.log(3)], 1).loss).toBeCloseTo(Math.log(4 / 3), 6)
  })

  it.each([
    ['NaN', [Number.NaN, 1, 2]],
    ['NaN last', [1, 2, Number.NaN]],
    ['all NaN', [Number.NaN, Number.NaN, Number.NaN]],
    ['Infinity', [0, Number.POSITIVE_INFINITY, 0]],
    ['no class possible', [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]],
  ])('with logits of %s is taken for none, nor is its label among the first five', (_, logits) => {
    for (const label of [0, 1, 2]) {
      const { predicted, rank, loss } = judged(logits, label)
      expect([predicted, rank < 5, loss]).toEqual([null, false, Number.NaN])
    }
  })

  it('may have a class that is impossible', () => {
    const judgement = judged([Number.NEGATIVE_INFINITY, 0], 0)
    expect(judgement).toEqual({ predicted: 1, rank: 1, loss: Number.POSITIVE_INFINITY })
    expect(judged([Number.NEGATIVE_INFINITY, 0], 1)).toEqual({ predicted: 1, rank: 0, loss: 0 })
  })
})

describe('the mean of several crops', () => {
  it('is that of their probabilities', () => {
    const logits = Float32Array.of(0, Math.log(3), 0, 0)
    const [first, second] = meanOfSoftmax(logits, 0, 2, 2)
    expect(Math.exp(first!)).toBeCloseTo((0.25 + 0.5) / 2, 6)
    expect(Math.exp(second!)).toBeCloseTo((0.75 + 0.5) / 2, 6)
  })

  it('is so for logits whose powers no number holds', () => {
    for (const large of [1000, -1000]) {
      const [first, second] = meanOfSoftmax(Float32Array.of(large, large - 2), 0, 1, 2)
      expect(Math.exp(first!)).toBeCloseTo(1 / (1 + Math.exp(-2)), 6)
      expect(Math.exp(second!)).toBeCloseTo(1 / (1 + Math.exp(2)), 6)
    }
    expect([...meanOfSoftmax(Float32Array.of(1000, -1000), 0, 1, 2)]).toEqual([0, Number.NEGATIVE_INFINITY])
  })

  it('is no prediction if one of them is none', () => {
    expect(judge(meanOfSoftmax(Float32Array.of(0, 1, Number.NaN, 1), 0, 2, 2), 0, 2, 1).predicted).toBeNull()
  })
})
