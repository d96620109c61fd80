import { describe, expect, it } from 'vitest'
import { FormatError } from '../errors.ts'
import { importOnnx } from './onnx-import.ts'
import { isPyTorch, pyTorchText } from './pytorch-file.ts'
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts'

/** The first bytes that torch.save writes since PyTorch 1.6, and before. */
const ZIP = Uint8Array.of(0x50, 0x4b, 0x03, 0x04, 0x00, 0x00, 0x08, 0x08, 0x00, 0x00)
const PICKLE = Uint8Array.of(0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20)

describe('isPyTorch', () => {
  it.each([ZIP, PICKLE])('knows how its files begin', (bytes) => {
    expect(isPyTorch(bytes)).toBe(true)
    expect(isPyTorch(bytes.subarray(0, 3))).toBe(false)
  })

  it('takes no safetensors file for one, even if its header is as long as to begin so', () => {
    const tensor = { shape: [1], data: Float32Array.of(1) }
    const files = Array.from({ length: 700 }, (_, i) =>
      encodeSafetensors({ a: tensor }, { note: 'a'.repeat(i) }),
    )
    const alike = files.filter(([first, second]) => first === PICKLE[0] && second === PICKLE[1])
    expect(alike).toHaveLength(8)
    for (const each of alike) {
      expect(isPyTorch(each)).toBe(false)
      expect(decodeSafetensors(each, 'f').tensors.size).toBe(1)
    }
  })
})

describe('the refusal', () => {
  it('has Python that converts the file', () => {
    const text = pyTorchText("weights/it's.v2.pth")
    expect(text).toContain("torch.load('weights/it\\'s.v2.pth', map_location='cpu')")
    expect(text).toMatch(/ 'weights\/it\\'s\.v2\.safetensors'\)$/)
    expect(text).toContain("('state_dict', 'model_state_dict', 'model')")
    expect(text).not.toMatch(/[\n\r]/)
    expect(pyTorchText('a.safetensors')).toMatch(/ 'a-converted\.safetensors'\)$/)
  })

  it.each([ZIP, PICKLE])('is that of weights and of networks', async (bytes) => {
    const message = `x.pth: ${pyTorchText('x.pth')}`
    expect(() => decodeSafetensors(bytes, 'x.pth')).toThrow(new FormatError(message))
    await expect(importOnnx(bytes)).rejects.toThrow('PyTorch saved it as a program for Python')
  })
})
