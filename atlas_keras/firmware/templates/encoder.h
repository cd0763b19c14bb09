// @title@: fields in, a word of @word_bits@ bits out, bit for bit as rtl/encoder.v does it. Written by atlas_keras @version@.
// The network is written by alkaid; ap_types/ is AMD's.
#pragma once
#include <cstdint>
#include "network.hh"

namespace encoder {

@functions@// All fields are whole numbers, signed ones in two's complement.
inline std::uint64_t encode(@arguments@) {
  ap_fixed<64, 32> in[@n_inputs@], out[@n_outputs@];  // of which the network takes the bits that it needs
@takes@
  comb_logic::network(in, out);
  return @word@;
}

}  // namespace encoder
