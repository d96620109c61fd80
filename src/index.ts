export type { Engine, EngineInfo, TensorView } from './engines/engine.ts'
export * from './errors.ts'
export {
  conv,
  dense,
  dropout,
  l2Loss,
  lrn,
  maxPool,
  relu,
  sigmoid,
  softmaxLoss,
  tanh,
} from './layers/index.ts'
export {
  type AlexnetOptions,
  alexnet,
  alexnetFull,
  defineNetwork,
  initialize,
  initializeImages,
  type Network,
} from './networks/index.ts'
export type { Keep, Pass, Plan } from './plan/plan.ts'
export type { Tuning } from './runtime/tuning.ts'
export { openSession, type Session, type SessionOptions } from './session.ts'
export { VERSION } from './version.ts'
