import { describe, expect, it } from 'vitest'
import {
  attribute,
  elementsOf,
  expectDescribedFigures,
  expectEvenTables,
  expectNoMarkupOfTexts,
  expectSelfContained,
  HOSTILE,
  poisoned,
  textOf,
  textOfPage,
  withTag,
} from '../../../test/support/page.ts'
import { exampleEvaluation } from '../../../test/support/training.ts'
import { type Evaluation, parseEvaluation } from '../../records/evaluation.ts'
import { renderEvaluation } from './evaluation.ts'

const page = (...evaluations: readonly Evaluation[]): string =>
  renderEvaluation(
    evaluations.map((evaluation, i) => ({ name: `evaluation-${i + 1}.json`, evaluation })),
    { command: 'convmark evaluate animals.safetensors --html page.html' },
  )

/** An evaluation with this many classes of 10 images, in which i % 10 images of class i are predicted as the next class. */
function evaluationOf(classes: number): Evaluation {
  const wrong = (i: number): number => i % 10
  const perClass = Array.from({ length: classes }, (_, i) => ({
    name: `class ${i}`,
    count: 10,
    correct: 10 - wrong(i),
    top1: 1 - wrong(i) / 10,
  }))
  const confusion = perClass.map(({ correct }, i) => {
    const row = Array<number>(classes).fill(0)
    row[(i + 1) % classes] = wrong(i)
    row[i] = correct
    return row
  })
  const evaluation = exampleEvaluation({ perClass, confusion, count: 10 * classes })
  return parseEvaluation(JSON.stringify(evaluation), 'made up')
}

describe('the page', () => {
  const elements = elementsOf(page(exampleEvaluation(), evaluationOf(100)))

  it('may load nothing and run nothing', () => expectSelfContained(elements))

  it('names and describes every chart, and has a table behind it', () => {
    expect(expectDescribedFigures(elements)).toEqual(['Accuracy by class', 'Accuracy by class'])
  })

  it('has rows as long as their heading, in regions that a keyboard can scroll', () =>
    expectEvenTables(elements))
})

it('says how often the model is right, and how sure that is', () => {
  const text = textOfPage(page(exampleEvaluation({ skipped: ['a.jpg: cut short'] })))
  expect(text).toContain('animals.safetensors on folder:animals')
  expect(text).toContain('top-190.0%90 of 100 images; 95% interval 82.6% to 94.5%')
  expect(text).toContain('owl no image')
  expect(text).toContain('catdog612.0%')
  expect(text).toContain('Skipped: a.jpg: cut short')
})

it('the matrix colours right answers by their share, wrong ones beside the worst', () => {
  const cells = withTag(elementsOf(page(exampleEvaluation())), 'td').filter((cell) =>
    ['right', 'wrong', 'none'].includes(attribute(cell, 'class')!),
  )
  expect(cells.map((cell) => [attribute(cell, 'class'), textOf(cell), attribute(cell, 'style')])).toEqual([
    ['right', '43', '--share: 86%'],
    ['wrong', '6', '--share: 100%'],
    ['wrong', '1', '--share: 17%'],
    ['wrong', '3', '--share: 50%'],
    ['right', '47', '--share: 94%'],
    ['none', '0', undefined],
    ...Array(3).fill(['none', '0', undefined]),
  ])
})

it('of many classes the worst are drawn, and there is no matrix', () => {
  const many = elementsOf(page(evaluationOf(1000)))
  expect(withTag(many, 'rect').length).toBeLessThanOrEqual(32)
  expect(withTag(many, 'table').map((table) => attribute(table, 'class'))).not.toContain('heat')
  const text = textOfPage(page(evaluationOf(1000)))
  expect(text).toContain('Top-1 of the 30 worst of 1,000 classes')
  expect(text).toContain('The most confused pairs, the first 20')
  expect(
    withTag(elementsOf(page(evaluationOf(30))), 'table').map((table) => attribute(table, 'class')),
  ).toContain('heat')
})

it('is a page of numbers where nothing went wrong, or everything', () => {
  const one = (correct: number): Evaluation =>
    exampleEvaluation({
      count: 2,
      top1: correct / 2,
      loss: null,
      elapsedMs: 0,
      perClass: [
        { name: 'a', count: 2, correct, top1: correct / 2 },
        { name: 'b', count: 0, correct: 0, top1: null },
      ],
      confusion: [
        [correct, 2 - correct],
        [0, 0],
      ],
    })
  for (const correct of [0, 2]) {
    const text = page(one(correct))
    expect(elementsOf(text).length).toBeGreaterThan(50)
    expect(text.replace('<dd>NaN<', '')).not.toMatch(/NaN|Infinity|undefined|\[object/)
  }
  expect(textOfPage(page(one(2)))).toContain('No image was taken for another class.')
})

it('a text of the file is text in the page, wherever it stands', () => {
  const isFixed = (key: string, text: string) => key === 'kind' || text === 'convmark'
  const evaluation = poisoned(exampleEvaluation({ skipped: ['x'] }), isFixed)
  expectNoMarkupOfTexts(renderEvaluation([{ name: HOSTILE, evaluation }], { command: HOSTILE }))
})

it('has top-5 of six classes, but not of five', () => {
  expect(textOfPage(page(evaluationOf(6)))).toContain('top-5100.0%')
  expect(textOfPage(page(evaluationOf(5)))).not.toContain('top-5')
})

it('says which split of the data it is of, what nothing is predicted of, and what makes it doubtful', () => {
  const evaluation = exampleEvaluation({
    split: 'held out',
    loss: null,
    unpredicted: [1, 0, 0],
    confusion: [
      [43, 5, 1],
      [3, 47, 0],
      [0, 0, 0],
    ],
    warnings: ['the folder is not as it was'],
  })
  const text = textOfPage(page(parseEvaluation(JSON.stringify(evaluation), 'made up')))
  expect(text).toContain('animals.safetensors on folder:animals (held out)')
  expect(text).toContain('no prediction1images, whose logits are NaN or infinite')
  expect(text).toContain('Doubtful: the folder is not as it was')
})
