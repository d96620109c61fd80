import { isNode } from './host.ts'

/** The program that runs the JavaScript. */
export interface Runtime {
  readonly name: 'Node' | 'Bun' | 'Deno' | 'browser'
  /** `20.19.0`; empty in a browser. */
  readonly version: string
  /** V8's version, in full or as `14.0`; null if the JavaScript engine is another. */
  readonly v8: string | null
}

type Versions = Readonly<Record<string, string | undefined>>

/** Bun and Deno act as Node and claim a version of it; Bun, whose engine is JavaScriptCore, also claims one of V8. */
export function runtimeOf(versions: Versions): Runtime {
  const { node = '', bun, deno, v8 = null } = versions
  if (bun) return { name: 'Bun', version: bun, v8: null }
  if (deno) return { name: 'Deno', version: deno, v8 }
  return { name: 'Node', version: node, v8 }
}

/** The version of V8 in a browser of Chromium's family is a tenth of the browser's own. */
export function browserRuntime(userAgent: string): Runtime {
  const [, chromium] = /Chrome\/(\d+)/.exec(userAgent) ?? []
  return {
    name: 'browser',
    version: '',
    v8: chromium === undefined ? null : (Number(chromium) / 10).toFixed(1),
  }
}

/** The runtime of this process or page. */
export const runtime: Runtime = isNode
  ? runtimeOf(process.versions)
  : browserRuntime(globalThis.navigator?.userAgent ?? '')

/** The version of V8 to compare with, as a number: 11.3. Null if the engine is another. */
export const v8Number = ({ v8 }: Runtime): number | null => (v8 === null ? null : Number.parseFloat(v8))

/** `V8 11.3`, or the name of a runtime with another engine: for messages, and for what depends on it. */
export function engineText(of: Runtime): string {
  if (of.v8 !== null) return `V8 ${/^\d+\.\d+/.exec(of.v8)?.[0] ?? of.v8}`
  return of.name === 'browser' ? 'a browser without V8' : `${of.name} ${of.version}, without V8`
}
