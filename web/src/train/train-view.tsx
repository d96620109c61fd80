import type { Platform } from '../platform.ts'

export function TrainView(_: { readonly settings: URLSearchParams; readonly platform: Platform | null }) {
  return null
}
