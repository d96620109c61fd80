// PyTorch's own files are programs for Python (pickle), which nothing else can read.

/** How PyTorch's files usually end. */
export const PYTORCH_EXTENSIONS: readonly string[] = ['.pth', '.pt', '.bin', '.ckpt']

/** How many of a file's bytes `isPyTorch` looks at. */
export const PYTORCH_START_BYTES = 8

const ZIP = [0x50, 0x4b, 0x03, 0x04]
/** Pickle's first instruction, PROTO. */
const PROTO = 0x80
const PROTOCOLS = [2, 3, 4, 5]

/** Whether a file begins as `torch.save` writes it: as a zip archive or, before PyTorch 1.6, as a pickle. */
export function isPyTorch(start: Uint8Array): boolean {
  if (ZIP.every((byte, i) => start[i] === byte)) return true
  const isPickle = start[0] === PROTO && PROTOCOLS.includes(start[1]!)
  // A safetensors file whose header is as long as to begin so has zeros there
  return isPickle && start.subarray(4, PYTORCH_START_BYTES).some((byte) => byte !== 0)
}

/** What such a file is, and the Python that converts it, in one line. `path`: the file, as messages name it. */
export function pyTorchText(path: string): string {
  const stem = path.replace(/\.[^./\\]*$/, '')
  const target = `${stem}${path.endsWith('.safetensors') ? '-converted' : ''}.safetensors`
  const [from, to] = [path, target].map(pythonText)
  return (
    'PyTorch saved it as a program for Python, which is not run here; convert it in Python: ' +
    `import torch; from safetensors.torch import save_file; w = torch.load(${from}, map_location='cpu'); ` +
    "w = next((w[key] for key in ('state_dict', 'model_state_dict', 'model') if key in w), w); " +
    `save_file({name: t.clone().contiguous() for name, t in w.items() if torch.is_tensor(t)}, ${to})`
  )
}

const pythonText = (text: string): string => `'${text.replace(/['\\]/g, '\\$&')}'`
