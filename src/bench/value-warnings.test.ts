import { describe, expect, it } from 'vitest'
import { denormalWarning, rangeWarning } from './value-warnings.ts'

const ordinary = Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i + 1))
const with1 = (value: number): Float32Array => {
  const values = ordinary.slice()
  values[500] = value
  return values
}

describe('denormal values', () => {
  it('are named if there are many, with what the engine makes of them', () => {
    const tiny = ordinary.map((value) => value * 1e-38)
    expect(denormalWarning('images', tiny, 'wasm')).toMatch(
      /^images: \d+\.\d% of the values are below 1\.2e-38 \(denormal\): wasm takes up to 4 times as long with them; scale them up$/,
    )
    expect(denormalWarning('images', tiny, 'x64')).toContain('x64 treats them as 0')
    expect(denormalWarning('images', tiny, 'reference')).toBeNull()
  })

  it('are not if they are few, or zeros', () => {
    expect(denormalWarning('images', with1(1e-40), 'wasm')).toBeNull()
    expect(denormalWarning('images', new Float32Array(10), 'wasm')).toBeNull()
    expect(denormalWarning('images', new Float32Array(), 'wasm')).toBeNull()
    expect(denormalWarning('biases', new Float32Array(100).fill(1e-40), 'wasm')).toBeNull()
  })
})

describe('a range that Winograd has not the digits for', () => {
  it('is named with what may become of outputs near the largest value', () => {
    expect(rangeWarning('images', with1(1e5))).toMatch(
      /^images: the largest value is 1e5 times the median: .* an error of \d+\.\d% of their own size .*--algorithm direct$/,
    )
    expect(rangeWarning('images', with1(-1e20))).toMatch(/an error of \de14 times their own size/)
  })

  it('is none of ordinary values, of zeros beside them, or of nothing', () => {
    expect(rangeWarning('images', ordinary)).toBeNull()
    expect(rangeWarning('images', with1(1000))).toBeNull()
    expect(rangeWarning('images', Float32Array.from([...new Float32Array(5000), ...ordinary]))).toBeNull()
    expect(rangeWarning('images', new Float32Array(4))).toBeNull()
    expect(rangeWarning('images', new Float32Array())).toBeNull()
  })

  it('is found in a large tensor too, wherever the value is', () => {
    const many = Float32Array.from({ length: 1_000_003 }, (_, i) => Math.sin(i + 1))
    expect(rangeWarning('images', many)).toBeNull()
    many[999_998] = 1e5
    expect(rangeWarning('images', many)).toMatch(/^images: the largest value is 1e5 times the median/)
  })
})
