import { execFileSync } from 'node:child_process'
import { appendFile, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FormatError, UsageError } from '../errors.ts'
import { readText } from './files.ts'
import { InputFile } from './input-file.ts'
import { encodeSafetensors, readSafetensorsFrom } from './safetensors.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convmark-'))
})
afterEach(() => rm(folder, { recursive: true }))

const inFolder = (name: string): string => join(folder, name)
const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (7 * i) % 251)
const noRoomNeeded = async (): Promise<void> => {}

/** A pipe into which another process writes the bytes little by little. */
async function pipeOf(bytes: Uint8Array): Promise<string> {
  const [file, pipe] = [inFolder('bytes'), inFolder('pipe')]
  await writeFile(file, bytes)
  execFileSync('mkfifo', [pipe])
  execFileSync('sh', ['-c', `(head -c 5 '${file}'; sleep 0.05; tail -c +6 '${file}') > '${pipe}' &`], {
    stdio: 'ignore',
  })
  return pipe
}

describe('a file', () => {
  it('without a name is refused', async () => {
    await expect(InputFile.open('')).rejects.toThrow(new UsageError("'': can't be read: its name is empty"))
  })

  it.each([1, 3, 512, 1 << 20])('of 1,000 bytes is read in pieces of %i', async (pieceBytes) => {
    const path = inFolder('a')
    await writeFile(path, bytesOf(1000))
    await using file = await InputFile.open(path, pieceBytes)
    const first = new Uint8Array(501)
    expect(await file.fill(first)).toBe(501)
    expect(await file.fill(first.subarray(1))).toBe(499)
    expect(first.subarray(1, 500)).toEqual(bytesOf(1000).subarray(501))
    expect(await file.fill(first)).toBe(0)
  })

  it('is read as far as it went when it was opened', async () => {
    const path = inFolder('log')
    await writeFile(path, 'begun\n')
    await using file = await InputFile.open(path)
    await appendFile(path, 'while it was read\n')
    expect(file.byteLength).toBe(6)
    expect(new TextDecoder().decode(await file.readAll())).toBe('begun\n')
  })

  it('that shrinks is read as far as it goes', async () => {
    const path = inFolder('log')
    await writeFile(path, 'begun\n')
    await using file = await InputFile.open(path)
    await truncate(path, 3)
    expect(new TextDecoder().decode(await file.readAll())).toBe('beg')
  })

  it('of the system’s own, which has no size, is read', async () => {
    await using file = await InputFile.open('/proc/self/status')
    expect(file.byteLength).toBeNull()
    expect(new TextDecoder().decode(await file.readAll())).toContain('Name:')
  })

  it('may be empty', async () => {
    await writeFile(inFolder('a'), '')
    await using file = await InputFile.open(inFolder('a'))
    expect(await file.readAll()).toHaveLength(0)
  })

  it('that does not fit into memory is refused with its size, before it is read', async () => {
    await writeFile(inFolder('a'), '')
    await truncate(inFolder('a'), 2 ** 43)
    await using file = await InputFile.open(inFolder('a'))
    await expect(file.readAll()).rejects.toThrow(UsageError)
    await expect(file.readAll()).rejects.toThrow(
      `${inFolder('a')}: its 8796093022208 bytes do not fit into memory`,
    )
    await expect(readText(inFolder('a'))).rejects.toThrow(FormatError)
    await expect(readText(inFolder('a'))).rejects.toThrow('its text of 8796093022208 bytes is longer')
  })
})

describe('a pipe', () => {
  it('is read to its end', async () => {
    const bytes = bytesOf(200_000)
    await using file = await InputFile.open(await pipeOf(bytes))
    expect(file.byteLength).toBeNull()
    expect(Buffer.compare(await file.readAll(), bytes)).toBe(0)
  })

  it('that never ends is read no further than it may be', async () => {
    await using file = await InputFile.open('/dev/zero')
    const tooMany = (path: string, byteLength: number): Error => new Error(`${path} ${byteLength}`)
    await expect(file.readAll(1e6, tooMany)).rejects.toThrow(`/dev/zero ${2 ** 20}`)
  })
})

describe('safetensors', () => {
  const tensors = {
    b: { shape: [5], data: Float32Array.of(1, 2, 3, 4, 5) },
    a: { shape: [2], data: BigInt64Array.of(6n, -7n) },
    empty: { shape: [0], data: new Float32Array(0) },
  }
  const encoded = encodeSafetensors(tensors, { made: 'here' })
  const read = async (path: string) => {
    await using file = await InputFile.open(path, 3)
    return await readSafetensorsFrom(file, 'f', noRoomNeeded)
  }

  it.each([
    ['a file', async (bytes: Uint8Array) => writeFile(inFolder('a'), bytes).then(() => inFolder('a'))],
    ['a pipe', pipeOf],
  ])('of %s are those that were written, in the header’s order', async (_what, pathOf) => {
    const { tensors: found, metadata } = await read(await pathOf(encoded))
    expect([...found.keys()]).toEqual(['a', 'b', 'empty'])
    for (const [name, { shape, data }] of Object.entries(tensors))
      expect(found.get(name)).toMatchObject({ shape, data })
    expect(metadata).toEqual({ made: 'here' })
  })

  it.each([
    [4, /^f: it has 4 bytes, but a safetensors file begins with 8/],
    [20, /^f: its header has \d+ bytes, but only 12 follow; it was cut short$/],
    [encoded.length - 1, /^f: b: it ends at byte 36 of 35; the file was cut short$/],
  ])('that end after %i bytes are refused, from a file and a pipe alike', async (length, message) => {
    await writeFile(inFolder('a'), encoded.subarray(0, length))
    await expect(read(inFolder('a'))).rejects.toThrow(message)
    const pipe = await pipeOf(encoded.subarray(0, length))
    await expect(read(pipe)).rejects.toThrow(FormatError)
    await rm(pipe)
    await expect(read(await pipeOf(encoded.subarray(0, length)))).rejects.toThrow(message)
  })

  it('that shrink or grow while they are read are refused', async () => {
    const during = async (change: (path: string) => Promise<void>) => {
      const path = inFolder('a')
      await writeFile(path, encoded)
      await using file = await InputFile.open(path)
      await readSafetensorsFrom(file, 'f', () => change(path))
    }
    await expect(during((path) => truncate(path, encoded.length - 8))).rejects.toThrow(
      'f: b: it ends at byte 36 of 28; the file was cut short',
    )
    await expect(during((path) => appendFile(path, 'more'))).rejects.toThrow(
      'f: more bytes follow the last tensor',
    )
    await expect(read(await pipeOf(Uint8Array.of(...encoded, 0)))).rejects.toThrow('more bytes follow')
  })

  it('that do not fit into memory are refused before there is any for them', async () => {
    const refuse = async (byteLength: number): Promise<void> => {
      throw new UsageError(`no room for ${byteLength}`)
    }
    await writeFile(inFolder('a'), encoded)
    await using file = await InputFile.open(inFolder('a'))
    await expect(readSafetensorsFrom(file, 'f', refuse)).rejects.toThrow('no room for 36')
  })

  it('of more values than an array has are refused', async () => {
    const count = 2 ** 40
    const header = JSON.stringify({ a: { dtype: 'F32', shape: [count], data_offsets: [0, 4 * count] } })
    const bytes = new Uint8Array(8 + header.length)
    new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true)
    bytes.set(new TextEncoder().encode(header), 8)
    await expect(read(await pipeOf(bytes))).rejects.toThrow(
      `f: a: the system does not give the ${4 * count} bytes of memory that it takes`,
    )
  })
})
