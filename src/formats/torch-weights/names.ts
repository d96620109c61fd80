// What PyTorch's libraries call the weights of the named networks, and how they store them.

/** Whose names a file of weights has: convmark's own, or a library's for PyTorch. */
export const WEIGHT_NAMES = ['convmark', 'torchvision', 'timm'] as const
/** In whose names and layouts weights are: convmark's own, or those of a library of PyTorch's. */
export type WeightNames = (typeof WEIGHT_NAMES)[number]
export type TorchNames = Exclude<WeightNames, 'convmark'>

/** What differs from the general rule: our layers have the names of PyTorch's modules, `fc`, and their tensors are `fc.weight`. */
export interface TorchNaming {
  /** From the name by the rule to the library's. */
  readonly rename: (name: string) => string
  /**
   * Tensors, by the library's names, that it stores in the other shape: a dense layer's as those of a 1 x 1 convolution or the other
   * way round, and scales (C) as (C, 1, 1).
   */
  readonly reshaped?: RegExp
  /** Tensors, by the library's names, of parts that our network leaves out. */
  readonly unused?: RegExp
  /** From the names in older files to today's. */
  readonly renameOld?: (name: string) => string
  /** Batch norm's epsilon, where the library has another one. */
  readonly epsilon?: number
}

type Renames = readonly (readonly [pattern: RegExp, replacement: string])[]

const renamed =
  (...renames: Renames) =>
  (name: string): string =>
    renames.reduce((name, [pattern, replacement]) => name.replace(pattern, replacement), name)

const same: TorchNaming = { rename: (name) => name }

/** timm has each of VGG's dense layers but the last as a convolution. */
const timmVgg: TorchNaming = {
  rename: renamed(
    [/^classifier\.0/, 'pre_logits.fc1'],
    [/^classifier\.3/, 'pre_logits.fc2'],
    [/^classifier\.6/, 'head.fc'],
  ),
  reshaped: /^pre_logits\.fc.\.weight$/,
}

/** Modules of timm's block without expansion, by their positions in torchvision's. */
const SEPARABLE: Readonly<Record<string, string>> = {
  '0.0': 'conv_dw',
  '0.1': 'bn1',
  // MobileNet v2 numbers the projection's two modules in the block itself
  '1': 'conv_pw',
  '2': 'bn2',
  '1.0': 'conv_pw',
  '1.1': 'bn2',
  // With squeeze-and-excite the projection is the third
  '1.fc1': 'se.conv_reduce',
  '1.fc2': 'se.conv_expand',
  '2.0': 'conv_pw',
  '2.1': 'bn2',
}

/** Likewise of its block with expansion. */
const EXPANDED: Readonly<Record<string, string>> = {
  '0.0': 'conv_pw',
  '0.1': 'bn1',
  '1.0': 'conv_dw',
  '1.1': 'bn2',
  '2': 'conv_pwl',
  '3': 'bn3',
  '2.0': 'conv_pwl',
  '2.1': 'bn3',
  '2.fc1': 'se.conv_reduce',
  '2.fc2': 'se.conv_expand',
  '3.0': 'conv_pwl',
  '3.1': 'bn3',
}

/**
 * timm's names in networks of inverted residuals. `pattern` finds in torchvision's name the block, the position in it, and the
 * tensor; `placeOf` is timm's stage and index of a block; all other names are renamed by `others`.
 */
const invertedResiduals =
  (pattern: RegExp, placeOf: (block: string) => string, ...others: Renames) =>
  (name: string): string => {
    const [, block, position, tensor] = pattern.exec(name) ?? []
    if (block === undefined) return renamed(...others)(name)
    // Only the first block does not expand
    const place = placeOf(block)
    const modules = place === '0.0' ? SEPARABLE : EXPANDED
    return `blocks.${place}.${modules[position!]}.${tensor}`
  }

/** The stage and the index of the block that torchvision numbers from 1, given how many blocks each stage has. */
const placeIn =
  (blocks: readonly number[]) =>
  (block: string): string => {
    let index = Number(block) - 1
    const stage = blocks.findIndex((count) => {
      if (index < count) return true
      index -= count
      return false
    })
    return `${stage}.${index}`
  }

/** torchvision's stages are numbered from 1. */
function placeFromZero(block: string): string {
  const [stage, index] = block.split('.').map(Number)
  return `${stage! - 1}.${index}`
}

const STEM: Renames = [
  [/^features\.0\.0\./, 'conv_stem.'],
  [/^features\.0\.1\./, 'bn1.'],
]

/** The libraries that have a named network, and their names of its weights. */
const namings: Readonly<Record<string, Partial<Record<TorchNames, TorchNaming>>>> = {
  'alexnet-torchvision': {
    torchvision: {
      rename: renamed(
        [/^conv1/, 'features.0'],
        [/^conv2/, 'features.3'],
        [/^conv3/, 'features.6'],
        [/^conv4/, 'features.8'],
        [/^conv5/, 'features.10'],
        [/^fc6/, 'classifier.1'],
        [/^fc7/, 'classifier.4'],
        [/^fc8/, 'classifier.6'],
      ),
    },
  },
  resnet18: { torchvision: same, timm: same },
  resnet50: { torchvision: same, timm: same },
  'vgg-a': { torchvision: same, timm: timmVgg },
  vgg16: { torchvision: same, timm: timmVgg },
  // The auxiliary classifiers are used in training alone
  googlenet: { torchvision: { ...same, unused: /^aux[12]\./ } },
  densenet121: {
    // The file that torchvision publishes has names of 2017, which torchvision changes after it has read them
    torchvision: { ...same, renameOld: renamed([/(denselayer\d+\.(?:norm|conv))\.([12]\.)/, '$1$2']) },
    timm: same,
  },
  squeezenet: { torchvision: same },
  'mobilenet-v2': {
    torchvision: same,
    timm: {
      rename: invertedResiduals(
        /^features\.(\d+)\.conv\.([\d.]+)\.(\w+)$/,
        placeIn([1, 2, 3, 4, 3, 3, 1]),
        ...STEM,
        [/^features\.18\.0\./, 'conv_head.'],
        [/^features\.18\.1\./, 'bn2.'],
        [/^classifier\.1\./, 'classifier.'],
      ),
    },
  },
  'mobilenet-v3-large': {
    torchvision: same,
    timm: {
      rename: invertedResiduals(
        /^features\.(\d+)\.block\.([\w.]+)\.(\w+)$/,
        placeIn([1, 2, 3, 4, 2, 3]),
        ...STEM,
        [/^features\.16\.0\./, 'blocks.6.0.conv.'],
        [/^features\.16\.1\./, 'blocks.6.0.bn1.'],
        [/^classifier\.0\./, 'conv_head.'],
        [/^classifier\.3\./, 'classifier.'],
      ),
      reshaped: /^conv_head\.weight$/,
      epsilon: 1e-5,
    },
  },
  'efficientnet-b0': {
    torchvision: same,
    timm: {
      rename: invertedResiduals(
        /^features\.(\d+\.\d+)\.block\.([\w.]+)\.(\w+)$/,
        placeFromZero,
        ...STEM,
        [/^features\.8\.0\./, 'conv_head.'],
        [/^features\.8\.1\./, 'bn2.'],
        [/^classifier\.1\./, 'classifier.'],
      ),
    },
  },
  'shufflenet-v2': { torchvision: same },
  'convnext-tiny': {
    torchvision: {
      rename: renamed([/layer_scale\.weight$/, 'layer_scale']),
      reshaped: /(block\.[35]\.weight|layer_scale)$/,
    },
    timm: {
      rename: renamed(
        [/layer_scale\.weight$/, 'gamma'],
        [/^features\.0\./, 'stem.'],
        [/^features\.(\d)\.(\d)\.block\./, 'features.$1.blocks.$2.'],
        [/^features\.(\d)\.(\d)\.gamma/, 'features.$1.blocks.$2.gamma'],
        [/blocks\.(\d)\.0\./, 'blocks.$1.conv_dw.'],
        [/blocks\.(\d)\.2\./, 'blocks.$1.norm.'],
        [/blocks\.(\d)\.3\./, 'blocks.$1.mlp.fc1.'],
        [/blocks\.(\d)\.5\./, 'blocks.$1.mlp.fc2.'],
        // Stages and what is between them take turns
        [/^features\.1\./, 'stages.0.'],
        [/^features\.2\./, 'stages.1.downsample.'],
        [/^features\.3\./, 'stages.1.'],
        [/^features\.4\./, 'stages.2.downsample.'],
        [/^features\.5\./, 'stages.2.'],
        [/^features\.6\./, 'stages.3.downsample.'],
        [/^features\.7\./, 'stages.3.'],
        [/^classifier\.0\./, 'head.norm.'],
        [/^classifier\.2\./, 'head.fc.'],
      ),
      reshaped: /mlp\.fc.\.weight$/,
    },
  },
}

/** The names in which a named network's weights are published, after convmark's own. */
export function torchNamesOf(network: string): readonly TorchNames[] {
  return Object.hasOwn(namings, network) ? (Object.keys(namings[network]!) as TorchNames[]) : []
}

/** Null if that library does not have the network. */
export function torchNaming(network: string, names: TorchNames): TorchNaming | null {
  return torchNamesOf(network).includes(names) ? namings[network]![names]! : null
}
