import { readText } from '../runtime/files.ts'
import { isNode, nodeModule } from '../runtime/host.ts'
import { availableCores, processorName } from '../runtime/machine.ts'
import { linuxMemoryLimitBytes } from '../runtime/memory.ts'
import { quotaCores } from '../runtime/quota.ts'
import { type Runtime, runtimeOf } from '../runtime/runtime.ts'
import { ownFile } from '../runtime/worker-file.ts'
import { VERSION } from '../version.ts'
import { type BrowserScope, describeBrowser } from './browser.ts'
import { linuxCaches, linuxGovernor, linuxProcessorTicks, stealFraction } from './linux.ts'
import { parseJson } from './parse-json.ts'
import type { Environment } from './result.ts'
import { environmentWarnings } from './warnings.ts'

/** Where the facts come from; tests make their own. */
export interface Host {
  readonly platform: string
  readonly readText: (path: string) => Promise<string>
  readonly memoryBytes: number
  /** Over the last minute. */
  readonly loadAverage: () => number
  /** The machine's logical processors. */
  readonly processors: number
  /** Processor time that this process has used so far. */
  readonly processorTimeMs: () => number
  readonly versions: Readonly<Record<string, string | undefined>>
  readonly execArgv: readonly string[]
  readonly nodeOptions: string
  /** Null if it is not installed, or not known. */
  readonly packageVersion: (name: string) => Promise<string | null>
}

/** A description that was begun before a benchmark and is completed after it. */
export interface StartedEnvironment {
  /** Completes the description, with warnings in plain words about what may have disturbed the benchmark. */
  finish(ran: RanBenchmark): Promise<Environment>
}

/** What the description of the environment must know of the benchmark that ran. */
export interface RanBenchmark {
  /** The most threads of any run; 0 if there was none. */
  readonly threads: number
  /** See `Environment`; null if nothing was calibrated. */
  readonly calibrationSpread: number | null
}

const LOAD_PERIOD_MS = 60_000

/**
 * Begins to describe the machine and its load. Call it before the work begins: what the machine does until then is
 * other work. `host` is where the facts come from; by default this machine.
 */
export async function startEnvironment(host?: Host): Promise<StartedEnvironment> {
  if (!isNode) return startBrowserEnvironment()
  const source = host ?? (await thisHost())
  const ownLoad = source.processorTimeMs() / LOAD_PERIOD_MS
  const environment = await describeEnvironment(source)
  const ticks = await ticksOf(source)
  return {
    finish: async ({ threads, calibrationSpread }) => {
      const complete: Environment = {
        ...environment,
        loadAverageAtEnd: loadOf(source),
        stealFraction: stealFraction(ticks, await ticksOf(source)),
        calibrationSpread,
      }
      const { processors } = source
      return { ...complete, warnings: environmentWarnings(complete, { threads, processors, ownLoad }) }
    },
  }
}

/** A browser does not report the machine's load. */
async function startBrowserEnvironment(): Promise<StartedEnvironment> {
  const environment = await describeEnvironment()
  return {
    finish: async ({ threads, calibrationSpread }) => {
      const complete: Environment = { ...environment, calibrationSpread }
      const context = { threads, processors: environment.cores, ownLoad: 0 }
      return { ...complete, warnings: environmentWarnings(complete, context) }
    },
  }
}

/** What a result says about the machine and the moment. */
export async function describeEnvironment(host?: Host): Promise<Environment> {
  if (!isNode) return describeBrowser(globalThis as BrowserScope)
  const source = host ?? (await thisHost())
  const koffi = await source.packageVersion('koffi')
  const isLinux = source.platform === 'linux'
  return {
    date: new Date().toISOString(),
    processor: await processorName(),
    cores: await availableCores(source.readText),
    quotaCores: isLinux ? await quotaCores(source.readText) : null,
    caches: isLinux ? await linuxCaches(source.readText) : [],
    governor: isLinux ? await linuxGovernor(source.readText) : 'unknown',
    memoryBytes: source.memoryBytes,
    memoryLimitBytes: isLinux ? await linuxMemoryLimitBytes(source.readText) : null,
    platform: source.platform,
    arch: process.arch,
    ...runtimeFacts(runtimeOf(source.versions)),
    nodeFlags: [...source.execArgv, ...splitOptions(source.nodeOptions)],
    packages: { convmark: VERSION, ...(koffi !== null && { koffi }) },
    loadAverage: loadOf(source),
    gitCommit: await gitCommit(),
  }
}

/** A runtime that acts as Node is named by its own name. */
function runtimeFacts({ name, version, v8 }: Runtime): Pick<Environment, 'node' | 'v8' | 'runtime'> {
  if (name === 'Node') return { node: `v${version}`, v8: v8! }
  return { node: 'none', v8: v8 ?? 'none', runtime: `${name} ${version}` }
}

/** Windows has no load average; Node returns 0. */
const loadOf = ({ platform, loadAverage }: Host): number | null =>
  platform === 'win32' ? null : loadAverage()

const ticksOf = async ({ platform, readText }: Host) =>
  platform === 'linux' ? linuxProcessorTicks(readText) : null

/** Splits NODE_OPTIONS at spaces, except within quotes. */
const splitOptions = (options: string): string[] => options.match(/(?:[^\s"]|"[^"]*")+/g) ?? []

async function thisHost(): Promise<Host> {
  const os = nodeModule('node:os')
  return {
    platform: process.platform,
    readText,
    memoryBytes: os.totalmem(),
    loadAverage: () => os.loadavg()[0]!,
    processors: os.cpus().length,
    processorTimeMs: () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1000
    },
    versions: process.versions,
    execArgv: process.execArgv,
    nodeOptions: process.env.NODE_OPTIONS ?? '',
    packageVersion,
  }
}

/** The version of an installed package whose main file is beside its package.json, which it need not export. */
async function packageVersion(name: string): Promise<string | null> {
  const { createRequire } = nodeModule('node:module')
  const { dirname, join } = nodeModule('node:path')
  let main: string
  try {
    main = createRequire(ownFile(import.meta.url)).resolve(name)
  } catch {
    return null // an optional dependency that is not installed
  }
  const manifest = join(dirname(main), 'package.json')
  const text = await readText(manifest)
  return text === '' ? null : (parseJson(text, manifest) as { version: string }).version
}

async function gitCommit(): Promise<string | null> {
  const { execFile } = nodeModule('node:child_process')
  return new Promise((resolve) => {
    execFile('git', ['rev-parse', 'HEAD'], { timeout: 2000 }, (error, stdout) =>
      resolve(error ? null : stdout.trim()),
    )
  })
}
