import { type Command, Option } from 'commander'
import { NETWORK_NAMES } from '../networks/names.ts'
import { addCommand, integerFromZero, type OnEnd, positiveInteger } from './command.ts'
import { Output } from './output.ts'
import { openOutputFiles } from './output-files.ts'

interface Options {
  readonly onnx: string
  readonly weights?: string
  readonly seed: number
  readonly imageSize?: number
}

export function addExportCommand(program: Command, onEnd: OnEnd): void {
  addCommand(program, 'export', 'write a network and its weights as an ONNX model, for any batch, in NHWC')
    .argument('[network]', NETWORK_NAMES.join(', '), 'alexnet')
    .requiredOption('--onnx <file>', 'the model: images in, activations or logits out; losses are left out')
    .option('--weights <file>', 'its parameters, safetensors: conv1/weights, conv1/biases, ...')
    .addOption(
      new Option('--seed <n>', "of the benchmark's own weights, where no others are given")
        .argParser(integerFromZero('--seed'))
        .default(7)
        .conflicts('weights'),
    )
    .option(
      '--image-size <n>',
      "height and width of its images; the network's own by default",
      positiveInteger('--image-size'),
    )
    .action(async (network: string, options: Options) => {
      await exportOnnx(network, options)
      onEnd(0)
    })
}

async function exportOnnx(networkName: string, options: Options): Promise<void> {
  const { initialize, networkNamed } = await import('../networks/index.ts')
  const network = networkNamed(networkName, { imageSize: options.imageSize })
  const { readParameters } = await import('../formats/files.ts')
  const { onnxModel } = await import('../formats/onnx.ts')
  const { weights, seed } = options
  const files = await openOutputFiles({ '--onnx': options.onnx }, weights === undefined ? [] : [weights])
  const parameters =
    weights !== undefined ? await readParameters(weights, network) : initialize(network, { seed })
  await files['--onnx']!.write(onnxModel(network, parameters))
  new Output({ color: false, isAllThereIs: true }).lines(`${network.name} written to ${options.onnx}`)
}
