import { concat, crop, pad, slice } from '../../../../layers/index.ts'
import type { NodeContext } from '../node-context.ts'
import { extentOf, type Value, wholeAxis } from '../views.ts'

/**
 * An image of the size of `image`, (N, C, H, W), with `count` channels that are `number` everywhere: rows of padding,
 * without the image that they were added to. `part` is for the layers' names.
 */
export function constantChannels(
  node: NodeContext,
  image: Value,
  { count, number, part }: { readonly count: number; readonly number: number; readonly part: string },
): Value {
  const [height, width, channels] = [
    extentOf(image.shape, 'h'),
    extentOf(image.shape, 'w'),
    extentOf(image.shape, 'c'),
  ]
  const padded = node.layerBefore(`${part}/padded`, [image], (name, inputs) =>
    pad(name, { padding: [height, 0, 0, 0], mode: 'constant', value: number, ...inputs }),
  )
  const rows = node.layerBefore(`${part}/rows`, [padded], (name, inputs) =>
    crop(name, { height, width, ...inputs }),
  )
  const copies = node.parts(Math.ceil(count / channels)).map(() => rows)
  const enough =
    copies.length === 1
      ? rows
      : node.layerBefore(`${part}/copies`, copies, (name, { inputs }) => concat(name, { inputs }))
  const made =
    extentOf(enough.shape, 'c') === count
      ? enough
      : node.layerBefore(part, [enough], (name, inputs) => slice(name, { begin: 0, end: count, ...inputs }))
  return {
    ...image,
    ...made,
    axes: image.axes.map((axis, i) => (i === 1 ? wholeAxis(made.shape, 'c') : axis)),
  }
}
