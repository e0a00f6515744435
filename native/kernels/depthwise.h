// Depthwise convolution (groups = channels in = channels out): vectors over the channels, nothing copied.
#pragma once
#include "isa.h"

namespace quern::QUERN_ISA {

void depthwise_conv2d(const args::conv2d<float>& p, Context& context);
void depthwise_backward_data(const args::conv2d_backward_data<float>& p, Context& context);
void depthwise_backward_weights(const args::conv2d_backward_weights<float>& p, Context& context);

}  // namespace quern::QUERN_ISA
