import { type DType, dtypes } from './dtype.js'

/** What a command names: a buffer and an offset in elements. */
export interface Operand {
  readonly storage: { readonly id: number }
  readonly offset: number
}

const none = 0xffff

/** Encodes commands as 32-bit words (native/ops.def says how) into one growing array. */
export class CommandWriter {
  words = new Uint32Array(1 << 13)
  count = 0
  private start = 0
  // Spare outputs that no command has named since, and where their own names them.
  private readonly unread = [
    { id: 0, at: 0 },
    { id: 0, at: 0 },
  ]
  private readonly scalar = new ArrayBuffer(8)
  private readonly f32s = new Float32Array(this.scalar)
  private readonly f64s = new Float64Array(this.scalar)
  private readonly u32s = new Uint32Array(this.scalar)

  begin(opcode: number, dtype: DType = 'float32'): void {
    if (this.count + 128 > this.words.length) this.grow(128)
    this.start = this.count
    this.words[this.count] = opcode | (dtypes[dtype].code << 16)
    this.count += 2
  }

  end(): void {
    this.words[this.start + 1] = this.count - this.start
  }

  /** Forgets all commands. */
  clear(): void {
    this.count = 0
    this.spare() // what was so is on its way
  }

  /** The fields of the command encoded last, if it has this opcode and dtype. */
  last(opcode: number, dtype: DType): Uint32Array | null {
    const { words, start, count } = this
    if (count === 0 || words[start] !== (opcode | (dtypes[dtype].code << 16))) return null
    return words.slice(start + 2, count)
  }

  /** Takes back the command encoded last. */
  retract(): void {
    this.count = this.start
    this.words[this.start] = none
    for (const unread of this.unread) if (unread.at >= this.start) unread.id = 0
  }

  /** The first operands of the command encoded last, two at most, are outputs that it need not write if nobody reads them. */
  spare(...operands: readonly Operand[]): void {
    for (const [i, unread] of this.unread.entries()) {
      unread.id = operands[i]?.storage.id ?? 0
      unread.at = this.start + 2 + 2 * i
    }
  }

  /** A buffer is about to be freed. */
  freed(id: number): void {
    for (const unread of this.unread) {
      if (id !== unread.id) continue
      this.words[unread.at] = 0
      unread.id = 0
    }
  }

  i32(value: number): void {
    this.words[this.count++] = value
  }

  f32(value: number): void {
    this.f32s[0] = value
    this.words[this.count++] = this.u32s[0] as number
  }

  f64(value: number): void {
    this.f64s[0] = value
    this.words[this.count++] = this.u32s[0] as number
    this.words[this.count++] = this.u32s[1] as number
  }

  operand(operand: Operand | null): void {
    const id = operand ? operand.storage.id : 0
    for (const unread of this.unread) if (id === unread.id) unread.id = 0
    this.words[this.count++] = id
    this.words[this.count++] = operand ? operand.offset : 0
  }

  operands(list: readonly (Operand | null)[]): void {
    this.grow(2 * list.length + 128)
    this.i32(list.length)
    for (const operand of list) this.operand(operand)
  }

  list(values: readonly number[]): void {
    this.grow(values.length + 128)
    for (let i = 0; i < values.length; i++) this.words[this.count++] = values[i] as number
  }

  private grow(room: number): void {
    if (this.count + room <= this.words.length) return
    const words = new Uint32Array(2 * this.words.length + room)
    words.set(this.words.subarray(0, this.count))
    this.words = words
  }
}
