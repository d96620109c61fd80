// What commands write, where that fails or can't be.
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseResult } from '../src/bench/result.ts'
import { decodeModel } from '../src/train/model-file.ts'
import { commandsIn } from './support/command.ts'
import { inProcess } from './support/in-process.ts'
import { canMount, smallDisk } from './support/mount.ts'
import { root } from './support/package.ts'

const folder = mkdtempSync(join(tmpdir(), 'convmark-outputs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const start = commandsIn(folder)
const BENCH = [
  'bench',
  'lenet',
  '--batch',
  '2',
  '--batches',
  '2',
  '--burn-in',
  '0',
  '--pass',
  'forward',
  '--engine',
  'reference',
  '--no-check',
]
const TRAIN = [
  'train',
  'lenet',
  '--data',
  'synthetic',
  '--image-size',
  '12',
  '--batch',
  '16',
  '--engine',
  'wasm@1',
]
const inFolder = (file: string) => join(folder, file)

describe.runIf(process.platform === 'linux')('a file that can not be written', () => {
  it('takes neither the results nor the other file, and is named', async () => {
    symlinkSync('/dev/full', inFolder('full.json'))
    const { code, stdout, stderr } = await start([...BENCH, '--json', 'full.json', '--html', 'page.html'])
      .ended
    expect(stderr).toBe("convmark: full.json: can't be written: the disk is full\n")
    expect(stdout).toMatch(/^images\/s /m)
    expect(readFileSync(inFolder('page.html'), 'utf8')).toContain('lenet')
    expect(code).toBe(1)
  })

  it('takes nothing from it where it is stdout', () => {
    const full = openSync('/dev/full', 'w')
    const command = [join(root, 'dist/cli/main.js'), ...BENCH, '--json', 'kept.json']
    const { status, stderr } = spawnSync(process.execPath, command, {
      cwd: folder,
      stdio: ['ignore', full, 'pipe'],
    })
    closeSync(full)
    expect(String(stderr)).toBe("convmark: stdout can't be written: the disk is full\n")
    expect(
      parseResult(readFileSync(inFolder('kept.json'), 'utf8'), 'kept.json').runs[0]!.samplesMs,
    ).toHaveLength(2)
    expect(status).toBe(1)
  })
})

describe.runIf(canMount)('a disk that is full (skipped where nothing can be mounted)', () => {
  it('ends no training: it is said, tried again, and the model is put elsewhere', async () => {
    const [disk, temporary] = [inFolder('disk'), inFolder('temporary')]
    mkdirSync(disk)
    mkdirSync(temporary)
    using _ = smallDisk(disk, 4096)
    writeFileSync(join(disk, 'log.jsonl'), '\n'.repeat(4090))
    const files = ['--out', 'disk/m.safetensors', '--log', 'disk/log.jsonl', '--html', 'curves.html']
    const { code, stdout, stderr } = await start([...TRAIN, '--epochs', '2', ...files], { TMPDIR: temporary })
      .ended
    expect(stdout).toMatch(/^epoch 2\/2 /m)
    const rescued = /^saved (.*\/m\.safetensors)$/m.exec(stdout)![1]!
    expect(rescued.startsWith(temporary)).toBe(true)
    expect(decodeModel(readFileSync(rescued), rescued).classNames).toHaveLength(10)
    const checkpoint = "convmark: disk/m.checkpoint.safetensors: can't be written: the disk is full; "
    const complaints = stderr.trimEnd().split('\n')
    expect(complaints.filter((line) => line.startsWith(checkpoint))).toHaveLength(2)
    expect(complaints.filter((line) => line.includes('; the training continues'))).toHaveLength(1)
    expect(complaints.filter((line) => line.includes('disk/log.jsonl'))).toHaveLength(1)
    expect(complaints.at(-1)).toBe(
      `convmark: disk/m.safetensors: can't be written: the disk is full; it is in ${rescued} instead`,
    )
    expect(readdirSync(disk)).toEqual(['log.jsonl'])
    expect(readFileSync(inFolder('curves.html'), 'utf8')).toContain('<section class="card" id="run-')
    expect(code).toBe(1)
  })
})

describe('what can not be written is refused before the work', () => {
  const before = process.cwd()
  beforeAll(() => process.chdir(folder))
  afterAll(() => process.chdir(before))

  const RUN = ['run', '--weights', 'w.safetensors', '--input', 'i.safetensors']
  const EVALUATE = ['evaluate', 'model.safetensors', '--data', 'synthetic']
  it.each([
    [[...BENCH, '--json', ''], "--json is ''; it must name a file"],
    [['compare', 'wasm', '--html', ''], "--html is ''; it must name a file"],
    [['export', '--onnx', 'new/'], "new/: can't be written: it ends in a slash, as a folder does"],
    [[...RUN, '--output', ''], "--output is ''; it must name a file"],
    [[...RUN, '--output', './i.safetensors'], "--output is './i.safetensors', which is read too"],
    [
      ['report', 'r.json', '--html', 'r.json'],
      "--html is 'r.json', which is read too and would be overwritten",
    ],
    [[...EVALUATE, '--json', 'model.safetensors'], "--json is 'model.safetensors', which is read too"],
    [[...EVALUATE, '--html', 'page/'], "page/: can't be written: it ends in a slash"],
    [[...TRAIN, '--log', `${'l'.repeat(250)}.jsonl`], "can't be written: its name is too long"],
    // The model's own name would be allowed
    [
      [...TRAIN, '--out', `${'m'.repeat(240)}.safetensors`],
      "m.checkpoint.safetensors: can't be written: its name is too long",
    ],
    [
      [...TRAIN, '--out', 'm.safetensors', '--html', 'm.checkpoint.safetensors'],
      "--out's checkpoint and --html are both 'm.checkpoint.safetensors'",
    ],
  ])('%j', async (args, message) => {
    for (const input of ['i.safetensors', 'r.json', 'model.safetensors']) writeFileSync(inFolder(input), '')
    const before = readdirSync(folder)
    const { code, stdout, stderr } = await inProcess(...args)
    expect(stderr).toMatch(/^convmark: [^\n]+\n$/)
    expect(stderr).toContain(message)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(readdirSync(folder)).toEqual(before)
    expect(existsSync(inFolder('new'))).toBe(false)
  })
})
