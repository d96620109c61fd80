import type { Platform } from '../platform.ts'

export function CompareView(_: { readonly settings: URLSearchParams; readonly platform: Platform | null }) {
  return null
}
