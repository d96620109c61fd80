import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { root } from '../../../test/support/package.ts'
import { UnavailableError } from '../../errors.ts'
import { peerRunner } from './peers.ts'

afterEach(() => vi.unstubAllEnvs())

it.skipIf(existsSync(join(root, 'peers/node_modules')))(
  'a peer that is not installed is, by a line that a shell takes as it is meant',
  async () => {
    vi.stubEnv('CONVMARK_CACHE', "/tmp/it's no cache")
    const error = await peerRunner('onnxruntime-node').catch((error: unknown) => error)
    expect(error).toBeInstanceOf(UnavailableError)
    expect((error as Error).message).toMatch(/ '\/tmp\/it'\\''s no cache\/peers-[\d.]+' && npm ci /)
  },
)
