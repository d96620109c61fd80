import { expect, it } from 'vitest'
import * as errors from './errors.ts'

it('errors have the names of their classes, which bundlers shorten', () => {
  const classes = Object.entries(errors).filter(([name]) => name.endsWith('Error'))
  const names = classes.map(([, value]) => new (value as typeof errors.FormatError)('a file', undefined).name)
  expect(names).toEqual(classes.map(([name]) => name))
})

it.each([
  ['alexnt', "; did you mean 'alexnet'?"],
  ['AlexNet', "; did you mean 'alexnet'?"],
  ['resnet', "; did you mean 'lenet'?"],
  ['torchvision', "; did you mean 'alexnet-torchvision'?"],
  ['photos', ''],
  ['x', ''],
])('asks whether a name like %s was meant, and nothing where no name is near', (name, question) => {
  expect(errors.unknownName('network', name, ['alexnet', 'lenet', 'alexnet-torchvision'])).toBe(
    `unknown network '${name}'${question} (alexnet, lenet, alexnet-torchvision)`,
  )
})

it('a message is one line without control characters, whatever it quotes', () => {
  expect(new errors.FormatError('file: a\r\n  b').message).toBe('file: a\\r\\n  b')
  expect(new errors.DamagedImageError('a\nb.jpg', 'cut\u001b[31m short').message).toBe(
    'a\\nb.jpg: cut\\u001b[31m short',
  )
  const long = new errors.FormatError(`file: ${'x'.repeat(1e6)}; do this`).message
  expect(long.length).toBeLessThan(20_000)
  expect(long).toMatch(/^file: x+…x+; do this$/)
})

it('an unknown name is cut, and so is a list of a hundred', () => {
  const allowed = Array.from({ length: 100 }, (_, i) => `name${i}`)
  expect(errors.unknownName('thing', 'name7', allowed)).toMatch(
    /^unknown thing 'name7'; did you mean 'name7'\? \(name0, .*name39, and 60 more\)$/,
  )
  expect(errors.unknownName('thing', 'x'.repeat(1e6), ['a']).length).toBeLessThan(200)
  expect(errors.unknownName('thing', undefined, [])).toBe("unknown thing 'undefined'")
})

it('what goes wrong with the content of a file names the file', () => {
  const refuse = (error: Error) => () => {
    throw error
  }
  const refused = () => errors.ofFile('a.json', refuse(new errors.NetworkError('conv1: no')))
  expect(refused).toThrow(errors.FormatError)
  expect(refused).toThrow('a.json: conv1: no')
  expect(() => errors.ofFile('a.json', refuse(new TypeError('a bug')))).toThrow(TypeError)
})
