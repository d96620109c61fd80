import { describe, expect, it } from 'vitest'
import { STYLE } from './style.ts'

const LIGHT_OR_DARK = /--(\w+): light-dark\((#\w{6}), (#\w{6})\);/g
const pairs = [...STYLE.toString().matchAll(LIGHT_OR_DARK)]

/** WCAG 2's relative luminance. */
function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number]
  return (high + 0.05) / (low + 0.05)
}

describe.each([
  ['light', 2],
  ['dark', 3],
])('in %s colours', (_, column) => {
  const colours = Object.fromEntries(pairs.map((pair) => [pair[1]!, pair[column]!]))

  it.each(['text', 'quiet', 'blue', 'bad', 'warn', 'good'])('%s can be read on every ground', (name) => {
    for (const ground of ['ground', 'card', 'band']) {
      expect(contrast(colours[name]!, colours[ground]!)).toBeGreaterThanOrEqual(4.5)
    }
  })

  it.each(['right', 'wrong'])('text can be read on %s cells', (name) => {
    expect(contrast(colours.text!, colours[name]!)).toBeGreaterThanOrEqual(4.5)
  })

  it.each(['blue', 'orange', 'teal', 'magenta', 'gold', 'grey', 'text'])(
    '%s lines are seen on a card',
    (name) => {
      expect(contrast(colours[name]!, colours.card!)).toBeGreaterThanOrEqual(3)
    },
  )
})
