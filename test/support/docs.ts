import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './package.ts'

/** A block of code in the docs that is a module of its own. */
export interface DocumentedProgram {
  /** Of the file that it stands in, from the package's folder. */
  readonly file: string
  /** A file name for it, with the line of the docs at which it begins: `docs-training-59.ts`. */
  readonly name: string
  readonly text: string
}

/** Every block of TypeScript or JavaScript in the READMEs and docs/. */
export function documentedPrograms(): DocumentedProgram[] {
  const docs = readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)
  const files = ['README.md', 'README.zh-CN.md', 'CONTRIBUTING.md', ...docs]
  return files.filter((file) => file.endsWith('.md')).flatMap(programsIn)
}

function programsIn(file: string): DocumentedProgram[] {
  const markdown = readFileSync(join(root, file), 'utf8')
  const blocks = markdown.matchAll(/^```(ts|js)\n(.*?)^```$/gms)
  return [...blocks].map(({ 1: language, 2: text, index }) => {
    const line = markdown.slice(0, index).split('\n').length
    const stem = file.replace(/\.md$/, '').replaceAll(/[^\w]/g, '-')
    return { file, name: `${stem}-${line}.${language}`, text: text! }
  })
}
