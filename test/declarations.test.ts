// The declarations as a project sees them that has neither Node's types nor new libraries, and checks what it imports.
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { packageJson, root } from './support/package.ts'

const folder = mkdtempSync(join(tmpdir(), 'convmark-declarations-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Every entry with declarations: `convmark`, `convmark/bench`, ... */
const entries = Object.entries(packageJson.exports)
  .filter(([, target]) => typeof target === 'object')
  .map(([path]) => path.replace('.', packageJson.name))

it('that are disposed by `await using` say which library has its types, each for itself', () => {
  const files = readdirSync(join(root, 'dist'), { recursive: true, encoding: 'utf8' })
  const texts = files
    .filter((file) => file.endsWith('.d.ts'))
    .map((file) => readFileSync(join(root, 'dist', file), 'utf8'))
    .filter((text) => /asyncDispose|AsyncDisposable/.test(text))
  expect(texts.length).toBeGreaterThan(1)
  for (const text of texts) expect(text).toMatch(/^\/\/\/ <reference lib="esnext\.disposable"/)
})

it('compile in a browser project without types of Node, library checks on', () => {
  // A copy: a link would lead to this package's own node_modules, where Node's types are.
  const installed = join(folder, 'node_modules/convmark')
  cpSync(join(root, 'dist'), join(installed, 'dist'), {
    recursive: true,
    filter: (path) => !path.endsWith('/web') && !/\.js$/.test(path),
  })
  writeFileSync(join(installed, 'package.json'), JSON.stringify(packageJson))
  for (const name of Object.keys({ ...packageJson.dependencies, ...packageJson.optionalDependencies })) {
    const link = join(folder, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), link)
  }
  const imports = entries.map((entry, i) => `import * as entry${i} from '${entry}'\nvoid entry${i}\n`)
  writeFileSync(
    join(folder, 'consumer.ts'),
    `${imports.join('')}
import { alexnet, initialize, openSession } from 'convmark'
const session = await openSession(alexnet(), { batch: 1 })
session.write(initialize(session.network, { seed: 7 }))
document.title = String(session.read('pool5')[0])
await session.dispose()
`,
  )
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        noEmit: true,
        skipLibCheck: false,
        target: 'ES2022',
        module: 'ESNext',
        moduleResolution: 'bundler',
        lib: ['ES2022', 'DOM'],
        types: [],
      },
      files: ['consumer.ts'],
    }),
  )
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })
  expect(entries.length).toBeGreaterThan(8)
  expect(stdout).toBe('')
  expect(status).toBe(0)
})
