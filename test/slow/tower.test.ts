import { describe, it } from 'vitest'
import { agreesWithTower } from '../support/tower.ts'

describe.each(['small', 'full'] as const)("the %s tower agrees with PyTorch's goldens", (size) => {
  it.each(['direct', 'winograd'] as const)('%s', (algorithm) => agreesWithTower(size, algorithm))
})
