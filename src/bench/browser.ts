// What a browser says about itself and the machine, which is little.

import { browserRuntime } from '../runtime/runtime.ts'
import { VERSION } from '../version.ts'
import type { Environment } from './result.ts'

/** What is read from `globalThis`, in a page or in a worker; only some browsers have most of it. */
export interface BrowserScope {
  readonly navigator?: {
    readonly userAgent?: string
    readonly platform?: string
    readonly hardwareConcurrency?: number
    /** GiB, rounded to a power of two and limited to 8 or 32. */
    readonly deviceMemory?: number
    readonly userAgentData?: {
      getHighEntropyValues(hints: readonly string[]): Promise<HighEntropyValues>
    }
  }
  readonly crossOriginIsolated?: boolean
}

interface HighEntropyValues {
  readonly platform?: string
  readonly platformVersion?: string
  readonly architecture?: string
  readonly bitness?: string
  readonly fullVersionList?: readonly { readonly brand: string; readonly version: string }[]
}

const HINTS = ['platformVersion', 'architecture', 'bitness', 'fullVersionList']
const BYTES_PER_GIB = 2 ** 30

/** Facts that the browser does not give are 'unknown' or null. Never rejects. */
export async function describeBrowser(scope: BrowserScope): Promise<Environment> {
  const { navigator = {}, crossOriginIsolated } = scope
  const told: HighEntropyValues =
    (await navigator.userAgentData?.getHighEntropyValues(HINTS).catch(() => null)) ?? {} // a policy may forbid it
  const { architecture, bitness, platform, platformVersion } = told
  const userAgent = navigator.userAgent ?? ''
  const arch = architecture ? `${architecture}${bitness ? ` ${bitness}-bit` : ''}` : 'unknown'
  return {
    date: new Date().toISOString(),
    processor: architecture ? `${arch} processor` : 'unknown',
    cores: Math.max(1, navigator.hardwareConcurrency ?? 1),
    memoryBytes: navigator.deviceMemory ? navigator.deviceMemory * BYTES_PER_GIB : null,
    platform: platform ? `${platform} ${platformVersion ?? ''}`.trim() : navigator.platform || 'unknown',
    arch,
    node: 'none',
    v8: browserRuntime(userAgent).v8 ?? 'none',
    loadAverage: null,
    gitCommit: null,
    governor: 'unknown',
    caches: [],
    packages: { convmark: VERSION },
    browser: fullName(told) ?? nameInUserAgent(userAgent) ?? 'unknown',
    isCrossOriginIsolated: crossOriginIsolated ?? null,
  }
}

/** Some brands are made up, so that nobody relies on the list; browsers based on Chromium list it beside their own name. */
function fullName({ fullVersionList = [] }: HighEntropyValues): string | null {
  const real = fullVersionList.filter(({ brand }) => !/not.?a.?brand/i.test(brand.replace(/[^a-z]/gi, '')))
  const named = real.find(({ brand }) => brand !== 'Chromium') ?? real[0]
  return named ? `${named.brand} ${named.version}` : null
}

/** `Firefox 140.0`: the end of the list, where each browser adds its own name to those that it imitates. */
function nameInUserAgent(userAgent: string): string | null {
  const [, firefox] = /Firefox\/([\d.]+)/.exec(userAgent) ?? []
  if (firefox) return `Firefox ${firefox}`
  const [, chromium] = /Chrome\/([\d.]+)/.exec(userAgent) ?? []
  if (chromium) return `Chromium ${chromium}`
  const [, safari] = /Version\/([\d.]+).* Safari\//.exec(userAgent) ?? []
  return safari ? `Safari ${safari}` : null
}
