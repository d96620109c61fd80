import { describe, expect, it } from 'vitest'
import { damageText } from './damage.ts'

const images = (folder: string, count: number, reasonOf: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => ({ file: `${folder}/${i}.png`, reason: reasonOf(i) }))

describe('what is wrong with many images', () => {
  it('is counted by reason, the most frequent one first', () => {
    const damaged = [...images('a', 2, () => 'is empty'), ...images('b', 3, () => 'is a GIF')]
    expect(damageText(damaged, 40)).toBe(
      '3 of 40: b/0.png (is a GIF), b/1.png, b/2.png; 2 of 40: a/0.png (is empty), a/1.png',
    )
  })

  it('is one reason where numbers alone differ', () => {
    expect(
      damageText(
        images('a', 2, (i) => `ends after ${i + 7} bytes`),
        2,
      ),
    ).toBe('2 of 2: a/0.png (ends after 7 bytes), a/1.png')
  })

  it('does not become a page', () => {
    expect(
      damageText(
        images('a', 36, () => 'is empty'),
        40,
      ),
    ).toMatch(/^36 of 40: a\/0\.png \(is empty\), .*a\/9\.png and 26 more$/)
    const different = images('a', 30, (i) => 'abcdefghijklmnopqrstuvwxyzABCDEF'[i]!)
    const text = damageText(different, 30)
    expect(text.split('; ')).toHaveLength(6)
    expect(text).toMatch(/25 of 30 for other reasons$/)
  })
})
