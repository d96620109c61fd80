/**
 * Networks, sessions that run and train them, and what both need.
 *
 * @module convmark
 */
export type { Engine, EngineInfo, PrepareOptions, RunOptions, TensorView } from './engines/engine.ts'
export * from './errors.ts'
export {
  type Activation,
  abs,
  add,
  averagePool,
  batchNorm,
  channelPool,
  channelShuffle,
  clip,
  concat,
  conv,
  convTranspose,
  crop,
  dense,
  depthToSpace,
  divide,
  dropout,
  elu,
  erf,
  exp,
  flatten,
  gelu,
  globalAveragePool,
  globalMaxPool,
  groupNorm,
  hardSigmoid,
  hardSwish,
  instanceNorm,
  type Layer,
  type LayerInputs,
  l2Loss,
  layerNorm,
  leakyRelu,
  lrn,
  maximum,
  maxPool,
  minimum,
  mish,
  multiply,
  pad,
  power,
  prelu,
  relu,
  relu6,
  resize,
  scale,
  sigmoid,
  silu,
  slice,
  softmax,
  softmaxLoss,
  softplus,
  spaceToDepth,
  subtract,
  tanh,
  unflatten,
} from './layers/index.ts'
export { parseLabels } from './models/labels.ts'
export { type ModelData, type ModelSource, type OpenModelOptions, openModel } from './models/open-model.ts'
export type {
  Assumed,
  Classified,
  ClassifyOptions,
  Embedded,
  EmbedOptions,
  ManyOptions,
  ModelRunOptions,
  OpenedModel,
} from './models/opened-model.ts'
export type { Picture, RgbaPixels } from './models/pictures.ts'
export { modelBytes, type Saveable, saveModel } from './models/save-model.ts'
export type { Prediction } from './models/scores.ts'
export {
  alexnet,
  alexnetCifar10,
  alexnetFull,
  alexnetTorchvision,
  convnextTiny,
  defineNetwork,
  densenet121,
  efficientnetB0,
  googlenet,
  type InitializeOptions,
  initialize,
  initializeForTraining,
  initializeImages,
  type LayerCounts,
  lastFixedTensor,
  layerCounts,
  lenet,
  mobilenetV2,
  mobilenetV3Large,
  type Network,
  type NetworkDefinition,
  type NetworkOptions,
  networkCounts,
  networkNamed,
  networks,
  overfeat,
  type ResolvedLayer,
  resnet18,
  resnet20Cifar,
  resnet50,
  type SplitNetwork,
  shufflenetV2,
  splitNetwork,
  squeezenet,
  vgg16,
  vggA,
  weightDecays,
} from './networks/index.ts'
export { type Adam, adam, type Optimizer, type Sgd, sgd } from './optimizers/index.ts'
export type { Keep, Pass, Plan } from './plan/plan.ts'
export type { Training } from './plan/training.ts'
export type { Tuning } from './runtime/tuning.ts'
export {
  openSession,
  type Session,
  type SessionChoices,
  type SessionOptions,
  type SessionRunOptions,
} from './session.ts'
export type { Layout, Layouts } from './session-tensors.ts'
export type { Shape } from './tensor.ts'
export { VERSION } from './version.ts'
