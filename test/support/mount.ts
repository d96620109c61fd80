import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const mount = (...args: readonly string[]): void => void execFileSync('mount', args, { stdio: 'pipe' })
const unmount = (path: string): void => void execFileSync('umount', [path], { stdio: 'pipe' })

/** A test that ran out of time disposes of nothing. */
const mounted = new Set<string>()
process.once('exit', () => mounted.forEach(unmount))

function mountedAt(path: string): Disposable {
  mounted.add(path)
  return {
    [Symbol.dispose]: () => {
      unmount(path)
      mounted.delete(path)
    },
  }
}

/** The superuser of most containers may; others skip what needs it. */
export const canMount: boolean = mayMount()

function mayMount(): boolean {
  if (process.platform !== 'linux') return false
  const folder = mkdtempSync(join(tmpdir(), 'convmark-mount-'))
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', 'none', folder]).status === 0
  if (isMounted) unmount(folder)
  rmSync(folder, { recursive: true })
  return isMounted
}

/** A disk at `path`, of so many bytes; whole pages are taken. To be disposed of. */
export function smallDisk(path: string, byteLength: number): Disposable {
  mount('-t', 'tmpfs', '-o', `size=${byteLength}`, 'none', path)
  return mountedAt(path)
}

/** Mounts the file by itself, as a container's `--volume file:file` does. */
export function mountedFile(file: string): Disposable {
  mount('--bind', file, file)
  return mountedAt(file)
}

export const makeReadOnly = (path: string): void => mount('-o', 'remount,ro', path)
