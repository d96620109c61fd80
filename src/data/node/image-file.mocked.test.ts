import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'convmark-image-file-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const really = fs.open
const opening = vi.spyOn(fs, 'open')
afterEach(() => void opening.mockImplementation(really))
const { fileStamp } = await import('./image-file.ts')

const path = join(folder, 'a.jpg')
const bytes = Uint8Array.from({ length: 10_000 }, (_, i) => i % 251)
writeFileSync(path, bytes)

describe('what tells a file from others', () => {
  it('is its name, size, beginning and end', async () => {
    const ends = Buffer.concat([bytes.subarray(0, 4096), bytes.subarray(-4096)])
    expect(Buffer.from(await fileStamp(path))).toEqual(
      Buffer.concat([Buffer.from('a.jpg, 10000 bytes: '), ends]),
    )
  })

  it('is the same where the system reads a few bytes at a time', async () => {
    const whole = await fileStamp(path)
    opening.mockImplementation(async (...given) => {
      const file = await really(...given)
      const read = file.read.bind(file)
      file.read = ((buffer: Uint8Array, offset: number, length: number, position: number) =>
        read(buffer, offset, Math.min(length, 1000), position)) as typeof file.read
      return file
    })
    expect(await fileStamp(path)).toEqual(whole)
  })

  it('is the path alone where nothing can be read there; an error that may pass is one', async () => {
    const missing = join(folder, 'missing.jpg')
    expect(String(await fileStamp(missing))).toBe('missing.jpg, not readable;')
    opening.mockRejectedValue(Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' }))
    await expect(fileStamp(path)).rejects.toThrow(`${path}: can't be read: EMFILE: too many open files`)
  })
})
