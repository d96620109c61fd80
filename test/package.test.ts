import { readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { describe, expect, it } from 'vitest'
import { VERSION } from '../src/version.ts'
import { importsOf } from './support/import-rules.ts'
import { packageJson, root, sourceFiles } from './support/package.ts'

interface LockedPackage {
  readonly version: string
  readonly resolved?: string
  readonly integrity?: string
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

interface LockFile {
  readonly version: string
  readonly packages: Readonly<Record<string, LockedPackage>>
}

const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'darwin-x64', 'win32-x64']

describe('the lock file', () => {
  const lock: LockFile = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8'))
  const locked = (name: string): LockedPackage | undefined => lock.packages[`node_modules/${name}`]
  const parents = Object.entries(lock.packages).filter(([, { optionalDependencies }]) => optionalDependencies)
  // A family of binaries names its processors; fsevents and the like, of one system alone, do not
  const families = parents
    .map(([path, { optionalDependencies }]) => [path, Object.keys(optionalDependencies!)] as const)
    .filter(([, names]) => names.some((name) => locked(name)?.cpu))

  it('holds every optional dependency, whatever machine wrote it', () => {
    const missing = parents.flatMap(([path, { optionalDependencies }]) =>
      Object.keys(optionalDependencies!)
        .filter((name) => !locked(name) && !lock.packages[`${path}/node_modules/${name}`])
        .map((name) => `${path}: ${name}`),
    )
    expect(missing).toEqual([])
  })

  it('knows of families of binaries', () => {
    const paths = families.map(([path]) => path)
    expect(paths).toEqual(expect.arrayContaining(['node_modules/@biomejs/biome', 'node_modules/typescript']))
  })

  it.each(PLATFORMS)('holds the binaries of %s', (platform) => {
    const [os, cpu] = platform.split('-') as [string, string]
    const missing = families.filter(([, names]) => {
      const fits = names.map(locked).some((binary) => {
        if (!binary?.os?.includes(os) || !binary.cpu?.includes(cpu)) return false
        return os !== 'linux' || !binary.libc || binary.libc.includes('glibc')
      })
      return !fits
    })
    expect(missing).toEqual([])
  })

  it.each(['', 'api/', 'mutation/', 'peers/'])(
    'in %j names no registry, so that any will do, and pins what is installed by its hash',
    (folder) => {
      const { packages }: LockFile = JSON.parse(readFileSync(`${root}${folder}package-lock.json`, 'utf8'))
      const installed = Object.entries(packages).filter(([path]) => path !== '')
      expect(installed.filter(([, { resolved }]) => resolved).map(([path]) => path)).toEqual([])
      expect(installed.filter(([, { integrity }]) => !integrity).map(([path]) => path)).toEqual([])
    },
  )

  it('is of this version', () => {
    expect(lock.version).toBe(packageJson.version)
    expect(lock.packages['']!.version).toBe(packageJson.version)
  })
})

it('VERSION is that of package.json', () => expect(VERSION).toBe(packageJson.version))

it('.npmrc runs no install scripts and installs the tools even with NODE_ENV=production', () => {
  const lines = readFileSync(`${root}.npmrc`, 'utf8').trim().split('\n')
  expect(lines.sort()).toEqual(['ignore-scripts=true', 'include=dev'])
})

describe('dependencies', () => {
  const imported = new Set(
    [...sourceFiles()]
      .flatMap(([path, text]) => importsOf(path, text))
      // '?' is a module of the user's: test/imports.test.ts says where one may be imported.
      .filter(({ specifier, to }) => to === undefined && specifier !== '?' && !isBuiltin(specifier))
      .map(({ specifier }) => /^(@[^/]+\/)?[^/]+/.exec(specifier)![0]),
  )

  it('are all imported, and nothing else is', () => {
    expect([...imported].sort()).toEqual(
      Object.keys({ ...packageJson.dependencies, ...packageJson.optionalDependencies }).sort(),
    )
  })

  it('of development are not imported by src', () => {
    expect(Object.keys(packageJson.devDependencies).filter((name) => imported.has(name))).toEqual([])
  })
})
