// A user's project: the package as npm would pack it, and a page that uses it.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../../support/package.ts'

const PAGE = join(root, 'test/browser/page')

export interface UserProject {
  /** Has the page and node_modules. */
  readonly folder: string
  remove(): void
}

/** The tarball unpacked, with its dependencies linked to those of this checkout: nothing is fetched. */
export function makeUserProject(): UserProject {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'convmark-page-')))
  const npm = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const [packed] = JSON.parse(execFileSync('npm', npm, { cwd: root, encoding: 'utf8', stdio: 'pipe' }))
  const installed = join(folder, 'node_modules')
  const own = join(installed, 'convmark')
  mkdirSync(own, { recursive: true })
  execFileSync('tar', ['-xzf', join(folder, packed.filename), '-C', own, '--strip-components=1'])
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(installed, name))
  }
  cpSync(PAGE, folder, { recursive: true })
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
