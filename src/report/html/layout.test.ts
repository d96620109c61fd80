import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { axisLabels, NARROW_PLOT_PX, type PlotPoint, placeNames, textWidthPx } from './layout.ts'

const ticksOf = (count: number, textOf: (i: number) => string = String) =>
  Array.from({ length: count }, (_, i) => ({ at: (100 * i) / Math.max(1, count - 1), label: textOf(i) }))

describe('the labels of an axis', () => {
  it('are all there where they have room', () => {
    expect(axisLabels(ticksOf(5)).map(({ label }) => label)).toEqual(['0', '1', '2', '3', '4'])
  })

  it('are every second, third, ... where they would meet, and more of them off the phone', () => {
    const labels = axisLabels(ticksOf(30))
    expect(labels.filter(({ isRoomy }) => !isRoomy).map(({ label }) => label)).toEqual([
      '0',
      '4',
      '8',
      '12',
      '16',
      '20',
      '24',
      '28',
    ])
    expect(labels.length).toBeGreaterThan(8)
  })

  it('make room for the fixed ones', () => {
    const labels = axisLabels(
      ticksOf(5, (i) => `${i}0`),
      NARROW_PLOT_PX,
      [{ at: 92, label: '> 40' }],
    )
    expect(labels.map(({ label }) => label)).toEqual(['00', '10', '20', '30', '> 40'])
  })

  it('stand inside of the axis where they are wide', () => {
    const labels = axisLabels(ticksOf(2, () => '400.00010'))
    expect(labels.map(({ anchor }) => anchor)).toEqual(['start', 'end'])
    expect(axisLabels(ticksOf(2)).map(({ anchor }) => anchor)).toEqual(['middle', 'middle'])
  })

  it('never meet, wherever they are', () => {
    const tick = fc.record({
      at: fc.double({ min: 0, max: 100, noNaN: true }),
      label: fc.integer({ min: 0, max: 10 ** 9 }).map(String),
    })
    const ticks = fc.array(tick, { maxLength: 40 }).map((all) => all.sort((a, b) => a.at - b.at))
    fc.assert(
      fc.property(ticks, fc.integer({ min: 60, max: 400 }), (all, widthPx) => {
        const onPhone = axisLabels(all, widthPx).filter(({ isRoomy }) => !isRoomy)
        expect(onPhone.length).toBeGreaterThan(all.length > 0 ? 0 : -1)
        let end = Number.NEGATIVE_INFINITY
        for (const { at, label, anchor } of onPhone) {
          const width = textWidthPx(label)
          const shift = { start: 0, middle: width / 2, end: width }[anchor]
          const left = (at / 100) * widthPx - shift
          expect(left).toBeGreaterThan(end)
          end = left + width
        }
      }),
    )
  })
})

describe('the names of points', () => {
  const WIDTHS_PX = [NARROW_PLOT_PX, 300, 390, 512, 777, 1040]
  const HEIGHT_PX = 300
  const flat: readonly [PlotPoint, PlotPoint] = [
    [0, 100],
    [100, 100],
  ]

  interface Box {
    readonly left: number
    readonly right: number
    readonly top: number
    readonly bottom: number
  }
  const isIn = ({ left, right, top, bottom }: Box, [x, y]: PlotPoint): boolean =>
    x > left && x < right && y > top && y < bottom
  /** Points on a line. */
  const pointsOf = ([x1, y1]: PlotPoint, [x2, y2]: PlotPoint): PlotPoint[] =>
    Array.from({ length: 501 }, (_, i) => [x1 + (i / 500) * (x2 - x1), y1 + (i / 500) * (y2 - y1)])

  it('stand right of them where there is room', () => {
    expect(placeNames([{ place: [50, 150], name: 'conv1' }], [flat], HEIGHT_PX)).toEqual([
      { anchor: 'start', dx: 9, dy: 4 },
    ])
  })

  it('stand left of them at the right end', () => {
    expect(placeNames([{ place: [98, 150], name: 'conv1' }], [], HEIGHT_PX)[0]).toMatchObject({
      anchor: 'end',
    })
  })

  it('are not struck through by a line on which the point lies', () => {
    const [options] = placeNames([{ place: [50, 100], name: 'conv2' }], [flat], HEIGHT_PX)
    expect(options).toEqual({ anchor: 'middle', dx: 0, dy: -10 })
  })

  it('are left out where there is no room, and of very many points', () => {
    expect(placeNames([{ place: [50, 150], name: 'x'.repeat(200) }], [], HEIGHT_PX)).toEqual([null])
    const crowd = Array.from({ length: 2000 }, (_, i) => ({
      place: [i / 20, (i * 37) % HEIGHT_PX] as const,
      name: 'a',
    }))
    expect(placeNames(crowd, [], HEIGHT_PX).filter(Boolean).length).toBeLessThanOrEqual(60)
  })

  it('meet neither each other nor a mark nor a line, at any width', () => {
    const across = fc.double({ min: 0, max: 100, noNaN: true })
    const down = fc.double({ min: 0, max: HEIGHT_PX, noNaN: true })
    const named = fc.record({
      place: fc.tuple(across, down),
      name: fc.string({ minLength: 1, maxLength: 12 }),
    })
    const ends = fc.tuple(fc.tuple(across, down), fc.tuple(across, down))
    fc.assert(
      fc.property(fc.array(named, { maxLength: 12 }), fc.array(ends, { maxLength: 2 }), (points, lines) => {
        const places = placeNames(points, lines, HEIGHT_PX)
        for (const widthPx of WIDTHS_PX) {
          const at = ([x, y]: PlotPoint): PlotPoint => [(x / 100) * widthPx, y]
          const boxes = places.flatMap((options, i) => {
            if (!options) return []
            const [x, y] = at(points[i]!.place)
            const width = textWidthPx(points[i]!.name)
            const left = x + options.dx! - { start: 0, middle: width / 2, end: width }[options.anchor!]
            return [{ left, right: left + width, top: y + options.dy! - 9, bottom: y + options.dy! + 2 }]
          })
          boxes.forEach((box: Box, i) => {
            for (const [from, to] of lines)
              expect(pointsOf(at(from), at(to)).some((one) => isIn(box, one))).toBe(false)
            for (const other of boxes.slice(0, i)) {
              const isApart =
                box.right <= other.left ||
                other.right <= box.left ||
                box.bottom <= other.top ||
                other.bottom <= box.top
              expect(isApart).toBe(true)
            }
            for (const { place } of points) expect(isIn(box, at(place))).toBe(false)
            expect(box.left).toBeGreaterThanOrEqual(0)
            expect(box.right).toBeLessThanOrEqual(widthPx)
          })
        }
      }),
      { numRuns: 50 },
    )
  })
})
