/** Base of every error that a user of Quern can cause; `code` is stable, the message names operation, expectation and what came. */
export class QuernError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.name = new.target.name
  }
}

/** A shape, rank, dimension or size does not fit. */
export class ShapeError extends QuernError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_QUERN_SHAPE', message, options)
  }
}

/** An operand has a dtype that the operation does not take. */
export class DTypeError extends QuernError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_QUERN_DTYPE', message, options)
  }
}

/** An argument or option has a value outside of what the operation takes. */
export class ArgumentError extends QuernError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_QUERN_ARGUMENT', message, options)
  }
}

/** The object is in no state for this call: disposed, freed by backward, without gradient, modified in place. */
export class StateError extends QuernError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_QUERN_STATE', message, options)
  }
}

/** A file or byte string is not of the format it should be. */
export class FormatError extends QuernError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_QUERN_FORMAT', message, options)
  }
}

/** No backend could be loaded, or the one asked for cannot do this. */
export class BackendError extends QuernError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_QUERN_BACKEND', message, options)
  }
}

/** The engine ran out of memory. */
export class MemoryError extends QuernError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_QUERN_MEMORY', message, options)
  }
}

/** Training met a loss that is not finite. */
export class NonFiniteError extends QuernError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_QUERN_NONFINITE', message, options)
  }
}
