// Pad: rows, columns and channels that are added, and rows and columns that negative pads remove.
import { concat, crop, pad } from '../../../../layers/index.ts'
import type { MakeLayer } from '../builder.ts'
import { asImageOfEither } from '../layout.ts'
import { axisOf, type NodeContext, type OperatorImporter } from '../node-context.ts'
import { Refusal } from '../sizes.ts'
import { extentOf, LAYOUTS, type Value, valueIn } from '../views.ts'
import { constantChannels } from './constant-channels.ts'

const PAD_MODES = ['constant', 'reflect', 'edge'] as const

/** The pads are an attribute before opset 11, and an input from then on; the value likewise. */
export const importPad: OperatorImporter = (node) => {
  const value = node.value()
  const rank = value.axes.length
  const pads = node.integersOf('pads', 1)
  const axes = node.has(3) ? node.numbers(3).map((axis) => axisOf(axis, rank)) : value.axes.map((_, i) => i)
  if (pads?.length !== 2 * axes.length) throw new Refusal(`it has ${pads?.length ?? 0} pads`)
  const given = axes.map((axis, i) => ({ axis, before: pads[i]!, after: pads[i + axes.length]! }))
  const added = given.filter(({ before, after }) => before !== 0 || after !== 0)
  if (added.length === 0) return value
  const { image, layout } = asImageOfEither(node, value)
  const side = (of: 'h' | 'w' | 'c') =>
    added.find(({ axis }) => layout[axis] === of) ?? { before: 0, after: 0 }
  if (added.some(({ axis }) => layout[axis] === 'n')) throw new Refusal('it pads the batch')
  const [rows, columns, channels] = [side('h'), side('w'), side('c')]
  const modeName = node.attributes.text('mode', 'constant')
  const mode = PAD_MODES.find((each) => each === modeName)
  if (!mode) throw new Refusal(`its mode is '${modeName}'`)
  const constant = node.attributes.has('value') ? node.attributes.float('value', 0) : node.scalar(2, 0)
  const isMore = added.some(({ axis, before, after }) => layout[axis] === 'c' || before < 0 || after < 0)
  if (mode !== 'constant' && isMore)
    throw new Refusal(`its mode is '${mode}', and it pads channels or removes rows or columns`)
  if (channels.before < 0 || channels.after < 0) throw new Refusal('it removes channels')
  const inside = cropped(node, image, rows, columns)
  const sides = [rows, columns].flatMap(({ before, after }) => [Math.max(before, 0), Math.max(after, 0)])
  const padding = sides as unknown as readonly [number, number, number, number]
  const options = { padding, mode, ...(mode === 'constant' ? { value: constant } : {}) }
  const make: MakeLayer = (name, inputs) => pad(name, { ...options, ...inputs })
  const isOfPixels = sides.some((each) => each > 0)
  const hasChannels = channels.before > 0 || channels.after > 0
  if (!hasChannels) {
    if (!isOfPixels) return valueIn(inside.tensor, inside.shape, layout)
    const made = node.layer([inside], make)
    return valueIn(made.tensor, made.shape, layout)
  }
  const pixels = isOfPixels ? node.layerBefore('pixels', [inside], make) : inside
  const like = valueIn(pixels.tensor, pixels.shape, LAYOUTS[rank]!)
  const more = (count: number, part: string) =>
    count > 0 ? [constantChannels(node, like, { count, number: constant, part })] : []
  const all = [...more(channels.before, 'before'), like, ...more(channels.after, 'after')]
  const made = node.layer(all, (name, { inputs }) => concat(name, { inputs }))
  return valueIn(made.tensor, made.shape, layout)
}

interface Sides {
  readonly before: number
  readonly after: number
}

/** Without the rows and columns that negative pads remove. */
function cropped(node: NodeContext, image: Value, rows: Sides, columns: Sides): Value {
  const removed = ({ before, after }: Sides) => [Math.max(-before, 0), Math.max(-after, 0)] as const
  const [[top, bottom], [left, right]] = [removed(rows), removed(columns)]
  if (top + bottom + left + right === 0) return image
  const [height, width] = [
    extentOf(image.shape, 'h') - top - bottom,
    extentOf(image.shape, 'w') - left - right,
  ]
  if (height < 1 || width < 1) throw new Refusal('it removes all rows or columns')
  const made = node.layerBefore('cropped', [image], (name, inputs) =>
    crop(name, { top, left, height, width, ...inputs }),
  )
  return valueIn(made.tensor, made.shape, LAYOUTS[image.axes.length]!)
}
