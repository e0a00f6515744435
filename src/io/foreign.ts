// What people take for a data file by mistake, by its first bytes; and what to do then.
const kinds: readonly [magic: string, kind: string, remedy?: string][] = [
  ['\x89PNG', 'a PNG image'],
  ['\xff\xd8\xff', 'a JPEG image'],
  ['PK\x03\x04', 'a ZIP archive', 'if it is a PyTorch checkpoint, save it in Python with safetensors.torch.save_file'],
  ['\x80\x02', 'a Python pickle', 'if it is a PyTorch checkpoint, save it in Python with safetensors.torch.save_file'],
  ['\x1f\x8b', 'a gzip file', 'unpack it'],
  ['\x89HDF', 'an HDF5 file'],
  ['\x93NUMPY', 'a NumPy file'],
  ['GGUF', 'a GGUF file'],
  ['version https://git-lfs', 'a Git LFS pointer', 'fetch the file itself with `git lfs pull`'],
  ['<!DOCTYPE', 'an HTML page', 'perhaps a download failed'],
  ['<!doctype', 'an HTML page', 'perhaps a download failed'],
  ['<html', 'an HTML page', 'perhaps a download failed'],
]

/** Says of a file that is not of the format what it looks like, and what to do. */
export function describeForeign(bytes: Uint8Array): string {
  const start = String.fromCharCode(...bytes.subarray(0, 32))
  const hex = [...bytes.subarray(0, 8)].map((b) => b.toString(16).padStart(2, '0')).join(' ')
  const unknown = `${bytes.length} bytes that begin with ${hex}`
  const [, kind, remedy = 'check the path'] = kinds.find(([magic]) => start.startsWith(magic)) ?? ['', unknown]
  return `${kind}; ${remedy}`
}
