import { expect, it } from 'vitest'
import { built } from '../../../test/support/built.ts'
import { exampleSetup } from '../../../test/support/contenders/setup.ts'
import { argumentsOf, childrenOf } from '../../../test/support/processes.ts'
import { relu } from '../../layers/index.ts'
import { alexnet } from '../../networks/alexnet.ts'
import { defineNetwork } from '../../networks/network.ts'
import { networkData } from '../../networks/network-data.ts'
import type { ContenderSetup } from './protocol.ts'

const { Contender } = await built<typeof import('./contender.ts')>('bench/contenders/contender.js')
const { ConvmarkError, InterruptedError, UnavailableError } =
  await built<typeof import('../../errors.ts')>('errors.js')

const FAKE = new URL('../../../test/support/contenders/fake.mjs', import.meta.url)
const LIMITS = { startMs: 5000, turnMs: 1500 }

const setupOf = (engine: string): ContenderSetup => exampleSetup({ engine, network: networkData(alexnet()) })
const start = (engine: string, limits = LIMITS, signal?: AbortSignal) =>
  Contender.start(FAKE, setupOf(engine), { limits, signal })

it('takes its turns', async () => {
  const contender = await start('works')
  expect(contender.ready.engine.name).toBe('works')
  expect(await contender.turn(3)).toMatchObject({ samplesMs: [10, 11, 12], processorMs: 5 })
  expect(await contender.peaks()).toMatchObject({ peaks: { gflopsPerSecond: 100 } })
  contender.end()
})

it('is given a network of any size: an argument of 128 KB is refused by Linux, and half of that crashes ONNX Runtime', async () => {
  const layers = Array.from({ length: 3000 }, (_, i) => relu(`${'long'.repeat(20)}${i}`))
  const network = networkData(defineNetwork('deep', { inputs: { images: [1, 1, 1] }, layers }))
  expect(JSON.stringify(network).length).toBeGreaterThan(300_000)
  const setup = exampleSetup({ engine: 'works', network })
  const contender = await Contender.start(FAKE, setup, { limits: LIMITS })
  expect(contender.ready.engine.name).toBe('works')
  contender.end()
})

it('says what it can not do, and why it was refused', async () => {
  await expect(start('unsupported')).rejects.toThrow(new UnavailableError('no filter gradient'))
  await expect(start('fails')).rejects.toThrow(new ConvmarkError('refused: conv1 is off'))
})

it('is reported where its process ends', async () => {
  await expect(start('crashes')).rejects.toThrow('crashes: its process ended with exit code 3')
  const contender = await start('crashes-later')
  await expect(contender.turn(1)).rejects.toThrow('crashes-later: its process ended with exit code 7')
})

it.runIf(process.platform === 'linux')(
  'has ended with its signal, also where a message is sent before its end is known',
  async () => {
    const running = () => childrenOf(process.pid).filter(({ pid }) => argumentsOf(pid).includes('works'))
    const before = running().map(({ pid }) => pid)
    const contender = await start('works')
    const [child, ...others] = running().filter(({ pid }) => !before.includes(pid))
    expect(others).toEqual([])
    process.kill(child!.pid, 'SIGKILL')
    // Without a turn of the event loop, so that this process hasn't heard of that one's end.
    const end = performance.now() + 100
    while (performance.now() < end);
    await expect(contender.turn(1)).rejects.toThrow('works: its process ended with signal SIGKILL')
  },
)

it('is ended where it hangs', async () => {
  await expect(start('hangs', { startMs: 600, turnMs: 1 })).rejects.toThrow(
    'hangs: no answer in 0.6 s; it was ended',
  )
  const contender = await start('hangs-later', { startMs: 5000, turnMs: 300 })
  await expect(contender.turn(1)).rejects.toThrow('hangs-later: no answer in 0.3 s; it was ended')
  await expect(contender.turn(1)).rejects.toThrow('hangs-later: its process ended with')
})

it('is ended when it is interrupted, while it starts and in its turn', async () => {
  const LONG = { startMs: 60_000, turnMs: 60_000 }
  const starting = new AbortController()
  const started = start('hangs', LONG, starting.signal)
  starting.abort()
  await expect(started).rejects.toThrow(new InterruptedError('hangs: interrupted'))
  const running = new AbortController()
  const contender = await start('hangs-later', LONG, running.signal)
  const turn = contender.turn(1)
  running.abort()
  await expect(turn).rejects.toThrow(new InterruptedError('hangs-later: interrupted'))
  await expect(contender.turn(1)).rejects.toThrow(/interrupted$|ended with signal SIGKILL$/)
})
