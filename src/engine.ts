/**
 * The interface for adapters and tools: an engine prepares a whole plan, not single operations.
 *
 * @module convmark/engine
 */
export type { WasmFeatures } from './codegen/wasm/encode.ts'
export { wasmFeatures } from './codegen/wasm/features.ts'
export type {
  Engine,
  EngineInfo,
  EngineOptions,
  Inspection,
  MemoryBeside,
  PreparedPlan,
  PreparedStep,
  PrepareOptions,
  TensorView,
  UnmeasuredSteps,
} from './engines/engine.ts'
export type { FewerThreads } from './engines/few-threads.ts'
export { type EngineSpec, engines, openEngine, parseEngineSpec } from './engines/index.ts'
export type { PeakOptions, Peaks } from './engines/peak.ts'
export {
  createPlan,
  type Keep,
  type Pass,
  type Plan,
  type PlannedTensor,
  type PlanOptions,
} from './plan/plan.ts'
export type { Step, StepKind, StepOfKind } from './plan/steps.ts'
export type { Buffer, Halo, View } from './plan/views.ts'
export { requireTuning, type Tuning } from './runtime/tuning.ts'
