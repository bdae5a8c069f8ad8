/* The binding in states of its own, as a host has them, on a heap where allocations fail: Lua's, librise's, and the
 * memory that the modules ask Lua for. Linked with --wrap for malloc, calloc, realloc and free. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "check.h"
#include "heap.h"
#include "rise_lua.h"

#ifdef RISE_STATIC_CJSON
int luaopen_cjson(lua_State *L);
#endif

/* A Lua state's allocator with ours in front: what librise allocates is counted by heap.h, what Lua allocates here. */
typedef struct memory {
    lua_Alloc inner;
    void *inner_data;
    int all; /* once one failed all do, so that a full collection does not help */
} memory;

/* Lua relies on shrinking a block to work. */
static void *allocate(void *data, void *block, size_t old, size_t size) {
    memory *m = data;
    size_t countdown = heap.countdown;
    void *result;

    if (size > (block != NULL ? old : 0)) {
        if (m->all && heap.failed) {
            return NULL;
        }
        if (heap_fails()) {
            return NULL;
        }
        countdown = heap.countdown;
    }
    heap.countdown = 0; /* Lua's own allocator may call ours */
    result = m->inner(m->inner_data, block, old, size);
    heap.countdown = countdown;
    return result;
}

static lua_State *open_state(memory *m) {
    lua_State *L = luaL_newstate();

    CHECK(L != NULL);
    luaL_openlibs(L);
    m->inner = lua_getallocf(L, &m->inner_data);
    m->all = 0;
    lua_setallocf(L, allocate, m);
    return L;
}

static void close_state(lua_State *L, memory *m) {
    /* LuaJIT gives the whole heap back when it sees its own allocator. */
    lua_setallocf(L, m->inner, m->inner_data);
    lua_close(L);
}

/* ---- what is run ---- */

static int open_core(lua_State *L) {
    lua_pushcfunction(L, luaopen_rise_core);
    lua_call(L, 0, 1);
    lua_setglobal(L, "core");
    lua_pushcfunction(L, luaopen_rise_net);
    lua_call(L, 0, 1);
    lua_setglobal(L, "net");
    return 0;
}

/* Without the string library: LuaJIT up to 2022 may crash when that runs out of memory. */
static const char use[] =
    "local function check(value, err) if value then return value, err end error(err.code, 0) end\n"
    "local key = check(core.key_generate 'p256')\n"
    "assert(core.p256_verify(key:public(), core.sha256 'x', key:sign(core.sha256 'x')))\n"
    "local again = check(core.key_import('p256', key:export()))\n"
    "assert(again:public() == key:public() and tostring(again) == tostring(key))\n"
    "key:close()\n"
    "local other = check(core.key_import('secp256k1', core.sha256 'secret'))\n"
    "assert(#other:sign(core.keccak():update('x'):final()) == 65 and #other:address() == 20)\n"
    "local n = check(core.u256 '1000000000000000000000000')\n"
    "assert(tostring(n * 3 - n) == '2000000000000000000000000' and n < n + 1 and n:hex() .. '' ~= '')\n"
    "local item = check(core.abi('function f(address to, (uint256 n, bytes data)[] list)'))\n"
    "local value = { to = core.checksum '01234567890123456789', list = { { n = n, data = '0x0102' }, { n = 7, data = '0x' } } }\n"
    "local data = check(item:encode_call(value))\n"
    "assert(check(item:decode(check(item:encode(value)))).list[1].n == n)\n"
    "assert(core.unhex(core.hex(data)) == data)\n"
    "local typed = check(core.eip712('T(uint256 n,string s)'))\n"
    "assert(#check(typed:hash { n = n, s = 'text' }) == 32)\n"
    "local tx = { type = 'eip1559', chainId = 1, nonce = 0, gas = 21000, maxFeePerGas = n, to = value.to,\n"
    "  data = '0x0102', accessList = { { address = value.to, storageKeys = { core.hex(core.sha256 'slot') } } } }\n"
    "assert(#check(core.tx_sign(tx, other)) > 100)\n"
    "assert(core.json_span('{\"a\":[1,2]}', 'a') == 6)\n"
    "assert(not core.address 'no address' and not core.u256 'no number')\n"
    "local transport = check(net.transport())\n"
    "local id = check(transport:submit { url = 'http://127.0.0.1:1/', body = '{}', timeout = 5 })\n"
    "check(transport:step(0))\n"
    "transport:cancel(id)\n"
    "transport:close()\n";

static int use_core(lua_State *L) {
    if (luaL_loadstring(L, use) != 0) {
        return lua_error(L);
    }
    lua_call(L, 0, 0);
    return 0;
}

/* All of lua/, as a host has it: with nothing in files. */
static int require_rise(lua_State *L) {
    static const char code[] =
        "for name in pairs(package.loaded) do if name:find '^rise' then package.loaded[name] = nil end end\n"
        "local rise = require 'rise'\n"
        "assert(tostring(assert(rise.ether '1.5')) == '1500000000000000000')\n"
        "assert(rise.loop and require 'rise.wallet' and require 'rise.devnet')\n";

#ifdef RISE_STATIC_CJSON
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, luaopen_cjson);
    lua_setfield(L, -2, "cjson");
#endif
    rise_lua_preload(L);
    if (luaL_loadstring(L, code) != 0) {
        return lua_error(L);
    }
    lua_call(L, 0, 0);
    return 0;
}

/* The allocation numbered `at` fails, 0: none. 1 when it came to its end all the same; what stopped it must have been
 * want of memory. */
static int run_failing(lua_State *L, lua_CFunction what, size_t at) {
    const char *message;
    int status;

    lua_settop(L, 0);
    lua_pushcfunction(L, what);
    heap.failed = 0;
    heap.countdown = at;
    status = lua_pcall(L, 0, 0, 0);
    heap.countdown = 0;
    if (status == 0) {
        return 1;
    }
    message = lua_tostring(L, -1);
    if (!heap.failed || message == NULL || (strstr(message, "memory") == NULL)) {
        fprintf(stderr, "status %d: %s\n", status, message != NULL ? message : "(no text)");
        exit(1);
    }
    return 0;
}

static int run(lua_State *L, lua_CFunction what) {
    return run_failing(L, what, 0);
}

/* Fails the first allocation of `what`, then the second and so on to the last, in steps that grow by one `growth`th. Each
 * time the state goes on as if nothing had been. `first` is run before and `last` behind, with memory enough. A growth
 * of 0: every one. */
static void sweep(const char *name, lua_CFunction first, lua_CFunction what, lua_CFunction last, size_t growth,
                  int all) {
    size_t at, stopped = 0;

    for (at = 1;; at += 1 + (growth > 0 ? at / growth : 0)) {
        size_t before = heap.live;
        memory m;
        lua_State *L = open_state(&m);
        int failed;

        CHECK(first == NULL || run(L, first));
        m.all = all;
        stopped += !run_failing(L, what, at);
        failed = heap.failed;
        m.all = 0;
        CHECK(run(L, what) && run(L, last));
        (void)lua_gc(L, LUA_GCCOLLECT, 0);
        close_state(L, &m);
        if (heap.live != before) {
            fprintf(stderr, "%s, allocation %d: %d blocks left\n", name, (int)at, (int)(heap.live - before));
            exit(1);
        }
        if (!failed) {
            break;
        }
    }
    CHECK(at > 10);
    CHECK(stopped > 0 || !all); /* a collection may find what is missing */
    if (getenv("RISE_VERBOSE") != NULL) {
        printf("%s: %d allocations, stopped %d times\n", name, (int)at, (int)stopped);
    }
}

/* Opened twice in a state, and side by side in two, the first of which is closed first. */
static void opened_again(void) {
    size_t before = heap.live;
    memory one, two;
    lua_State *a = open_state(&one), *b = open_state(&two);

    CHECK(run(a, open_core) && run(b, open_core) && run(a, use_core) && run(b, use_core));
    CHECK(run(a, open_core) && run(a, use_core));
    CHECK(run(a, require_rise) && run(a, require_rise) && run(b, require_rise));
    /* What the first opening made is of the same kind as what the second did. */
    CHECK(luaL_loadstring(a, "old = core.u256(7)") == 0 && lua_pcall(a, 0, 0, 0) == 0);
    CHECK(run(a, open_core));
    CHECK(luaL_loadstring(a, "assert(core.is_u256(old) and old == core.u256(7))") == 0 && lua_pcall(a, 0, 0, 0) == 0);
    close_state(a, &one);
    CHECK(run(b, use_core));
    close_state(b, &two);
    CHECK(heap.live == before);
}

/* ---- what the host brings ---- */

static int fill_sevens(void *context, uint8_t *out, size_t len) {
    *(int *)context += 1;
    memset(out, 7, len);
    return 0;
}

static int64_t wall(void *context) {
    (void)context;
    return 1234567;
}

static int64_t steady(void *context) {
    return *(int *)context;
}

static void host_brings(void) {
    static const char code[] =
        "local core = require 'rise.core'\n"
        "assert(core.random(40) == ('\\7'):rep(40))\n"
        "assert(core.key_generate('p256'):export() == ('\\7'):rep(32))\n"
        "assert(core.now() == 1234.567 and core.monotonic() < 100)\n"
        "assert(require('rise.net').transport().theirs)\n";
    int calls = 0;
    rise_entropy entropy = { NULL, NULL };
    rise_lua_clock clock = { wall, steady, &calls };
    memory m;
    lua_State *L = open_state(&m);

    entropy.fill = fill_sevens;
    entropy.context = &calls;
    rise_lua_set_entropy(L, &entropy);
    rise_lua_set_clock(L, &clock);
    lua_newtable(L);
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "theirs");
    rise_lua_set_transport(L, -1);
    lua_pop(L, 1);
    CHECK(lua_gettop(L) == 0);
    memset(&entropy, 0, sizeof entropy); /* they were copied */
    memset(&clock, 0, sizeof clock);
    rise_lua_preload(L);
    if (luaL_loadstring(L, code) != 0 || lua_pcall(L, 0, 0, 0) != 0) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        exit(1);
    }
    CHECK(calls >= 2);
    close_state(L, &m);
}

int main(int argc, char **argv) {
    /* Under memcheck everything takes fifty times as long: fewer places are tried then. */
    int quick = argc > 1 && strcmp(argv[1], "quick") == 0;
    int all;

    opened_again();
    host_brings();
    for (all = 0; all <= 1; all++) {
        sweep("open", NULL, open_core, use_core, quick ? 2 : 0, all);
        sweep("use", open_core, use_core, use_core, quick ? 2 : 0, all);
        if (!quick) {
            sweep("require", NULL, require_rise, require_rise, 5, all);
        }
    }
    return 0;
}
