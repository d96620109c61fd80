// What a layer's own plain loops make, in float64, of what the engine's step read.
import { type LayerDefinition, type LayerKind, layerDefinitions } from '../layers/index.ts'
import type { View } from '../plan/views.ts'
import { denseGrid, type Grid } from '../tensor.ts'
import { type Comparison, type Look, wholeBatch, wholeImages } from './comparison.ts'
import type { Share } from './parts.ts'

/** A layer without parameters. */
export interface OwnLoops {
  readonly kind: LayerKind
  readonly name: string
  readonly options?: object
  /** What it makes of an image depends on its place in the batch, or it makes one thing of the whole batch. */
  readonly isOfBatch?: boolean
  readonly turn?: number
}

const definitionOf = (kind: LayerKind): LayerDefinition<object> =>
  layerDefinitions[kind] as LayerDefinition<object>

/** Computes what is written: image by image, or at once. Views become grids of the image or of the batch. */
function compute(
  written: View,
  { isOfBatch = false }: OwnLoops,
  look: Look,
  share: Share,
  loops: (grid: (view: View) => Grid, truth: Grid) => void,
): Comparison[] {
  return isOfBatch
    ? wholeBatch(written, look, share, (truth) => loops(look, truth))
    : wholeImages(written, look, share, loops)
}

export function forwardLoops(
  layer: OwnLoops,
  inputs: readonly View[],
  output: View,
  look: Look,
  share: Share,
): Comparison[] {
  const { kind, name, options = {}, turn = 0 } = layer
  return compute(output, layer, look, share, (grid, truth) => {
    definitionOf(kind).forward({
      name,
      options,
      turn,
      inputs: inputs.map(grid),
      parameters: {},
      output: truth,
    })
  })
}

/** `outputGradient`: a number is that of a loss. */
export function backwardLoops(
  layer: OwnLoops,
  inputs: readonly View[],
  { output, outputGradient }: { readonly output?: View; readonly outputGradient: View | number },
  inputGradient: View,
  look: Look,
  share: Share,
): Comparison[] {
  const { kind, name, options = {}, turn = 0 } = layer
  return compute(inputGradient, layer, look, share, (grid, truth) => {
    definitionOf(kind).backward({
      name,
      options,
      turn,
      inputs: inputs.map(grid),
      parameters: {},
      output: output ? grid(output) : truth,
      outputGradient:
        typeof outputGradient === 'number'
          ? denseGrid(Float64Array.of(outputGradient), 1, [])
          : grid(outputGradient),
      inputGradients: [truth, ...inputs.slice(1).map(() => null)],
      parameterGradients: {},
    })
  })
}
