import type { Run } from '../../bench/result.ts'
import { passName } from '../classic.ts'

export interface RunTitle {
  /** `x64, avx512, 2 threads` */
  readonly engine: string
  /** `Forward` */
  readonly work: string
}

export function runTitle({ engine, pass }: Run): RunTitle {
  const { name, target, threads } = engine
  return {
    engine: [name, target, `${threads} ${threads === 1 ? 'thread' : 'threads'}`].filter(Boolean).join(', '),
    work: passName(pass),
  }
}
