import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it, vi } from 'vitest'
import { Output } from './output.ts'
import { openResultFiles } from './result-files.ts'

const root = mkdtempSync(join(tmpdir(), 'convmark-results-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** As if it had more than 512 MB. */
const tooLong = {
  toJSON() {
    throw new RangeError('Invalid string length')
  },
}

it('a result that is too long for JSON is said by its file, and its page is written', async () => {
  const [json, html] = [join(root, 'r.json'), join(root, 'r.html')]
  const files = await openResultFiles({ json, html })
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  const output = new Output({ color: false, isAllThereIs: false })
  try {
    expect(await files.write(tooLong, output, async () => 'page')).toBe(1)
    expect(said.mock.calls).toEqual([[`convmark: ${json}: the JSON can't be made: Invalid string length\n`]])
  } finally {
    said.mockRestore()
  }
  expect(readFileSync(html, 'utf8')).toBe('page')
})
