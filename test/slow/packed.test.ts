import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageJson, root } from '../support/package.ts'

// The package as npm would publish it, installed into an empty folder and used from there. `npm run test:slow` builds
// first; the installation takes the dependencies from the network.

const folder = mkdtempSync(join(tmpdir(), 'convmark-packed-'))
const user = join(folder, 'user')
const tool = (path: string) => join(root, 'node_modules', path)
/** The page’s digits are 640 kB of it, the API reference 70. */
const MAX_BYTES = 2_650_000

interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command as from a user's own shell: what the npm around these tests put into the environment is left out. */
function run(command: string, parameters: readonly string[], cwd = user): Promise<Finished> {
  const ours =
    /^(npm_(package|lifecycle|command|config_(include|omit|ignore_scripts|(local_)?prefix)$)|NODE_ENV$)/i
  const inherited = Object.entries(process.env).filter(([name]) => !ours.test(name))
  const env = {
    ...Object.fromEntries(inherited),
    CI: 'true',
    NO_COLOR: '1',
    CONVMARK_CACHE: join(folder, 'cache'),
  }
  return new Promise((resolve) => {
    const child = execFile(command, parameters, { cwd, env, maxBuffer: 1e8 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr })
    })
    child.stdin?.end()
  })
}

/** Runs what must succeed; its stdout. */
async function succeed(command: string, parameters: readonly string[], cwd = user): Promise<string> {
  const { code, stdout, stderr } = await run(command, parameters, cwd)
  if (code !== 0) {
    throw new Error(`${command} ${parameters.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`)
  }
  return stdout
}

let tarball = ''
let packed: { filename: string; size: number; files: readonly { path: string }[] }

beforeAll(async () => {
  const output = await succeed(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', folder],
    root,
  )
  packed = JSON.parse(output)[0]
  tarball = join(folder, packed.filename)
  mkdirSync(user)
  writeFileSync(join(user, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  await succeed('npm', ['install', '--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund', tarball])
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the tarball', () => {
  const paths = () => packed.files.map(({ path }) => path)
  const text = (path: string) => readFileSync(join(user, 'node_modules/convmark', path), 'utf8')

  it('holds what a user needs', () => {
    for (const path of ['package.json', 'README.md', 'README.zh-CN.md', 'LICENSE'])
      expect(paths()).toContain(path)
    for (const path of ['dist/cli/main.js', 'dist/runtime/compute-worker.js']) expect(paths()).toContain(path)
    for (const path of ['dist/web/index.html', 'dist/web/service-worker.js', 'dist/web/digits/README.md'])
      expect(paths()).toContain(path)
    for (const path of ['peers/package-lock.json', 'peers/runner.mjs', 'peers/pytorch.py'])
      expect(paths()).toContain(path)
    expect(text('dist/cli/main.js').startsWith('#!/usr/bin/env node\n')).toBe(true)
  })

  it('holds nothing else', () => {
    const wanted =
      /^(dist\/web\/.+|dist\/.+\.(js|d\.ts)|docs\/.+|peers\/[^/]+|package\.json|README(\.zh-CN)?\.md|LICENSE)$/
    expect(paths().filter((path) => !wanted.test(path) || /\.test\./.test(path))).toEqual([])
    expect(packed.size).toBeLessThan(MAX_BYTES)
  })

  it('has declarations beside every module, and no link to a map or a source that is not there', () => {
    // The page is no module of anybody's.
    const modules = paths().filter((path) => path.endsWith('.js') && !path.startsWith('dist/web/'))
    expect(modules.filter((path) => !paths().includes(path.replace(/\.js$/, '.d.ts')))).toEqual([])
    expect(modules.filter((path) => /sourceMappingURL|from '\.[^']*\.ts'/.test(text(path)))).toEqual([])
  })

  it('passes publint', async () => {
    const bytes = readFileSync(tarball)
    const copy = new Uint8Array(bytes).buffer
    const { messages, pkg } = await publint({ pack: { tarball: copy }, strict: true })
    // That a browser has no koffi is said of a dependency, which `exports` can't: bundlers read `browser`.
    const others = messages.filter(({ code }) => code !== 'USE_EXPORTS_OR_IMPORTS_BROWSER')
    expect(others.map((message) => formatMessage(message, pkg!, { color: false }))).toEqual([])
  })

  it('passes are-the-types-wrong', async () => {
    const attw = tool('@arethetypeswrong/cli/dist/index.js')
    const output = await succeed(
      process.execPath,
      [attw, tarball, '--profile', 'esm-only', '--no-color'],
      folder,
    )
    // It ends with an error for a problem; here, that it looked at every door
    for (const door of ['engine', 'layers', 'bench', 'formats'])
      expect(output).toContain(`"convmark/${door}"`)
  })
})

describe('an installed convmark', () => {
  it('takes no dependency of development along', async () => {
    const installed = JSON.parse(await succeed('npm', ['ls', '--all', '--json']))
    const { dependencies } = installed.dependencies.convmark
    const wanted = { ...packageJson.dependencies, ...packageJson.optionalDependencies }
    expect(Object.keys(dependencies).sort()).toEqual(Object.keys(wanted).sort())
  })

  it('describes AlexNet', async () => {
    expect(await succeed('npx', ['--no', 'convmark', 'info', 'alexnet'])).toContain('conv5')
  })

  it('runs a small benchmark, checked, with nothing but JSON on stdout', async () => {
    const options = ['--batch', '1', '--batches', '2', '--burn-in', '1', '--image-size', '67', '--json', '-']
    const result = JSON.parse(await succeed('npx', ['--no', 'convmark', 'bench', ...options]))
    expect(result).toMatchObject({
      schemaVersion: 1,
      tool: { name: 'convmark', version: packageJson.version },
    })
    const runs: { pass: string; samplesMs: number[]; check: { passed: boolean } }[] = result.runs
    expect(runs.map(({ pass }) => pass)).toEqual(['forward', 'forward-backward'])
    for (const { samplesMs, check } of runs) {
      expect(samplesMs).toHaveLength(2)
      expect(check.passed).toBe(true)
    }
  })

  it('computes as a library', async () => {
    writeFileSync(
      join(user, 'library.js'),
      `import { alexnet, initialize, openSession } from 'convmark'

const session = await openSession(alexnet({ imageSize: 67 }), { batch: 2, pass: 'forward-backward', threads: 2 })
try {
  session.write(initialize(session.network, { seed: 7 }))
  await session.run({ images: new Float32Array(2 * 67 * 67 * 3).fill(0.1) })
  const found = ['pool5', 'conv1/weights.gradient'].map((name) => session.read(name))
  console.log(JSON.stringify(found.map((values) => [values.length, values.some((value) => value > 0)])))
} finally {
  await session.dispose()
}
`,
    )
    const [pool5, gradient] = JSON.parse(await succeed(process.execPath, ['library.js']))
    expect(pool5).toEqual([2 * 256, true])
    expect(gradient).toEqual([11 * 11 * 3 * 64, true])
  })
})

describe.each([
  ['nodenext', 'nodenext'],
  ['bundler', 'esnext'],
])('TypeScript with moduleResolution %s', (moduleResolution, module) => {
  /** Compiles one file of a user who checks libraries too and has no types but the language's own. */
  async function compile(name: string, code: string): Promise<Finished> {
    const file = `${moduleResolution}-${name}.ts`
    writeFileSync(join(user, file), code)
    const options = ['--strict', '--noEmit', '--target', 'es2022', '--lib', 'es2023,esnext.disposable,dom']
    const resolution = ['--module', module, '--moduleResolution', moduleResolution, '--types', '']
    return run(process.execPath, [tool('typescript/bin/tsc'), ...options, ...resolution, file])
  }

  const program = (tensor: string) => `
import { alexnet, initialize, openSession } from 'convmark'
import type { BenchEvent } from 'convmark/bench'
import { openEngine } from 'convmark/engine'
import { readSafetensors } from 'convmark/formats'
import { conv } from 'convmark/layers'

const session = await openSession(alexnet(), { batch: 2, pass: 'forward-backward', engine: 'auto' })
session.write(initialize(session.network, { seed: 7 }))
await session.run({ images: new Float32Array(2 * 224 * 224 * 3) })
const values: Float32Array = session.read('${tensor}')
const layer: 'conv1' = conv('conv1', { filters: 64, kernel: 11, stride: 4, padding: 'same' }).name
export { type BenchEvent, layer, openEngine, readSafetensors, values }
`

  it.each(['images', 'pool5', 'conv1/weights', 'conv5/biases.gradient'])(
    'takes the tensor name %s',
    async (name) => {
      const { code, stdout } = await compile('right', program(name))
      expect(stdout).toBe('')
      expect(code).toBe(0)
    },
  )

  it.each(['pool6', 'pool5/weights', 'conv1/weight.gradient'])('refuses the tensor name %s', async (name) => {
    const { code, stdout } = await compile('wrong', program(name))
    expect(stdout.trim().split('\n')[0]).toContain(`error TS2345: Argument of type '"${name}"'`)
    expect(code).not.toBe(0)
  })
})

// The last, since it takes koffi away.
describe('an installed convmark whose koffi does not load', () => {
  const options = ['--batch', '1', '--batches', '2', '--burn-in', '0', '--image-size', '67', '--no-check']
  const bench = (engine: string) =>
    run('npx', ['--no', 'convmark', 'bench', '--engine', engine, ...options, '--json', '-'])

  // Broken, not removed: Node would look on in the folders above, which are not ours.
  beforeAll(() => {
    const koffi = join(user, 'node_modules/koffi')
    rmSync(koffi, { recursive: true })
    mkdirSync(koffi)
    writeFileSync(join(koffi, 'package.json'), JSON.stringify({ name: 'koffi', main: 'index.js' }))
    writeFileSync(join(koffi, 'index.js'), "throw new Error('no binary for this platform')")
  })

  it('goes on with wasm, and says why', async () => {
    const { code, stdout } = await bench('auto')
    expect(code).toBe(0)
    const { name, reason } = JSON.parse(stdout).runs[0].engine
    expect(name).toBe('wasm')
    if (process.platform === 'linux' && process.arch === 'x64')
      expect(reason).toContain("koffi, which calls machine code, can't be loaded")
    else expect(reason).toContain('it is written for Linux x86-64')
  })

  it('has no x64: exit code 4, and nothing on stdout', async () => {
    const { code, stdout, stderr } = await bench('x64')
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' })
    // npm may have something to say before it
    expect(stderr).toMatch(/^convmark: x64 is unavailable here: koffi/m)
  })
})
