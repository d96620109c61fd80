// torchvision's networks as PyTorch exports them, with PyTorch's own results in float64.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeSafetensors, type StoredTensor } from '../../src/formats/safetensors.ts'
import { root } from './package.ts'

export const PYTHON = '/usr/bin/python3'
export const hasTorchvision = spawnSync(PYTHON, ['-c', 'import torchvision']).status === 0

export interface ZooFile {
  readonly model: Uint8Array
  /** `input`, `output` and, if the options asked for them, the gradients of parameters by PyTorch's names. */
  readonly tensors: ReadonlyMap<string, StoredTensor>
}

/** Exports networks with the options of scripts/onnx-zoo.py in one process, as starting PyTorch takes seconds. */
export function exportZoo(
  networks: readonly string[],
  options: readonly string[],
): (name: string) => ZooFile {
  const folder = mkdtempSync(join(tmpdir(), 'convmark-zoo-'))
  try {
    execFileSync(PYTHON, [join(root, 'scripts/onnx-zoo.py'), folder, ...networks, ...options], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const files = new Map(
      networks.map((name) => {
        const model = readFileSync(join(folder, `${name}.onnx`))
        const { tensors } = decodeSafetensors(readFileSync(join(folder, `${name}.safetensors`)), name)
        return [name, { model, tensors }] as const
      }),
    )
    return (name) => files.get(name)!
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
