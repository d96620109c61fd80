import type { LayerKind } from '../../layers/index.ts'
import type { ResolvedLayer } from '../../networks/network.ts'
import { activationPlanner } from './activation.ts'
import { addPlanner } from './add.ts'
import { averagePoolPlanner } from './average-pool.ts'
import { batchNormPlanner } from './batch-norm.ts'
import { channelPoolPlanner } from './channel-pool.ts'
import { channelShufflePlanner } from './channel-shuffle.ts'
import { concatPlanner } from './concat.ts'
import { convPlanner } from './conv.ts'
import { convTransposePlanner } from './conv-transpose.ts'
import { cropPlanner } from './crop.ts'
import { densePlanner } from './dense.ts'
import { depthToSpacePlanner } from './depth-to-space.ts'
import { dividePlanner } from './divide.ts'
import { dropoutPlanner } from './dropout.ts'
import { flattenPlanner } from './flatten.ts'
import { groupNormPlanner } from './group-norm.ts'
import { instanceNormPlanner } from './instance-norm.ts'
import { l2LossPlanner } from './l2-loss.ts'
import { layerNormPlanner } from './layer-norm.ts'
import type { LayerPlanner } from './layer-planner.ts'
import { lrnPlanner } from './lrn.ts'
import { maxPoolPlanner } from './max-pool.ts'
import { maximumPlanner } from './maximum.ts'
import { minimumPlanner } from './minimum.ts'
import { multiplyPlanner } from './multiply.ts'
import { padPlanner } from './pad.ts'
import { preluPlanner } from './prelu.ts'
import { resizePlanner } from './resize.ts'
import { scalePlanner } from './scale.ts'
import { slicePlanner } from './slice.ts'
import { softmaxPlanner } from './softmax.ts'
import { softmaxLossPlanner } from './softmax-loss.ts'
import { spaceToDepthPlanner } from './space-to-depth.ts'
import { subtractPlanner } from './subtract.ts'
import { unflattenPlanner } from './unflatten.ts'

export type { Fused, LayerPlanner, LayerStep, PlanContext, Tail } from './layer-planner.ts'

/** The table kind -> rule. A kind without one does not compile. */
const layerPlanners: { readonly [Kind in LayerKind]: LayerPlanner<Kind> } = {
  conv: convPlanner,
  'conv-transpose': convTransposePlanner,
  dense: densePlanner,
  relu: activationPlanner('relu'),
  sigmoid: activationPlanner('sigmoid'),
  tanh: activationPlanner('tanh'),
  clip: activationPlanner('clip'),
  elu: activationPlanner('elu'),
  gelu: activationPlanner('gelu'),
  'hard-sigmoid': activationPlanner('hard-sigmoid'),
  'hard-swish': activationPlanner('hard-swish'),
  'leaky-relu': activationPlanner('leaky-relu'),
  mish: activationPlanner('mish'),
  power: activationPlanner('power'),
  erf: activationPlanner('erf'),
  exp: activationPlanner('exp'),
  abs: activationPlanner('abs'),
  silu: activationPlanner('silu'),
  softplus: activationPlanner('softplus'),
  prelu: preluPlanner,
  lrn: lrnPlanner,
  dropout: dropoutPlanner,
  'max-pool': maxPoolPlanner,
  'average-pool': averagePoolPlanner,
  'channel-pool': channelPoolPlanner,
  'batch-norm': batchNormPlanner,
  scale: scalePlanner,
  add: addPlanner,
  subtract: subtractPlanner,
  multiply: multiplyPlanner,
  divide: dividePlanner,
  maximum: maximumPlanner,
  minimum: minimumPlanner,
  concat: concatPlanner,
  slice: slicePlanner,
  crop: cropPlanner,
  pad: padPlanner,
  flatten: flattenPlanner,
  unflatten: unflattenPlanner,
  'channel-shuffle': channelShufflePlanner,
  'depth-to-space': depthToSpacePlanner,
  'space-to-depth': spaceToDepthPlanner,
  resize: resizePlanner,
  'layer-norm': layerNormPlanner,
  'instance-norm': instanceNormPlanner,
  'group-norm': groupNormPlanner,
  softmax: softmaxPlanner,
  'l2-loss': l2LossPlanner,
  'softmax-loss': softmaxLossPlanner,
}

/** The rule of a layer whose kind is known only at run time. */
export function plannerOf(layer: ResolvedLayer): LayerPlanner<LayerKind> {
  return layerPlanners[layer.layer.kind] as LayerPlanner<LayerKind>
}
