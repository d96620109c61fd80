import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { transformSync } from 'esbuild'
import { afterAll, expect, it } from 'vitest'
import { onnxModel } from '../../src/formats/onnx.ts'
import { importOnnx } from '../../src/formats/onnx-import.ts'
import { initializeForTraining, squeezenet } from '../../src/networks/index.ts'
import { decodeModel } from '../../src/train/model-file.ts'
import { documentedPrograms } from '../support/docs.ts'
import { gradient, jpegOf, pngOf } from '../support/images.ts'
import { root } from '../support/package.ts'

const folder = mkdtempSync(join(tmpdir(), 'convmark-docs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
mkdirSync(join(folder, 'node_modules'))
symlinkSync(root, join(folder, 'node_modules/convmark'), 'dir')

/** Runs the TypeScript and JavaScript of a file in the folder, one program after the other; what each printed. */
async function outputsOf(file: string, prepare: (text: string) => string = (text) => text) {
  const outputs: string[] = []
  for (const { name, text } of documentedPrograms().filter((program) => program.file === file)) {
    const { code } = transformSync(prepare(text), { loader: 'ts' })
    const script = join(folder, name.replace(/\.[jt]s$/, '.mjs'))
    writeFileSync(script, code)
    const env = { ...process.env, CONVMARK_CACHE: join(folder, 'cache') }
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [script], { cwd: folder, env })
    expect(stderr).toBe('')
    outputs.push(stdout)
  }
  return outputs
}

const write = (file: string, content: Uint8Array): void => writeFileSync(join(folder, file), content)

/** A network of that many classes as an ONNX file, of which nobody says that it learned anything. */
function writeOnnx(file: string, classes: number): void {
  const network = squeezenet({ classes })
  write(file, onnxModel(network, initializeForTraining(network, { seed: 1 }), { layout: 'NCHW' }))
}

it('the programs of docs/training.md run, one after the other', async () => {
  write('seven.png', await pngOf(gradient(40, 30)))
  writeOnnx('model.onnx', 4)
  for (const name of ['cat', 'dog']) {
    mkdirSync(join(folder, 'photos', name), { recursive: true })
    for (let i = 0; i < 20; i++) write(`photos/${name}/${i}.png`, await pngOf(gradient(60, 50, i)))
  }
  // MNIST has to be fetched; a set of its size for the network that is at hand everywhere
  const outputs = await outputsOf('docs/training.md', (text) => text.replaceAll("'mnist'", "'synthetic'"))
  const [trained, resumed, evaluated, seen] = outputs
  expect(trained).toMatch(/^1 [\d.]+\n(.*\n)*16 [\d.]+\n$/)
  expect(resumed).toMatch(/^3 \{/)
  expect(evaluated).toMatch(/^[\d.]+ [\d.]+\n$/)
  expect(seen).toMatch(/^pattern \d [\d.]+\n$/)
  expect(decodeModel(readFileSync(join(folder, 'mine.safetensors')), 'mine').classNames).toEqual([
    'cat',
    'dog',
  ])
})

it('the programs of docs/models.md run', async () => {
  writeOnnx('model.onnx', 1000)
  writeOnnx('squeezenet.onnx', 2)
  for (const [i, file] of ['photo.jpg', 'a.jpg', 'b.jpg', 'c.jpg', 'which.jpg'].entries())
    write(file, await jpegOf(gradient(300, 200, i)))
  write('b.png', await pngOf(gradient(300, 200)))
  const [answers, , nearest] = await outputsOf('docs/models.md')
  expect(answers).toMatch(/^.+ [\d.]+\n0 .+\n1 .+\n\{/)
  expect(answers).toContain('does not say how its images are to be prepared')
  expect(nearest).toMatch(/^\[ '[abc].jpg', '[abc].jpg', '[abc].jpg' \]\n$/)
})

const PYTHON = '/usr/bin/python3'
const hasTorch = spawnSync(PYTHON, ['-c', 'import torch, onnx']).status === 0

/** What a page has and Node lacks: `fetch` of a file, and a worker's `postMessage`. */
const PAGE = `
import { readFileSync } from 'node:fs'
globalThis.fetch = async (file) => new Response(readFileSync(file))
globalThis.postMessage = (message) => console.log(message.join())
`

it.skipIf(!hasTorch)(
  'the programs of docs/onnx.md run, one after the other, from PyTorch (skipped: not installed; apt-get install python3-torch python3-onnx)',
  async () => {
    const [, exporting] = /^```py\n(.*?)^```$/ms.exec(readFileSync(join(root, 'docs/onnx.md'), 'utf8'))!
    await promisify(execFile)(PYTHON, ['-c', exporting!], { cwd: folder })
    const [inNode, inPage, further] = await outputsOf('docs/onnx.md', (text) => `${PAGE}${text}`)
    expect(inNode).toMatch(/^opset \d+ of pytorch [\d.]+: Float32Array\(10\) \[/)
    // Of the same image
    const classes = inNode!
      .slice(inNode!.indexOf('[') + 1, inNode!.indexOf(']'))
      .split(',')
      .map(Number)
    const ofPage = inPage!.split(',').map(Number)
    expect(ofPage).toHaveLength(10)
    for (const [i, value] of ofPage.entries()) expect(value).toBeCloseTo(classes[i]!, 5)
    const [losses, ...steps] = further!.trim().split('\n')
    expect(losses).toMatch(/^\[ 'softmax-loss of [^']+' \]$/)
    const [early, late] = steps.map((line) => Number(line.split(' ')[1]))
    expect(late).toBeLessThan(early!)
    const trained = await importOnnx(readFileSync(join(folder, 'trained.onnx')))
    const original = await importOnnx(readFileSync(join(folder, 'net.onnx')))
    expect(Object.keys(trained.parameters)).toEqual(Object.keys(original.parameters))
    expect(trained.parameters).not.toEqual(original.parameters)
  },
)
