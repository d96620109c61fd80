// The user's own ONNX file, which both ONNX Runtimes get instead of convmark's export if they can run it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { PEER_RUNNER } from '../../src/bench/contenders/peers.ts'
import type { ContenderSetup } from '../../src/bench/contenders/protocol.ts'
import { writeWeights } from '../../src/bench/contenders/weights-file.ts'
import { importOnnx } from '../../src/formats/onnx-import.ts'
import { networkData } from '../../src/networks/network-data.ts'
import { built } from '../support/built.ts'
import { exampleSetup } from '../support/contenders/setup.ts'
import { type GraphParts, indices, modelOf, numbers, op, weights } from '../support/onnx-graphs.ts'
import { hasOnnxRuntime } from '../support/onnx-runtime.ts'
import { root } from '../support/package.ts'
import { exportZoo, hasTorchvision } from '../support/zoo.ts'

const { Contender } = await built<typeof import('../../src/bench/contenders/contender.ts')>(
  'bench/contenders/contender.js',
)

const folder = mkdtempSync(join(tmpdir(), 'convmark-onnx-files-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Options extends Partial<Pick<ContenderSetup, 'engine' | 'batch' | 'pass'>> {
  /** What the processes get is so many times the file's own weights. */
  readonly scale?: number
}

/** Opens the peer with a model of these parts, as `opened` does. */
const openedWith = (parts: GraphParts, options?: Options) => opened(modelOf(parts), options)

/** Opens the peer with a file, whose check compares it with convmark, and says what it says when it is ready. */
async function opened(bytes: Uint8Array, options: Options = {}) {
  const { scale = 1, ...changes } = options
  const file = join(folder, 'model.onnx')
  writeFileSync(file, bytes)
  const { network, parameters, notes } = await importOnnx(bytes)
  const scaled = Object.entries(parameters).map(([name, values]) => [
    name,
    values.map((each) => scale * each),
  ])
  const weightsFile = await writeWeights(network, Object.fromEntries(scaled))
  const setup = exampleSetup({
    engine: 'onnxruntime-node',
    network: networkData(network),
    batch: 3,
    isChecked: true,
    packagesFrom: pathToFileURL(join(root, 'peers/')).href,
    weightsFile: weightsFile.path,
    onnx: { ...notes, file },
    ...changes,
  })
  try {
    const contender = await Contender.start(PEER_RUNNER, setup)
    contender.end()
    return contender.ready
  } finally {
    await weightsFile.remove()
  }
}

const LAYERS = {
  nodes: [
    op('Conv', 'pixels w b -> conv'),
    op('Relu', 'conv -> features'),
    op('Flatten', 'features -> flat'),
  ],
  constants: [weights('w', [4, 3, 2, 2]), weights('b', [4])],
  outputs: ['flat'],
}
const open: GraphParts = { ...LAYERS, inputs: { pixels: ['N', 3, 6, 5] } }
/** Its Reshape has the batch too. */
const frozen: GraphParts = {
  nodes: [op('Conv', 'pixels w -> conv'), op('Reshape', 'conv shape -> rows'), op('MatMul', 'rows m -> out')],
  constants: [weights('w', [4, 3, 2, 2]), indices('shape', [2, -1]), weights('m', [80, 5])],
  outputs: ['out'],
  inputs: { pixels: [2, 3, 6, 5] },
}
const MEASURED = 'images converted outside the timing'

describe.skipIf(!hasOnnxRuntime).each(['onnxruntime-node', 'onnxruntime-web'])(
  '%s with a file of the user’s (skipped: not installed; npm ci --prefix peers --ignore-scripts)',
  (engine) => {
    it('runs it as it is, and is compared with convmark by the file’s names and in its layout', async () => {
      const { engine: info, check, warnings } = await openedWith(open, { engine })
      expect(info.reason).toMatch(new RegExp(`; model.onnx itself; ${MEASURED}$`))
      expect(check).toMatchObject({ passed: true, tensor: 'flat' })
      expect(warnings).toEqual([])
    })

    it('runs one with channels last', async () => {
      const { engine: info } = await openedWith(
        {
          nodes: [
            op('Transpose', 'pixels -> first', { perm: [0, 3, 1, 2] }),
            op('Conv', 'first w -> conv'),
            op('Transpose', 'conv -> last', { perm: [0, 2, 3, 1] }),
          ],
          constants: [weights('w', [4, 3, 2, 2])],
          inputs: { pixels: ['N', 6, 5, 3] },
          outputs: ['last'],
        },
        { engine },
      )
      expect(info.reason).toContain('; model.onnx itself; ')
    })

    it('runs one whose batch is frozen, with the batch that is asked for written into it', async () => {
      const { engine: info, check } = await openedWith(frozen, { engine })
      expect(info.reason).toContain('; model.onnx itself, its input changed to [3, 3, 6, 5]; ')
      expect(check).toMatchObject({ passed: true, tensor: 'out' })
      const { engine: own } = await openedWith(frozen, { engine, batch: 2 })
      expect(own.reason).toContain('; model.onnx itself; ')
    })

    it('gets convmark’s export if the file normalizes by the batch, and says so', async () => {
      const norm = op('BatchNormalization', 'pixels s b m v -> y m2 v2', { training_mode: 1 })
      const constants = ['s', 'b', 'm', 'v'].map((name, i) =>
        numbers(name, [1 + i, 2 + i, 3 + i].map(Math.sqrt)),
      )
      const parts = { ...open, nodes: [norm, op('Relu', 'y -> out')], constants, outputs: ['out'] }
      const { check, warnings } = await openedWith(parts, { engine })
      expect(warnings).toEqual([
        "it runs convmark's export, not model.onnx: its BatchNormalization would run in training mode",
      ])
      expect(check).toMatchObject({ passed: true, tensor: 'out' })
    })

    it('gets convmark’s export if the batch is in other places too, and says why', async () => {
      const {
        engine: info,
        check,
        warnings,
      } = await openedWith(
        {
          ...frozen,
          nodes: [op('Concat', 'two rest -> shape', { axis: 0 }), ...frozen.nodes],
          constants: [
            indices('two', [2]),
            indices('rest', [-1]),
            weights('w', [4, 3, 2, 2]),
            weights('m', [80, 5]),
          ],
        },
        { engine },
      )
      expect(info.reason).toMatch(
        /; convmark's export, since model\.onnx can't be run here: .*; NCHW, images/,
      )
      expect(warnings).toHaveLength(1)
      expect(warnings![0]).toMatch(/^it runs convmark's export, not model\.onnx: /)
      expect(check).toMatchObject({ passed: true })
    })
  },
)

describe.skipIf(!hasOnnxRuntime || !hasTorchvision)(
  'a peer with a file that PyTorch exported in training mode (skipped: not installed; apt-get install python3-torchvision)',
  () => {
    it.each([9, 17])('of opset %i gets convmark’s export, and says why', async (opset) => {
      const options = ['--size', '32', '--opset', String(opset), '--train']
      const { model } = exportZoo(['mobilenet_v2'], options)('mobilenet_v2')
      const { engine: info, check, warnings } = await opened(model)
      // Its opset 9 says of no Dropout that it drops.
      const operators = opset === 9 ? 'BatchNormalization' : 'BatchNormalization and Dropout'
      const reason = `its ${operators} would run in training mode`
      expect(info.reason).toContain(`; convmark's export, since model.onnx can't be run here: ${reason}; `)
      expect(warnings).toEqual([`it runs convmark's export, not model.onnx: ${reason}`])
      expect(check).toMatchObject({ passed: true, tensor: 'output' })
    })
  },
)

describe.skipIf(!hasOnnxRuntime)('a peer with a file of the user’s (skipped: not installed)', () => {
  it('that has its constants as inputs too warns of them', async () => {
    const { warnings } = await openedWith({ ...open, inputs: { ...open.inputs, b: [4] } })
    expect(warnings).toEqual([
      "model.onnx: 1 constants are also inputs, so other runtimes can't rely on them.",
    ])
  })

  it('whose images are no float32 gets convmark’s export', async () => {
    const { warnings } = await openedWith({
      ...open,
      nodes: [op('Cast', 'bytes -> pixels', { to: 1 }), ...open.nodes],
      inputs: { bytes: ['N', 3, 6, 5] },
      elemType: 2,
    })
    expect(warnings).toEqual([
      "it runs convmark's export, not model.onnx: its input is uint8, and images here are float32",
    ])
  })

  it('with other weights than the network’s is refused', async () => {
    await expect(openedWith(open, { scale: 1.01 })).rejects.toThrow(
      /^refused: flat differs from convmark's by /,
    )
  })

  it('with two inputs of images is not compared, and the pass backward has no gradients', async () => {
    const both = {
      nodes: [op('Add', 'a b -> sum'), op('Relu', 'sum -> out')],
      inputs: { a: ['N', 3, 6, 5], b: ['N', 3, 6, 5] },
      outputs: ['out'],
    }
    await expect(openedWith(both)).rejects.toThrow(
      'the network reads a, b; adapters have one input of images',
    )
    await expect(openedWith(open, { pass: 'forward-backward' })).rejects.toThrow(
      'has no training in JavaScript',
    )
  })
})
