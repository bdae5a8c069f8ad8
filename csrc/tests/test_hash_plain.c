/* The tests of hashes once more, over the code for processors without ANDN and RORX. */
#define RISE_NO_BMI
#include "../core/keccak.c"
#include "test_hash.c"
