import { expect, it } from 'vitest'
import * as errors from './errors.ts'

it('errors have the names of their classes, which bundlers shorten', () => {
  const classes = Object.entries(errors).filter(([name]) => name.endsWith('Error'))
  const names = classes.map(([, value]) => new (value as typeof errors.FormatError)('a file', undefined).name)
  expect(names).toEqual(classes.map(([name]) => name))
})

it('a message is one line without control characters, whatever it quotes', () => {
  for (const quoted of ['a\nb', 'a\r\n\r\n  b', 'a\u2028b', 'a\u0085b']) {
    expect(new errors.FormatError(`file: ${quoted}`).message).toBe('file: a b')
  }
  expect(new errors.DamagedImageError('a\nb.jpg', 'cut\u001b[31m short').message).toBe(
    'a b.jpg: cut\ufffd[31m short',
  )
})
