// From the words of a command to pictures: files, folders, patterns, and standard input.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { glob, isDynamicPattern } from 'tinyglobby'
import { UsageError } from '../errors.ts'
import { reasonOf } from '../formats/reason.ts'
import type { Picture } from '../models/pictures.ts'

/** A picture and what to call it: its path, or `-`. */
export interface Photo {
  readonly name: string
  readonly picture: Picture
}

export const STDIN = '-'

/** For the help of commands. */
export const PHOTOS_HELP =
  "pictures, folders of them, patterns ('photos/**/*.jpg'), or - for one on standard input"

/** Without hidden files, which operating systems leave behind. */
const PICTURES = '**/*.{jpg,jpeg,png,webp}'
/**
 * The pictures that the words name, each once, in the words' order; those of a folder or a pattern by their paths. Throws
 * UsageError, before anything is decoded, for a word that names none.
 */
export async function openPhotos(words: readonly string[]): Promise<readonly Photo[]> {
  const photos = new Map<string, Photo>()
  for (const word of words) {
    if (word === STDIN) photos.set(word, { name: word, picture: await standardInput() })
    else for (const path of await pathsOf(word)) photos.set(path, { name: path, picture: path })
  }
  return [...photos.values()]
}

async function pathsOf(word: string): Promise<readonly string[]> {
  const found = await stat(word).catch((error: NodeJS.ErrnoException) => error)
  if (!(found instanceof Error)) {
    if (!found.isDirectory()) return [word]
    const files = await glob(PICTURES, { cwd: word, caseSensitiveMatch: false })
    if (files.length > 0) return sorted(files.map((file) => join(word, file)))
    throw new UsageError(`${word}: this folder has no picture: no .jpg, .jpeg, .png or .webp file`)
  }
  if (found.code !== 'ENOENT' || !isDynamicPattern(word))
    throw new UsageError(`${word}: can't be read: ${reasonOf(found)}`, { cause: found })
  const files = await glob(word)
  if (files.length > 0) return sorted(files)
  throw new UsageError(`${word}: no file fits this pattern`)
}

const sorted = (paths: readonly string[]): readonly string[] => [...paths].sort()

async function standardInput(): Promise<Uint8Array> {
  if (process.stdin.isTTY)
    throw new UsageError(
      `${STDIN}: standard input is the terminal; pipe a picture in: cat photo.jpg | convmark classify model.onnx -`,
    )
  const chunks: Uint8Array[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array)
  return Buffer.concat(chunks)
}
