// What this browser can do, and why not more: it decides which path a run takes.
import { wasmFeatures } from 'convmark/engine'

export interface Platform {
  /** Without it there is no SharedArrayBuffer, hence one thread. */
  readonly isIsolated: boolean
  /** https or this machine itself: the browser isolates no other page. */
  readonly isSecure: boolean
  readonly processors: number
  readonly hasSimd: boolean
  readonly hasRelaxedSimd: boolean
  readonly webgpu: WebGpu
}

export type WebGpu =
  | { readonly kind: 'adapter'; readonly name: string }
  | { readonly kind: 'none'; readonly why: 'no-api' | 'no-adapter' | 'insecure' }

/** The parts of WebGPU that are asked for here; TypeScript's own library does not have them. */
interface Gpu {
  requestAdapter(): Promise<{
    readonly info?: { readonly vendor: string; readonly architecture: string; readonly description: string }
  } | null>
}

export async function findPlatform(): Promise<Platform> {
  const { simd, relaxedMadd } = wasmFeatures()
  return {
    isIsolated: crossOriginIsolated,
    isSecure: isSecureContext,
    processors: navigator.hardwareConcurrency || 1,
    hasSimd: simd,
    hasRelaxedSimd: relaxedMadd,
    webgpu: await findWebGpu(),
  }
}

async function findWebGpu(): Promise<WebGpu> {
  if (!isSecureContext) return { kind: 'none', why: 'insecure' }
  const { gpu } = navigator as { gpu?: Gpu }
  if (!gpu) return { kind: 'none', why: 'no-api' }
  const adapter = await gpu.requestAdapter().catch(() => null) // a browser that refuses has none for us
  if (!adapter) return { kind: 'none', why: 'no-adapter' }
  const { vendor = '', architecture = '', description = '' } = adapter.info ?? {}
  return {
    kind: 'adapter',
    name: description || [vendor, architecture].filter(Boolean).join(' ') || 'WebGPU',
  }
}
