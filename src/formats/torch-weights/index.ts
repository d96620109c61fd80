export { type TorchNames, WEIGHT_NAMES, type WeightNames } from './names.ts'
export { type RecognizedWeights, recognizedAs, recognizeWeights } from './recognize.ts'
export { namesText, nearestText, weightsOf, weightTensors } from './weights.ts'
