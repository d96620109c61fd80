import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const NUMBERS = { null: ['1', '3'], full: ['1', '7'] } as const

const isRoot = process.getuid?.() === 0
/** Root may not in every container. */
export const hasDevices: boolean = process.platform === 'linux' && (!isRoot || mayMake())

function mayMake(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'convmark-device-'))
  const isMade = spawnSync('mknod', [join(folder, 'null'), 'c', ...NUMBERS.null]).status === 0
  rmSync(folder, { recursive: true })
  return isMade
}

/**
 * A device that takes all or nothing. For root a node of its own in `folder`: code that is wrong would replace the machine's
 * device by a file, as mutants have done.
 */
export function device(name: keyof typeof NUMBERS, folder: string): string {
  if (!isRoot) return `/dev/${name}`
  const path = join(folder, `device-${name}`)
  execFileSync('mknod', ['-m', '666', path, 'c', ...NUMBERS[name]])
  return path
}
