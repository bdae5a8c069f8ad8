/* rise.core: ABI items and EIP-712 types.
 *
 * Lua values are laid out as the flat list that the core takes, and decoded lists become Lua values. The memory for
 * that belongs to the item and is reused, so that encoding allocates nothing but its result. No Lua code runs while
 * values are collected: tables are read raw, and what strings hold is pointed at, since the tables keep it alive.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua_rise.h"

#define RL_SCRATCH "rise.abi.scratch"

/* Memory that an item keeps for its next use; more than this is given back. */
#define KEEP_BYTES 16384
#define KEEP_VALUES 256

/* Stack slots for walking a type to its full depth. */
#define WALK_SLOTS ((int)(RISE_ABI_MAX_DEPTH + 2) * 4)

typedef struct scratch {
    int busy;
    rise_abi_values values;
    rise_buf out;   /* the encoding, or text on its way to Lua */
    rise_buf bytes; /* what 0x text among the values stands for */
} scratch;

/* What the box of an item or an EIP-712 type points at. */
typedef struct holder {
    rise_abi_item *item;
    rise_eip712 *typed;
    scratch own;
} holder;

/* The uservalue of an object is a list: the metatable of u256, which is quicker found here than in the registry, and
 * from FIRST_NAME on the names of all nodes. */
#define U256_META 1
#define FIRST_NAME 2

/* A type with the place of its names in that list. */
typedef struct named_type {
    const rise_abi_type *root;
    int first;
} named_type;

static int free_holder(lua_State *L) {
    void **box = lua_touserdata(L, 1);
    holder *h = *box;

    if (h != NULL) {
        *box = NULL;
        rise_abi_item_free(h->item);
        rise_eip712_free(h->typed);
        rise_abi_values_free(&h->own.values);
        rise_buf_free(&h->own.out);
        rise_buf_free(&h->own.bytes);
        free(h);
    }
    return 0;
}

static holder *new_holder(lua_State *L, const char *name) {
    void **box = rl_newbox(L, name);
    holder *h = calloc(1, sizeof *h);

    if (h == NULL) {
        luaL_error(L, "%s", rise_status_text(RISE_ENOMEM));
    }
    *box = h;
    return h;
}

static holder *check_item(lua_State *L) {
    return rl_checkbox(L, 1, RL_ABI);
}

static holder *check_typed(lua_State *L) {
    return rl_checkbox(L, 1, RL_EIP712);
}

/* The memory of the object, or new memory left on the stack: a finalizer may use an item that is in use already. */
static scratch *acquire(lua_State *L, holder *h) {
    if (h->own.busy) {
        h = new_holder(L, RL_SCRATCH);
    }
    h->own.busy = 1;
    h->own.values.count = 0;
    h->own.out.len = 0;
    h->own.bytes.len = 0;
    return &h->own;
}

static void release(scratch *s) {
    if (s->values.size > KEEP_VALUES) {
        rise_abi_values_free(&s->values);
    }
    if (s->out.size > KEEP_BYTES) {
        rise_buf_free(&s->out);
    }
    if (s->bytes.size > KEEP_BYTES) {
        rise_buf_free(&s->bytes);
    }
    s->busy = 0;
}

/* ---- Lua values to values of the core ---- */

typedef struct collector {
    lua_State *L;
    scratch *s;
    named_type type;
    int names; /* stack index of the list of names */
    rise_error error;
} collector;

/* Marks an entry whose data lies in `bytes`, which may still move; `word` holds how far in. */
static const uint8_t pending;

/* "calls[2].value: " and the reason; `index` is the entry that could not be filled. */
static rise_status refuse(collector *c, size_t index, const char *format, ...) {
    char path[128];
    size_t len = 0;
    va_list args;

    if (index > 0) {
        rise_abi_path(path, c->type.root, c->s->values.entry, index);
        len = (size_t)snprintf(c->error.message, sizeof c->error.message, "%s: ", path);
    }
    va_start(args, format);
    vsnprintf(c->error.message + len, sizeof c->error.message - len, format, args);
    va_end(args);
    return RISE_EVALUE;
}

static rise_status refuse_type(collector *c, size_t index, const rise_abi_type *type) {
    rise_buf name = RISE_BUF_INIT;
    const char *got = luaL_typename(c->L, -1);

    if (lua_isnil(c->L, -1)) {
        return refuse(c, index, "missing");
    }
    if (type->kind == RISE_ABI_TUPLE || type->kind == RISE_ABI_ARRAY || type->kind == RISE_ABI_FIXED_ARRAY) {
        return refuse(c, index, "a table was expected, got %s", got);
    }
    if (rise_abi_type_name(&name, type) == RISE_OK) {
        refuse(c, index, "%.*s expected, got %s", (int)name.len, (const char *)name.data, got);
    }
    rise_buf_free(&name);
    return RISE_EVALUE;
}

/* Text that is no value of its type: shown when it is plain, and no longer than an address, for what is longer might
 * be a key that got into the wrong place. */
static rise_status refuse_text(collector *c, size_t index, const rise_abi_type *type, const char *text, size_t len) {
    rise_buf name = RISE_BUF_INIT;
    size_t i;

    for (i = 0; i < len && i <= 44; i++) {
        if (text[i] < ' ' || text[i] > '~') {
            break;
        }
    }
    if (rise_abi_type_name(&name, type) == RISE_OK) {
        if (i == len && len <= 44) {
            refuse(c, index, "\"%s\" is no %.*s", text, (int)name.len, (const char *)name.data);
        } else {
            refuse(c, index, "a text of %lu bytes is no %.*s", (unsigned long)len, (int)name.len,
                   (const char *)name.data);
        }
    }
    rise_buf_free(&name);
    return RISE_EVALUE;
}

static int to_integer(lua_State *L, int64_t *out) {
    lua_Number number;

    if (rl_isinteger(L, -1)) {
        *out = lua_tointeger(L, -1);
        return 1;
    }
    number = lua_tonumber(L, -1);
    if (!(number >= -9007199254740992.0 && number <= 9007199254740992.0) || floor(number) != number) {
        return 0;
    }
    *out = (int64_t)number;
    return 1;
}

/* The u256 at the top of the stack; NULL when it is another userdata. */
static const rise_u256 *test_u256(collector *c) {
    lua_State *L = c->L;
    int same;

    if (!lua_getmetatable(L, -1)) {
        return NULL;
    }
    lua_rawgeti(L, c->names, U256_META);
    same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same ? lua_touserdata(L, -1) : NULL;
}

/* `got` is the Lua type of the value at the top of the stack. */
static rise_status collect_number(collector *c, size_t index, const rise_abi_type *type, rise_abi_value *value,
                                  int got) {
    lua_State *L = c->L;
    const char *text;
    size_t len;
    int64_t integer;
    uint64_t bits;
    const rise_u256 *number;
    int i;

    switch (got) {
    case LUA_TNUMBER:
        if (!to_integer(L, &integer)) {
            return refuse(c, index, "%.17g is no exact integer", (double)lua_tonumber(L, -1));
        }
        if (integer < 0) {
            if (type->kind == RISE_ABI_UINT) {
                return refuse(c, index, "%lld does not fit uint%u", (long long)integer, (unsigned)type->size);
            }
            memset(value->word, 0xff, 24);
        }
        bits = (uint64_t)integer;
        for (i = 31; i >= 24; i--) {
            value->word[i] = (uint8_t)bits;
            bits >>= 8;
        }
        return RISE_OK;
    case LUA_TSTRING:
        text = lua_tolstring(L, -1, &len);
        return rise_abi_number(value->word, type, text, len) == RISE_OK ? RISE_OK
             : refuse_text(c, index, type, text, len);
    default:
        number = got == LUA_TUSERDATA ? test_u256(c) : NULL;
        if (number == NULL) {
            return refuse_type(c, index, type);
        }
        rise_u256_to_bytes(value->word, number);
        if (type->kind == RISE_ABI_INT && (value->word[0] & 0x80)) {
            char digits[79];
            rise_u256_to_dec(digits, number);
            return refuse(c, index, "%s does not fit int%u", digits, (unsigned)type->size);
        }
        return RISE_OK;
    }
}

static int is_hex(const char *text, size_t len) {
    return len >= 2 && text[0] == '0' && text[1] == 'x';
}

static rise_status collect_bytes(collector *c, size_t index, const rise_abi_type *type, rise_abi_value *value) {
    size_t len, start = c->s->bytes.len, count;
    const char *text = lua_tolstring(c->L, -1, &len);
    uint8_t *space;
    rise_status status;

    if (!is_hex(text, len)) {
        return refuse_text(c, index, type, text, len);
    }
    count = (len - 2) / 2;
    if (count > 0) {
        status = rise_buf_extend(&c->s->bytes, &space, count);
        if (status != RISE_OK) {
            return status;
        }
        value->data = &pending;
        value->len = count;
        memcpy(value->word, &start, sizeof start);
    } else {
        space = value->word;
    }
    status = rise_hex_decode(space, count, &count, text, len);
    return status == RISE_OK ? RISE_OK : refuse_text(c, index, type, text, len);
}

static rise_status collect_text(collector *c, size_t index, const rise_abi_type *type, rise_abi_value *value, int got) {
    size_t len, count = 0, bytes = type->kind == RISE_ABI_FUNCTION ? 24 : type->size;
    const char *text;

    if (got != LUA_TSTRING) {
        return refuse_type(c, index, type);
    }
    text = lua_tolstring(c->L, -1, &len);
    switch (type->kind) {
    case RISE_ABI_STRING:
        value->data = (const uint8_t *)text;
        value->len = len;
        return RISE_OK;
    case RISE_ABI_BYTES:
        return collect_bytes(c, index, type, value);
    case RISE_ABI_ADDRESS:
        return rise_address_parse(value->word + 12, text, len) == RISE_OK ? RISE_OK
             : refuse_text(c, index, type, text, len);
    default:
        return is_hex(text, len) && rise_hex_decode(value->word, 32, &count, text, len) == RISE_OK && count == bytes
             ? RISE_OK : refuse_text(c, index, type, text, len);
    }
}

static rise_status collect(collector *c, const rise_abi_type *type);

/* The components by name, else by position. */
static rise_status collect_tuple(collector *c, size_t index, const rise_abi_type *type) {
    lua_State *L = c->L;
    const rise_abi_type *child = type + 1;
    size_t given = rl_rawlen(L, -1);
    uint32_t i;

    if (given != 0 && given != type->count) {
        return refuse(c, index, "%u values expected, got %lu", (unsigned)type->count, (unsigned long)given);
    }
    for (i = 0; i < type->count; i++, child += child->span) {
        rise_status status;
        if (child->name[0] != '\0') {
            lua_rawgeti(L, c->names, c->type.first + (int)(child - c->type.root));
            lua_rawget(L, -2);
            if (given != 0 && lua_isnil(L, -1)) {
                lua_pop(L, 1);
                lua_rawgeti(L, -1, (int)i + 1);
            }
        } else {
            lua_rawgeti(L, -1, (int)i + 1);
        }
        status = collect(c, child);
        lua_pop(L, 1);
        if (status != RISE_OK) {
            return status;
        }
    }
    return RISE_OK;
}

static rise_status collect_array(collector *c, size_t index, const rise_abi_type *type) {
    lua_State *L = c->L;
    size_t count = rl_rawlen(L, -1), i;

    if (count == 0) {
        lua_pushnil(L);
        if (lua_next(L, -2) != 0) {
            lua_pop(L, 2);
            return refuse(c, index, "an array was expected, got a table with other keys");
        }
    }
    if (type->kind == RISE_ABI_FIXED_ARRAY && count != type->count) {
        return refuse(c, index, "%u elements expected, got %lu", (unsigned)type->count, (unsigned long)count);
    }
    if (count > RISE_ABI_MAX_VALUES) {
        return RISE_ELIMIT;
    }
    c->s->values.entry[index].len = count;
    for (i = 1; i <= count; i++) {
        rise_status status;
        lua_rawgeti(L, -1, (int)i);
        status = collect(c, type + 1);
        lua_pop(L, 1);
        if (status != RISE_OK) {
            return status;
        }
    }
    return RISE_OK;
}

/* Appends the value at the top of the stack, which stays there. */
static rise_status collect(collector *c, const rise_abi_type *type) {
    size_t index = c->s->values.count;
    rise_abi_value *value;
    rise_status status = rise_abi_values_add(&c->s->values, &value);
    int got = lua_type(c->L, -1);

    if (status != RISE_OK) {
        return status;
    }
    switch (type->kind) {
    case RISE_ABI_UINT:
    case RISE_ABI_INT:
        return collect_number(c, index, type, value, got);
    case RISE_ABI_BOOL:
        value->word[31] = (uint8_t)lua_toboolean(c->L, -1);
        return got == LUA_TBOOLEAN ? RISE_OK : refuse_type(c, index, type);
    case RISE_ABI_TUPLE:
        return got == LUA_TTABLE ? collect_tuple(c, index, type) : refuse_type(c, index, type);
    case RISE_ABI_ARRAY:
    case RISE_ABI_FIXED_ARRAY:
        return got == LUA_TTABLE ? collect_array(c, index, type) : refuse_type(c, index, type);
    default:
        return collect_text(c, index, type, value, got);
    }
}

/* Lays out the table at index 2; the list of names is put on the stack. */
static rise_status collect_all(collector *c, lua_State *L, scratch *s, named_type type) {
    rise_status status;
    size_t i, start;

    c->L = L;
    c->s = s;
    c->type = type;
    c->error.message[0] = '\0';
    rl_getuservalue(L, 1);
    c->names = lua_gettop(L);
    lua_pushvalue(L, 2);
    status = collect(c, type.root);
    for (i = 0; i < s->values.count && s->bytes.len > 0; i++) {
        rise_abi_value *value = &s->values.entry[i];
        if (value->data == &pending) {
            memcpy(&start, value->word, sizeof start);
            value->data = s->bytes.data + start;
        }
    }
    return status;
}

typedef rise_status encoder(rise_buf *out, const rise_abi_type *type, const rise_abi_value *values, size_t count,
                            rise_error *error);

/* What is in `out` as 0x text, written behind it. */
static rise_status push_text(lua_State *L, rise_buf *out) {
    size_t len = out->len;
    uint8_t *text;
    rise_status status = rise_buf_extend(out, &text, 2 + 2 * len);

    if (status == RISE_OK) {
        memcpy(text, "0x", 2);
        rise_hex_encode((char *)text + 2, out->data, len);
        lua_pushlstring(L, (const char *)text, 2 + 2 * len);
    }
    return status;
}

/* The encoding of the table at index 2 behind `prefix`, as bytes or as 0x text. */
static int encode_as(lua_State *L, holder *h, named_type type, encoder *run, const uint8_t *prefix, size_t prefix_len,
                     int text) {
    rise_status status;
    scratch *s;
    collector c;

    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    luaL_checkstack(L, WALK_SLOTS, "type too deep");
    s = acquire(L, h);
    status = collect_all(&c, L, s, type);
    if (status == RISE_OK) {
        status = rise_buf_append(&s->out, prefix, prefix_len);
    }
    if (status == RISE_OK) {
        status = run(&s->out, type.root, s->values.entry, s->values.count, &c.error);
    }
    if (status == RISE_OK && text) {
        status = push_text(L, &s->out);
    } else if (status == RISE_OK) {
        lua_pushlstring(L, (const char *)s->out.data, s->out.len);
    }
    release(s);
    return status == RISE_OK ? 1 : rl_fail(L, status, &c.error);
}

static int encode(lua_State *L, holder *h, named_type type, encoder *run, const uint8_t *prefix, size_t prefix_len) {
    return encode_as(L, h, type, run, prefix, prefix_len, 0);
}

/* ---- values of the core to Lua values ---- */

typedef struct pusher {
    lua_State *L;
    scratch *s;
    named_type type;
    int names;
    const rise_abi_value *next;
    rise_status status;
} pusher;

static void push_hex(pusher *p, const uint8_t *data, size_t len) {
    char small[66];
    char *text = small;

    if (len > 32) {
        uint8_t *space;
        p->s->out.len = 0;
        p->status = rise_buf_extend(&p->s->out, &space, 2 + 2 * len);
        if (p->status != RISE_OK) {
            lua_pushnil(p->L);
            return;
        }
        text = (char *)space;
    }
    text[0] = '0';
    text[1] = 'x';
    rise_hex_encode(text + 2, data, len);
    lua_pushlstring(p->L, text, 2 + 2 * len);
}

/* Types of up to 48 bits give Lua integers, larger ones u256, and decimal text below zero. */
static void push_number(pusher *p, const rise_abi_type *type, const uint8_t word[32]) {
    int negative = type->kind == RISE_ABI_INT && (word[0] & 0x80);
    char text[80];
    uint8_t low[32];
    rise_u256 number, *box;
    int64_t integer = 0;
    int i;

    if (type->size <= 48) {
        for (i = 26; i < 32; i++) {
            integer = integer * 256 + word[i];
        }
        if (negative) {
            integer -= INT64_C(1) << 48;
        }
        rl_pushinteger(p->L, integer);
        return;
    }
    if (negative) {
        rise_u256 one;
        for (i = 0; i < 32; i++) {
            low[i] = (uint8_t)~word[i];
        }
        rise_u256_from_bytes(&number, low);
        rise_u256_from_u64(&one, 1);
        rise_u256_add(&number, &number, &one);
        text[0] = '-';
        lua_pushlstring(p->L, text, 1 + rise_u256_to_dec(text + 1, &number));
        return;
    }
    box = lua_newuserdata(p->L, sizeof *box);
    rise_u256_from_bytes(box, word);
    lua_rawgeti(p->L, p->names, U256_META);
    lua_setmetatable(p->L, -2);
}

/* Stores the value at the top of the stack in the table below it: as number `i`, and by name where it has one. */
static void store(pusher *p, const rise_abi_type *type, uint32_t i) {
    if (type->name[0] != '\0') {
        lua_rawgeti(p->L, p->names, p->type.first + (int)(type - p->type.root));
        lua_pushvalue(p->L, -2);
        lua_rawset(p->L, -4);
    }
    lua_rawseti(p->L, -2, (int)i);
}

static void push(pusher *p, const rise_abi_type *type) {
    const rise_abi_value *value = p->next++;
    const rise_abi_type *child = type + 1;
    size_t count, i;
    int names = 0;

    switch (type->kind) {
    case RISE_ABI_UINT:
    case RISE_ABI_INT:
        push_number(p, type, value->word);
        return;
    case RISE_ABI_BOOL:
        lua_pushboolean(p->L, value->word[31]);
        return;
    case RISE_ABI_ADDRESS:
        push_hex(p, value->word + 12, 20);
        return;
    case RISE_ABI_FUNCTION:
        push_hex(p, value->word, 24);
        return;
    case RISE_ABI_FIXED_BYTES:
        push_hex(p, value->word, type->size);
        return;
    case RISE_ABI_BYTES:
        push_hex(p, value->data, value->len);
        return;
    case RISE_ABI_STRING:
        lua_pushlstring(p->L, (const char *)value->data, value->len);
        return;
    case RISE_ABI_ARRAY:
    case RISE_ABI_FIXED_ARRAY:
        count = type->kind == RISE_ABI_ARRAY ? value->len : type->count;
        lua_createtable(p->L, (int)count, 0);
        for (i = 1; i <= count; i++) {
            push(p, child);
            lua_rawseti(p->L, -2, (int)i);
        }
        return;
    case RISE_ABI_TUPLE:
        for (i = 0; i < type->count; i++, child += child->span) {
            names += child->name[0] != '\0';
        }
        lua_createtable(p->L, (int)type->count, names);
        child = type + 1;
        for (i = 1; i <= type->count; i++, child += child->span) {
            push(p, child);
            store(p, child, (uint32_t)i);
        }
        return;
    }
}

static void start_push(pusher *p, lua_State *L, scratch *s, named_type type) {
    p->L = L;
    p->s = s;
    p->type = type;
    p->status = RISE_OK;
    p->next = s->values.entry;
    rl_getuservalue(L, 1);
    p->names = lua_gettop(L);
}

/* The bytes at index 2 as a table. */
static int decode(lua_State *L, holder *h, named_type type) {
    size_t len;
    const uint8_t *data = rl_checkstring(L, 2, &len);
    rise_status status;
    rise_error error;
    scratch *s;
    pusher p;

    error.message[0] = '\0';
    lua_settop(L, 2);
    luaL_checkstack(L, WALK_SLOTS, "type too deep");
    s = acquire(L, h);
    status = rise_abi_decode(&s->values, type.root, data, len, &error);
    if (status == RISE_OK) {
        start_push(&p, L, s, type);
        push(&p, type.root);
        status = p.status;
    }
    release(s);
    return status == RISE_OK ? 1 : rl_fail(L, status, &error);
}

/* ---- items ---- */

static named_type inputs_of(const holder *h) {
    named_type type;

    type.root = rise_abi_item_inputs(h->item);
    type.first = FIRST_NAME;
    return type;
}

static named_type outputs_of(const holder *h) {
    named_type type;

    type.root = rise_abi_item_outputs(h->item);
    type.first = FIRST_NAME + (int)rise_abi_item_inputs(h->item)->span;
    return type;
}

static named_type data_of(const holder *h) {
    named_type type = outputs_of(h);

    type.first += (int)type.root->span;
    type.root = rise_abi_item_data(h->item);
    return type;
}

/* Pushes the list for types of `count` nodes, without the names. */
static void new_list(lua_State *L, size_t count) {
    lua_createtable(L, (int)count + FIRST_NAME - 1, 0);
    luaL_getmetatable(L, RL_U256);
    lua_rawseti(L, -2, U256_META);
}

/* Adds the names of all nodes to the table at the top. */
static void add_names(lua_State *L, named_type type) {
    uint32_t i;

    for (i = 0; i < type.root->span; i++) {
        if (type.root[i].name[0] != '\0') {
            lua_pushstring(L, type.root[i].name);
        } else {
            lua_pushboolean(L, 0);
        }
        lua_rawseti(L, -2, type.first + (int)i);
    }
}

/*** Compiles a line of human-readable ABI: `function transfer(address to, uint256 value) returns (bool)`, `event ...`,
`error ...`, `constructor(...)`, `fallback()`, `receive()`, a bare signature (taken as a function) or a bare list of
parameters.
@function abi
@tparam string text
@tparam[opt] string structs definitions the line may use: `struct Call { address to; uint256 value; }`
@treturn[1] rise.abi
@treturn[2] nil
@treturn[2] table error: `invalid_abi` with the position, `limit` */
static int l_abi(lua_State *L) {
    size_t len, structs_len = 0;
    const char *text = (const char *)rl_checkstring(L, 1, &len);
    const char *structs = lua_isnoneornil(L, 2) ? NULL : (const char *)rl_checkstring(L, 2, &structs_len);
    holder *h = new_holder(L, RL_ABI);
    rise_error error;
    rise_status status = rise_abi_item_new(&h->item, text, len, structs, structs_len, &error);

    if (status != RISE_OK) {
        return rl_fail(L, status, &error);
    }
    new_list(L, (size_t)inputs_of(h).root->span + outputs_of(h).root->span);
    add_names(L, inputs_of(h));
    add_names(L, outputs_of(h));
    if (rise_abi_item_get_kind(h->item) == RISE_ABI_ITEM_EVENT) {
        add_names(L, data_of(h));
    }
    rl_setuservalue(L, -2);
    return 1;
}

/*** A compiled ABI item.

Values are what users of `rise` see. *Taken:* addresses as `0x` text (mixed case must be the EIP-55 checksum), bytes and
bytesN as `0x` text, strings, booleans, and for numbers integers, u256, decimal or `0x` text; arrays as Lua arrays;
tuples and lists of arguments as tables with the components by name or, where a name is missing, by position. Tables
are read raw, without metamethods. *Given:* addresses and bytes as `0x` text in lower case; numbers of types up to 48
bits as Lua integers, larger ones as u256, or decimal text when they are below zero; tuples as tables with the
components both by position and by name.

Strings are taken and given as they are, whether they are UTF-8 or not. Errors name what they are about as in
`calls[2].value`, counting elements from 1 and bytes from 0.
@type abi */

static const char *const kinds[] = {
    "function", "event", "error", "constructor", "fallback", "receive", "parameters",
};

/*** What the item is.
@function abi:kind
@treturn string "function", "event", "error", "constructor", "fallback", "receive" or "parameters" */
static int l_kind(lua_State *L) {
    lua_pushstring(L, kinds[rise_abi_item_get_kind(check_item(L)->item)]);
    return 1;
}

/*** The name; "" where the item has none.
@function abi:name
@treturn string */
static int l_name(lua_State *L) {
    lua_pushstring(L, rise_abi_item_name(check_item(L)->item));
    return 1;
}

/*** The canonical signature: `transfer(address,uint256)`.
@function abi:signature
@treturn string */
static int l_signature(lua_State *L) {
    lua_pushstring(L, rise_abi_item_signature(check_item(L)->item));
    return 1;
}

/*** "nonpayable", "payable", "view" or "pure"; nil for events, errors and lists of parameters.
@function abi:mutability
@treturn ?string */
static int l_mutability(lua_State *L) {
    const rise_abi_item *item = check_item(L)->item;

    switch (rise_abi_item_get_kind(item)) {
    case RISE_ABI_ITEM_EVENT:
    case RISE_ABI_ITEM_ERROR:
    case RISE_ABI_ITEM_PARAMETERS:
        lua_pushnil(L);
        return 1;
    default:
        lua_pushstring(L, rise_abi_item_mutability(item));
        return 1;
    }
}

/*** Keccak-256 of the signature: topic 0 of an event.
@function abi:hash
@treturn string 32 bytes */
static int l_hash(lua_State *L) {
    uint8_t hash[32];

    rise_abi_item_hash(check_item(L)->item, hash);
    lua_pushlstring(L, (const char *)hash, 32);
    return 1;
}

/* An argument error for what is no function and no error. */
static void selector_of(lua_State *L, const holder *h, uint8_t hash[32]) {
    rise_abi_item_kind kind = rise_abi_item_get_kind(h->item);

    if (kind != RISE_ABI_ITEM_FUNCTION && kind != RISE_ABI_ITEM_ERROR) {
        luaL_argerror(L, 1, "only functions and errors have a selector");
    }
    rise_abi_item_hash(h->item, hash);
}

/*** The selector of a function or error.
@function abi:selector
@treturn string 4 bytes */
static int l_selector(lua_State *L) {
    uint8_t hash[32];

    selector_of(L, check_item(L), hash);
    lua_pushlstring(L, (const char *)hash, 4);
    return 1;
}

/* The components of a tuple as an array of tables. */
static void push_parameters(lua_State *L, scratch *s, const rise_abi_type *type, int event) {
    const rise_abi_type *child = type + 1, *base;
    uint32_t i;

    lua_createtable(L, (int)type->count, 0);
    for (i = 1; i <= type->count; i++, child += child->span) {
        lua_createtable(L, 0, 4);
        lua_pushstring(L, child->name);
        lua_setfield(L, -2, "name");
        s->out.len = 0;
        if (rise_abi_type_name(&s->out, child) != RISE_OK) {
            luaL_error(L, "%s", rise_status_text(RISE_ENOMEM));
        }
        lua_pushlstring(L, (const char *)s->out.data, s->out.len);
        lua_setfield(L, -2, "type");
        if (event) {
            lua_pushboolean(L, child->indexed);
            lua_setfield(L, -2, "indexed");
        }
        base = child;
        while (base->kind == RISE_ABI_ARRAY || base->kind == RISE_ABI_FIXED_ARRAY) {
            base++;
        }
        if (base->kind == RISE_ABI_TUPLE) {
            push_parameters(L, s, base, 0);
            lua_setfield(L, -2, "components");
        }
        lua_rawseti(L, -2, (int)i);
    }
}

static int parameters(lua_State *L, holder *h, named_type type) {
    scratch *s;

    luaL_checkstack(L, WALK_SLOTS, "type too deep");
    s = acquire(L, h);
    push_parameters(L, s, type.root, rise_abi_item_get_kind(h->item) == RISE_ABI_ITEM_EVENT);
    release(s);
    return 1;
}

/*** The parameters: an array of `{ name = "" or the name, type = canonical text, indexed = boolean for events,
components = the same again where the type is a tuple or made of tuples }`.
@function abi:inputs
@treturn table */
static int l_inputs(lua_State *L) {
    holder *h = check_item(L);
    return parameters(L, h, inputs_of(h));
}

/*** What a function returns, like `inputs`.
@function abi:outputs
@treturn table */
static int l_outputs(lua_State *L) {
    holder *h = check_item(L);
    return parameters(L, h, outputs_of(h));
}

/*** Encodes arguments, without a selector.
@function abi:encode
@tparam table values in order or by name
@treturn[1] string bytes
@treturn[2] nil
@treturn[2] table error: `invalid_value`, `limit` */
static int l_encode(lua_State *L) {
    holder *h = check_item(L);
    return encode(L, h, inputs_of(h), rise_abi_encode, NULL, 0);
}

/*** Encodes a call, or the data of an error: the selector and the arguments.
@function abi:encode_call
@tparam table values in order or by name
@treturn[1] string bytes
@treturn[2] nil
@treturn[2] table error: `invalid_value`, `limit` */
static int l_encode_call(lua_State *L) {
    holder *h = check_item(L);
    uint8_t hash[32];

    selector_of(L, h, hash);
    return encode(L, h, inputs_of(h), rise_abi_encode, hash, 4);
}

/*** The same as 0x text: what goes into a transaction or a bundle.
@function abi:calldata
@tparam table values in order or by name
@treturn[1] string 0x text
@treturn[2] nil
@treturn[2] table error: `invalid_value`, `limit` */
static int l_calldata(lua_State *L) {
    holder *h = check_item(L);
    uint8_t hash[32];

    selector_of(L, h, hash);
    return encode_as(L, h, inputs_of(h), rise_abi_encode, hash, 4, 1);
}

/*** Encodes what a function returns.
@function abi:encode_outputs
@tparam table values in order or by name
@treturn[1] string bytes
@treturn[2] nil
@treturn[2] table error: `invalid_value`, `limit` */
static int l_encode_outputs(lua_State *L) {
    holder *h = check_item(L);
    return encode(L, h, outputs_of(h), rise_abi_encode, NULL, 0);
}

/*** Encodes arguments as `abi.encodePacked` does.
@function abi:encode_packed
@tparam table values in order or by name
@treturn[1] string bytes
@treturn[2] nil
@treturn[2] table error: `invalid_value`, `limit`, and `invalid_abi` for types that cannot be packed */
static int l_encode_packed(lua_State *L) {
    holder *h = check_item(L);
    return encode(L, h, inputs_of(h), rise_abi_encode_packed, NULL, 0);
}

/*** Decodes arguments, without a selector.
@function abi:decode
@tparam string bytes
@treturn[1] table the values by position and by name
@treturn[2] nil
@treturn[2] table error: `invalid_data`, `limit` */
static int l_decode(lua_State *L) {
    holder *h = check_item(L);
    return decode(L, h, inputs_of(h));
}

/*** Decodes what a function returned.
@function abi:decode_outputs
@tparam string bytes
@treturn[1] table the values by position and by name
@treturn[2] nil
@treturn[2] table error: `invalid_data`, `limit` */
static int l_decode_outputs(lua_State *L) {
    holder *h = check_item(L);
    return decode(L, h, outputs_of(h));
}

/* Topic `number` (from 1) of the array at index 2; stays on the stack. NULL when it is not 32 bytes. */
static const uint8_t *get_topic(lua_State *L, int number) {
    size_t len;
    const char *topic;

    lua_rawgeti(L, 2, number);
    if (lua_type(L, -1) != LUA_TSTRING) {
        luaL_argerror(L, 2, "an array of strings was expected");
    }
    topic = lua_tolstring(L, -1, &len);
    return len == 32 ? (const uint8_t *)topic : NULL;
}

/* Whether the topics at index 2 are those of the event; NULL, or why they are not. */
static const char *check_topics(lua_State *L, const rise_abi_item *item) {
    const rise_abi_type *inputs = rise_abi_item_inputs(item), *child = inputs + 1;
    int count = (int)rl_rawlen(L, 2), wanted = rise_abi_item_anonymous(item) ? 0 : 1, i;
    uint8_t hash[32];
    uint32_t n;

    for (i = 1; i <= count; i++) {
        const uint8_t *topic = get_topic(L, i);
        if (topic == NULL) {
            return "a topic is not 32 bytes long";
        }
        rise_abi_item_hash(item, hash);
        if (i == 1 && wanted == 1 && memcmp(topic, hash, 32) != 0) {
            return "the log is of another event";
        }
        lua_pop(L, 1);
    }
    for (n = inputs->count; n > 0; n--, child += child->span) {
        wanted += child->indexed;
    }
    return count == wanted ? NULL : "the log has another number of topics";
}

/* Adds the parameters found in the data to the table at the top. */
static rise_status push_data(lua_State *L, scratch *s, const holder *h, const uint8_t *data, size_t len,
                             rise_error *error) {
    const rise_abi_type *child = rise_abi_item_inputs(h->item) + 1;
    uint32_t count = rise_abi_item_inputs(h->item)->count, i;
    named_type type = data_of(h);
    const rise_abi_type *part = type.root + 1;
    rise_status status = rise_abi_decode(&s->values, type.root, data, len, error);
    pusher p;

    if (status != RISE_OK) {
        return status;
    }
    start_push(&p, L, s, type);
    lua_insert(L, -2);
    p.names = lua_gettop(L) - 1;
    p.next++;
    for (i = 1; i <= count; i++, child += child->span) {
        if (!child->indexed) {
            push(&p, part);
            store(&p, part, i);
            part += part->span;
        }
    }
    lua_remove(L, -2);
    return p.status;
}

/* Adds the indexed ones. */
static rise_status push_topics(lua_State *L, scratch *s, const holder *h, rise_error *error) {
    named_type type = inputs_of(h);
    const rise_abi_type *child = type.root + 1;
    int next = rise_abi_item_anonymous(h->item) ? 1 : 2;
    rise_status status;
    rise_error wrong;
    uint32_t i;
    pusher p;

    start_push(&p, L, s, type);
    lua_insert(L, -2);
    p.names = lua_gettop(L) - 1;
    for (i = 1; i <= type.root->count; i++, child += child->span) {
        const uint8_t *topic;
        if (!child->indexed) {
            continue;
        }
        topic = get_topic(L, next++);
        if (child->kind < RISE_ABI_BYTES) {
            status = rise_abi_decode(&s->values, child, topic, 32, &wrong);
            if (status != RISE_OK) {
                snprintf(error->message, sizeof error->message, "topic %d, %.60s: %.160s", next - 1, child->name,
                         wrong.message);
                return status;
            }
            p.next = s->values.entry;
            push(&p, child);
        } else {
            push_hex(&p, topic, 32);
        }
        lua_remove(L, -2);
        store(&p, child, i);
    }
    lua_remove(L, -2);
    return p.status;
}

/*** Decodes a log of an event. An indexed string, bytes, array or tuple gives its topic, the hash of the value.
@function abi:decode_log
@tparam table topics of 32 bytes each, the event's own hash first unless it is anonymous
@tparam string data bytes
@treturn[1] table the parameters by position and by name
@treturn[2] nil
@treturn[2] table error: `invalid_data`, also for the log of another event; `limit` */
static int l_decode_log(lua_State *L) {
    holder *h = check_item(L);
    rise_error error;
    rise_status status;
    const char *why;
    const uint8_t *data;
    size_t len;
    scratch *s;

    if (rise_abi_item_get_kind(h->item) != RISE_ABI_ITEM_EVENT) {
        luaL_argerror(L, 1, "only events are logged");
    }
    luaL_checktype(L, 2, LUA_TTABLE);
    data = rl_checkstring(L, 3, &len);
    lua_settop(L, 3);
    luaL_checkstack(L, WALK_SLOTS, "type too deep");
    why = check_topics(L, h->item);
    if (why != NULL) {
        error.code = RISE_EDATA;
        snprintf(error.message, sizeof error.message, "%s", why);
        return rl_fail(L, RISE_EDATA, &error);
    }
    error.message[0] = '\0';
    s = acquire(L, h);
    lua_newtable(L);
    status = push_data(L, s, h, data, len, &error);
    if (status == RISE_OK) {
        status = push_topics(L, s, h, &error);
    }
    release(s);
    return status == RISE_OK ? 1 : rl_fail(L, status, &error);
}

static int l_item_tostring(lua_State *L) {
    lua_pushfstring(L, "%s: %s", RL_ABI, rise_abi_item_signature(check_item(L)->item));
    return 1;
}

/* ---- EIP-712 ---- */

/*** Compiles an EIP-712 struct type.
@function eip712
@tparam string encode_type `Mail(Person from,string contents)Person(string name)`: the struct to hash first, then those
it refers to, in any order
@treturn[1] rise.eip712
@treturn[2] nil
@treturn[2] table error: `invalid_abi` with the position, `limit` */
static int l_eip712(lua_State *L) {
    size_t len;
    const char *text = (const char *)rl_checkstring(L, 1, &len);
    holder *h = new_holder(L, RL_EIP712);
    rise_error error;
    rise_status status = rise_eip712_new(&h->typed, text, len, &error);
    named_type type;

    if (status != RISE_OK) {
        return rl_fail(L, status, &error);
    }
    type.root = rise_eip712_get_type(h->typed);
    type.first = FIRST_NAME;
    new_list(L, type.root->span);
    add_names(L, type);
    rl_setuservalue(L, -2);
    return 1;
}

/*** What is signed: keccak256(0x19 0x01 || domain separator || struct hash).
@function eip712_digest
@tparam string domain_separator 32 bytes: the hash of the `EIP712Domain` struct
@tparam string struct_hash 32 bytes
@treturn string 32 bytes */
static int l_eip712_digest(lua_State *L) {
    uint8_t digest[32];

    rise_eip712_digest(digest, rl_checkbytes(L, 1, 32), rl_checkbytes(L, 2, 32));
    lua_pushlstring(L, (const char *)digest, 32);
    return 1;
}

/*** The same of typed data in JSON, `{ types, primaryType, domain, message }`. Strict: what is not signed may not be
there, nothing may be missing, and values are not converted.
@function eip712_json
@tparam string text
@treturn[1] string digest, 32 bytes
@treturn[1] string domain separator, 32 bytes
@treturn[1] string struct hash of the message, 32 bytes
@treturn[2] nil
@treturn[2] table error: `invalid_data` for malformed JSON, `invalid_abi` for types, `invalid_value` for values, with
their path, `limit` */
static int l_eip712_json(lua_State *L) {
    uint8_t digest[32], domain[32], message[32];
    size_t len;
    const char *text = (const char *)rl_checkstring(L, 1, &len);
    rise_error error;
    rise_status status = rise_eip712_json(digest, domain, message, text, len, &error);

    if (status != RISE_OK) {
        return rl_fail(L, status, &error);
    }
    lua_pushlstring(L, (const char *)digest, 32);
    lua_pushlstring(L, (const char *)domain, 32);
    lua_pushlstring(L, (const char *)message, 32);
    return 3;
}

/*** What `personal_sign` signs (EIP-191).
@function personal_digest
@tparam string message
@treturn string 32 bytes */
static int l_personal_digest(lua_State *L) {
    uint8_t digest[32];
    size_t len;
    const uint8_t *message = rl_checkstring(L, 1, &len);

    rise_personal_digest(digest, message, len);
    lua_pushlstring(L, (const char *)digest, 32);
    return 1;
}

/*** A compiled EIP-712 struct type.
@type eip712 */

/*** hashStruct of the values, which are given as for ABI items.
@function eip712:hash
@tparam table values
@treturn[1] string 32 bytes
@treturn[2] nil
@treturn[2] table error: `invalid_value`, `limit` */
static int l_typed_hash(lua_State *L) {
    holder *h = check_typed(L);
    named_type type;
    uint8_t hash[32];
    rise_status status;
    scratch *s;
    collector c;

    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    luaL_checkstack(L, WALK_SLOTS, "type too deep");
    type.root = rise_eip712_get_type(h->typed);
    type.first = FIRST_NAME;
    s = acquire(L, h);
    status = collect_all(&c, L, s, type);
    if (status == RISE_OK) {
        status = rise_eip712_hash(h->typed, hash, s->values.entry, s->values.count, &c.error);
    }
    release(s);
    if (status != RISE_OK) {
        return rl_fail(L, status, &c.error);
    }
    lua_pushlstring(L, (const char *)hash, 32);
    return 1;
}

/*** Keccak-256 of the type's canonical text.
@function eip712:type_hash
@treturn string 32 bytes */
static int l_typed_type_hash(lua_State *L) {
    uint8_t hash[32];

    rise_eip712_type_hash(check_typed(L)->typed, hash);
    lua_pushlstring(L, (const char *)hash, 32);
    return 1;
}

void rl_open_abi(lua_State *L) {
    static const luaL_Reg item_methods[] = {
        { "kind", l_kind },
        { "name", l_name },
        { "signature", l_signature },
        { "mutability", l_mutability },
        { "hash", l_hash },
        { "selector", l_selector },
        { "inputs", l_inputs },
        { "outputs", l_outputs },
        { "encode", l_encode },
        { "encode_call", l_encode_call },
        { "calldata", l_calldata },
        { "encode_outputs", l_encode_outputs },
        { "encode_packed", l_encode_packed },
        { "decode", l_decode },
        { "decode_outputs", l_decode_outputs },
        { "decode_log", l_decode_log },
        { NULL, NULL },
    };
    static const luaL_Reg item_meta[] = {
        { "__gc", free_holder },
        { "__tostring", l_item_tostring },
        { NULL, NULL },
    };
    static const luaL_Reg typed_methods[] = {
        { "hash", l_typed_hash },
        { "type_hash", l_typed_type_hash },
        { NULL, NULL },
    };
    static const luaL_Reg gc_only[] = {
        { "__gc", free_holder },
        { NULL, NULL },
    };
    static const luaL_Reg none[] = {
        { NULL, NULL },
    };
    static const luaL_Reg functions[] = {
        { "abi", l_abi },
        { "eip712", l_eip712 },
        { "eip712_digest", l_eip712_digest },
        { "eip712_json", l_eip712_json },
        { "personal_digest", l_personal_digest },
        { NULL, NULL },
    };

    rl_newclass(L, RL_ABI, item_methods, item_meta);
    rl_newclass(L, RL_EIP712, typed_methods, gc_only);
    rl_newclass(L, RL_SCRATCH, none, gc_only);
    rl_setfuncs(L, functions);
}
