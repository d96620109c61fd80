import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { device, hasDevices } from '../../test/support/device.ts'
import { canMount, makeReadOnly, mountedFile, smallDisk } from '../../test/support/mount.ts'
import { ConvmarkError, UsageError } from '../errors.ts'
import { OutputFile } from './output-file.ts'

let folder = ''
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'convmark-')))
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, { recursive: true })
})

const write = async (path: string, content: string | Uint8Array): Promise<void> =>
  (await OutputFile.open(path)).write(content)
const text = (path: string): Promise<string> => readFile(path, 'utf8')
const isRoot = process.getuid?.() === 0

describe('a file to be written', () => {
  it('is not there before, and all there after', async () => {
    const path = join(folder, 'a')
    const file = await OutputFile.open(path)
    expect(await readdir(folder)).toEqual([])
    await file.write('the first one')
    expect(await text(path)).toBe('the first one')
    await file.write(Uint8Array.of(111, 107))
    expect(await text(path)).toBe('ok')
    expect(await readdir(folder)).toEqual(['a'])
  })

  it('keeps its link and its mode', async () => {
    const [target, path] = [join(folder, 'target'), join(folder, 'link')]
    await writeFile(target, 'the old one', { mode: 0o600 })
    await symlink('target', path)
    await write(path, 'the new one')
    expect(await text(target)).toBe('the new one')
    expect(await readlink(path)).toBe('target')
    expect((await stat(target)).mode & 0o777).toBe(0o600)
  })

  it('is made where a link leads to nothing', async () => {
    await mkdir(join(folder, 'elsewhere'))
    await symlink('elsewhere', join(folder, 'folder'))
    await symlink('../target', join(folder, 'elsewhere/link'))
    const file = await OutputFile.open(join(folder, 'folder/link'))
    expect(file.resolvedPath).toBe(join(folder, 'target'))
    await file.write('here')
    expect(await text(join(folder, 'target'))).toBe('here')
    expect(await readlink(join(folder, 'elsewhere/link'))).toBe('../target')
  })

  it('may have the longest name that the system allows', async () => {
    const path = join(folder, 'a'.repeat(255))
    await write(path, 'here')
    await write(path, 'again')
    expect(await text(path)).toBe('again')
    await expect(OutputFile.open(`${path}a`)).rejects.toThrow(
      new UsageError(`${path}a: can't be written: its name is too long`),
    )
  })

  it.runIf(hasDevices)('may be a device, which stays what it is (skipped without root’s mknod)', async () => {
    const path = device('null', folder)
    await write(path, 'gone')
    expect(await text(path)).toBe('')
  })
})

describe('what can’t be written is known before, and leaves nothing', () => {
  const refused = async (path: string, reason: string | RegExp): Promise<void> => {
    const before = await readdir(folder)
    const error = await OutputFile.open(path).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(UsageError)
    const { message } = error as Error
    if (typeof reason === 'string') expect(message).toBe(`${path || "''"}: can't be written: ${reason}`)
    else expect(message).toMatch(reason)
    expect(await readdir(folder)).toEqual(before)
  }

  it.each([
    ['no name', () => '', 'its name is empty'],
    ['a slash at the end', () => `${folder}/new/`, 'it ends in a slash, as a folder does'],
    ['a folder', () => folder, 'it is a folder'],
    ['a folder by a dot', () => `${folder}/.`, 'it is a folder'],
    ['a folder that is not there', () => `${folder}/b/a`, /its folder '.*\/b': it does not exist$/],
  ])('%s', async (_, path, reason) => refused(path(), reason))

  it.runIf(process.platform === 'linux')('a file system that takes no files', async () => {
    await refused('/proc/new', /its folder '\/proc': /)
  })

  it('a folder that is a file', async () => {
    await writeFile(join(folder, 'a'), '')
    await refused(join(folder, 'a/c'), 'a part of the path is not a folder')
    await refused(join(folder, 'a/'), 'it ends in a slash, as a folder does')
  })

  it('links in a circle, and one into a folder that is not there', async () => {
    await symlink('b', join(folder, 'a'))
    await symlink('a', join(folder, 'b'))
    await symlink('nowhere/file', join(folder, 'c'))
    await refused(join(folder, 'a'), 'its links lead in a circle')
    await refused(join(folder, 'c'), `its folder '${join(folder, 'nowhere')}': it does not exist`)
  })

  it('a socket, which stdout may be', async () => {
    const path = join(folder, 'socket')
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(path, resolve))
    await refused(path, 'it is a socket')
    await new Promise((resolve) => server.close(resolve))
  })

  // The superuser may write anywhere
  it.skipIf(isRoot)('what the user may not (skipped for root)', async () => {
    await writeFile(join(folder, 'old'), 'as it was', { mode: 0o400 })
    await refused(join(folder, 'old'), 'permission denied')
    await chmod(folder, 0o500)
    await refused(join(folder, 'new'), /its folder '.*': permission denied$/)
    await chmod(folder, 0o700)
  })

  it.runIf(canMount)('on a disk that is read-only (skipped where nothing can be mounted)', async () => {
    const disk = join(folder, 'disk')
    await mkdir(disk)
    using _ = smallDisk(disk, 65_536)
    await writeFile(join(disk, 'old'), 'as it was')
    makeReadOnly(disk)
    await refused(join(disk, 'old'), 'the disk is read-only')
    await refused(join(disk, 'new'), `its folder '${disk}': the disk is read-only`)
  })
})

describe('where writing fails', () => {
  const failed = async (file: OutputFile, reason: string, content = 'the new one'): Promise<void> => {
    const error = await file.write(content).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(ConvmarkError)
    expect(error).toMatchObject({ exitCode: 1, message: `${file.path}: can't be written: ${reason}` })
  }
  const fails = (name: 'open' | 'rename', code: string) =>
    vi
      .spyOn(process.getBuiltinModule('node:fs/promises'), name)
      .mockRejectedValue(Object.assign(new Error(`${code}: it failed`), { code }))

  it.runIf(hasDevices)('a full device is named (skipped without root’s mknod)', async () => {
    const path = device('full', folder)
    await failed(await OutputFile.open(path), 'the disk is full')
    await symlink(path, join(folder, 'full.json'))
    await failed(await OutputFile.open(join(folder, 'full.json')), 'the disk is full')
  })

  it('a folder that was removed in the meantime is named', async () => {
    await mkdir(join(folder, 'b'))
    const file = await OutputFile.open(join(folder, 'b/a'))
    await rm(join(folder, 'b'), { recursive: true })
    await failed(file, 'its folder is gone')
  })

  it('the old file stays as it was, with nothing beside it', async () => {
    const path = join(folder, 'a')
    await writeFile(path, 'the old one')
    const file = await OutputFile.open(path)
    fails('open', 'EDQUOT')
    await failed(file, "the user's quota is used up")
    expect(await text(path)).toBe('the old one')
    expect(await readdir(folder)).toEqual(['a'])
  })

  it.each(['EBUSY', 'EXDEV', 'EPERM'])('of renaming alone (%s) the file is overwritten', async (code) => {
    const path = join(folder, 'a')
    await writeFile(path, 'the old one, which is longer')
    const { ino } = await stat(path)
    const file = await OutputFile.open(path)
    fails('rename', code)
    await file.write('the new one')
    expect(await text(path)).toBe('the new one')
    expect((await stat(path)).ino).toBe(ino)
    const other = await OutputFile.open(join(folder, 'b'))
    await other.write('another')
    expect(await text(join(folder, 'b'))).toBe('another')
    expect((await readdir(folder)).sort()).toEqual(['a', 'b'])
  })

  it.runIf(canMount)(
    'a file that is mounted by itself is overwritten (skipped where nothing can be mounted)',
    async () => {
      const path = join(folder, 'a')
      await writeFile(path, 'the old one')
      using _ = mountedFile(path)
      await write(path, 'the new one')
      expect(await text(path)).toBe('the new one')
      expect(await readdir(folder)).toEqual(['a'])
    },
  )

  it.runIf(canMount)(
    'a disk that is full, or read-only by then, leaves the old file (skipped where nothing can be mounted)',
    async () => {
      const disk = join(folder, 'disk')
      await mkdir(disk)
      using _ = smallDisk(disk, 8192)
      const path = join(disk, 'a')
      await writeFile(path, 'the old one')
      const file = await OutputFile.open(path)
      await failed(file, 'the disk is full', 'x'.repeat(9000))
      expect([await text(path), await readdir(disk)]).toEqual(['the old one', ['a']])
      makeReadOnly(disk)
      await failed(file, 'the disk is read-only')
      expect([await text(path), await readdir(disk)]).toEqual(['the old one', ['a']])
    },
  )
})

it('two names of one file are seen by their target', async () => {
  await writeFile(join(folder, 'a'), '')
  await symlink('a', join(folder, 'b'))
  const [a, b] = await Promise.all(['a', 'b'].map((name) => OutputFile.open(join(folder, name))))
  expect(b!.resolvedPath).toBe(a!.resolvedPath)
})
