import { expect, it } from 'vitest'
import { alignColumns, displayWidth } from './table.ts'

it('aligns columns and leaves no space at a line end', () => {
  const rows = [
    ['layer', 'ms', 'tile'],
    ['conv1', '1.0', ''],
    ['pool', '12.0', '4x8'],
  ]
  expect(alignColumns(rows, ['left', 'right', 'left'])).toEqual([
    'layer    ms  tile',
    'conv1   1.0',
    'pool   12.0  4x8',
  ])
})

it('takes short rows', () => {
  expect(alignColumns([['a', 'b'], ['long']], ['left', 'left'])).toEqual(['a     b', 'long'])
})

it('counts what is drawn, not code units', () => {
  expect(['abc', 'é', 'e\u0301', '卷积', '🚀', '±'].map(displayWidth)).toEqual([3, 1, 1, 4, 2, 1])
  expect(
    alignColumns(
      [
        ['卷积', 'x'],
        ['conv1', 'x'],
      ],
      ['left', 'left'],
    ),
  ).toEqual(['卷积   x', 'conv1  x'])
})

it('shortens long names to their ends, so that what follows stays in sight, but not the last column', () => {
  const long = `${'a'.repeat(200)}/conv1`
  const [line] = alignColumns([[long, '1.0', long]], ['left', 'right', 'left'])
  expect(line).toMatch(/^a{20,24}…a+\/conv1 {1,4}1\.0 {2}a{200}\/conv1$/)
  expect(displayWidth(alignColumns([['卷'.repeat(100), 'x']], ['left', 'left'])[0]!)).toBeLessThan(60)
})
