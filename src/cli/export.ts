import { type Command, Option } from 'commander'
import { UsageError } from '../errors.ts'
import type { ImageSize } from '../formats/onnx-import.ts'
import { WEIGHT_NAMES, type WeightNames } from '../formats/torch-weights/names.ts'
import { addCommand, IMAGE_SIZE, integerFromZero, type OnEnd, OUTPUTS, oneOf, WEIGHTS } from './command.ts'
import { FILE_LAYOUTS, type FileLayout } from './file-layout.ts'
import { isFile, NETWORK_HELP, openNetworkSource } from './network-source.ts'
import { Output } from './output.ts'
import { openOutputFiles } from './output-files.ts'
import { assumptionsOf, type DescriptionOptions, LABELS, openedModel } from './picture-model.ts'
import { addPreprocessOptions, preprocessingChoice } from './preprocess-options.ts'

const LAYOUTS = { nchw: 'NCHW', nhwc: 'NHWC' } as const

interface Options extends DescriptionOptions {
  readonly model?: string
  readonly onnx?: string
  readonly safetensors?: string
  readonly names?: WeightNames
  readonly weights?: string
  readonly seed: number
  readonly layout?: FileLayout
  readonly imageSize?: ImageSize
  readonly outputs?: readonly string[]
}

export function addExportCommand(program: Command, onEnd: OnEnd): void {
  const command = addCommand(
    program,
    'export',
    'write a network and its weights: as an ONNX model, as a model of convmark, or the weights alone',
  )
    .argument('[network]', NETWORK_HELP, 'alexnet')
    .option('--onnx <file>', 'the model: images in, activations or logits out; losses are left out')
    .option('--model <file>', "a model that every command takes, with its classes' names and preprocessing")
    .option('--safetensors <file>', 'the weights alone')
    .option(
      '--names <library>',
      `of --safetensors: ${WEIGHT_NAMES.join(' | ')}; convmark's own by default`,
      oneOf('--names', WEIGHT_NAMES),
    )
    .option(...WEIGHTS)
    .option(
      '--layout <order>',
      `of images: ${FILE_LAYOUTS.join(' | ')}; an ONNX file's own, otherwise nhwc, by default`,
      oneOf('--layout', FILE_LAYOUTS),
    )
    .addOption(
      new Option('--seed <n>', "of the benchmark's own weights, if no others are given")
        .argParser(integerFromZero('--seed'))
        .default(7)
        .conflicts('weights'),
    )
    .option(...IMAGE_SIZE)
    .option(...OUTPUTS)
    .option(...LABELS)
  addPreprocessOptions(command).action(async (network: string, options: Options) => {
    await exportNetwork(network, options)
    onEnd(0)
  })
}

async function exportNetwork(text: string, options: Options): Promise<void> {
  const { onnx, model, safetensors, weights, labels, seed, names = 'convmark' } = options
  requireOptionsFit(options)
  const files = await openOutputFiles(
    { '--onnx': onnx, '--model': model, '--safetensors': safetensors },
    [(await isFile(text)) ? text : undefined, weights, labels].filter((path) => path !== undefined),
  )
  const source = await openNetworkSource(text, options)
  const { network, notes } = source
  const { initialize } = await import('../networks/index.ts')
  const parameters = source.parameters ?? initialize(network, { seed })
  const { namesText, weightTensors } = await import('../formats/torch-weights/index.ts')
  const tensors = safetensors === undefined ? null : weightTensors(network, parameters, names)
  const opened = isDescribed(options) ? await openedModel(text, source, options) : null
  const described = opened?.model ?? source.described
  const output = new Output({ color: false, isAllThereIs: true })
  if (onnx !== undefined) {
    const { onnxModel } = await import('../formats/onnx.ts')
    const { onnxMetadata } = await import('../models/described.ts')
    const isChannelsFirst = notes?.inputs.some((input) => input.layout === 'NCHW') ?? false
    const layout = options.layout ?? (isChannelsFirst ? 'nchw' : 'nhwc')
    await files['--onnx']!.write(
      onnxModel(network, parameters, { layout: LAYOUTS[layout], metadata: onnxMetadata(described) }),
    )
    output.lines(`${network.name} written to ${onnx}`)
  }
  if (model !== undefined) {
    const { encodeModel } = await import('../train/model-file.ts')
    await files['--model']!.write(encodeModel(opened!.model))
    output.lines(`${network.name} written to ${model}`)
  }
  if (opened) output.lines(...assumptionsOf(opened).map((sentence) => `warning: ${sentence}`))
  if (tensors !== null) {
    const { encodeSafetensors } = await import('../formats/safetensors.ts')
    await files['--safetensors']!.write(encodeSafetensors(tensors, names === 'convmark' ? {} : OF_PYTORCH))
    output.lines(`weights of ${network.name} written to ${safetensors}, in ${namesText(names)}`)
  }
}

/** Whether something is to be kept that the source may not say. */
const isDescribed = (options: Options): boolean =>
  options.model !== undefined || options.labels !== undefined || preprocessingChoice(options) !== undefined

/** What programs for PyTorch look for in the metadata. */
const OF_PYTORCH = { format: 'pt' } as const

/** Throws UsageError if there is nothing to write, or for an option of what is not written. */
function requireOptionsFit(options: Options): void {
  const { onnx, model, safetensors, names, layout } = options
  if (onnx === undefined && model === undefined && safetensors === undefined)
    throw new UsageError('nothing to write; give --onnx <file>, --model <file> or --safetensors <file>')
  if (onnx === undefined && model === undefined && isDescribed(options))
    throw new UsageError(
      '--labels and --preprocess are not of weights alone; give --model <file> or --onnx <file>',
    )
  if (safetensors === undefined && names !== undefined)
    throw new UsageError('--names is of weights; give --safetensors <file> too')
  if (onnx === undefined && layout !== undefined)
    throw new UsageError("--layout is of an ONNX model's images; give --onnx <file> too")
}
