import { type Task, TaskRunner } from './task.ts'

/** A runner in a worker of its own. */
export const startTasks = <Request, Event>(task: Task): TaskRunner<Request, Event> =>
  new TaskRunner(task, () => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }))
