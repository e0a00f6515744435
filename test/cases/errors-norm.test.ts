// Wrong calls of normalisation, pooling and the variants of convolution.
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  avgPool1d,
  avgPool2d,
  batchNorm,
  conv1d,
  conv2d,
  convTranspose2d,
  dropout2d,
  groupNorm,
  layerNorm,
  localResponseNorm,
  maxPool1d,
  nn,
  normalize,
  ones,
  QuernError,
  tensor,
} from 'quern'
import { expect, test } from 'vitest'

const x = ones([2, 4, 8, 8])
const line = ones([2, 4, 8])
const c = ones([4])
const anything = (v: unknown) => v as never

const wrong: [string, () => unknown, string, RegExp][] = [
  [
    'SHAPE',
    () => conv1d(x, ones([3, 4, 3])),
    'conv1d of an image',
    /^conv1d: expected x \(N,C,L\) or \(C,L\), got 2×4×8×8$/,
  ],
  [
    'SHAPE',
    () => conv1d(line, x),
    'conv1d by a weight of four dimensions',
    /^conv1d: expected weight \(O,C\/groups,k\)/,
  ],
  [
    'SHAPE',
    () => conv1d(line, ones([3, 5, 3])),
    'conv1d of other channels',
    /^conv1d: .* = 5, got 4 \(input 2×4×8, weight 3×5×3\)$/,
  ],
  ['SHAPE', () => conv1d(line, ones([3, 4, 9])), 'conv1d by a long kernel', /^conv1d: expected a kernel of 1 to 8/],
  ['ARGUMENT', () => conv1d(line, ones([3, 4, 3]), { stride: 0 }), 'conv1d, stride 0', /^conv1d: expected stride/],
  [
    'ARGUMENT',
    () => conv2d(x, ones([3, 4, 3, 3]), { padding: 'same', stride: 2 }),
    'same with a stride',
    /^conv2d: expected stride 1 with padding 'same', got 2×2/,
  ],
  [
    'ARGUMENT',
    () => conv2d(x, ones([3, 4, 3, 3]), { padding: anything('full') }),
    'unknown padding',
    /'same' or 'valid', got "full"/,
  ],
  [
    'ARGUMENT',
    () => new nn.Conv2d(4, 3, 3, { padding: 'same', stride: 2 }),
    'a layer of same with a stride',
    /^Conv2d: expected stride 1/,
  ],
  ['ARGUMENT', () => new nn.Conv1d(4, 3, 3, { groups: 2 }), 'groups of Conv1d', /^Conv1d: expected groups to divide/],
  [
    'SHAPE',
    () => convTranspose2d(x, ones([3, 4, 3, 3])),
    'transposed, channels',
    /^convTranspose2d: expected input channels to equal weight\.shape\[0\] = 3, got 4/,
  ],
  [
    'ARGUMENT',
    () => convTranspose2d(x, ones([4, 2, 3, 3]), { groups: 3 }),
    'transposed, groups',
    /groups to divide weight\.shape\[0\] = 4, got 3/,
  ],
  [
    'ARGUMENT',
    () => convTranspose2d(x, ones([4, 2, 3, 3]), { outputPadding: 1 }),
    'outputPadding as large as the stride',
    /outputPadding below the stride 1×1/,
  ],
  [
    'SHAPE',
    () => convTranspose2d(x, ones([4, 2, 3, 3]), { bias: ones([3]) }),
    'transposed, bias',
    /bias of weight\.shape\[1\] \* groups = 2 elements, got 3/,
  ],
  [
    'SHAPE',
    () => convTranspose2d(ones([1, 4, 1, 1]), ones([4, 2, 3, 3]), { padding: 2 }),
    'an empty output',
    /output of at least 1×1, got an output of -1×-1/,
  ],
  ['DTYPE', () => convTranspose2d(x, anything(ones([4, 2, 3, 3], { dtype: 'float64' }))), 'two dtypes', /one dtype/],
  ['ARGUMENT', () => avgPool2d(x, 0), 'a kernel of 0', /^avgPool2d: expected kernelSize/],
  [
    'SHAPE',
    () => avgPool2d(c, 2),
    'an image of one dimension',
    /^avgPool2d: expected x \(N,C,H,W\) or \(C,H,W\), got 4$/,
  ],
  ['SHAPE', () => maxPool1d(c, 2), 'a line of one dimension', /^maxPool1d: expected x \(N,C,L\) or \(C,L\), got 4$/],
  ['SHAPE', () => convTranspose2d(c, x), 'transposed, one dimension', /^convTranspose2d: expected x \(N,C,H,W\) or/],
  ['SHAPE', () => adaptiveAvgPool1d(x, 2), 'adaptive line of an image', /^adaptiveAvgPool1d: expected x \(N,C,L\) or/],
  ['ARGUMENT', () => adaptiveMaxPool1d(line, 0), 'adaptive line of nothing', /^adaptiveMaxPool1d: expected outputSize/],
  [
    'ARGUMENT',
    () => new nn.Conv2d(4, 3, 3, { paddingMode: anything('mirror') }),
    'unknown paddingMode',
    /^Conv2d: expected paddingMode 'zeros', 'reflect', 'replicate' or 'circular', got "mirror"$/,
  ],
  [
    'SHAPE',
    () => new nn.Conv1d(4, 3, 3, { padding: 9, paddingMode: 'circular' }).forward(line),
    'more than goes around once',
    /^pad: expected pads of at most 8/,
  ],
  ['SHAPE', () => avgPool2d(x, 9), 'a kernel larger than the image', /^avgPool2d: expected a kernel of 1 to 8/],
  ['ARGUMENT', () => avgPool2d(x, 2, { padding: 2 }), 'much padding', /^avgPool2d: expected padding of at most half/],
  [
    'ARGUMENT',
    () => avgPool2d(x, 2, { divisorOverride: 0.5 }),
    'half a divisor',
    /^avgPool2d: expected divisorOverride/,
  ],
  ['ARGUMENT', () => avgPool1d(line, anything([2, 2])), 'avgPool1d by a pair', /^avgPool1d: expected/],
  ['SHAPE', () => maxPool1d(x, 2), 'maxPool1d of an image', /^maxPool1d: expected x \(N,C,L\)/],
  ['SHAPE', () => maxPool1d(line, 20), 'maxPool1d, long', /^maxPool1d: expected a kernel of 1 to 8.*input 2×4×8/],
  ['ARGUMENT', () => adaptiveAvgPool2d(x, 0), 'no output', /^adaptiveAvgPool2d: expected outputSize/],
  [
    'SHAPE',
    () => adaptiveMaxPool2d(ones([1, 2, 0, 3]), 2),
    'no input',
    /^adaptiveMaxPool2d: expected an image of at least 1×1/,
  ],
  [
    'ARGUMENT',
    () => new nn.AdaptiveAvgPool2d([1.5, null]),
    'a layer of half sizes',
    /^AdaptiveAvgPool2d: expected outputSize/,
  ],
  [
    'SHAPE',
    () => batchNorm(ones([3]), null, null, { training: true }),
    'batchNorm of a vector',
    /^batchNorm: expected x \(N,C,…\), got 3/,
  ],
  [
    'SHAPE',
    () => batchNorm(ones([1, 3]), null, null, { training: true }),
    'one value',
    /more than 1 value per channel in training, got 1×3/,
  ],
  [
    'ARGUMENT',
    () => batchNorm(x, null, null),
    'no statistics',
    /expected runningMean and runningVar when not training, got neither/,
  ],
  [
    'ARGUMENT',
    () => batchNorm(x, c, null, { training: true }),
    'half of the statistics',
    /together, or neither, got runningMean/,
  ],
  [
    'SHAPE',
    () => batchNorm(x, ones([3]), c),
    'other channels',
    /expected runningMean of shape 4 \(input 2×4×8×8\), got 3/,
  ],
  [
    'DTYPE',
    () => batchNorm(x, c, c, { weight: anything(ones([4], { dtype: 'float64' })) }),
    'a weight of another dtype',
    /^batchNorm: .*one dtype/,
  ],
  [
    'ARGUMENT',
    () => batchNorm(x, c, c, { momentum: 2 }),
    'a momentum of 2',
    /momentum to be a number from 0 to 1, got 2/,
  ],
  [
    'SHAPE',
    () => new nn.BatchNorm2d(4).forward(line),
    'BatchNorm2d of lines',
    /^BatchNorm2d: expected x \(N,C,H,W\), got 2×4×8/,
  ],
  [
    'SHAPE',
    () => new nn.BatchNorm1d(4).forward(x),
    'BatchNorm1d of images',
    /^BatchNorm1d: expected x \(N,C\) or \(N,C,L\)/,
  ],
  ['ARGUMENT', () => new nn.BatchNorm2d(-1), 'BatchNorm2d of -1', /^BatchNorm2d: expected numFeatures/],
  [
    'SHAPE',
    () => layerNorm(x, [8, 7]),
    'another shape',
    /^layerNorm: expected x to end in normalizedShape 8×7, got 2×4×8×8/,
  ],
  ['SHAPE', () => layerNorm(x, 8, { weight: c }), 'another weight', /^layerNorm: expected weight of shape 8 .*got 4/],
  ['ARGUMENT', () => layerNorm(x, 8, { eps: -1 }), 'a negative eps', /^layerNorm: expected eps/],
  ['SHAPE', () => groupNorm(x, 3), 'groups that do not divide', /^groupNorm: expected numGroups to divide/],
  [
    'ARGUMENT',
    () => new nn.GroupNorm(3, 4),
    'a layer of such',
    /^GroupNorm: expected numGroups to divide numChannels = 4, got 3/,
  ],
  [
    'SHAPE',
    () => localResponseNorm(ones([2, 3]), 2),
    'no pixels',
    /^localResponseNorm: expected x \(N,C,…\) of 3 or more/,
  ],
  ['ARGUMENT', () => localResponseNorm(x, 0), 'no neighbours', /^localResponseNorm: expected size/],
  ['ARGUMENT', () => normalize(x, { p: 0 }), 'the 0-norm', /^normalize: expected p/],
  ['SHAPE', () => normalize(c), 'no such dim', /: expected dim from -1 to 0, got 1/],
  [
    'DTYPE',
    () => normalize(anything(tensor([1], { dtype: 'int32' }))),
    'integers',
    /^normalize: expected x to be float32 or float64/,
  ],
  ['SHAPE', () => dropout2d(c), 'no channels', /^dropout2d: expected x \(N,C,…\), got 4/],
  ['ARGUMENT', () => new nn.Dropout2d(2), 'a probability of 2', /^Dropout2d: expected p/],
]

test.each(wrong.map(([code, call, name, message]) => [name, call, code, message] as const))(
  '%s',
  (_, call, code, message) => {
    let error: unknown
    try {
      call()
    } catch (e) {
      error = e
    }
    expect(error).toBeInstanceOf(QuernError)
    expect((error as QuernError).message).toMatch(message)
    expect((error as QuernError).code).toBe(`ERR_QUERN_${code}`)
  },
)
