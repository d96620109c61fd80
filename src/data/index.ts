/**
 * Data sets, decoding, preprocessing, augmentation and the input pipeline. `idxSplit`, `cifar10Split` and `openDecoder` also run
 * in a browser, where bytes come from elsewhere.
 *
 * @module convmark/data
 */
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
export { type DataIdentity, dataDifference, type IdentifiedData, type SplitIdentity } from './identity.ts'
export { idxDataset, idxSplit } from './idx.ts'
export {
  assumedHow,
  assumedText,
  FROM_MODEL,
  type ImageShape,
  type KnownPreprocessing,
  knownPreprocessing,
  namedPreprocessing,
  PREPROCESSING_NAMES,
  type PreprocessingChoice,
  type PreprocessingName,
  type PreprocessingParts,
  preprocessingText,
  RESIZE_OVER_SIZE,
} from './named-preprocessing.ts'
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
  CHANNEL_ORDERS,
  type ChannelOrder,
  centreCrop,
  checkPreprocessing,
  type Normalisation,
  type Preprocessing,
  type Range,
  tenCrops,
} from './preprocessing.ts'
export { FITS, type Fit, resizedSquare } from './resample.ts'
export type { SkippedImage } from './samples.ts'
export { channelStatistics, colourComponents, type StatisticsOptions } from './statistics.ts'
export { type SyntheticOptions, syntheticDataset } from './synthetic.ts'
