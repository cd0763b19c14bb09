// @title@: a jet in a word of @word_bits@ bits, bit for bit as rtl/packer.v does it. Written by atlas_keras @version@.
#pragma once
#include <cstdint>

namespace packer {

@functions@// All fields are whole numbers, signed ones in two's complement.
inline std::uint64_t pack(@arguments@) {
  return @sum@;
}

}  // namespace packer
