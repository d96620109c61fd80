import type { Engine } from '../../src/engines/engine.ts'
import type { AnyKernelRule, KernelTable } from '../../src/kernels/index.ts'
import type { Candidate } from '../../src/kernels/kernel.ts'
import type { StepKind } from '../../src/plan/steps.ts'
import { built } from './built.ts'

const { kernels } = await built<typeof import('../../src/kernels/index.ts')>('kernels/index.js')
const { openWasm } = await built<typeof import('../../src/engines/wasm.ts')>('engines/wasm.js')
const { openX64 } = await built<typeof import('../../src/engines/x64.ts')>('engines/x64.js')

/** The rule with its first candidate alone, so that there is nothing to measure. */
const withoutChoice = (rule: AnyKernelRule<StepKind>): AnyKernelRule<StepKind> => ({
  ...rule,
  candidates: (step: never, traits) => rule.candidates(step, traits).slice(0, 1) as readonly Candidate[],
})

const untunedKernels = Object.fromEntries(
  Object.entries(kernels).map(([kind, rule]) => [kind, withoutChoice(rule as AnyKernelRule<StepKind>)]),
) as unknown as KernelTable

/**
 * An engine of `presentEngines` that takes each step's first tile and measures none: for networks of hundreds of
 * different layers, whose results and not speed are tested.
 */
export async function openUntuned(spec: string): Promise<Engine> {
  const [, name, target = '', threads] = spec.match(/^(\w+)(?::(\w+))?@(\d+)$/)!
  const open = name === 'wasm' ? openWasm : openX64
  return open(target, { threads: Number(threads) }, { kernels: untunedKernels })
}
