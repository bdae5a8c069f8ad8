/* The `rise` executable: a Lua state with rise inside, handed to rise.cli. It knows nothing of wallets. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <unistd.h>
#elif defined(__APPLE__)
#include <mach-o/dyld.h>
#endif

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "lua_embedded.h"
#include "rise_lua.h"

#define EXIT_INTERNAL 70 /* EX_SOFTWARE of sysexits.h: the fault is in the program, not in what it was asked */

/* All of lua/, and argparse where it was found at build time. */
extern const rise_embedded *const runner_modules[];

#ifdef RISE_STATIC_CJSON
int luaopen_cjson(lua_State *L);
int luaopen_cjson_safe(lua_State *L);
#endif

/* Leaves the folder of this program with a slash at its end, or nothing where the system does not tell. */
static void push_folder(lua_State *L) {
    char path[4096];
    const char *slash;
#ifdef __linux__
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    path[len < 0 ? 0 : len] = '\0';
#elif defined(__APPLE__)
    uint32_t size = sizeof path;
    if (_NSGetExecutablePath(path, &size) != 0)
        path[0] = '\0';
#else
    path[0] = '\0';
#endif
    slash = strrchr(path, '/');
    lua_pushlstring(L, path, slash == NULL ? 0 : (size_t)(slash - path) + 1);
}

/* The loader of rise.net, rise.host and rise.sqlite, given the module's name: as built, then as installed. What they
 * stand on (libcurl, libmicrohttpd, SQLite) is loaded with them, and so by no command that does without. */
static int open_beside(lua_State *L) {
    static const char *const folders[] = { "lib", RISE_MODULES };
    const char *name = luaL_checkstring(L, 1);
    const char *last = strrchr(name, '.') + 1;
    size_t i;
    lua_settop(L, 1);
    push_folder(L);
    lua_pushfstring(L, "%s cannot be loaded:", name);
    for (i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        lua_getglobal(L, "package");
        lua_getfield(L, -1, "loadlib");
        lua_remove(L, -2);
        lua_pushfstring(L, "%s%s/rise/%s.so", lua_tostring(L, 2), folders[i], last);
        lua_pushfstring(L, "luaopen_rise_%s", last);
        lua_call(L, 2, 2); /* the function, or nil and the reason */
        if (lua_isfunction(L, -2)) {
            lua_pop(L, 1);
            lua_pushvalue(L, 1);
            lua_call(L, 1, 1);
            return 1;
        }
        lua_remove(L, -2);
        lua_pushfstring(L, "%s %s", lua_tostring(L, 3), lua_tostring(L, -1));
        lua_replace(L, 3);
        lua_pop(L, 1);
    }
    lua_settop(L, 3);
    return lua_error(L);
}

static void preload_modules(lua_State *L) {
    static const luaL_Reg modules[] = {
        { "rise.core", luaopen_rise_core },
        { "rise.terminal", luaopen_rise_terminal },
        { "rise.net", open_beside },
        { "rise.host", open_beside },
        { "rise.sqlite", open_beside },
#ifdef RISE_STATIC_CJSON
        { "cjson", luaopen_cjson },
        { "cjson.safe", luaopen_cjson_safe },
#endif
        { NULL, NULL },
    };
    const luaL_Reg *module;
    rise_lua_push_preload(L);
    for (module = modules; module->name != NULL; module++) {
        lua_pushcfunction(L, module->func);
        lua_setfield(L, -2, module->name);
    }
    lua_pop(L, 1);
    rise_lua_preload_list(L, runner_modules);
}

/* Error handler: the error as text through the global `tostring`, so that error objects show themselves, and the
 * stack with it when RISE_TRACEBACK is set. */
static int describe(lua_State *L) {
    const char *wanted = getenv("RISE_TRACEBACK");
    lua_settop(L, 1);
    lua_getglobal(L, "tostring");
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    if (wanted == NULL || *wanted == '\0')
        return 1;
    lua_getglobal(L, "debug");
    lua_getfield(L, -1, "traceback");
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 2);
    lua_call(L, 2, 1);
    return 1;
}

/* require("rise.cli").main(argv): argv as a Lua array, the program's name at 0. Leaves the exit code. */
static int run(lua_State *L) {
    int argc = (int)lua_tointeger(L, 1);
    char **argv = (char **)lua_touserdata(L, 2);
    int i;

    luaL_openlibs(L);
    preload_modules(L);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "rise.cli");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "main");
    lua_createtable(L, argc, 1);
    for (i = 0; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i);
    }
    lua_call(L, 1, 1);
    if (lua_type(L, -1) != LUA_TNUMBER)
        return luaL_error(L, "rise.cli gave no exit code but a %s", luaL_typename(L, -1));
    return 1;
}

/* One line for people; the rest of a message (the places `require` searched, the stack) only on demand. */
static void complain(const char *message) {
    const char *wanted = getenv("RISE_TRACEBACK");
    int len = INT_MAX;
    if (message == NULL)
        message = "an error without a message";
    if (wanted == NULL || *wanted == '\0')
        len = (int)strcspn(message, "\n");
    fprintf(stderr, "rise: internal error: %.*s\n", len, message);
}

int main(int argc, char **argv) {
    int code = EXIT_INTERNAL;
    lua_State *L = luaL_newstate();
    if (L == NULL) {
        fprintf(stderr, "rise: out of memory\n");
        return EXIT_INTERNAL;
    }
#ifdef SIGPIPE
    /* A peer that hangs up is an error code to handle, not the end of a bot. */
    signal(SIGPIPE, SIG_IGN);
#endif
    lua_pushcfunction(L, describe);
    lua_pushcfunction(L, run);
    lua_pushinteger(L, argc);
    lua_pushlightuserdata(L, argv);
    if (lua_pcall(L, 2, 1, 1) == 0)
        code = (int)lua_tointeger(L, -1);
    else
        complain(lua_tostring(L, -1));
    /* Runs the finalizers: keys are wiped, child processes stopped. */
    lua_close(L);
    /* Results that could not be written are no success. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == 0)
        code = EXIT_FAILURE;
    return code;
}
