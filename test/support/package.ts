import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Sources } from './import-rules.ts'

/** The package's folder. */
export const root: string = fileURLToPath(new URL('../../', import.meta.url))

export interface PackageJson {
  readonly name: string
  readonly version: string
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
  readonly bin: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly optionalDependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

export const packageJson: PackageJson = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))

/** What is compiled into the package: src/ without its tests. */
export function sourceFiles(): Sources {
  const paths = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  return new Map(paths.sort().map((path) => [path, readFileSync(`${root}src/${path}`, 'utf8')]))
}
