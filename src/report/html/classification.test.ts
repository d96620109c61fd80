import { describe, expect, it } from 'vitest'
import { classified, exampleClassification } from '../../../test/support/classification.ts'
import {
  attribute,
  type Element,
  elementsBelow,
  elementsOf,
  expectNoMarkupOfTexts,
  expectSelfContained,
  HOSTILE,
  poisoned,
  textOf,
  textOfPage,
  withTag,
} from '../../../test/support/page.ts'
import { type Classification, parseClassification } from '../../records/classification.ts'
import { answeredFiles, MAX_THUMBNAILS, renderClassification } from './classification.ts'

const THUMBNAIL = 'data:image/webp;base64,UklGRg=='

const page = (
  classification: Classification,
  thumbnails: ReadonlyMap<string, string> = new Map([['kitten.png', THUMBNAIL]]),
): string =>
  renderClassification([{ name: 'sheet.json', classification }], {
    command: 'convmark classify animals.onnx kitten.png',
    thumbnails,
  })

const cardsOf = (elements: readonly Element[]): Element[] => {
  const sheet = withTag(elements, 'ol').find((each) => attribute(each, 'class') === 'sheet')!
  return sheet.childNodes.filter((node) => 'tagName' in node)
}

describe('the page', () => {
  const elements = elementsOf(page(exampleClassification()))

  it('may load nothing but its own pictures, and run nothing', () =>
    expectSelfContained(elements, { hasImages: true }))

  it('has a card for each picture: its thumbnail, its name and its classes', () => {
    const [kitten, fish, text] = cardsOf(elements).map(elementsBelow)
    const [image] = withTag(kitten!, 'img')
    expect(attribute(image!, 'src')).toBe(THUMBNAIL)
    expect(attribute(image!, 'alt')).toBe('thumbnail of kitten.png')
    expect(withTag(kitten!, 'h4').map(textOf)).toEqual(['kitten.png'])
    expect(withTag(kitten!, 'li').map(textOf)).toEqual(['tabby 93.2%', 'Egyptian cat 6.5%', 'tiger cat 0.3%'])
    expect(withTag(kitten!, 'i').map((bar) => attribute(bar, 'style'))).toEqual([
      '--share: 93.2%',
      '--share: 6.5%',
      '--share: 0.3%',
    ])
    expect(withTag(fish!, 'img')).toEqual([])
    expect(withTag(fish!, 'p').map(textOf)).toEqual(['no thumbnail'])
    expect(withTag(fish!, 'li').map(textOf)).toEqual(['金魚 100.0%', 'tench <0.1%'])
    expect(withTag(text!, 'p').map(textOf)).toEqual([
      'no answer',
      'is not a JPEG, PNG or WebP image: it is text',
    ])
  })
})

it('says how many pictures, how fast, by what, and what was assumed', () => {
  const assumed = ['its colours are red first']
  const text = textOfPage(page(exampleClassification({ assumed })))
  expect(text).toContain('Classified by animals.onnx')
  expect(text).toContain('pictures31 without an answer')
  expect(text).toContain('time0.1 s40.0 images/s')
  expect(text).toContain('classes1,000')
  expect(text).toContain('enginewasmsimd128, 2 threads')
  expect(text).toContain('Assumed: its colours are red first')
  expect(text).toContain('No answer: photo.txt: is not a JPEG')
  expect(text).toContain("the central 224 x 224; grey known fromthe model's file")
})

it('without faults has no warning', () => {
  const [kitten] = exampleClassification().pictures
  const { engine, ...classification } = exampleClassification({ pictures: [kitten!] })
  const elements = elementsOf(page(classification))
  expect(elements.filter((each) => attribute(each, 'class') === 'notices')).toEqual([])
  expect(withTag(elements, 'dt').map(textOf)).not.toContain('engine')
})

it('names a few of many pictures without an answer; their cards have all', () => {
  const pictures = Array.from({ length: 30 }, (_, i) => ({ file: `${i}.txt`, error: 'is text' }))
  const elements = elementsOf(page(exampleClassification({ pictures })))
  const [notices] = elements.filter((each) => attribute(each, 'class') === 'notices')
  expect(withTag(elementsBelow(notices!), 'li').map((each) => textOf(each).trim())).toEqual([
    ...[0, 1, 2, 3, 4].map((i) => `No answer: ${i}.txt: is text`),
    'No answer: pictures not named here: 25',
  ])
  expect(cardsOf(elements)).toHaveLength(30)
})

it('says if not all pictures have thumbnails, or cards', () => {
  const of = (count: number): Classification =>
    exampleClassification({
      pictures: Array.from({ length: count }, (_, i) => classified(`${i}.png`, { tabby: 1 })),
    })
  const fewThumbnails = 'Only the first 500 pictures of a page have thumbnails.'
  expect(page(of(MAX_THUMBNAILS))).not.toContain(fewThumbnails)
  expect(page(of(MAX_THUMBNAILS + 1))).toContain(fewThumbnails)
  const most = page(of(5001))
  expect(most).toContain('The first 5,000 of 5,001 pictures; the JSON has all of them.')
  expect(most.match(/<h4 /g)).toHaveLength(5000)
})

it('shows each file once, if it has an answer', () => {
  const classification = exampleClassification()
  expect(answeredFiles([classification, classification])).toEqual(['kitten.png', 'fish.png'])
})

it('shortens a long name, and has all of it in a title', () => {
  const file = `${'folder/'.repeat(40)}kitten.png`
  const classification = exampleClassification({ pictures: [classified(file, { ' ': 1 })] })
  const [heading] = withTag(elementsOf(page(classification)), 'h4')
  expect(textOf(heading!)).toMatch(/^folder\/.{20,25}….*\/kitten\.png$/)
  expect(attribute(heading!, 'title')).toBe(file)
  expect(textOfPage(page(classification))).toContain('class 0 100.0%')
})

it('a text of the file is text in the page, wherever it stands', () => {
  const fixed = ['kind', 'ground']
  const isFixed = (key: string, text: string) => fixed.includes(key) || text === 'convmark'
  const classification = poisoned(exampleClassification({ assumed: ['x'] }), isFixed)
  expectNoMarkupOfTexts(
    renderClassification(
      [{ name: HOSTILE, classification: parseClassification(JSON.stringify(classification), 'made up') }],
      { command: HOSTILE, thumbnails: new Map() },
    ),
  )
})
