// Training as a command, where that takes a while; test/cli-train.test.ts has the rest.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseTrainingLog } from '../../src/records/read-training-log.ts'
import { decodeCheckpoint, decodeModel, encodeModel } from '../../src/train/model-file.ts'
import { commandsIn } from '../support/command.ts'
import { jpegOf, painted, pngOf } from '../support/images.ts'
import { inProcess } from '../support/in-process.ts'
import { ownCache } from '../support/own-cache.ts'
import { SMALL_TRAINING } from '../support/training.ts'
import { workingFolder } from '../support/working-folder.ts'

ownCache()

const folder = workingFolder()

const start = commandsIn(folder)
const convmark = inProcess
const bytesOf = (file: string) => readFileSync(join(folder, file))
const runsOf = (file: string) => parseTrainingLog(readFileSync(join(folder, file), 'utf8'), file).runs

describe('train', () => {
  it('learns from a folder of images, names the damaged one, and the model knows its classes', async () => {
    for (const [label, name] of ['dark', 'bright', 'striped'].entries()) {
      const images = join(folder, 'pictures', name)
      mkdirSync(images, { recursive: true })
      for (let i = 0; i < 50; i++) {
        const tone = (x: number) => [60 + i, 200 - i, x % 8 < 4 ? 40 : 220][label]!
        const image = painted(40, 30, (x, y) => [tone(x), (tone(x) + y) % 256, tone(x)])
        writeFileSync(
          join(images, `${i}.${i % 2 ? 'png' : 'jpg'}`),
          i % 2 ? await pngOf(image) : await jpegOf(image),
        )
      }
    }
    const options = [
      '--epochs',
      '4',
      '--batch',
      '16',
      '--rate',
      '0.01',
      '--engine',
      'wasm@1',
      '--image-size',
      '24',
    ]
    const args = ['train', 'alexnet-cifar10', '--data', 'folder:pictures', '--augment', 'alexnet', ...options]
    writeFileSync(join(folder, 'pictures/bright/0.jpg'), 'no picture')
    const ended = await convmark(...args, '--out', 'pictures.safetensors')
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toMatch(/^folder:pictures: 135 images to train on, 15 to test, 3 classes$/m)
    expect(ended.stdout).toMatch(/^skipped \S*bright\/0.jpg: /m)
    const evaluated = await convmark(
      'evaluate',
      'pictures.safetensors',
      '--data',
      'folder:pictures',
      '--ten-crop',
    )
    expect(evaluated).toMatchObject({ code: 0, stderr: '' })
    expect(evaluated.stdout).toMatch(/^the model was trained on folder:pictures: the tenth of each class/)
    expect(evaluated.stdout).toMatch(/\(held out\): 15 images, ten crops each/)
    expect(evaluated.stdout).not.toContain('top-5')
    expect(Number(/^top-1 +([\d.]+)%/m.exec(evaluated.stdout)![1])).toBeGreaterThan(80)

    // Crops of images as they are, of which the first is the damaged one
    const model = decodeModel(bytesOf('pictures.safetensors'), 'pictures.safetensors')
    const preprocessing = { ...(model.preprocessing as object), resize: null }
    writeFileSync(join(folder, 'unresized.safetensors'), encodeModel({ ...model, preprocessing }))
    const all = ['evaluate', 'unresized.safetensors', '--data', 'folder:pictures', '--split', 'all']
    const unresized = await convmark(...all)
    expect(unresized).toMatchObject({ code: 0, stderr: '' })
    expect(unresized.stdout).toMatch(/^unresized.safetensors on folder:pictures: 149 images, one crop each/)
    expect(unresized.stdout).toContain('\nwarning: the model was trained on these images')

    for (const [from, to] of ['dark x', 'bright dark', 'x bright'].map((pair) => pair.split(' ')))
      renameSync(join(folder, 'pictures', from!), join(folder, 'pictures', to!))
    const resumed = await convmark(...args, '--resume', 'pictures.checkpoint.safetensors')
    expect(resumed).toMatchObject({ code: 2, stdout: '' })
    expect(resumed.stderr).toContain(
      "--resume pictures.checkpoint.safetensors: the data is not what its training began with: class 'bright' has other images to train on",
    )
  })

  it.skipIf(process.platform === 'win32')('goes on after Ctrl-C to the same bits', async () => {
    const common = [
      ...SMALL_TRAINING,
      '--epochs',
      '3',
      '--optimizer',
      'adam',
      '--rate',
      '0.001',
      '--augment',
      'crop',
    ]
    const whole = await convmark(...common, '--out', 'whole.safetensors')
    expect(whole.code).toBe(0)

    const half = start([...common, '--out', 'half.safetensors', '--log', 'half.jsonl'])
    await half.printed(/^epoch 1\/3/m)
    half.child.kill('SIGINT')
    const ended = await half.ended
    expect(ended.stderr).toBe('convmark: interrupted; continue with --resume half.checkpoint.safetensors\n')
    expect(ended.code).toBe(130)
    expect(existsSync(join(folder, 'half.safetensors'))).toBe(false)
    const { state } = decodeCheckpoint(bytesOf('half.checkpoint.safetensors'), 'checkpoint')
    expect(state.step).toBeGreaterThanOrEqual(16)
    expect(state.step).toBeLessThan(48)

    const files = [
      '--out',
      'half.safetensors',
      '--log',
      'half.jsonl',
      '--resume',
      'half.checkpoint.safetensors',
    ]
    const resumed = await convmark(...common, ...files)
    expect(resumed).toMatchObject({ code: 0, stderr: '' })
    expect(resumed.stdout).toContain(`resumed in epoch ${state.epoch} after ${state.step} steps`)
    expect(bytesOf('half.safetensors').equals(bytesOf('whole.safetensors'))).toBe(true)
    const [run] = runsOf('half.jsonl')
    expect(run).toMatchObject({ end: { reason: 'done' }, resumes: [{ step: state.step }] })
    expect(run!.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3])
  })

  it.skipIf(process.platform === 'win32')(
    'a training has a whole checkpoint, whenever it is killed',
    async () => {
      const args = [...SMALL_TRAINING, '--epochs', '100', '--out', 'killed.safetensors']
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
})
