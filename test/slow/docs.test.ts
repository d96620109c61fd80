import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { transformSync } from 'esbuild'
import { afterAll, expect, it } from 'vitest'
import { documentedPrograms } from '../support/docs.ts'
import { gradient, pngOf } from '../support/images.ts'
import { root } from '../support/package.ts'

const folder = mkdtempSync(join(tmpdir(), 'convmark-docs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('the programs of docs/training.md run, one after the other', async () => {
  const programs = documentedPrograms().filter(({ file }) => file === 'docs/training.md')
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules/convmark'), 'dir')
  writeFileSync(join(folder, 'seven.png'), await pngOf(gradient(40, 30)))
  const outputs: string[] = []
  for (const { name, text } of programs) {
    // MNIST has to be fetched; a set of its size for the network that is at hand everywhere
    const { code } = transformSync(text.replaceAll("'mnist'", "'synthetic'"), { loader: 'ts' })
    const script = join(folder, name.replace(/\.ts$/, '.mjs'))
    writeFileSync(script, code)
    const env = { ...process.env, CONVMARK_CACHE: join(folder, 'cache') }
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [script], { cwd: folder, env })
    expect(stderr).toBe('')
    outputs.push(stdout)
  }
  const [trained, resumed, evaluated, seen] = outputs
  expect(trained).toMatch(/^1 [\d.]+\n(.*\n)*16 [\d.]+\n$/)
  expect(resumed).toMatch(/^3 \{/)
  expect(evaluated).toMatch(/^[\d.]+ [\d.]+\n$/)
  expect(seen).toMatch(/^pattern \d\n$/)
})
