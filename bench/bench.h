/* Shared by the files of the benchmark's C module: what a candidate is, and how it gets its inputs.
 *
 * Every candidate does one piece of work a call, on input number `i` (any number; it is taken modulo what there is),
 * and leaves its result in `bench_out`, so that results can be compared before the clock starts.
 */
#ifndef RISE_BENCH_H
#define RISE_BENCH_H

#include <lua.h>
#include <stddef.h>
#include <stdint.h>

#include "rise.h"

typedef struct bench_output {
    size_t len;
    uint8_t bytes[16384];
} bench_output;
extern bench_output bench_out;

/* Returns 0 when the work could not be done. */
typedef int bench_work(size_t i);

/* Adds a candidate to the table of them at the top of the stack. */
void bench_add(lua_State *L, const char *name, bench_work *work);

/* Strings out of the table of inputs at index 1: `name`, or its element `i` (from 1). They stay where they are as long
 * as the table does. Raises when there is none, or when it has another length than `len` (0: any). */
const uint8_t *bench_input(lua_State *L, const char *name, size_t *len);
const uint8_t *bench_input_at(lua_State *L, const char *name, int i, size_t len);

/* Ends the program when what must work does not. */
void bench_require(int good, const char *what);

/* Each reads the inputs at index 1 and adds its candidates to the table at the top of the stack. */
void bench_open_p256(lua_State *L);
void bench_open_secp256k1(lua_State *L);
void bench_open_keccak(lua_State *L);
void bench_open_abi(lua_State *L);

#endif
