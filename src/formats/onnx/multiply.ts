import { activated } from './activation.ts'
import { broadcastInputs } from './broadcast.ts'
import { node, type OnnxNode } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

/** Mul takes two inputs, so n inputs need n - 1 nodes. */
export const multiplyConverter: LayerConverter<'multiply'> = (layer) => {
  const { name, options, output } = layer
  const { values, nodes, tensors } = broadcastInputs(layer)
  const [one, ...others] = values
  const last = others.pop()!
  const products: OnnxNode[] = []
  let product = one!
  for (const [i, other] of others.entries()) {
    const value = `${name}/product${i + 1}`
    products.push(node('Mul', [product, other], value))
    product = value
  }
  const made = activated(options, output, `${name}/product`, (value) => node('Mul', [product, last], value))
  return { nodes: [...nodes, ...products, ...made.nodes], tensors: [...tensors, ...made.tensors] }
}
