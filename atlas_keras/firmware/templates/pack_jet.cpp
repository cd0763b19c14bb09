// A jet every clock cycle.
#include "pack_jet.h"

std::uint64_t pack_jet(@arguments@) {
#pragma HLS PIPELINE II=1
  return packer::pack(@passed@);
}
