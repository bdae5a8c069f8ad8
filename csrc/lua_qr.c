/*** QR codes over libqrencode.
 * @module rise.qr
 */
#include <errno.h>

#include <qrencode.h>

#include "lua_rise.h"
#include "rise_lua.h"

#define MAX_TEXT 2953  /* bytes; what the largest code holds */
#define MAX_WIDTH 177  /* modules; of the largest code */

/*** The QR code of a text, with the least redundancy, so that a long one still fits.
 * @function encode
 * @tparam string text
 * @treturn[1] table its rows from the top, each a string of 0 (light) and 1 (dark); without the margin
 * @treturn[2] nil
 * @treturn[2] table error: `limit` for more than 2953 bytes
 */
static int l_encode(lua_State *L) {
    size_t len;
    const uint8_t *text = rl_checkstring(L, 1, &len);
    /* The code's own memory is given back before anything is done that could raise. */
    char *modules = (char *)lua_newuserdata(L, (size_t)MAX_WIDTH * MAX_WIDTH);
    QRcode *code;
    int width, i;

    luaL_argcheck(L, len != 0, 1, "there is nothing to encode");
    if (len > MAX_TEXT) {
        return rl_fail(L, RISE_ELIMIT, NULL);
    }
    code = QRcode_encodeData((int)len, text, 0, QR_ECLEVEL_L);
    if (code == NULL) {
        return rl_fail(L, errno == ENOMEM ? RISE_ENOMEM : RISE_ELIMIT, NULL);
    }
    width = code->width;
    for (i = 0; i < width * width && width <= MAX_WIDTH; i++) {
        modules[i] = (code->data[i] & 1) != 0 ? '1' : '0';
    }
    QRcode_free(code);
    if (width > MAX_WIDTH) {
        return rl_fail(L, RISE_ELIMIT, NULL);
    }
    lua_createtable(L, width, 0);
    for (i = 0; i < width; i++) {
        lua_pushlstring(L, modules + (size_t)i * (size_t)width, (size_t)width);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

int luaopen_rise_qr(lua_State *L) {
    static const luaL_Reg functions[] = { { "encode", l_encode }, { NULL, NULL } };

    lua_createtable(L, 0, 1);
    rl_setfuncs(L, functions);
    return 1;
}
