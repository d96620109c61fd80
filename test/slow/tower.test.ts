import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'vitest'
import { agreesWithTower } from '../support/tower.ts'

process.env.CONVMARK_CACHE = mkdtempSync(join(tmpdir(), 'convmark-'))

it.each(['direct', 'winograd'] as const)("the full tower agrees with PyTorch's goldens, %s", (algorithm) =>
  agreesWithTower('full', algorithm),
)
