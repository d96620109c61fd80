import { type Command, Option } from 'commander'
import type { ImageSize } from '../formats/onnx-import.ts'
import { addCommand, IMAGE_SIZE, integerFromZero, type OnEnd, OUTPUTS, oneOf } from './command.ts'
import { FILE_LAYOUTS, type FileLayout } from './file-layout.ts'
import { NETWORK_HELP, openNetworkSource } from './network-source.ts'
import { Output } from './output.ts'
import { openOutputFiles } from './output-files.ts'

const LAYOUTS = { nchw: 'NCHW', nhwc: 'NHWC' } as const

interface Options {
  readonly onnx: string
  readonly weights?: string
  readonly seed: number
  readonly layout?: FileLayout
  readonly imageSize?: ImageSize
  readonly outputs?: readonly string[]
}

export function addExportCommand(program: Command, onEnd: OnEnd): void {
  addCommand(program, 'export', 'write a network and its weights as an ONNX model, for any batch')
    .argument('[network]', NETWORK_HELP, 'alexnet')
    .requiredOption('--onnx <file>', 'the model: images in, activations or logits out; losses are left out')
    .option(
      '--weights <file>',
      "its parameters, safetensors: conv1/weights, conv1/biases, ...; a network's file has its own",
    )
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
    .action(async (network: string, options: Options) => {
      await exportOnnx(network, options)
      onEnd(0)
    })
}

async function exportOnnx(text: string, options: Options): Promise<void> {
  const { initialize } = await import('../networks/index.ts')
  const source = await openNetworkSource(text, options)
  const { network, file, notes } = source
  const { readParameters } = await import('../formats/files.ts')
  const { onnxModel } = await import('../formats/onnx.ts')
  const { weights, seed } = options
  const files = await openOutputFiles(
    { '--onnx': options.onnx },
    [file, weights].filter((path) => path != null),
  )
  const parameters =
    weights !== undefined
      ? await readParameters(weights, network)
      : (source.parameters ?? initialize(network, { seed }))
  const isChannelsFirst = notes?.inputs.some((input) => input.layout === 'NCHW') ?? false
  const layout = options.layout ?? (isChannelsFirst ? 'nchw' : 'nhwc')
  await files['--onnx']!.write(onnxModel(network, parameters, { layout: LAYOUTS[layout] }))
  new Output({ color: false, isAllThereIs: true }).lines(`${network.name} written to ${options.onnx}`)
}
