import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { built } from './support/built.ts'
import { runnable } from './support/x64.ts'

const { startWorker } = await built<typeof import('../src/runtime/worker-pool.ts')>('runtime/worker-pool.js')
const { startComputeWorkers } = await built<typeof import('../src/runtime/compute-workers.ts')>(
  'runtime/compute-workers.js',
)
const { lenet, openSession } = await built<typeof import('../src/index.ts')>('index.js')
const threads = process.getBuiltinModule('node:worker_threads')

const support = (name: string): string => new URL(`./support/${name}`, import.meta.url).href

/** A worker that is in native code, and what it has counted; see native-worker.mjs. */
async function workerInside() {
  const seen = new Int32Array(new SharedArrayBuffer(16))
  const worker = startWorker<{ seen: Int32Array; atMostMs: number }, 'done'>({
    name: 'native worker',
    inNode: () => support('native-worker.mjs'),
    inBrowser: () => expect.unreachable(),
  })
  const goIn = (): void => worker.post({ seen, atMostMs: Infinity })
  goIn()
  await Atomics.waitAsync(seen, 0, 0).value
  const letOut = (): void => {
    Atomics.store(seen, 3, 1)
    Atomics.notify(seen, 3)
  }
  return { worker, goIn, letOut, counts: () => [...seen.subarray(0, 3)] }
}

describe('a worker in native code', () => {
  it('is ended only when it is outside', async () => {
    const { worker, letOut, counts } = await workerInside()
    const lost: Error[] = []
    worker.onLoss((error) => lost.push(error))
    const ended = worker.end()
    expect(counts()).toEqual([1, 0, 0])
    letOut()
    await ended
    expect(counts()).toEqual([1, 1, 0])
    await expect(worker.next()).resolves.toBe('done')
    await expect(worker.next()).rejects.toThrow(/ended/)
    expect(lost).toEqual([]) // who ends a worker has not lost it
  })

  it('goes in no more once it was told to end', async () => {
    const { worker, goIn, letOut, counts } = await workerInside()
    goIn()
    const ended = worker.end()
    letOut()
    await ended
    expect(counts().slice(0, 2)).toEqual([1, 1])
  })

  it('comes out before the process exits', async () => {
    const script = new URL(support('exit-while-inside.mjs')).pathname
    const { code, stdout } = await new Promise<{ code: unknown; stdout: string }>((resolve) =>
      execFile(process.execPath, [script], (error, stdout) => resolve({ code: error?.code, stdout })),
    )
    expect(code).toBe(7)
    expect(JSON.parse(stdout)).toEqual([1, 1, 0])
  })
})

it('a worker that answers while it is ended keeps the process until it is gone', async () => {
  const script = new URL(support('end-while-it-answers.mjs')).pathname
  const said = await new Promise((resolve) =>
    execFile(process.execPath, [script], (_, stdout) => resolve(stdout)),
  )
  expect(said).toBe('ended\n')
})

describe('a system that allows no more threads', () => {
  const { Worker: RealWorker } = threads
  afterEach(() => {
    threads.Worker = RealWorker
  })

  it('is named with how many there are, and those are ended', async () => {
    const exits: Promise<number>[] = []
    threads.Worker = class extends RealWorker {
      constructor(...options: ConstructorParameters<typeof RealWorker>) {
        if (exits.length === 2) {
          const error = new Error('Worker initialization failure: EAGAIN')
          throw Object.assign(error, { code: 'ERR_WORKER_INIT_FAILED' })
        }
        super(...options)
        exits.push(new Promise((resolve) => this.once('exit', resolve)))
      }
    }
    expect(() => startComputeWorkers(4)).toThrow(
      'the system allows no more threads (2 started); use fewer --threads',
    )
    await Promise.all(exits)
  })
})

describe.runIf(runnable.length > 0)('x64 (skipped without AVX2)', () => {
  const executable = (): string[] =>
    readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter((line) => / r-xp 00000000 00:00 0 /.test(line))

  it('frees the code of a worker that holds a session and is terminated', async () => {
    const before = executable()
    const holder = new Worker(new URL(support('terminated-holder.mjs')))
    await new Promise((resolve, reject) => holder.once('message', resolve).once('error', reject))
    expect(executable().length).toBeGreaterThan(before.length)
    await holder.terminate()
    expect(executable()).toEqual(before)
  })

  it('ends an opening that is aborted, with the reason, and leaves no code behind', async () => {
    const before = executable()
    const controller = new AbortController()
    const opening = openSession(lenet(), {
      batch: 1,
      engine: 'x64@2',
      tuningCache: false,
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    })
    await expect(opening).rejects.toThrow('enough')
    expect(executable()).toEqual(before)
  })
})
