// @title@: the top function of high-level synthesis. Written by atlas_keras @version@.
#pragma once
#include "packer.h"

std::uint64_t pack_jet(@arguments@);
