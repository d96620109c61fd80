import { posix } from 'node:path'

/** Path below src/ -> text. */
export type Sources = ReadonlyMap<string, string>

export interface Import {
  readonly from: string
  /** As written: './tile.ts', 'node:fs', 'zod'. */
  readonly specifier: string
  /** Of a relative import, the path below src/. */
  readonly to: string | undefined
  /** `type`: gone after compiling. `worker`: a file named by `new URL(..., import.meta.url)`, for a thread or of a package. */
  readonly kind: 'static' | 'type' | 'dynamic' | 'worker'
}

/** The house, from the ground up. A file may import from its own floor and from those before it. */
export const FLOORS = [
  [
    'errors.ts',
    'version.ts',
    'tensor.ts',
    'digits.ts',
    'plain-text.ts',
    'shell.ts',
    'check-options.ts',
    'decode-text.ts',
  ],
  ['random.ts'],
  ['layers/'],
  ['networks/', 'optimizers/'],
  ['plan/'],
  ['codegen/'],
  ['kernels/'],
  ['runtime/'],
  ['engines/'],
  ['session-tensors.ts', 'session.ts'],
  ['bench/'],
  ['records/'],
  ['report/'],
  ['formats/'],
  ['data/'],
  ['train/'],
  ['models/'],
  ['cli/'],
  // The package's doors: nothing in the house goes round through them
  ['index.ts', 'engine.ts'],
] as const

/** What a room must not see although it lies below, and why. */
const WALLS: readonly { room: RegExp; hidden(found: Import): boolean; reason: string }[] = [
  {
    room: /^codegen\//,
    hidden: ({ to }) => /^(layers|networks|plan)\//.test(to!),
    reason: 'codegen knows no layer',
  },
  {
    room: /^(codegen\/[^/]+$|kernels\/)/,
    hidden: ({ to }) => /^codegen\/([^/]+\/|interpret\.ts$)/.test(to!),
    reason: 'only engines know the targets',
  },
  {
    room: /^codegen\/[^/]+\//,
    hidden: ({ from, to }) => /^codegen\/[^/]+\//.test(to!) && posix.dirname(from) !== posix.dirname(to!),
    reason: 'a target knows no other target',
  },
  {
    room: /^report\//,
    hidden: ({ to, kind }) =>
      kind !== 'type' &&
      !['bench/result.ts', 'digits.ts', 'plain-text.ts', 'shell.ts', 'check-options.ts'].includes(to!) &&
      !/^(records|report)\//.test(to!),
    reason:
      'a report sees only bench/result.ts, records/, digits, plain text, shell words, check-options and types',
  },
]

/** Files that no page bundles. Elsewhere Node's modules come from `nodeModule`: a bundler would follow an import. */
const NODE_ONLY = /^(cli\/|bench\/(compare\.ts$|contenders\/))/

/** Files that import modules of the user's, which no rule follows. */
const IMPORTS_USERS_MODULES: readonly string[] = ['cli/network-source.ts']

const STATEMENT = /^[ \t]*(?:import|export)\s+(?:(type\s+)?(?:[\w*$\s{},]+?)\s*from\s*)?(['"])([^'"\n]+)\2/gm
const DYNAMIC = /\bimport\(\s*(?:(['"])([^'"\n]+)\1)?/g
const WORKER = /\bnew URL\(\s*(['"])([.@][^'"\n]+)\1\s*,\s*import\.meta\.url/g

/** Every import of a file, comments aside. A dynamic import of no literal has the specifier `?`. */
export function importsOf(from: string, text: string): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')
  const found = (specifier: string, kind: Import['kind']): Import => {
    const path = posix.join(posix.dirname(from), specifier)
    // The build's names: a worker is named by the file that is shipped
    const to = specifier.startsWith('.') ? path.replace(/\.js$/, '.ts') : undefined
    return { from, specifier, to, kind }
  }
  return [
    ...Array.from(code.matchAll(STATEMENT), ([, type, , path]) => found(path!, type ? 'type' : 'static')),
    ...Array.from(code.matchAll(DYNAMIC), ([, , path]) => found(path ?? '?', 'dynamic')),
    ...Array.from(code.matchAll(WORKER), ([, , path]) => found(path!, 'worker')),
  ]
}

function allImports(sources: Sources): Import[] {
  return [...sources].flatMap(([path, text]) => importsOf(path, text))
}

function floorOf(path: string): number {
  return FLOORS.findIndex((rooms) =>
    rooms.some((room) => (room.endsWith('/') ? path.startsWith(room) : path === room)),
  )
}

const arrow = ({ from, to, specifier }: Import) => `${from} -> ${to ?? specifier}`

/** Imports upward, through a wall or to nowhere, and files on no floor. */
export function wrongDirections(sources: Sources): string[] {
  const strays = [...sources.keys()].filter((path) => floorOf(path) < 0).map((path) => `${path}: on no floor`)
  const imports = allImports(sources).flatMap((found) => {
    if (found.to === undefined) {
      const isHidden = found.specifier === '?' && !IMPORTS_USERS_MODULES.includes(found.from)
      return isHidden ? [`${arrow(found)}: cannot be followed`] : []
    }
    if (!sources.has(found.to)) return [`${arrow(found)}: no such file`]
    const walls = WALLS.filter(({ room, hidden }) => room.test(found.from) && hidden(found))
    const upward = floorOf(found.to) > floorOf(found.from) ? ['upward'] : []
    return [...upward, ...walls.map(({ reason }) => reason)].map((reason) => `${arrow(found)}: ${reason}`)
  })
  return [...strays, ...imports]
}

/** Circles of files, each once, as `a.ts -> b.ts -> a.ts`. Imports of types count: they bind a reader as much. */
export function circles(sources: Sources): string[] {
  const next = new Map<string, Set<string>>([...sources.keys()].map((path) => [path, new Set()]))
  for (const { from, to } of allImports(sources))
    if (to !== undefined && next.has(to)) next.get(from)!.add(to)
  const found: string[] = []
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path)
    if (start >= 0) found.push([...trail.slice(start), path].join(' -> '))
    if (start >= 0 || done.has(path)) return
    for (const to of next.get(path)!) visit(to, [...trail, path])
    done.add(path)
  }
  for (const path of next.keys()) visit(path, [])
  return found
}

/** Files that no entry point leads to. */
export function unreachable(sources: Sources, entries: readonly string[]): string[] {
  const reached = new Set<string>()
  const waiting = [...entries]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (reached.has(path)) continue
    reached.add(path)
    for (const { to } of importsOf(path, sources.get(path) ?? '')) if (to !== undefined) waiting.push(to)
  }
  return [...sources.keys()].filter((path) => !reached.has(path))
}

/** Imports of Node's own modules that would end a bundler's build of a page. */
export function nodeImports(sources: Sources): string[] {
  return allImports(sources)
    .filter(
      ({ from, specifier, kind }) =>
        specifier.startsWith('node:') && kind !== 'type' && !NODE_ONLY.test(from),
    )
    .map((found) => `${arrow(found)} (${found.kind})`)
}
