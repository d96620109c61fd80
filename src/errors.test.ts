import { expect, it } from 'vitest'
import * as errors from './errors.ts'

it('errors have the names of their classes, which bundlers shorten', () => {
  const classes = Object.entries(errors).filter(([name]) => name.endsWith('Error'))
  const names = classes.map(([, value]) => new (value as typeof errors.FormatError)('a file', undefined).name)
  expect(names).toEqual(classes.map(([name]) => name))
})
