/* The tests of 256-bit numbers once more, over the arithmetic for compilers without 128-bit integers. */
#define RISE_NO_INT128
#include "../core/u256.c"
#include "test_u256.c"
