export type { Engine, EngineInfo, PrepareOptions, RunOptions, TensorView } from './engines/engine.ts'
export * from './errors.ts'
export {
  add,
  averagePool,
  batchNorm,
  concat,
  conv,
  dense,
  dropout,
  globalAveragePool,
  globalMaxPool,
  type Layer,
  l2Loss,
  lrn,
  maxPool,
  relu,
  sigmoid,
  slice,
  softmax,
  softmaxLoss,
  tanh,
} from './layers/index.ts'
export {
  alexnet,
  alexnetCifar10,
  alexnetFull,
  alexnetTorchvision,
  defineNetwork,
  densenet121,
  googlenet,
  initialize,
  initializeForTraining,
  initializeImages,
  type LayerCounts,
  layerCounts,
  lenet,
  type Network,
  type NetworkOptions,
  networkCounts,
  networkNamed,
  networks,
  type ResolvedLayer,
  resnet18,
  resnet20Cifar,
  resnet50,
  vgg16,
  vggA,
  weightDecays,
} from './networks/index.ts'
export { adam, type Optimizer, sgd } from './optimizers/index.ts'
export type { Keep, Pass, Plan } from './plan/plan.ts'
export type { Training } from './plan/training.ts'
export type { Tuning } from './runtime/tuning.ts'
export { openSession, type Session, type SessionOptions, type SessionRunOptions } from './session.ts'
export { VERSION } from './version.ts'
