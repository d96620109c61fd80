// A real classifier, too large for this repository: SqueezeNet 1.1 in half precision, opset 7, of
// microsoft/Windows-Machine-Learning, and photos. They are looked for in the folder CONVMARK_MODELS, or in
// ../shared/models beside the repository.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { importOnnx } from '../../src/formats/onnx-import.ts'
import { parseClassification } from '../../src/records/classification.ts'
import { parseEvaluation } from '../../src/records/evaluation.ts'
import { built } from '../support/built.ts'
import { presentEngines } from '../support/follow-golden.ts'
import { inProcess } from '../support/in-process.ts'
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

  it('is classified with by one command, with the labels that came with it', async () => {
    const { code, stdout } = await inProcess(
      'classify',
      join(folder, 'SqueezeNet_fp16.onnx'),
      join(folder, 'kitten.png'),
      join(folder, 'fish.png'),
      ...['--preprocess', 'caffe', '--mean', '0', '--resize', '224', '--labels', join(folder, 'labels.txt')],
      ...['--json', '-', '--tuning-budget', '0'],
    )
    const [kitten, fish] = parseClassification(stdout, 'stdout').pictures
    expect(kitten!.top![0]).toMatchObject({ index: 281, name: 'tabby, tabby cat' })
    expect(kitten!.top![0]!.probability).toBeCloseTo(0.932, 2)
    expect(fish!.top![0]).toMatchObject({ index: 0, name: 'tench, Tinca tinca' })
    expect(fish!.top![0]!.probability).toBeCloseTo(0.738, 2)
    expect(code).toBe(0)
  })

  it('learns textures that nobody taught it from twenty pictures of each', { timeout: 240_000 }, async () => {
    const pictures = join(mkdtempSync(join(tmpdir(), 'convmark-textures-')), 'pictures')
    try {
      execFileSync(process.execPath, [join(root, 'scripts/drawn-pictures.mjs'), pictures])
      const out = join(dirname(pictures), 'mine.safetensors')
      const train = await inProcess(
        ...['train', join(folder, 'SqueezeNet_fp16.onnx'), '--data', `folder:${pictures}`],
        ...['--preprocess', 'caffe', '--mean', '0', '--freeze', 'all-but-head', '--rate', '0.001'],
        ...['--batch', '20', '--epochs', '10', '--out', out, '--tuning-budget', '0'],
      )
      expect(train).toMatchObject({ code: 0 })
      const { stdout } = await inProcess('evaluate', out, '--data', `folder:${pictures}`, '--json', '-')
      // 91.5% when it was written; a fifth by guessing, a third when trained from nothing
      expect(parseEvaluation(stdout, 'stdout').top1).toBeGreaterThan(0.8)
    } finally {
      rmSync(dirname(pictures), { recursive: true, force: true })
    }
  })
})
