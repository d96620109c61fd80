import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { exampleTraining } from '../../../test/support/training.ts'
import { initialize } from '../../networks/initialize.ts'
import { lenet } from '../../networks/lenet.ts'
import { parseTrainingLog } from '../../records/read-training-log.ts'
import type { TrainingState } from '../../train/index.ts'
import { TrainingFiles } from './files.ts'

const root = mkdtempSync(join(tmpdir(), 'convmark-files-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const inRoot = (file: string): string => `${root}/${file}`

async function opened(paths: Parameters<typeof TrainingFiles.open>[0]) {
  const warnings: string[] = []
  return { files: await TrainingFiles.open(paths, (warning) => warnings.push(warning)), warnings }
}

describe('a checkpoint to go on from', () => {
  const checkpoint = inRoot('m.checkpoint.safetensors')
  writeFileSync(checkpoint, '')
  symlinkSync(checkpoint, inRoot('link.safetensors'))

  it.each(['m.checkpoint.safetensors', './m.checkpoint.safetensors', 'link.safetensors'])(
    'that is kept up to date may be written as %s',
    async (resume) => {
      const { files } = await opened({ out: inRoot('m.safetensors'), resume: inRoot(resume) })
      expect(files.keptCheckpoint).toBe(inRoot(resume))
    },
  )

  it.each([
    { out: checkpoint },
    { out: inRoot('other.safetensors'), html: inRoot('./m.checkpoint.safetensors') },
  ])('that is not is not written over', async (paths) => {
    await expect(opened({ ...paths, resume: checkpoint })).rejects.toThrow('which is read too')
  })
})

it('of two outputs that are one, both options are named', async () => {
  const resume = inRoot('m.checkpoint.safetensors')
  await expect(opened({ resume, html: resume })).rejects.toThrow(`--resume and --html are both '${resume}'`)
})

describe.runIf(process.platform === 'linux')('a checkpoint that can not be written', () => {
  const network = lenet({ imageSize: 12 })
  const parameters = initialize(network, { seed: 7 })
  const sums = { images: 0, loss: 0, correct: 0, elapsedMs: 0, waitedMs: 0 }
  const state: TrainingState = { step: 4, epoch: 2, batch: 0, parameters, states: {}, tuning: null, sums }
  const classNames = Array.from({ length: 10 }, (_, i) => `${i}`)
  const content = [{ network, classNames, preprocessing: null }, state, null] as const

  it('is none, and the last one is put elsewhere', async () => {
    symlinkSync('/dev/full', inRoot('full.checkpoint.safetensors'))
    const { files, warnings } = await opened({ out: inRoot('full.safetensors') })
    const fault = `${inRoot('full.checkpoint.safetensors')}: can't be written: the disk is full`
    expect(await files.saveCheckpoint(...content)).toBe(null)
    expect(files.keptCheckpoint).toBe(null)
    const rescued = await files.saveLastCheckpoint(...content)
    expect(rescued).toMatch(/\/full\.checkpoint\.safetensors$/)
    expect(files.keptCheckpoint).toBe(rescued)
    expect(warnings).toEqual([
      `${fault}; the training continues, and this will be tried again after the next epoch`,
      `${fault}; it is in ${rescued} instead`,
    ])
    expect(files.exitCode).toBe(1)
    rmSync(join(rescued!, '..'), { recursive: true })
  })
})

describe('the page of curves', () => {
  const run = exampleTraining()

  it('is made of what the log has, also after half a line of an earlier command', async () => {
    const log = inRoot('half.jsonl')
    writeFileSync(log, `${JSON.stringify(run)}\n{"kind":"step","ep`)
    const { files } = await opened({ log, html: inRoot('half.html') })
    await files.record(run)
    const page = await files.saveCurves(async (text) => {
      expect(text).toBe(readFileSync(log, 'utf8'))
      expect(parseTrainingLog(text, 'half.jsonl').runs).toHaveLength(2)
      return 'page'
    })
    await files.close()
    expect(page).toBe(inRoot('half.html'))
    expect(readFileSync(page!, 'utf8')).toBe('page')
    expect(files.exitCode).toBe(0)
  })

  it('that can not be made is said, and ends nothing', async () => {
    const { files, warnings } = await opened({ html: inRoot('none.html') })
    await files.record(run)
    const page = await files.saveCurves(async () => {
      throw new Error('log.jsonl, line 3: not JSON')
    })
    expect(page).toBe(null)
    expect(warnings).toEqual([`${inRoot('none.html')}: the page can't be made: log.jsonl, line 3: not JSON`])
    expect(files.exitCode).toBe(1)
  })

  it('is not made of a training that had not begun', async () => {
    const { files, warnings } = await opened({ html: inRoot('none.html') })
    expect(await files.saveCurves(async () => expect.fail('there is nothing to show'))).toBe(null)
    expect(warnings).toEqual([])
  })
})
