import { isNode, nodeModule } from './host.ts'

/** Reads a file's text; '' if it does not exist or can't be read. */
export type ReadText = (path: string) => Promise<string>

/** For files in which systems describe themselves: a missing file is an answer, since each system has its own. */
export const readText: ReadText = async (path) => {
  if (!isNode) return ''
  const { readFile } = nodeModule('node:fs/promises')
  return readFile(path, 'utf8').catch(() => '')
}
