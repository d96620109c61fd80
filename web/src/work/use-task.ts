import { useEffect, useState } from 'preact/hooks'
import { TaskRunner } from './task.ts'

/** A runner that lives as long as the view it belongs to. */
export function useTaskRunner<Request, Event>(start: () => Worker): TaskRunner<Request, Event> {
  const [runner] = useState(() => new TaskRunner<Request, Event>(start))
  useEffect(() => () => runner.dispose(), [runner])
  return runner
}
