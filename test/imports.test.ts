import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  circles,
  importsOf,
  nodeImports,
  type Sources,
  unreachable,
  wrongDirections,
} from './support/import-rules.ts'
import { packageJson, root, sourceFiles } from './support/package.ts'

/** Sources in memory, each file given by its code. */
const planted = (files: Record<string, string>): Sources => new Map(Object.entries(files))

describe('the house', () => {
  const sources = sourceFiles()

  it('has no import upward', () => expect(wrongDirections(sources)).toEqual([]))

  it('has no circle of files', () => expect(circles(sources)).toEqual([]))

  it('has no file that no entry point leads to', () => {
    const targets = Object.values(packageJson.exports).map((target) =>
      typeof target === 'string' ? target : target.default,
    )
    // The design has `interpret` beside the other targets, for tests alone.
    const entries = [...targets, ...Object.values(packageJson.bin), 'dist/codegen/interpret.js']
      .filter((target) => target.endsWith('.js'))
      .map((target) => target.replace(/^(\.\/)?dist\//, '').replace(/\.js$/, '.ts'))
    expect(entries).toContain('cli/main.ts')
    for (const entry of entries) expect([...sources.keys()]).toContain(entry)
    expect(unreachable(sources, entries)).toEqual([])
  })

  it('has mocks of modules only in tests that have a process of their own', () => {
    const tests = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.test.ts'),
    )
    const mocking = tests.filter((path) =>
      /vi\.(do)?mock\(/i.test(readFileSync(join(root, 'src', path), 'utf8')),
    )
    expect(mocking.length).toBeGreaterThan(0)
    expect(mocking.filter((path) => !path.endsWith('.mocked.test.ts'))).toEqual([])
  })

  it("looks at Node's version before it loads anything else", () => {
    const loadedFirst = (path: string) =>
      importsOf(path, sources.get(path)!).flatMap(({ to, kind }) => (kind === 'static' ? [to] : []))
    expect(loadedFirst('cli/main.ts')).toEqual(['runtime/node-version.ts'])
    expect(loadedFirst('runtime/node-version.ts')).toEqual([])
  })

  it('imports node: where no page comes', () => expect(nodeImports(sources)).toEqual([]))

  it('lets no page come there', () => {
    const doors = [
      'index.ts',
      'engine.ts',
      'bench/index.ts',
      'formats/index.ts',
      'train/index.ts',
      'data/index.ts',
    ]
    const behind = unreachable(sources, doors)
    const forPages = new Set([...sources.keys()].filter((path) => !behind.includes(path)))
    expect(forPages).toContain('bench/check-worker.ts')
    expect([...forPages].filter((path) => /^cli\/|contenders\//.test(path))).toEqual([])
    expect(forPages).not.toContain('bench/compare.ts')
  })
})

describe('the rules', () => {
  it('see every form of import, and no comment', () => {
    const text = `
      // import { a } from './comment.ts'
      import { readFile } from 'node:fs/promises' // not from './comment.ts'
      import type { A } from './a.ts'
      import {
        b, // the second
        type B,
      } from "../b.ts"
      import * as c from './c.ts'
      import './d.ts'
      export * from './e.ts'
      export type { F } from './f.ts'
      export const from = 'g.ts'
      const { h } = await import('./h.ts')
      const worker = new URL('./worker.js', import.meta.url)
      const any = await import(name)
    `
    expect(
      importsOf('plan/plan.ts', text).map(({ kind, to, specifier }) => `${kind} ${to ?? specifier}`),
    ).toEqual([
      'static node:fs/promises',
      'type plan/a.ts',
      'static b.ts',
      'static plan/c.ts',
      'static plan/d.ts',
      'static plan/e.ts',
      'type plan/f.ts',
      'dynamic plan/h.ts',
      'dynamic ?',
      'worker plan/worker.ts',
    ])
  })

  it.each([
    ['layers/conv.ts', "import type { Plan } from '../plan/plan.ts'", 'upward'],
    ['runtime/tasks.ts', "const { engines } = await import('../engines/index.ts')", 'upward'],
    ['session.ts', "export { alexnet } from './index.ts'", 'upward'],
    ['codegen/program.ts', "import { conv } from '../layers/conv.ts'", 'codegen knows no layer'],
    ['codegen/wasm/encode.ts', "import type { Plan } from '../../plan/plan.ts'", 'codegen knows no layer'],
    ['codegen/program.ts', "import { encodeWasm } from './wasm/encode.ts'", 'only engines know the targets'],
    [
      'kernels/tile.ts',
      "import { WASM_LANES } from '../codegen/wasm/encode.ts'",
      'only engines know the targets',
    ],
    ['codegen/x64/encode.ts', "import { bytes } from '../wasm/encode.ts'", 'a target knows no other target'],
    ['kernels/tile.ts', "import { runTask } from '../runtime/tasks.ts'", 'upward'],
    ['report/classic.ts', "import { openSession } from '../session.ts'", 'a report sees only'],
    ['plan/plan.ts', "import { gone } from './gone.ts'", 'no such file'],
    ['plan/plan.ts', 'const found = await import(name)', 'cannot be followed'],
    ['attic/old.ts', 'export const old = 1', 'on no floor'],
  ])('refuse in %s: %s', (path, text, reason) => {
    const others = [
      'layers/conv.ts',
      'plan/plan.ts',
      'codegen/program.ts',
      'codegen/wasm/encode.ts',
      'runtime/tasks.ts',
    ]
    others.push('engines/index.ts', 'session.ts', 'index.ts')
    const sources = planted({ ...Object.fromEntries(others.map((other) => [other, ''])), [path]: text })
    const found = wrongDirections(sources)
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(reason)
  })

  it('let a report see types, its own room, the result and records', () => {
    const text = `import type { Session } from '../session.ts'
      import { parseResult } from '../bench/result.ts'
      import { parseEvaluation } from '../records/evaluation.ts'`
    const below = { 'session.ts': '', 'bench/result.ts': '', 'records/evaluation.ts': '' }
    const sources = planted({ ...below, 'report/json.ts': text })
    expect(wrongDirections(sources)).toEqual([])
  })

  it('find a circle, through types too', () => {
    const sources = planted({
      'plan/a.ts': "import { b } from './b.ts'",
      'plan/b.ts': "import { c } from './c.ts'",
      'plan/c.ts': "import type { B } from './b.ts'",
    })
    expect(circles(sources)).toEqual(['plan/b.ts -> plan/c.ts -> plan/b.ts'])
  })

  it('find a file that nothing leads to; a worker is led to by its URL', () => {
    const sources = planted({
      'index.ts': "export * from './runtime/pool.ts'",
      'runtime/pool.ts': "new Worker(new URL('./worker.js', import.meta.url))",
      'runtime/worker.ts': '',
      'runtime/forgotten.ts': '',
    })
    expect(unreachable(sources, ['index.ts'])).toEqual(['runtime/forgotten.ts'])
  })

  it("find an import of Node's that a page would come to", () => {
    const sources = planted({
      'cli/main.ts': "import { readFileSync } from 'node:fs'",
      'runtime/static.ts': "import { cpus } from 'node:os'",
      'runtime/dynamic.ts': "const { cpus } = await import('node:os')",
      'runtime/asked.ts': "const { cpus } = nodeModule('node:os')",
      'runtime/types.ts': "import type { Worker } from 'node:worker_threads'",
    })
    expect(nodeImports(sources)).toEqual([
      'runtime/static.ts -> node:os (static)',
      'runtime/dynamic.ts -> node:os (dynamic)',
    ])
  })
})
