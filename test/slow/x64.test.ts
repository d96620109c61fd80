import { execFile } from 'node:child_process'
import { freemem } from 'node:os'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { built } from '../support/built.ts'
import { runnable } from '../support/x64.ts'

const { conv, defineNetwork, maxPool, openSession } =
  await built<typeof import('../../src/index.ts')>('index.js')

const GIB = 2 ** 30
/** Four hundred sessions take a minute or two, and more on a machine that is busy. */
const LIMIT_MS = 1_200_000

describe.runIf(runnable.length > 0)('x64 (skipped without AVX2)', () => {
  it.runIf(freemem() > 8 * GIB)(
    'runs a session of more than 4 GiB, which no WASM memory holds (skipped without 8 GiB of free memory)',
    async () => {
      const network = defineNetwork('large', {
        inputs: { images: [128, 128, 16] },
        layers: [conv('all', { filters: 16, kernel: 1 }), maxPool('few', { kernel: 64, stride: 64 })],
      })
      const batch = 2100
      const session = await openSession(network, { batch, engine: 'x64@2', keep: 'all' })
      try {
        expect(session.slabByteLength).toBeGreaterThan(4 * GIB)
        const weights = new Float32Array(256)
        for (let i = 0; i < 16; i++) weights[17 * i] = 2
        const images = new Float32Array(batch * 128 * 128 * 16)
        images[images.length - 1] = 3
        session.write({ 'all/weights': weights, 'all/biases': new Float32Array(16), images })
        await session.run()
        const few = session.read('few')
        expect(few.at(-1)).toBe(6)
        expect(few.slice(0, -1).every((value) => value === 0)).toBe(true)
      } finally {
        await session.dispose()
      }
    },
  )

  it(
    'leaves nothing mapped after 400 sessions',
    async () => {
      const script = new URL('./many-sessions.mjs', import.meta.url).pathname
      const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script, '400'])
      const { before, during, after } = JSON.parse(stdout) as Record<
        'before' | 'during' | 'after',
        { executable: number; virtualMb: number; residentMb: number }
      >
      expect(during.executable).toBeGreaterThan(before.executable)
      expect(after.executable).toBe(before.executable)
      // Four hundred times 20 MB of memory, and a worker's heap, would be far more. What stays is some 0.2 MB of
      // addresses a worker that koffi keeps for calls.
      expect(after.virtualMb - before.virtualMb).toBeLessThan(800)
      expect(after.residentMb - before.residentMb).toBeLessThan(200)
    },
    LIMIT_MS,
  )
})
