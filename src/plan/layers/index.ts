import type { LayerKind } from '../../layers/index.ts'
import type { ResolvedLayer } from '../../networks/network.ts'
import { activationPlanner } from './activation.ts'
import { addPlanner } from './add.ts'
import { averagePoolPlanner } from './average-pool.ts'
import { batchNormPlanner } from './batch-norm.ts'
import { concatPlanner } from './concat.ts'
import { convPlanner } from './conv.ts'
import { densePlanner } from './dense.ts'
import { dropoutPlanner } from './dropout.ts'
import { l2LossPlanner } from './l2-loss.ts'
import type { LayerPlanner } from './layer-planner.ts'
import { lrnPlanner } from './lrn.ts'
import { maxPoolPlanner } from './max-pool.ts'
import { slicePlanner } from './slice.ts'
import { softmaxPlanner } from './softmax.ts'
import { softmaxLossPlanner } from './softmax-loss.ts'

export type { LayerPlanner, LayerStep, PlanContext } from './layer-planner.ts'

/** The table kind -> rule. A kind without one does not compile. */
const layerPlanners: { readonly [Kind in LayerKind]: LayerPlanner<Kind> } = {
  conv: convPlanner,
  dense: densePlanner,
  relu: activationPlanner('relu'),
  sigmoid: activationPlanner('sigmoid'),
  tanh: activationPlanner('tanh'),
  lrn: lrnPlanner,
  dropout: dropoutPlanner,
  'max-pool': maxPoolPlanner,
  'average-pool': averagePoolPlanner,
  'batch-norm': batchNormPlanner,
  add: addPlanner,
  concat: concatPlanner,
  slice: slicePlanner,
  softmax: softmaxPlanner,
  'l2-loss': l2LossPlanner,
  'softmax-loss': softmaxLossPlanner,
}

/** The rule of a layer whose kind is only known at run time. */
export function plannerOf(layer: ResolvedLayer): LayerPlanner<LayerKind> {
  return layerPlanners[layer.layer.kind] as LayerPlanner<LayerKind>
}
