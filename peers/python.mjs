// Which Python has PyTorch: the one on PATH, which is that of an active environment, or else the system's own.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const PYTHONS = ['python3', '/usr/bin/python3']
const HAS_TORCH = 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)'

/** The first that has it. Throws, with the command that installs it, if none does. */
export async function pythonWithTorch(pythons = PYTHONS) {
  for (const python of pythons) {
    try {
      await promisify(execFile)(python, ['-c', HAS_TORCH])
      return python
    } catch {
      // There is no such Python, or it has no PyTorch.
    }
  }
  throw new Error(
    'no python3 here has PyTorch (tested with 1.13); install it with: pip install torch ' +
      '(or, on Debian: sudo apt-get install python3-torch libopenblas0-pthread)',
  )
}
