import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseResult, type Result } from '../src/bench/result.ts'
import { onnxModel } from '../src/formats/onnx.ts'
import { decodeSafetensors, encodeSafetensors, type Tensor } from '../src/formats/safetensors.ts'
import { alexnet, initialize, initializeImages, lenet, parametersOf } from '../src/networks/index.ts'
import { NETWORK_NAMES } from '../src/networks/names.ts'
import { classified, exampleClassification } from './support/classification.ts'
import { commandsIn, type Ended } from './support/command.ts'
import { gradient, pngOf } from './support/images.ts'
import { inProcess } from './support/in-process.ts'
import { packageJson, root } from './support/package.ts'
import { exampleBackward, exampleResult, exampleRun } from './support/run.ts'
import { exampleEvaluation, exampleRecords, exampleTraining, logText } from './support/training.ts'
import { workingFolder } from './support/working-folder.ts'

const folder = workingFolder()

const IMAGE_SIZE = 67
const SMALL = ['--batch', '2', '--burn-in', '1', '--image-size', String(IMAGE_SIZE)]
/** A network that opens in no time. */
const LENET = ['lenet', '--batch', '2', '--burn-in', '1']
const TIMED = '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d{6}'
const SHAPES = [
  'conv1  [2, 17, 17, 64]',
  'pool1  [2, 8, 8, 64]',
  'conv2  [2, 8, 8, 192]',
  'pool2  [2, 3, 3, 192]',
  'conv3  [2, 3, 3, 384]',
  'conv4  [2, 3, 3, 256]',
  'conv5  [2, 3, 3, 256]',
  'pool5  [2, 1, 1, 256]',
]

const start = commandsIn(folder)
const started = (...args: readonly string[]): Promise<Ended> => start(args).ended
const convmark = inProcess
const linesOf = ({ stdout }: Ended): string[] => stdout.trimEnd().split('\n')
const readResult = (file: string): Result => parseResult(readFileSync(join(folder, file), 'utf8'), file)

describe('bench', () => {
  it('prints the classic lines, the summary and the layers, and writes the result', async () => {
    const ended = await started(
      'bench',
      ...SMALL,
      '--batches',
      '11',
      '--layers',
      '--json',
      'bench.json',
      '--html',
      'bench.html',
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const lines = linesOf(ended)
    expect(lines.slice(0, 8)).toEqual(SHAPES)
    const step = (number: number) =>
      expect.stringMatching(`^${TIMED}: step ${number}, duration = \\d+\\.\\d{3}$`)
    const across = (pass: string) =>
      expect.stringMatching(
        `^${TIMED}: ${pass} across 11 steps, \\d+\\.\\d{3} \\+/- \\d+\\.\\d{3} sec / batch$`,
      )
    expect(lines.slice(8, 15)).toEqual([
      ...[step(0), step(10), across('Forward')],
      ...[step(0), step(10), across('Forward-backward')],
      '',
    ])
    expect(ended.stdout).toMatch(/^engine {3}(x64, avx(2|512)|wasm, simd128), \d+ threads?$/m)
    expect(ended.stdout).toMatch(/^check of Forward-backward: passed, largest relative error /m)
    expect(ended.stdout).toMatch(/^forward-backward minus forward \(derived\): -?\d+\.\d+ ms$/m)
    expect(ended.stdout).toMatch(/^Forward-backward, layer by layer\n.*\nconv1 {2}\[2, 17, 17, 64\] /m)
    expect(ended.stdout.match(/^sum of the layers /gm)).toHaveLength(2)
    expect(ended.stdout.match(/^roofline: .* GB\/s from memory; /gm)).toHaveLength(2)
    expect(ended.stdout).toMatch(/^layer +forward FLOP\/byte .* backward FLOP\/byte /m)

    const { runs, tool, environment, interrupted } = readResult('bench.json')
    expect(tool).toEqual({ name: 'convmark', version: packageJson.version })
    expect(interrupted).toBe(false)
    expect(environment).toMatchObject({ packages: { convmark: packageJson.version } })
    const known = Object.keys(environment)
    for (const field of ['caches', 'governor', 'quotaCores', 'nodeFlags', 'loadAverageAtEnd'])
      expect(known).toContain(field)
    for (const field of ['stealFraction', 'calibrationSpread', 'warnings']) expect(known).toContain(field)
    expect(runs.map(({ pass }) => pass)).toEqual(['forward', 'forward-backward'])
    for (const run of runs) {
      expect(run).toMatchObject({
        network: 'alexnet',
        batch: 2,
        batches: 11,
        burnIn: 1,
        imageSize: IMAGE_SIZE,
        seed: 7,
      })
      expect(run.check).toMatchObject({ passed: true })
      expect(run.samplesMs).toHaveLength(11)
      expect(run.startsMs).toHaveLength(11)
      expect(run.peakGflopsPerSecond).toBeGreaterThan(1)
      expect(run.interrupted).toBe(false)
    }
    const page = readFileSync(join(folder, 'bench.html'), 'utf8')
    expect(page.match(/<section class="card" id="run-/g)).toHaveLength(2)
    expect(page).toContain(`<code>convmark bench ${SMALL.join(' ')} --batches 11`)
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it("takes a network's own image size", async () => {
    const args = ['bench', 'lenet', '--batch', '1', '--batches', '1', '--burn-in', '0', '--pass', 'forward']
    const ended = await convmark(...args, '--json', 'lenet.json')
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(linesOf(ended).slice(0, 6)).toEqual([
      'conv1  [1, 28, 28, 32]',
      'pool1  [1, 14, 14, 32]',
      'conv2  [1, 14, 14, 64]',
      'pool2  [1, 7, 7, 64]',
      'fc3  [1, 512]',
      'fc4  [1, 10]',
    ])
    expect(readResult('lenet.json').runs).toMatchObject([{ network: 'lenet', imageSize: 28 }])
  })

  it('prints nothing but JSON for --json -', async () => {
    const ended = await convmark(
      ...['bench', ...LENET, '--batches', '2', '--pass', 'forward', '--layers', '--no-check', '--json', '-'],
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const { runs } = parseResult(ended.stdout, 'stdout')
    expect(runs.map(({ pass, check }) => [pass, check])).toEqual([['forward', null]])
  })

  it('says that it is unchecked, takes threads from the spec, and has no burn-in if told so', async () => {
    const ended = await convmark(
      ...['bench', ...LENET, '--batches', '1', '--burn-in', '0', '--pass', 'forward'],
      ...[
        '--engine',
        'wasm@1',
        '--threads',
        '2',
        '--algorithm',
        'direct',
        '--no-check',
        '--json',
        'one.json',
      ],
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toContain('engine   wasm, simd128, 1 thread\n')
    expect(ended.stdout).toContain('check of Forward: unchecked\n')
    expect(ended.stdout).not.toContain('derived')
    expect(readResult('one.json').runs[0]).toMatchObject({ burnIn: 0, check: null, engine: { threads: 1 } })
  })

  it('warns of more threads than cores, below the summary and in the result', async () => {
    const threads = availableParallelism() + 1
    const ended = await convmark(
      ...['bench', ...LENET, '--batches', '1', '--pass', 'forward', '--engine', 'wasm', '--no-check'],
      ...['--threads', String(threads), '--json', 'threads.json'],
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const warning = linesOf(ended).find((line) => line.startsWith(`warning: ${threads} threads on `))
    expect(warning).toMatch(/; take --threads \d+/)
    expect(readResult('threads.json').environment.warnings).toContain(warning!.replace('warning: ', ''))
    expect(ended.stdout.indexOf(warning!)).toBeGreaterThan(ended.stdout.indexOf('check of Forward'))
  })

  it('runs the reference', async () => {
    const ended = await convmark(
      ...['bench', 'lenet', '--batch', '1', '--batches', '1', '--burn-in', '0'],
      ...['--engine', 'reference', '--pass', 'forward', '--layers', '--json', 'reference.json'],
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toContain('engine reference does not show its layers')
    expect(readResult('reference.json').runs[0]).toMatchObject({ peakGflopsPerSecond: null, tuning: null })
  })

  it('has no colour and no bar where stdout and stderr are no terminals', async () => {
    const ended = await start(['bench', ...LENET, '--batches', '1', '--pass', 'forward', '--no-check'], {
      CI: 'true',
      FORCE_COLOR: '1',
      NO_COLOR: '',
    }).ended
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).not.toContain('\u001b')
  })
})

describe('a reader that goes away', () => {
  it('ends the command quietly', async () => {
    const { child, ended } = start(['bench', ...LENET, '--batches', '100000', '--no-check'])
    child.stdout.once('data', () => child.stdout.destroy())
    expect(await ended).toMatchObject({ code: 0, stderr: '' })
  })

  it('does not keep the JSON from being written', async () => {
    const { child, ended } = start([
      'bench',
      ...LENET,
      '--batches',
      '2',
      '--pass',
      'forward',
      '--no-check',
      '--json',
      'head.json',
    ])
    child.stdout.once('data', () => child.stdout.destroy())
    expect(await ended).toMatchObject({ code: 0, stderr: '' })
    expect(readResult('head.json').runs[0]!.samplesMs).toHaveLength(2)
  })
})

describe('info', () => {
  it('shows a network beside the article', async () => {
    const ended = await convmark('info', 'alexnet')
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toMatch(/^parameters +2,469,696 +61,100,840 +60 million$/m)
    const other = await convmark('info', 'lenet')
    expect(other).toMatchObject({ code: 0, stderr: '' })
    expect(other.stdout).toMatch(/^images +input +\[B, 28, 28, 1\]$/m)
    expect(other.stdout).toMatch(/^parameters +2,469,696 +61,100,840 +1,663,370 +60 million$/m)
  })

  it('shows statistics apart where a network has any', async () => {
    const ended = await convmark('info', 'resnet20-cifar')
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toMatch(/^layer +kind +output +parameters +statistics +connections /m)
    expect(ended.stdout).toMatch(/^layer1\.0\.bn1 +batch-norm +\[B, 32, 32, 16\] +32 +32 +0 +0 +0\.0 +0\.0$/m)
    expect(ended.stdout).toMatch(/^layer1\.0\.add +add +\[B, 32, 32, 16\] +0 +0 +0 +0 +0\.0 +0\.0$/m)
    expect(ended.stdout).toMatch(/^all +272,474 +1,568 /m)
    expect((await convmark('info', 'alexnet')).stdout).not.toMatch(/statistics/i)
  })

  it('shows how large each network is', async () => {
    const ended = await convmark('info', '--networks')
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const rows = linesOf(ended).map((line) => line.split(/ {2,}/))
    expect(rows.slice(1, NETWORK_NAMES.length + 1).map(([name]) => name)).toEqual(NETWORK_NAMES)
    expect(rows).toContainEqual([
      ...['alexnet-full', '8', '8', '61,100,840', '-', '1.434', '200,704', 'conv1'],
    ])
    expect(rows).toContainEqual([
      ...['resnet50', '50', '107', '25,557,032', '53,120', '8.178', '802,816', 'conv1'],
    ])
  })

  it('shows one network or all, not both', async () => {
    expect(await convmark('info', 'lenet', '--networks')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'convmark: --networks shows all of them; use either it or lenet\n',
    })
  })
})

describe('run', () => {
  const network = alexnet({ imageSize: IMAGE_SIZE })
  const shapes = Object.entries(parametersOf(network)).map(([name, { shape }]) => [name, shape] as const)
  const parameters = initialize(network, { seed: 3 })
  const weights: Record<string, Tensor> = Object.fromEntries(
    shapes.map(([name, shape]) => [name, { shape, data: parameters[name]! }]),
  )
  const images: Tensor = {
    shape: [2, IMAGE_SIZE, IMAGE_SIZE, 3],
    data: initializeImages(network, 2, { seed: 3 }).images!,
  }
  const write = (file: string, bytes: Uint8Array): string => {
    writeFileSync(join(folder, file), bytes)
    return file
  }
  const weightsFile = write('weights.safetensors', encodeSafetensors(weights))
  const imagesFile = write('images.safetensors', encodeSafetensors({ images }))
  const run = (output: string, options: Record<string, string> = {}, ...flags: string[]) => {
    const all = { '--weights': weightsFile, '--input': imagesFile, '--output': output, ...options }
    return convmark('run', ...Object.entries(all).flat(), ...flags)
  }
  const readTensors = (file: string) => decodeSafetensors(readFileSync(join(folder, file)), file).tensors

  it('writes activations, and the reference gives the same', async () => {
    const ended = await run('activations.safetensors')
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(linesOf(ended)).toEqual(SHAPES)
    const tensors = readTensors('activations.safetensors')
    expect([...tensors.keys()]).toEqual(network.printed)

    expect(await run('reference.safetensors', { '--engine': 'reference' })).toMatchObject({ code: 0 })
    for (const [name, { data }] of readTensors('reference.safetensors')) {
      const found = Array.from(tensors.get(name)!.data, Number)
      const expected = Array.from(data, Number)
      const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
      const worst = expected.reduce((max, value, i) => Math.max(max, Math.abs(value - found[i]!)), 0)
      expect(largest).toBeGreaterThan(0)
      expect(worst / largest).toBeLessThan(1e-5)
    }
  })

  it('writes loss and gradients when asked for', async () => {
    const ended = await run('gradients.safetensors', {}, '--gradients')
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const tensors = readTensors('gradients.safetensors')
    const gradients = Object.keys(parameters).map((name) => `${name}.gradient`)
    expect([...tensors.keys()].sort()).toEqual([...network.printed, ...gradients, 'loss'].sort())
    for (const [name, shape] of shapes) expect(tensors.get(`${name}.gradient`)!.shape).toEqual(shape)
    const pool5 = tensors.get('pool5')!.data as Float32Array
    const loss = pool5.reduce((sum, value) => sum + value ** 2 / 2, 0)
    expect(Number(tensors.get('loss')!.data[0]) / loss).toBeCloseTo(1, 5)
    expect(tensors.get('loss')!.shape).toEqual([])
  })

  it('needs labels, int64, for gradients alone', async () => {
    const digits = lenet()
    const values = initialize(digits, { seed: 3 })
    const tensors: Record<string, Tensor> = {}
    for (const [name, { shape }] of Object.entries(parametersOf(digits)))
      tensors[name] = { shape, data: values[name]! }
    const inputs = {
      images: { shape: [2, 28, 28, 1], data: initializeImages(digits, 2, { seed: 3 }).images! },
    }
    const weightsFile = write('lenet.safetensors', encodeSafetensors(tensors))
    const runLenet = (output: string, given: Record<string, Tensor>, ...flags: string[]) =>
      convmark(
        ...['run', 'lenet', '--weights', weightsFile, '--output', output, ...flags],
        ...['--input', write('labelled.safetensors', encodeSafetensors(given))],
      )
    const labels = { shape: [2], data: BigInt64Array.of(9n, 0n) }

    expect(await runLenet('lenet-out.safetensors', inputs)).toMatchObject({ code: 0, stderr: '' })
    expect([...readTensors('lenet-out.safetensors').keys()]).toEqual(digits.printed)
    const unread = await runLenet('lenet-out.safetensors', { ...inputs, labels })
    expect(unread).toMatchObject({ code: 0, stderr: '' })
    const missing = await runLenet('none.safetensors', inputs, '--gradients')
    expect(missing).toMatchObject({
      code: 1,
      stderr: 'convmark: labelled.safetensors: labels: it is missing\n',
    })
    const wrong = { ...inputs, labels: { shape: [2], data: BigInt64Array.of(9n, 10n) } }
    expect(await runLenet('none.safetensors', wrong, '--gradients')).toMatchObject({
      code: 2,
      stderr: "convmark: 'labels': image 1 has the label 10; it must be an integer from 0 to 9\n",
    })
    expect(await runLenet('lenet-out.safetensors', { ...inputs, labels }, '--gradients')).toMatchObject({
      code: 0,
    })
    const written = readTensors('lenet-out.safetensors')
    expect(written.size).toBe(digits.printed.length + 1 + 8)
    expect(written.get('fc3/weights.gradient')!.shape).toEqual([3136, 512])
    expect(Number(written.get('loss')!.data[0])).toBeGreaterThan(0)
  })

  const { 'conv1/biases': _, ...incomplete } = weights
  const nan = Float32Array.from(parameters['conv3/biases']!)
  nan[5] = Number.NaN
  const biases = weights['conv3/biases']!
  it.each([
    ['cut short', encodeSafetensors(weights).subarray(0, 1000), /weights.*cut short/i],
    ['empty', new Uint8Array(), /it has 0 bytes/],
    ['without a tensor', encodeSafetensors(incomplete), /not alexnet's: 1 missing \(conv1\/biases\)\n/],
    [
      'with an unknown tensor',
      encodeSafetensors({ ...weights, conv9: biases }),
      /not alexnet's: 1 left over \(conv9\)\n/,
    ],
    [
      'with NaN',
      encodeSafetensors({ ...weights, 'conv3/biases': { ...biases, data: nan } }),
      /conv3\/biases: value 5 /,
    ],
    [
      'of another shape',
      encodeSafetensors({ ...weights, 'conv3/biases': { ...biases, shape: [2, 192] } }),
      /1 of another shape \(conv3\/biases: \[2, 192\], but \[384\] is expected\)\n/,
    ],
  ])('refuses weights that are %s, and leaves no output', async (what, bytes, message) => {
    const file = write(`weights ${what}.safetensors`, bytes)
    const ended = await run('refused.safetensors', { '--weights': file })
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/^convmark: [^\n]+\n$/)
    expect(ended.stderr).toMatch(message)
    expect(existsSync(join(folder, 'refused.safetensors'))).toBe(false)
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it.each([
    ['without images', { picture: images }, 1, /images: it is missing/],
    [
      'that are no batch',
      { images: { ...images, shape: [2 * IMAGE_SIZE, IMAGE_SIZE, 3] } },
      1,
      /images: its shape/,
    ],
    [
      'that are not square',
      { images: { ...images, shape: [1, 2 * IMAGE_SIZE, IMAGE_SIZE, 3] } },
      1,
      /images: its shape/,
    ],
    [
      'of another type',
      { images: { shape: [1, 67, 67, 3], data: new BigInt64Array(67 * 67 * 3) } },
      1,
      /images: its dtype/,
    ],
    ['that are too small', { images: { shape: [1, 20, 20, 3], data: new Float32Array(1200) } }, 2, /pool/],
  ])('refuses an input %s', async (what, tensors, code, message) => {
    const file = write(`input ${what}.safetensors`, encodeSafetensors(tensors))
    const ended = await run('refused.safetensors', { '--input': file })
    expect(ended).toMatchObject({ code, stdout: '' })
    expect(ended.stderr).toMatch(/^convmark: [^\n]+\n$/)
    expect(ended.stderr).toMatch(message)
    expect(existsSync(join(folder, 'refused.safetensors'))).toBe(false)
  })

  it('does not write what is not finite', async () => {
    const data = new Float32Array(images.data.length).fill(3e38)
    const file = write('huge.safetensors', encodeSafetensors({ images: { ...images, data } }))
    const ended = await run('refused.safetensors', { '--input': file })
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/^convmark: conv\d: value \d+ of \d+ is (NaN|-?Infinity)/)
    expect(existsSync(join(folder, 'refused.safetensors'))).toBe(false)
  })

  it('warns of a range that Winograd has not the digits for', async () => {
    const data = images.data.slice() as Float32Array
    data[5000] = 1e6
    const file = write('outlier.safetensors', encodeSafetensors({ images: { ...images, data } }))
    const words = (algorithm: string) => ({ '--input': file, '--algorithm': algorithm, '--engine': 'wasm' })
    const ended = await run('outlier-out.safetensors', words('winograd'))
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toMatch(
      /^warning: images: the largest value is \de\d times the median: .* times their own size .*; take --algorithm direct$/m,
    )
    expect((await run('outlier-out.safetensors', words('direct'))).stdout).not.toContain('warning')
  })

  it('finds an output that can not be written before it runs', async () => {
    const ended = await run('nowhere/out.safetensors')
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(/^convmark: nowhere\/out\.safetensors: can't be written: /)
  })
})

describe('report', () => {
  const write = (file: string, text: string): string => {
    writeFileSync(join(folder, file), text)
    return file
  }
  const result = exampleResult({ runs: [exampleRun(), exampleBackward] })
  const cut = exampleRun({ samplesMs: [], startsMs: [], summary: null, check: null, interrupted: true })

  it('makes one page of several results', async () => {
    const first = write('first.json', JSON.stringify(result))
    const second = write("it's second.json", JSON.stringify({ ...result, runs: [exampleRun()] }))
    const ended = await convmark('report', first, second, '--html', 'report.html')
    expect(ended).toEqual({ code: 0, stdout: 'saved report.html\n', stderr: '' })
    const page = readFileSync(join(folder, 'report.html'), 'utf8')
    expect(page.match(/<section class="card" id="run-/g)).toHaveLength(3)
    expect(page).toContain(
      'convmark report first.json &#39;it&#39;\\&#39;&#39;s second.json&#39; --html report.html',
    )
  })

  it.each([
    ['cut short', JSON.stringify(result).slice(0, 900), /not JSON, or cut short/],
    [
      'of another version',
      JSON.stringify({ ...result, schemaVersion: 2 }),
      /schema version 2; this convmark reads 1/,
    ],
    [
      'with an empty list of samples',
      JSON.stringify({ ...result, runs: [exampleRun({ samplesMs: [] })] }),
      /runs\.0\.samplesMs: it is empty, yet there is a summary of it/,
    ],
    [
      'interrupted too soon',
      JSON.stringify({ ...result, runs: [cut] }),
      /it has no sample, so there is nothing/,
    ],
  ])('refuses a result %s in one line, and leaves no page', async (what, text, message) => {
    const ended = await convmark('report', write(`${what}.json`, text), '--html', 'refused.html')
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/^convmark: [^\n]+\n$/)
    expect(ended.stderr).toMatch(message)
    expect(existsSync(join(folder, 'refused.html'))).toBe(false)
  })
})

describe('report of training', () => {
  const write = (file: string, text: string): string => {
    writeFileSync(join(folder, file), text)
    return file
  }
  const first = write('first.jsonl', logText(exampleRecords()))
  const second = write('second.jsonl', logText(exampleRecords({ seed: 8 })))
  const result = write('result.json', JSON.stringify(exampleResult()))
  const evaluation = write('evaluation.json', JSON.stringify(exampleEvaluation()))

  it('makes one page of the curves of several logs', async () => {
    const ended = await convmark('report', first, second, '--html', 'curves.html')
    expect(ended).toEqual({ code: 0, stdout: 'saved curves.html\n', stderr: '' })
    const page = readFileSync(join(folder, 'curves.html'), 'utf8')
    expect(page.match(/<section class="card" id="run-/g)).toHaveLength(2)
    expect(page).toContain('convmark report first.jsonl second.jsonl --html curves.html')
  })

  it('prints logs without a page', async () => {
    const ended = await convmark('report', first, second)
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toMatch(/^first\.jsonl: lenet on mnist, .*\n\nsecond\.jsonl: lenet on mnist, /s)
    expect(ended.stdout.match(/^epoch \d\/2 {2}loss /gm)).toHaveLength(4)
  })

  it('makes a page of an evaluation', async () => {
    const ended = await convmark('report', evaluation, '--html', 'evaluation.html')
    expect(ended).toEqual({ code: 0, stdout: 'saved evaluation.html\n', stderr: '' })
    expect(readFileSync(join(folder, 'evaluation.html'), 'utf8')).toContain('Confusion matrix')
  })

  it('prints a classification, and makes its page with the pictures that are there', async () => {
    writeFileSync(join(folder, 'seen.png'), await pngOf(gradient(20, 20)))
    const pictures = ['seen.png', 'gone.png'].map((file) => classified(file, { tabby: 0.9, lynx: 0.1 }))
    const file = write('classification.json', JSON.stringify(exampleClassification({ pictures })))
    const printed = await convmark('report', file)
    expect(printed).toMatchObject({ code: 0, stderr: '' })
    expect(printed.stdout).toMatch(/^seen\.png\n +90\.0% .* tabby\n.*\ngone\.png\n.*\n2 pictures, /s)
    const ended = await convmark('report', file, '--html', 'sheet.html')
    expect(ended).toEqual({ code: 0, stdout: 'saved sheet.html\n', stderr: '' })
    const page = readFileSync(join(folder, 'sheet.html'), 'utf8')
    expect(page.match(/src="data:image\/webp;base64,/g)).toHaveLength(1)
    expect(page).toContain('Made by <code>convmark report classification.json --html sheet.html</code>')
  })

  it.each([
    [
      'a log and a result',
      2,
      [first, result],
      'first.jsonl is a training log, result.json is not; report files of one',
    ],
    [
      'an evaluation and a result',
      2,
      [evaluation, result],
      'evaluation.json is an evaluation, result.json is not; ',
    ],
    [
      'an evaluation and a classification',
      2,
      [write('classified.json', JSON.stringify(exampleClassification())), evaluation],
      'classified.json is a classification, evaluation.json is not; ',
    ],
    [
      'a log without a step',
      1,
      [write('empty.jsonl', logText([exampleTraining()]))],
      'empty.jsonl: it has no step',
    ],
    ['what is no log', 1, [write('no.jsonl', '{}\n')], "no.jsonl, line 1: not a training log's line: kind: "],
  ])('refuses %s in one line, and leaves no page', async (_, code, files, message) => {
    const ended = await convmark('report', ...files, '--html', 'refused.html')
    expect(ended).toMatchObject({ code, stdout: '' })
    expect(ended.stderr).toMatch(/^convmark: [^\n]+\n$/)
    expect(ended.stderr).toContain(`convmark: ${message}`)
    expect(existsSync(join(folder, 'refused.html'))).toBe(false)
  })
})

const hasPeers = existsSync(join(root, 'peers/node_modules'))

describe('compare', () => {
  it.skipIf(hasPeers)(
    'ends with 4 at once where nothing is left to compare, and names the package that is missing (skipped with peers)',
    async () => {
      const ended = await convmark(
        'compare',
        'wasm',
        'onnxruntime-node',
        '--json',
        'nothing-left.json',
        ...SMALL,
      )
      expect(ended).toMatchObject({ code: 4, stdout: '' })
      expect(ended.stderr).toMatch(
        /^convmark: onnxruntime-node: not compared: not installed \(tested with \d+\.\d+\.\d+\); install it in your project with: npm i --ignore-scripts onnxruntime-node\n$/,
      )
      expect(existsSync(join(folder, 'nothing-left.json'))).toBe(false)
    },
  )

  it.skipIf(hasPeers)(
    'with one of three missing prints and writes what the others did, and then ends with 4 (skipped with peers)',
    async () => {
      const ended = await convmark(
        ...[
          'compare',
          'wasm',
          'onnxruntime-node',
          'wasm@1',
          '--rounds',
          '6',
          '--batches',
          '1',
          '--no-check',
          '--algorithm',
          'direct',
        ],
        ...['--network', 'lenet', '--batch', '2', '--burn-in', '1', '--json', 'two-left.json'],
      )
      expect(ended.code).toBe(4)
      expect(ended.stderr).toMatch(/^convmark: onnxruntime-node: not compared: not installed .*\n$/)
      expect(ended.stdout).toMatch(/^onnxruntime-node: not compared: not installed /m)
      const { runs, comparisons, unsupported } = readResult('two-left.json')
      expect([runs.length, comparisons!.length]).toEqual([2, 1])
      expect(unsupported).toMatchObject([{ engine: 'onnxruntime-node', pass: 'forward' }])
    },
  )
})

describe('gate', () => {
  const write = (file: string, meanMs: number) => {
    const samplesMs = Array.from({ length: 40 }, (_, i) => meanMs * (1 + 0.001 * ((i * 7) % 10)))
    const startsMs = samplesMs.map((_, i) => i * meanMs)
    const run = exampleRun({ samplesMs, startsMs, rounds: new Array<number>(10).fill(4) })
    writeFileSync(join(folder, file), JSON.stringify({ ...exampleResult(), runs: [run] }))
  }

  it('is 0 within the limit, 3 for a regression, 1 for what is not comparable', async () => {
    write('baseline.json', 100)
    write('same.json', 101)
    write('slower.json', 110)
    const gate = (file: string, ...more: string[]) =>
      convmark('gate', file, '--baseline', 'baseline.json', ...more)
    expect(await gate('same.json')).toMatchObject({ code: 0, stderr: '' })
    const slower = await gate('slower.json', '--fail-above', '5%')
    expect(slower).toMatchObject({ code: 3, stderr: '' })
    expect(slower.stdout).toBe(
      'Forward on wasm simd128, 2 threads: +10.0% of time, 95% interval +9.8% to +10.2%: a regression beyond 5.0%\n',
    )
    expect(await gate('slower.json', '--fail-above', '0.2')).toMatchObject({ code: 0 })
    const other = { ...exampleResult(), runs: [exampleRun({ batch: 8 })] }
    writeFileSync(join(folder, 'other.json'), JSON.stringify(other))
    const ended = await gate('other.json')
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toContain("forward: batch is 8, the baseline's 32")
  })
})

describe('export', () => {
  const network = alexnet({ imageSize: IMAGE_SIZE })
  const size = ['--image-size', String(IMAGE_SIZE)]
  const written = (file: string) => readFileSync(join(folder, file))

  it("writes the benchmark's own weights, of the seed", async () => {
    const ended = await convmark('export', ...size, '--onnx', 'own.onnx')
    expect(ended).toEqual({ code: 0, stdout: 'alexnet written to own.onnx\n', stderr: '' })
    expect(written('own.onnx').equals(onnxModel(network, initialize(network, { seed: 7 })))).toBe(true)
    await convmark('export', 'alexnet', ...size, '--seed', '8', '--onnx', 'own.onnx')
    expect(written('own.onnx').equals(onnxModel(network, initialize(network, { seed: 8 })))).toBe(true)
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it('writes the weights that it is given', async () => {
    const parameters = initialize(network, { seed: 3 })
    const entries = Object.entries(parametersOf(network)).map(([name, { shape }]) => [
      name,
      { shape, data: parameters[name]! },
    ])
    writeFileSync(join(folder, 'given.safetensors'), encodeSafetensors(Object.fromEntries(entries)))
    const ended = await convmark(
      ...['export', ...size, '--onnx', 'given.onnx', '--weights', 'given.safetensors'],
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(written('given.onnx').equals(onnxModel(network, parameters))).toBe(true)
  })

  it('leaves the file as it was where the weights are another network’s', async () => {
    writeFileSync(join(folder, 'kept.onnx'), 'as it was')
    const images: Tensor = { shape: [1], data: Float32Array.of(1) }
    writeFileSync(join(folder, 'other.safetensors'), encodeSafetensors({ images }))
    const ended = await convmark('export', '--onnx', 'kept.onnx', '--weights', 'other.safetensors')
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/^convmark: other\.safetensors: [^\n]+\n$/)
    expect(written('kept.onnx').toString()).toBe('as it was')
  })
})

describe('wrong use is one line on stderr and exit code 2', () => {
  it.each<[string, string, number?]>([
    ['bnech', "unknown command 'bnech'; did you mean 'bench'?"],
    ['bench alexnt', "unknown network 'alexnt'; did you mean 'alexnet'?"],
    ['info alexnt', "unknown network 'alexnt'; did you mean 'alexnet'?"],
    ['bench alexnet more', 'too many arguments'],
    ['bench --bacth 2', "unknown option '--bacth'; did you mean '--batch'?"],
    ['bench --engine wasn', "unknown engine 'wasn'; did you mean 'wasm'?"],
    [
      'bench --engine wasm:revectorised',
      "unknown target of wasm 'revectorised'; did you mean 'revectorized'?",
    ],
    ['bench --engine wasm@0', "engine 'wasm@0': 0 threads"],
    ['bench --pass backward', "unknown value of --pass 'backward'; did you mean"],
    ['bench --algorithm dirct', "did you mean 'direct'?"],
    ['compare wasm onnxruntime-nod', "unknown engine 'onnxruntime-nod'; did you mean 'onnxruntime-node'?"],
    ['compare wasm', 'a comparison takes two engines or more, not wasm; bench times one'],
    ['compare wasm wasm@1 --rounds 2', 'rounds is 2; it must be 6 or more'],
    ['compare wasm wasm@1 --batch 100000', 'wasm: not compared: batch 100000 needs '],
    ['gate a.json --baseline b.json --fail-above much', "--fail-above is 'much'"],
    ['gate a.json --baseline b.json --fail-above 5', 'without a % it must be below 1: write 5% or 0.05'],
    ['bench --batch 0', "--batch is '0'; it must be a positive integer"],
    ['bench --batch 1.5', "--batch is '1.5'; it must be a positive integer"],
    ['bench --batch', "option '--batch <n>' argument missing"],
    ['bench --batches many', "--batches is 'many'; it must be a positive integer"],
    ['bench --threads -2', "--threads is '-2'; it must be a positive integer"],
    ['bench --burn-in -1', "--burn-in is '-1'; it must be an integer from 0"],
    ['bench --seed 0.5', "--seed is '0.5'; it must be an integer from 0"],
    ['bench --image-size 1e3', "--image-size is '1e3'; it must be a positive integer"],
    ['bench --image-size 30', 'pool5: kernel height 3 is larger than its padded input 1'],
    ['bench --json nowhere/result.json', "nowhere/result.json: can't be written: its folder 'nowhere'"],
    ['bench --json .', ".: can't be written: it is a folder"],
    ['bench --html nowhere/page.html', "nowhere/page.html: can't be written: its folder 'nowhere'"],
    ['bench --json same --html ./same', "--json and --html are both 'same'"],
    ['report --html page.html', "missing required argument 'file'"],
    ['report gone.json', "gone.json: can't be read: it does not exist"],
    ['report gone.json --html page.html', "gone.json: can't be read: it does not exist"],
    ['report gone.json --html nowhere/page.html', "nowhere/page.html: can't be written: its folder"],
    ['run --weights a --input b', "required option '--output <file>' not specified"],
    ['run --weights a --input b --output c', "b: can't be read: it does not exist"],
    ['export', 'nothing to write; give --onnx <file>, --model <file> or --safetensors <file>'],
    ['export --onnx a --names timm', '--names is of weights; give --safetensors <file> too'],
    ['export --safetensors a --layout nchw', "--layout is of an ONNX model's images; give --onnx <file> too"],
    ['export --safetensors a --names pytorch', "unknown value of --names 'pytorch'"],
    ['export lenet --safetensors a --names timm', 'lenet: there are no names of timm for it'],
    ['export alexnt --onnx a', "unknown network 'alexnt'; did you mean 'alexnet'?"],
    ['export --onnx nowhere/a.onnx --weights b', "nowhere/a.onnx: can't be written: its folder 'nowhere'"],
    ['export --onnx a.onnx --weights b', "b: can't be read: it does not exist"],
    ['export --onnx a.onnx --weights b --seed 1', "'--seed <n>' cannot be used with option '--weights"],
  ])('%s', async (args, message) => {
    const ended = await convmark(...args.split(' '))
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(/^convmark: [^\n]+\n$/)
    expect(ended.stderr).toContain(message)
  })

  it('as a command too', async () => {
    const ended = await started('bench', '--bacth', '2')
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(/^convmark: unknown option '--bacth'; did you mean '--batch'\? [^\n]*\n$/)
  })

  it('a batch over the memory: how much it needs, and what fits', async () => {
    const ended = await convmark('bench', '--batch', '100000', '--no-check')
    expect(ended.code).toBe(2)
    expect(ended.stderr).toMatch(
      /^convmark: batch 100000 needs \d+ bytes .*; the largest batch that fits is \d+\n$/,
    )
  })

  it('an engine that this machine lacks is exit code 4', async () => {
    const ended = await convmark('bench', '--engine', 'wasm:revectorized', ...SMALL, '--batches', '1')
    if (Number(/^\d+\.\d+/.exec(process.versions.v8)![0]) >= 13.6) expect(ended.code).toBe(0)
    else {
      expect(ended).toMatchObject({ code: 4, stdout: '' })
      expect(ended.stderr).toMatch(/^convmark: wasm:revectorized needs V8 13\.6 or later .*\n$/)
    }
  })
})

it('help and version', async () => {
  expect(await started('--version')).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: '' })
  const help = await convmark('bench', '--help')
  expect(help).toMatchObject({ code: 0, stderr: '' })
  expect(help.stdout).toContain('--burn-in <n>')
  const nothing = await started()
  expect(nothing).toMatchObject({ code: 2, stdout: '' })
  expect(nothing.stderr).toContain('Commands:')
})
