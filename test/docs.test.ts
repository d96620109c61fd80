import { execFile } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, it } from 'vitest'
import { documentedPrograms } from './support/docs.ts'
import { packageJson, root } from './support/package.ts'

const project = mkdtempSync(join(tmpdir(), 'convmark-docs-'))
afterAll(() => rmSync(project, { recursive: true, force: true }))

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')

/** As a user's project has them. */
function install(...names: readonly string[]): void {
  for (const name of names) {
    const target = name === 'convmark' ? root : join(root, 'node_modules', name)
    const link = join(project, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(target, link, 'dir')
  }
}

it('every program in the docs compiles, as it stands, in a project that has convmark', async () => {
  const programs = documentedPrograms()
  expect(programs.map(({ file }) => file)).toEqual(
    expect.arrayContaining(['README.md', 'README.zh-CN.md', 'docs/training.md', 'docs/browser.md']),
  )
  install('convmark', '@types/node', 'esbuild')
  writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module' }))
  const compilerOptions = {
    strict: true,
    target: 'ES2022',
    module: 'NodeNext',
    types: ['node'],
    allowJs: true,
    checkJs: true,
    noEmit: true,
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
  for (const { name, text } of programs) writeFileSync(join(project, name), text)
  // A network of the reader's own, which docs/method.md benchmarks: README.md has one
  const own = programs.find(({ file, text }) => file === 'README.md' && text.includes('const mine'))!
  writeFileSync(join(project, 'mine.mjs'), own.text.replace('const mine', 'export const mine'))
  const compiled = await promisify(execFile)(process.execPath, [tsc, '-p', project, '--pretty', 'false'], {
    cwd: project,
  }).catch((error: { stdout: string }) => error)
  expect(compiled.stdout).toBe('')
})

it('docs/onnx.md has every operator that is imported, and no other', () => {
  const folder = join(root, 'src/formats/onnx/import/operators')
  const sources = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
  const imported = sources.flatMap((text) =>
    [...text.matchAll(/^ {2}([A-Z]\w+):/gm)].map(([, name]) => name!),
  )
  expect(imported.length).toBeGreaterThan(50)
  const table = readFileSync(join(root, 'docs/onnx.md'), 'utf8').matchAll(/^\| ([A-Z][^|]*) \|/gm)
  const documented = [...table].flatMap(([, names]) => names!.trim().split(', '))
  const lacking = imported.filter((name) => !documented.includes(name))
  expect(lacking).toEqual(['Silu']) // which is a pattern's name, and no operator
  const computed = readFileSync(join(folder, '../fold.ts'), 'utf8')
  const unknown = documented.filter((name) => !imported.includes(name) && !computed.includes(`  ${name}`))
  expect(unknown).toEqual([])
})

it.each(['README.md', 'docs/browser.md'])('%s says what each entry of the package is', (file) => {
  const text = readFileSync(join(root, file), 'utf8')
  const entries = Object.keys(packageJson.exports)
    .filter((entry) => !/workers\/|package\.json/.test(entry))
    .map((entry) => entry.replace(/^\./, 'convmark'))
  expect(entries).toContain('convmark/layers')
  for (const entry of entries) expect(text).toMatch(new RegExp(`['\`]${entry}['\`]`))
})
