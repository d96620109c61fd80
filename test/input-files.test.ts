// What commands say of the files that they are given: in one line, by the file's name.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { encodeSafetensors } from '../src/formats/safetensors.ts'
import { dense, softmaxLoss } from '../src/layers/index.ts'
import { defineNetwork, initialize, initializeImages, lenet, parametersOf } from '../src/networks/index.ts'
import { encodeModel } from '../src/train/model-file.ts'
import { commandsIn, type Ended } from './support/command.ts'
import { exampleResult } from './support/run.ts'

const folder = mkdtempSync(join(tmpdir(), 'convmark-input-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const start = commandsIn(folder)
const convmark = (...args: readonly string[]): Promise<Ended> => start(args).ended
const write = (name: string, bytes: Uint8Array | string) => writeFileSync(join(folder, name), bytes)

const RESULT = JSON.stringify(exampleResult())
/** As PowerShell 5's `>` writes it. */
const utf16 = (text: string) => Buffer.from(`\ufeff${text.replaceAll('\n', '\r\n')}`, 'utf16le')

it('a result in UTF-16 is read; one in another encoding is refused', async () => {
  write('powershell.json', utf16(RESULT))
  write('latin1.json', Buffer.from(RESULT.replace('asked for', 'gewünscht'), 'latin1'))
  expect(await convmark('report', 'powershell.json', '--html', 'report.html')).toMatchObject({
    code: 0,
    stderr: '',
  })
  expect(await convmark('gate', 'powershell.json', '--baseline', 'latin1.json')).toMatchObject({
    code: 1,
    stdout: '',
    stderr:
      'convmark: latin1.json: it is not text in UTF-8, nor UTF-16 with a byte order mark; save it as UTF-8\n',
  })
})

it('a model with a misspelt option, or preprocessing of another size, is refused, by the file’s name', async () => {
  const network = defineNetwork('small', {
    inputs: { images: [4, 4, 1], labels: [] },
    layers: [
      dense('fc', { units: 10, activation: 'relu' }),
      softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
    ],
  })
  const made = (size: number) =>
    encodeModel({
      network,
      parameters: initialize(network, { seed: 1 }),
      classNames: Array.from({ length: 10 }, (_, i) => `pattern ${i}`),
      preprocessing: { size, channels: 1, resize: null, normalise: { kind: 'per-image' } },
    })
  const misspelt = Buffer.from(made(4))
  misspelt.write('activatiom', misspelt.indexOf('activation'))
  write('model.safetensors', misspelt)
  expect(await convmark('evaluate', 'model.safetensors', '--data', 'synthetic')).toMatchObject({
    code: 1,
    stdout: '',
    stderr:
      "convmark: model.safetensors: fc: unknown option 'activatiom'; did you mean 'activation'? (units, biases, activation, initial, decay)\n",
  })
  write('other.safetensors', made(5))
  expect(await convmark('evaluate', 'other.safetensors', '--data', 'synthetic')).toMatchObject({
    code: 1,
    stdout: '',
    stderr:
      'convmark: other.safetensors: its preprocessing makes images of 5 x 5 x 1, its network takes 4 x 4 x 1\n',
  })
})

it('pipes are inputs too', async () => {
  const network = lenet()
  const parameters = Object.entries(initialize(network, { seed: 1 }))
  const shapes = parametersOf(network)
  write(
    'weights.safetensors',
    encodeSafetensors(
      Object.fromEntries(parameters.map(([name, data]) => [name, { shape: shapes[name]!.shape, data }])),
    ),
  )
  const images = initializeImages(network, 1, { seed: 1 }).images!
  write('images.safetensors', encodeSafetensors({ images: { shape: [1, 28, 28, 1], data: images } }))
  execFileSync('mkfifo', ['weights', 'images'], { cwd: folder })
  for (const name of ['weights', 'images']) {
    execFileSync('sh', ['-c', `cat ${name}.safetensors > ${name} &`], { cwd: folder, stdio: 'ignore' })
  }
  const ended = await convmark(
    ...['run', 'lenet', '--weights', 'weights', '--input', 'images', '--output', 'out.safetensors'],
    ...['--engine', 'wasm@1', '--algorithm', 'direct'],
  )
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  expect(ended.stdout).toContain('fc4  [1, 10]')
})
