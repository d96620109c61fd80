import { type Activation, layerCounts, type Network, type ResolvedLayer } from 'convmark'
import { formatCount } from 'convmark/report'
import { useState } from 'preact/hooks'
import { type Texts, useTexts } from '../texts/index.ts'
import type { Maps } from './explain-work.ts'
import { FeatureMaps } from './feature-maps.tsx'
import { LayerShape } from './layer-shape.tsx'
import { asImage } from './picture-input.ts'
import type { LayerMaps } from './use-maps.ts'
import { useNearness } from './use-nearness.ts'

interface LayerCardProps {
  readonly network: Network
  readonly resolved: ResolvedLayer
  /** What is to be said of this very layer. */
  readonly remark: string
  readonly watch: LayerMaps['watch']
}

/** A layer: its shape, what it does, what it costs, and what it makes of the picture. */
export function LayerCard({ network, resolved, remark, watch }: LayerCardProps) {
  const { explain } = useTexts()
  const { layer, inputShapes, outputShape } = resolved
  const { parameters, forward } = layerCounts(network, resolved)
  const shape = explain.shape(inputShapes.map(shapeText).join(', '), shapeText(outputShape))
  // Only cards near the screen have their maps: hundreds of layers would be too much for the page
  const [maps, setMaps] = useState<Maps | null>(null)
  const place = useNearness((isNear) => {
    watch(layer.name, isNear ? setMaps : null)
    if (!isNear) setMaps(null)
  })
  return (
    <section ref={place} class="card layer" aria-labelledby={`layer-${layer.name}`}>
      <LayerShape shape={outputShape} label={shape} />
      <div>
        <h3 id={`layer-${layer.name}`}>{layer.name}</h3>
        <p>
          {layerText(explain, resolved)} {remark}
        </p>
        <p class="counts">
          <span>{shape}</span>
          {parameters > 0 && <span>{explain.parameters(formatCount(parameters))}</span>}
          <span>{explain.flops(formatCount(forward))}</span>
        </p>
      </div>
      {maps && <FeatureMaps layer={layer.name} allChannels={asImage(outputShape)[2]} maps={maps} />}
    </section>
  )
}

const shapeText = (shape: readonly number[]): string => shape.join(' × ') || '1'

const extentText = (extent: number | readonly [number, number]): string =>
  (typeof extent === 'number' ? [extent, extent] : extent).join(' × ')

const strideOf = (stride: number | readonly [number, number] | undefined): number =>
  typeof stride === 'object' ? stride[0] : (stride ?? 1)

function layerText(explain: Texts['explain'], resolved: ResolvedLayer): string {
  const { activation } = resolved.layer.options as { readonly activation?: Activation }
  const kind = typeof activation === 'object' ? activation.kind : activation
  const after = kind === undefined ? '' : kind === 'relu' ? explain.relu : explain.activation(kind)
  return `${ownText(explain, resolved)}${after && ` ${after}`}`
}

function ownText({ layers, kinds }: Texts['explain'], { layer, inputShapes }: ResolvedLayer): string {
  const channels = inputShapes[0]!.at(-1)!
  if (layer.kind === 'conv') {
    const { filters, kernel, stride, groups = 1 } = layer.options
    return layers.conv(filters, extentText(kernel), channels / groups, strideOf(stride))
  }
  if (layer.kind === 'lrn') return layers.lrn(2 * layer.options.radius + (layer.options.even ? 2 : 1))
  if (layer.kind === 'max-pool' && layer.options.kernel !== 'global') {
    const { kernel, stride } = layer.options
    return layers['max-pool'](extentText(kernel), strideOf(stride))
  }
  return kinds[layer.kind] ?? layers.other(layer.kind)
}
