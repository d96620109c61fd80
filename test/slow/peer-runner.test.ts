// A peer in its process, peers/runner.mjs. The library is a stand-in for onnxruntime-node: what it computes is convmark's.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { PEER_RUNNER } from '../../src/bench/contenders/peers.ts'
import type { ContenderSetup } from '../../src/bench/contenders/protocol.ts'
import { lenet } from '../../src/networks/lenet.ts'
import { networkData } from '../../src/networks/network-data.ts'
import { built } from '../support/built.ts'
import { exampleSetup } from '../support/contenders/setup.ts'

const { Contender } = await built<typeof import('../../src/bench/contenders/contender.ts')>(
  'bench/contenders/contender.js',
)
const { ConvmarkError, UnavailableError, UsageError } =
  await built<typeof import('../../src/errors.ts')>('errors.js')

const folder = mkdtempSync(join(tmpdir(), 'convmark-runner-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What the stand-in does when a session is created, and at the start of each run. */
interface Behaviour {
  readonly create?: string
  /** `runs` counts from 1: the first one is the check's. */
  readonly run?: string
}

let projects = 0

function start({ create = '', run = '' }: Behaviour, changes: Partial<ContenderSetup> = {}) {
  const project = join(folder, String(projects++))
  const place = join(project, 'node_modules/onnxruntime-node')
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'package.json'), '{"type": "module", "main": "index.js"}')
  writeFileSync(
    join(place, 'index.js'),
    `const from = (file) => import(new URL(file, process.env.CONVMARK_DIST))
const { initialize, lenet, openSession } = await from('index.js')
export const env = { versions: { node: '0.0.0' } }
export class Tensor {
  constructor(type, data) {
    this.data = data
  }
}
export const InferenceSession = {
  async create() {
    ${create}
    const session = await openSession(lenet(), { batch: 1, engine: 'reference' })
    session.write(initialize(lenet(), { seed: 7 }))
    const [name] = session.plan.outputs
    let runs = 0
    return {
      async run({ images }) {
        runs++
        ${run}
        await session.run({ images: images.data })
        return { [name]: { data: session.read(name).slice() } }
      },
    }
  },
}
`,
  )
  const setup = exampleSetup({
    engine: 'onnxruntime-node',
    network: networkData(lenet()),
    isChecked: true,
    packagesFrom: pathToFileURL(`${project}/`).href,
    ...changes,
  })
  return Contender.start(PEER_RUNNER, setup)
}

it('takes its turns, and is not ended by what ends the whole job', async () => {
  const contender = await start({
    run: "if (runs === 3) for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.kill(process.pid, signal)",
  })
  expect((await contender.turn(3)).samplesMs).toHaveLength(3)
  contender.end()
})

it('that breaks down in its turn says why', async () => {
  const contender = await start({ run: "if (runs === 3) throw new Error('the arena\\nis full')" })
  await expect(contender.turn(3)).rejects.toThrow(new ConvmarkError('the arena is full'))
})

it('is unsupported for what its adapter says, refused for wrong results, and failed for the rest', async () => {
  const why = async (starting: Promise<unknown>) => {
    const error = await starting.then(
      () => expect.unreachable(),
      (error: unknown) => error as Error,
    )
    return [error.constructor, error.message]
  }
  expect(await why(start({ create: "throw new Error('no such operator')" }))).toEqual([
    UnavailableError,
    'no such operator',
  ])
  expect(await why(start({ run: 'images.data = images.data.map((value) => 2 * value)' }))).toEqual([
    ConvmarkError,
    expect.stringMatching(/^refused: .* differs from convmark's by /),
  ])
  expect(await why(start({ run: "throw new Error('out of memory')" }))).toEqual([
    ConvmarkError,
    'out of memory',
  ])
  expect(await why(start({ run: "if (runs === 2) throw 'lost'" }, { burnIn: 1 }))).toEqual([
    ConvmarkError,
    'lost',
  ])
  expect(await why(start({}, { engine: 'onnxruntime-node@two' }))).toEqual([
    UsageError,
    "onnxruntime-node@two: 'two' is not a number of threads",
  ])
})
