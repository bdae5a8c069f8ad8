/* rise.core: 256-bit numbers and amounts with a decimal point. */
#include <string.h>

#include "lua_rise.h"

/*** A 256-bit unsigned number. Arithmetic is exact: a result below zero or of 2^256 or more raises, as does division by
zero. Operands may be numbers of this kind, non-negative integers, or text. Note that Lua never finds a u256 equal
(`==`) to a plain number: use `x:cmp(5) == 0` or `x:is_zero()`. Lua 5.1 and LuaJIT do not order it against one either:
`x:cmp(5) < 0` does so everywhere.
@type u256 */

/*** Makes a number.
@function u256
@param x a non-negative integer, a u256, decimal text or `0x` text
@treturn[1] u256
@treturn[2] nil
@treturn[2] table error for text that is no such number: `invalid_value`, `overflow` */
static int l_u256(lua_State *L) {
    rise_u256 value;
    rise_status status;

    if (lua_type(L, 1) == LUA_TSTRING && rl_tou256(L, 1, &value, &status) && status != RISE_OK) {
        rise_error error = { RISE_EVALUE, "not a decimal or 0x number" };
        return rl_fail(L, status, status == RISE_EVALUE ? &error : NULL);
    }
    rl_checku256(L, 1, &value);
    rl_pushu256(L, &value);
    return 1;
}

/*** The number that big-endian bytes stand for.
@function u256_from_bytes
@tparam string bytes at most 32; none is zero
@treturn u256 */
static int l_u256_from_bytes(lua_State *L) {
    uint8_t word[32] = { 0 };
    size_t len;
    const uint8_t *bytes = rl_checkstring(L, 1, &len);
    rise_u256 value;

    luaL_argcheck(L, len <= 32, 1, "at most 32 bytes expected");
    memcpy(word + 32 - len, bytes, len);
    rise_u256_from_bytes(&value, word);
    rl_pushu256(L, &value);
    return 1;
}

/*** Whether a value is a u256.
@function is_u256
@param x anything
@treturn boolean */
static int l_is_u256(lua_State *L) {
    rise_u256 value;
    rise_status status;

    lua_pushboolean(L, lua_type(L, 1) == LUA_TUSERDATA && rl_tou256(L, 1, &value, &status));
    return 1;
}

static int finish(lua_State *L, const rise_u256 *result, rise_status status) {
    if (status != RISE_OK) {
        return luaL_error(L, "%s", status == RISE_EVALUE ? "u256 division by zero"
                                                         : "u256 result is below 0 or above 2^256 - 1");
    }
    rl_pushu256(L, result);
    return 1;
}

static int l_add(lua_State *L) {
    rise_u256 a, b;

    rl_checku256(L, 1, &a);
    rl_checku256(L, 2, &b);
    return finish(L, &a, rise_u256_add(&a, &a, &b));
}

static int l_sub(lua_State *L) {
    rise_u256 a, b;

    rl_checku256(L, 1, &a);
    rl_checku256(L, 2, &b);
    return finish(L, &a, rise_u256_sub(&a, &a, &b));
}

static int l_mul(lua_State *L) {
    rise_u256 a, b;

    rl_checku256(L, 1, &a);
    rl_checku256(L, 2, &b);
    return finish(L, &a, rise_u256_mul(&a, &a, &b));
}

static int l_div(lua_State *L) {
    rise_u256 a, b;

    rl_checku256(L, 1, &a);
    rl_checku256(L, 2, &b);
    return finish(L, &a, rise_u256_divmod(&a, NULL, &a, &b));
}

static int l_mod(lua_State *L) {
    rise_u256 a, b;

    rl_checku256(L, 1, &a);
    rl_checku256(L, 2, &b);
    return finish(L, &a, rise_u256_divmod(NULL, &a, &a, &b));
}

static int compare(lua_State *L) {
    rise_u256 a, b;

    rl_checku256(L, 1, &a);
    rl_checku256(L, 2, &b);
    return rise_u256_compare(&a, &b);
}

/*** Compares.
@function u256:cmp
@param x a u256, non-negative integer or text
@treturn integer -1, 0 or 1 */
static int l_cmp(lua_State *L) {
    lua_pushinteger(L, compare(L));
    return 1;
}

/* Asked for two userdata of any kind. */
static int l_eq(lua_State *L) {
    rise_u256 a, b;
    rise_status status;

    lua_pushboolean(L, rl_tou256(L, 1, &a, &status) && rl_tou256(L, 2, &b, &status) && rise_u256_compare(&a, &b) == 0);
    return 1;
}

static int l_lt(lua_State *L) {
    lua_pushboolean(L, compare(L) < 0);
    return 1;
}

static int l_le(lua_State *L) {
    lua_pushboolean(L, compare(L) <= 0);
    return 1;
}

/*** Shifts left; bits pushed out are lost.
@function u256:shl
@tparam integer bits
@treturn u256 */
static int l_shl(lua_State *L) {
    rise_u256 a;

    rl_checku256(L, 1, &a);
    rise_u256_shl(&a, &a, (unsigned)rl_checkinteger(L, 2, 0, 65535));
    rl_pushu256(L, &a);
    return 1;
}

/*** Shifts right.
@function u256:shr
@tparam integer bits
@treturn u256 */
static int l_shr(lua_State *L) {
    rise_u256 a;

    rl_checku256(L, 1, &a);
    rise_u256_shr(&a, &a, (unsigned)rl_checkinteger(L, 2, 0, 65535));
    rl_pushu256(L, &a);
    return 1;
}

/*** Whether it is 0.
@function u256:is_zero
@treturn boolean */
static int l_is_zero(lua_State *L) {
    rise_u256 a;

    rl_checku256(L, 1, &a);
    lua_pushboolean(L, rise_u256_is_zero(&a));
    return 1;
}

/*** `0x` text without leading zeros.
@function u256:hex
@treturn string */
static int l_hex(lua_State *L) {
    char text[67];
    rise_u256 a;
    size_t len;

    rl_checku256(L, 1, &a);
    len = rise_u256_to_hex(text, &a);
    lua_pushlstring(L, text, len);
    return 1;
}

/*** The 32 bytes, big-endian.
@function u256:bytes
@treturn string */
static int l_bytes(lua_State *L) {
    uint8_t bytes[32];
    rise_u256 a;

    rl_checku256(L, 1, &a);
    rise_u256_to_bytes(bytes, &a);
    lua_pushlstring(L, (const char *)bytes, 32);
    return 1;
}

/*** A Lua number; raises above 2^53, where Lua numbers cease to be exact.
@function u256:number
@treturn integer */
static int l_number(lua_State *L) {
    rise_u256 a;
    uint64_t value;

    rl_checku256(L, 1, &a);
    if (!rise_u256_to_u64(&value, &a) || value > (UINT64_C(1) << 53)) {
        return luaL_error(L, "u256 does not fit a Lua number");
    }
    rl_pushinteger(L, value);
    return 1;
}

static int push_text(lua_State *L, int index) {
    char text[79];
    rise_u256 a;
    size_t len;

    rl_checku256(L, index, &a);
    len = rise_u256_to_dec(text, &a);
    lua_pushlstring(L, text, len);
    return 1;
}

static int l_tostring(lua_State *L) {
    return push_text(L, 1);
}

static int l_concat(lua_State *L) {
    int i;

    lua_settop(L, 2);
    for (i = 1; i <= 2; i++) {
        int type = lua_type(L, i);
        if (type == LUA_TSTRING || type == LUA_TNUMBER) {
            lua_pushvalue(L, i);
        } else {
            push_text(L, i);
        }
    }
    lua_concat(L, 2);
    return 1;
}

/*** An amount from text with a decimal point: `units_parse("1.5", 18)`. Digits beyond the precision are rounded half
away from zero.
@function units_parse
@tparam string text
@tparam integer decimals 0 to 77
@treturn[1] u256 magnitude
@treturn[1] boolean whether it is negative
@treturn[2] nil
@treturn[2] table error, `invalid_value` or `overflow` */
static int l_units_parse(lua_State *L) {
    size_t len;
    const char *text = (const char *)rl_checkstring(L, 1, &len);
    unsigned decimals = (unsigned)rl_checkinteger(L, 2, 0, 77);
    rise_u256 value;
    int negative;
    rise_status status = rise_units_parse(&value, &negative, text, len, decimals);

    if (status != RISE_OK) {
        rise_error error = { RISE_EVALUE, "not a decimal number" };
        return rl_fail(L, status, status == RISE_EVALUE ? &error : NULL);
    }
    rl_pushu256(L, &value);
    lua_pushboolean(L, negative);
    return 2;
}

/*** An amount as text with a decimal point, without trailing zeros.
@function units_format
@param value a u256, non-negative integer or text
@tparam integer decimals 0 to 77
@tparam[opt=false] boolean negative puts a minus sign in front
@treturn string */
static int l_units_format(lua_State *L) {
    char text[160];
    rise_u256 value;
    unsigned decimals;
    size_t len;

    rl_checku256(L, 1, &value);
    decimals = (unsigned)rl_checkinteger(L, 2, 0, 77);
    len = rise_units_format(text, &value, lua_toboolean(L, 3), decimals);
    lua_pushlstring(L, text, len);
    return 1;
}

void rl_open_u256(lua_State *L) {
    static const luaL_Reg methods[] = {
        { "add", l_add },
        { "sub", l_sub },
        { "mul", l_mul },
        { "div", l_div },
        { "mod", l_mod },
        { "cmp", l_cmp },
        { "shl", l_shl },
        { "shr", l_shr },
        { "is_zero", l_is_zero },
        { "hex", l_hex },
        { "bytes", l_bytes },
        { "number", l_number },
        { NULL, NULL },
    };
    static const luaL_Reg meta[] = {
        { "__add", l_add },
        { "__sub", l_sub },
        { "__mul", l_mul },
        { RL_QUOTIENT, l_div },
        { "__mod", l_mod },
        { "__eq", l_eq },
        { "__lt", l_lt },
        { "__le", l_le },
        { "__concat", l_concat },
        { "__tostring", l_tostring },
        { NULL, NULL },
    };
    static const luaL_Reg functions[] = {
        { "u256", l_u256 },
        { "u256_from_bytes", l_u256_from_bytes },
        { "is_u256", l_is_u256 },
        { "units_parse", l_units_parse },
        { "units_format", l_units_format },
        { NULL, NULL },
    };

    rl_newclass(L, RL_U256, methods, meta);
    rl_setfuncs(L, functions);
}
