import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, type Format } from 'esbuild'
import { afterAll, describe, expect, it } from 'vitest'
import { root } from './support/package.ts'
import { runnable } from './support/x64.ts'

// A program for Node that was bundled, as people do for servers and functions in a cloud: see docs/node.md.

const folder = mkdtempSync(join(tmpdir(), 'convmark-bundled-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
// koffi stays outside: the project that runs the bundle has it
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))

const engines = ['wasm@1', 'reference', ...(runnable.length > 0 ? ['x64@1'] : [])]
const program = join(folder, 'program.ts')
writeFileSync(
  program,
  `import { conv, defineNetwork, openSession } from ${JSON.stringify(join(root, 'dist/index.js'))}
async function main() {
  const network = defineNetwork('sum', {
    inputs: { images: [2, 2, 1] },
    layers: [conv('a', { filters: 1, kernel: 2 })],
  })
  for (const engine of ${JSON.stringify(engines)}) {
    const session = await openSession(network, { batch: 1, engine, tuningCache: false })
    session.write({ 'a/weights': Float32Array.of(1, 10, 100, 1000), 'a/biases': Float32Array.of(0.5) })
    await session.run({ images: Float32Array.of(1, 2, 3, 4) })
    console.log(engine, session.read('a')[0])
    await session.dispose()
  }
}
main().catch((error) => console.error(error.message))
`,
)

const pathOf = (worker: string): string =>
  join(root, worker === 'compute-worker' ? 'dist/runtime' : 'dist/engines', `${worker}.js`)

const EXTENSIONS: Partial<Record<Format, string>> = { esm: '.mjs', cjs: '.cjs' }

async function runBundle(format: 'esm' | 'cjs', workers: readonly string[]) {
  const outdir = join(folder, `${format}-${workers.length}`)
  const entries = workers.map((name) => [name, pathOf(name)])
  await build({
    entryPoints: { program, ...Object.fromEntries(entries) },
    bundle: true,
    platform: 'node',
    format,
    outdir,
    outExtension: { '.js': EXTENSIONS[format]! },
    external: ['koffi'],
    logLevel: 'silent',
  })
  return new Promise<{ stdout: string; stderr: string }>((resolve) =>
    execFile(process.execPath, [join(outdir, `program${EXTENSIONS[format]}`)], (_error, stdout, stderr) =>
      resolve({ stdout, stderr }),
    ),
  )
}

describe.each(['esm', 'cjs'] as const)('a bundle for Node in %s', (format) => {
  it('runs with its workers beside it', async () => {
    const { stdout, stderr } = await runBundle(format, ['compute-worker', 'reference-worker'])
    expect(stderr).toBe('')
    expect(stdout.trim().split('\n')).toEqual(engines.map((engine) => `${engine} 4321.5`))
  })

  it('says what to do if it lacks them', async () => {
    const { stderr } = await runBundle(format, [])
    expect(stderr).toMatch(
      /compute worker 1 of 1: there is no .*compute-worker\.js: convmark was installed in part or bundled without its workers; .*leave it out of the bundle/,
    )
  })
})
