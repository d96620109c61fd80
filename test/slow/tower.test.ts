import { it } from 'vitest'
import { agreesWithTower } from '../support/tower.ts'

it.each(['direct', 'winograd'] as const)("the full tower agrees with PyTorch's goldens, %s", (algorithm) =>
  agreesWithTower('full', algorithm),
)
