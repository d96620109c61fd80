// A real classifier, too large for this repository: SqueezeNet 1.1 in half precision, opset 7, of
// microsoft/Windows-Machine-Learning, and photos. They are looked for in the folder CONVMARK_MODELS, or in
// ../shared/models beside the repository.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { importOnnx } from '../../src/formats/onnx-import.ts'
import { built } from '../support/built.ts'
import { presentEngines } from '../support/follow-golden.ts'
import { root } from '../support/package.ts'
import { openUntuned } from '../support/untuned.ts'

const { openSession } = await built<typeof import('../../src/index.ts')>('index.js')
const { openDecoder } = await built<typeof import('../../src/data/index.ts')>('data/index.js')

const folder = process.env.CONVMARK_MODELS ?? join(root, '../shared/models')
const isThere = existsSync(join(folder, 'SqueezeNet_fp16.onnx'))

/** Of the network's input: blue, green and red, from 0 to 255. */
async function photo(name: string): Promise<Float32Array> {
  const decoder = await openDecoder({ decoder: 'wasm' })
  const { pixels } = await decoder.decode({ name, bytes: readFileSync(join(folder, name)) })
  return Float32Array.from(pixels, (_, i) => pixels[i - (i % 3) + 2 - (i % 3)]!)
}

describe.skipIf(!isThere)('SqueezeNet in half precision (skipped: not in CONVMARK_MODELS)', () => {
  it.each(presentEngines)('sees what is on photos, on %s', async (engine) => {
    const { network, parameters, notes } = await importOnnx(
      readFileSync(join(folder, 'SqueezeNet_fp16.onnx')),
    )
    expect(notes.remarks.join()).toContain('52 constants are also inputs')
    const labels = readFileSync(join(folder, 'labels.txt'), 'utf8').split('\n')
    const opened = await openUntuned(engine)
    await using session = await openSession(network, { batch: 1, engine: opened, names: notes.tensors })
    session.write(parameters)
    // What ONNX Runtime says.
    for (const [file, label, probability] of [
      ['kitten.png', 'tabby', 0.932],
      ['fish.png', 'tench', 0.738],
    ] as const) {
      await session.run({ [notes.inputs[0]!.tensor]: await photo(file) })
      const found = session.read(notes.outputs[0]!.name)
      const best = found.indexOf(Math.max(...found))
      expect(labels[best]).toContain(label)
      expect(found[best]).toBeCloseTo(probability, 2)
    }
    await opened.dispose()
  })
})
