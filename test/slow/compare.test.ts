// Comparisons as a command, and those whose engines fail: what was measured before that counts.
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { CompareEvent, CompareOptions, CompareResult } from '../../src/bench/compare.ts'
import { parseResult } from '../../src/bench/result.ts'
import type { Network } from '../../src/networks/network.ts'
import { built } from '../support/built.ts'
import { inProcess } from '../support/in-process.ts'
import { argumentsOf, childrenOf } from '../support/processes.ts'
import { workingFolder } from '../support/working-folder.ts'

const { compare } = await built<typeof import('../../src/bench/compare.ts')>('bench/compare.js')
const { alexnetCifar10, conv, defineNetwork, dense, initialize, lenet, UsageError } =
  await built<typeof import('../../src/index.ts')>('index.js')

const network = lenet({ imageSize: 12 })
const SMALL = { batch: 1, batches: 1, burnIn: 0, algorithm: 'direct', check: false } as const

interface Compared {
  readonly events: readonly CompareEvent[]
  readonly result: CompareResult
}

/** `afterRound` is called with the number of rounds that are over. */
async function compared(
  options: Partial<CompareOptions> & Pick<CompareOptions, 'engines'>,
  afterRound: (done: number) => void = () => {},
  which: Network = network,
): Promise<Compared> {
  const events: CompareEvent[] = []
  for await (const event of compare(which, { ...SMALL, ...options })) {
    events.push(event)
    if (event.kind === 'turn') afterRound(event.done)
    if (event.kind === 'finished') return { events, result: event }
  }
  return expect.unreachable()
}

/** To the processes of an engine. */
function signalEngine(engine: string, ...signals: NodeJS.Signals[]): void {
  for (const { pid } of childrenOf(process.pid)) {
    if (!argumentsOf(pid).includes(engine)) continue
    for (const signal of signals) process.kill(pid, signal)
  }
}

describe.runIf(process.platform === 'linux')('an engine that fails in a comparison', () => {
  it('is compared over the rounds that it had, and the others over all', async () => {
    const engines = ['wasm@1', 'reference@1', 'wasm@2']
    const { result } = await compared({ engines, rounds: 8 }, (done) => {
      if (done === 6) signalEngine('wasm@1', 'SIGKILL')
    })
    const { runs, comparisons, unsupported, failure, interrupted } = result
    expect(runs.map(({ rounds, interrupted }) => [rounds?.length, interrupted])).toEqual([
      [6, true],
      [8, false],
      [8, false],
    ])
    expect(comparisons).toHaveLength(2)
    for (const { engine, baseline, text } of comparisons)
      expect(text.includes('; over 6 of 8 rounds')).toBe([engine, baseline].includes('wasm@1'))
    expect(unsupported).toEqual([
      { engine: 'wasm@1', pass: 'forward', reason: 'its process ended with signal SIGKILL', afterRounds: 6 },
    ])
    expect(failure!.message).toBe(
      'wasm@1: not compared after 6 rounds: its process ended with signal SIGKILL',
    )
    expect(interrupted).toBe(false)
  })

  it('ends the comparison of two, which has its verdict', async () => {
    const { events, result } = await compared({ engines: ['wasm@1', 'reference@1'], rounds: 50 }, (done) => {
      if (done === 6) signalEngine('wasm@1', 'SIGKILL')
    })
    expect(events.filter(({ kind }) => kind === 'turn')).toHaveLength(7)
    expect(result.runs.map(({ rounds }) => rounds!.length)).toEqual([6, expect.toBeOneOf([6, 7])])
    expect(result.comparisons).toHaveLength(1)
  })

  it('is no reason to lose what there is if both do', async () => {
    const { result } = await compared({ engines: ['wasm@1', 'reference@1'], rounds: 50 }, (done) => {
      if (done < 3) return
      signalEngine('wasm@1', 'SIGKILL')
      signalEngine('reference@1', 'SIGKILL')
    })
    expect(result.runs.map(({ rounds }) => rounds)).toEqual(Array(2).fill([1, 1, 1]))
    expect(result.comparisons).toEqual([])
    expect(result.unsupported).toHaveLength(2)
  })

  it('is named with the passes that it lacks', async () => {
    const engines = ['wasm@1', 'wasm@1', 'reference@1']
    let isKilled = false
    const { result } = await compared({ engines, passes: ['forward', 'forward-backward'], rounds: 6 }, () => {
      if (!isKilled) signalEngine('wasm@1', 'SIGKILL')
      isKilled = true
    })
    expect(result.failure!.message).toBe(
      'wasm@1, forward: not compared after 1 round: its process ended with signal SIGKILL',
    )
    expect(result.comparisons.map(({ pass }) => pass)).toEqual(['forward-backward', 'forward-backward'])
  })
})

it.runIf(process.platform === 'linux')('what ends a whole job does not end its engines', async () => {
  const engines = ['wasm@1', 'reference@1']
  const { result } = await compared({ engines, rounds: 6 }, (done) => {
    if (done !== 2) return
    for (const engine of engines) signalEngine(engine, 'SIGINT', 'SIGTERM', 'SIGHUP')
  })
  expect(result.unsupported).toEqual([])
  expect(result.runs.map(({ rounds }) => rounds!.length)).toEqual([6, 6])
})

it("compares the caller's own network, and a named one as it was changed", async () => {
  const own = defineNetwork('own', {
    inputs: { images: [9, 9, 2] },
    layers: [conv('first', { filters: 3, kernel: 3 }), conv('second', { filters: 4, kernel: 3 })],
  })
  for (const network of [own, alexnetCifar10({ without: ['lrn'], imageSize: 24 })]) {
    const { result } = await compared({ engines: ['wasm@1', 'reference@1'], rounds: 6 }, () => {}, network)
    expect(result.unsupported).toEqual([])
    for (const run of result.runs) {
      expect(run.network).toBe(network.name)
      expect(run.layers.map(({ name }) => name)).toEqual(
        network.layers.filter(({ isLoss }) => !isLoss).map(({ layer }) => layer.name),
      )
    }
  }
})

it('gives its engines the weights that it was given, which leave no file behind', async () => {
  const own = defineNetwork('own', {
    inputs: { images: [20, 20, 2] },
    layers: [conv('conv', { filters: 8, kernel: 3 }), dense('fc', { units: 1000 })],
  })
  const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith('convmark-compare-'))
  const before = left()
  // Of denormals wasm makes denormals, and says so.
  const parameters = Object.fromEntries(
    Object.entries(initialize(own, { seed: 7 })).map(([name, values]) => [name, values.fill(1e-39)]),
  )
  const engines = ['wasm@1', 'reference@1']
  for (const [given, warnings] of [
    [{ parameters }, 1],
    [{}, 0],
  ] as const) {
    const { result } = await compared({ engines, rounds: 6, burnIn: 1, ...given }, () => {}, own)
    expect(result.unsupported).toEqual([])
    expect(result.runs.map((run) => run.warnings?.length ?? 0)).toEqual([warnings, 0])
  }
  expect(left()).toEqual(before)
})

it('starts none that has no other to be compared with', async () => {
  const events: CompareEvent[] = []
  const running = async (): Promise<void> => {
    for await (const event of compare(network, { ...SMALL, engines: ['no-engine', 'wasm'] }))
      events.push(event)
  }
  await expect(running()).rejects.toThrow(UsageError)
  expect(events).toMatchObject([
    { kind: 'starting', engine: 'no-engine' },
    { kind: 'unsupported', unsupported: { engine: 'no-engine' } },
  ])
})

describe('as a command', () => {
  const folder = workingFolder()
  const readResult = (file: string) => parseResult(readFileSync(join(folder, file), 'utf8'), file)
  const AS_COMMAND = ['--batch', '2', '--burn-in', '1', '--image-size', '67']

  it('has engines take turns, says which is faster, and writes the result', async () => {
    const ended = await inProcess(
      ...[
        'compare',
        'wasm',
        'wasm@1',
        '--algorithm',
        'direct',
        '--rounds',
        '6',
        '--batches',
        '2',
        ...AS_COMMAND,
      ],
      ...['--json', 'compare.json', '--html', 'compare.html'],
    )
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toMatch(/^Forward +target +threads +used +median ms/)
    expect(ended.stdout).toMatch(
      /wasm.* (is [\d.]+x faster than|and) wasm.*(95% interval|no difference found)/,
    )
    const { runs, comparisons, unsupported } = readResult('compare.json')
    expect(runs.map(({ engine, rounds, check }) => [engine.threads, rounds, check?.passed])).toEqual([
      [expect.any(Number), [2, 2, 2, 2, 2, 2], true],
      [1, [2, 2, 2, 2, 2, 2], true],
    ])
    expect(comparisons).toHaveLength(1)
    expect(unsupported).toEqual([])
    expect(readFileSync(join(folder, 'compare.html'), 'utf8')).toContain(comparisons![0]!.text)
  })
})
