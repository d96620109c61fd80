import { describe, expect, it } from 'vitest'
import { FormatError, UsageError } from '../errors.ts'
import { IMAGENET_NAMES } from './imagenet-names.ts'
import { labelsFor, parseLabels } from './labels.ts'

const parsed = (text: string) => parseLabels(new TextEncoder().encode(text), 'labels.txt')

describe('a file of labels', () => {
  it.each([
    ['names, one a line', 'cat\ndog\n', ['cat', 'dog']],
    ['lines of Windows, with empty ones at the end', 'cat\r\nhot dog\r\n\r\n', ['cat', 'hot dog']],
    ['names after their indexes', '0,tench, Tinca tinca\n1,goldfish\n', ['tench, Tinca tinca', 'goldfish']],
    ['indexes from 1', '1: cat\n2: dog', ['cat', 'dog']],
    ['indexes and tabs', '0\tcat\n1\tdog', ['cat', 'dog']],
    // A number that is no index belongs to the name
    ['names that begin with numbers', '3 of clubs\n2 of hearts', ['3 of clubs', '2 of hearts']],
    ['names that are numbers', '0\n1\n2', ['0', '1', '2']],
    ['a mark at the beginning', '\ufeffcat\ndog', ['cat', 'dog']],
    ['a JSON array', '["cat", "dog"]', ['cat', 'dog']],
    ['JSON by index', '{ "1": "dog", "0": "cat" }', ['cat', 'dog']],
    ["Keras' JSON", '{"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}', ['tench', 'goldfish']],
    ['names in other scripts', '猫\n犬', ['猫', '犬']],
  ])('has %s', (_, text, names) => {
    expect(parsed(text)).toEqual(names)
  })

  it.each([
    ['cat\n\ndog', 'labels.txt: line 2 has no name'],
    ['', 'labels.txt: line 1 has no name'],
    ['["cat", 7]', 'labels.txt: its JSON is neither an array of names nor names by index from 0'],
    ['{ "0": "cat", "2": "dog" }', 'its JSON is neither'],
    ['{ "cat": 0 }', 'its JSON is neither'],
    ['["cat"', 'labels.txt: '],
  ])('is not %j', (text, message) => {
    expect(() => parsed(text)).toThrow(FormatError)
    expect(() => parsed(text)).toThrow(message)
  })

  it('in UTF-16 is read, and other bytes are not', () => {
    const utf16 = Uint8Array.from([0xff, 0xfe, ...[...'cat\ndog'].flatMap((c) => [c.charCodeAt(0), 0])])
    expect(parseLabels(utf16, 'labels.txt')).toEqual(['cat', 'dog'])
    expect(() => parseLabels(Uint8Array.of(0xc3, 0x28), 'labels.txt')).toThrow('labels.txt: it is not text')
  })
})

describe('the names of a model’s classes', () => {
  it('are those given', async () => {
    expect(await labelsFor(2, ['cat', 'dog'])).toEqual({ classNames: ['cat', 'dog'], assumed: null })
  })

  it('must be as many as the classes', async () => {
    const refused = labelsFor(3, ['cat', 'dog'])
    await expect(refused).rejects.toThrow(UsageError)
    await expect(refused).rejects.toThrow('labels: 2 names, but the model knows 3 classes')
  })

  it("are ImageNet's where there are a thousand, or one more", async () => {
    expect(IMAGENET_NAMES).toHaveLength(1000)
    expect(new Set(IMAGENET_NAMES).size).toBe(1000)
    // As anybody's list of ImageNet's classes has them
    expect([0, 281, 340, 999].map((i) => IMAGENET_NAMES[i])).toEqual([
      'tench',
      'tabby',
      'zebra',
      'toilet tissue',
    ])
    const { classNames, assumed } = await labelsFor(1000, undefined)
    expect(classNames).toBe(IMAGENET_NAMES)
    expect(assumed).toMatch("ImageNet's, assumed because the model knows 1000")
    const withBackground = await labelsFor(1001, undefined)
    expect(withBackground.classNames.slice(0, 2)).toEqual(['background', 'tench'])
  })

  it('are numbers where nobody knows better', async () => {
    const { classNames, assumed } = await labelsFor(3, undefined)
    expect(classNames).toEqual(['class 0', 'class 1', 'class 2'])
    expect(assumed).toMatch('does not say what its 3 classes are called')
  })
})
