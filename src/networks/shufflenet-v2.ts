import {
  type Activation,
  channelShuffle,
  concat,
  dense,
  globalAveragePool,
  type Layer,
  maxPool,
  slice,
  softmaxLoss,
} from '../layers/index.ts'
import { defineNetwork } from './network.ts'
import { normalizedConv, numbered } from './normalized-conv.ts'
import { checked, leaveOut, type NetworkOptions } from './options.ts'

const FIRST_CHANNELS = 24
/** The channels and the number of units of `stage2`, `stage3` and `stage4`. */
const STAGES = [
  [116, 4],
  [232, 8],
  [464, 4],
] as const

/**
 * ShuffleNet v2 of width 1: its units leave half of the channels as they are, and then mix the halves. 2,278,604 parameters
 * and 16,180 running statistics; layers are named as torchvision's modules. images (N, 224, 224, 3), labels (N) -> fc
 * (N, 1000), objective the mean cross-entropy. Source: Ma et al. 2018, 'ShuffleNet V2'; torchvision's
 * shufflenet_v2_x1_0.
 */
export function shufflenetV2(options: NetworkOptions = {}) {
  const { imageSize = 224, classes = 1000, activation = 'relu', without } = checked('shufflenet-v2', options)
  const tower: Layer[] = [
    ...normalizedConv(numbered('conv1'), {
      filters: FIRST_CHANNELS,
      kernel: 3,
      stride: 2,
      padding: 1,
      activation,
    }),
    maxPool('maxpool', { kernel: 3, stride: 2, padding: 1 }),
  ]
  const stageOutputs: string[] = []
  let before: number = FIRST_CHANNELS
  for (const [stage, [channels, count]] of STAGES.entries()) {
    for (let i = 0; i < count; i++) {
      const name = `stage${stage + 2}.${i}`
      const input = tower.at(-1)!.name
      tower.push(
        ...(i === 0
          ? halvingUnit(name, input, before, channels / 2, activation)
          : splitUnit(name, input, channels / 2, activation)),
      )
    }
    stageOutputs.push(tower.at(-1)!.name)
    before = channels
  }
  const layers = [
    ...tower,
    ...normalizedConv(numbered('conv5'), { filters: 1024, kernel: 1, activation }),
    globalAveragePool('avgpool'),
    dense('fc', { units: classes }),
  ]
  return defineNetwork('shufflenet-v2', {
    inputs: { images: [imageSize, imageSize, 3], labels: [] },
    layers: [
      ...leaveOut('shufflenet-v2', layers, without),
      softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
    ],
    printed: ['conv1.1', 'maxpool', ...stageOutputs, 'conv5.1', 'avgpool', 'fc'],
  })
}

/**
 * The first half of the channels stays, the second goes through a branch: (N, H, W, 2 * half) -> `name`.shuffle (N, H, W,
 * 2 * half). Source: the article's figure 3 c.
 */
function splitUnit(name: string, input: string, half: number, activation: Activation): readonly Layer[] {
  const inputs = [input]
  return [
    slice(`${name}.first`, { begin: 0, end: half, inputs }),
    slice(`${name}.second`, { begin: half, end: 2 * half, inputs }),
    ...branch2(`${name}.branch2`, `${name}.second`, half, 1, activation),
    ...shuffled(name, `${name}.first`),
  ]
}

/**
 * Two branches that both read the whole input, with stride 2: (N, H, W, channels) -> `name`.shuffle (N, H / 2, W / 2,
 * 2 * half). Source: the article's figure 3 d.
 */
function halvingUnit(
  name: string,
  input: string,
  channels: number,
  half: number,
  activation: Activation,
): readonly Layer[] {
  const [first, second] = modules(`${name}.branch1`, 0, 2)
  return [
    ...depthwise(first!, { channels, stride: 2, inputs: [input] }),
    ...normalizedConv(second!, { filters: half, kernel: 1, activation }),
    ...branch2(`${name}.branch2`, input, half, 2, activation),
    ...shuffled(name, second![1]),
  ]
}

/** The branch that both kinds of units have: (N, H, W, C) -> `name`.6 (N, H / stride, W / stride, half). */
function branch2(
  name: string,
  input: string,
  half: number,
  stride: number,
  activation: Activation,
): readonly Layer[] {
  const [first, second, third] = modules(name, 0, 3, 5)
  return [
    ...normalizedConv(first!, { filters: half, kernel: 1, activation, inputs: [input] }),
    ...depthwise(second!, { channels: half, stride }),
    ...normalizedConv(third!, { filters: half, kernel: 1, activation }),
  ]
}

/** The names of the convolutions at these positions of a torchvision module, each with the name of the batch norm after it. */
const modules = (name: string, ...positions: readonly number[]) =>
  positions.map((at) => [`${name}.${at}`, `${name}.${at + 1}`] as const)

const depthwise = (
  names: readonly [conv: string, norm: string],
  { channels, ...options }: { channels: number; stride: number; inputs?: readonly string[] },
) => normalizedConv(names, { filters: channels, kernel: 3, padding: 1, groups: channels, ...options })

/** Joins the two halves, and mixes their channels. */
const shuffled = (name: string, first: string): readonly Layer[] => [
  concat(`${name}.concat`, { inputs: [first, `${name}.branch2.6`] }),
  channelShuffle(`${name}.shuffle`, { groups: 2 }),
]
