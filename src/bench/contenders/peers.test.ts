import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { UnavailableError } from '../../errors.ts'
import { packageFolder, packagesFrom, peers } from './peers.ts'

const home = process.cwd()
let project: string
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'convmark project '))
  process.chdir(project)
})
afterEach(() => {
  process.chdir(home)
  rmSync(project, { recursive: true, force: true })
})

const install = (folder: string, name: string): void => {
  mkdirSync(join(folder, 'node_modules', name), { recursive: true })
  writeFileSync(
    join(folder, 'node_modules', name, 'package.json'),
    JSON.stringify({ name, version: '1.2.3' }),
  )
}
const urlOf = (folder: string): string => pathToFileURL(`${folder}/`).href

it("takes a peer that the user's project has, from the working folder and those above it", () => {
  install(project, 'onnxruntime-node')
  expect(packagesFrom('onnxruntime-node@2')?.href).toBe(urlOf(process.cwd()))
  const inner = join(project, 'src/deep')
  mkdirSync(inner, { recursive: true })
  process.chdir(inner)
  expect(packagesFrom('onnxruntime-node')?.href).toBe(urlOf(process.cwd()))
  expect(packageFolder('onnxruntime-node')?.href).toBe(
    urlOf(join(process.cwd(), '../../node_modules/onnxruntime-node')),
  )
})

it('a peer of two packages needs both', () => {
  install(project, '@tensorflow/tfjs-core')
  expect(() => packagesFrom('tfjs-wasm', [pathToFileURL(`${project}/`)])).toThrow('npm i')
  install(project, '@tensorflow/tfjs-backend-wasm')
  expect(packagesFrom('tfjs-wasm')?.href).toBe(urlOf(process.cwd()))
})

it.each(Object.entries(peers).filter(([, { packages }]) => packages.length > 0))(
  '%s that is not installed is unavailable, and its own packages are named, with the versions that were tested',
  (name, { packages }) => {
    let error: unknown
    try {
      packagesFrom(name, [pathToFileURL(`${project}/`)])
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(UnavailableError)
    expect((error as Error).message).toMatch(
      /^not installed \(tested with \d+\.\d+\.\d+(, \d+\.\d+\.\d+)*\); /,
    )
    expect((error as Error).message.split('npm i --ignore-scripts ')[1]).toBe(packages.join(' '))
  },
)

it('a peer that is none of npm has no packages to look for', () => {
  expect(packagesFrom('pytorch@2')).toBeNull()
})
