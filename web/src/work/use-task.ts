import { useEffect, useState } from 'preact/hooks'
import { startTasks } from './start.ts'
import type { Task, TaskRunner } from './task.ts'

/** A runner that lives as long as the view it belongs to. */
export function useTaskRunner<Request, Event>(task: Task): TaskRunner<Request, Event> {
  const [runner] = useState(() => startTasks<Request, Event>(task))
  useEffect(() => () => runner.dispose(), [runner])
  return runner
}
