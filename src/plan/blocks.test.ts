import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomNetworks } from '../../test/support/random-network.ts'
import { add, concat, conv, type Layer, l2Loss, relu } from '../layers/index.ts'
import { defineNetwork, type ResolvedLayer } from '../networks/network.ts'
import { resnet18 } from '../networks/resnet18.ts'
import { type Block, blocksOf } from './blocks.ts'

const layersOf = (...layers: Layer[]): readonly ResolvedLayer[] =>
  defineNetwork('n', { inputs: { images: [8, 8, 4] }, layers }).layers
const namesOf = (layers: readonly ResolvedLayer[]) => layers.map(({ layer }) => layer.name)
const outputsOf = (blocks: readonly Block[]) => blocks.map(({ output }) => output)

/** Layers of the same size, each of which reads the one before. */
const chain = (length: number, name = 'r', inputs?: readonly string[]): Layer[] =>
  Array.from({ length }, (_, i) => relu(`${name}${i}`, i === 0 && inputs ? { inputs } : {}))

/** The most layers of a block, and the tensors between blocks. */
const keptBy = (blocks: readonly Block[]) =>
  Math.max(...blocks.map(({ layers }) => layers.length)) + blocks.length - 1

describe('the blocks of a network', () => {
  it('of a chain may end anywhere, and are near the square root of its length: few are kept within and between them', () => {
    const blocks = blocksOf(layersOf(...chain(64), l2Loss('loss')))
    for (const { layers, output } of blocks.slice(0, -1)) expect(output).toBe(namesOf(layers).at(-1))
    expect(blocks.at(-1)!.output).toBe(null)
    // 8 blocks of 8 keep 15
    expect(keptBy(blocks)).toBeGreaterThanOrEqual(15)
    expect(keptBy(blocks)).toBeLessThanOrEqual(20)
  })

  it('do not end within a residual block, whose shortcut is needed at its end', () => {
    const residual = (name: string, from: string) => [
      conv(`${name}.a`, { filters: 4, kernel: 1, inputs: [from] }),
      conv(`${name}.b`, { filters: 4, kernel: 1 }),
      add(`${name}.sum`, { inputs: [`${name}.b`, from] }),
    ]
    const sums = Array.from({ length: 12 }, (_, i) => `block${i}.sum`)
    const blocks = blocksOf(
      layersOf(
        conv('stem', { filters: 4, kernel: 1 }),
        ...sums.flatMap((_, i) => residual(`block${i}`, sums[i - 1] ?? 'stem')),
        l2Loss('loss'),
      ),
    )
    expect(blocks.length).toBeGreaterThan(3)
    for (const output of outputsOf(blocks).slice(0, -1)) expect(['stem', ...sums]).toContain(output)
  })

  it('do not end while two branches go on, but where they meet', () => {
    const blocks = blocksOf(
      layersOf(
        ...chain(10, 'before'),
        ...chain(10, 'left', ['before9']),
        ...chain(10, 'right', ['before9']),
        concat('joined', { inputs: ['left9', 'right9'] }),
        ...chain(10, 'after'),
        l2Loss('loss'),
      ),
    )
    const within = namesOf(blocks.find(({ layers }) => namesOf(layers).includes('left0'))!.layers)
    expect(within).toEqual(expect.arrayContaining(['left0', 'left9', 'right0', 'right9', 'joined']))
    expect(outputsOf(blocks).some((output) => /^(left|right)/.test(output ?? ''))).toBe(false)
  })

  it('end no more where two outputs live to the end', () => {
    const blocks = blocksOf(
      layersOf(
        ...chain(20, 'trunk'),
        ...chain(20, 'one', ['trunk19']),
        ...chain(20, 'other', ['trunk19']),
        l2Loss('oneLoss', { inputs: ['one19'] }),
        l2Loss('otherLoss', { inputs: ['other19'] }),
      ),
    )
    expect(blocks.length).toBeGreaterThan(1)
    for (const output of outputsOf(blocks).slice(0, -1)) expect(output).toMatch(/^trunk/)
    const last = namesOf(blocks.at(-1)!.layers)
    expect(last).toEqual(
      expect.arrayContaining(['one0', 'one19', 'other0', 'other19', 'oneLoss', 'otherLoss']),
    )
  })

  it('end beside a loss in the middle, which reads what is kept', () => {
    const layers = layersOf(
      ...chain(12, 'first'),
      l2Loss('early'),
      ...chain(12, 'then', ['first11']),
      l2Loss('late'),
    )
    const blocks = blocksOf(layers)
    expect(blocks.flatMap((block) => namesOf(block.layers))).toEqual(namesOf(layers))
    expect(outputsOf(blocks)).not.toContain('early')
    expect(blocks.length).toBeGreaterThan(2)
    for (const [index, { output }] of blocks.entries()) {
      if (output === null) continue
      const sofar = blocks.slice(0, index + 1).flatMap((block) => namesOf(block.layers))
      expect(sofar).toContain(output)
    }
  })

  it('are one where there is one layer, and where two would keep more', () => {
    const alone = blocksOf(layersOf(relu('only')))
    expect(alone.map(({ layers }) => namesOf(layers))).toEqual([['only']])
    const short = blocksOf(layersOf(relu('only'), l2Loss('loss')))
    expect(short.map(({ layers }) => namesOf(layers))).toEqual([['only', 'loss']])
  })

  it('of ResNet-18 keep less than half of what all of its layers make', () => {
    const { layers } = resnet18()
    const valuesOf = (some: readonly ResolvedLayer[]) =>
      some
        .filter(({ isLoss }) => !isLoss)
        .reduce((sum, { outputShape }) => sum + outputShape.reduce((a, b) => a * b, 1), 0)
    const blocks = blocksOf(layers)
    const between = layers.filter(({ layer }) => outputsOf(blocks).includes(layer.name))
    const largest = Math.max(...blocks.map((block) => valuesOf(block.layers)))
    expect(valuesOf(between) + largest).toBeLessThan(valuesOf(layers) / 2)
  })

  it('have each layer once and in order, and later layers read nothing but their output', () => {
    fc.assert(
      fc.property(randomNetworks, ({ layers }) => {
        const blocks = blocksOf(layers)
        expect(blocks.flatMap((block) => [...block.layers])).toEqual([...layers])
        const made = new Set<string>()
        let output: string | null = null
        for (const block of blocks) {
          const before = new Set(made)
          for (const { layer, inputs } of block.layers) {
            const fromBefore = inputs.filter((input) => before.has(input))
            expect(
              fromBefore.every((input) => input === output),
              `${layer.name} reads ${fromBefore}, not ${output}`,
            ).toBe(true)
            made.add(layer.name)
          }
          output = block.output
          expect(output === null || made.has(output)).toBe(true)
        }
      }),
    )
  })
})
