import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { root } from '../../../test/support/package.ts'

const { pythonWithTorch } = (await import(new URL('peers/python.mjs', `file://${root}`).href)) as {
  pythonWithTorch(pythons?: readonly string[]): Promise<string>
}

const folder = mkdtempSync(join(tmpdir(), 'convmark-python-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A Python that only says whether it has PyTorch. */
function python(name: string, hasTorch: boolean): string {
  const path = join(folder, name)
  writeFileSync(path, `#!/bin/sh\nexit ${hasTorch ? 0 : 1}\n`)
  chmodSync(path, 0o755)
  return path
}

it.skipIf(process.platform === 'win32')('the first Python that has PyTorch is taken', async () => {
  const [without, first, second] = [python('without', false), python('first', true), python('second', true)]
  expect(await pythonWithTorch([join(folder, 'none'), without, first, second])).toBe(first)
})

it('without one the commands that install it are named, in one line', async () => {
  const opening = pythonWithTorch([join(folder, 'none')])
  await expect(opening).rejects.toThrow(
    /^no python3 here has PyTorch .*pip install torch .*apt-get install python3-torch/,
  )
})
