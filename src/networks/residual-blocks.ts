import { type Activation, add, batchNorm, conv, type Layer } from '../layers/index.ts'

/** A block's place: the tensor that it reads, its filters and stride. */
interface BlockOptions {
  readonly input: string
  readonly filters: number
  readonly stride: number
  readonly activation: Activation
}

/** A kind of block: the branch beside the shortcut. */
export interface ResidualBlock {
  /** Its output has this many times `filters` as channels. */
  readonly expansion: number
  readonly convolutions: number
  /** Ends in a batch norm without activation, numbered like the last convolution: `layer1.0.bn2`. */
  branch(name: string, options: BlockOptions): readonly Layer[]
}

/** Two 3 x 3 convolutions, the first with the stride. Source: He et al. 2015, 'Deep Residual Learning', figure 5, left. */
export const basicBlock: ResidualBlock = {
  expansion: 1,
  convolutions: 2,
  branch: (name, { input, filters, stride, activation }) => [
    conv(`${name}.conv1`, { filters, kernel: 3, stride, padding: 1, biases: false, inputs: [input] }),
    batchNorm(`${name}.bn1`, { activation }),
    conv(`${name}.conv2`, { filters, kernel: 3, padding: 1, biases: false }),
    batchNorm(`${name}.bn2`),
  ],
}

/**
 * A 1 x 1, a 3 x 3 and a 1 x 1 convolution, the last with four times the filters. The stride is in the 3 x 3 (in the
 * article it is in the first 1 x 1), as in torchvision and others: 'ResNet v1.5'. Source: He et al. 2015, figure 5,
 * right.
 */
export const bottleneck: ResidualBlock = {
  expansion: 4,
  convolutions: 3,
  branch: (name, { input, filters, stride, activation }) => [
    conv(`${name}.conv1`, { filters, kernel: 1, biases: false, inputs: [input] }),
    batchNorm(`${name}.bn1`, { activation }),
    conv(`${name}.conv2`, { filters, kernel: 3, stride, padding: 1, biases: false }),
    batchNorm(`${name}.bn2`, { activation }),
    conv(`${name}.conv3`, { filters: bottleneck.expansion * filters, kernel: 1, biases: false }),
    batchNorm(`${name}.bn3`),
  ],
}

interface StagesOptions {
  readonly block: ResidualBlock
  /** The number of blocks in each stage. */
  readonly blocks: readonly number[]
  /** Filters of the first stage's blocks; each stage has twice those of the one before. */
  readonly filters: number
  /** What the first block reads, and its channels. */
  readonly input: string
  readonly channels: number
  readonly activation: Activation
}

/**
 * Stages `layer1`, `layer2` ... of residual blocks, named as torchvision's modules; every stage except the first halves
 * height and width. A block's output, `layer1.0.add`, is its branch plus its input. If their shapes differ, the input
 * is projected: by a 1 x 1 convolution with the stride and a batch norm (the article's option B). `outputs`: the last
 * tensor of each stage.
 */
export function residualStages({ block, blocks, filters, input, channels, activation }: StagesOptions): {
  readonly layers: readonly Layer[]
  readonly outputs: readonly string[]
} {
  const layers: Layer[] = []
  const outputs: string[] = []
  for (const [stage, count] of blocks.entries()) {
    const stageFilters = filters * 2 ** stage
    for (let i = 0; i < count; i++) {
      const name = `layer${stage + 1}.${i}`
      const stride = i === 0 && stage > 0 ? 2 : 1
      const outputChannels = block.expansion * stageFilters
      const isProjected = stride > 1 || channels !== outputChannels
      layers.push(
        ...block.branch(name, { input, filters: stageFilters, stride, activation }),
        ...(isProjected ? projection(`${name}.downsample`, input, outputChannels, stride) : []),
        add(`${name}.add`, {
          inputs: [`${name}.bn${block.convolutions}`, isProjected ? `${name}.downsample.1` : input],
          activation,
        }),
      )
      input = `${name}.add`
      channels = outputChannels
    }
    outputs.push(input)
  }
  return { layers, outputs }
}

const projection = (name: string, input: string, filters: number, stride: number): readonly Layer[] => [
  conv(`${name}.0`, { filters, kernel: 1, stride, biases: false, inputs: [input] }),
  batchNorm(`${name}.1`),
]
