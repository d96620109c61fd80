import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { decodeCheckpoint } from '../../src/train/model-file.ts'
import { commandsIn } from '../support/command.ts'

const folder = mkdtempSync(join(tmpdir(), 'convmark-killed-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const start = commandsIn(folder)
const bytesOf = (file: string) => readFileSync(join(folder, file))

/** Half a second: 16 steps an epoch. */
const SMALL = [
  'train',
  'lenet',
  '--data',
  'synthetic',
  '--image-size',
  '12',
  '--batch',
  '64',
  '--engine',
  'wasm@2',
]

it.skipIf(process.platform === 'win32')(
  'a training has a whole checkpoint, whenever it is killed',
  async () => {
    const args = [...SMALL, '--epochs', '100', '--out', 'killed.safetensors']
    const checkpoint = 'killed.checkpoint.safetensors'
    let step = 0
    for (const [index, waitMs] of [0, 3, 9, 20].entries()) {
      const again = index > 0 ? ['--resume', checkpoint] : []
      const { child, ended, printed } = start([...args, ...again])
      await printed(new RegExp(`^epoch +${Math.floor(step / 16) + 1}/100`, 'm'))
      // Somewhere in the next epoch or its save
      await new Promise((resolve) => setTimeout(resolve, 40 * waitMs))
      child.kill('SIGKILL')
      await ended
      const { state } = decodeCheckpoint(bytesOf(checkpoint), checkpoint)
      expect(state.step).toBeGreaterThan(step)
      step = state.step
    }
  },
)
