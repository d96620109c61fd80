import { describe, expect, it } from 'vitest'
import {
  EXIF_TYPES,
  exif,
  exifSegment,
  jpegSegment,
  riff,
  withChunk,
  withExif,
  withSegments,
} from '../../../test/support/image-files.ts'
import { gradient, jpegOf, pngOf, webpOf, withOrientation } from '../../../test/support/images.ts'
import { DamagedImageError } from '../../errors.ts'
import { readImageHeader } from './read-header.ts'

const image = gradient(50, 30)
const [jpeg, png, webp] = [await jpegOf(image), await pngOf(image), await webpOf(image)]
const headerOf = (bytes: Uint8Array) => readImageHeader({ name: 'a', bytes })
const orientationIn = (bytes: Uint8Array): number => headerOf(bytes).orientation

describe('a header', () => {
  it('tells format and size', async () => {
    const headers = [
      jpeg,
      png,
      webp,
      await webpOf(image, true),
      withExif.webp(webp, exif({ value: 1 }), [50, 30]),
    ]
    expect(headers.map((bytes) => headerOf(bytes).format)).toEqual(['jpeg', 'png', 'webp', 'webp', 'webp'])
    for (const bytes of headers) expect(headerOf(bytes)).toMatchObject({ width: 50, height: 30 })
  })

  it('cut anywhere, or with any byte changed, is read or refused by name', async () => {
    const tiff = exif({ value: 3 })
    const files = [withExif.jpeg(jpeg, tiff), withExif.png(png, tiff), withExif.webp(webp, tiff, [50, 30])]
    for (const bytes of files) {
      for (let i = 0; i < Math.min(bytes.length, 200); i++) {
        const changed = Uint8Array.from(bytes)
        changed[i]! ^= 0xff
        for (const broken of [bytes.subarray(0, i), changed]) {
          try {
            headerOf(broken)
          } catch (error) {
            expect(error).toBeInstanceOf(DamagedImageError)
          }
        }
      }
    }
  })
})

// As sharp().metadata() returns it, which test/slow/data.test.ts verifies
describe('an orientation', () => {
  const containers = {
    jpeg: (tiff: Uint8Array) => withExif.jpeg(jpeg, tiff),
    png: (tiff: Uint8Array) => withExif.png(png, tiff),
    webp: (tiff: Uint8Array) => withExif.webp(webp, tiff, [50, 30]),
  }
  const isRead = (type: string) => !['ASCII', 'UNDEFINED', 'FLOAT'].includes(type)

  it.each(Object.entries(containers))('is read in every form: %s', (_, inContainer) => {
    for (const type of Object.keys(EXIF_TYPES) as (keyof typeof EXIF_TYPES)[]) {
      for (const isLittleEndian of [true, false]) {
        for (const value of [1, 2, 3, 4, 5, 6, 7, 8])
          expect(orientationIn(inContainer(exif({ type, value, isLittleEndian })))).toBe(
            isRead(type) ? value : 1,
          )
        for (const value of [0, 9, 255])
          expect(orientationIn(inContainer(exif({ type, value, isLittleEndian })))).toBe(1)
      }
    }
    for (const count of [2, 3, 5]) {
      for (const type of ['BYTE', 'SHORT', 'LONG'] as const)
        expect(orientationIn(inContainer(exif({ type, value: 6, count })))).toBe(6)
    }
    expect(orientationIn(inContainer(exif({ value: 6, count: 0 })))).toBe(1)
    // Only 16 bits count
    expect(orientationIn(inContainer(exif({ type: 'LONG', value: 0x20006 })))).toBe(6)
  })

  it.each(Object.entries(containers))('is the first of its tags, among others: %s', (_, inContainer) => {
    const width = { tag: 0x0100, type: 'LONG', value: 50 } as const
    expect(orientationIn(inContainer(exif(width, { value: 6 }, { value: 3 })))).toBe(6)
    expect(orientationIn(inContainer(exif(width, { value: 9 }, { value: 3 })))).toBe(1)
    expect(orientationIn(inContainer(exif(width)))).toBe(1)
  })

  const [six, three] = [exif({ value: 6 }), exif({ value: 3 })]
  const text = (letters: string) => Buffer.from(letters, 'latin1')

  it('of a JPEG is its first EXIF segment’s, wherever that is before the scan', () => {
    const xmp = jpegSegment(0xe1, text('http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="8"/>'))
    const without = exifSegment(exif({ tag: 0x0100, value: 50 }))
    const cases: [expected: number, bytes: Uint8Array][] = [
      [6, withSegments(jpeg, [xmp, exifSegment(six), exifSegment(three)])],
      [6, withSegments(jpeg, [exifSegment(six), xmp])],
      [6, withSegments(jpeg, [exifSegment(six)], true)],
      [6, withSegments(jpeg, [jpegSegment(0xe1, text('')), exifSegment(six)])],
      [6, withSegments(jpeg, [exifSegment(six.subarray(0, 22))])],
      [1, withSegments(jpeg, [without, exifSegment(six)])],
      [1, withSegments(jpeg, [exifSegment(text('garbage!')), exifSegment(six)])],
      [1, withSegments(jpeg, [xmp])],
      [1, withSegments(jpeg, [jpegSegment(0xe1, six)])],
      [1, withSegments(jpeg, [jpegSegment(0xe2, Buffer.concat([text('Exif\0\0'), six]))])],
      [1, withSegments(jpeg, [jpegSegment(0xe1, Buffer.concat([text('Exif\0\xff'), six]))])],
      [1, withSegments(jpeg, [exifSegment(six.subarray(0, 20))])],
    ]
    expect(cases.map(([, bytes]) => orientationIn(bytes))).toEqual(cases.map(([expected]) => expected))
  })

  it('of a PNG is that of its first eXIf chunk before the pixels', () => {
    const two = withChunk(withExif.png(png, three), 'eXIf', six)
    const prefixed = withExif.png(png, Buffer.concat([text('Exif\0\0'), six]))
    expect(orientationIn(two)).toBe(6)
    expect([withChunk(png, 'eXIf', six, 'after'), prefixed].map(orientationIn)).toEqual([1, 1])
  })

  it('of a WebP is that of its EXIF chunk, if its flags say that there is one', () => {
    const size: [number, number] = [50, 30]
    expect(orientationIn(withExif.webp(webp, Buffer.concat([text('Exif\0\0'), six]), size))).toBe(6)
    expect(orientationIn(withExif.webp(webp, six, size, 0))).toBe(1)
    const beyond = Buffer.from(withExif.webp(webp, six, size))
    beyond.writeUInt32LE(beyond.length - 8 - 8 - six.length, 4)
    expect(orientationIn(beyond)).toBe(1)
  })

  it('is none in a directory that makes no sense', () => {
    const changed = (at: number, ...bytes: number[]) => {
      const tiff = Uint8Array.from(six)
      tiff.set(bytes, at)
      return tiff
    }
    const broken = [
      changed(0, 0x49, 0x4d),
      changed(2, 43),
      changed(4, 0, 0, 0, 0),
      changed(4, 0xff, 0xff, 0, 0),
    ]
    for (const tiff of [...broken, six.subarray(0, 12), new Uint8Array(0)])
      for (const inContainer of Object.values(containers)) expect(orientationIn(inContainer(tiff))).toBe(1)
    // More entries than there are
    expect(orientationIn(withExif.png(png, changed(8, 200)))).toBe(6)
  })
})

describe('what is no picture of ours', () => {
  const ascii = (letters: string, ...after: number[]) => [
    ...Buffer.from(letters, 'latin1'),
    ...after,
    1,
    2,
    3,
    4,
  ]
  const box = (brand: string) => [0, 0, 0, 24, ...ascii(`ftyp${brand}`), 0, 0, 0, 0]

  it.each([
    ['a GIF image; convert it to JPEG or PNG', ascii('GIF89a')],
    ['a TIFF image, or a camera’s raw one; convert it to JPEG or PNG$', ascii('II*', 0)],
    ['a TIFF image', ascii('MM', 0, 42)],
    ['a BMP image', ascii('BM')],
    ['a HEIC image; convert it to JPEG or PNG$', box('heic')],
    ['a HEIC image', box('hevc')],
    ['an AVIF image', box('avif')],
    ['a HEIC or AVIF image', box('mif1')],
    ['a video$', box('isom')],
    ['a JPEG XL image', [0xff, 0x0a, 1, 2, 3]],
    ['a JPEG 2000 image', [0, 0, 0, 12, ...ascii('jP  ')]],
    ['an icon', [0, 0, 1, 0, 1, 0]],
    ['a PDF document$', ascii('%PDF-1.7')],
    ['a ZIP archive; unpack it$', ascii('PK', 3, 4)],
    ['a gzip archive; unpack it$', [0x1f, 0x8b, 8]],
    ['an HTML page, an error message perhaps; fetch it again', ascii('\n<!DOCTYPE html><html>').slice(0, -4)],
    ['an HTML page', [0xef, 0xbb, 0xbf, ...Buffer.from('<html lang="en">')]],
    [
      'an SVG drawing; convert it to JPEG or PNG$',
      [...Buffer.from('<?xml version="1.0"?>\n<svg xmlns="x">')],
    ],
    ['git lfs pull', [...Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:1')]],
    ['it is text', [...Buffer.from('{"error": "not found: größer"}')]],
    ['it is empty', []],
    ['only zeros', [0, 0, 0, 0, 0]],
  ])('is named: %s', (what, bytes) => {
    expect(() => headerOf(Uint8Array.from(bytes))).toThrow(
      new RegExp(`^a: is not a JPEG, PNG or WebP image: .*${what}`),
    )
  })

  it('is only said not to be one where nothing is known of it', () => {
    const unknown = [Uint8Array.of(1, 200, 3, 4), riff().subarray(0, 12), Buffer.from('RIFF1234WAVEfmt ')]
    expect(() => headerOf(unknown[0]!)).toThrow(/is not a JPEG, PNG or WebP image$/)
    for (const bytes of unknown) expect(() => headerOf(bytes)).toThrow(DamagedImageError)
    expect(() => headerOf(withOrientation(jpeg, 1).subarray(0, 60))).toThrow(
      'ends within its header, after 60 bytes',
    )
  })
})
