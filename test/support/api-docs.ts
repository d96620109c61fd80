import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { packageJson, root } from './package.ts'

/** An entry of the package that a program imports from, as opposed to a worker's file. */
export interface Entry {
  /** `convmark/layers` */
  readonly name: string
  /** Of its source, from the package's folder: `src/layers/index.ts`. */
  readonly source: string
  /** Of its page: `docs/api/convmark.layers.md`. */
  readonly page: string
}

export const entries: readonly Entry[] = Object.entries(packageJson.exports)
  .filter(([path]) => !/^\.\/(workers\/|package\.json)/.test(path))
  .map(([path, target]) => {
    if (typeof target === 'string') throw new Error(`${path} has no types`)
    const name = path.replace('.', packageJson.name)
    const source = target.default.replace(/^\.\/dist\/(.*)\.js$/, 'src/$1.ts')
    return { name, source, page: `docs/api/${name.replace('/', '.')}.md` }
  })

const LIST = /^export (?:type )?\{([^}]*)\}/gm
const ALL = /^export \* from '([^']+)'/gm
const DECLARED =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|class|interface|type|enum) (\w+)/gm

/** Every name that a source file exports, types included; `read` gives the text of a file. */
export function exportedNames(path: string, read: (path: string) => string = readSource): string[] {
  const text = read(path)
  const listed = [...text.matchAll(LIST)].flatMap(([, list]) => list!.split(',')).map(nameInList)
  const declared = [...text.matchAll(DECLARED)].map(([, name]) => name!)
  const ofOthers = [...text.matchAll(ALL)].flatMap(([, to]) => exportedNames(join(dirname(path), to!), read))
  return [...new Set([...listed, ...declared, ...ofOthers])].filter((name) => name !== '').sort()
}

/** `type A` -> A; `a as b` -> b. */
const nameInList = (item: string): string => item.trim().split(/\s+/).at(-1)!

const readSource = (path: string): string => readFileSync(join(root, path), 'utf8')

/** Which names have no heading of their own in a page: `### conv()`, `### ConvOptions`, `### ALEXNET\_LRN`. */
export function withoutHeading(names: readonly string[], page: string): string[] {
  const headings = [...page.matchAll(/^### (.*?)(?:\(\))?$/gm)].map(([, heading]) =>
    heading!.replaceAll('\\', ''),
  )
  const documented = new Set(headings)
  return names.filter((name) => !documented.has(name))
}

/** The anchors that GitHub gives a page's headings: in lower case, and numbered from the second of the same text on. */
export function anchorsOf(page: string): ReadonlySet<string> {
  const counts = new Map<string, number>()
  const prose = page.replace(/^```.*?^```$/gms, '')
  const anchors = [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => {
    const anchor = heading!
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-')
    const count = counts.get(anchor) ?? 0
    counts.set(anchor, count + 1)
    return count === 0 ? anchor : `${anchor}-${count}`
  })
  return new Set(anchors)
}
