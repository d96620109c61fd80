import { useTexts } from '../texts/index.ts'
import { Notice } from '../ui/notice.tsx'
import type { BenchmarkState } from './state.ts'

/** What is going on, in a line that screen readers say when its phase changes, and a bar. */
export function Status({ state }: { readonly state: BenchmarkState }) {
  const texts = useTexts()
  const { phase, progress, steps, failure, wasEnded } = state
  const { benchmark } = texts
  const passName = progress && texts.settings.passes[progress.pass]
  const says = {
    idle: benchmark.idle,
    running: progress ? `${passName}: ${benchmark.phases[progress.phase]}` : benchmark.starting,
    stopping: benchmark.stopping,
    done: benchmark.done(steps.length),
    stopped: benchmark.stopped(steps.length),
    failed: '',
  }[phase]
  return (
    <>
      <p class="status" role="status">
        {says}
      </p>
      {phase === 'running' && progress && (
        <>
          <progress value={progress.done} max={Math.max(1, progress.total)} aria-label={says} />
          <small class="quiet">
            {benchmark.progress(passName!, benchmark.phases[progress.phase], progress.done, progress.total)}
          </small>
        </>
      )}
      {failure !== null && <Notice level="bad">{texts.failed(failure)}</Notice>}
      {wasEnded && <Notice level="warn">{texts.ended}</Notice>}
    </>
  )
}
