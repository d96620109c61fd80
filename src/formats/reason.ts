import { messageOf } from '../errors.ts'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is not a folder',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'its links lead in a circle',
  ENOSPC: 'the disk is full',
  EDQUOT: "the user's quota is used up",
  EFBIG: 'it would be larger than a file may be here',
  EBUSY: 'it is in use',
  ETXTBSY: 'it is a program that is running',
  EIO: 'the disk reports an error',
}

/** What is wrong with a path, in words. */
export function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  return (code && REASONS[code]) || messageOf(error)
}
