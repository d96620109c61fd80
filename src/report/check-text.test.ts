import { expect, it } from 'vitest'
import { checkText } from './check-text.ts'

const check = { against: 'float64', maxRelativeError: 1.84e-6, tensor: 'conv5', passed: true }

it('has the largest error, and that beside an outlier if there is one', () => {
  expect(checkText(check)).toBe('largest relative error 1.8e-6 (conv5), against float64')
  expect(checkText({ ...check, outlier: null })).toBe(checkText(check))
  const beside = (error: number) => checkText({ ...check, outlier: { error, tensor: 'conv1' } })
  expect(beside(0.674)).toBe(
    'largest relative error 1.8e-6 (conv5), beside an outlier 0.67 (conv1); against float64',
  )
  expect(beside(2.34e-6)).toContain('beside an outlier 2.3e-6 (conv1)')
  expect(beside(3.61)).toContain('beside an outlier 3.6 (conv1)')
})

it('has what an engine was compared with, where nothing was', () => {
  expect(checkText({ ...check, tensor: '', against: 'nothing: this engine is the reference' })).toBe(
    'against nothing: this engine is the reference',
  )
})
