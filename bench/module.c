/* The benchmark's C module: a clock, a child process that answers lines, candidates in C. Not shipped. */
#include <lauxlib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define CHILD "rise.bench.child"

bench_output bench_out;

int luaopen_rise_bench(lua_State *L);

void bench_require(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "bench: %s failed\n", what);
        exit(1);
    }
}

/* ---- candidates ---- */

typedef struct candidate {
    bench_work *work;
} candidate;

static bench_work *work_of(lua_State *L) {
    return ((const candidate *)lua_touserdata(L, lua_upvalueindex(1)))->work;
}

/* run(n): the work n times */
static int l_run(lua_State *L) {
    bench_work *work = work_of(L);
    size_t n = (size_t)luaL_checkinteger(L, 1), i;

    for (i = 0; i < n; i++) {
        if (!work(i)) {
            return luaL_error(L, "a candidate failed");
        }
    }
    return 0;
}

/* result(i): what the work gives for input i, counted from 0 */
static int l_result(lua_State *L) {
    bench_out.len = 0;
    if (!work_of(L)((size_t)luaL_checkinteger(L, 1))) {
        return luaL_error(L, "a candidate failed");
    }
    lua_pushlstring(L, (const char *)bench_out.bytes, bench_out.len);
    return 1;
}

void bench_add(lua_State *L, const char *name, bench_work *work) {
    candidate *c;

    lua_createtable(L, 0, 2);
    c = lua_newuserdata(L, sizeof *c);
    c->work = work;
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, l_run, 1);
    lua_setfield(L, -3, "run");
    lua_pushcclosure(L, l_result, 1);
    lua_setfield(L, -2, "result");
    lua_setfield(L, -2, name);
}

const uint8_t *bench_input(lua_State *L, const char *name, size_t *len) {
    const char *text;

    lua_getfield(L, 1, name);
    if (lua_type(L, -1) != LUA_TSTRING) {
        luaL_error(L, "no input '%s'", name);
    }
    text = lua_tolstring(L, -1, len);
    lua_pop(L, 1);
    return (const uint8_t *)text;
}

const uint8_t *bench_input_at(lua_State *L, const char *name, int i, size_t len) {
    const char *text;
    size_t got = 0;

    lua_getfield(L, 1, name);
    lua_rawgeti(L, -1, i);
    text = lua_tolstring(L, -1, &got);
    if (text == NULL || (len != 0 && got != len)) {
        luaL_error(L, "no input '%s' of %d bytes", name, (int)len);
    }
    lua_pop(L, 2);
    return (const uint8_t *)text;
}

/* candidates(inputs): the table has to outlive them */
static int l_candidates(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "rise.bench.inputs");
    lua_newtable(L);
    bench_open_p256(L);
    bench_open_secp256k1(L);
    bench_open_keccak(L);
    bench_open_abi(L);
    return 1;
}

/* What a function of the binding is compared with: registered by hand, one argument looked at, one constant given. */
static int l_plain(lua_State *L) {
    lua_pushboolean(L, lua_touserdata(L, 1) != NULL);
    return 1;
}

static int l_now(lua_State *L) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec * 1e-9);
    return 1;
}

/* ---- a child that answers each line with a line ---- */

typedef struct child {
    pid_t pid;
    FILE *to, *from;
    char *line;
    size_t size;
} child;

static int l_close(lua_State *L) {
    child *c = luaL_checkudata(L, 1, CHILD);

    if (c->to != NULL) {
        fclose(c->to);
    }
    if (c->from != NULL) {
        fclose(c->from);
    }
    if (c->pid > 0) {
        waitpid(c->pid, NULL, 0);
    }
    free(c->line);
    memset(c, 0, sizeof *c);
    return 0;
}

/* start(program, argument...) */
static int l_start(lua_State *L) {
    const char *argv[16] = { NULL };
    int count = lua_gettop(L), to[2], from[2], i;
    child *c;

    luaL_argcheck(L, count >= 1 && count < 16, 1, "a program and a few arguments expected");
    for (i = 0; i < count; i++) {
        argv[i] = luaL_checkstring(L, i + 1);
    }
    c = lua_newuserdata(L, sizeof *c);
    memset(c, 0, sizeof *c);
    luaL_setmetatable(L, CHILD);
    if (pipe(to) != 0 || pipe(from) != 0) {
        return luaL_error(L, "no pipe");
    }
    fflush(NULL);
    c->pid = fork();
    if (c->pid == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[0]);
        close(to[1]);
        close(from[0]);
        close(from[1]);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    c->to = fdopen(to[1], "w");
    c->from = fdopen(from[0], "r");
    if (c->pid < 0 || c->to == NULL || c->from == NULL) {
        return luaL_error(L, "no child process");
    }
    signal(SIGPIPE, SIG_IGN);
    return 1;
}

/* ask(line): the answer, or nil when the child is gone */
static int l_ask(lua_State *L) {
    child *c = luaL_checkudata(L, 1, CHILD);
    size_t len;
    const char *line = luaL_checklstring(L, 2, &len);
    ssize_t got = -1;

    if (fwrite(line, 1, len, c->to) == len && fputc('\n', c->to) != EOF && fflush(c->to) == 0) {
        got = getline(&c->line, &c->size, c->from);
    }
    if (got < 0) {
        lua_pushnil(L);
    } else {
        lua_pushlstring(L, c->line, (size_t)(got > 0 && c->line[got - 1] == '\n' ? got - 1 : got));
    }
    return 1;
}

int luaopen_rise_bench(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "candidates", l_candidates },
        { "now", l_now },
        { "plain", l_plain },
        { "start", l_start },
        { NULL, NULL },
    };

    luaL_newmetatable(L, CHILD);
    lua_newtable(L);
    lua_pushcfunction(L, l_ask);
    lua_setfield(L, -2, "ask");
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_close);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    return 1;
}
