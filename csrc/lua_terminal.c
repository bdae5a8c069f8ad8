/* rise.terminal: what a program at a terminal needs to know of it. */
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "lua_rise.h"
#include "rise_lua.h"

#define RL_TERMINAL "rise.terminal"

/*** The size of a terminal.
 * @function size
 * @tparam number fd 0, 1 or 2
 * @treturn[1] number columns
 * @treturn[1] number rows
 * @treturn[2] nil when it is none
 */
static int l_size(lua_State *L) {
    int fd = (int)rl_checkinteger(L, 1, 0, 2);
    struct winsize size;

    if (!isatty(fd)) {
        lua_pushnil(L);
        return 1;
    }
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
        size.ws_col = 80;
        size.ws_row = 24;
    }
    lua_pushinteger(L, size.ws_col);
    lua_pushinteger(L, size.ws_row);
    return 2;
}

/* Standard input, key by key, and how it was before. */
typedef struct {
    struct termios before;
    int open;
} keys;

/*** Standard input key by key: nothing is echoed, and a key is there when it is pressed, not with the end of its line.
 * Ctrl-C stays a signal. Closing it, or its collection, leaves the terminal as it was.
 * @function keys
 * @treturn[1] userdata keys
 * @treturn[2] nil
 * @treturn[2] table error: `io` when standard input is no terminal
 */
static int l_keys(lua_State *L) {
    keys *box = lua_newuserdata(L, sizeof *box);
    struct termios now;

    box->open = 0;
    luaL_getmetatable(L, RL_TERMINAL);
    lua_setmetatable(L, -2);
    if (tcgetattr(STDIN_FILENO, &box->before) == 0) {
        now = box->before;
        now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        now.c_cc[VMIN] = 1;
        now.c_cc[VTIME] = 0;
        box->open = tcsetattr(STDIN_FILENO, TCSAFLUSH, &now) == 0;
    }
    if (!box->open) {
        rise_error error = { RISE_EIO, "standard input is no terminal" };
        return rl_fail(L, RISE_EIO, &error);
    }
    return 1;
}

/*** What was typed.
 * @function read
 * @tparam number seconds to wait for the first key; a signal ends the wait
 * @treturn[1] string bytes, "" when nothing was typed
 * @treturn[2] nil at the end of the input
 */
static int l_keys_read(lua_State *L) {
    keys *box = luaL_checkudata(L, 1, RL_TERMINAL);
    lua_Number seconds = luaL_checknumber(L, 2);
    struct pollfd fd = { STDIN_FILENO, POLLIN, 0 };
    char bytes[256];
    ssize_t len;

    luaL_argcheck(L, box->open, 1, "the terminal is closed");
    luaL_argcheck(L, seconds >= 0 && seconds <= 3600, 2, "seconds from 0 to 3600 expected");
    if (poll(&fd, 1, (int)(seconds * 1000)) <= 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    len = read(STDIN_FILENO, bytes, sizeof bytes);
    if (len == 0 || (len < 0 && errno != EINTR && errno != EAGAIN)) {
        lua_pushnil(L);
    } else {
        lua_pushlstring(L, bytes, len < 0 ? 0 : (size_t)len);
    }
    return 1;
}

/*** Leaves the terminal as it was. May be called again.
 * @function close
 */
static int l_keys_close(lua_State *L) {
    keys *box = luaL_checkudata(L, 1, RL_TERMINAL);

    if (box->open) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &box->before);
        box->open = 0;
    }
    return 0;
}

int luaopen_rise_terminal(lua_State *L) {
    static const luaL_Reg functions[] = { { "size", l_size }, { "keys", l_keys }, { NULL, NULL } };
    static const luaL_Reg methods[] = { { "read", l_keys_read }, { "close", l_keys_close }, { NULL, NULL } };
    static const luaL_Reg meta[] = { { "__gc", l_keys_close }, { "__close", l_keys_close }, { NULL, NULL } };

    rl_newclass(L, RL_TERMINAL, methods, meta);
    lua_createtable(L, 0, 2);
    rl_setfuncs(L, functions);
    return 1;
}
