import { isNode, nodeModule } from './host.ts'

/** The text of a file; '' where there is none, or none that can be read. */
export type ReadText = (path: string) => Promise<string>

/** For what a system tells in files, of which each system has its own: a file that is missing is an answer. */
export const readText: ReadText = async (path) => {
  if (!isNode) return ''
  const { readFile } = nodeModule('node:fs/promises')
  return readFile(path, 'utf8').catch(() => '')
}
