// Depthwise convolution (groups = channels in = channels out): vectors over the channels, nothing copied.
#pragma once
#include "isa.h"

namespace quern::QUERN_ISA {

// Source rows follow each other too far apart for the hardware to foresee.
QUERN_INLINE void prefetch(const float* x, i64 floats) {
  for (i64 i = 0; i < floats; i += 16) __builtin_prefetch(x + i);
}

void depthwise_conv2d(const args::conv2d<float>& p, Context& context);
void depthwise_backward_data(const args::conv2d_backward_data<float>& p, Context& context);
void depthwise_backward_weights(const args::conv2d_backward_weights<float>& p, Context& context);

}  // namespace quern::QUERN_ISA
