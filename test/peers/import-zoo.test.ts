// torchvision's networks imported and exported again: ONNX Runtime makes of our files what PyTorch makes of its own.
import { beforeAll, describe, expect, it } from 'vitest'
import { onnxModel } from '../../src/formats/onnx.ts'
import { importOnnx } from '../../src/formats/onnx-import.ts'
import { relativeError } from '../support/finite-differences.ts'
import { fromFile } from '../support/onnx-cases.ts'
import { hasOnnxRuntime, onnxRuntime } from '../support/onnx-runtime.ts'
import { exportZoo, hasTorchvision, type ZooFile } from '../support/zoo.ts'

const NETWORKS = ['squeezenet1_1', 'shufflenet_v2_x1_0', 'mobilenet_v3_large']
const MAX_ERROR = 1e-4

describe.skipIf(!hasTorchvision || !hasOnnxRuntime)(
  'torchvision’s networks, exported again (skipped: not installed; apt-get install python3-torchvision, npm ci --prefix peers --ignore-scripts)',
  () => {
    let file: (name: string) => ZooFile
    beforeAll(() => {
      file = exportZoo(NETWORKS, ['--size', '64', '--opset', '13'])
    })

    it.each(NETWORKS.flatMap((name) => (['NCHW', 'NHWC'] as const).map((layout) => [name, layout] as const)))(
      '%s, %s',
      async (name, layout) => {
        const { model, tensors } = file(name)
        const [input, output] = ['input', 'output'].map((tensor) => tensors.get(tensor)!)
        const { network, parameters, notes } = await importOnnx(model)
        const { InferenceSession, Tensor } = onnxRuntime()
        const session = await InferenceSession.create(onnxModel(network, parameters, { layout }))
        const [batch, channels, height, width] = input!.shape as [number, number, number, number]
        const values = input!.data as Float32Array
        const images =
          layout === 'NCHW'
            ? new Tensor('float32', values, input!.shape)
            : new Tensor('float32', fromFile(values, [height, width, channels], 'NCHW'), [
                batch,
                height,
                width,
                channels,
              ])
        const outputs = await session.run({ [notes.inputs[0]!.tensor]: images })
        const found = outputs[notes.outputs[0]!.tensor]!.data
        expect(relativeError(found, output!.data as Float32Array)).toBeLessThan(MAX_ERROR)
      },
    )
  },
)
