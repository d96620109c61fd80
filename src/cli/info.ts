import type { Command } from 'commander'
import type { MachineMeasurement } from '../bench/machine.ts'
import { messageOf, UnavailableError, UsageError } from '../errors.ts'
import type { ImageSize, UnsupportedModelError } from '../formats/onnx-import.ts'
import { machineLines, type TargetStatus } from '../report/machine.ts'
import { fileLines, networkLines, networksLines, refusalLines } from '../report/network.ts'
import { addCommand, IMAGE_SIZE, type OnEnd, OUTPUTS, WEIGHTS } from './command.ts'
import { untilInterrupted } from './interrupt.ts'
import { NETWORK_HELP, openNetworkSource, sourceLine } from './network-source.ts'
import { Output } from './output.ts'

interface Options {
  readonly color: boolean
  readonly networks?: true
  readonly imageSize?: ImageSize
  readonly outputs?: readonly string[]
  readonly weights?: string
}

/** In this order, since a target may set V8's flags for the whole process. */
const SPECS = ['x64:avx512', 'x64:avx2', 'wasm', 'reference', 'wasm:revectorized']

/** The targets whose peaks are shown; revectorized runs the same code as plain wasm, and the reference has no peak. */
const MEASURED = ['x64:avx512', 'x64:avx2', 'wasm']

/** Their counts are shown beside those of the article and of the requested network. */
const BESIDE_THE_ARTICLE = ['alexnet', 'alexnet-full']

export function addInfoCommand(program: Command, onEnd: OnEnd): void {
  addCommand(program, 'info', "this machine's engines and peaks, or networks' layers and counts")
    .argument('[network]', `${NETWORK_HELP}; left out, the machine`)
    .option(...IMAGE_SIZE)
    .option(...OUTPUTS)
    .option(...WEIGHTS)
    .option('--networks', 'how deep and how large each network is')
    .option('--no-color', 'plain text')
    .action(async (network: string | undefined, options: Options) => {
      if (network !== undefined && options.networks)
        throw new UsageError(`--networks shows all of them; use either it or ${network}`)
      const output = new Output({ color: options.color, isAllThereIs: true })
      if (options.networks) await allNetworks(output)
      else if (network === undefined) await untilInterrupted(() => machine(output))
      else await oneNetwork(network, options, output)
      onEnd(0)
    })
}

async function oneNetwork(text: string, options: Options, output: Output): Promise<void> {
  const { palette } = output
  const source = await openNetworkSource(text, options).catch((error: Error) => {
    const { cause } = error
    if ((cause as Error | undefined)?.name !== 'UnsupportedModelError') throw error
    output.lines(...refusalLines(text, (cause as UnsupportedModelError).refusals, palette))
    return null
  })
  if (source === null) return
  const { layerCounts, networkCounts, networkNamed } = await import('../networks/index.ts')
  const { network, notes } = source
  const layers = network.layers.map((layer) => layerCounts(network, layer))
  const counts = { layers, total: networkCounts(network) }
  const head = sourceLine(source)
  if (head !== null) {
    const columns = process.stdout.isTTY ? process.stdout.columns : Infinity
    output.lines(...fileLines(network, counts, { head, notes }, columns, palette))
    return
  }
  const compared = [...new Set([...BESIDE_THE_ARTICLE, network.name])].map((name) => {
    const other = name === network.name ? network : networkNamed(name)
    return { name, total: networkCounts(other) }
  })
  output.lines(...networkLines(network, counts, compared, palette))
}

async function allNetworks(output: Output): Promise<void> {
  const { networkCounts, networkSize, networks } = await import('../networks/index.ts')
  const sized = Object.values(networks).map((factory) => {
    const network = factory({})
    return { name: network.name, total: networkCounts(network), size: networkSize(network) }
  })
  output.lines(...networksLines(sized, output.palette))
}

async function machine(output: Output): Promise<void> {
  const { describeEnvironment } = await import('../bench/environment.ts')
  const { measureMachine } = await import('../bench/machine.ts')
  const environment = await describeEnvironment()
  const targets: TargetStatus[] = []
  const measured: MachineMeasurement[] = []
  for (const spec of SPECS) {
    const status = await statusOf(spec)
    targets.push(status)
    if (status.isAvailable && MEASURED.includes(spec)) measured.push(await measureMachine(spec))
  }
  output.lines(...machineLines(environment, targets, measured, output.palette))
}

async function statusOf(spec: string): Promise<TargetStatus> {
  const { openEngine } = await import('../engines/index.ts')
  try {
    const engine = await openEngine(spec, { experimentalV8Flags: true })
    await engine.dispose()
    return { spec, isAvailable: true, reason: engine.info.reason.replace(/^asked for; /, '') }
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error
    return { spec, isAvailable: false, reason: messageOf(error) }
  }
}
