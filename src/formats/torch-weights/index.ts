export { type TorchNames, WEIGHT_NAMES, type WeightNames } from './names.ts'
export { classesOf, type RecognizedWeights, recognizeWeights } from './recognize.ts'
export { weightsOf, weightTensors } from './weights.ts'
