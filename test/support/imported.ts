// ONNX models imported and run by the plain loops, with values in the file's own order.
import { importOnnx } from '../../src/formats/onnx-import.ts'
import { type Network, shapeOf } from '../../src/networks/index.ts'
import { fromFile, toFile } from './onnx-cases.ts'
import { runPlainly } from './plain-network.ts'

/** The first output, its dims and the network. */
export async function importedOutput(
  bytes: Uint8Array,
  inputs: Readonly<Record<string, ArrayLike<number>>>,
  batch = 1,
): Promise<{ readonly values: number[]; readonly dims: number[]; readonly network: Network }> {
  const { network, parameters, notes } = await importOnnx(bytes)
  const given = notes.inputs.map(({ name, tensor, layout }) => {
    const values = Array.from(inputs[name]!)
    return [tensor, fromFile(values, shapeOf(network, tensor), layout)] as const
  })
  const tensors = runPlainly(network, batch, Object.fromEntries(given), parameters, 'forward')
  const { tensor, shape, layout } = notes.outputs[0]!
  return {
    values: [...toFile(tensors[tensor]!, shapeOf(network, tensor), layout)],
    dims: JSON.parse(shape.replace('N', `${batch}`)),
    network,
  }
}
