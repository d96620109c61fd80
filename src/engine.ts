/**
 * The interface for adapters and tools: an engine prepares a whole plan, not single operations.
 *
 * @module convmark/engine
 */
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
export { type EngineSpec, engines, openEngine, parseEngineSpec } from './engines/index.ts'
export type { Peaks } from './engines/peak.ts'
export {
  createPlan,
  type Keep,
  type Pass,
  type Plan,
  type PlannedTensor,
  type PlanOptions,
} from './plan/plan.ts'
export type { Step, StepKind, StepOfKind } from './plan/steps.ts'
export type { Buffer, View } from './plan/views.ts'
export { requireTuning, type Tuning } from './runtime/tuning.ts'
