import type { Platform } from '../platform.ts'
import { useTexts } from '../texts/index.ts'
import { FactList } from './fact-list.tsx'

/** Which path a run takes here, and why no faster one. */
export function PlatformPanel({ platform }: { readonly platform: Platform }) {
  const { platform: texts } = useTexts()
  const { isIsolated, isSecure, processors, hasSimd, hasRelaxedSimd, webgpu } = platform
  return (
    <section class="card" aria-labelledby="platform-heading">
      <h2 id="platform-heading">{texts.heading}</h2>
      <FactList
        facts={[
          [texts.isolation, isIsolated ? texts.isolated : isSecure ? texts.notIsolated : texts.insecure],
          [texts.threads, isIsolated ? texts.threadCount(processors) : texts.oneThread],
          [texts.simd, hasSimd ? texts.hasSimd : texts.noSimd],
          [texts.relaxedSimd, hasRelaxedSimd ? texts.hasRelaxedSimd : texts.noRelaxedSimd],
          [texts.webgpu, webgpu.kind === 'adapter' ? texts.adapter(webgpu.name) : texts.noWebGpu[webgpu.why]],
        ]}
      />
    </section>
  )
}
