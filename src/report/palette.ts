/** Colours as functions, so that plain text needs no other code, only a palette that changes nothing. */
export interface Palette {
  bold(text: string): string
  dim(text: string): string
  green(text: string): string
  yellow(text: string): string
}

const same = (text: string): string => text

export const PLAIN: Palette = { bold: same, dim: same, green: same, yellow: same }
