import type { Command } from 'commander'
import type { MachineMeasurement } from '../bench/machine.ts'
import { messageOf, UnavailableError, UsageError } from '../errors.ts'
import { NETWORK_NAMES } from '../networks/names.ts'
import { machineLines, type TargetStatus } from '../report/machine.ts'
import { networkLines, networksLines } from '../report/network.ts'
import { addCommand, type OnEnd } from './command.ts'
import { untilInterrupted } from './interrupt.ts'
import { Output } from './output.ts'

interface Options {
  readonly color: boolean
  readonly networks?: true
}

/** In this order, since a target may set flags of V8 for the whole process. */
const SPECS = ['x64:avx512', 'x64:avx2', 'wasm', 'reference', 'wasm:revectorized']

/** Those whose peaks are shown; revectorized code is the plain one's, and the reference has none. */
const MEASURED = ['x64:avx512', 'x64:avx2', 'wasm']

/** Their counts are shown beside the article's and the asked network's. */
const BESIDE_THE_ARTICLE = ['alexnet', 'alexnet-full']

export function addInfoCommand(program: Command, onEnd: OnEnd): void {
  addCommand(program, 'info', "this machine's engines and peaks, or networks' layers and counts")
    .argument('[network]', `${NETWORK_NAMES.join(', ')}; left out, the machine`)
    .option('--networks', 'how deep and how large each network is')
    .option('--no-color', 'plain text')
    .action(async (network: string | undefined, options: Options) => {
      if (network !== undefined && options.networks)
        throw new UsageError(
          `--networks shows all of them; take it without ${network}, or ${network} without it`,
        )
      const output = new Output({ color: options.color, isAllThereIs: true })
      if (options.networks) await allNetworks(output)
      else if (network === undefined) await untilInterrupted(() => machine(output))
      else {
        const { layerCounts, networkCounts, networkNamed } = await import('../networks/index.ts')
        const named = networkNamed(network)
        const layers = named.layers.map((layer) => layerCounts(named, layer))
        const others = [...new Set([...BESIDE_THE_ARTICLE, named.name])].map((name) => networkNamed(name))
        const compared = others.map((other) => ({ name: other.name, total: networkCounts(other) }))
        const counts = { layers, total: networkCounts(named) }
        output.lines(...networkLines(named, counts, compared, output.palette))
      }
      onEnd(0)
    })
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
