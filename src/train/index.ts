/**
 * The training loop, evaluation, and the files of checkpoints and models.
 *
 * @module convmark/train
 */
export { type Accuracy, type EvaluateOptions, type EvaluationBatch, evaluate } from './evaluate.ts'
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
