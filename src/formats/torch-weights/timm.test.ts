// timm's names and shapes, made as timm's own modules make them, in the order of computation: with ours in that order too, each tensor
// has its counterpart. Source: timm's models/_efficientnet_blocks.py, efficientnet.py, mobilenetv3.py, convnext.py and vgg.py.
import { expect, it } from 'vitest'
import { networkNamed } from '../../networks/index.ts'
import type { Shape } from '../../tensor.ts'
import { counterparts } from './counterparts.ts'

type Named = readonly (readonly [name: string, shape: Shape])[]

const conv = (name: string, filters: number, channels: number, kernel = 1): Named => [
  [`${name}.weight`, [filters, channels, kernel, kernel]],
]
const bias = (name: string, length: number): Named => [[`${name}.bias`, [length]]]
const linear = (name: string, out: number, into: number): Named => [
  [`${name}.weight`, [out, into]],
  ...bias(name, out),
]
const norm = (name: string, channels: number): Named => [
  [`${name}.weight`, [channels]],
  ...bias(name, channels),
]
const batchNorm = (name: string, channels: number): Named => [
  ...norm(name, channels),
  [`${name}.running_mean`, [channels]],
  [`${name}.running_var`, [channels]],
]

const squeezeExcite = (name: string, channels: number, reduced: number): Named => [
  ...conv(`${name}.conv_reduce`, reduced, channels),
  ...bias(`${name}.conv_reduce`, reduced),
  ...conv(`${name}.conv_expand`, channels, reduced),
  ...bias(`${name}.conv_expand`, channels),
]

interface Block {
  readonly kernel: number
  readonly channels: number
  readonly expanded: number
  readonly filters: number
  readonly reduced: number
}

const separable = (name: string, { kernel, channels, filters, reduced }: Block): Named => [
  ...conv(`${name}.conv_dw`, channels, 1, kernel),
  ...batchNorm(`${name}.bn1`, channels),
  ...(reduced > 0 ? squeezeExcite(`${name}.se`, channels, reduced) : []),
  ...conv(`${name}.conv_pw`, filters, channels),
  ...batchNorm(`${name}.bn2`, filters),
]

const inverted = (name: string, { kernel, channels, expanded, filters, reduced }: Block): Named => [
  ...conv(`${name}.conv_pw`, expanded, channels),
  ...batchNorm(`${name}.bn1`, expanded),
  ...conv(`${name}.conv_dw`, expanded, 1, kernel),
  ...batchNorm(`${name}.bn2`, expanded),
  ...(reduced > 0 ? squeezeExcite(`${name}.se`, expanded, reduced) : []),
  ...conv(`${name}.conv_pwl`, filters, expanded),
  ...batchNorm(`${name}.bn3`, filters),
]

/** A stage's blocks: kernel, expanded channels, filters, squeezed channels. */
type Stage = readonly (readonly [kernel: number, expanded: number, filters: number, reduced: number])[]

function blocks(stem: number, stages: readonly Stage[]): Named {
  let channels = stem
  return stages.flatMap((stage, s) =>
    stage.flatMap(([kernel, expanded, filters, reduced], i) => {
      const block = { kernel, channels, expanded, filters, reduced }
      channels = filters
      return s === 0 ? separable(`blocks.${s}.${i}`, block) : inverted(`blocks.${s}.${i}`, block)
    }),
  )
}

const stem = (channels: number): Named => [
  ...conv('conv_stem', channels, 3, 3),
  ...batchNorm('bn1', channels),
]

/** The stages of EfficientNet, whose blocks all expand by 6 but the first: kernel, filters, number of blocks. */
function byFactor(
  first: number,
  rows: readonly (readonly [kernel: number, filters: number, count: number])[],
  isSqueezed: boolean,
): readonly Stage[] {
  let channels = first
  return rows.map(([kernel, filters, count], s) =>
    Array.from({ length: count }, () => {
      const expanded = s === 0 ? channels : 6 * channels
      const block = [kernel, expanded, filters, isSqueezed ? channels / 4 : 0] as const
      channels = filters
      return block
    }),
  )
}

const mobilenetV2: Named = [
  ...stem(32),
  ...blocks(
    32,
    byFactor(
      32,
      [
        [3, 16, 1],
        [3, 24, 2],
        [3, 32, 3],
        [3, 64, 4],
        [3, 96, 3],
        [3, 160, 3],
        [3, 320, 1],
      ],
      false,
    ),
  ),
  ...conv('conv_head', 1280, 320),
  ...batchNorm('bn2', 1280),
  ...linear('classifier', 1000, 1280),
]

const efficientnetB0: Named = [
  ...stem(32),
  ...blocks(
    32,
    byFactor(
      32,
      [
        [3, 16, 1],
        [3, 24, 2],
        [5, 40, 2],
        [3, 80, 3],
        [5, 112, 3],
        [5, 192, 4],
        [3, 320, 1],
      ],
      true,
    ),
  ),
  ...conv('conv_head', 1280, 320),
  ...batchNorm('bn2', 1280),
  ...linear('classifier', 1000, 1280),
]

const mobilenetV3Large: Named = [
  ...stem(16),
  ...blocks(16, [
    [[3, 16, 16, 0]],
    [
      [3, 64, 24, 0],
      [3, 72, 24, 0],
    ],
    [
      [5, 72, 40, 24],
      [5, 120, 40, 32],
      [5, 120, 40, 32],
    ],
    [
      [3, 240, 80, 0],
      [3, 200, 80, 0],
      [3, 184, 80, 0],
      [3, 184, 80, 0],
    ],
    [
      [3, 480, 112, 120],
      [3, 672, 112, 168],
    ],
    [
      [5, 672, 160, 168],
      [5, 960, 160, 240],
      [5, 960, 160, 240],
    ],
  ]),
  ...conv('blocks.6.0.conv', 960, 160),
  ...batchNorm('blocks.6.0.bn1', 960),
  ...conv('conv_head', 1280, 960),
  ...bias('conv_head', 1280),
  ...linear('classifier', 1000, 1280),
]

const CHANNELS = [96, 192, 384, 768] as const
const DEPTHS = [3, 3, 9, 3] as const

const convnextTiny: Named = [
  ...conv('stem.0', 96, 3, 4),
  ...bias('stem.0', 96),
  ...norm('stem.1', 96),
  ...CHANNELS.flatMap((channels, s): Named => {
    const before = CHANNELS[s - 1]
    const downsample = `stages.${s}.downsample`
    return [
      ...(before === undefined
        ? []
        : [
            ...norm(`${downsample}.0`, before),
            ...conv(`${downsample}.1`, channels, before, 2),
            ...bias(`${downsample}.1`, channels),
          ]),
      ...Array.from({ length: DEPTHS[s]! }, (_, i): Named => {
        const block = `stages.${s}.blocks.${i}`
        return [
          ...conv(`${block}.conv_dw`, channels, 1, 7),
          ...bias(`${block}.conv_dw`, channels),
          ...norm(`${block}.norm`, channels),
          ...linear(`${block}.mlp.fc1`, 4 * channels, channels),
          ...linear(`${block}.mlp.fc2`, channels, 4 * channels),
          [`${block}.gamma`, [channels]],
        ]
      }).flat(),
    ]
  }),
  ...norm('head.norm', 768),
  ...linear('head.fc', 1000, 768),
]

const vgg = (...steps: readonly (number | 'M')[]): Named => {
  let channels = 3
  let position = 0
  const features = steps.flatMap((step): Named => {
    const name = `features.${position}`
    position += step === 'M' ? 1 : 2
    if (step === 'M') return []
    const layer = [...conv(name, step, channels, 3), ...bias(name, step)]
    channels = step
    return layer
  })
  return [
    ...features,
    ...conv('pre_logits.fc1', 4096, 512, 7),
    ...bias('pre_logits.fc1', 4096),
    ...conv('pre_logits.fc2', 4096, 4096),
    ...bias('pre_logits.fc2', 4096),
    ...linear('head.fc', 1000, 4096),
  ]
}

const TWICE = [512, 512, 512, 'M', 512, 512, 512, 'M'] as const

const NETWORKS: readonly (readonly [name: string, tensors: Named])[] = [
  ['vgg-a', vgg(64, 'M', 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M')],
  ['vgg16', vgg(64, 64, 'M', 128, 128, 'M', 256, 256, 256, 'M', ...TWICE)],
  ['mobilenet-v2', mobilenetV2],
  ['mobilenet-v3-large', mobilenetV3Large],
  ['efficientnet-b0', efficientnetB0],
  ['convnext-tiny', convnextTiny],
]

it.each(NETWORKS)('%s: all its tensors, in the order of computation', (name, expected) => {
  const found = counterparts(networkNamed(name), 'timm')!
  expect(found.map(({ stored, shapes }) => [stored, shapes[0]])).toEqual(expected)
})
