// Numbers of 16 bits, which files store and JavaScript (before Float16Array) can't read.

/** float16 (IEEE 754 binary16): a sign, 5 bits of exponent, 10 of mantissa. */
export function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const mantissa = bits & 0x3ff
  if (exponent === 0x1f) return mantissa === 0 ? sign * Infinity : Number.NaN
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1024 + mantissa) * 2 ** (exponent - 25)
}

const bits32 = new DataView(new ArrayBuffer(4))

/** bfloat16: the upper half of a float32. */
export function fromBfloat16(bits: number): number {
  bits32.setUint32(0, (bits & 0xffff) * 0x1_0000)
  return bits32.getFloat32(0)
}
