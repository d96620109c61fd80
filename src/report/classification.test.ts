import { describe, expect, it } from 'vitest'
import { classified, exampleClassification } from '../../test/support/classification.ts'
import { classificationLines, pictureLines, summaryLines } from './classification.ts'
import { type Palette, PLAIN } from './palette.ts'
import { displayWidth } from './table.ts'

/** Says which colour a text has. */
const NAMED: Palette = {
  bold: (text) => `bold(${text})`,
  dim: (text) => `dim(${text})`,
  green: (text) => `green(${text})`,
  yellow: (text) => `yellow(${text})`,
}

it('a classification is its pictures, each with its classes, and their count', () => {
  expect(
    classificationLines(exampleClassification({ assumed: ['its colours are red first'] }), PLAIN),
  ).toEqual([
    'kitten.png',
    '   93.2%  ██████████████████▋   tabby',
    '    6.5%  █▎                    Egyptian cat',
    '    0.3%                        tiger cat',
    'fish.png',
    '  100.0%  ████████████████████  金魚',
    '   <0.1%                        tench',
    'photo.txt: is not a JPEG, PNG or WebP image: it is text',
    '',
    '3 pictures, 0.1 s, 40.0 images/s; 1 could not be classified',
    'warning: its colours are red first',
  ])
})

describe('a picture', () => {
  it('has one line if one class is asked for, with columns below those of the others', () => {
    const lines = [
      classified('fish.png', { 金魚: 1 }),
      classified('写真/夏.png', { tabby: 0.0651 }),
      classified(`${'folder/'.repeat(9)}photo-17.png`, { [`${'a'.repeat(40)}z`]: 0.00001 }),
    ].flatMap((picture) => pictureLines(picture, PLAIN))
    expect(lines).toEqual([
      'fish.png                              100.0%  金魚',
      '写真/夏.png                             6.5%  tabby',
      `folder/folder/fol…lder/photo-17.png    <0.1%  ${'a'.repeat(16)}…${'a'.repeat(15)}z`,
    ])
  })

  it('is within 80 columns, whatever it is called', () => {
    const long = '写'.repeat(200)
    const lines = [classified(long, { [long]: 0.5, b: 0.5 }), classified(long, { [long]: 0.5 })].flatMap(
      (picture) => pictureLines(picture, PLAIN),
    )
    for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(80)
  })

  it('has names that do not steer the terminal', () => {
    const lines = [
      ...pictureLines(classified('a\u001b[31m.png', { 'b\nc': 0.6, ' ': 0.4 }), PLAIN),
      ...pictureLines({ file: 'd\re.png', error: 'is\u202e gone' }, PLAIN),
    ]
    expect(lines).toEqual([
      'a\\u001b[31m.png',
      '   60.0%  ████████████          b\\nc',
      '   40.0%  ████████              class 1',
      'd\\re.png: is\\u202e gone',
    ])
  })

  it('has colours', () => {
    const [kitten, , text] = exampleClassification().pictures
    expect(pictureLines(kitten!, NAMED).slice(0, 2)).toEqual([
      'bold(kitten.png)',
      '   93.2%  green(██████████████████▋ )  tabby',
    ])
    expect(pictureLines(text!, NAMED)).toEqual([
      'yellow(photo.txt: is not a JPEG, PNG or WebP image: it is text)',
    ])
  })
})

describe('the summary', () => {
  const [kitten, fish, text] = exampleClassification().pictures

  it('is nothing for one picture of a model that says all', () => {
    expect(summaryLines({ pictures: [kitten!], elapsedMs: 50, assumed: [] }, PLAIN)).toEqual([])
    expect(summaryLines({ pictures: [kitten!], elapsedMs: 50, assumed: ['a'] }, NAMED)).toEqual([
      '',
      'yellow(warning: a)',
    ])
  })

  it('counts pictures without an answer', () => {
    const summaryOf = (pictures: (typeof kitten)[], elapsedMs = 50) =>
      summaryLines({ pictures: pictures.map((each) => each!), elapsedMs, assumed: [] }, PLAIN)[1]
    expect(summaryOf([kitten, fish])).toBe('2 pictures, 0.1 s, 40.0 images/s')
    expect(summaryOf([text, text])).toBe('2 pictures, 0.1 s; none could be classified')
    expect(summaryOf([kitten, text, text])).toBe('3 pictures, 0.1 s; 2 could not be classified')
    expect(summaryOf([kitten, fish], 0)).toBe('2 pictures, 0.0 s')
    expect(summaryOf(Array(1203).fill(kitten), 26_733)).toBe('1,203 pictures, 26.7 s, 45.0 images/s')
  })
})
