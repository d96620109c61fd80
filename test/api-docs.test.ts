// docs/api has every export. Whether its text is that of the docstrings is for `npm run docs:api -- --check` to say.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { anchorsOf, entries, exportedNames, withoutHeading } from './support/api-docs.ts'
import { root } from './support/package.ts'

const textOf = (path: string): string => readFileSync(join(root, path), 'utf8')

describe.each(entries)('$name', ({ source, page }) => {
  it('has every export of its running module in docs/api', async () => {
    const names = Object.keys(await import(pathToFileURL(join(root, source)).href))
    expect(names.length).toBeGreaterThan(0)
    expect(withoutHeading(names, textOf(page)), 'run npm run docs:api').toEqual([])
    expect(exportedNames(source)).toEqual(expect.arrayContaining(names))
  })

  it('has every exported type in docs/api', () => {
    expect(withoutHeading(exportedNames(source), textOf(page)), 'run npm run docs:api').toEqual([])
  })
})

describe('docs/api', () => {
  const pages = readdirSync(join(root, 'docs/api'))

  it('has a page for every entry of the package, which its index names, and no other page', () => {
    const names = entries.map(({ page }) => page.replace('docs/api/', ''))
    expect([...pages].sort()).toEqual(['README.md', ...names].sort())
    for (const name of names) expect(textOf('docs/api/README.md')).toContain(`](${name})`)
  })

  it('links to files and headings that are there', () => {
    const anchors = new Map(pages.map((page) => [page, anchorsOf(textOf(`docs/api/${page}`))]))
    const links = pages.flatMap((page) =>
      [...textOf(`docs/api/${page}`).matchAll(/\]\(([\w./]*)(?:#([\w-]+))?\)/g)].map(([, file, anchor]) => ({
        page,
        file: file || page,
        anchor,
      })),
    )
    expect(links.length).toBeGreaterThan(1000)
    const broken = links.filter(({ file, anchor }) =>
      anchor === undefined ? !existsSync(join(root, 'docs/api', file)) : !anchors.get(file)?.has(anchor),
    )
    expect(broken).toEqual([])
  })

  it('is the same on every machine: it names no folder of one, and no commit', () => {
    for (const page of pages)
      expect(textOf(`docs/api/${page}`)).not.toMatch(/file:\/\/|\/(home|tmp|Users)\/|\/blob\//)
  })
})

describe('a gap is found:', () => {
  const sources: Record<string, string> = {
    'src/index.ts': `import { hidden } from './hidden.ts'
export { type A, a, b as c } from './a.ts'
export type { D } from './d.ts'
export {
  type E,
  e,
} from './e.ts'
export * from './rest/f.ts'
export interface G {}
export async function g() {}
const internal = 1
`,
    'src/rest/f.ts': "export class F {}\nexport const f = 1\nexport * from './h.ts'\n",
    'src/rest/h.ts': 'export type H = 1\n',
  }
  const names = exportedNames('src/index.ts', (path) => sources[path]!)

  it('all names of an entry are known, whatever way they are exported', () => {
    expect(names).toEqual(['A', 'D', 'E', 'F', 'G', 'H', 'a', 'c', 'e', 'f', 'g'])
  })

  it('a heading whose text was there before, but for its case, has a number', () => {
    const page = '# A\n\n## Adam\n\n```ts\n# adam\n```\n\n## adam()\n\n### MAX\\_ERROR of it\n'
    expect([...anchorsOf(page)]).toEqual(['a', 'adam', 'adam-1', 'max_error-of-it'])
  })

  it('a name without a heading is one, and neither a longer name nor another level counts', () => {
    const page = '### A\n\n### a()\n\n### DD\n\n#### E\n\n### SOME\\_NAME\n'
    expect(withoutHeading(['A', 'a', 'D', 'E', 'SOME_NAME'], page)).toEqual(['D', 'E'])
  })
})
