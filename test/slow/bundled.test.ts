import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, type Format } from 'esbuild'
import { afterAll, describe, expect, it } from 'vitest'
import { gradient, jpegOf, pngOf, webpOf } from '../support/images.ts'
import { root } from '../support/package.ts'
import { runnable } from '../support/x64.ts'

// A program for Node that was bundled, as people do for servers and functions in a cloud: see docs/node.md.

const folder = mkdtempSync(join(tmpdir(), 'convmark-bundled-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
// koffi stays outside: the project that runs the bundle has it, and the decoders' binaries
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))

const engines = ['wasm@1', 'reference', ...(runnable.length > 0 ? ['x64@1'] : [])]
const program = join(folder, 'program.ts')
const image = gradient(20, 20)
const formats = { jpeg: await jpegOf(image), png: await pngOf(image), webp: await webpOf(image) }
for (const [format, bytes] of Object.entries(formats)) {
  mkdirSync(join(folder, format, 'a'), { recursive: true })
  writeFileSync(join(folder, format, 'a', `image.${format}`), bytes)
}

writeFileSync(
  program,
  `import { conv, defineNetwork, openSession } from ${JSON.stringify(join(root, 'dist/index.js'))}
import { channelStatistics, openDataset } from ${JSON.stringify(join(root, 'dist/data/index.js'))}
async function main() {
  const network = defineNetwork('sum', {
    inputs: { images: [2, 2, 1] },
    layers: [conv('a', { filters: 1, kernel: 2 })],
  })
  for (const engine of process.argv.slice(2)) {
    const session = await openSession(network, { batch: 1, engine, tuningCache: false })
    session.write({ 'a/weights': Float32Array.of(1, 10, 100, 1000), 'a/biases': Float32Array.of(0.5) })
    await session.run({ images: Float32Array.of(1, 2, 3, 4) })
    console.log(engine, session.read('a')[0])
    await session.dispose()
  }
  for (const format of ${JSON.stringify(Object.keys(formats))}) {
    const { train } = await openDataset('folder:' + ${JSON.stringify(folder)} + '/' + format)
    const { mean } = await channelStatistics(train, 3, { workers: 1 })
    console.log(format, mean[0] > 0.4 && mean[0] < 0.6)
  }
}
main().catch((error) => console.error(error.message))
`,
)

const WORKERS = {
  'compute-worker': 'dist/runtime',
  'reference-worker': 'dist/engines',
  'file-worker': 'dist/data',
} as const

const EXTENSIONS: Partial<Record<Format, string>> = { esm: '.mjs', cjs: '.cjs' }

async function runBundle(
  format: 'esm' | 'cjs',
  workers: readonly (keyof typeof WORKERS)[],
  {
    engines: used = engines,
    external = ['koffi'],
  }: { engines?: readonly string[]; external?: string[] } = {},
) {
  const outdir = mkdtempSync(join(folder, `${format}-`))
  const entries = workers.map((name) => [name, join(root, WORKERS[name], `${name}.js`)])
  await build({
    entryPoints: { program, ...Object.fromEntries(entries) },
    bundle: true,
    platform: 'node',
    format,
    outdir,
    outExtension: { '.js': EXTENSIONS[format]! },
    external,
    loader: { '.node': 'copy' },
    logLevel: 'silent',
  })
  return new Promise<{ stdout: string; stderr: string }>((resolve) =>
    execFile(
      process.execPath,
      [join(outdir, `program${EXTENSIONS[format]}`), ...used],
      (_error, stdout, stderr) => resolve({ stdout, stderr }),
    ),
  )
}

describe.each(['esm', 'cjs'] as const)('a bundle for Node in %s', (format) => {
  it('runs with its workers beside it', async () => {
    const { stdout, stderr } = await runBundle(format, ['compute-worker', 'reference-worker', 'file-worker'])
    expect(stderr).toBe('')
    expect(stdout.trim().split('\n')).toEqual([
      ...engines.map((engine) => `${engine} 4321.5`),
      ...Object.keys(formats).map((name) => `${name} true`),
    ])
  })

  it('says what to do if it lacks them', async () => {
    const { stderr } = await runBundle(format, [])
    expect(stderr).toMatch(
      /compute worker 1 of 1: there is no .*compute-worker\.js: convmark was installed in part or bundled without its workers; .*leave it out of the bundle/,
    )
  })
})

it.runIf(runnable.length > 0)(
  'a bundle in cjs says what to do if koffi is in it (skipped without AVX2)',
  async () => {
    const { stderr } = await runBundle('cjs', [], { engines: ['x64@1'], external: [] })
    expect(stderr).toMatch(
      /x64 is unavailable here: koffi, .*; install it again, and keep it out of bundles \(esbuild's --external:koffi\); use wasm/,
    )
  },
)
