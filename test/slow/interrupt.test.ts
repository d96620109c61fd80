// Ctrl-C, SIGTERM and SIGHUP, which are one thing, at every moment of a command.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { CompareResult } from '../../src/bench/compare.ts'
import { parseResult } from '../../src/bench/result.ts'
import { parseClassification } from '../../src/records/classification.ts'
import { decodeCheckpoint, encodeModel } from '../../src/train/model-file.ts'
import { built } from '../support/built.ts'
import { colourModel, pictureOf } from '../support/colour-model.ts'
import { commandsIn } from '../support/command.ts'
import { allEnded, childrenOf, signalsCaught, threadCount, until } from '../support/processes.ts'

const { compare } = await built<typeof import('../../src/bench/compare.ts')>('bench/compare.js')
const { lenet } = await built<typeof import('../../src/index.ts')>('index.js')

const folder = mkdtempSync(join(tmpdir(), 'convmark-interrupt-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const start = commandsIn(folder)
const inFolder = (file: string): string => join(folder, file)
const readResult = (file: string) => parseResult(readFileSync(inFolder(file), 'utf8'), file)

const isLinux = process.platform === 'linux'
const LENET = ['lenet', '--batch', '2', '--burn-in', '0', '--pass', 'forward', '--no-check']

describe.skipIf(process.platform === 'win32')('bench', () => {
  it.each<[NodeJS.Signals[], number]>([
    [['SIGINT'], 130],
    [['SIGHUP'], 129],
    // As npm and `timeout` do
    [['SIGTERM', 'SIGTERM', 'SIGTERM'], 143],
  ])('that runs prints and writes what it has (%j)', async (signals, exitCode) => {
    const more = ['--engine', 'wasm', '--batches', '100000', '--json', 'interrupted.json']
    const { child, ended, printed } = start(['bench', ...LENET, ...more])
    await printed(/: step 10, /)
    for (const signal of signals) child.kill(signal)
    const { code, stdout, stderr } = await ended
    expect({ code, stderr }).toEqual({ code: exitCode, stderr: 'convmark: interrupted\n' })
    expect(stdout).toMatch(/: Forward across \d+ steps, /)
    expect(stdout).toMatch(/^images\/s /m)
    expect(stdout).toMatch(/^Forward was interrupted after \d+ of 100000 steps$/m)
    const { runs, interrupted } = readResult('interrupted.json')
    expect(interrupted).toBe(true)
    expect(runs).toHaveLength(1)
    expect(runs[0]!.interrupted).toBe(true)
    expect(runs[0]!.samplesMs.length).toBeGreaterThan(10)
  })

  it.each([
    ['tuning and check', []],
    ['tuning, with the JSON on stdout', ['--json', '-', '--no-check']],
  ])('ends %s', async (what, options) => {
    // A cache of its own, so that there is something to tune; a full batch, so that it takes a while.
    const { child, ended } = start(['bench', '--threads', '2', ...options], {
      CONVMARK_CACHE: inFolder(`cache-${what}`),
    })
    await working(child.pid!)
    child.kill('SIGINT')
    const { code, stdout } = await ended
    expect(code).toBe(130)
    if (options.includes('--json')) {
      const { runs, interrupted } = parseResult(stdout, 'stdout')
      expect(interrupted).toBe(true)
      expect(runs.flatMap(({ samplesMs }) => samplesMs)).toEqual([])
    }
  })

  it.runIf(isLinux)('that has only been started ends', async () => {
    const { child, ended } = start(['bench', ...LENET])
    await until(() => signalsCaught(child.pid!).includes('SIGHUP'))
    child.kill('SIGHUP')
    expect(await ended).toMatchObject({ code: 129, stderr: 'convmark: interrupted\n' })
  })

  it('that writes its results does so to the end', async () => {
    execFileSync('mkfifo', [inFolder('pipe')])
    const more = ['--engine', 'reference', '--batches', '2', '--json', 'pipe']
    const { child, ended, printed } = start(['bench', ...LENET, ...more])
    await printed(/^check of Forward: unchecked$/m) // and then it waits for a reader
    child.kill('SIGTERM')
    child.kill('SIGTERM')
    expect(parseResult(await readFile(inFolder('pipe'), 'utf8'), 'pipe').runs[0]!.samplesMs).toHaveLength(2)
    expect((await ended).code).toBe(143)
  })
})

describe.skipIf(process.platform === 'win32')('train', () => {
  it('leaves a checkpoint of the epoch under way, and a hint that a shell takes', async () => {
    const files = ['--out', 'my digits.safetensors', '--log', 'log.jsonl']
    const options = ['--image-size', '12', '--batch', '16', '--engine', 'wasm@1']
    const { child, ended } = start(['train', 'lenet', '--data', 'synthetic', ...options, ...files])
    await until(
      () =>
        existsSync(inFolder('log.jsonl')) && readFileSync(inFolder('log.jsonl'), 'utf8').includes('"step"'),
    )
    // As systemd does; the system may deliver them in another order
    child.kill('SIGTERM')
    child.kill('SIGHUP')
    const { code, stderr } = await ended
    const checkpoint = 'my digits.checkpoint.safetensors'
    expect(stderr).toBe(`convmark: interrupted; continue with --resume '${checkpoint}'\n`)
    expect([129, 143]).toContain(code)
    expect(decodeCheckpoint(readFileSync(inFolder(checkpoint)), checkpoint).state.step).toBeGreaterThan(0)
  })
})

describe.skipIf(process.platform === 'win32')('classify', () => {
  it('has the answers that it gave before', async () => {
    writeFileSync(inFolder('colours.safetensors'), encodeModel(colourModel))
    mkdirSync(inFolder('reds'))
    const red = await pictureOf('red')
    const count = 5000
    for (let i = 0; i < count; i++) writeFileSync(inFolder(`reds/${i}.png`), red)
    const { child, ended, printed } = start([
      ...['classify', 'colours.safetensors', 'reds', '--top', '1', '--batch', '1'],
      ...['--json', 'answers.json', '--tuning-budget', '0'],
    ])
    await printed(/0.png/)
    child.kill('SIGINT')
    const { code, stdout } = await ended
    expect(code).toBe(130)
    expect(stdout).toMatch(/^reds\/0.png +98\.7% +red$/m)
    const { pictures, interrupted } = parseClassification(
      readFileSync(inFolder('answers.json'), 'utf8'),
      'answers.json',
    )
    expect(pictures.length).toBeGreaterThan(0)
    expect(pictures.length).toBeLessThan(count)
    expect(interrupted).toBe(true)
  })
})

describe('compare', () => {
  const SMALL = {
    engines: ['reference@1', 'wasm@1'],
    batch: 1,
    batches: 1,
    burnIn: 0,
    check: false,
    rounds: 50,
  }
  const interruptedAfter = async (rounds: number): Promise<CompareResult> => {
    const controller = new AbortController()
    for await (const event of compare(lenet(), { ...SMALL, signal: controller.signal })) {
      if (event.kind === 'turn' && event.done === rounds) controller.abort()
      if (event.kind === 'finished') return event
    }
    return expect.unreachable()
  }

  it('has a verdict from six rounds on, marked as interrupted', async () => {
    const { runs, comparisons, interrupted } = await interruptedAfter(6)
    expect(interrupted).toBe(true)
    expect(runs.map((run) => [run.interrupted, run.rounds])).toEqual(
      Array(2).fill([true, [1, 1, 1, 1, 1, 1]]),
    )
    expect(comparisons).toHaveLength(1)
    expect(comparisons[0]!.text).toMatch(/^wasm@1 .*; interrupted after 6 of 50 rounds$/)
  })

  it('has what there is before', async () => {
    const { runs, comparisons, interrupted } = await interruptedAfter(5)
    expect(interrupted).toBe(true)
    expect(runs.map(({ samplesMs }) => samplesMs.length)).toEqual([5, 5])
    expect(comparisons).toEqual([])
  })

  it.runIf(isLinux)('writes it, and leaves no process', async () => {
    const engines = ['reference@1', 'wasm@1', '--network', ...LENET, '--batches', '1', '--rounds', '100000']
    const { child, ended } = start(['compare', ...engines, '--json', 'compared.json'])
    await until(() => childrenOf(child.pid!).filter(({ state }) => state === 'T').length > 0)
    const children = childrenOf(child.pid!).map(({ pid }) => pid)
    child.kill('SIGTERM')
    const { code, stderr } = await ended
    expect({ code, stderr }).toEqual({ code: 143, stderr: 'convmark: interrupted\n' })
    expect(readResult('compared.json').interrupted).toBe(true)
    await allEnded(children)
  })
})

/** The main thread, V8's and, once a file was read, libuv's, on this machine. */
const threadsOfNode = (): number => {
  const script =
    "const fs = require('node:fs'); fs.readFile('/dev/null', () => console.log(fs.readdirSync('/proc/self/task').length))"
  return Number(execFileSync(process.execPath, ['-e', script]))
}

/**
 * Waits until a process is at work on its two threads, which begin with the work (Linux tells): a clock would not do on a busy
 * machine.
 */
async function working(pid: number): Promise<void> {
  const count = isLinux ? threadsOfNode() + 2 : 0
  if (isLinux) await until(() => threadCount(pid) >= count)
  else await new Promise((resolve) => setTimeout(resolve, 1000))
}
