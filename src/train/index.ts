/**
 * The training loop, evaluation, and the files of checkpoints and models.
 *
 * @module convmark/train
 */
export { asClassifier } from './classifier.ts'
export { type Accuracy, type EvaluateOptions, type EvaluationBatch, evaluate } from './evaluate.ts'
export {
  type HeadAndBody,
  type HeadOptions,
  headAndBody,
  type ReplacedHead,
  replaceHead,
} from './head.ts'
export { featureBytes, type KeepOptions, type KeptFeatures, keepFeatures } from './kept-features.ts'
export { logitsOf } from './logits.ts'
export {
  type Checkpoint,
  decodeCheckpoint,
  decodeModel,
  encodeCheckpoint,
  encodeModel,
  type Model,
} from './model-file.ts'
export { readCheckpoint, readModel } from './read-model.ts'
export { rateAt, SCHEDULES, type Schedule } from './schedule.ts'
export type { EpochSums, TrainingState } from './state.ts'
export { type TrainEvent, type TrainingBatch, type TrainOptions, train } from './train.ts'
