import type { ContenderSetup } from '../../../src/bench/contenders/protocol.ts'

/** One image forward on one thread, with nothing before it. */
export function exampleSetup(
  changes: Partial<ContenderSetup> & Pick<ContenderSetup, 'engine' | 'network'>,
): ContenderSetup {
  return {
    pass: 'forward',
    batch: 1,
    burnIn: 0,
    seed: 7,
    threads: 1,
    algorithm: 'auto',
    retune: false,
    tuningBudgetMs: null,
    isChecked: false,
    packagesFrom: null,
    weightsFile: null,
    onnx: null,
    ...changes,
  }
}
