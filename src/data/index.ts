// These also run in a browser, where bytes come from elsewhere: idxSplit, cifar10Split, openDecoder.
export { type Augmentation, requireColours } from './augmentation.ts'
export { choosePreprocessing, type PreprocessingOptions } from './choose-preprocessing.ts'
export { cifar10Split } from './cifar10.ts'
export type { ChannelStatistics, ColourComponents } from './colour.ts'
export {
  type Channels,
  type Dataset,
  type DecodedImage,
  type DecoderOptions,
  type NamedBytes,
  type Split,
  triedSplit,
} from './dataset.ts'
export { type Decoder, openDecoder } from './decode.ts'
export { type DataIdentity, dataDifference, type SplitIdentity } from './identity.ts'
export { idxDataset, idxSplit } from './idx.ts'
export { dataSources, identifyDataset, type OpenOptions, openDataset } from './open.ts'
export { epochOrder } from './order.ts'
export { parseAugmentation, parsePreprocessing } from './parse-preprocessing.ts'
export {
  type Batch,
  type BatchOptions,
  fullBatches,
  openPipeline,
  type Pipeline,
  type PipelineOptions,
} from './pipeline.ts'
export {
  centreCrop,
  checkPreprocessing,
  type Normalisation,
  type Preprocessing,
  tenCrops,
} from './preprocessing.ts'
export type { SkippedImage } from './samples.ts'
export { channelStatistics, colourComponents, type StatisticsOptions } from './statistics.ts'
export { type SyntheticOptions, syntheticDataset } from './synthetic.ts'
