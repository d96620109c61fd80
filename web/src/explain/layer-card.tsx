import { layerCounts, type Network, type ResolvedLayer } from 'convmark'
import { formatCount } from 'convmark/report'
import { type Texts, useTexts } from '../texts/index.ts'
import { FeatureMaps } from './feature-maps.tsx'
import { LayerShape } from './layer-shape.tsx'

interface LayerCardProps {
  readonly network: Network
  readonly resolved: ResolvedLayer
  /** (H, W, C); null until they are computed. */
  readonly activations: Float32Array | null
}

/** A layer: its shape, what it does, what it costs, and what it makes of the picture. */
export function LayerCard({ network, resolved, activations }: LayerCardProps) {
  const { explain } = useTexts()
  const { layer, inputShapes, outputShape } = resolved
  const { parameters, forward } = layerCounts(network, resolved)
  const shape = explain.shape(shapeText(inputShapes[0]!), shapeText(outputShape))
  return (
    <section class="card layer" aria-labelledby={`layer-${layer.name}`}>
      <LayerShape shape={outputShape} label={shape} />
      <div>
        <h3 id={`layer-${layer.name}`}>{layer.name}</h3>
        <p>
          {layerText(explain, resolved)} {explain.remarks[layer.name]}
        </p>
        <p class="counts">
          <span>{shape}</span>
          {parameters > 0 && <span>{explain.parameters(formatCount(parameters))}</span>}
          <span>{explain.flops(formatCount(forward))}</span>
        </p>
      </div>
      {activations && <FeatureMaps layer={layer.name} shape={outputShape} values={activations} />}
    </section>
  )
}

const shapeText = (shape: readonly number[]): string => shape.join(' × ')

const extentText = (extent: number | readonly [number, number]): string =>
  (typeof extent === 'number' ? [extent, extent] : extent).join(' × ')

const strideOf = (stride: number | readonly [number, number] | undefined): number =>
  typeof stride === 'object' ? stride[0] : (stride ?? 1)

function layerText({ layers }: Texts['explain'], { layer, inputShapes }: ResolvedLayer): string {
  const channels = inputShapes[0]!.at(-1)!
  if (layer.kind === 'conv') {
    const { filters, kernel, stride } = layer.options
    return layers.conv(filters, extentText(kernel), channels, strideOf(stride))
  }
  if (layer.kind === 'lrn') return layers.lrn(2 * layer.options.radius + 1)
  if (layer.kind === 'max-pool' && layer.options.kernel !== 'global') {
    const { kernel, stride } = layer.options
    return layers['max-pool'](extentText(kernel), strideOf(stride))
  }
  return layers.other(layer.kind)
}
