import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { layerDefinitions } from '../src/layers/index.ts'
import { root, sourceFiles } from './support/package.ts'

const KINDS = Object.keys(layerDefinitions)

/** Rooms whose business are single kinds: each kind has a file of its name there, and their tables name it. */
const ROOMS = [/^layers\//, /^plan\/layers\//, /^kernels\//, /^formats\/onnx\//]

interface Exception {
  readonly file: string
  readonly text: string
  readonly reason: string
}

const EXCEPTIONS: readonly Exception[] = [
  { file: 'codegen/interpret.ts', text: "case 'add'", reason: 'an operation of vector programs' },
  { file: 'codegen/x64/encode.ts', text: "case 'add'", reason: 'an operation of vector programs' },
  { file: 'cli/training/setup.ts', text: "kind === 'crop'", reason: 'an augmentation' },
  { file: 'cli/training/setup.ts', text: "case 'crop'", reason: 'an augmentation' },
]

/**
 * Where code decides by a kind's name: compared with it, a case, an object's `kind`, a quoted key, or listed in an
 * array. Many kinds are also other words (activations, operations, methods, parts that can be left out), so a string
 * alone says nothing.
 */
function decisionsIn(text: string): string[] {
  const kind = `'(?:${KINDS.join('|')})'`
  const forms = [
    `\\bkind\\s*[!=]==?\\s*${kind}`,
    `${kind}\\s*[!=]==?\\s*[\\w.?]*\\bkind\\b`,
    `\\bcase\\s+${kind}`,
    `\\bkind:\\s*${kind}`,
    `\\bkind\\s*\\)\\s*===\\s*${kind}`,
    `(?<=[{,]\\s*)${kind}\\s*:`,
    `\\[\\s*(?:${kind}[,\\s]*)+\\]\\.includes\\([^)]*\\bkind\\b`,
  ]
  return forms.flatMap((form) => [...code(text).matchAll(new RegExp(form, 'g'))].map(([found]) => found))
}

/** Without comments, which may name what they like. */
const code = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')

describe('no file but a layer kind’s own decides by its name', () => {
  const sources = sourceFiles()

  it('in src', () => {
    const found = [...sources].flatMap(([path, text]) => {
      if (ROOMS.some((room) => room.test(path))) return []
      const isAllowed = (decision: string) =>
        EXCEPTIONS.some((exception) => exception.file === path && exception.text === decision)
      return decisionsIn(text)
        .filter((decision) => !isAllowed(decision))
        .map((decision) => `${path}: ${decision}`)
    })
    expect(found).toEqual([])
  })

  it.each(EXCEPTIONS)('$file still has $text: $reason', ({ file, text }) => {
    expect(decisionsIn(sources.get(file)!)).toContain(text)
  })

  it.each([
    "if (layer.kind === 'conv') go()",
    "return 'max-pool' === layer.kind",
    "layers.filter(({ kind }) => kind !== 'batch-norm')",
    "switch (kind) {\n  case 'average-pool':",
    "const layer = { kind: 'dense', name }",
    "const costs = {\n  'max-pool': 1,\n  'l2-loss': 2,\n}",
    "if (['conv', 'dense'].includes(layer.kind)) go()",
  ])('is seen: %s', (text) => {
    expect(decisionsIn(text)).not.toEqual([])
  })

  it.each([
    "b.binary('add', one, other)",
    "const parts = ['lrn', 'dropout', 'overlap'] as const",
    "// kind === 'conv'\n/* case 'dense' */",
    "conv('conv', { activation: 'relu' })",
    "step.kind === 'conv-forward'",
    "engine === 'conv' ? 1 : 2",
  ])('is another word: %s', (text) => {
    expect(decisionsIn(text)).toEqual([])
  })
})

const definition = (kind: string) => layerDefinitions[kind as keyof typeof layerDefinitions]

describe('a kind', () => {
  /** Activations alone share a file in the plan and in kernels; losses export nothing to ONNX. */
  const shared = (kind: string) => (definition(kind).activation === undefined ? kind : 'activation')

  it.each(KINDS)('%s has a file of its name in each room', (kind) => {
    const sources = sourceFiles()
    const isLoss = definition(kind).isLoss ?? false
    const file = shared(kind)
    const files = [`layers/${kind}.ts`, `plan/layers/${file}.ts`]
    // The kernels of convolutions and dense layers are several files; transposed convolutions have those of convolutions.
    const kernelsOf = kind === 'conv-transpose' ? 'conv' : file
    const kernels = [...sources.keys()].filter((path) => path.startsWith(`kernels/${kernelsOf}`))
    expect(kernels, 'kernels').not.toEqual([])
    if (!isLoss) files.push(`formats/onnx/${file}.ts`)
    for (const path of files) expect([...sources.keys()]).toContain(path)
  })

  it.each(KINDS)('%s is in docs/layers.md, with all its options', (kind) => {
    const docs = readFileSync(`${root}docs/layers.md`, 'utf8')
    const factory = kind.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
    const { rules } = definition(kind)
    for (const name of [factory, ...Object.keys(rules)]) expect(docs).toContain(`\`${name}\``)
  })
})
