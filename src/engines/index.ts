import { requireOptions } from '../check-options.ts'
import { UnavailableError, UsageError, unknownName } from '../errors.ts'
import { shownValue } from '../plain-text.ts'
import { isNode } from '../runtime/host.ts'
import { isPositiveInteger } from '../tensor.ts'
import { type Engine, type EngineOptions, engineRules } from './engine.ts'

/** The parts of `name[:target][@threads]`. */
export interface EngineSpec {
  /** A key of `engines`. */
  readonly name: string
  /** Empty: the engine chooses. */
  readonly target: string
  /** Left out: as many as there are physical cores that this process may use. */
  readonly threads?: number
}

type Open = (spec: EngineSpec, options: EngineOptions) => Promise<Engine>

/**
 * The table of engines by name. Each entry opens one, and loads its code only then; `openEngine` takes a spec instead.
 */
export const engines: Readonly<Record<string, Open>> = {
  auto: async (spec, options) => {
    if (spec.target) throw new UsageError(`engine 'auto:${spec.target}': auto chooses the target itself`)
    return openFastest(options)
  },
  x64: async (spec, options) => {
    if (!isNode) throw new UnavailableError('x64 is unavailable in a browser', { advice: 'use wasm' })
    return (await import('./x64.ts')).openX64(spec.target, options)
  },
  wasm: async (spec, options) => (await import('./wasm.ts')).openWasm(spec.target, options),
  reference: async (spec, options) => (await import('./reference.ts')).openReference(spec.target, options),
}

/** x64 if it can run here; otherwise wasm, with the reason. */
async function openFastest(options: EngineOptions): Promise<Engine> {
  const fallback = async (reason: string): Promise<Engine> => {
    const { openWasm } = await import('./wasm.ts')
    try {
      return await openWasm('', { ...options, reason: `${FASTEST}; ${reason}` })
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error
      throw new UnavailableError(`${error.message}; ${reason}`, { cause: error })
    }
  }
  if (!isNode) return fallback('this is a browser')
  try {
    const { openX64 } = await import('./x64.ts')
    const engine = await openX64('', { ...options, reason: FASTEST })
    engine.fallback = fallback
    return engine
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error
    return fallback(error.reason)
  }
}

const FASTEST = 'the fastest engine here'

const SPEC = /^([^:@]+)(?::([^:@]+))?(?:@(.+))?$/

/**
 * Takes `name[:target][@threads]` apart. Throws UsageError for a malformed spec, an unknown name (and suggests the
 * nearest), or a thread count that is not a positive integer.
 */
export function parseEngineSpec(spec: string): EngineSpec {
  const [, name, target = '', threads] = (typeof spec === 'string' && SPEC.exec(spec)) || []
  if (!name) throw new UsageError(`engine ${shownValue(spec)} is not name[:target][@threads]`)
  if (!Object.hasOwn(engines, name)) throw new UsageError(unknownName('engine', name, Object.keys(engines)))
  if (threads === undefined) return { name, target }
  if (!isPositiveInteger(Number(threads))) {
    throw new UsageError(`engine '${spec}': ${threads} threads; it must be a positive integer`)
  }
  return { name, target, threads: Number(threads) }
}

/**
 * Opens an engine by its spec: `auto`, `wasm`, `wasm:revectorized@1`, `reference`. Threads in the spec override those
 * in the options. Throws UsageError for an invalid spec, UnavailableError if this machine can't run the engine.
 */
export async function openEngine(spec: string, options: EngineOptions = {}): Promise<Engine> {
  const parsed = parseEngineSpec(spec)
  requireOptions('openEngine', options, engineRules)
  options.signal?.throwIfAborted()
  const threads = parsed.threads ?? options.threads
  return engines[parsed.name]!(parsed, { ...options, ...(threads !== undefined && { threads }) })
}
